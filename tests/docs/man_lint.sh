#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# mandoc warns of nothing in any man page: man_lint.sh SOURCE BUILD.
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
said=$(mandoc -T lint -W warning "${pages[@]}" 2>&1) || true
if [ -n "$said" ]; then
    printf '%s\n' "$said"
    exit 1
fi
printf '%d pages, nothing to say\n' "${#pages[@]}"
