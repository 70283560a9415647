#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How many of the lines that matter ran: BUILD is a folder of the preset `coverage` whose tests have
# run. Prints a line a room, and the least covered files; exit 1 if a room is below the floor.
set -euo pipefail

if [ $# != 1 ] || [ ! -f "$1/CMakeCache.txt" ]; then
    printf 'usage: tests/coverage.sh BUILD (built with the preset coverage, its tests run)\n' >&2
    exit 2
fi
build=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/.." && pwd)
report=$build/coverage.json

# Told to stop when a worker of it ends badly, which it waits for in vain.
timeout 300 gcovr --root "$top" --json-summary "$report" --json-summary-pretty \
    --filter "$top/core/" --filter "$top/daemon/" --filter "$top/client-lib/src/" \
    -j "$(nproc)" "$build" >/dev/null

python3 - "$report" <<'PYTHON'
import json
import sys

FLOOR = 90.0
HELD = ("core/base", "core/keyring", "core/wire", "daemon/store", "daemon/serve", "client-lib/src")

rooms, files = {}, []
for entry in json.load(open(sys.argv[1]))["files"]:
    name, total, hit = entry["filename"], entry["line_total"], entry["line_covered"]
    room = name.rsplit("/", 1)[0]
    have = rooms.setdefault(room, [0, 0])
    have[0] += hit
    have[1] += total
    files.append((100.0 * hit / total if total else 100.0, name))

low = [room for room in HELD if room not in rooms or rooms[room][0] * 100 < FLOOR * rooms[room][1]]
for room, (hit, total) in sorted(rooms.items()):
    mark = "" if room in HELD else "  (no floor)"
    print(f"  {100.0 * hit / max(total, 1):6.2f} %  {hit:5d} of {total:5d} lines  {room}{mark}")
least = sorted(pair for pair in files if pair[1].startswith(HELD))[:5]
print("  least covered: " + ", ".join(f"{name} {percent:.0f} %" for percent, name in least))
if low:
    print(f"below {FLOOR:.0f} %: {', '.join(low)}")
    sys.exit(1)
hit = sum(rooms[room][0] for room in HELD)
total = sum(rooms[room][1] for room in HELD)
print(f"coverage: {100.0 * hit / total:.2f} % of {total} lines in core, daemon/store, daemon/serve, client-lib/src")
PYTHON
