# SPDX-License-Identifier: Apache-2.0
"""stekd serves, reloads and ends under its own filter of system calls: syscall_filter_test.py BUILD"""

import os
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
from harness import Bench, require, run_main, wait_until  # noqa: E402

FILTERED = {"enforce": 2, "log": 2, "off": 0}


def status_of(pid):
    """/proc/PID/status as a dictionary."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def start(bench, mode):
    daemon = bench.daemon(name="stekd-" + mode, extra=f"syscall_filter: {mode}\n")
    daemon.start()
    wait_until("stekd has said what becomes of its filter",
               lambda: "syscall-filter" in daemon.process.errors())
    return daemon


def is_absent(daemon):
    return "event=syscall-filter mode=absent" in daemon.process.errors()


def looks_right(daemon, mode):
    seen = status_of(daemon.process.pid)
    require(int(seen["Seccomp"]) == FILTERED[mode], f"{mode}: Seccomp is {seen['Seccomp']}")
    require(int(seen["NoNewPrivs"]) == 1, "NoNewPrivs is not set")
    require(int(seen["Threads"]) == 1, f"there are {seen['Threads']} threads, all but one unfiltered")
    print(f"{mode}: Seccomp {seen['Seccomp']}, filters {seen.get('Seccomp_filters', '?')}, "
          f"NoNewPrivs {seen['NoNewPrivs']}")


def works(daemon):
    first = daemon.wait_for_active()
    daemon.ctl("rotate", "web", "--reason", "to see it done")
    wait_until("the rotation", lambda: daemon.encrypting_key() not in (None, first))


def reload_with(daemon, old, new):
    """Writes the configuration anew, and has it read."""
    with open(daemon.config, encoding="utf-8") as f:
        text = f.read()
    require(old in text, f"{old} is not in the configuration")
    with open(daemon.config, "w", encoding="utf-8") as f:
        f.write(text.replace(old, new))
    daemon.process.signal(signal.SIGHUP)


def is_for_good(daemon):
    """No reload takes it off; another reload is read under it."""
    reload_with(daemon, "syscall_filter: enforce", "syscall_filter: off")
    wait_until("the reload is refused", lambda: '\\"syscall_filter\\" has changed, which needs a '
               "restart of stekd" in daemon.process.errors())
    require(int(status_of(daemon.process.pid)["Seccomp"]) == 2, "the filter is gone")
    reload_with(daemon, "syscall_filter: off", "syscall_filter: enforce")
    wait_until("a reload that changes nothing", lambda: "event=reloaded" in daemon.process.errors())


def test(build, _arguments):
    with Bench(build) as bench:
        for mode in FILTERED:
            daemon = start(bench, mode)
            if is_absent(daemon):
                print("not run: with a sanitizer there is no filter")
                sys.exit(77)
            looks_right(daemon, mode)
            works(daemon)
            if mode == "enforce":
                is_for_good(daemon)
            code = daemon.stop()
            require(code == 0, f"{mode}: stekd ended with {code}: {daemon.process.errors()[-400:]}")


if __name__ == "__main__":
    run_main(test)
