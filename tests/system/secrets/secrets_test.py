# SPDX-License-Identifier: Apache-2.0
"""What Redis sees, and what happens to a record that somebody has touched.

  secrets_test.py BUILD scanner PROTOC PROTO_FOLDER   every key of several rotations and a revocation,
                                                      read as a frontend reads it, is looked for in
                                                      all that Redis keeps: snapshot, log, DUMP
  secrets_test.py BUILD damage PROTOC PROTO_FOLDER    each byte of a record flipped in turn
"""

import base64
import glob
import os
import socket
import subprocess
import sys
import tempfile
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Bench, Daemon, Failure, require, run_main, wait_until  # noqa: E402
from redis_server import SECRET, Redis, write_secret  # noqa: E402

try:
    import grpc
except ImportError:
    print("skipped: this python3 has no grpc (Debian: python3-grpcio)")
    sys.exit(77)

ROTATIONS = 3
REALMS = [f"r{i}" for i in range(24)]
# Of a stored record: version 16, "STKS" 4, format 1, KEK id 8 (docs/PROTOCOL.md).
FORMAT_AT, KEK_AT, KEK_END = 20, 21, 29


class Reader:
    """A frontend of its own kind: Python's gRPC."""

    def __init__(self, daemon, protoc, folder):
        out = tempfile.mkdtemp(prefix="protos-", dir=daemon.bench.folder)
        subprocess.run([protoc, "-I" + folder, "--python_out=" + out, "stek/v1/keys.proto"],
                       check=True)
        sys.path.insert(0, out)
        from stek.v1 import keys_pb2
        self.messages = keys_pb2
        self.channel = grpc.insecure_channel(daemon.endpoint)

    def keys(self, realm="web"):
        """Name to bytes, of all that have any."""
        call = self.channel.unary_unary(
            "/stek.v1.KeyService/GetKeyring",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=self.messages.GetKeyringResponse.FromString)
        answer = call(self.messages.GetKeyringRequest(realm=realm, frontend="reader"), timeout=10)
        return {key.name: key.key for key in answer.snapshot.keyring.keys if key.key}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_daemon(bench, redis, name, realms, policy):
    sock = bench.path(name + ".sock")
    uid = os.getuid()
    port = free_port()
    text = f"""\
deployment: test
http: 127.0.0.1:{port}
listen:
  - unix: {sock}
store:
  type: redis
  address: unix:{redis.sock}
  username: stekd
  password_file: redis.password
  key_encryption_keys: [a.kek]
operators: ["uid:{uid}"]
realms:
"""
    for realm in realms:
        text += f"  {realm}:\n" + "".join(f"    {line}\n" for line in policy)
        text += f"    readers: [\"uid:{uid}\"]\n"
    daemon = Daemon(bench, name, bench.write(name + ".yaml", text), sock)
    daemon.metrics = f"http://127.0.0.1:{port}/metrics"
    return daemon


def prepare(bench):
    write_secret(bench, "redis.password", SECRET.encode() + b"\n")
    write_secret(bench, "a.kek", os.urandom(32))
    redis = Redis(bench)
    redis.start()
    return redis


def forms(secret):
    """As it is, and as people print it."""
    return (secret, secret.hex().encode(), secret.hex().upper().encode(),
            base64.b64encode(secret).rstrip(b"=")[:-1])


def is_in(secret, everything):
    return any(form in everything for form in forms(secret))


def everything_of(redis):
    """All that Redis keeps or hands out: by where it is."""
    found = {"snapshot": redis.dump(), "log": b"", "DUMP": b""}
    for path in glob.glob(redis.bench.path("appendonlydir/*.aof")):
        with open(path, "rb") as f:
            found["log"] += f.read()
    for key in (b"stek:{web}", b"stek:canary"):
        found["DUMP"] += redis.ask("DUMP", key) or b""
        found["DUMP"] += redis.ask("GET", key) or b""
    return found


