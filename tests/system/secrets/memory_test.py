# SPDX-License-Identifier: Apache-2.0
"""Where key bytes are: every mapping of every process, logs, Redis' files and captures of the wire.

  memory_test.py BUILD PROTOC PROTO_FOLDER

Two daemons beside one Redis reached by TCP, one of them listening by TLS; two frontends with two
workers each, one by the Unix socket and one by TLS; the standing load, a watching reader by either way,
operators' commands. All of it is read from outside: first with a canary planted in each kind of place,
then with keys alive, after they were dropped, after one was revoked, after all were.
Needs root: stekd's memory is readable to nobody else.
"""

import glob
import os
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, ".."), os.path.join(HERE, "..", "fleet")]
from capture import Capture, enter_network  # noqa: E402
from certs import Authority  # noqa: E402
from fleet import Frontend, is_issuing  # noqa: E402
from harness import Bench, Daemon, require, run_main, wait_until  # noqa: E402
from reader import Messages, Reader, by_tls, by_unix, private_number  # noqa: E402
from redis_fleet import Load, free_port  # noqa: E402
from redis_server import Redis, write_secret  # noqa: E402
from scanner import Needles, scan  # noqa: E402

LONG = os.environ.get("STEK_TEST_LONG") == "1"
ROTATE_S, SYNC_MS, LIFETIME_S = 4, 500, 2
KEYS_SEEN = 20 if LONG else 3      # keys that have encrypted before the first look
CONNECTIONS = 20000 if LONG else 2000
DROP_MS = 1500                     # after dropped_from: a timer and a busy machine
PLACES = ["heap", "stack", "data", "thread", "private", "shared", "memfd", "locked", "no-access"]
CONTEXTS = ["", "api"]
CHAINS = 60


class World:
    def __init__(self, bench, protoc, folder):
        self.bench = bench
        self.keys = {}      # name to bytes, of every key there ever was
        self.number = {}    # name of a private key to its number
        self.kek, self.password = os.urandom(32), os.urandom(24).hex()
        write_secret(bench, "a.kek", self.kek)
        write_secret(bench, "redis.password", self.password.encode() + b"\n")
        self.capture = Capture(bench.path("capture"))
        self.start_redis()
        self.ca = Authority(bench, "ca")
        self.port = free_port()
        self.one = self.make_daemon("one", self.tls_listener()).start()
        self.two = self.make_daemon("two", "").start()
        self.start_frontends()
        self.start_readers(protoc, folder)
        self.loads = []

    def start_redis(self):
        self.redis = Redis(self.bench, self.password)
        self.redis_port = free_port()
        self.redis.words = ["--port", str(self.redis_port), "--appendonly", "yes",
                            "--appendfsync", "always", "--aof-use-rdb-preamble", "no",
                            "--rdbcompression", "no"]
        self.redis.start()

    def tls_listener(self):
        cert, key = self.ca.issue("one", ip=["127.0.0.1"], eku="serverAuth")
        self.number["key-of-one"] = private_number(key)
        return (f"  - address: 127.0.0.1:{self.port}\n    tls: {{ certificate: {cert}, "
                f"private_key: {key}, client_ca: {self.ca.path} }}\n")

    def make_daemon(self, name, listener):
        uid = os.getuid()
        sock = self.bench.path(name + ".sock")
        config = self.bench.write(name + ".yaml", f"""\
deployment: test
log: {{ level: debug }}
listen:
  - unix: {sock}
{listener}store:
  type: redis
  address: 127.0.0.1:{self.redis_port}
  username: stekd
  password_file: redis.password
  key_encryption_keys: [a.kek]
operators: ["uid:{uid}"]
realms:
  web:
    rotate_every: {ROTATE_S}s
    sync_interval: {SYNC_MS}ms
    ticket_lifetime: {LIFETIME_S}s
    readers: ["uid:{uid}", "spiffe://example.org/frontend/*"]
""")
        return Daemon(self.bench, name, config, sock)

    def start_frontends(self):
        cert, key = self.bench.certificate()
        self.by_unix = Frontend(self.bench, [self.two], "fe-unix", cert, key)
        self.one.frontends_endpoint = f"127.0.0.1:{self.port}"
        self.by_tls = Frontend(self.bench, [self.one], "fe-tls", cert, key, None, self.ca)
        self.number["key-of-fe-tls"] = private_number(self.ca.file("fe-tls.key"))
        # Another context, so other subkeys: the same program anew.
        self.by_tls.kill()
        self.by_tls.words += ["--context", "api"]
        self.by_tls.start()
        self.frontends = [self.by_unix, self.by_tls]
        self.one.wait_for_active()
        for frontend in self.frontends:
            wait_until(frontend.name + " issues", lambda f=frontend: is_issuing(f.status()))

    def start_readers(self, protoc, folder):
        messages = Messages(self.bench, protoc, folder)
        channels = [by_unix(self.two), by_tls(self.ca, self.port)]
        self.readers = [Reader(channel, messages, self.keys, f"reader-{i}")
                        for i, channel in enumerate(channels)]

    # ---- what is looked at ----

    def processes(self):
        """Everybody there is, this test and its operators' commands apart."""
        found = {process.name: process.pid for process in self.bench.processes
                 if process.is_running()}
        for name, pid in list(found.items()):
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
                found.update({f"{name}-worker-{i}": int(child)
                              for i, child in enumerate(f.read().split())})
        return found

    def files(self):
        """Logs, status files, what Redis keeps, what was on the wire; command lines and
        environments."""
        self.redis.dump()
        found = {os.path.relpath(path, self.bench.folder): path
                 for pattern in ("*.out", "*.err", "*.status", "dump.rdb", "appendonlydir/*",
                                 "planted-*")
                 for path in glob.glob(self.bench.path(pattern))}
        found.update(self.capture.files({self.port: "stekd", self.redis_port: "redis"}))
        for name, pid in self.processes().items():
            for what in ("cmdline", "environ"):
                with open(f"/proc/{pid}/{what}", "rb") as f:
                    path = self.bench.path(f"{what}-{name}")
                    with open(path, "wb") as copy:
                        copy.write(f.read() + b"\n")
                found[f"{what} of {name}"] = path
        return found

    def needles(self):
        needles = Needles()
        needles.add("kek", self.kek)
        needles.add("password", self.password.encode())
        for name, number in self.number.items():
            needles.add_number(name, number, 32)
        for name, key in list(self.keys.items()):
            needles.add_key(name, key, "web", CONTEXTS)
        return needles

    def ring(self):
        return {key["name"]: key for key in self.one.ctl("keys", "web")["keys"]}


