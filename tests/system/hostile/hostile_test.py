# SPDX-License-Identifier: Apache-2.0
"""stekd under attack at each of its doors. Each attack runs twice: the first time to warm up, the
second time measured. Then: counters have moved as they must, the daemon holds no more memory than
before, and the two honest watches have heard their heartbeats in time.

  hostile_test.py BUILD [CASE...]
"""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Bench, Failure, require, run_main  # noqa: E402
import attacks  # noqa: E402
from world import RSS_SLACK_KIB, World  # noqa: E402


def check_counters(name, attack, before, after):
    moved = []
    for counter, least in attack.counters.items():
        step = after.get(counter, 0) - before.get(counter, 0)
        require(step >= least, f"{name}: {counter} went up by {step:.0f}, not by {least}")
        moved.append(f"{counter.removeprefix('stekd_')} +{step:.0f}")
    return ", ".join(moved)


def run_case(world, name, attack, door):
    door = getattr(world, door)
    attack.run(world, door, attack.warm)
    world.settle()
    world.check_honest(name + ", warm-up")
    rss, before, began = world.rss_kib(), world.metrics(), time.monotonic()
    attack.run(world, door, attack.size)
    world.settle()
    took = time.monotonic() - began
    moved = check_counters(name, attack, before, world.metrics())
    world.check_honest(name)
    grown = world.rss_kib() - rss
    if not world.has_sanitizer:
        require(abs(grown) <= RSS_SLACK_KIB, f"{name}: memory went from {rss} KiB by {grown} KiB")
    print(f"{name:28} {took:5.1f} s  rss {rss} KiB {grown:+} KiB  {moved}", flush=True)


def run_cases(world, wanted):
    """The sentences of those that failed; the others are run all the same."""
    failures = []
    for attack in attacks.ALL:
        for door in attack.doors:
            name = f"{attack.name}/{door}"
            if wanted and attack.name not in wanted and name not in wanted:
                continue
            try:
                run_case(world, name, attack, door)
            except Failure as failure:
                print(f"FAILED: {failure}", flush=True)
                failures.append(str(failure))
    return failures


def test(build, arguments):
    with Bench(build) as bench:
        world = World(bench)
        if world.has_sanitizer:
            print("memory is not measured: AddressSanitizer keeps what is freed")
        failures = run_cases(world, arguments)
        for watch in world.honest:
            messages = watch.ask()[0]
            print(f"honest watch on {watch.name}: {messages} messages, longest gap "
                  f"{watch.longest} ms")
        world.stop()
        require(not failures, "; ".join(failures))


if __name__ == "__main__":
    run_main(test)
