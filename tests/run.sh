#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds from nothing, and runs every test: units with lines counted, the
# simulation and whole processes on what is shipped (gcc -O2), memory errors (AddressSanitizer, UBSan,
# memcheck), threads (ThreadSanitizer), clang, fuzzers, builds that are known to be bad. The last line
# is "N passed, N failed, N skipped"; the exit code is 0 only if nothing failed.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"

usage() {
    printf 'usage: tests/run.sh [--quick | --long] [--no-install]\n\n'
    printf '  --quick       one compiler, no sanitizers, no tests of whole processes\n'
    printf '  --long        the long form of the tests that have one\n'
    printf '  --no-install  do not look for missing packages\n'
}

mode=normal
installs=yes
for argument in "$@"; do
    case $argument in
    --quick) mode=quick ;;
    --long) mode=long ;;
    --no-install) installs=no ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        printf 'run.sh: unknown argument "%s"\n' "$argument" >&2
        usage >&2
        exit 2
        ;;
    esac
done
long=()
# Tests that have a long form look at this.
if [ "$mode" = long ]; then
    export STEK_TEST_LONG=1
    long=(--long)
fi

export TSAN_OPTIONS="suppressions=$top/tests/tsan.supp ${TSAN_OPTIONS:-}"

passed=0
failed=0
skipped=0
bad_steps=()
times=()
cores=$(nproc)
# Everything of its own in one folder: what a developer built elsewhere in build/ stays.
folder=$top/build/run
if [ "$mode" = quick ]; then
    folder=$top/build
fi
results=$folder/results

# timed NAME COMMAND...: runs it; keeps how long it took; its exit code.
timed() {
    local name=$1 from=$SECONDS code=0
    shift
    printf '\n=== %s\n' "$name"
    "$@" || code=$?
    times+=("$(printf '%5d s  %s%s' $((SECONDS - from)) "$name" "$([ $code = 0 ] || printf ': FAILED')")")
    return $code
}

# A step that is not a test run (a build, the analyser) is one failure when it fails.
step() {
    if ! timed "$@"; then
        failed=$((failed + 1))
        bad_steps+=("$1")
        return 1
    fi
}

