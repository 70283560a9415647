# SPDX-License-Identifier: Apache-2.0
"""The stock gRPC client of Node.js against stekd over mutual TLS.

  node_test.py BUILD PROTO_FOLDER
"""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
from harness import Bench, require, run_main  # noqa: E402
from npm import install, run  # noqa: E402
from world import World  # noqa: E402


def test(build, arguments):
    protos = arguments[0]
    modules = install(build, HERE, "@grpc/grpc-js/package.json")
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
