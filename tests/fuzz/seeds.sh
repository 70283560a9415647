#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# seeds.sh PROGRAM CORPUS: the committed seeds named made-* are those that PROGRAM (fuzz_seeds)
# makes, no more and no fewer. To make them anew: rm CORPUS/*/made-*; PROGRAM CORPUS.
set -euo pipefail
program=$1
corpus=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

mkdir "$folder/made" "$folder/kept"
"$program" "$folder/made"
(cd "$corpus" && find . -name 'made-*' -type f -print0 | tar -c --null -T - -f -) |
    tar -x -C "$folder/kept" -f -
failed=0
if ! diff -rq "$folder/made" "$folder/kept"; then
    printf 'the corpus has other seeds than the program makes\n'
    failed=1
fi
printf '%d bytes in %d files, all corpora together\n' \
    "$(find "$corpus" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }')" \
    "$(find "$corpus" -type f | wc -l)"
exit $failed
