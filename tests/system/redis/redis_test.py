# SPDX-License-Identifier: Apache-2.0
"""Two daemons beside one redis-server: one line of keys, through everything the server does.

  redis_test.py BUILD socket   by a Unix socket
  redis_test.py BUILD tls      by TLS with certificates on both sides
"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from certs import Authority  # noqa: E402
from harness import Bench, Daemon, Failure, require, run_main, wait_until  # noqa: E402
from redis_server import SECRET, Redis, free_port, write_secret  # noqa: E402

CANARY = bytes(range(7, 39))


class SocketRedis(Redis):
    def store_lines(self):
        return f"  address: unix:{self.sock}\n"


class TlsRedis(Redis):
    """Known as localhost, not by its address; the test itself asks by the Unix socket."""

    def __init__(self, bench):
        super().__init__(bench)
        self.authority = Authority(bench, "redis-ca")
        self.client = self.authority.issue("stekd-redis", eku="clientAuth")
        self.port = free_port()
        cert, key = self.authority.issue("redis", dns=["localhost"], eku="serverAuth")
        self.words = [
            "--tls-port", str(self.port), "--tls-cert-file", cert, "--tls-key-file", key,
            "--tls-ca-cert-file", self.authority.path, "--tls-auth-clients", "yes"]

    def store_lines(self, host="localhost", client=None):
        cert, key = client or self.client
        return f"""\
  address: {host}:{self.port}
  tls: {{ ca: {self.authority.path}, certificate: {cert}, private_key: {key} }}
"""


def make_daemon(bench, redis, name, keks=("a.kek",), store_lines=None):
    sock = bench.path(name + ".sock")
    uid = os.getuid()
    config = bench.write(name + ".yaml", f"""\
deployment: test
listen:
  - unix: {sock}
store:
  type: redis
{store_lines or redis.store_lines()}  username: stekd
  password_file: redis.password
  key_encryption_keys: [{", ".join(keks)}]
operators: ["uid:{uid}"]
realms:
  web:
    rotate_every: 1h
    sync_interval: 2s
    ticket_lifetime: 1h
    readers: ["uid:{uid}"]
