#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang-format changes nothing. Version 14 decides, because versions differ.
. "$(dirname "$0")/lib.sh"
cd "$root"

tool=$(command -v clang-format-14 || command -v clang-format || true)
if [ -z "$tool" ] || ! "$tool" --version | grep -q 'version 14\.'; then
    skip "clang-format 14 is not installed (clang-format-14)"
fi
# With --style=file it looks upwards from each file, and in a tree without one does nothing.
list_c | xargs -r -P "$(nproc)" -n 40 "$tool" --style=file --fallback-style=none --dry-run --Werror 2>&1 |
    sed -nE 's/^([^ ]+:[0-9]+):[0-9]+: error: .*/\1: not as clang-format writes it: clang-format -i/p' |
    sort -u -t : -k 1,1 | report