# ---- a canary first ----

def plant_process(bench, canary):
    process = bench.start("plant", [bench.program("tests/system/secrets/secrets_plant")],
                          stdin=subprocess.PIPE)
    process.child.stdin.write(canary.hex().encode() + b"\n")
    process.child.stdin.flush()
    wait_until("the canary is planted", lambda: "ready" in process.output())
    return process


def of_place(canary, place):
    return bytes((byte + (place + 1 if i % 8 == 0 else 0)) & 255 for i, byte in enumerate(canary))


def the_scanner_finds_a_canary_everywhere(world):
    bench, canary = world.bench, os.urandom(32)
    process = plant_process(bench, canary)
    needles = Needles()
    for i, place in enumerate(PLACES):
        needles.add(place, of_place(canary, i))
    needles.add_key("ticket-key", canary, "web", CONTEXTS)
    for line in list(needles.lines):
        name, _, pattern = line.split()
        if name.startswith("ticket-key:"):
            with open(bench.path("planted-" + name.split(":")[1]), "wb") as f:
                f.write(os.urandom(5) + bytes.fromhex(pattern) + b"\n")
    world.redis.ask("SET", "stek:canary", canary)
    with socket.create_server(("127.0.0.1", 0)) as server, \
            socket.create_connection(server.getsockname()) as client:
        for byte in canary:
            client.sendall(bytes([byte]))  # cut as finely as can be
    finds = scan(bench, needles, world.processes(), world.files())
    for place in PLACES:
        hits = [find for find in finds.of(place) if find.form == "raw" and find.bytes == 32]
        require([find.where for find in hits] == ["plant"], f"the canary in the {place}: {hits}")
    locked = finds.of("locked")[0]
    require(locked.is_in_secret_memory(), f"not seen to be locked: {locked}")
    require(not any(find.is_in_secret_memory() for place in PLACES if place != "locked"
                    for find in finds.of(place)), "seen to be locked, and is not")
    wheres = {find.where for find in finds.of("ticket-key")}
    forms = {"planted-" + line.split()[0].split(":")[1] for line in needles.lines
             if line.startswith("ticket-key:")}
    wanted = forms | {"dump.rdb", "appendonlydir/appendonly.aof.1.incr.aof", "capture of other"}
    require(wanted <= wheres, f"the canary was not found in {sorted(wanted - wheres)}")
    process.kill()
    world.redis.ask("DEL", "stek:canary")
    world.redis.ask("BGREWRITEAOF")
    for path in glob.glob(bench.path("planted-*")):
        os.unlink(path)
    print(f"canary: found in {len(PLACES)} kinds of memory and {len(wanted)} files; {finds.size()}")


