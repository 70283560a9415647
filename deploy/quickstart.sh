#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# stekd on one machine, from nothing to tickets crossing a fleet: installs what is missing, builds,
# starts stekd and three TLS frontends on loopback, and shows on which frontend whose ticket opens:
# before a rotation, after it, and with stekd stopped. Exit code 0 only if every ticket opened where
# it must. Leaves nothing behind unless --keep.
set -euo pipefail
export LC_ALL=C
top=$(cd "$(dirname "$0")/.." && pwd)

usage() {
    printf 'usage: quickstart.sh [--keep]\n\n'
    printf '  --keep  leave stekd, the frontends and what was built, to go on trying\n'
}

keep=no
for argument in "$@"; do
    case $argument in
    --keep) keep=yes ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        printf 'quickstart.sh: unknown argument "%s"\n' "$argument" >&2
        usage >&2
        exit 2
        ;;
    esac
done

cd "$top"
build=$top/build/quickstart
had_build=no
if [ -e "$build" ]; then
    had_build=yes
fi
folder=$(mktemp -d "${TMPDIR:-/tmp}/stek-quickstart-XXXXXX")
server=unix:$folder/stekd.sock
names=(A B C)
ports=()
pids=()
stekd_pid=
bad=0

# --- telling, waiting, stopping -------------------------------------------------------------------

step() {
    printf '\n[%3d s] %s\n' "$SECONDS" "$1"
}

die() {
    printf '\nquickstart.sh: %s\n' "$1" >&2
    if [ -n "${2:-}" ] && [ -f "$2" ]; then
        printf 'the end of %s:\n' "${2##*/}" >&2
        tail -n 15 "$2" | sed 's/^/  /' >&2
    fi
    exit 1
}

# wait_for WHAT LOG COMMAND...: until the command succeeds; at most 20 s.
wait_for() {
    local what=$1 log=$2 end=$((SECONDS + 20))
    shift 2
    until "$@"; do
        if [ $SECONDS -ge $end ]; then
            die "waited 20 s in vain: $what" "$log"
        fi
        sleep 0.05
    done
}

