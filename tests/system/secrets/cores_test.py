# SPDX-License-Identifier: Apache-2.0
"""What a crash leaves on the disk: cores_test.py BUILD PROTOC PROTO_FOLDER

SIGSEGV under both kinds of /proc/sys/kernel/core_pattern: a file, and a pipe to a program, which
heeds no RLIMIT_CORE but 1. First a process with a canary: its core is written and holds the canary,
but for memory left out of dumps. Then stekd: no core. Then a frontend's worker and parent: a core
without a key byte. The pattern is the machine's, so this runs alone and always puts it back.

The kernel starts a pipe's program in its own root. Where that is not ours (a container, a chroot) the
second half cannot run, and the test is skipped after the first.
"""

import os
import resource
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, ".."), os.path.join(HERE, "..", "fleet")]
from fleet import Frontend, is_issuing  # noqa: E402
from harness import Bench, require, run_main, wait_until  # noqa: E402
from scanner import Needles, scan  # noqa: E402
from stage import Stage  # noqa: E402

PATTERN = "/proc/sys/kernel/core_pattern"
PLACES = ["heap", "stack", "data", "thread", "private", "shared", "memfd", "locked", "no-access"]
# Left out by the kernel: what MADV_DONTDUMP says. Its own choice: /proc/PID/coredump_filter.
UNDUMPED = {"locked"}
HELPER = """\
#!/bin/sh
set -eu
cat >"$1.begun"
mv "$1.begun" "$1"
"""


class Cores:
    """The machine's core pattern for as long as this lives."""

    def __init__(self, bench, kind):
        self.folder = bench.path("cores-" + kind)
        os.mkdir(self.folder)
        if kind == "file":
            self.pattern = self.folder + "/core.%p"
        else:
            helper = bench.write("helper", HELPER)
            os.chmod(helper, 0o755)
            self.pattern = f"|{helper} {self.folder}/core.%p"
        require(len(self.pattern) < 127, "the kernel cuts a longer pattern: " + self.pattern)

    def __enter__(self):
        with open(PATTERN, encoding="ascii") as f:
            self.before = f.read().rstrip("\n")
        set_pattern(self.pattern)
        return self

    def __exit__(self, *unused):
        set_pattern(self.before)

    def path(self, pid):
        return os.path.join(self.folder, f"core.{pid}")

    def there_are(self):
        """Whole ones, and begun ones."""
        return sorted(os.listdir(self.folder))


def set_pattern(pattern):
    with open(PATTERN, "w", encoding="ascii") as f:
        f.write(pattern)


def may_set_pattern():
    """None, or why not."""
    if os.getuid() != 0:
        return "not root"
    try:
        with open(PATTERN, "r+", encoding="ascii") as f:
            same = f.read()
            f.seek(0)
            f.write(same)
    except OSError as error:
        return f"{PATTERN}: {error.strerror}"
    return None


def crash(process):
    """SIGSEGV to a child of ours; whether the kernel says that it dumped core."""
    process.signal(signal.SIGSEGV)
    seen = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    require(seen.si_status == signal.SIGSEGV, f"{process.name} ended with {seen.si_status}")
    process.child.wait()
    return seen.si_code == os.CLD_DUMPED


def plant(bench, name):
    canary = os.urandom(32)
    process = bench.start(name, [bench.program("tests/system/secrets/secrets_plant")],
                          stdin=subprocess.PIPE)
    process.child.stdin.write(canary.hex().encode() + b"\n")
    process.child.stdin.flush()
    wait_until("the canary is planted", lambda: "ready" in process.output())
    needles = Needles()
    for at, place in enumerate(PLACES):
        needles.add(place, bytes((byte + (at + 1 if i % 8 == 0 else 0)) & 255
                                 for i, byte in enumerate(canary)))
    return process, needles


def kernel_finds_the_helper(bench, cores):
    process, _ = plant(bench, "probe")
    if not crash(process):
        return False
    path = cores.path(process.pid)
    wait_until("the core is whole", lambda: os.path.exists(path))
    os.unlink(path)
    return True