# ---- judging ----

def judge_keys(world, finds, ring, began_ms, ended_ms):
    """Alive: in secret memory, and where it must be. Dropped: nowhere. Between: not elsewhere."""
    alive = dead = 0
    by_key = {}
    for find in finds.list:
        by_key.setdefault(find.label, []).append(find)
    for name in world.keys:
        hits = by_key.get(name, [])
        outside = [find for find in hits if not find.is_in_secret_memory()]
        require(not outside, "outside secret memory: " + "; ".join(map(str, outside)))
        entry = ring.get(name)
        if entry is None or entry["revoked"] or began_ms - DROP_MS > moment(entry["dropped_from"]):
            dead += 1
            require(not hits, "gone, and found: " + "; ".join(map(str, hits)))
        elif ended_ms < moment(entry["dropped_from"]):
            alive += 1
            wheres = {find.where for find in hits if find.form == "raw" and find.bytes == 32}
            require({"one-1", "two-1"} <= wheres, f"the scan does not find {name}: {wheres}")
    return alive, dead


def moment(text):
    return text if isinstance(text, (int, float)) else parse_moment(text)


def parse_moment(text):
    import datetime
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000


def judge_others(world, finds):
    """What each secret that is no ticket key may be in, and is."""
    daemons = {"one-1", "two-1"}
    for label, homes in (("kek", daemons), ("password", daemons)):
        hits = finds.of(label)
        allowed = [f for f in hits if f.where in homes and f.is_in_secret_memory()]
        if label == "password":  # Redis has it of its command line; plain TCP shows it
            allowed += [f for f in hits if f.where.startswith(("redis-", "cmdline of redis-"))
                        or f.where == "capture of redis"]
            require(any(f.where == "capture of redis" for f in hits),
                    "the capture does not see what goes to Redis")
        wrong = [str(f) for f in hits if f not in allowed]
        require(not wrong, f"{label}: " + "; ".join(wrong))
        require(homes <= {f.where for f in hits}, f"the scan does not find the {label}")


def look(world, what):
    ring, began = world.ring(), time.time() * 1000
    finds = scan(world.bench, world.needles(), world.processes(), world.files())
    ended = time.time() * 1000
    # Newer dates first: a key may have been revoked meanwhile.
    alive, dead = judge_keys(world, finds, ring, began, ended)
    judge_others(world, finds)
    print(f"{what}: {alive} keys alive, {dead} gone, of {len(world.keys)}; {len(finds.list)} finds, all "
          f"in secret memory; {finds.size()} in {(ended - began) / 1000:.1f} s", flush=True)
    return finds, alive, dead


def run_traffic(world):
    # One each: tickets of one context do not open in the other.
    world.loads = [Load(world.bench, [frontend], CHAINS, i, f"load-{i}")
                   for i, frontend in enumerate(world.frontends)]
    used = set()

    def enough():
        for reader in world.readers:
            reader.get()
        used.add(world.one.encrypting_key())
        world.two.ctl("status", check=False)
        return len(used - {None}) >= KEYS_SEEN
    wait_until("keys rotate", enough, 60 + 4 * KEYS_SEEN, 0.05)


def keys_lie_where_they_must(world):
    run_traffic(world)
    for load in world.loads:
        load.process.signal(signal.SIGSTOP)  # every connection stays open
    finds, alive, dead = look(world, "under traffic")
    require(alive >= 1 and dead >= 1, f"{alive} alive, {dead} gone: proves too little")
    for frontend, context in ((world.by_unix, ""), (world.by_tls, "api")):
        derived = [f for f in finds.list if f.where.startswith(frontend.name)
                   and f.form == f"aes({context})" and f.is_in_mapping()]
        require(len({f.where for f in derived}) == 3,
                f"{frontend.name}: the mapping is not seen in parent and workers")
    for load in world.loads:
        load.process.signal(signal.SIGCONT)


def test(build, arguments):
    if os.getuid() != 0:
        print("skipped: not root: the memory of stekd cannot be read")
        sys.exit(77)
    is_alone = enter_network()
    with Bench(build) as bench:
        world = World(bench, *arguments)
        if not is_alone:
            print("no network of its own (CAP_SYS_ADMIN): the capture has others' traffic in it")
        the_scanner_finds_a_canary_everywhere(world)
        keys_lie_where_they_must(world)


run_main(test)
