#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A file has at most 500 lines and a function at most 60. Tests may be longer.
. "$(dirname "$0")/lib.sh"
cd "$root"
command -v ctags >/dev/null || skip "ctags is not installed (universal-ctags)"

{
    list_files | grep -E '^(core|daemon|client-lib|proto|cmake|deploy)/.*\.(c|h|proto|cmake|sh)$' |
        xargs -r awk '
        { count[FILENAME]++ }
        END { for (f in count) if (count[f] > 500) print f ":501: " count[f] " lines; at most 500" }'
    list_c '^(core|daemon|client-lib)/' |
        ctags --languages=C --c-kinds=f --fields=ne -f - -L - 2>/dev/null |
        awk -F'\t' '
        {
            for (i = 4; i <= NF; i++) {
                if ($i ~ /^line:/) { from = substr($i, 6) }
                if ($i ~ /^end:/) { to = substr($i, 5) }
            }
            if (to - from + 1 > 60) {
                print $2 ":" from ": " $1 "() has " to - from + 1 " lines; at most 60"
            }
        }'
} | sort | report
