# SPDX-License-Identifier: Apache-2.0
"""A real redis-server for the system tests, and what a daemon needs to use it."""

import os
import socket

from harness import require, wait_until

SECRET = "a-password-of-the-test"
ACL = ("on >" + SECRET + " ~stek:* resetchannels &stek:* -@all +ping +time +get +set +getrange +eval "
       "+evalsha +publish +subscribe +role")


def free_port():
    """The kernel's choice; nobody else on this machine has it now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Redis:
    """A redis-server with persistence off, on a Unix socket."""

    def __init__(self, bench, secret=SECRET):
        self.bench = bench
        self.secret = secret
        self.sock = bench.path("redis.sock")
        self.process = None
        self.starts = 0
        self.words = []  # more of its command line

    def start(self):
        self.starts += 1
        self.process = self.bench.start(f"redis-{self.starts}", [
            "redis-server", "--port", "0", "--unixsocket", self.sock, "--save", "",
            "--dir", self.bench.folder, "--user", "stekd",
            *ACL.replace(SECRET, self.secret).split(),
            *self.words])
        wait_until("redis-server answers", self.answers)

    def answers(self):
        try:
            return self.ask("PING") == b"PONG"
        except OSError:
            return False

    def ask(self, *words):
        """The one reply to one command; enough of the protocol for what is asked here."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(10)
            link.connect(self.sock)
            command = b"*%d\r\n" % len(words)
            for word in words:
                word = word if isinstance(word, bytes) else word.encode()
                command += b"$%d\r\n%s\r\n" % (len(word), word)
            link.sendall(command)
            with link.makefile("rb") as answer:
                line = answer.readline().rstrip()
                if line[:1] == b"$":
                    size = int(line[1:])
                    return None if size < 0 else answer.read(size)
                require(line[:1] != b"-", "Redis refuses: " + line.decode())
                return line[1:]

    def kill(self):
        self.process.kill()
        os.unlink(self.sock)

    def dump(self):
        """Every byte a snapshot of the server has."""
        self.ask("CONFIG", "SET", "rdbcompression", "no")
        self.ask("SAVE")
        with open(self.bench.path("dump.rdb"), "rb") as f:
            return f.read()


def write_secret(bench, name, content):
    path = bench.path(name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
        f.write(content)
    return path
