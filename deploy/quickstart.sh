#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# stekd on one machine, from nothing to tickets crossing a fleet: installs what is missing, builds,
# starts stekd and three TLS frontends on loopback, and shows on which frontend whose ticket opens:
# before a rotation, after it, and with stekd stopped. With --redis: two daemons beside one Redis,
# mutual TLS, a revocation, and one daemon killed. Exit code 0 only if every ticket opened where it
# must and nowhere else. Leaves nothing behind unless --keep.
set -euo pipefail
export LC_ALL=C
top=$(cd "$(dirname "$0")/.." && pwd)

usage() {
    printf 'usage: quickstart.sh [--redis] [--keep] [--build DIR]\n\n'
    printf '  --redis      a fleet: two daemons beside a Redis it starts itself, mutual TLS\n'
    printf '  --keep       leave what runs and what was built, to go on trying\n'
    printf '  --build DIR  take the programs built in DIR; install and build nothing\n'
}

refuse() {
    printf 'quickstart.sh: %s\n' "$1" >&2
    usage >&2
    exit 2
}

show=one
keep=no
build=$top/build/quickstart
builds=yes
while [ $# != 0 ]; do
    case $1 in
    --redis) show=fleet ;;
    --keep) keep=yes ;;
    --build)
        [ $# -ge 2 ] || refuse '--build needs a folder'
        shift
        build=$(cd "$1" 2>/dev/null && pwd) || refuse "there is no folder \"$1\""
        [ -x "$build/daemon/app/stekd" ] || refuse "nothing is built in $build"
        builds=no
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) refuse "unknown argument \"$1\"" ;;
    esac
    shift
done

cd "$top"
had_build=no
if [ -e "$build" ]; then
    had_build=yes
fi
folder=$(mktemp -d "${TMPDIR:-/tmp}/stek-quickstart-XXXXXX")

# shellcheck source=deploy/quickstart/lib.sh
. "$top/deploy/quickstart/lib.sh"
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

case $show in
one)
    # shellcheck source=deploy/quickstart/one.sh
    . "$top/deploy/quickstart/one.sh"
    ;;
fleet)
    # shellcheck source=deploy/quickstart/fleet.sh
    . "$top/deploy/quickstart/fleet.sh"
    ;;
esac
