#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What libstek.so exports is what its map lists and what the public headers declare, and every
# function they declare is described. BUILD is a built folder.
. "$(dirname "$0")/lib.sh"
cd "$root"

library=$(find "${build:-/nonexistent}" -name 'libstek.so' -print -quit 2>/dev/null || true)
[ -n "$library" ] || skip "libstek.so is not built"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | sed 's/@.*//' | sort -u >"$folder/exported"
sed -n '/global:/,/local:/p' client-lib/libstek.map | sed -E 's,/\*.*\*/,,' |
    grep -oE '[a-z_0-9]+;' | tr -d ';' | sort -u >"$folder/map"
# A declaration may go on over lines: join until the semicolon.
find client-lib/include -name '*.h' -print0 | sort -z | xargs -0 awk '
    /^STEK_API/ { text = ""; collecting = 1 }
    collecting { text = text " " $0 }
    collecting && /;/ {
        collecting = 0
        if (match(text, /stek_[a-z0-9_]+[ ]*\(/)) {
            name = substr(text, RSTART, RLENGTH - 1)
            print name
        }
    }' | sort -u >"$folder/declared"

{
    comm -23 "$folder/exported" "$folder/map" | sed 's/.*/&: exported and not in libstek.map/'
    comm -13 "$folder/exported" "$folder/map" | sed 's/.*/&: in libstek.map and not exported/'
    comm -23 "$folder/declared" "$folder/map" | sed 's/.*/&: declared in a public header and not in libstek.map/'
    comm -13 "$folder/declared" "$folder/map" | sed 's/.*/&: in libstek.map and declared in no public header/'
    # Described: a comment stands between the last empty line and the declaration.
    find client-lib/include -name '*.h' -print0 | sort -z | xargs -0 awk '
        FNR == 1 || /^$/ { described = 0 }
        /\*\/[ \t]*$/ { described = 1 }
        /^STEK_API/ && !described { print FILENAME ":" FNR ": a public function without a word about it" }'
} | report
