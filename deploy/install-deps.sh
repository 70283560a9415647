#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what building stekd needs (with --tests, what its tests need too) on Debian 12 and its
# kin, if anything of it is missing. As root or with sudo; otherwise says what to install. Services
# that come with a package it installs stay off: whoever needs one starts it with ports of its own.
set -euo pipefail

usage() {
    printf 'usage: %s [--tests] [--redis] [--list]\n\n' "${0##*/}"
    printf '  --tests  what the tests need, too\n'
    printf '  --redis  a redis-server for quickstart.sh --redis\n'
    printf '  --list   only name the packages, one a line\n'
}

build_packages=(
    gcc libc6-dev cmake ninja-build pkg-config openssl
    libssl-dev libevent-dev libnghttp2-dev libyaml-dev
    libprotobuf-c-dev protobuf-c-compiler libhiredis-dev libseccomp-dev
)
# clang and clang-tidy: the second compiler and the analyser. g++: the public headers are valid C++.
# prometheus: promtool. spin: the models. scdoc, mandoc: the man pages. strace: calls that fail.
test_packages=(
    git g++ clang-14 clang libclang-rt-14-dev clang-format-14 clang-tidy-14 libcmocka-dev
    universal-ctags shellcheck redis-server systemd procps prometheus
    python3 python3-grpcio python3-protobuf protobuf-compiler faketime nghttp2-client nghttp2-server
    nodejs npm spin scdoc mandoc gcovr valgrind strace python3-jsonschema patch curl
)

wants_tests=no
wants_redis=no
only_lists=no
for argument in "$@"; do
    case $argument in
    --tests) wants_tests=yes ;;
    --redis) wants_redis=yes ;;
    --list) only_lists=yes ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        printf '%s: unknown argument "%s"\n' "${0##*/}" "$argument" >&2
        usage >&2
        exit 2
        ;;
    esac
done

packages=("${build_packages[@]}")
if [ "$wants_tests" = yes ]; then
    packages+=("${test_packages[@]}")
elif [ "$wants_redis" = yes ]; then
    packages+=(redis-server)
fi
if [ "$only_lists" = yes ]; then
    printf '%s\n' "${packages[@]}"
    exit 0
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    printf 'This is not a Debian system. Please install the equivalents of:\n' >&2
    printf '  %s\n' "${packages[*]}" >&2
    exit 1
fi

missing=()
for package in "${packages[@]}"; do
    # Node.js from elsewhere brings its own npm, and conflicts with Debian's.
    if [ "$package" = npm ] && command -v npm >/dev/null; then
        continue
    fi
    # shellcheck disable=SC2016 # dpkg-query's own ${...}
    if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
        missing+=("$package")
    fi
done
if [ ${#missing[@]} = 0 ]; then
    exit 0
fi

as_root=()
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        printf 'Missing, and this is neither root nor is there sudo. As root:\n' >&2
        printf '  apt-get install --no-install-recommends %s\n' "${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

# Asked by every package's script before it starts its service; 101 says no.
policy=/usr/sbin/policy-rc.d
made_policy=no
clean_up() {
    if [ "$made_policy" = yes ]; then
        "${as_root[@]}" rm -f "$policy"
    fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
services=()
for package in "${missing[@]}"; do
    case $package in redis-server | prometheus) services+=("$package") ;; esac
done
if [ ${#services[@]} != 0 ] && [ ! -e "$policy" ]; then
    made_policy=yes
    "${as_root[@]}" install -m 0755 /dev/stdin "$policy" <<'SH'
#!/bin/sh
exit 101
SH
fi

printf 'installing: %s\n' "${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}"
if [ ${#services[@]} != 0 ] && command -v systemctl >/dev/null; then
    # Nor at the next boot.
    "${as_root[@]}" systemctl disable -q "${services[@]}" || true
fi