def scanner(bench, protoc, folder):
    redis = prepare(bench)
    for option, value in (("aof-use-rdb-preamble", "no"), ("appendfsync", "always"),
                          ("appendonly", "yes"), ("rdbcompression", "no")):
        redis.ask("CONFIG", "SET", option, value)
    wait_until("the log is written",
               lambda: b"aof_rewrite_in_progress:0" in redis.ask("INFO", "persistence"))
    daemon = make_daemon(bench, redis, "stekd", ["web"],
                         ["rotate_every: 4s", "sync_interval: 500ms", "ticket_lifetime: 8s"]).start()
    reader = Reader(daemon, protoc, folder)
    seen = {}
    first = daemon.wait_for_active()
    encrypted_with = {first}

    def rotated():
        seen.update(reader.keys())
        encrypted_with.add(daemon.encrypting_key())
        return len(encrypted_with - {None}) > ROTATIONS
    wait_until("keys rotate", rotated, 60, 0.2)
    daemon.ctl("revoke", "web", daemon.encrypting_key(), "--reason", "test", check=False)
    wait_until("another key encrypts", daemon.encrypting_key)
    seen.update(reader.keys())

    for form in forms(os.urandom(32)):
        redis.ask("SET", "stek:canary", form)
        for place, content in everything_of(redis).items():
            require(form in content, f"the scanner does not find a canary in Redis's {place}")
    with open(bench.path("a.kek"), "rb") as f:
        seen["the key-encryption key"] = f.read()
    everything = everything_of(redis)
    for place in everything:
        require(b"STKS" in everything[place], f"no record is in Redis's {place}")
        for name, secret in seen.items():
            require(not is_in(secret, everything[place]), f"{name} is in Redis's {place}")
            require(name == "the key-encryption key" or name not in everything[place],
                    f"a key's name, so a plain record, is in Redis's {place}")
    print(f"{len(seen) - 1} keys looked for in "
          + ", ".join(f"{place}: {len(content)} bytes" for place, content in everything.items()))
    require(len(seen) > ROTATIONS + 1, "hardly any key was read")
    require(daemon.stop() == 0, "stekd did not stop with 0")


def refusals(daemon):
    """Of each realm, as the daemon counts them."""
    with urllib.request.urlopen(daemon.metrics, timeout=10) as page:
        text = page.read().decode()
    name = "stekd_store_records_refused_total"
    return {line.split('"')[1]: int(line.split()[-1])
            for line in text.splitlines() if line.startswith(name + "{")}


def realms_of(daemon):
    return {realm["realm"]: realm for realm in daemon.ctl("status", check=False)["realms"]}


def flip(redis, realm, at):
    key = "stek:{" + realm + "}"
    record = redis.ask("GET", key)
    damaged = bytearray(record)
    damaged[at] ^= 1 << (at % 8)
    redis.ask("SET", key, bytes(damaged))
    return record, bytes(damaged)


def is_left_alone(at):
    """A later format and an unknown KEK are somebody's good record (PROTOCOL.md)."""
    return FORMAT_AT <= at < KEK_END


def damage_a_batch(redis, daemons, batch):
    """One position a realm."""
    held = realms_of(daemons[0])
    counted = [refusals(daemon) for daemon in daemons]
    records = {realm: flip(redis, realm, at) for realm, at in batch.items()}
    for realm, at in batch.items():
        key = "stek:{" + realm + "}"
        record, damaged = records[realm]
        if is_left_alone(at):
            wait_until(f"byte {at} is named", lambda r=realm: all(
                "record" in realms_of(daemon)[r]["problem"] for daemon in daemons))
            require(redis.ask("GET", key) == damaged, f"byte {at}: the record was overwritten")
            redis.ask("SET", key, record)
        else:
            wait_until(f"a record with byte {at} flipped is replaced",
                       lambda k=key, d=damaged: redis.ask("GET", k) != d)
    wait_until("all is well", lambda: all(
        realm["problem"] == "" for daemon in daemons for realm in realms_of(daemon).values()))
    # Whoever noticed first has replaced it; the other may never have seen it.
    now_counted = [refusals(daemon) for daemon in daemons]
    for realm, at in batch.items():
        require(any(now[realm] > was[realm] for now, was in zip(now_counted, counted)),
                f"byte {at}: no daemon has counted a refusal")
    for daemon in daemons:
        now_held = realms_of(daemon)
        for realm, at in batch.items():
            require(now_held[realm]["digest"] == held[realm]["digest"],
                    f"byte {at}: {daemon.name} holds something else now")


def damage(bench, _protoc, _folder):
    redis = prepare(bench)
    policy = ["rotate_every: 1h", "sync_interval: 500ms", "ticket_lifetime: 1h"]
    daemons = [make_daemon(bench, redis, name, REALMS, policy).start() for name in ("one", "two")]
    wait_until("every realm has a key that encrypts", lambda: all(
        realm["encrypting"] for realm in realms_of(daemons[0]).values()))
    wait_until("both hold the same", lambda: len({
        tuple(realm["digest"] for realm in realms_of(daemon).values()) for daemon in daemons}) == 1)
    length = min(len(redis.ask("GET", "stek:{" + realm + "}")) for realm in REALMS)
    positions = list(range(length))
    while positions:
        batch = dict(zip(REALMS, positions))
        positions = positions[len(batch):]
        damage_a_batch(redis, daemons, batch)
    print(f"{length} bytes of a record flipped, each in turn")
    for daemon in daemons:
        require("is refused" in daemon.process.errors(), daemon.name + " has logged no refusal")
        require(daemon.stop() == 0, daemon.name + " did not stop with 0")


def test(build, arguments):
    parts = {"scanner": scanner, "damage": damage}
    if len(arguments) != 3 or arguments[0] not in parts:
        raise Failure("arguments: scanner or damage, PROTOC, PROTO_FOLDER")
    with Bench(build) as bench:
        parts[arguments[0]](bench, *arguments[1:])


run_main(test)
