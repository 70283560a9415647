# SPDX-License-Identifier: Apache-2.0
"""A whole fleet under faults: three daemons beside one Redis, four frontends, the standing load.

  faults.py BUILD processes [SEED]    daemons killed and stopped, frontends killed
  faults.py BUILD store [SEED]        Redis killed, emptied, and set back to an old state
  faults.py BUILD everything [SEED]   every daemon and Redis gone at once

Each kind of fault strikes five times (twenty with STEK_TEST_LONG=1), in an order and at phases of
the rotation that the seed decides. No ticket may be refused inside its lifetime and no handshake
may fail; in the end the store holds what every daemon holds.

A loss is healed before the next one (the fault budget of I1, tests/sim/invariants.h). Where every
daemon and the store forget at once, frontends that live go on opening what they know, and one that
begins afterwards knows nothing older: so in `everything` no frontend is restarted.
"""

import json
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from fleet import Frontend, is_issuing, judge_client  # noqa: E402
from harness import Bench, Daemon, Failure, require, run_main, wait_until  # noqa: E402
from redis_server import Redis, write_secret, SECRET  # noqa: E402

ROTATE_S = 4
SYNC_MS = 500
LIFETIME_S = 8
DAEMONS = 3
FRONTENDS = 4
CHAINS = 200
RECORD = "stek:{web}"


class Load:
    """The standing load, told of frontends that are about to die."""

    def __init__(self, bench, frontends, chains, seed):
        pipe_read, self.pipe = os.pipe()
        ports = ",".join(str(frontend.port) for frontend in frontends)
        self.process = bench.start(
            "load", [bench.program("tests/system/fleet/tls_load"), ports, str(chains), "3600",
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


def make_daemon(bench, redis, name):
    sock = bench.path(name + ".sock")
    uid = os.getuid()
    config = bench.write(name + ".yaml", f"""\
deployment: test
listen:
  - unix: {sock}
store:
  type: redis
  address: unix:{redis.sock}
  username: stekd
  password_file: redis.password
  key_encryption_keys: [fleet.kek]
operators: ["uid:{uid}"]
realms:
  web:
    rotate_every: {ROTATE_S}s
    sync_interval: {SYNC_MS}ms
    ticket_lifetime: {LIFETIME_S}s
    readers: ["uid:{uid}"]
""")
    return Daemon(bench, name, config, sock)


def realm_of(daemon):
    return daemon.ctl("status", check=False)["realms"][0]


class Fleet:
    def __init__(self, bench, draw):
        self.bench = bench
        self.draw = draw
        self.began = time.monotonic()
        write_secret(bench, "redis.password", SECRET.encode() + b"\n")
        write_secret(bench, "fleet.kek", os.urandom(32))
        self.redis = Redis(bench)
        self.redis.start()
        self.daemons = [make_daemon(bench, self.redis, f"d{i}").start() for i in range(DAEMONS)]
        cert, key = bench.certificate()
        self.frontends = [Frontend(bench, self.daemons, f"fe-{i}", cert, key)
                          for i in range(FRONTENDS)]
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
        realms = [realm_of(daemon) for daemon in self.daemons]
        return (all(realm["ready"] and realm["problem"] == "" for realm in realms) and
                len({realm["digest"] for realm in realms}) == 1 and
                self.redis.ask("GET", RECORD) not in (None, self.stale))

    def strike(self, what, how):
        self.pause(0, ROTATE_S)
        self.remember()
        before = self.redis.ask("GET", RECORD)
        self.note(what)
        how(self)
        began = time.monotonic()
        if self.stale == before:
            self.stale = None  # the backup was no older than what it replaced
        wait_until(what + " is healed", self.is_whole, 30, 0.05)
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
        return self.load.end()

    def judge_store(self):
        """A newcomer knows of the ring what the store holds, and nothing else."""
        newcomer = make_daemon(self.bench, self.redis, "newcomer").start()
        everybody = [*self.daemons, newcomer]
        wait_until("the store holds what every daemon holds",
                   lambda: len({realm_of(daemon)["digest"] for daemon in everybody}) == 1)
        for daemon in everybody:
            require(daemon.stop() == 0, daemon.name + " did not stop with 0")
        for frontend in self.frontends:
            require(frontend.process.stop() == 0, frontend.name + " did not stop with 0")


def kill_daemon(number):
    def strike(fleet):
        daemon = fleet.daemons[number]
        daemon.kill()
        fleet.pause(0, 3)
        daemon.start()
    return strike


def stop_daemon(fleet):
    daemon = fleet.draw.choice(fleet.daemons)
    daemon.process.signal(signal.SIGSTOP)
    fleet.pause(0.1, 6)
    daemon.process.signal(signal.SIGCONT)


def kill_frontend(fleet):
    number = fleet.draw.randrange(FRONTENDS)
    frontend = fleet.frontends[number]
    fleet.load.tell(f"doubt {number}")
    frontend.kill()
    fleet.pause(0, 2)
    frontend.start()
    wait_until("the new frontend is synced", lambda: is_issuing(frontend.status()))
    fleet.load.tell(f"trust {number} {frontend.port}")


def restart_redis_empty(fleet):
    fleet.redis.kill()
    fleet.pause(0, 2)
    fleet.start_redis()


def restart_redis_old(fleet):
    fleet.redis.kill()
    fleet.pause(0, 2)
    fleet.stale = fleet.old_record
    fleet.start_redis(fleet.old_snapshot)


def flush(fleet):
    fleet.redis.ask("FLUSHALL")


def put_old_record(fleet):
    fleet.stale = fleet.old_record
    fleet.redis.ask("SET", RECORD, fleet.old_record)


def lose_everything(fleet):
    for daemon in fleet.daemons:
        daemon.kill()
    fleet.redis.kill()
    fleet.pause(0, 3)
    starts = [daemon.start for daemon in fleet.daemons] + [fleet.start_redis]
    fleet.draw.shuffle(starts)
    for start in starts:
        start()


KINDS = {
    "processes": {"kill -9 of d0": kill_daemon(0), "kill -9 of d1": kill_daemon(1),
                  "kill -9 of d2": kill_daemon(2), "SIGSTOP of a daemon": stop_daemon,
                  "a frontend killed": kill_frontend},
    "store": {"Redis killed, back empty": restart_redis_empty, "FLUSHALL": flush,
              "an old RDB restored": restart_redis_old, "an old record restored": put_old_record},
    "everything": {"all daemons and Redis down": lose_everything},
}


def run(build, group, seed, times):
    print(f"seed {seed}", file=sys.stderr)
    draw = random.Random(seed)
    strikes = [kind for kind in KINDS[group] for _ in range(times)]
    draw.shuffle(strikes)
    with Bench(build) as bench:
        fleet = Fleet(bench, draw)
        for kind in strikes:
            fleet.strike(kind, KINDS[group][kind])
        fleet.pause(0, ROTATE_S)
        result = fleet.finish()
        print(json.dumps({"times": {kind: times for kind in KINDS[group]},
                          "healed_within_s": {k: round(v, 2) for k, v in fleet.took.items()},
                          **result}))
        judge_client(result, 20 * len(strikes))
        fleet.judge_store()


def main(build, arguments):
    if not arguments or arguments[0] not in KINDS or len(arguments) > 2:
        raise Failure("arguments: processes, store or everything, and a seed")
    seed = int(arguments[1]) if len(arguments) == 2 else int.from_bytes(os.urandom(4), "big")
    run(build, arguments[0], seed, 20 if os.environ.get("STEK_TEST_LONG") == "1" else 5)


if __name__ == "__main__":
    run_main(main)
