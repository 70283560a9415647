# SPDX-License-Identifier: Apache-2.0
"""The real stekd with system calls that fail (strace -e inject): it goes on, or says why not."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import FailingDaemon, make_kek, require, side_by_side, wait_until  # noqa: E402
from harness import Bench, run_main  # noqa: E402

FILE = "  type: file\n  path: {folder}\n  key_encryption_keys: [kek]\n"

# strace makes a call fail by giving it a number that no call has, which the filter is there for.
UNFILTERED = "syscall_filter: off\n"

# What fails, how, when; whether it is to start at all.
ROWS = [
    ("getrandom", "EAGAIN", "6..20", True),
    ("getrandom", "ENOSYS", "6..20", True),
    ("accept4", "EMFILE", "1..3", True),
    ("accept4", "ENFILE", "1+3", True),
    ("accept4", "ECONNABORTED", "1+2", True),
    ("epoll_wait", "EINTR", "1+2", True),
    ("sendto", "ENOBUFS", "2+3", True),
    ("sendto", "ECONNRESET", "2+3", True),
    ("recvfrom", "ECONNRESET", "2+3", True),
    ("write", "ENOSPC", "1..9", True),
    ("fsync", "EIO", "1..4", True),
    ("renameat", "EIO", "1..2", True),
    ("openat", "EMFILE", "60+2", True),
    ("mmap", "ENOMEM", "120..140", True),
    ("madvise", "EINVAL", "1+", False),
    ("mlock", "ENOMEM", "1+", False),
    ("mlock", "ENOMEM", "4..20", True),
    ("listen", "EADDRINUSE", "1+", False),
]


def traced(call, error, when):
    """-D: the tracer is a grandchild, so stekd itself is the child and keeps its exit code."""
    return ["strace", "-D", "-f", "-qqq", "-o", "/dev/null",
            "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}"]


def try_row(bench, number, row):
    call, error, when, starts = row
    os.mkdir(bench.path(f"records{number}"), 0o700)
    daemon = FailingDaemon(bench, f"{call}-{error}-{number}", before=traced(call, error, when),
                           store=FILE.format(folder=f"records{number}"), more=UNFILTERED)
    name = f"{call}={error} when={when}"
    daemon.process = bench.start(daemon.name, daemon.argv())
    wait_until(f"{name}: it serves or ends",
               lambda: not daemon.process.is_running() or daemon.answers(), timeout=40)
    if not starts:
        require(not daemon.process.is_running(), f"{name}: it serves")
        require(daemon.process.child.returncode == 1, f"{name}: {daemon.process.child.returncode}")
        require(daemon.process.errors().strip() != "", f"{name}: not a word")
        return f"{name}: refused"
    require(daemon.process.is_running(), f"{name}: {daemon.process.child.returncode} "
                                         f"{daemon.process.errors()[-400:]}")

    def has_key():
        daemon.must_be_alive()
        run = subprocess.run(
            [bench.program("daemon/ctl/stekctl"), "--server", daemon.endpoint, "-o", "json",
             "keys", "web"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
            check=False)
        require(run.returncode >= 0, f"{name}: stekctl ended with {run.returncode}")
        return '"encrypting": true' in run.stdout or '"encrypting":true' in run.stdout
    wait_until(f"{name}: a key encrypts", has_key, timeout=40)
    code = daemon.stop()
    require(code == 0, f"{name}: stopped with {code}")
    return f"{name}: served"


def test(build, arguments):
    rows = [row for row in ROWS if not arguments or row[0] in arguments]
    with Bench(build) as bench:
        make_kek(bench)
        side_by_side(lambda numbered: try_row(bench, *numbered), list(enumerate(rows)))
    print(f"{len(rows)} ways to fail")


run_main(test)
