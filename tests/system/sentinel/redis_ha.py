# SPDX-License-Identifier: Apache-2.0
"""A master, a replica and three Sentinels, which speak TLS with certificates on both sides only; the
test's own questions go by Unix sockets."""

import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from certs import Authority  # noqa: E402
from harness import require, wait_until  # noqa: E402
from redis_server import ACL, free_port  # noqa: E402

MASTER = "stek"
SENTINELS = 3
DOWN_AFTER_MS = 1000


def encode(words):
    command = b"*%d\r\n" % len(words)
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        command += b"$%d\r\n%s\r\n" % (len(word), word)
    return command


def read_reply(answer):
    line = answer.readline().rstrip()
    if not line:
        raise ConnectionResetError("no answer")
    if line[:1] == b"$":
        size = int(line[1:])
        return None if size < 0 else answer.read(size + 2)[:-2]
    if line[:1] == b"*":
        return [read_reply(answer) for _ in range(int(line[1:]))]
    require(line[:1] != b"-", "Redis refuses: " + line.decode())
    return line[1:]


class Server:
    """redis-server, as what its configuration says."""

    def __init__(self, ha, name, lines, words=()):
        self.ha = ha
        self.bench = ha.bench
        self.name = name
        self.port = free_port()
        self.folder = ha.bench.path(name)
        self.sock = os.path.join(self.folder, "sock")
        self.words = words
        self.starts = 0
        self.process = None
        os.mkdir(self.folder)
        cert, key = ha.authority.issue(name, ip=["127.0.0.1"])
        common = [
            "port 0", f"tls-port {self.port}", "bind 127.0.0.1", f"unixsocket {self.sock}",
            f"dir {self.folder}", f"tls-cert-file {cert}", f"tls-key-file {key}",
            f"tls-ca-cert-file {ha.authority.path}", "tls-auth-clients yes", "tls-replication yes"]
        self.config = os.path.join(self.folder, "redis.conf")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write("\n".join(common + list(lines)) + "\n")

    def start(self):
        self.starts += 1
        self.process = self.bench.start(
            f"{self.name}-{self.starts}", ["redis-server", self.config, *self.words])
        wait_until(self.name + " answers", self.answers)
        return self

    def answers(self):
        require(self.process.is_running(), f"{self.name} ended: {self.process.output()[-800:]}")
        try:
            return self.ask("PING") == b"PONG"
        except OSError:
            return False

    def ask(self, *words):
        """Again where Sentinels cut the question off: they kill a demoted master's clients."""
        for _ in range(10):
            try:
                return self.ask_once(words)
            except (BrokenPipeError, ConnectionResetError):
                pass
        raise ConnectionResetError(f"{self.name} hangs up on {words[0]}")

    def ask_once(self, words):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(10)
            link.connect(self.sock)
            link.sendall(encode(words))
            with link.makefile("rb") as answer:
                return read_reply(answer)

    def kill(self):
        self.process.kill()
        if os.path.exists(self.sock):
            os.unlink(self.sock)

    def role(self):
        return self.ask("ROLE")[0].decode()


class RedisHA:
    def __init__(self, bench):
        self.bench = bench
        self.authority = Authority(bench, "redis-ca")
        self.client = self.authority.issue("stekd-redis", eku="clientAuth")
        data = ['save ""', "appendonly no", "repl-diskless-sync-delay 0", "user stekd " + ACL]
        self.nodes = [Server(self, "one", data), Server(self, "two", data)]
        self.nodes[0].start()
        self.nodes[1].start()
        self.nodes[1].ask("REPLICAOF", "127.0.0.1", self.nodes[0].port)
        self.wait_for_replica(self.nodes[1])
        self.sentinels = [Server(self, f"sentinel-{i}", [
            f"sentinel monitor {MASTER} 127.0.0.1 {self.nodes[0].port} 2",
            f"sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {MASTER} 6000"], ["--sentinel"])
            for i in range(SENTINELS)]
        for sentinel in self.sentinels:
            sentinel.start()
        wait_until("the Sentinels know each other and the replica", self.is_watched, 60)

    def is_watched(self):
        for sentinel in self.sentinels:
            fields = sentinel.ask("SENTINEL", "MASTER", MASTER)
            state = dict(zip(fields[::2], fields[1::2]))
            if (state[b"num-other-sentinels"] != b"%d" % (SENTINELS - 1) or
                    state[b"num-slaves"] != b"1" or state[b"flags"] != b"master"):
                return False
            if sentinel.ask("SENTINEL", "CKQUORUM", MASTER)[:2] != b"OK":
                return False
            replicas = sentinel.ask("SENTINEL", "REPLICAS", MASTER)
            replica = dict(zip(replicas[0][::2], replicas[0][1::2]))
            if replica[b"flags"] != b"slave" or replica[b"master-link-status"] != b"ok":
                return False
        return True

    def running_sentinels(self):
        return [sentinel for sentinel in self.sentinels if sentinel.process.is_running()]

    def master_port(self):
        """As the living Sentinels see it, if they agree."""
        ports = {sentinel.ask("SENTINEL", "get-master-addr-by-name", MASTER)[1]
                 for sentinel in self.running_sentinels()}
        return int(ports.pop()) if len(ports) == 1 else None

    def master(self):
        return next(node for node in self.nodes if node.port == self.master_port())

    def wait_for_replica(self, node):
        def is_in_sync():
            role = node.ask("ROLE")
            return role[0] == b"slave" and role[3] == b"connected"
        wait_until(node.name + " is a replica in sync", is_in_sync, 60)

    def cut_replication(self, replica):
        """What the master takes from now on it alone has. Sentinels mend that, but not for 8 s."""
        replica.ask("REPLICAOF", "127.0.0.1", 1)

    def show(self, lines=15):
        """The last words of all, which Redis writes to standard output."""
        for server in [*self.nodes, *self.sentinels]:
            text = server.process.output().splitlines()[-lines:]
            print(f"--- {server.name}, port {server.port}:", *text, sep="\n", file=sys.stderr)

    def store_lines(self, client=None):
        """Of a daemon's configuration."""
        cert, key = client or self.client
        addresses = ", ".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"""\
  tls: {{ ca: {self.authority.path}, certificate: {cert}, private_key: {key} }}
  sentinel: {{ master: {MASTER}, addresses: [{addresses}] }}
"""
