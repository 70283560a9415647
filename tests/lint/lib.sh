# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What all lints share. A lint is called as: NAME.sh [ROOT [BUILD]]; it names each offence as
# FILE:LINE: SENTENCE and ends with 0 (clean), 1 (offences) or 77 (cannot run here: skipped).
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "${1:-$here/../..}" && pwd)
# Most lints have no use for it.
# shellcheck disable=SC2034
build=${2:-}

# Files under ROOT that a clone has, one a line, relative: those git tracks, or where there is no
# repository (an unpacked archive) all but build folders.
list_files() {
    if [ -e "$root/.git" ] && git -C "$root" ls-files >/dev/null 2>&1; then
        git -C "$root" ls-files
    else
        (cd "$root" && find . -type f -not -path './build/*' -not -path './.git/*' | sed 's,^\./,,')
    fi | sort | while IFS= read -r file; do
        # A file deleted but not committed is still tracked.
        if [ -f "$root/$file" ]; then
            printf '%s\n' "$file"
        fi
    done
}

# C sources and headers, those matching the extended regular expression if one is given.
list_c() {
    list_files | grep -E '\.[ch]$' | grep -E "${1:-.}" || true
}

# Fails if anything was said on standard input, after saying it.
report() {
    local said
    said=$(cat)
    if [ -n "$said" ]; then
        printf '%s\n' "$said"
        exit 1
    fi
}

skip() {
    printf 'skipped: %s\n' "$1"
    exit 77
}
