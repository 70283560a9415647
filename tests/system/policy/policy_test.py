# SPDX-License-Identifier: Apache-2.0
"""A rolling change of a policy: while daemons differ both serve one ring, and whoever did not put
last says so in status, log and metrics; it ends with a put once they agree."""

import os
import socket
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Bench, Daemon, require, run_main, wait_until  # noqa: E402
from redis_server import SECRET, Redis, write_secret  # noqa: E402

SENTENCE = "another policy for this realm"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def configure(bench, redis, name, port, ticket_lifetime):
    sock = bench.path(name + ".sock")
    uid = os.getuid()
    return bench.write(name + ".yaml", f"""\
deployment: test
listen:
  - unix: {sock}
http: 127.0.0.1:{port}
store:
  type: redis
  address: unix:{redis.sock}
  username: stekd
  password_file: redis.password
  key_encryption_keys: [a.kek]
operators: ["uid:{uid}"]
realms:
  web:
    rotate_every: 1h
    sync_interval: 1s
    ticket_lifetime: {ticket_lifetime}
    readers: ["uid:{uid}"]
"""), sock


def problems(daemon):
    return [p for p in daemon.ctl("status", check=False)["problems"] if SENTENCE in p]


def metric(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        for line in page.read().decode().splitlines():
            if line.startswith('stekd_realm_policy_differs{realm="web"}'):
                return line.split()[-1]
    return None


def test(build, _arguments):
    with Bench(build) as bench:
        write_secret(bench, "redis.password", SECRET.encode() + b"\n")
        write_secret(bench, "a.kek", os.urandom(32))
        redis = Redis(bench)
        redis.start()
        ports = [free_port()]
        config, sock = configure(bench, redis, "old", ports[0], "1h")
        old = Daemon(bench, "old", config, sock).start()
        old.wait_for_active()
        require(problems(old) == [] and metric(ports[0]) == "0", "one daemon differs from nobody")

        ports.append(free_port())  # not earlier: another's connection may take it meanwhile
        config, sock = configure(bench, redis, "new", ports[1], "50m")
        new = Daemon(bench, "new", config, sock).start()
        said = wait_until("the new daemon says it", lambda: problems(new))
        require("realm web: daemon '" in said[0] and f"/{old.process.pid}'" in said[0], said[0])
        wait_until("its metric says it", lambda: metric(ports[1]) == "1")
        wait_until("its log says it", lambda: SENTENCE in new.process.errors())
        require(new.wait_for_active() == old.encrypting_key(), "they serve different keys")
        require(problems(old) == [], "the old one put last, and knows of nobody")

        new.ctl("rotate", "web")  # a put under the new policy
        wait_until("the old daemon says it", lambda: problems(old) and metric(ports[0]) == "1")
        wait_until("the new one put last", lambda: not problems(new) and metric(ports[1]) == "0")

        old.stop()
        configure(bench, redis, "old", ports[0], "50m")
        old.start()
        wait_until("they agree", lambda: not problems(old) and not problems(new))
        require(metric(ports[0]) == "0" and metric(ports[1]) == "0", "the metric lags")


run_main(test)