def a_canary_is_in_a_core(bench, cores, name):
    process, needles = plant(bench, name)
    require(crash(process), "no core of a process that asks for one")
    path = wait_until("the core is whole", lambda: os.path.exists(cores.path(process.pid)) and
                      cores.path(process.pid))
    finds = scan(bench, needles, files={"core": path})
    found = {find.label for find in finds.list}
    require(set(PLACES) - UNDUMPED <= found, f"not in the core: {set(PLACES) - UNDUMPED - found}")
    require(not UNDUMPED & found, f"left out of dumps, and in the core: {UNDUMPED & found}")
    os.unlink(path)
    return sum(finds.bytes.values())


def stekd_leaves_none(bench, cores, stage):
    """The kernel starts the helper before the process is gone, and a later core has come."""
    pid = stage.daemon.process.pid
    finds = scan(bench, stage.needles(), {"stekd": pid})
    held = {find.label for find in finds.list} & set(stage.keys)
    require(held == set(stage.keys), "stekd does not hold the keys whose absence is to be shown")
    stage.reader.close()
    require(not crash(stage.daemon.process), "the kernel says that stekd has dumped core")
    a_canary_is_in_a_core(bench, cores, "plant-after-" + str(pid))
    require(cores.there_are() == [], f"a crash of stekd has left {cores.there_are()}")


def a_frontend_leaves_no_key(bench, cores, stage, kind):
    cert, key = bench.certificate()
    frontend = Frontend(bench, [stage.daemon], "fe-" + kind, cert, key, None, stage.ca)
    wait_until("the frontend issues", lambda: is_issuing(frontend.status()))
    with open(f"/proc/{frontend.process.pid}/task/{frontend.process.pid}/children",
              encoding="ascii") as f:
        workers = {f"worker-{i}": int(pid) for i, pid in enumerate(f.read().split())}
    processes = {"parent": frontend.process.pid, **workers}
    needles = stage.needles()
    finds = scan(bench, needles, processes)
    for name in processes:
        held = {find.label for find in finds.list if find.where == name} & set(stage.keys)
        require(held == set(stage.keys), f"{name} does not hold the keys")
    # Workers first; the parent would replace them: stopped, it cannot.
    frontend.process.signal(signal.SIGSTOP)
    for pid in workers.values():
        os.kill(pid, signal.SIGSEGV)
    frontend.process.signal(signal.SIGSEGV)
    frontend.process.signal(signal.SIGCONT)
    paths = {name: wait_until(f"the core of {name} is whole", lambda p=pid: os.path.exists(
        cores.path(p)) and cores.path(p), 30) for name, pid in processes.items()}
    frontend.process.child.wait()
    return judge_cores(bench, stage, needles, frontend, paths)


def judge_cores(bench, stage, needles, frontend, paths):
    needles.add("argument", frontend.status_path.encode())
    finds = scan(bench, needles, files=paths)
    for name, path in paths.items():
        mine = [find for find in finds.list if find.where == name]
        require(any(find.label == "argument" for find in mine), f"the core of {name} has no stack")
        keys = [str(find) for find in mine if find.label in stage.keys]
        require(not keys, "in a core: " + "; ".join(keys))
        os.unlink(path)
    return sum(finds.bytes.values())


def test(build, arguments):
    why_not = may_set_pattern()
    if why_not is not None:
        print(f"skipped: the machine's core pattern cannot be set: {why_not}")
        sys.exit(77)
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    for kind in ("file", "pipe"):
        with Bench(build) as bench:
            stage = Stage(bench, *arguments)
            stage.settle()
            with Cores(bench, kind) as cores:
                if kind == "pipe" and not kernel_finds_the_helper(bench, cores):
                    print("skipped: the kernel does not find a pipe's program in this root: "
                          "a container?")
                    sys.exit(77)
                canary = a_canary_is_in_a_core(bench, cores, "plant")
                frontend = a_frontend_leaves_no_key(bench, cores, stage, kind)
                stekd_leaves_none(bench, cores, stage)
            print(f"{kind}: canary in a core of {canary >> 10} KiB; no key in three cores of a "
                  f"frontend, {frontend >> 20} MiB; no core of stekd", flush=True)


run_main(test)
