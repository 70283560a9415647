# SPDX-License-Identifier: Apache-2.0
"""Calls of a program, with exit code and both outputs, as a text that is the same each time.

What differs from run to run is replaced here and nowhere else (RULES). A golden file holds the
calls of one scenario:

    $ stekctl keys web
    exit 3
    ! stekctl: what was said on standard error
    what was said on standard output
"""

import difflib
import os
import re
import subprocess
import sys

from harness import require

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "golden", "ctl")

SPAN = r"\d+(?:ms|[dhms])(?:\d+[hms])?"
RULES = [
    (r"\b[0-9a-f]{64}\b", "<digest>"),
    (r"\b[0-9a-f]{32}\b", "<key>"),
    (r"\b[0-9a-f]{16}\b", "<id>"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>"),
    (r"valid until \d{4}-\d\d-\d\d", "valid until <date>"),
    (rf"\b(?<!as )(?:in {SPAN}|{SPAN} ago|now)(?![\w-])", "<when>"),
    (r"\bin \d+ s\b", "<when>"),
    # The client's deadline and the daemon's are the same.
    (r"no answer within \d+m?s|the call's deadline has passed", "<no answer in time>"),
    # With bytes of ours unread, the kernel resets.
    (r"the daemon closed the connection|cannot receive: Connection reset by peer", "<closed>"),
    (rf"\bup {SPAN}", "up <span>"),
    (rf"(?<=\s)[+-]{SPAN}", "<skew>"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"),
    (r"uid:\d+ gid:\d+(?: pid:\d+)?", "uid:<uid> gid:<gid>"),
    (r"uid:\d+", "uid:<uid>"),
    (rf"\b(current|behind|not revoked|no keyring|gone)  +{SPAN}", r"\1  <age>"),
    (r"\d+  <id>$", "<revision>  <id>"),
    (r"\b(stekctl|stekd) \d+\.\d+\.\d+", r"\1 <version>"),
    (r"\b\d+ connections?\b", "<count> connections"),
    (r" {2,}", "  "),
    (r" +$", ""),
]


def stable(text, folder):
    text = text.replace(folder, "DIR")
    for pattern, to in RULES:
        text = re.sub(pattern, to, text, flags=re.M)
    return sort_rows(text)


def sort_rows(text):
    """Keys stand in order of their names, which are random, and frontends in order of coming: here
    by the rest of their lines."""
    lines, block = [], []
    for line in text.splitlines(keepends=True):
        if line.startswith(("<key>", "web  fe-")):
            block.append(line)
            continue
        lines += sorted(block) + [line]
        block = []
    return "".join(lines + sorted(block))


class Golden:
    def __init__(self, bench, is_update):
        self.bench = bench
        self.is_update = is_update
        self.programs = {"stekctl": bench.program_for_all("daemon/ctl/stekctl"),
                         "stekd": bench.program_for_all("daemon/app/stekd")}
        self.scenario = None
        self.text = {}
        self.calls = 0
        self.codes = {}
        self.wrong_codes = []

    def begin(self, scenario):
        self.scenario = scenario
        self.text[scenario] = ""

    def resume(self, scenario):
        self.scenario = scenario

    def execute(self, words, env=None, preexec=None, shown=None, **streams):
        plain = {k: v for k, v in os.environ.items() if not k.startswith("STEKCTL_")}
        done = subprocess.run(
            [self.programs[words[0]], *words[1:]], env={**plain, **(env or {})},
            preexec_fn=preexec, text=True, timeout=30, check=False, cwd=self.bench.folder,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
               **streams})
        require(done.returncode >= 0,
                f"{' '.join(shown or words)}: ended by signal {-done.returncode}")
        self.calls += 1
        return done

    def call(self, code, *words, hidden=(), note="", done=None, **more):
        """Runs `words` with the `hidden` ones (a server, say) behind the first, and records it.
        `done`: it ran already."""
        if done is None:
            done = self.execute([words[0], *hidden, *words[1:]], shown=words, **more)
        out, err = done.stdout or "", done.stderr or ""
        call = " ".join(word if re.fullmatch(r"[\w./:,=@*-]+", word) else f"'{word}'"
                        for word in words)
        if done.returncode != code:
            self.wrong_codes.append(
                f"{self.scenario}: {call} ended with {done.returncode}, not {code}: {err or out}")
        if words[0] == "stekctl":
            self.codes[code] = self.codes.get(code, 0) + 1
        said = "".join("! " + line for line in stable(err, self.bench.folder).splitlines(True))
        self.text[self.scenario] += stable(
            f"$ {call}{'   # ' + note if note else ''}\nexit {done.returncode}\n", self.bench.folder)
        self.text[self.scenario] += said + stable(out, self.bench.folder) + "\n"
        return done

    def finish(self):
        wrong = [name for name in self.text if not self.is_as_wanted(name)]
        files = {name[:-7] for name in os.listdir(FOLDER) if name.endswith(".golden")}
        require(not self.wrong_codes, "\n".join(["wrong exit codes:", *self.wrong_codes]))
        require(not wrong, f"not as in tests/golden/ctl: {', '.join(wrong)} (--update writes them)")
        require(files == set(self.text), f"golden files without a scenario: {files - set(self.text)}")

    def is_as_wanted(self, name):
        path = os.path.join(FOLDER, name + ".golden")
        got = self.text[name]
        if self.is_update:
            with open(path, "w", encoding="utf-8") as file:
                file.write(got)
        want = ""
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                want = file.read()
        sys.stderr.writelines(difflib.unified_diff(
            want.splitlines(True), got.splitlines(True), name + " wanted", name + " got", n=3))
        return got == want