stop_process() {
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

clean_up() {
    local code=$?
    trap - EXIT INT TERM HUP
    if [ "$keep" = yes ] && [ $code = 0 ]; then
        exit 0
    fi
    for pid in "${pids[@]}" $stekd_pid; do
        stop_process "$pid"
    done
    rm -rf "$folder"
    if [ "$had_build" = no ] && [ "$keep" = no ]; then
        rm -rf "$build"
        rmdir "$top/build" 2>/dev/null || true
    fi
    exit $code
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- the parts -------------------------------------------------------------------------------------

stekctl() {
    "$build/daemon/ctl/stekctl" --server "$server" "$@"
}

build_all() {
    { cmake --preset release -B "$build" -DSTEK_TESTS=OFF -DSTEK_BENCH=OFF &&
        cmake --build "$build" -j "$(nproc)"; } >"$folder/build.log" 2>&1 ||
        die "the build failed" "$folder/build.log"
}

write_config() {
    cat >"$folder/stekd.yaml" <<YAML
deployment: quickstart
listen:
  - unix: $folder/stekd.sock
store:
  type: memory
operators: ["uid:$(id -u)"]
realms:
  web:
    rotate_every: 10m
    ticket_lifetime: 10m
    sync_interval: 250ms
    readers: ["uid:$(id -u)"]
YAML
}

make_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj /CN=localhost -keyout "$folder/server.key" -out "$folder/server.pem" \
        >"$folder/openssl.log" 2>&1 || die "no certificate" "$folder/openssl.log"
}

# Both start in a session of their own, so that --keep outlives the terminal.
start_stekd() {
    setsid "$build/daemon/app/stekd" --config "$folder/stekd.yaml" \
        >>"$folder/stekd.log" 2>&1 </dev/null &
    stekd_pid=$!
    wait_for "a key is active" "$folder/stekd.log" is_well
}

# Exit code 0 says that all is well, which includes a key that encrypts.
is_well() {
    kill -0 "$stekd_pid" 2>/dev/null || die "stekd ended" "$folder/stekd.log"
    stekctl status >"$folder/status.txt" 2>&1
}

start_frontend() {
    local name=$1 log=$folder/frontend-$1.log
    setsid "$build/client-lib/examples/tls_frontend" --listen 127.0.0.1:0 \
        --cert "$folder/server.pem" --key "$folder/server.key" --endpoint "$server" --realm web \
        --workers 2 --name "frontend-$name" >"$log" 2>&1 </dev/null &
    pids+=($!)
    wait_for "frontend $name listens" "$log" grep -q 'listening on 127.0.0.1:' "$log"
    ports+=("$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$log" | head -n 1)")
}

# Every frontend has told stekd that it installed the newest keys.
all_are_current() {
    stekctl -o json status >"$folder/status.json" 2>&1 || return 1
    grep -q "\"frontends_current\": ${#names[@]}," "$folder/status.json"
}

# --- tickets ---------------------------------------------------------------------------------------

# connect PORT VERSION OPTION...: one connection; how it went is in $folder/client.log.
connect() {
    local port=$1 version=$2
    shift 2
    printf 'GET / HTTP/1.0\r\n\r\n' |
        timeout 10 openssl s_client -connect "127.0.0.1:$port" "-tls$version" -servername localhost \
            -ign_eof "$@" >"$folder/client.log" 2>&1 || true
}

# The name of the key a session's ticket was made with: the ticket's first 16 bytes.
key_of() {
    openssl sess_id -in "$1" -noout -text 2>/dev/null |
        sed -nE '/session ticket:/{n;s/^ *0000 - ([0-9a-f -]{47}).*/\1/p;}' | tr -d ' -'
}

# take_tickets GENERATION: a new session from each frontend, in both versions. A full handshake
# must succeed and must give a ticket.
take_tickets() {
    local version i file
    for version in 1_2 1_3; do
        for i in "${!names[@]}"; do
            file=$folder/$1-$version-${names[$i]}.pem
            connect "${ports[$i]}" "$version" -sess_out "$file"
            if ! grep -q '^New, TLS' "$folder/client.log" || [ -z "$(key_of "$file")" ]; then
                die "frontend ${names[$i]} gave no ticket (TLS ${version/_/.})" "$folder/client.log"
            fi
        done
    done
}

# check_keys GENERATION NAME: all its tickets are made with that key.
check_keys() {
    local file
    for file in "$folder/$1"-*.pem; do
        if [ "$(key_of "$file")" != "$2" ]; then
            printf '  %s is made with key %s, not %s\n' "${file##*/}" "$(key_of "$file")" "$2"
            bad=$((bad + 1))
        fi
    done
}

# show_matrix TITLE GENERATION: offers each of its tickets to each frontend.
show_matrix() {
    local from to version row
    row=$(printf '  on %s' "${names[@]}")
    printf '\n  %-50s  %-18s  %s\n' "$1" 'TLS 1.2' 'TLS 1.3'
    printf '  %-50s%-18s  %s\n' '' "$row" "$row"
    for from in "${!names[@]}"; do
        row=
        for version in 1_2 1_3; do
            for to in "${!names[@]}"; do
                connect "${ports[$to]}" "$version" -sess_in "$folder/$2-$version-${names[$from]}.pem"
                if grep -q '^Reused, TLS' "$folder/client.log"; then
                    row="$row opens"
                else
                    row="$row  FULL"
                    bad=$((bad + 1))
                fi
            done
            row="$row  "
        done
        printf '  %-50s%s\n' "    ticket from ${names[$from]}" "${row%  }"
    done
}

encrypting_key() {
    stekctl -o json keys web | grep -B 2 '"encrypting": true' | sed -n 's/.*"name": "\([0-9a-f]*\)".*/\1/p'
}

# --- the show --------------------------------------------------------------------------------------

step "looking for missing packages"
"$top/deploy/install-deps.sh" || die "packages are missing"

step "building (a minute or so)"
build_all

step "starting stekd (memory store) and three TLS frontends of two processes each"
write_config
make_certificate
start_stekd
for name in "${names[@]}"; do
    start_frontend "$name"
done
wait_for "all frontends hold the keys" "$folder/stekd.log" all_are_current
stekctl status | sed 's/^/  /'
first=$(encrypting_key)

step "which frontend opens whose ticket"
take_tickets first
check_keys first "$first"
show_matrix "key ${first:0:8}..., before the rotation" first

step "stekctl rotate web"
stekctl rotate web --reason "to see it" | sed 's/^/  /'
second=$(encrypting_key)
if [ "$second" = "$first" ]; then
    die "the key did not change"
fi
wait_for "all frontends hold the new keys" "$folder/stekd.log" all_are_current
stekctl keys web | sed 's/^/  /'
take_tickets second
check_keys second "$second"
show_matrix "key ${second:0:8}..., after the rotation" second
show_matrix "key ${first:0:8}..., old tickets, after the rotation" first

step "stopping stekd: the frontends go on with what they hold"
kill "$stekd_pid"
code=0
wait "$stekd_pid" || code=$?
stekd_pid=
if [ $code != 0 ]; then
    die "stekd ended with exit code $code" "$folder/stekd.log"
fi
take_tickets third
check_keys third "$second"
show_matrix "key ${second:0:8}..., new tickets, stekd stopped" third
show_matrix "key ${first:0:8}..., old tickets, stekd stopped" first

if [ $bad != 0 ]; then
    die "$bad of the above is not as it must be"
fi
step "every ticket opened on every frontend"
if [ "$keep" = yes ]; then
    start_stekd
    printf '\nstekd runs again, and so do the frontends. To look at them:\n'
    printf '  export STEKCTL_SERVER=%s\n' "$server"
    printf '  %s status\n' "$build/daemon/ctl/stekctl"
    for i in "${!names[@]}"; do
        printf '  openssl s_client -connect 127.0.0.1:%s </dev/null    # frontend %s\n' \
            "${ports[$i]}" "${names[$i]}"
    done
    printf 'To end it:\n  kill %s %s && rm -rf %s\n' "$stekd_pid" "${pids[*]}" "$folder"
fi
