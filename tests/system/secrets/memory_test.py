# SPDX-License-Identifier: Apache-2.0
"""Where key bytes are: every mapping of every process, logs, Redis' files and captures of the wire.

  memory_test.py BUILD PROTOC PROTO_FOLDER

Two daemons beside one Redis reached by TCP, one of them listening by TLS; two frontends with two
workers each, one by the Unix socket and one by TLS; the standing load, a watching reader by either way,
operators' commands. All of it is read from outside: first with a canary planted in each kind of place,
then with keys alive, after they were dropped, after one was revoked, after all were.
Needs root: stekd's memory is readable to nobody else.
"""

import datetime
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
        self.homes = {}     # and to whose it is; None: nobody's any more
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

    def own_key(self, label, path, home):
        self.number[label], self.homes[label] = private_number(path), home

    def start_redis(self):
        self.redis = Redis(self.bench, self.password)
        self.redis_port = free_port()
        self.redis.words = ["--port", str(self.redis_port), "--appendonly", "yes",
                            "--appendfsync", "always", "--aof-use-rdb-preamble", "no",
                            "--rdbcompression", "no"]
        self.redis.start()

    def tls_listener(self):
        cert, key = self.ca.issue("one", ip=["127.0.0.1"], eku="serverAuth")
        self.own_key("key-of-one", key, "one-1")
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
operators: ["uid:{uid}", "spiffe://example.org/operator"]
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
        self.own_key("key-of-fe-tls", self.ca.file("fe-tls.key"), "fe-tls")
        # Another context, so other subkeys: the same program anew.
        self.by_tls.kill()
        self.by_tls.words += ["--context", "api"]
        self.by_tls.start()
        self.frontends = [self.by_unix, self.by_tls]
        self.one.wait_for_active()
        for frontend in self.frontends:
            wait_until(frontend.name + " issues", lambda f=frontend: is_issuing(f.status()))

    def start_readers(self, protoc, folder):
        self.messages = Messages(self.bench, protoc, folder)
        self.readers = []
        for channel in (by_unix(self.two), by_tls(self.ca, self.port)):
            self.add_reader(channel)

    def add_reader(self, channel):
        self.readers.append(
            Reader(channel, self.messages, self.keys, f"reader-{len(self.readers)}"))

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
        """What either daemon lists: the one may not have heard of the other's newest key yet."""
        found = {}
        for daemon in (self.one, self.two):
            for key in daemon.ctl("keys", "web")["keys"]:
                if not found.get(key["name"], {}).get("revoked"):
                    found[key["name"]] = key
        return found

    def settle(self):
        for daemon in (self.one, self.two):
            daemon.ctl("wait", "web", "--converged")


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

def judge_keys(names, finds, ring, began_ms, ended_ms, excused):
    """Alive: in secret memory, and where it must be. Dropped or revoked: nowhere. Between: nowhere
    else. `excused`: who may hold them all the same, in secret memory."""
    alive = dead = 0
    by_key = {}
    for find in finds.list:
        by_key.setdefault(find.label, []).append(find)
    for name in names:
        hits = by_key.get(name, [])
        outside = [find for find in hits if not find.is_in_secret_memory()]
        require(not outside, "outside secret memory: " + "; ".join(map(str, outside)))
        entry = ring.get(name)
        if entry is None or entry["revoked"] or began_ms - DROP_MS > moment(entry["dropped_from"]):
            dead += 1
            left = [str(f) for f in hits if not f.where.startswith(excused or "nobody")]
            require(not left, "gone, and found: " + "; ".join(left))
        elif ended_ms < moment(entry["dropped_from"]):
            alive += 1
            wheres = {find.where for find in hits if find.form == "raw" and find.bytes == 32}
            require({"one-1", "two-1"} <= wheres, f"the scan does not find {name}: {wheres}")
    return alive, dead


