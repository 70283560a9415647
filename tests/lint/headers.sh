#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each header compiles alone, and says so twice (guards); the public ones compile as C++ too.
# BUILD is where generated headers are: a configured build folder.
. "$(dirname "$0")/lib.sh"
cd "$root"

cc=${CC:-cc}
cxx=${CXX:-c++}
command -v "$cc" >/dev/null || skip "there is no C compiler ($cc)"
# Not quoted below: a list of flags.
flags="-I. -Icore -Idaemon -Iclient-lib -Iclient-lib/include -Itests -D_GNU_SOURCE -Wall -Wextra -Werror"
if [ -n "$build" ]; then
    flags="$flags -isystem $build/proto"
    generated=$(find "$build/client-lib" -path '*/stek/version.h' -print -quit 2>/dev/null || true)
    flags="$flags ${generated:+-I${generated%/stek/version.h}}"
fi
export cc cxx flags

check_header() {
    local said
    # shellcheck disable=SC2086
    if ! said=$(printf '#include "%s"\n#include "%s"\n' "$1" "$1" |
        "$cc" -std=gnu11 $flags -x c -fsyntax-only - 2>&1); then
        printf '%s:1: does not compile alone\n%s\n' "$1" "$(printf '%s' "$said" | head -n 5)"
    fi
    case $1 in
    client-lib/include/*)
        # shellcheck disable=SC2086
        if ! said=$(printf '#include "%s"\nint main() { return 0; }\n' "$1" |
            "$cxx" -std=c++11 -Wpedantic $flags -x c++ -fsyntax-only - 2>&1); then
            printf '%s:1: does not compile as C++\n%s\n' "$1" "$(printf '%s' "$said" | head -n 5)"
        fi
        ;;
    esac
}
export -f check_header

if list_files | grep -qE '^client-lib/include/.*\.h$'; then
    command -v "$cxx" >/dev/null || skip "there is no C++ compiler ($cxx)"
fi
list_c '^(core|daemon|client-lib)/.*\.h$' |
    xargs -r -P 2 -I {} bash -c 'check_header "$1"' check {} | report
