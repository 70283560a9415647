#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD-FOLDER [--long] [--only NAME]: builds each known fault and sees the tests catch it.
exec python3 "$(dirname "$0")/known_bad.py" "$@"
