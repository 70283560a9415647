# SPDX-License-Identifier: Apache-2.0
"""The stock gRPC client of Node.js against stekd over mutual TLS.

  node_test.py BUILD PROTO_FOLDER

Installs the client as package-lock.json says, with its checksums, into the build folder. Without it
nothing is shown, so when it cannot be had the test fails.
"""

import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
from harness import Bench, require, run_main  # noqa: E402
from world import World  # noqa: E402


def run(argv, timeout, **options):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, check=False, **options)
    require(done.returncode == 0,
            f"{' '.join(argv[:3])} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def install(build):
    """The folder with the modules."""
    folder = os.path.join(build, "tests", "system", "rpc_tls", "node")
    lock = os.path.join(HERE, "package-lock.json")
    have = os.path.join(folder, "package-lock.json")
    done = os.path.join(folder, "node_modules", "@grpc", "grpc-js", "package.json")
    if os.path.exists(done) and os.path.exists(have):
        with open(have, "rb") as one, open(lock, "rb") as other:
            if one.read() == other.read():
                return folder
    require(shutil.which("npm"), "npm is not installed (Debian: npm)")
    os.makedirs(folder, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(HERE, name), folder)
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], 240, cwd=folder)
    return folder


def test(build, arguments):
    protos = arguments[0]
    modules = install(build)
    with Bench(build) as bench:
        world = World(bench)
        frontend, operator = world.frontend(), world.operator()
        seen = json.loads(run(["node", os.path.join(HERE, "client.js"), modules, protos,
                               f"127.0.0.1:{world.port}", world.ca.path, *frontend, *operator],
                              120))
        require(seen["same_ring"], "GetKeyring and WatchKeyring gave different rings")
        require(seen["keys"] >= 2 and set(seen["key_bytes"]) == {32}, f"keys: {seen['key_bytes']}")
        require(seen["rotated"], "the watch did not follow the rotation")
        want = [("PERMISSION_DENIED", "may not read the keys of realm \"mail\""),
                ("INVALID_ARGUMENT", ""), ("NOT_FOUND", "none"), ("NOT_FOUND", "")]
        for (code, part), error in zip(want, seen["errors"], strict=True):
            require(error["code"] == code and part in error["details"],
                    f"{error}, not {code} {part!r}")
        require(seen["bare"]["code"] == "UNAVAILABLE", f"without a certificate: {seen['bare']}")
        require(world.lines("reason=no_certificate", "it sent no certificate"), "not in the log")
        require(world.lines("event=audit", "by node", "spiffe://test/operator/o"), "no audit line")


run_main(test)
