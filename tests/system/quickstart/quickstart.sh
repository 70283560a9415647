#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# quickstart.sh SOURCE BUILD plain|redis: the demonstration ends well, shows what it promises, and
# leaves neither a file nor a process behind; and it ends badly when a ticket does not open.
set -euo pipefail
source=$1
build=$2
part=$3

folder=$(mktemp -d)
out=$folder.out
export TMPDIR=$folder
trap 'rm -rf "$folder" "$out"' EXIT

fail() {
    cat "$out" >&2
    printf 'FAILED: %s\n' "$1" >&2
    exit 1
}

nothing_is_left() {
    [ -z "$(ls -A "$folder")" ] || fail "it left $(ls -A "$folder")"
    if pgrep -f -- "$folder/" >/dev/null; then
        fail "it left a process: $(pgrep -af -- "$folder/")"
    fi
}

options=()
if [ "$part" = redis ]; then
    command -v redis-server >/dev/null || { printf 'skipped: no redis-server\n'; exit 77; }
    options=(--redis)
fi

bash "$source/deploy/quickstart.sh" --build "$build" "${options[@]}" >"$out" 2>&1 ||
    fail "it ended with $?"
# Three frontends, both versions, each with each: 18 tickets a matrix.
cells=$(sed -n 's/^ *ticket from [ABC] //p' "$out" | tr -s ' ' '\n')
opens=$(grep -c '^opens$' <<<"$cells" || true)
full=$(grep -c '^full$' <<<"$cells" || true)
if [ "$part" = plain ]; then
    [ "$opens:$full" = 90:0 ] || fail "$opens tickets opened and $full did not"
else
    [ "$opens:$full" = 126:36 ] || fail "$opens tickets opened and $full did not"
fi
nothing_is_left

# Ended in the middle, it ends what it started.
bash "$source/deploy/quickstart.sh" --build "$build" "${options[@]}" >"$out" 2>&1 &
show=$!
end=$((SECONDS + 60))
until grep -q 'which frontend opens whose ticket' "$out"; do
    [ $SECONDS -lt $end ] || fail "waited 60 s in vain for its frontends"
    sleep 0.1
done
kill "$show"
code=0
wait "$show" || code=$?
[ $code = 143 ] || fail "SIGTERM ended it with $code"
nothing_is_left

for wrong in --frobnicate "--build" "--build $folder" "--build $folder/none"; do
    code=0
    # shellcheck disable=SC2086 # two words
    bash "$source/deploy/quickstart.sh" $wrong >"$out" 2>&1 || code=$?
    [ $code = 2 ] || fail "\"$wrong\" ended with $code"
done
printf 'ok\n'
