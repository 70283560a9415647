# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# One daemon with the memory store, reached through its Unix socket. Sourced by
# quickstart.sh, after lib.sh.

server=unix:$folder/stekd.sock
stekd_pid=

stekctl() {
    "$build/daemon/ctl/stekctl" --server "$server" "$@"
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

# Exit code 0 of status says that all is well, which includes a key that encrypts.
is_well() {
    kill -0 "$stekd_pid" 2>/dev/null || die "stekd ended" "$folder/stekd.log"
    stekctl status >"$folder/status.txt" 2>&1
}

start_stekd() {
    start "$folder/stekd.log" "$build/daemon/app/stekd" --config "$folder/stekd.yaml"
    stekd_pid=$pid
    wait_for "a key is active" "$folder/stekd.log" is_well
}

# Every frontend has told stekd that it installed the newest keys.
all_are_current() {
    stekctl -o json status >"$folder/status.json" 2>&1 || return 1
    grep -q "\"frontends_current\": ${#names[@]}," "$folder/status.json"
}

prepare

step "starting stekd (memory store) and three TLS frontends of two processes each"
write_config
make_certificate
start_stekd
for name in "${names[@]}"; do
    start_frontend "$name" --endpoint "$server"
done
wait_for "all frontends hold the keys" "$folder/stekd.log" all_are_current
stekctl status | sed 's/^/  /'
first=$(encrypting_key stekctl)

step "which frontend opens whose ticket"
take_tickets first
check_keys first "$first"
show_matrix "key ${first:0:8}..., before the rotation" first

step "stekctl rotate web"
stekctl rotate web --reason "to see it" | sed 's/^/  /'
second=$(encrypting_key stekctl)
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
forget "$stekd_pid"
if [ $code != 0 ]; then
    die "stekd ended with exit code $code" "$folder/stekd.log"
fi
take_tickets third
check_keys third "$second"
show_matrix "key ${second:0:8}..., new tickets, stekd stopped" third
show_matrix "key ${first:0:8}..., old tickets, stekd stopped" first

finish "every ticket opened on every frontend"
if [ "$keep" = yes ]; then
    start_stekd
    printf '\nstekd runs again, and so do the frontends. To look at them:\n'
    printf '  export STEKCTL_SERVER=%s\n' "$server"
    printf '  %s status\n' "$build/daemon/ctl/stekctl"
    tell_frontends
fi
