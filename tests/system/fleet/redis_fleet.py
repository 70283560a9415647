# SPDX-License-Identifier: Apache-2.0
"""Three daemons beside one Redis, four frontends, the standing load: what may be done to them."""

import json
import os
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from certs import Authority  # noqa: E402
from fleet import Frontend, is_issuing  # noqa: E402
from harness import Daemon, require, wait_until  # noqa: E402
from redis_server import SECRET, Redis, write_secret  # noqa: E402

ROTATE_S = 4
SYNC_MS = 500
LIFETIME_S = 8
DAEMONS = 3
FRONTENDS = 4
CHAINS = 100
RECORD = "stek:{web}"


class Load:
    """The standing load, told of frontends that are about to die."""

    def __init__(self, bench, frontends, chains, seed, name="load"):
        pipe_read, self.pipe = os.pipe()
        ports = ",".join(str(frontend.port) for frontend in frontends)
        self.process = bench.start(
            name, [bench.program("tests/system/fleet/tls_load"), ports, str(chains), "3600",
                     str(seed)], stdin=pipe_read)
        os.close(pipe_read)
        self.said = 0

    def tell(self, line):
        os.write(self.pipe, line.encode() + b"\n")
        self.said += 1
        wait_until("the load obeys: " + line, lambda: self.lines() >= self.said, 30)
        answer = self.process.output().splitlines()[self.said - 1]
        require(answer == line, "the load answers: " + answer)

    def lines(self):
        require(self.process.is_running(), "the load ended")
        return self.process.output().count("\n")

    def end(self):
        os.write(self.pipe, b"end\n")
        wait_until("the load ends", lambda: not self.process.is_running(), 60)
        os.close(self.pipe)
        sys.stderr.write(self.process.errors())
        require(self.process.child.returncode == 0, "the load broke")
        return json.loads(self.process.output().splitlines()[-1])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_daemon(bench, redis, name, rotate_s=ROTATE_S, sync_ms=SYNC_MS, authority=None):
    """`authority`: it listens on a port too, by mutual TLS, and that is its `endpoint`."""
    sock = bench.path(name + ".sock")
    uid = os.getuid()
    address, listener = None, ""
    if authority is not None:
        cert, key = authority.issue(name, ip=["127.0.0.1"], eku="serverAuth")
        address = f"127.0.0.1:{free_port()}"
        listener = (f"  - address: {address}\n    tls: {{ certificate: {cert}, private_key: {key}, "
                    f"client_ca: {authority.path} }}\n")
    config = bench.write(name + ".yaml", f"""\
deployment: test
listen:
  - unix: {sock}
{listener}store:
  type: redis
  address: unix:{redis.sock}
  username: stekd
  password_file: redis.password
  key_encryption_keys: [fleet.kek]
operators: ["uid:{uid}"]
realms:
  web:
    rotate_every: {rotate_s}s
    sync_interval: {sync_ms}ms
    ticket_lifetime: {LIFETIME_S}s
    readers: ["uid:{uid}", "spiffe://example.org/frontend/*"]
""")
    daemon = Daemon(bench, name, config, sock)
    daemon.frontends_endpoint = address or daemon.endpoint
    return daemon


def realm_of(daemon):
    return daemon.ctl("status", check=False)["realms"][0]


def realms_of(daemons):
    """Asked for at once: rings change every other second, and a slow machine is slow to ask."""
    with ThreadPoolExecutor(len(daemons)) as pool:
        return list(pool.map(realm_of, daemons))


def hold_one_ring(daemons):
    return len({realm["digest"] for realm in realms_of(daemons)}) == 1