# aside NAME COMMAND...: a step with whatever processor time the tests of processes leave;
# finish_asides waits for all of them and counts.
asides=()
aside() {
    local name=$1 number=${#asides[@]}
    shift
    asides+=("$name")
    {
        code=0 from=$SECONDS
        nice -n 19 "$@" >"$results/aside-$number.log" 2>&1 || code=$?
        printf '%d %d\n' "$code" "$((SECONDS - from))" >"$results/aside-$number.end"
    } &
}

finish_asides() {
    local number code seconds
    wait
    for number in "${!asides[@]}"; do
        read -r code seconds <"$results/aside-$number.end" || code=1
        times+=("$(printf '%5d s  %s, aside%s' "$seconds" "${asides[number]}" \
            "$([ "$code" = 0 ] || printf ': FAILED')")")
        printf '\n=== %s\n' "${asides[number]}"
        cat "$results/aside-$number.log"
        if [ "$code" != 0 ]; then
            failed=$((failed + 1))
            bad_steps+=("${asides[number]}")
        fi
    done
}

# build PRESET [CMAKE-OPTION...]: the last words of the log only when it fails.
build() {
    local preset=$1 log=$results/build-$1.log
    shift
    if ! { cmake --preset "$preset" -B "$folder/$preset" "$@" &&
        cmake --build "$folder/$preset" -j "$cores"; } >"$log" 2>&1; then
        grep -E -m 20 'error|Error|FAILED|undefined reference' "$log" || true
        tail -n 30 "$log"
        printf '(all of it: %s)\n' "$log"
        return 1
    fi
}

# Adds up one JUnit file and names what failed or was skipped. A file that is missing or broken is a
# failure: a run that did not finish proves nothing.
count_results() {
    local file=$1 sums
    if ! sums=$(python3 - "$file" <<'PYTHON'
import sys
import xml.etree.ElementTree as tree

passed, failed, skipped = 0, [], []
for case in tree.parse(sys.argv[1]).getroot().iter("testcase"):
    status = case.get("status")
    if status == "run" and case.find("failure") is None:
        passed += 1
    elif case.find("skipped") is not None or status in ("notrun", "disabled"):
        skipped.append(case.get("name"))
    else:
        failed.append(case.get("name"))
for name in skipped:
    print("skipped: " + name, file=sys.stderr)
for name in failed:
    print("FAILED: " + name, file=sys.stderr)
print(passed, len(failed), len(skipped))
PYTHON
    ); then
        printf 'FAILED: %s cannot be read: the test run did not finish\n' "$file"
        sums="0 1 0"
    fi
    local p f s
    read -r p f s <<<"$sums"
    passed=$((passed + p))
    failed=$((failed + f))
    skipped=$((skipped + s))
    [ "$f" = 0 ]
}

# tests NAME PRESET JOBS CTEST-OPTION...
tests() {
    local name=$1 preset=$2 jobs=$3 junit code=0
    shift 3
    junit=$results/${name// /-}.xml
    rm -f "$junit"
    timed "tests: $name" ctest --test-dir "$folder/$preset" -j "$jobs" --timeout 900 --output-on-failure \
        --no-tests=error --output-junit "$junit" "$@" || code=$?
    if ! count_results "$junit" || [ $code != 0 ]; then
        bad_steps+=("tests: $name")
        # ctest failed and no test did: the run itself is at fault.
        if [ $code != 0 ] && ! grep -q '<failure' "$junit" 2>/dev/null && [ -f "$junit" ]; then
            failed=$((failed + 1))
        fi
    fi
}

finish() {
    printf '\n=== times\n'
    printf '%s\n' "${times[@]}"
    printf '%5d s  together\n' "$SECONDS"
    if [ ${#bad_steps[@]} != 0 ]; then
        printf '\nnot good:\n'
        printf '  %s\n' "${bad_steps[@]}"
    fi
    printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    [ "$failed" = 0 ] && [ ${#bad_steps[@]} = 0 ]
}

if [ "$installs" = yes ]; then
    if ! timed "packages" ./deploy/install-deps.sh --tests; then
        failed=$((failed + 1))
        bad_steps+=("packages")
        finish || exit 1
    fi
fi
if [ "$mode" != quick ]; then
    rm -rf "$folder"
fi
mkdir -p "$results"

if [ "$mode" = quick ]; then
    if step "build: dev (gcc)" build dev; then
        tests dev dev 2 -LE system
    fi
    finish
    exit
fi

if step "build: coverage (gcc -O0)" build coverage; then
    tests units coverage 2 -LE 'system|sim'
    step "coverage" bash tests/coverage.sh "$folder/coverage" || true
    # It builds faults into this folder, and in the end takes them out again.
    step "known-bad builds" bash tests/known_bad/run.sh "$folder/coverage" "${long[@]}" || true
    if [ "$mode" = long ]; then
        step "known-bad selftest" bash tests/known_bad/selftest.sh "$folder/coverage" || true
    fi
fi
if step "build: release (gcc -O2)" build release -DSTEK_STRICT_SYSCALLS=ON -DSTEK_UNIT_TESTS=OFF; then
    # Tests of whole processes mostly wait for them: three at a time, and what only computes beside
    # them, keep two cores busy.
    aside "clang-tidy" bash tests/lint/tidy.sh "$top" "$folder/coverage"
    tests processes release 3 -L 'system|sim'
    finish_asides
    # Figures are shown and judge nothing; a benchmark that breaks is a failure.
    step "bench" bash tests/bench/run.sh "$folder/release" || true
    rm -rf "${folder:?}/release" "${folder:?}/coverage"
fi
if step "build: asan" build asan; then
    tests asan asan 2 -LE 'lint|model|system' -E '^sim/seeds-500|^docs/|^golden/'
    # Whole processes: what speaks to the outside; with --long all of them.
    processes='^system/(grpc|redis|reload|revoke|ctl|file_store|rpc_tls/python)'
    [ "$mode" = long ] && processes='^system/'
    tests "asan processes" asan 3 -L system -R "$processes"
    rm -rf "${folder:?}/asan"
fi
# By clang: everything, the tests too, is seen to build without a warning there.
if step "build: tsan (clang)" build tsan -DCMAKE_C_COMPILER=clang; then
    tests "tsan" tsan 2 -L tsan
    tests "tsan client" tsan 2 -R '^unit/client/' -LE tsan
    rm -rf "${folder:?}/tsan"
fi
if step "build: fuzz" build fuzz; then
    seconds=5
    [ "$mode" = long ] && seconds=300
    step "fuzzers" bash tests/fuzz/run.sh "$folder/fuzz" "$seconds" || true
fi
finish
