#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Calls and words that may not stand in the tree: see docs/STYLE.md. What a rule finds wrongly is
# allowed on its line by a comment that gives the reason: "lint: one-time index" for a variable
# that is written once, "lint: public bytes" for a comparison.
. "$(dirname "$0")/lib.sh"
cd "$root"
command -v ctags >/dev/null || skip "ctags is not installed (universal-ctags)"

list=$(mktemp)
trap 'rm -f "$list"' EXIT

# Variables of a file, by ctags; const, and for pointers const themselves.
mutable_variables() {
    list_c '^(core|daemon|client-lib)/.*\.c$' |
        ctags --languages=C --c-kinds=v --fields=n -f - -L - 2>/dev/null |
        awk -F'\t' '
        {
            file = $2
            number = $NF
            sub(/^line:/, "", number)
            count = 0
            while ((getline text < file) > 0) { lines[++count] = text }
            close(file)
            declaration = lines[number]
            # "} name[] = {" ends a struct of its own: its words stand where it begins.
            for (i = number; i > 1 && declaration !~ /^[a-z_]/; i--) {
                declaration = lines[i - 1] " " lines[i]
            }
            if (lines[number] ~ /lint: one-time index/) { next }
            sub(/=.*/, "", declaration)
            is_const = declaration ~ /(^|[^A-Za-z0-9_])const([^A-Za-z0-9_]|$)/
            if (is_const && declaration ~ /\*/ && declaration !~ /\{/) {
                is_const = declaration ~ /\*[ ]*const/
            }
            if (!is_const) {
                print file ":" number ": " $1 ": no mutable file-level variable"
            }
        }'
}

# The licence identifier on the first line, or on the second after "#!".
missing_licences() {
    list_files | grep -E '\.(c|h|h\.in|proto|cmake|cmake\.in|py|sh|awk|map)$|CMakeLists\.txt$|^\.ci/' |
        xargs -r -d '\n' awk '
        FNR == 1 { found[FILENAME] = 0; second = /^#!/ }
        (FNR == 1 || (FNR == 2 && second)) && /SPDX-License-Identifier: Apache-2\.0/ { found[FILENAME] = 1 }
        END { for (f in found) if (!found[f]) print f ":1: no SPDX licence identifier on the first line" }'
}

# Reminders, and names of the machine or network something was written on. The words are put
# together here so that this file does not find itself.
reminders() {
    local words="TO""DO|FIX""ME|XX""X:|HA""CK:"
    local places="/wo""rk/|/ho""me/[a-z]|/ro""ot/|deb\.deb""ian\.org|pyp""i\.org|registry\.np""mjs|proxy\.gol""ang|crates\.""io"
    list_files | grep -vE '^LICENSE$|\.(png|pem|der|bin)$' >"$list"
    xargs -r -d '\n' grep -HnIE "(^|[^A-Za-z])($words)" <"$list" |
        sed -E 's,^([^:]+:[0-9]+):.*,\1: a reminder is not a plan: do it or drop it,' || true
    xargs -r -d '\n' grep -HnIE "$places" <"$list" |
        sed -E 's,^([^:]+:[0-9]+):.*,\1: names a machine or a host of ours,' || true
}

{
    list_c | xargs -r awk -f "$here/strip.awk" | awk -f "$here/banned.awk"
    mutable_variables
    missing_licences
    reminders
} | report
