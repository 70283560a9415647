#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD MODEL [VARIANT]: searches MODEL.pml once for each line of MODEL.variants. With a
# VARIANT, only that one, and its counterexample step by step.
#
# A line is: name | expected | settings | settings of the long form (STEK_TEST_LONG=1), if others.
#   holds    the whole space was searched and nothing found; anything less is an error
#   fails    an assertion is violated: the rule that was left out is missed
#   reached  the state that the probe names is reached, so that what holds does not hold for nothing
set -euo pipefail

if [ $# -lt 2 ]; then
    printf 'usage: %s BUILD MODEL [VARIANT]\n' "${0##*/}" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
model=$2
only=${3:-}
for tool in spin gcc; do
    if ! command -v "$tool" >/dev/null; then
        printf '%s is not installed (Debian: %s)\n' "$tool" "$tool" >&2
        exit 1
    fi
done
work=$1/tests/model/$model
mkdir -p "$work"
cd "$work"
spin -a "$here/$model.pml" >spin.log || { cat spin.log; exit 1; }
memory=1000
[ -z "${STEK_TEST_LONG:-}" ] || memory=8000
# No partial order reduction: there is one process. MEMLIM in MiB; a search that needs more fails.
gcc -O2 -w -DSAFETY -DNOREDUCE -DMEMLIM="$memory" -o pan pan.c

number_of() { sed -n "s/$1/\\1/p" out.txt | tail -1; }

# What the search says: holds, fails, or why it says nothing.
verdict_of() {
    if grep -q 'assertion violated' out.txt; then
        echo fails
    elif grep -qE 'max search depth too small|out of memory|reached -DMEMLIM|Search not completed' out.txt ||
        ! grep -q 'errors: 0' out.txt; then
        echo unclear
    else
        echo holds
    fi
}

wrong=0
searches=0
all_states=0
printf '%-34s %-8s %-8s %10s %6s %8s\n' variant expected verdict states depth seconds
while IFS='|' read -r name expected short long; do
    read -r name <<<"$name"
    read -r expected <<<"$expected"
    read -r long <<<"${long:-}"
    case $name in '' | '#'*) continue ;; esac
    [ -z "$only" ] || [ "$only" = "$name" ] || continue
    settings=$short
    [ -z "${STEK_TEST_LONG:-}" ] || [ -z "$long" ] || settings=$long
    rm -f ./*.trail
    begun=$EPOCHREALTIME
    # shellcheck disable=SC2086 # a list of NAME=VALUE
    env $settings ./pan -w22 -m20000 >out.txt 2>&1 || true
    seconds=$(awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }')
    verdict=$(verdict_of)
    states=$(number_of ' *\([0-9.e+]*\) states, stored.*')
    depth=$(number_of '.*depth reached \([0-9]*\),.*')
    [ "$verdict" != fails ] || depth=$(number_of '.*(at depth \([0-9]*\)).*')
    [ "$expected" != reached ] || [ "$verdict" != fails ] || verdict=reached
    printf '%-34s %-8s %-8s %10s %6s %8s\n' "$name" "$expected" "$verdict" "$states" "$depth" "$seconds"
    if [ "$verdict" != "$expected" ]; then
        wrong=$((wrong + 1))
        cat out.txt
    fi
    if [ -n "$only" ] && [ -e "$model.pml.trail" ]; then
        # shellcheck disable=SC2086
        env $settings ./pan -r "$model.pml.trail" 2>/dev/null | grep '^t=' || true
    fi
    searches=$((searches + 1))
    all_states=$(awk -v a="$all_states" -v b="${states:-0}" 'BEGIN { printf "%.0f", a + b }')
done <"$here/$model.variants"

printf '%s: %d searches, %s states, %d not as expected\n' "$model" "$searches" "$all_states" "$wrong"
[ "$searches" -gt 0 ] && [ "$wrong" = 0 ]
