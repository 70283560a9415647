#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzzer of a fuzz build (cmake --preset fuzz) over its seeds, and prints what each did.
#
#   tests/fuzz/run.sh BUILD SECONDS [JOBS [NAME...]]
#
# SECONDS are each fuzzer's, JOBS how many run at a time [2]. What it finds it keeps in
# BUILD/fuzz-found/NAME: inputs that reach something new in new/, what broke it as crash-* and the
# like, and the log. cov and ft are libFuzzer's: edges and features reached, in our code only.
# Exit code 1 when a fuzzer broke, or there is none.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

if [ $# -lt 2 ]; then
    printf 'usage: tests/fuzz/run.sh BUILD SECONDS [JOBS [NAME...]]\n' >&2
    exit 2
fi
build=$(cd "$1" && pwd)
seconds=$2
jobs=${3:-2}
shift $(($# < 3 ? $# : 3))
found=$build/fuzz-found
rm -rf "$found"
mkdir -p "$found"

names=("$@")
if [ ${#names[@]} = 0 ]; then
    for program in "$build"/tests/fuzz/fuzz_*; do
        [ -x "$program" ] && names+=("${program##*/fuzz_}")
    done
fi
if [ ${#names[@]} = 0 ]; then
    printf 'run.sh: there is no fuzzer in %s/tests/fuzz\n' "$build" >&2
    exit 1
fi

# one NAME: its exit code goes to a file, for it runs beside others.
one() {
    local name=$1 own=$found/$1 code=0 seeds=("$here/corpus/$1") more=()
    mkdir -p "$own/new"
    [ "$name" = config ] && seeds+=("$here/../golden/config")
    [ -f "$here/$name.dict" ] && more+=("-dict=$here/$name.dict")
    "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -max_len=8192 -timeout=10 \
        -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$own/" "${more[@]}" \
        "$own/new" "${seeds[@]}" >"$own/log" 2>&1 || code=$?
    printf '%d\n' "$code" >"$own/code"
}

running=0
for name in "${names[@]}"; do
    if [ "$running" -ge "$jobs" ]; then
        wait -n
        running=$((running - 1))
    fi
    one "$name" &
    running=$((running + 1))
done
wait

# The last number of a name in a log; 0: it is not there.
figure() {
    sed -nE "s/$1/\\1/p" "$2" | tail -n 1 | grep . || printf '0\n'
}

printf '%-10s %12s %9s %7s %7s %6s %6s\n' fuzzer executions exec/s cov ft seeds new
broken=0
executions=0
for name in "${names[@]}"; do
    log=$found/$name/log
    runs=$(figure '^stat::number_of_executed_units: *([0-9]+).*' "$log")
    [ "$runs" = 0 ] && runs=$(figure '^#([0-9]+).*' "$log")
    executions=$((executions + runs))
    printf '%-10s %12d %9d %7d %7d %6d %6d' "$name" "$runs" \
        "$(figure '^stat::average_exec_per_sec: *([0-9]+).*' "$log")" \
        "$(figure '.* cov: ([0-9]+) .*' "$log")" "$(figure '.* ft: ([0-9]+) .*' "$log")" \
        "$(find "$here/corpus/$name" -type f | wc -l)" "$(find "$found/$name/new" -type f | wc -l)"
    if [ "$(cat "$found/$name/code")" != 0 ]; then
        broken=$((broken + 1))
        printf '  BROKEN'
    fi
    printf '\n'
done
for name in "${names[@]}"; do
    if [ "$(cat "$found/$name/code")" != 0 ]; then
        printf '\n%s broke; its inputs and log are in %s\n' "$name" "$found/$name"
        tail -n 40 "$found/$name/log"
    fi
done
printf '%d fuzzers, %d executions, %d s each: %d broke\n' "${#names[@]}" "$executions" "$seconds" \
    "$broken"
[ "$broken" = 0 ]
