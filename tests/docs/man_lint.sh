#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# mandoc finds nothing to say about any man page: man_lint.sh SOURCE BUILD. One note of style is not
# ours: a program's name is in lower case, in its page's title too.
set -euo pipefail
source=$1/docs/man
build=$2/docs/man

for tool in scdoc mandoc; do
    if ! command -v "$tool" >/dev/null; then
        printf 'skipped: %s is not installed\n' "$tool"
        exit 77
    fi
done

pages=()
for page in "$source"/*.scd; do
    page=$build/$(basename "$page" .scd)
    if [ ! -s "$page" ]; then
        printf 'FAILED: %s is not built\n' "$page"
        exit 1
    fi
    pages+=("$page")
done
said=$(mandoc -T lint -W style "${pages[@]}" 2>&1 | grep -v 'lower case character in document title') ||
    true
if [ -n "$said" ]; then
    printf '%s\n' "$said"
    exit 1
fi
printf '%d pages, nothing to say\n' "${#pages[@]}"
