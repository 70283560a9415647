# SPDX-License-Identifier: Apache-2.0
"""The file store on a disk that is full, or read-only; logs that nobody takes.

  disk_test.py BUILD disk   a full one and one that becomes read-only
  disk_test.py BUILD log    a log that nobody takes, and stekctl's output
"""

import contextlib
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import FailingDaemon, make_kek, require, side_by_side, wait_until  # noqa: E402
from harness import Bench, run_main  # noqa: E402

STORE = "  type: file\n  path: {}\n  key_encryption_keys: [kek]\n"


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True, stdin=subprocess.DEVNULL)


@contextlib.contextmanager
def small_disk(bench, name):
    """A file system of 64 KiB."""
    folder = bench.path(name)
    os.mkdir(folder, 0o700)
    mount("-t", "tmpfs", "-o", "size=64k,mode=0700", "none", folder)
    try:
        yield folder
    finally:
        for process in bench.processes:
            if process.name.startswith(name + "-"):
                process.kill()
        subprocess.run(["umount", folder], check=False, stdin=subprocess.DEVNULL)


def fill(folder):
    with open(os.path.join(folder, "filler"), "wb", buffering=0) as f:
        try:
            while f.write(bytes(4096)) > 0:
                pass
        except OSError:
            pass


def degraded(daemon, says):
    """Exit 4 and a problem with those words."""
    daemon.must_be_alive()
    code, text = daemon.status()
    return code == 4 and says in text


def refused_rotation(daemon):
    """What stekctl says of a rotation that cannot be stored; None: there was nothing to rotate just
    then."""
    run = subprocess.run([daemon.bench.program("daemon/ctl/stekctl"), "--server", daemon.endpoint,
                          "rotate", "web"], stdin=subprocess.DEVNULL, capture_output=True,
                         text=True, timeout=30, check=False)
    if run.returncode == 0:
        require("nothing to change" in run.stdout, "a rotation came about: " + run.stdout)
        return None
    require(run.returncode in (1, 3), f"rotate without a disk: {run.returncode} {run.stderr}")
    return run.stderr.strip()


def outage(daemon, folder, begin, end, says):
    """Through an outage of the disk: told, counted, over; and nothing lost to a SIGKILL."""
    daemon.start()
    first = daemon.wait_for_active()
    begin(folder)
    daemon.wait_for_active()
    wait_until("status tells of the disk", lambda: degraded(daemon, says), timeout=30)
    failures = daemon.metric("stekd_store_put_failures_total")
    require(failures >= 1, "no put was counted as failed")
    said = wait_until("rotate is refused", lambda: refused_rotation(daemon))
    names = sorted(os.listdir(folder))
    require("web.record" in names and "web.tmp" not in names, f"on the disk: {names}")
    record = open(os.path.join(folder, "web.record"), "rb").read()
    daemon.kill()
    # A start needs no space, and finds the record of before.
    daemon.start()
    held = [key["name"] for key in daemon.ctl("keys", "web", check=False)["keys"]]
    require(held, "the record of before the outage did not open")
    require(open(os.path.join(folder, "web.record"), "rb").read() == record,
            "the record changed on a disk that cannot be written")
    end(folder)
    wait_until("all is well once the disk is", daemon.is_well, timeout=40)
    key = daemon.wait_for_active()
    require(daemon.stop() == 0, "stekd did not stop well")
    daemon.start()
    names = [entry["name"] for entry in daemon.ctl("keys", "web", check=False)["keys"]]
    require(key in names, "the key of before the restart is lost")
    require(daemon.stop() == 0, "stekd did not stop well")
    return f"{daemon.name}: puts failed: {failures:.0f}; said: {said[:160]}; first key {first[:8]}"


def full(bench):
    with small_disk(bench, "full") as folder:
        return outage(FailingDaemon(bench, "full", store=STORE.format("full")), folder, fill,
                      lambda folder: os.unlink(os.path.join(folder, "filler")), "No space left")


def readonly(bench):
    with small_disk(bench, "readonly") as folder:
        mount("-o", "remount,ro", folder)
        FailingDaemon(bench, "first", store=STORE.format("readonly")).refuses("readonly")
        mount("-o", "remount,rw", folder)
        return outage(FailingDaemon(bench, "readonly", store=STORE.format("readonly")), folder,
                      lambda folder: mount("-o", "remount,ro", folder),
                      lambda folder: mount("-o", "remount,rw", folder), "Read-only")


def test_disk(bench):
    make_kek(bench)
    side_by_side(lambda work: work(bench), (full, readonly))


def log_that_nobody_takes(bench, name, redirect):
    daemon = FailingDaemon(bench, name, before=[
        "bash", "-c", f'exec "$@" {redirect}', "log"]).start()
    key = daemon.wait_for_active()
    wait_until("a rotation happens all the same",
               lambda: daemon.encrypting_key() not in (None, key))
    lost = daemon.metric("stekd_log_lines_dropped_total")
    require(lost > 0 or name == "closed", "no line was counted as lost")
    require(daemon.stop() == 0, "stekd did not stop well")
    return f"log {name}: {lost:.0f} lines lost"


def test_log(bench):
    """stderr is a full device, then a pipe whose reader has gone."""
    side_by_side(lambda row: log_that_nobody_takes(bench, *row), (
        ("full", "2>/dev/full"), ("gone", "2> >(exec true)"), ("closed", "2>&-")))
    # stekctl: an answer that does not reach its reader is no success.
    daemon = FailingDaemon(bench, "stekd").start()
    for verb in (["status"], ["keys", "web"], ["realms"], ["frontends"], ["version"], ["--help"],
                 ["config"]):
        for form in ("table", "json"):
            with open("/dev/full", "wb") as full:
                run = subprocess.run(
                    [bench.program("daemon/ctl/stekctl"), "--server", daemon.endpoint, "-o", form,
                     *verb], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
                    text=True, timeout=30, check=False)
            require(run.returncode == 1 or (run.returncode == 2 and verb == ["config"]),
                    f"stekctl {verb} to a full disk: {run.returncode}")
            require(run.stderr.strip() != "", f"stekctl {verb} to a full disk says nothing")
    require(daemon.stop() == 0, "stekd did not stop well")


def test(build, arguments):
    with Bench(build) as bench:
        {"disk": test_disk, "log": test_log}[arguments[0]](bench)


run_main(test)
