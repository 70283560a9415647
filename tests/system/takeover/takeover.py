# SPDX-License-Identifier: Apache-2.0
"""Starts stekd and kills the driving worker again and again: takeover.py BUILD KILLS"""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Bench, require, run_main, wait_until  # noqa: E402


def main(build, arguments):
    require(len(arguments) == 1, "arguments: KILLS")
    kills = int(arguments[0])
    with Bench(build) as bench:
        daemon = bench.daemon().start()
        run = bench.start("takeover", [bench.program("tests/system/takeover/takeover"),
                                       daemon.endpoint, "web", str(kills), "1"])
        wait_until("the run ends", lambda: not run.is_running(), 60 + kills * 0.5)
        sys.stderr.write(run.errors())
        print(run.output().strip())
        require(run.child.returncode == 0, "the run says something did not hold")
        require(json.loads(run.output())["kills"] == kills, "not all kills took place")
        require(daemon.stop() == 0, "stekd did not stop with 0")


if __name__ == "__main__":
    run_main(main)
