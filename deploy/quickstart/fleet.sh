# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# Two daemons beside one Redis, mutual TLS between all, a revocation, one daemon killed. Sourced by
# quickstart.sh, after lib.sh.

daemons=()     # pids; empty: not running
addresses=()   # HOST:PORT
tls=$folder/tls

# --- the parts -------------------------------------------------------------------------------------

# stekctl_at DAEMON ARGUMENT...: as the operator alice, over mutual TLS.
stekctl_at() {
    local i=$1
    shift
    "$build/daemon/ctl/stekctl" --server "${addresses[$i]}" --ca "$tls/ca.pem" \
        --cert "$tls/alice.pem" --key "$tls/alice.key" "$@"
}

make_keys() {
    local pki=("$build/daemon/ctl/stekctl" pki) name i
    (
        cd "$folder"
        "${pki[@]}" ca
        for i in 1 2; do
            "${pki[@]}" server localhost 127.0.0.1 --out "tls/stekd-$i"
        done
        for name in "${names[@]}"; do
            "${pki[@]}" client "fe-$name"
        done
        "${pki[@]}" operator alice
        "${pki[@]}" kek kek
    ) >"$folder/pki.log" || die "the certificates could not be made" "$folder/pki.log"
    grep '^wrote' "$folder/pki.log" | sed 's/^/  /'
}

# The kernel keeps ports from 32768 on for connections; of those below one that nobody answers at.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%s\n' "$port"
            return 0
        fi
    done
}

redis() {
    redis-cli -s "$folder/redis.sock" "$@"
}

# Without a port and without a file: what it holds, it may lose at any time.
start_redis() {
    start "$folder/redis.log" redis-server --port 0 --unixsocket "$folder/redis.sock" \
        --unixsocketperm 700 --save '' --appendonly no --dir "$folder"
    wait_for "redis-server answers" "$folder/redis.log" redis ping >/dev/null 2>&1
}

# write_config DAEMON: the two differ in their address and certificate.
write_config() {
    local i=$1 number=$(($1 + 1))
    cat >"$folder/stekd-$number.yaml" <<YAML
deployment: quickstart
listen:
  - address: ${addresses[$i]}
    tls:
      certificate: tls/stekd-$number.pem
      private_key: tls/stekd-$number.key
      client_ca: tls/ca.pem
store:
  type: redis
  address: unix:$folder/redis.sock
  key_encryption_keys: [kek]
operators: ["spiffe://example.org/operator/*"]
realms:
  web:
    rotate_every: 10m
    ticket_lifetime: 10m
    sync_interval: 500ms
    readers: ["spiffe://example.org/frontend/*"]
YAML
}

# A daemon whose port somebody took meanwhile ends at once; it gets another.
start_stekd() {
    local i=$1 number=$(($1 + 1)) log=$folder/stekd-$(($1 + 1)).log tries=0
    while :; do
        if [ -z "${addresses[$i]:-}" ] || [ $tries -gt 0 ]; then
            addresses[i]=127.0.0.1:$(free_port)
            write_config "$i"
        fi
        start "$log" "$build/daemon/app/stekd" --config "$folder/stekd-$number.yaml"
        daemons[i]=$pid
        wait_for "stekd $number answers or ends" "$log" answers_or_ends "$i"
        if kill -0 "${daemons[$i]}" 2>/dev/null; then
            return 0
        fi
        forget "${daemons[$i]}"
        tries=$((tries + 1))
        if [ $tries -ge 3 ]; then
            die "stekd $number does not start" "$log"
        fi
    done
}

answers_or_ends() {
    kill -0 "${daemons[$1]}" 2>/dev/null || return 0
    stekctl_at "$1" status >"$folder/status.txt" 2>&1 || [ $? = 4 ]
}

# Exit code 0 of status says that all is well, which includes a key that encrypts.
are_well() {
    local i
    for i in "${!daemons[@]}"; do
        kill -0 "${daemons[$i]}" 2>/dev/null || die "stekd $((i + 1)) ended" "$folder/stekd-$((i + 1)).log"
        stekctl_at "$i" status >"$folder/status.txt" 2>&1 || return 1
    done
}