class Fleet:
    """`daemon_env` and `frontend_env` are for the last daemon and the last frontend, `policy` is
    rotate_s and sync_ms. `is_by_tls`: frontends reach the daemons' ports, by mutual TLS, and not
    their Unix sockets."""

    def __init__(self, bench, draw, daemon_env=None, frontend_env=None, is_by_tls=False, **policy):
        self.bench = bench
        self.draw = draw
        self.policy = policy
        self.began = time.monotonic()
        write_secret(bench, "redis.password", SECRET.encode() + b"\n")
        write_secret(bench, "fleet.kek", os.urandom(32))
        self.redis = Redis(bench)
        self.redis.start()
        authority = Authority(bench, "ca") if is_by_tls else None
        self.daemons = [make_daemon(bench, self.redis, f"d{i}", authority=authority, **policy)
                        for i in range(DAEMONS)]
        self.daemons[-1].env = daemon_env
        for daemon in self.daemons:
            daemon.start()
        cert, key = bench.certificate()
        envs = [None] * (FRONTENDS - 1) + [frontend_env]
        self.frontends = [
            Frontend(bench, self.daemons, f"fe-{i}", cert, key, env, authority)
            for i, env in enumerate(envs)]
        self.daemons[0].wait_for_active()
        for frontend in self.frontends:
            wait_until(frontend.name + " issues", lambda f=frontend: is_issuing(f.status()))
        self.load = Load(bench, self.frontends, CHAINS, draw.randrange(1 << 30))
        self.old_record = self.redis.ask("GET", RECORD)
        self.old_snapshot = self.redis.dump()
        self.stale = None  # what was put back, and must be replaced
        self.took = {}

    def note(self, what):
        print(f"{time.monotonic() - self.began:8.3f}  {what}", file=sys.stderr)

    def pause(self, least, most):
        """Where in the rotation the next thing happens is what the seed decides."""
        time.sleep(self.draw.uniform(least, most))

    def is_whole(self):
        realms = realms_of(self.daemons)
        return (all(realm["ready"] and realm["problem"] == "" for realm in realms) and
                len({realm["digest"] for realm in realms}) == 1 and
                self.redis.ask("GET", RECORD) not in (None, self.stale))

    def restart_frontend(self, number, downtime_s):
        """Killed without a word to anybody but the load, which tells its clients' errors from ours."""
        frontend = self.frontends[number]
        self.load.tell(f"doubt {number}")
        frontend.kill()
        time.sleep(downtime_s)
        frontend.start()
        wait_until("the new frontend issues", lambda: is_issuing(frontend.status()))
        self.load.tell(f"trust {number} {frontend.port}")

    def strike(self, what, how):
        self.pause(0, ROTATE_S)
        self.remember()
        before = self.redis.ask("GET", RECORD)
        self.note(what)
        how(self)
        began = time.monotonic()
        if self.stale == before:
            self.stale = None  # the backup was no older than what it replaced
        wait_until(what + " is healed", self.is_whole, 60, 0.05)
        self.took[what] = max(self.took.get(what, 0), time.monotonic() - began)
        self.stale = None

    def remember(self):
        """What an old backup is made of."""
        if self.draw.random() < 0.5:
            self.old_record = self.redis.ask("GET", RECORD)
            self.old_snapshot = self.redis.dump()

    def start_redis(self, snapshot=None):
        """With what is in `snapshot`, or with nothing."""
        path = self.bench.path("dump.rdb")
        if snapshot is not None:
            with open(path, "wb") as f:
                f.write(snapshot)
        elif os.path.exists(path):
            os.unlink(path)
        self.redis.start()

    def finish(self):
        for frontend in self.frontends:
            wait_until(frontend.name + " issues", lambda f=frontend: is_issuing(f.status()))
            require(frontend.process.is_running(), frontend.name + " died")
        result = self.load.end()
        for frontend in self.frontends:
            print(f"{frontend.name} since its start: {frontend.status()['counters']}")
        return result

    def judge_store(self):
        """A newcomer knows of the ring what the store holds, and nothing else."""
        newcomer = make_daemon(self.bench, self.redis, "newcomer", **self.policy).start()
        everybody = [*self.daemons, newcomer]
        wait_until("the store holds what every daemon holds",
                   lambda: hold_one_ring(everybody), 60)
        for daemon in everybody:
            require(daemon.stop() == 0, daemon.name + " did not stop with 0")
        for frontend in self.frontends:
            require(frontend.process.stop() == 0, frontend.name + " did not stop with 0")
