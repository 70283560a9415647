#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes what is generated and compared: the messages about wrong configurations, the sample and the
# manual page of the configuration, what stekctl prints in each state. Look at the difference before it is committed.
# usage: tests/golden/update.sh [BUILD_FOLDER]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build/dev}" && pwd)
ctl=$build/daemon/ctl/stekctl

"$ctl" config sample >"$root/deploy/config/stekd.yaml"
"$ctl" config man >"$root/docs/man/stekd.yaml.5.scd"
STEK_GOLDEN_UPDATE=1 "$build/tests/unit/config/test_config_config_rows"
python3 "$root/tests/system/config_files/config_files_test.py" "$build" --update
python3 "$root/tests/system/ctl_golden/ctl_golden_test.py" "$build" --update
cd "$root/tests/golden/config"
for file in *.yaml; do
    "$ctl" config check "$file" >/dev/null 2>"${file%.yaml}.expected" || true
done
