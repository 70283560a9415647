#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each known fault still fits the line it breaks, and the table names a catcher of it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

count=0
failed=0
for fault in "$here"/*.patch; do
    name=$(basename "$fault" .patch)
    file=$(sed -n 's,^+++ b/,,p' "$fault")
    if ! patch --dry-run --fuzz=1 --silent -o /dev/null "$file" "$fault" >/dev/null; then
        printf '%s:1: the line it breaks has changed: make it anew against %s\n' "$fault" "$file"
        failed=1
    fi
    if ! grep -qE "^$name +\| short " "$here/table"; then
        printf '%s:1: the table names nobody who should catch it\n' "$fault"
        failed=1
    fi
    count=$((count + 1))
done
printf '%d known faults fit\n' "$count"
[ "$failed" = 0 ] && [ "$count" -ge 12 ]
