#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Documents say what is there: the C sample in the README is the program the tests build and run,
# and every relative link and every file named in `code` of a known folder exists.
# Backquotes in its patterns are those of Markdown.
# shellcheck disable=SC2016

# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

sample=client-lib/examples/readme_sample.c

# The first ```c block of the README, against the sample from its first #include on.
compare_sample() {
    if ! diff <(sed -n '/^```c$/,/^```$/p' "$root/README.md" | sed '1d;/^```$/,$d') \
        <(sed -n '/^#include/,$p' "$root/$sample") >/dev/null; then
        printf 'README.md:1: its C sample is not %s: copy it again, from the first #include on\n' \
            "$sample"
    fi
}

check_links() {
    local file line target
    list_files | grep -E '\.md$' | while IFS= read -r file; do
        { grep -noE '\]\([^)#:]+[^):]*\)' "$root/$file" || true; } | while IFS=: read -r line target; do
            target=${target#](}
            target=${target%)}
            target=${target%%#*}
            if [ ! -e "$root/$(dirname "$file")/$target" ]; then
                printf '%s:%s: the link leads to %s, which is not there\n' "$file" "$line" "$target"
            fi
        done
        {
            grep -noE '`(core|daemon|client-lib|proto|deploy|tests|docs|cmake)/[a-z0-9_./-]+`' \
                "$root/$file" || true
        } | while IFS=: read -r line target; do
            target=${target//\`/}
            if [ ! -e "$root/$target" ]; then
                printf '%s:%s: %s is not there\n' "$file" "$line" "$target"
            fi
        done
    done
}

{
    compare_sample
    check_links
} | report