def moment(text):
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
    # A private key is OpenSSL's while it is in use, in ordinary memory of its own process only.
    for label, home in world.homes.items():
        wrong = [str(f) for f in finds.of(label) if home is None or not f.where.startswith(home)]
        require(not wrong, f"{label}: " + "; ".join(wrong))
        is_kept = home is not None and not home.startswith("ctl")  # stekctl connects, and lets go
        require(not is_kept or finds.of(label), f"the scan does not find {label}")


def look(world, what, excused=None, more=()):
    """`more`: further processes, name to pid."""
    names, needles = list(world.keys), world.needles()
    ring, began = world.ring(), time.time() * 1000
    finds = scan(world.bench, needles, {**world.processes(), **dict(more)}, world.files())
    ended = time.time() * 1000
    alive, dead = judge_keys(names, finds, ring, began, ended, excused)
    judge_others(world, finds)
    print(f"{what}: {alive} keys alive, {dead} gone, of {len(names)}; {len(finds.list)} finds, all "
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
    for load in world.loads:  # every connection stays open
        load.tell("doubt 0")  # what the stop itself interrupts is no failure
        load.process.signal(signal.SIGSTOP)
    finds, alive, dead = look(world, "under traffic")
    require(alive >= 1 and dead >= 1, f"{alive} alive, {dead} gone: proves too little")
    for frontend, context in ((world.by_unix, ""), (world.by_tls, "api")):
        derived = [f for f in finds.list if f.where.startswith(frontend.name)
                   and f.form == f"aes({context})" and f.is_in_mapping()]
        require(len({f.where for f in derived}) == 3,
                f"{frontend.name}: the mapping is not seen in parent and workers")
    for load, frontend in zip(world.loads, world.frontends):
        load.process.signal(signal.SIGCONT)
        load.tell(f"trust 0 {frontend.port}")


def count(daemon, words):
    return daemon.process.errors().count(words)


def a_replaced_private_key_is_gone(world):
    """With the last connection of before: until then OpenSSL keeps it for that one."""
    world.number["old-key-of-one"] = world.number.pop("key-of-one")
    world.homes["old-key-of-one"] = world.homes.pop("key-of-one")
    world.tls_listener()
    before = count(world.one, "event=reloaded")
    world.one.process.signal(signal.SIGHUP)
    wait_until("stekd has reloaded", lambda: count(world.one, "event=reloaded") > before)
    world.readers.pop().close()
    world.add_reader(by_tls(world.ca, world.port))
    load, frontend = world.loads[1], world.by_tls
    load.tell("doubt 0")
    frontend.kill()
    frontend.start()
    wait_until(frontend.name + " issues", lambda: is_issuing(frontend.status()))
    load.tell(f"trust 0 {frontend.port}")
    world.homes["old-key-of-one"] = None


def everything_fails(world):
    """What is logged at level debug when things go wrong is in the logs that are looked at next."""
    record = bytearray(world.redis.ask("GET", "stek:{web}"))
    record[-1] ^= 1
    world.redis.ask("SET", "stek:{web}", bytes(record))
    wait_until("a damaged record is refused", lambda: any(
        "is refused" in daemon.process.errors() for daemon in (world.one, world.two)))
    for noise in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(300)):
        with socket.create_connection(("127.0.0.1", world.port)) as peer:
            peer.sendall(noise)
            peer.shutdown(socket.SHUT_WR)
            try:
                peer.recv(4096)
            except OSError:
                pass  # it may hang up as it likes
    wait_until("the noise is logged", lambda: "handshake-failed" in world.one.process.errors())
    kek = world.bench.path("a.kek")
    os.chmod(kek, 0o644)
    world.one.process.signal(signal.SIGHUP)
    wait_until("a bad reload is refused", lambda: "open to every user" in world.one.process.errors())
    os.chmod(kek, 0o600)
    world.redis.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    for words in (["keys", "none"], ["revoke", "web", "0" * 32], ["rotate", "none"]):
        world.two.ctl(*words, check=False)
    wait_until("the record is whole again",
               lambda: world.two.ctl("status", check=False)["realms"][0]["problem"] == "")


