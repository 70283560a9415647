# SPDX-License-Identifier: Apache-2.0
"""Wrong wall clocks in a fleet of real processes: three daemons, four frontends, the standing load.

  clocks_test.py BUILD daemon     one daemon's clock is wrong from its start, or stepped at run time
  clocks_test.py BUILD frontend   one frontend's clock is

The fleet is unmoved: rotation goes on, no key lies in the far future, every frontend is synced, no
ticket is refused, no handshake fails. The daemon says that it is suspect and changes nothing; the
frontend tells its skew.
"""

import datetime
import glob
import json
import os
import random
import sys
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, ".."), os.path.join(here, "..", "fleet")]
from fleet import is_issuing, judge_client  # noqa: E402
from harness import Bench, Failure, require, run_main, wait_until  # noqa: E402
from redis_fleet import ROTATE_S, Fleet, hold_one_ring, realm_of  # noqa: E402

HOUR_S = 3600
YEAR_S = 365 * 24 * HOUR_S
LIBRARY = "/usr/lib/*/faketime/libfaketime.so.1"


def wrong_clocks():
    return {"1 h fast": HOUR_S, "1 h slow": -HOUR_S,
            "in 1970": -(int(time.time()) - 24 * HOUR_S), "ten years ahead": 10 * YEAR_S}


class FakedClock:
    """The wall clock of processes started with `env`; their boot clock stays true."""

    def __init__(self, bench):
        found = glob.glob(LIBRARY)
        require(found, "libfaketime is not installed (Debian: faketime)")
        self.path = bench.path("clock")
        self.set(0)
        # The sanitizer's library has to come first, and is linked in: it need not be.
        self.env = dict(os.environ, LD_PRELOAD=found[0], FAKETIME_DONT_FAKE_MONOTONIC="1",
                        FAKETIME_TIMESTAMP_FILE=self.path, FAKETIME_NO_CACHE="1",
                        ASAN_OPTIONS="verify_asan_link_order=0")

    def set(self, offset_s):
        with open(self.path + ".new", "w", encoding="ascii") as f:
            f.write(f"{offset_s:+d}\n")
        os.rename(self.path + ".new", self.path)


def remove_shared_memory(processes):
    """libfaketime leaves it behind when its process is killed."""
    for process in processes:
        for path in glob.glob(f"/dev/shm/*faketime_s[eh]m_{process.pid}"):
            os.unlink(path)


def is_suspect(daemon):
    return daemon.ctl("status", check=False)["suspect"]


def seconds_ahead(text):
    """How far ahead of us an RFC 3339 time is."""
    return (datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) -
            datetime.datetime.now(datetime.timezone.utc)).total_seconds()


def names(daemon):
    return {key["name"] for key in daemon.ctl("keys", "web")["keys"]}


def hold_the_same(fleet):
    """A suspect daemon, the last one, learns what the others do but forgets nothing."""
    return (hold_one_ring(fleet.daemons[:-1]) and
            names(fleet.daemons[0]) <= names(fleet.daemons[-1]))


def fleet_goes_on(fleet, what):
    """Two rotations happen, everywhere the same, and nothing else."""
    sound = fleet.daemons[0]
    for _ in range(2):
        before = wait_until("a key encrypts", sound.encrypting_key)
        wait_until(what + ": rotation goes on",
                   lambda: sound.encrypting_key() not in (None, before), 4 * ROTATE_S)
    for daemon in fleet.daemons:
        for key in daemon.ctl("keys", "web")["keys"]:
            ahead = seconds_ahead(key["active_from"])
            require(ahead < 4 * ROTATE_S, f"{what}: {daemon.name} has a key for {ahead:.0f} s ahead")
    for frontend in fleet.frontends:
        wait_until(f"{what}: {frontend.name} is synced and issues",
                   lambda f=frontend: is_issuing(f.status()))
    wait_until(what + ": all daemons hold one ring", lambda: hold_the_same(fleet), 60)


def gather_frontends(fleet):
    """All at the last daemon, though the others serve."""
    for daemon in fleet.daemons[:-1]:
        daemon.kill()
    wait_until("every frontend is at the last daemon",
               lambda: realm_of(fleet.daemons[-1])["frontends_current"] == len(fleet.frontends), 60)
    for daemon in fleet.daemons[:-1]:
        daemon.start()
    wait_until("the daemons are well again", fleet.is_whole, 60)


def suspect_daemon(fleet, what):
    daemon = fleet.daemons[-1]
    wait_until(what + ": the daemon says suspect", lambda: is_suspect(daemon))
    problem = realm_of(daemon)["problem"]
    require("clock" in problem, f"{what}: the problem is not named: {problem}")
    fleet_goes_on(fleet, what)
    require(is_suspect(daemon), what + ": the daemon is no longer suspect")
    for sound in fleet.daemons[:-1]:
        require(not is_suspect(sound), what + ": a sound daemon is suspect")


def wrong_daemon(fleet, clock):
    daemon = fleet.daemons[-1]
    for what, offset in wrong_clocks().items():
        fleet.note("a daemon starts " + what)
        require(daemon.stop() == 0, "the daemon did not stop with 0")
        clock.set(offset)
        daemon.start()
        suspect_daemon(fleet, "started " + what)
        require(daemon.stop() == 0, "the daemon did not stop with 0")
        clock.set(0)
        daemon.start()
        wait_until("the daemon is sound", lambda: not is_suspect(daemon))
        gather_frontends(fleet)
        fleet.note("a daemon is stepped " + what)
        clock.set(offset)
        suspect_daemon(fleet, "stepped " + what)
        clock.set(0)
        wait_until(what + ": the daemon trusts its clock again", lambda: not is_suspect(daemon))


def skewed_frontend(fleet, what, offset_s):
    frontend = fleet.frontends[-1]
    wait_until(f"{what}: the skew is told",
               lambda: abs(frontend.status()["clock_skew_ms"] - 1000 * offset_s) < 2000)
    before = frontend.status()["counters"]
    fleet_goes_on(fleet, what)
    after = frontend.status()["counters"]
    for name in ("issued", "decrypted"):
        require(after[name] > before[name], f"{what}: nothing {name}")


def wrong_frontend(fleet, clock):
    for what, offset in wrong_clocks().items():
        fleet.note("a frontend is stepped " + what)
        clock.set(offset)
        skewed_frontend(fleet, "stepped " + what, offset)
        fleet.note("a frontend starts " + what)
        fleet.restart_frontend(len(fleet.frontends) - 1, 0)
        skewed_frontend(fleet, "started " + what, offset)
        fleet.note("and is set right")
        clock.set(0)
        skewed_frontend(fleet, "set right after " + what, 0)


def main(build, arguments):
    if arguments not in (["daemon"], ["frontend"]):
        raise Failure("arguments: daemon, or frontend")
    is_daemon = arguments == ["daemon"]
    with Bench(build) as bench:
        clock = FakedClock(bench)
        try:
            fleet = Fleet(bench, random.Random(1), daemon_env=clock.env if is_daemon else None,
                          frontend_env=None if is_daemon else clock.env)
            (wrong_daemon if is_daemon else wrong_frontend)(fleet, clock)
            result = fleet.finish()
            print(json.dumps(result))
            judge_client(result, 1000, late_share=0.3)
            fleet.judge_store()
        finally:
            remove_shared_memory(bench.processes)


if __name__ == "__main__":
    run_main(main)
