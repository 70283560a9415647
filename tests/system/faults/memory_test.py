# SPDX-License-Identifier: Apache-2.0
"""Whole processes, libraries included, whose n-th allocation fails (fault_preload.c).

stekctl with each verb, and stekd --check: the right answer and exit 0, or a sentence and another
code; never a signal. Then a daemon beside a real Redis, of which one allocation in so many fails
once it serves: it lives, and serves again.
"""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import (  # noqa: E402
    FailingDaemon, make_kek, require, side_by_side, wait_until, write_secret)
from harness import Bench, run_main  # noqa: E402
from redis_server import SECRET, Redis  # noqa: E402

LONG = bool(os.environ.get("STEK_TEST_LONG"))
START = 8000  # allocations until a daemon serves, and some: those must not fail
RUNS = 100000 if LONG else 20  # of each command, at most


def run_once(bench, argv, **faults):
    env = dict(os.environ, LD_PRELOAD=bench.program("tests/system/faults/libfault_preload.so"),
               **{f"STEK_FAULT_{name}": str(value) for name, value in faults.items()})
    return subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=False)


def count_calls(bench, argv):
    run = run_once(bench, argv, COUNT=2)
    require(run.returncode in (0, 4), f"{argv[1:]}: {run.returncode} {run.stderr}")
    return int(run.stderr.splitlines()[-1].split()[0])


def sweep(bench, argv):
    """Each n-th allocation, evenly spread in the short form."""
    calls = count_calls(bench, argv)
    step = max(1, calls // RUNS)
    failed = refused = 0
    for at in range(1, calls + 1, step):
        run = run_once(bench, argv, AT=at)
        name = f"{' '.join(argv[-3:])}: allocation {at} of {calls}"
        require(run.returncode >= 0, f"{name}: signal {-run.returncode}")
        require(run.returncode <= 5, f"{name}: exit {run.returncode}: {run.stderr}")
        if run.returncode in (0, 4):
            require(run.stdout.strip() != "" or run.stderr.strip() != "", f"{name}: no answer")
            if "json" in argv:
                json.loads(run.stdout)
        else:
            refused += 1
            require(run.stderr.strip() != "", f"{name}: exit {run.returncode} and not a word")
        failed += 1
    return f"{' '.join(argv[-2:])}: {calls} allocations, {failed} made to fail, {refused} refused"


def test_commands(bench, daemon):
    ctl = bench.program("daemon/ctl/stekctl")
    server = [ctl, "--server", daemon.endpoint]
    commands = [[*server, "-o", form, *verb]
                for form in ("json", "table")
                for verb in (["status"], ["keys", "web"], ["realms"], ["frontends"])]
    commands.append([bench.program("daemon/app/stekd"), "--check", "--config", daemon.config])
    side_by_side(lambda argv: sweep(bench, argv), commands, 3)


def test_daemon(bench, redis):
    store = f"""\
  type: redis
  address: unix:{redis.sock}
  username: stekd
  password_file: redis.password
  key_encryption_keys: [kek]
"""
    library = bench.program("tests/system/faults/libfault_preload.so")

    def live(every):
        daemon = FailingDaemon(bench, f"every{every}", store=store, before=[
            "env", f"LD_PRELOAD={library}", f"STEK_FAULT_EVERY={every}",
            f"STEK_FAULT_AFTER={START}", "STEK_FAULT_COUNT=2"])
        daemon.start()
        end = {"answers": 0, "asked": 0}

        def has_been_asked_much():
            daemon.must_be_alive()
            run = subprocess.run(
                [bench.program("daemon/ctl/stekctl"), "--server", daemon.endpoint, "keys", "web"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
            require(run.returncode >= 0, f"stekctl: signal {-run.returncode}")
            end["asked"] += 1
            end["answers"] += run.returncode == 0
            return end["answers"] >= 60
        wait_until(f"{daemon.name} answers", has_been_asked_much, timeout=60)
        redis.ask("DEL", "stek:{web}")  # and it heals the store
        wait_until("the record is back", lambda: redis.ask("GET", "stek:{web}") is not None,
                   timeout=40)
        daemon.must_be_alive()
        code = daemon.stop()
        require(code == 0, f"{daemon.name} stopped with {code}")
        seen, failed = map(int, daemon.process.errors().splitlines()[-1].split())
        require(failed >= 5, f"{daemon.name}: {failed} of {seen} allocations failed")
        return f"one allocation in {every} ({failed}): {end['answers']} of {end['asked']} calls answered"
    side_by_side(live, (499, 211, 97))


def test(build, _arguments):
    with Bench(build) as bench:
        daemon = FailingDaemon(bench, "stekd").start()
        daemon.wait_for_active()
        test_commands(bench, daemon)
        require(daemon.stop() == 0, "stekd did not stop well")
        redis = Redis(bench)
        redis.start()
        make_kek(bench)
        write_secret(bench, "redis.password", SECRET.encode())
        test_daemon(bench, redis)


run_main(test)
