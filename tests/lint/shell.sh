#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Nothing that shellcheck finds is in any script, but for two notes that are wrong about awk programs
# in quotes and about functions with optional arguments.
. "$(dirname "$0")/lib.sh"
cd "$root"
command -v shellcheck >/dev/null || skip "shellcheck is not installed"

list_files | while IFS= read -r file; do
    case ${file##*/} in
    *.sh) printf '%s\n' "$file" ;;
    *.*) ;;
    *) if head -n 1 "$file" | grep -qE '^#!.*(/| )(ba)?sh( |$)'; then printf '%s\n' "$file"; fi ;;
    esac
done | { xargs -r shellcheck -x -e SC2016,SC2119 -P SCRIPTDIR -f gcc || true; } | report
