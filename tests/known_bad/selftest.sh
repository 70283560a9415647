#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The check itself can fail: a fault that changes nothing, one that is noticed by another case than
# was said, one that crashes, one that does not build and one that does not apply are not caught.
set -euo pipefail
build=${1:?usage: selftest.sh BUILD-FOLDER}
here=$(cd "$(dirname "$0")" && pwd)

if said=$("$here/run.sh" "$build" --patches "$here/selftest" 2>&1); then
    printf '%s\nselftest: the check passed what it must not\n' "$said"
    exit 1
fi
printf '%s\n' "$said"

# expect FAULT SENTENCE: what was said about it, however its lines were folded.
expect() {
    if ! awk -v fault="$1" '/ \| / { inside = ($1 == fault) } inside' <<<"$said" |
        tr -s '[:space:]' ' ' | grep -qF -- "$2"; then
        printf 'selftest: of %s it was not said: %s\n' "$1" "$2"
        exit 1
    fi
}
expect crash 'NOT by unit/base/secret: failed, but not as expected'
expect no_build 'BROKEN: building'
expect no_fit 'does not apply to core/base/text.c'
expect nothing 'NOT by unit/base/text: passed'
expect other_reason 'NOT by unit/base/secret: failed, but not as expected'
grep -q '^known-bad: 0 of 5 caught' <<<"$said"
printf 'known-bad selftest: 5 of 5 not caught, as it must be\n'
