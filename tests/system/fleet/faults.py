# SPDX-License-Identifier: Apache-2.0
"""A whole fleet under faults: three daemons beside one Redis, four frontends, the standing load.

  faults.py BUILD processes [SEED]    daemons killed and stopped, frontends killed; all by mutual TLS
  faults.py BUILD store [SEED]        Redis killed, emptied, and set back to an old state
  faults.py BUILD everything [SEED]   every daemon and Redis gone at once
  faults.py BUILD outage [SEED]       the same, for longer than any key lives, then back

Each kind of fault strikes five times (twenty with STEK_TEST_LONG=1), in an order and at phases of
the rotation that the seed decides. No ticket may be refused inside its lifetime and no handshake
may fail; in the end the store holds what every daemon holds.

A loss is healed before the next one (the fault budget of I1, tests/sim/invariants.h). Where every
daemon and the store forget at once, frontends that live go on opening what they know, and one that
begins afterwards knows nothing older: so in `everything` no frontend is restarted.
"""

import json
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from fleet import judge_client  # noqa: E402
from harness import Bench, Failure, require, run_main, wait_until  # noqa: E402
from redis_fleet import FRONTENDS, RECORD, ROTATE_S, Fleet  # noqa: E402


def kill_daemon(number):
    def strike(fleet):
        daemon = fleet.daemons[number]
        daemon.kill()
        fleet.pause(0, 3)
        daemon.start()
    return strike


def stop_daemon(fleet):
    daemon = fleet.draw.choice(fleet.daemons)
    daemon.process.signal(signal.SIGSTOP)
    fleet.pause(0.1, 6)
    daemon.process.signal(signal.SIGCONT)


def kill_frontend(fleet):
    fleet.restart_frontend(fleet.draw.randrange(FRONTENDS), fleet.draw.uniform(0, 2))


def restart_redis_empty(fleet):
    fleet.redis.kill()
    fleet.pause(0, 2)
    fleet.start_redis()


def restart_redis_old(fleet):
    fleet.redis.kill()
    fleet.pause(0, 2)
    fleet.stale = fleet.old_record
    fleet.start_redis(fleet.old_snapshot)


def flush(fleet):
    fleet.redis.ask("FLUSHALL")


def put_old_record(fleet):
    fleet.stale = fleet.old_record
    fleet.redis.ask("SET", RECORD, fleet.old_record)


def lose_everything(fleet):
    for daemon in fleet.daemons:
        daemon.kill()
    fleet.redis.kill()
    fleet.pause(0, 3)
    starts = [daemon.start for daemon in fleet.daemons] + [fleet.start_redis]
    fleet.draw.shuffle(starts)
    for start in starts:
        start()


KINDS = {
    "processes": {"kill -9 of d0": kill_daemon(0), "kill -9 of d1": kill_daemon(1),
                  "kill -9 of d2": kill_daemon(2), "SIGSTOP of a daemon": stop_daemon,
                  "a frontend killed": kill_frontend},
    "store": {"Redis killed, back empty": restart_redis_empty, "FLUSHALL": flush,
              "an old RDB restored": restart_redis_old, "an old record restored": put_old_record},
    "everything": {"all daemons and Redis down": lose_everything},
}


def run(build, group, seed, times):
    print(f"seed {seed}", file=sys.stderr)
    draw = random.Random(seed)
    strikes = [kind for kind in KINDS[group] for _ in range(times)]
    draw.shuffle(strikes)
    with Bench(build) as bench:
        fleet = Fleet(bench, draw, is_by_tls=group == "processes")
        for kind in strikes:
            fleet.strike(kind, KINDS[group][kind])
        fleet.pause(0, ROTATE_S)
        result = fleet.finish()
        print(json.dumps({"times": {kind: times for kind in KINDS[group]},
                          "healed_within_s": {k: round(v, 2) for k, v in fleet.took.items()},
                          **result}))
        judge_client(result, 20 * len(strikes), late_share=0.3)
        fleet.judge_store()


def outage(build, seed):
    """Tickets open until the keys' own dates, then handshakes are full; back up, all is followed
    within sync_interval."""
    sync_ms = 2000
    with Bench(build) as bench:
        fleet = Fleet(bench, random.Random(seed), rotate_s=16, sync_ms=sync_ms)
        fleet.pause(0, 16)
        fleet.note("everything goes")
        drivers = [frontend.status()["driver_pid"] for frontend in fleet.frontends]
        for daemon in fleet.daemons:
            daemon.kill()
        fleet.redis.kill()
        opened = 0  # while something was still issued: a slow machine sees the end late

        def issues_nothing():
            nonlocal opened
            seen = [f.status() for f in fleet.frontends]
            if all(status["first_active_in_ms"] != 0 for status in seen):
                return True
            opened = sum(status["counters"]["decrypted"] for status in seen)
            return False
        wait_until("nothing is active any more", issues_nothing, 60)
        fleet.note("nothing is issued any more")
        wait_until("no key decrypts any more",
                   lambda: all(f.status()["keys"] == 0 for f in fleet.frontends), 60)
        fleet.note("nothing is opened any more")
        require(sum(f.status()["counters"]["decrypted"] for f in fleet.frontends) > opened,
                "no ticket was opened between the last key's retirement and its end")
        fleet.start_redis()
        for daemon in fleet.daemons:
            daemon.start()
        wait_until("the daemons are well again", fleet.is_whole, 60, 0.01)
        back = time.monotonic()
        wait_until("every frontend is synced",
                   lambda: all(f.status()["is_synced"] for f in fleet.frontends))
        took_ms = 1000 * (time.monotonic() - back)
        fleet.note(f"every frontend is synced after {took_ms:.0f} ms")
        require(took_ms <= sync_ms, "it took the frontends longer than sync_interval")
        require(drivers == [frontend.status()["driver_pid"] for frontend in fleet.frontends],
                "a driving process has died")
        result = fleet.finish()
        print(json.dumps(result))
        judge_client(result, 500, late_share=0.3)
        require(result["no_ticket"] > 0, "full handshakes without a key were not reached")
        fleet.judge_store()


def main(build, arguments):
    if arguments[:1] == ["outage"] and len(arguments) <= 2:
        outage(build, int(arguments[1]) if len(arguments) == 2 else 1)
        return
    if not arguments or arguments[0] not in KINDS or len(arguments) > 2:
        raise Failure("arguments: processes, store, everything or outage, and a seed")
    seed = int(arguments[1]) if len(arguments) == 2 else int.from_bytes(os.urandom(4), "big")
    run(build, arguments[0], seed, 20 if os.environ.get("STEK_TEST_LONG") == "1" else 5)


if __name__ == "__main__":
    run_main(main)
