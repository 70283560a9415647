#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy (version 14, .clang-tidy) finds nothing in core, daemon and client-lib. Slower than the
# other lints, so tests/run.sh calls it on its own. BUILD has a compile_commands.json.
. "$(dirname "$0")/lib.sh"
cd "$root"

tool=$(command -v clang-tidy-14 || true)
[ -n "$tool" ] || skip "clang-tidy 14 is not installed (clang-tidy-14)"
[ -f "$build/compile_commands.json" ] || skip "there is no compile_commands.json in BUILD"
export tool build

# One file a process: version 14 mistakes va_start() in every file after its first.
check_file() {
    local said
    grep -qF "/$1\"" "$build/compile_commands.json" || return 0
    if ! said=$("$tool" -p "$build" --quiet "$1" 2>/dev/null); then
        printf '%s\n' "$said" | grep -E '(error|warning): ' || printf '%s:1: clang-tidy failed\n' "$1"
    fi
}
export -f check_file

list_c '^(core|daemon|client-lib)/.*\.c$' |
    xargs -r -P "$(nproc)" -I {} bash -c 'check_file "$1"' check {} | sed "s,^$root/,," | sort -u | report