def start_ctl(world, name, *words):
    return world.bench.start(name, [world.bench.program("daemon/ctl/stekctl"), *words])


def a_revoked_key_is_gone(world):
    """First with a frontend that cannot hear of it, so that stekctl waits and can be looked at."""
    cert, key = world.ca.issue("operator", uri=["spiffe://example.org/operator"], eku="clientAuth")
    world.own_key("key-of-operator", key, "ctl-revoke")
    deaf = [pid for name, pid in world.processes().items() if name.startswith("fe-tls")]
    active = world.one.wait_for_active()
    world.loads[1].tell("doubt 0")
    for pid in deaf:
        os.kill(pid, signal.SIGSTOP)
    ctl = start_ctl(world, "ctl-revoke", "--server", f"127.0.0.1:{world.port}", "--ca",
                    world.ca.path, "--cert", cert, "--key", key, "-t", "60s", "revoke", "web",
                    active)
    wait_until("both daemons hold the revocation", lambda: all(
        key["revoked"] for daemon in (world.one, world.two)
        for key in daemon.ctl("keys", "web")["keys"] if key["name"] == active))
    world.two.ctl("wait", "web", "--converged")
    wait_until("the reader of the same daemon confirms", lambda: len([
        f for f in world.one.ctl("frontends", "web", check=False)["frontends"]
        if f["name"] == "reader-1" and f["has_revocations"]]) == 1)
    finds, _, _ = look(world, "revoked, one frontend deaf, stekctl waiting", "fe-tls")
    require(ctl.is_running(), "stekctl does not wait for the deaf frontend: " + ctl.errors())
    require("ctl-revoke" in finds.bytes, "stekctl was not looked at")
    require(finds.of(active), "the deaf frontend should have been seen to hold the revoked key")
    for pid in deaf:
        os.kill(pid, signal.SIGCONT)
    world.loads[1].tell(f"trust 0 {world.by_tls.port}")
    require(ctl.child.wait(30) == 0, "stekctl: " + ctl.output() + ctl.errors())
    world.homes["key-of-operator"] = None
    world.settle()
    finds, _, _ = look(world, "revoked")
    require(not finds.of(active), "the revoked key is found")


def after_the_drill_nothing_is_left(world):
    before = set(world.keys)
    world.one.ctl("revoke", "web", "--all", "--reason", "test")
    world.settle()
    finds, _, dead = look(world, "all revoked")
    left = [str(find) for find in finds.list if find.label in before]
    require(not left, "revoked, and found: " + "; ".join(left))
    require(dead >= len(before), f"{dead} gone of {len(before)}")


def nothing_is_left_on_the_disk(world):
    connections = 0
    for load in world.loads:
        result = load.end()
        require(result["failures"] == 0, f"{result['failures']} handshakes failed")
        connections += result["connections"]
    require(connections >= CONNECTIONS, f"{connections} connections: proves too little")
    for reader in world.readers:
        reader.close()
    for frontend in world.frontends:
        require(frontend.process.stop() == 0, frontend.name + " did not stop with 0")
    for daemon in (world.one, world.two):
        require(daemon.stop() == 0, daemon.name + " did not stop with 0")
    finds = scan(world.bench, world.needles(), {}, world.files())
    left = [str(find) for find in finds.list if find.label in world.keys or find.label == "kek"]
    require(not left, "in a file: " + "; ".join(left))
    print(f"in the end: {len(world.keys)} keys and the KEK in none of {finds.size()}; "
          f"{connections} connections, {world.capture.packets} packets, "
          f"{sum(reader.calls for reader in world.readers)} GetKeyring calls")


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
        a_replaced_private_key_is_gone(world)
        everything_fails(world)
        a_revoked_key_is_gone(world)
        after_the_drill_nothing_is_left(world)
        nothing_is_left_on_the_disk(world)


run_main(test)
