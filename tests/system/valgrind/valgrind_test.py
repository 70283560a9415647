# SPDX-License-Identifier: Apache-2.0
"""stekd, a pre-forked frontend and stekctl under memcheck: a key's whole life, and not one error.

Each process writes a log of its own; one without a summary did not reach its end and counts as an
error, and a planted read of an uninitialised byte must be found first.
"""

import glob
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "fleet")]
from fleet import Frontend, is_issuing  # noqa: E402
from harness import Bench, require, run_main, wait_until  # noqa: E402

SUMMARY = re.compile(r"ERROR SUMMARY: (\d+) errors from (\d+) contexts")
WATCHED = ("stekd", "tls_frontend", "stekctl", "planted")
PLANTED = """
#include <stdlib.h>
int main(void)
{
    volatile char *bytes = malloc(2);
    return bytes[1] == 3 ? 1 : 0;
}
"""


class MemcheckBench(Bench):
    """Starts every program of ours under memcheck."""

    def words(self, argv):
        if os.path.basename(argv[0]) not in WATCHED:
            return argv
        log = self.path(f"memcheck-{os.path.basename(argv[0])}-%p.log")
        return ["valgrind", "--leak-check=full", "--errors-for-leak-kinds=definite",
                "--show-leak-kinds=definite", "--track-fds=no", f"--log-file={log}", *argv]

    def start(self, name, argv, env=None, stdin=subprocess.DEVNULL):
        return super().start(name, self.words(argv), env=env, stdin=stdin)

    def ctl(self, daemon, *arguments):
        run = subprocess.run(
            self.words([self.program("daemon/ctl/stekctl"), "--server", daemon.endpoint,
                        "--timeout", "30s", *arguments]),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        require(run.returncode == 0,
                f"stekctl {' '.join(arguments)} ended with {run.returncode}: {run.stderr}")
        return run.stdout

    def summaries(self, program):
        """(log, errors) of each process of `program`; errors is None where there is no summary."""
        found = []
        for path in sorted(glob.glob(self.path(f"memcheck-{program}-*.log"))):
            with open(path, encoding="utf-8", errors="replace") as f:
                text = f.read()
            last = SUMMARY.findall(text)
            found.append((text, int(last[-1][0]) if last else None))
        return found

    def must_be_clean(self, program, least):
        found = self.summaries(program)
        require(len(found) >= least, f"{len(found)} processes of {program}, not {least}")
        for text, errors in found:
            require(errors == 0, f"memcheck on {program}:\n{text[-4000:]}")
        print(f"{program}: {len(found)} processes, no error")


def memcheck_finds_a_planted_error(bench):
    source = bench.write("planted.c", PLANTED)
    subprocess.run(["cc", "-O0", "-o", bench.path("planted"), source], check=True)
    bench.start("planted", [bench.path("planted")]).child.wait(60)
    found = bench.summaries("planted")
    require(len(found) == 1 and found[0][1], "memcheck did not find the planted error")


def resume(bench, ports, version):
    """A session from the first frontend, offered to the second; whether it was resumed."""
    session = bench.path("session")
    # -ign_eof: they close after their answer, and with it the tickets of TLS 1.3 have come.
    for extra, port in (("-sess_out", ports[0]), ("-sess_in", ports[1])):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", version,
                               "-servername", "localhost", "-ign_eof", extra, session],
                              input="GET / HTTP/1.0\r\n\r\n", capture_output=True, text=True,
                              timeout=60, check=False)
        require("Cipher is" in done.stdout, f"the handshake failed: {done.stderr[-400:]}")
    return "Reused, " in done.stdout


def test(build, _arguments):
    if subprocess.run(["which", "valgrind"], capture_output=True, check=False).returncode != 0:
        print("skipped: valgrind is not installed")
        sys.exit(77)
    with MemcheckBench(build) as bench:
        memcheck_finds_a_planted_error(bench)
        daemon = bench.daemon(rotate_every="8s", sync_interval="1s", ticket_lifetime="20s",
                              extra="syscall_filter: off\n").start()  # valgrind makes calls of its own
        cert, key = bench.certificate()
        frontends = [Frontend(bench, [daemon], f"fe-{i}", cert, key) for i in range(2)]
        for frontend in frontends:
            wait_until(frontend.name + " issues", lambda f=frontend: is_issuing(f.status()), 60)
        ports = [frontend.port for frontend in frontends]
        resumed = [resume(bench, ports, version) for version in ("-tls1_2", "-tls1_3")]
        require(all(resumed), f"resumed across frontends: {resumed}")
        bench.ctl(daemon, "status")
        bench.ctl(daemon, "-o", "json", "keys", "web")
        bench.ctl(daemon, "rotate", "web", "--reason", "a short run")
        bench.ctl(daemon, "wait", "web", "--converged")
        bench.ctl(daemon, "revoke", "web", "--all")
        bench.ctl(daemon, "frontends", "web")
        for frontend in frontends:
            require(frontend.process.stop(60) == 0, frontend.name + " did not end well")
        require(daemon.process.stop(60) == 0, "stekd did not end well")
        bench.must_be_clean("stekd", 1)
        bench.must_be_clean("tls_frontend", 6)
        bench.must_be_clean("stekctl", 6)


run_main(test)
