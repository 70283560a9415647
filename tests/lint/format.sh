#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang-format changes nothing. Version 14 decides, because versions differ.
. "$(dirname "$0")/lib.sh"
cd "$root"

tool=$(command -v clang-format-14 || command -v clang-format || true)
if [ -z "$tool" ] || ! "$tool" --version | grep -q 'version 14\.'; then
    skip "clang-format 14 is not installed (clang-format-14)"
fi
list_c | while IFS= read -r file; do
    # --style=file looks upwards from the file; a file of a foreign tree would find nothing.
    if ! "$tool" --style=file --fallback-style=none --dry-run --Werror "$file" >/dev/null 2>&1; then
        line=$("$tool" --style=file "$file" | diff "$file" - | grep -m 1 -oE '^[0-9]+' || true)
        printf '%s:%s: not as clang-format writes it: clang-format -i %s\n' "$file" "${line:-1}" "$file"
    fi
done | report
