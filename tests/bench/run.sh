#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the benchmarks of a build configured with -DSTEK_BENCH=ON. Every figure is the median of
# ratios taken in turn in one run, with its range. A goal that is missed is reported; the exit
# status is 0 all the same: what a busy machine says is not a reason to stop anybody.
set -eu

build=${1:?usage: run.sh BUILD_FOLDER}
for program in ticket_bench handshake_bench; do
    "$build/tests/bench/$program"
done
python3 "$(dirname "$0")/rpc_bench.py" "$build" 5 20000 900