# Every frontend has told one of the daemons that it installed the newest keys, and the daemons
# agree on the one that encrypts.
all_are_current() {
    local i key sum=0 count seen=
    for i in "${!daemons[@]}"; do
        stekctl_at "$i" -o json status >"$folder/status.json" 2>&1 || return 1
        count=$(sed -n 's/.*"frontends_current": \([0-9]*\),.*/\1/p' "$folder/status.json")
        sum=$((sum + count))
        key=$(encrypting_key stekctl_at "$i")
        if [ -z "$key" ] || { [ -n "$seen" ] && [ "$key" != "$seen" ]; }; then
            return 1
        fi
        seen=$key
    done
    [ "$sum" = ${#names[@]} ]
}

settle() {
    wait_for "all frontends hold $1" "$folder/stekd-2.log" all_are_current
}

# --- the show --------------------------------------------------------------------------------------

prepare --redis

step "stekctl pki: a throw-away CA, a certificate for everybody, a key that seals the records"
make_keys
make_certificate

step "starting redis-server, two stekd on mutual TLS, three TLS frontends of two processes each"
start_redis
start_stekd 0
start_stekd 1
for i in "${!names[@]}"; do
    # Each knows both; they begin with different ones.
    start_frontend "${names[$i]}" --endpoint "${addresses[i % 2]}" \
        --endpoint "${addresses[(i + 1) % 2]}" --stek-ca "$tls/ca.pem" \
        --stek-cert "$tls/fe-${names[$i]}.pem" --stek-key "$tls/fe-${names[$i]}.key"
done
wait_for "all is well" "$folder/stekd-1.log" are_well
settle "the keys"
for i in 0 1; do
    printf '\n  stekd %s, %s\n' "$((i + 1))" "${addresses[$i]}"
    stekctl_at "$i" status | sed 's/^/    /'
done
first=$(encrypting_key stekctl_at 0)

step "which frontend opens whose ticket"
take_tickets first
check_keys first "$first"
show_matrix "key ${first:0:8}..., before the rotation" first

step "stekctl rotate web, at stekd 1"
stekctl_at 0 rotate web --reason "to see it" | sed 's/^/  /'
settle "the new keys"
second=$(encrypting_key stekctl_at 1)
if [ "$second" = "$first" ]; then
    die "the key did not change"
fi
take_tickets second
check_keys second "$second"
show_matrix "key ${second:0:8}..., after the rotation" second
show_matrix "key ${first:0:8}..., old tickets, after the rotation" first

step "stekctl revoke web ${second:0:8}..., at stekd 2: as if that key had been stolen"
stekctl_at 1 revoke web "$second" --reason "to see it" | sed 's/^/  /' ||
    die "the revocation was not confirmed" "$folder/stekd-2.log"
settle "the revocation"
third=$(encrypting_key stekctl_at 0)
if [ "$third" = "$second" ]; then
    die "the revoked key still encrypts"
fi
take_tickets third
check_keys third "$third"
show_matrix "key ${second:0:8}..., revoked" second refused
show_matrix "key ${first:0:8}..., not revoked" first
show_matrix "key ${third:0:8}..., its successor" third

step "kill -9 stekd 1: its frontends go over to the other, and all goes on"
kill -9 "${daemons[0]}"
wait "${daemons[0]}" 2>/dev/null || true
forget "${daemons[0]}"
unset 'daemons[0]'
settle "the keys, from stekd 2"
stekctl_at 1 rotate web --reason "to see it" | sed 's/^/  /'
settle "the new keys, from stekd 2"
fourth=$(encrypting_key stekctl_at 1)
if [ "$fourth" = "$third" ]; then
    die "the key did not change"
fi
take_tickets fourth
check_keys fourth "$fourth"
show_matrix "key ${fourth:0:8}..., stekd 1 dead" fourth
show_matrix "key ${third:0:8}..., old tickets, stekd 1 dead" third
show_matrix "key ${second:0:8}..., revoked, stekd 1 dead" second refused

finish "every ticket opened where it must, and a revoked one nowhere"
if [ "$keep" = yes ]; then
    start_stekd 0
    printf '\nstekd 1 runs again, and so does everybody else. To look at them:\n'
    printf '  %s --server %s --ca %s --cert %s --key %s status\n' "$build/daemon/ctl/stekctl" \
        "${addresses[0]}" "$tls/ca.pem" "$tls/alice.pem" "$tls/alice.key"
    tell_frontends
fi
