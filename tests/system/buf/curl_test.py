# SPDX-License-Identifier: Apache-2.0
"""`buf curl` against a running stekd: at the Unix socket by reflection (v1 and v1alpha), so with
nothing but the socket; over mutual TLS, where there is no reflection, with the .proto files.

  curl_test.py BUILD PROTO_FOLDER
"""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, ".."), os.path.join(HERE, "..", "rpc_tls")]
from harness import Bench, require, run_main, wait_until  # noqa: E402
from tool import Buf  # noqa: E402
from world import World  # noqa: E402

STATUS = "stek.v1.AdminService/GetStatus"
REALMS = "stek.v1.AdminService/ListRealms"
WATCH = "stek.v1.KeyService/WatchKeyring"
SERVICES = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection", "stek.v1.AdminService",
            "stek.v1.KeyService"]
OPEN = json.dumps({"open": {"realm": "web", "frontend": "buf"}})


class Curl:
    """How to reach stekd, by one way."""

    def __init__(self, buf, where, *options):
        self.buf, self.where, self.options = buf, where, options
        self.asked = 0

    def run(self, path, *more):
        self.asked += 1
        return self.buf.run("curl", "--protocol", "grpc", *self.options, *more,
                            f"{self.where}/{path}")

    def ask(self, path, message="{}"):
        code, output, errors = self.run(path, "--data", message)
        require(code == 0, f"{path}: {code} {output}{errors}")
        return json.loads(output)

    def watch(self, bench, name, rotate):
        """A stream stays open, and shows what changes while it is."""
        process = self.buf.start(bench, name, "curl", "--protocol", "grpc", *self.options, "--data",
                                 OPEN, f"{self.where}/{WATCH}")
        wait_until("the watch shows a ring", lambda: '"snapshot"' in process.output())
        before = process.output().count('"snapshot"')
        wait_until("a heartbeat comes", lambda: '"heartbeat"' in process.output())
        if rotate:
            rotate()
            wait_until("the watch shows the rotation",
                       lambda: process.output().count('"snapshot"') > before)
        require(process.is_running(), f"the watch ended: {process.errors()}")
        process.kill()


def realms_of(answer):
    return sorted(realm["realm"] for realm in answer["realms"])


def at_the_unix_socket(bench, buf, daemon):
    def rotate():
        daemon.ctl("rotate", "web", "--reason", "for buf")

    asked = 0
    for version in ("grpc-v1", "grpc-v1alpha"):
        curl = Curl(buf, "http://localhost", "--http2-prior-knowledge", "--unix-socket",
                    bench.path("stekd.sock"), "--reflect-protocol", version)
        code, output, errors = curl.run("", "--list-services")
        require(code == 0 and sorted(output.split()) == SERVICES, f"{code} {output}{errors}")
        code, output, errors = curl.run("", "--list-methods")
        require(code == 0 and len(output.split()) == 13, f"{code} {output}{errors}")
        status = curl.ask(STATUS)
        require(status["deployment"] == "test" and status["store"]["type"] == "memory",
                f"status: {status}")
        require(realms_of(status) == ["mail", "web"], f"realms: {status}")
        require(realms_of(curl.ask(REALMS)) == ["mail", "web"], "ListRealms differs")
        require(curl.ask("grpc.health.v1.Health/Check") == {"status": "SERVING"}, "not serving")
        curl.watch(bench, f"watch-{version}", rotate)
        code, _, errors = curl.run("stek.v1.KeyService/GetKeyring", "--data", '{"realm": "mail"}')
        require(code != 0 and "permission_denied" in errors, f"mail: {code} {errors}")
        code, _, errors = curl.run("stek.v1.KeyService/Nothing", "--data", "{}")
        require(code != 0 and "Nothing" in errors, f"unknown method: {code} {errors}")
        asked += curl.asked
    return asked


def over_tcp(bench, buf, world, protos):
    certificate, key = world.operator()
    tls = ["--http2-prior-knowledge", "--cacert", world.ca.path, "--cert", certificate, "--key", key]
    where = f"https://127.0.0.1:{world.port}"
    curl = Curl(buf, where, *tls, "--schema", protos)
    require(realms_of(curl.ask(STATUS)) == ["mail", "web"], "GetStatus by mutual TLS")
    require(realms_of(curl.ask(REALMS)) == ["mail", "web"], "ListRealms by mutual TLS")
    certificate, key = world.frontend()
    tls_of_frontend = [*tls[:-4], "--cert", certificate, "--key", key]
    Curl(buf, where, *tls_of_frontend, "--schema", protos).watch(bench, "watch-tls", None)
    for version in ("grpc-v1", "grpc-v1alpha"):
        blind = Curl(buf, where, *tls, "--reflect-protocol", version)
        code, output, errors = blind.run(STATUS, "--data", "{}")
        require(code != 0 and output == "", f"reflection over TCP: {output}")
        require("failed to find service" in errors, f"without reflection, buf says: {errors}")
    return curl.asked + 4


def test(build, arguments):
    buf = Buf(build)
    with Bench(build) as bench:
        world = World(bench)
        wait_until("a key is active", lambda: world.daemon.encrypting_key("web"))
        asked = at_the_unix_socket(bench, buf, world.daemon)
        asked += over_tcp(bench, buf, world, arguments[0])
        unknown = ('stekd_rpc_server_calls_total{rpc_method="unknown",'
                   'rpc_response_status_code="UNIMPLEMENTED"}')
        require(world.metric(unknown) > 0, "the refusals over TCP were not counted")
    print(f"buf curl: {asked} calls, 3 watches")


run_main(test)
