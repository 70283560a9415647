# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# What both demonstrations share: telling, waiting, stopping, the build, the frontends, and tickets
# offered to each of them. quickstart.sh has set top, show, build, builds, had_build, keep and folder.

names=(A B C)
ports=()
pids=()
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
    local code=$? i
    trap - EXIT INT TERM HUP
    if [ "$keep" = yes ] && [ $code = 0 ]; then
        exit 0
    fi
    # The last first, so that nobody misses whom it talks to.
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        stop_process "${pids[$i]}"
    done
    rm -rf "$folder"
    if [ "$builds" = yes ] && [ "$had_build" = no ] && [ "$keep" = no ]; then
        rm -rf "$build"
        rmdir "$top/build" 2>/dev/null || true
    fi
    exit $code
}

# forget PID: it ended.
forget() {
    local other left=()
    for other in "${pids[@]}"; do
        if [ "$other" != "$1" ]; then
            left+=("$other")
        fi
    done
    pids=("${left[@]}")
}

finish() {
    if [ $bad != 0 ]; then
        die "$bad of the above is not as it must be"
    fi
    step "$1"
}

# --- the parts -------------------------------------------------------------------------------------

# prepare INSTALL-OPTION...: missing packages and the build, unless there is one.
prepare() {
    local program
    if [ "$builds" = no ]; then
        for program in openssl $([ "$show" = one ] || printf 'redis-server redis-cli'); do
            command -v "$program" >/dev/null || die "$program is not installed"
        done
        return 0
    fi
    step "looking for missing packages"
    "$top/deploy/install-deps.sh" "$@" || die "packages are missing"
    step "building (a minute or so)"
    { cmake --preset release -B "$build" -DSTEK_TESTS=OFF -DSTEK_BENCH=OFF &&
        cmake --build "$build" -j "$(nproc)"; } >"$folder/build.log" 2>&1 ||
        die "the build failed" "$folder/build.log"
}

# start LOG COMMAND...: in a session of its own, so that --keep outlives the terminal. $pid is its.
start() {
    local log=$1
    shift
    : >>"$log"
    setsid "$@" >>"$log" 2>&1 </dev/null &
    pid=$!
    pids+=("$pid")
}

make_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj /CN=localhost -keyout "$folder/server.key" -out "$folder/server.pem" \
        >"$folder/openssl.log" 2>&1 || die "no certificate" "$folder/openssl.log"
}

# start_frontend NAME OPTION...: how it reaches stekd is in the options.
start_frontend() {
    local name=$1 log=$folder/frontend-$1.log
    shift
    start "$log" "$build/client-lib/examples/tls_frontend" --listen 127.0.0.1:0 \
        --cert "$folder/server.pem" --key "$folder/server.key" --realm web --workers 2 \
        --name "frontend-$name" "$@"
    wait_for "frontend $name listens" "$log" grep -q 'listening on 127.0.0.1:' "$log"
    ports+=("$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$log" | head -n 1)")
}

# How to go on with the frontends, for --keep.
tell_frontends() {
    local i
    for i in "${!names[@]}"; do
        printf '  openssl s_client -connect 127.0.0.1:%s </dev/null    # frontend %s\n' \
            "${ports[$i]}" "${names[$i]}"
    done
    printf 'To end it:\n  kill %s && rm -rf %s\n' "${pids[*]}" "$folder"
}

# encrypting_key STEKCTL...: the name of the key that encrypts; nothing when there is none.
encrypting_key() {
    "$@" -o json keys web | grep -B 2 '"encrypting": true' |
        sed -n 's/.*"name": "\([0-9a-f]*\)".*/\1/p'
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

# show_matrix TITLE GENERATION [refused]: offers each of its tickets to each frontend. It must open;
# with `refused` it must not, and the handshake must be a full one.
show_matrix() {
    local from to version row says want=${3:-opens}
    row=$(printf '  on %s' "${names[@]}")
    printf '\n  %-50s  %-18s  %s\n' "$1" 'TLS 1.2' 'TLS 1.3'
    printf '  %-50s%-18s  %s\n' '' "$row" "$row"
    for from in "${!names[@]}"; do
        row=
        for version in 1_2 1_3; do
            for to in "${!names[@]}"; do
                connect "${ports[$to]}" "$version" -sess_in "$folder/$2-$version-${names[$from]}.pem"
                says=FAILS
                if grep -q '^Reused, TLS' "$folder/client.log"; then
                    says=opens
                elif grep -q '^New, TLS' "$folder/client.log"; then
                    says=full
                fi
                row="$row $(printf '%5s' "$says")"
                if [ "$says" != "${want/refused/full}" ]; then
                    bad=$((bad + 1))
                fi
            done
            row="$row  "
        done
        printf '  %-50s%s\n' "    ticket from ${names[$from]}" "${row%  }"
    done
}
