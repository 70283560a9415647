# SPDX-License-Identifier: Apache-2.0
"""Too many peers, too few descriptors, too little memory.

  descriptors_test.py BUILD peers    the page, Redis and watches go on while peers take every place
  descriptors_test.py BUILD memory   locked memory or address space that does not suffice
"""

import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import (  # noqa: E402
    FailingDaemon, make_kek, require, side_by_side, start_frontend, wait_until, write_secret)
from harness import Bench, run_main  # noqa: E402
from redis_server import SECRET, Redis  # noqa: E402

LIMIT = 96
CROWD = 200


def connect(path):
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(5)
    try:
        link.connect(path)
    except OSError:
        link.close()
        return None
    return link


def test_peers(bench):
    redis = Redis(bench)
    redis.start()
    make_kek(bench)
    write_secret(bench, "redis.password", SECRET.encode())
    store = f"""\
  type: redis
  address: unix:{redis.sock}
  username: stekd
  password_file: redis.password
  key_encryption_keys: [kek]
"""
    FailingDaemon(bench, "few", store=store,
                  before=["prlimit", "--nofile=60:60"]).refuses("RLIMIT_NOFILE")
    daemon = FailingDaemon(bench, "stekd", store=store, rotate_every="8s", sync_interval="1s",
                           before=["prlimit", f"--nofile={LIMIT}:{LIMIT}"]).start()
    daemon.wait_for_active()
    frontend = start_frontend(bench, daemon)

    crowd = [link for link in (connect(daemon.sock) for _ in range(CROWD)) if link]
    wait_until("the limit is reached and counted",
               lambda: daemon.metric("stekd_limits_reached_total", limit="connections") >= 1)
    open_now = daemon.metric("stekd_connections")
    used = len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
    require(used < LIMIT - 5, f"{used} of {LIMIT} descriptors are used: none is left for itself")
    redis.kill()
    redis.start()
    # The key's next rotation comes through the new connection to Redis, and to the frontend.
    made = daemon.metric("stekd_keys_created_total")
    wait_until("Redis is up again", lambda: daemon.metric("stekd_store_up") == 1)
    # Idle peers are cut after 10 s, so others keep coming.
    def rotates_on():
        crowd.extend(link for link in (connect(daemon.sock) for _ in range(4)) if link)
        return daemon.metric("stekd_keys_created_total") > made
    wait_until("keys are made while peers crowd", rotates_on, interval=0.1)
    # A frontend that finds its daemon silent leaves; on a machine this slow that is its right.
    was_left = "silent for too long" in frontend.errors()
    if was_left:
        print("the machine was too slow for the watch to go on")
    else:
        wait_until("the frontend is up to date",
                   lambda: daemon.metric("stekd_watchers_current") == 1)
    for link in crowd:
        link.close()
    wait_until("others are served again", daemon.is_well, timeout=40)
    wait_until("the frontend is up to date in the end",
               lambda: daemon.metric("stekd_watchers_current") == 1, timeout=40)
    gone = daemon.metric("stekd_limits_reached_total", limit="descriptors")
    require(gone == 0, f"descriptors ran out {gone:.0f} times")
    require(daemon.stop() == 0, "stekd did not stop well")
    print(f"{len(crowd)} peers at {LIMIT} descriptors: {open_now:.0f} connections, {used} used")


def test_memory(bench):
    unprivileged = ["setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock"]
    FailingDaemon(bench, "locked", before=[*unprivileged, "prlimit", "--memlock=65536:65536"]
                  ).refuses("RLIMIT_MEMLOCK")
    ends = {}

    def start_within(megabytes):
        daemon = FailingDaemon(bench, f"as{megabytes}",
                               before=["prlimit", f"--as={megabytes << 20}"])
        daemon.process = bench.start(daemon.name, daemon.argv())
        wait_until("it serves or ends",
                   lambda: not daemon.process.is_running() or daemon.answers())
        if daemon.process.is_running():
            daemon.wait_for_active()
            require(daemon.stop() == 0, f"with {megabytes} MiB it did not stop well")
            ends[megabytes] = "serves"
        else:
            code = daemon.process.child.returncode
            require(code in (1, 2, 127), f"with {megabytes} MiB it ended with {code}")
            require(daemon.process.errors().strip() != "",
                    f"with {megabytes} MiB it said nothing")
            ends[megabytes] = f"ends with {code}"
        return f"address space of {megabytes} MiB: {ends[megabytes]}"

    side_by_side(start_within, (8, 9, 10, 11, 12, 13, 14, 15, 16, 20, 32))
    require("serves" in ends.values() and len(set(ends.values())) > 1, f"no limit was met: {ends}")


def test(build, arguments):
    with Bench(build) as bench:
        {"peers": test_peers, "memory": test_memory}[arguments[0]](bench)


run_main(test)
