# SPDX-License-Identifier: Apache-2.0
"""docs/OPERATIONS.md is true: its commands are typed into one shell, in order, and what they say is
what the page says they do: operations_test.py BUILD SOURCE CC

The page's own rules: "..." is anything on its line, or any lines if it has one to itself; white
space counts as one space; what the shell says of its jobs is left out; a command that only looks is
asked again until it says so. Every command ends with 0, but where the page shows its exit code.
Only where things lie is put in the place of what the page says: the home folder, the build folder,
ports.
"""

import os
import queue
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Bench, Failure, require, run_main  # noqa: E402

BLOCK = re.compile(r"^```([a-z]+)\n(.*?)^```$", re.S | re.M)
PORTS = ["7443", "7444", "7480", "7481", "6380", "8441", "8442"]
LOOKS = re.compile(r"\[|for port|grep|curl|visit|ask exists|tail|"
                   r"stekctl( -s \S+| --\w+ \S+)* (status|keys|frontends|realms|wait)\b")
JOB_NEWS = re.compile(r"bash: line \d+: +\d+ (Killed|Terminated)\b")
LOOKS_FOR_S = 25
ENDS_WITHIN_S = 90


class Shell:
    """One bash, as a person has one open; what it starts, it starts in a session of its own."""

    def __init__(self, env):
        self.child = subprocess.Popen(
            ["bash", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", env=env, cwd=env["HOME"],
            start_new_session=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.count = 0

    def read(self):
        for line in self.child.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def run(self, command):
        """What it said, and its exit code."""
        self.count += 1
        mark = f"--- {os.getpid()} {self.count} "
        self.child.stdin.write(f"{command}\nprintf '%s%d\\n' '{mark}' $?\n")
        self.child.stdin.flush()
        said, end = [], time.monotonic() + ENDS_WITHIN_S
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise Failure(f"$ {command}\ndoes not end; so far:\n{''.join(said)}") from None
            if line is None:
                raise Failure(f"$ {command}\nended the shell:\n{''.join(said)}")
            if mark in line:
                before, _, code = line.partition(mark)
                if before:
                    said.append(before)
                return "".join(said), int(code)
            if not JOB_NEWS.match(line):
                said.append(line)

    def pids(self):
        """Of what it has started and is still there: all of its session."""
        listed = subprocess.run(["ps", "-o", "pid=", "-s", str(self.child.pid)],
                                capture_output=True, text=True, check=False)
        return [int(word) for word in listed.stdout.split()]

    def end(self):
        for signal in (15, 18, 9):
            for pid in self.pids():
                try:
                    os.kill(pid, signal)
                except ProcessLookupError:
                    pass
            end = time.monotonic() + 3
            while signal != 18 and self.pids() and time.monotonic() < end:
                self.child.poll()
                time.sleep(0.05)
        self.child.wait()


def fits(pattern, said):
    """Whether what was said is what the page says."""
    words = [" ".join(line.split()) for line in pattern.rstrip().split("\n")]
    parts = []
    for line in words:
        if line == "...":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append(".*".join(re.escape(part) for part in line.split("...")) + r"\n")
    lines = [" ".join(line.split()) for line in said.rstrip().split("\n")]
    if not pattern.strip():
        return not said.strip()
    return re.fullmatch("".join(parts), "\n".join(lines) + "\n") is not None


def steps_of(block):
    """(command, what it says) of one block."""
    steps = []
    for line in block.splitlines():
        if line.startswith("$ "):
            steps.append([line[2:], ""])
        else:
            require(steps, f"a block begins with an answer: {line}")
            steps[-1][1] += line + "\n"
    return steps


def do(shell, command, pattern):
    """One step; how often it was asked."""
    end = time.monotonic() + LOOKS_FOR_S
    asked = 0
    while True:
        said, code = shell.run(command)
        asked += 1
        if code == 0 and fits(pattern, said):
            return asked
        if not LOOKS.match(command) or time.monotonic() > end:
            raise Failure(f"$ {command}\nsays (exit code {code})\n{said}\nand should say\n{pattern}")
        time.sleep(0.1)


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [str(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def compiler(build, cc):
    """What is linked with a sanitized library must be sanitized as well."""
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as cache:
        kind = re.search(r"^STEK_SANITIZE:\w+=(.+)$", cache.read(), re.M)
    flags = {"address": " -fsanitize=address,undefined", "thread": " -fsanitize=thread"}
    return cc + (flags[kind.group(1)] if kind else "")


def check_mentions(page, source):
    """What the page has for real machines is there, as far as that can be seen here."""
    for kind, text in BLOCK.findall(page):
        if kind == "sh":
            for word in re.findall(r"\./(deploy/\S+)", text):
                require(os.access(os.path.join(source, word), os.X_OK), f"{word} is not there")
            for name in re.findall(r"--preset (\w+)", text):
                with open(os.path.join(source, "CMakePresets.json"), encoding="utf-8") as f:
                    require(f'"name": "{name}"' in f.read(), f"there is no preset {name}")
    unit = os.path.join(source, "deploy/systemd/stekd.service.in")
    require(os.path.exists(unit), "there is no unit for systemctl")


def check_fits():
    """The comparison can fail."""
    good = [("a ... c\n", "a b  c\n"), ("...\nx\n", "1\n2\nx\n"), ("x\n...\n", "x\n"), ("", "\n"),
            ("a\n\nb", "a\n\nb\n")]
    bad = [("a ... c\n", "a b d\n"), ("...\nx\n", "1\n2\n"), ("x\n", "x\ny\n"), ("", "x\n"),
           ("a...\nb\n", "a\nc\nb\n")]
    require(all(fits(*pair) for pair in good) and not any(fits(*pair) for pair in bad),
            "the comparison is wrong")


def perform(shell, page, replace):
    counts = {"commands": 0, "asked": 0, "lines": 0, "files": 0}
    for kind, text in BLOCK.findall(page):
        text = replace(text)
        if kind in ("yaml", "conf"):
            name = re.match(r"# (\S+)\n", text).group(1)
            with open(os.path.join(shell.home, "try", name), "w", encoding="utf-8") as f:
                f.write(text)
            counts["files"] += 1
        elif kind == "console":
            for command, pattern in steps_of(text):
                counts["asked"] += do(shell, command, pattern)
                counts["commands"] += 1
                counts["lines"] += pattern.count("\n")
    return counts


def main(build, arguments):
    require(len(arguments) == 2, "arguments: SOURCE CC")
    source, cc = arguments
    for tool in ("redis-server", "redis-cli", "curl", "openssl", "pkg-config", "pgrep"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            sys.exit(77)
    with open(os.path.join(source, "docs/OPERATIONS.md"), encoding="utf-8") as f:
        page = f.read()
    check_fits()
    check_mentions(page, source)
    ports = dict(zip(PORTS, free_ports(len(PORTS))))

    def replace(text):
        text = text.replace("~/stekd/build/release", os.path.abspath(build))
        text = re.sub(r"^\$ cc ", f"$ {compiler(build, cc)} ", text, flags=re.M)
        return re.sub(r"\b(" + "|".join(PORTS) + r")\b", lambda found: ports[found.group(1)], text)

    with Bench(build) as bench:
        os.symlink(os.path.abspath(source), bench.path("stekd"))
        plain = {k: v for k, v in os.environ.items() if not k.startswith("STEKCTL_")}
        started = time.monotonic()
        shell = Shell({**plain, "HOME": bench.folder, "LC_ALL": "C"})
        shell.home = bench.folder
        try:
            counts = perform(shell, page, replace)
        except Failure:
            for name in ("one", "two", "fe-1", "fe-2"):
                path = bench.path(f"try/{name}.log")
                if os.path.exists(path):
                    with open(path, encoding="utf-8", errors="replace") as f:
                        print(f"--- {name}.log\n" + "".join(f.readlines()[-12:]), file=sys.stderr)
            raise
        finally:
            shell.end()
        print(f"{counts['files']} files, {counts['commands']} commands (asked {counts['asked']} "
              f"times), {counts['lines']} lines of answers compared, "
              f"{time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    run_main(main)