""")
    return Daemon(bench, name, config, sock)


def digest(daemon):
    return daemon.ctl("status", check=False)["realms"][0]["digest"]


def names(daemon):
    return {key["name"] for key in daemon.ctl("keys", "web")["keys"]}


def agree(what, daemons, timeout=20.0):
    wait_until(what, lambda: len({digest(daemon) for daemon in daemons}) == 1, timeout)


def has_record(redis):
    return redis.ask("GET", "stek:{web}") is not None


def rotation_is_seen_by_the_other(one, two):
    before = one.encrypting_key()
    one.ctl("rotate", "web", "--reason", "test")
    after = wait_until("the other daemon encrypts with the promoted key",
                       lambda: two.encrypting_key() not in (None, before) and two.encrypting_key())
    require(after == one.encrypting_key(), "two daemons encrypt with different keys")
    agree("both hold one ring", [one, two])


def a_lost_store_is_healed(redis, daemons, lose):
    held = names(daemons[0])
    lose()
    wait_until("the record is back", lambda: has_record(redis), 30.0)
    agree("both hold one ring", daemons)
    require(held <= names(daemons[0]) and held <= names(daemons[1]), "keys were lost")


def outage(redis, daemons):
    redis.kill()
    encrypting = daemons[0].encrypting_key()
    wait_until("the outage is shown",
               lambda: not daemons[0].ctl("status", check=False)["store"]["reachable"])
    require(daemons[0].encrypting_key() == encrypting, "the daemon does not serve on its own")
    redis.start()


def no_key_byte_is_in_redis(bench, redis, daemon):
    require(redis.ask("SET", "stek:canary", CANARY) == b"OK", "the canary cannot be planted")
    require(CANARY in redis.dump(), "the scanner does not find what was planted")
    redis.ask("DEL", "stek:canary")
    dump = redis.dump()
    require(CANARY not in dump, "the dump is not the server's present state")
    require(b"STKS" in dump, "the dump does not hold the record")
    # The record's plain form has the keys' names beside their bytes: neither may be there.
    for name in names(daemon):
        require(bytes.fromhex(name) not in dump, "a key's name, so a plain record, is in Redis")
    for path in ("a.kek", "b.kek"):
        with open(bench.path(path), "rb") as f:
            require(f.read() not in dump, "a key-encryption key is in Redis")


def a_newcomer_takes_part(bench, redis, daemons):
    third = make_daemon(bench, redis, "third", keks=("b.kek", "a.kek")).start()
    agree("the newcomer holds the same ring", [daemons[0], third])
    require(third.stop() == 0, "the third daemon did not stop well")


def an_unknown_kek_is_left_alone(bench, redis):
    record = redis.ask("GET", "stek:{web}")
    stranger = make_daemon(bench, redis, "stranger", keks=("b.kek",)).start()

    def problem():
        text = stranger.ctl("status", check=False)["realms"][0]["problem"]
        return "key-encryption key" in text and text
    text = wait_until("the stranger says which key it lacks", problem)
    require(record[21:29].hex() in text, "the problem does not name the key: " + text)
    require("stek:{web}" in text, "the problem does not name the place: " + text)
    require(not stranger.ctl("status", check=False)["realms"][0]["ready"],
            "a daemon serves that cannot read the record")
    require(redis.ask("GET", "stek:{web}") == record, "a record of an unknown key was overwritten")
    stranger.stop()


def a_damaged_record_is_replaced(redis, daemons):
    record = redis.ask("GET", "stek:{web}")
    for at in (0, len(record) // 2, len(record) - 1):
        damaged = bytearray(record)
        damaged[at] ^= 1
        redis.ask("SET", "stek:{web}", bytes(damaged))
        wait_until("the damaged record is replaced",
                   lambda value=bytes(damaged): redis.ask("GET", "stek:{web}") != value)
        agree("both hold one ring", daemons)


def unfit_keks_end_the_start(bench, redis):
    for name, content, mode, sentence in (
            ("missing", None, 0, "No such file"),
            ("short", CANARY[:31], 0o600, "has 31 bytes"),
            ("long", CANARY + b"!", 0o600, "has 33 bytes"),
            ("open", CANARY, 0o644, "open to every user"),
            ("zero", bytes(32), 0o600, "one byte 32 times"),
            ("hex", b"0123456789abcdef" * 2, 0o600, "over and over"),
            ("text", b"00112233445566778899aabbccddeeff", 0o600, "hexadecimal")):
        if content is not None:
            os.chmod(write_secret(bench, name + ".kek", content), mode)
        daemon = make_daemon(bench, redis, "unfit-" + name, keks=(name + ".kek",))
        run = subprocess.run([bench.program("daemon/app/stekd"), "--config", daemon.config],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                             check=False)
        require(run.returncode == 1 and sentence in run.stderr and name + ".kek" in run.stderr,
                f"a key-encryption key that is {name}: {run.returncode}, {run.stderr}")


def who_may_not_come_is_told_why(bench, redis):
    strange = Authority(bench, "other-ca").issue("strange", eku="clientAuth")
    for name, lines, sentence in (
            ("by-address", redis.store_lines(host="127.0.0.1"), "not for the address"),
            ("strange", redis.store_lines(client=strange), "our certificate")):
        daemon = make_daemon(bench, redis, name, store_lines=lines).start()
        wait_until(f"{name}: the status says: {sentence}",
                   lambda d=daemon, s=sentence:
                   s in d.ctl("status", check=False)["store"]["last_error"])
        require(daemon.stop() == 0, name + " did not stop well")
        require(SECRET not in daemon.process.errors(), "the password is in the log")


def test(build, arguments):
    if arguments not in (["socket"], ["tls"]):
        raise Failure("arguments: socket or tls")
    with Bench(build) as bench:
        write_secret(bench, "redis.password", SECRET.encode() + b"\n")
        write_secret(bench, "a.kek", os.urandom(32))
        write_secret(bench, "b.kek", os.urandom(32))
        redis = TlsRedis(bench) if arguments == ["tls"] else SocketRedis(bench)
        redis.start()
        one = make_daemon(bench, redis, "one").start()
        two = make_daemon(bench, redis, "two").start()
        daemons = [one, two]
        one.wait_for_active()
        agree("both hold one ring", daemons)
        rotation_is_seen_by_the_other(one, two)
        rotation_is_seen_by_the_other(two, one)
        no_key_byte_is_in_redis(bench, redis, one)
        a_lost_store_is_healed(redis, daemons, lambda: redis.ask("FLUSHALL"))
        a_lost_store_is_healed(redis, daemons, lambda: outage(redis, daemons))
        a_damaged_record_is_replaced(redis, daemons)
        a_newcomer_takes_part(bench, redis, daemons)
        an_unknown_kek_is_left_alone(bench, redis)
        unfit_keks_end_the_start(bench, redis)
        if arguments == ["tls"]:
            who_may_not_come_is_told_why(bench, redis)
        for daemon in daemons:
            require(daemon.stop() == 0, daemon.name + " did not stop well")
            require(SECRET not in daemon.process.errors(), "the password is in the log")


run_main(test)
