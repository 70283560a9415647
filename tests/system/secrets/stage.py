# SPDX-License-Identifier: Apache-2.0
"""One stekd on the memory store, by TLS and by its Unix socket, and a reader of its keys: for the
tests that look at one process after the other."""

import os

from certs import Authority
from harness import Daemon, wait_until
from reader import Messages, Reader, by_unix, private_number
from redis_server import free_port
from scanner import Needles

CONTEXTS = ["", "api"]


class Stage:
    def __init__(self, bench, protoc, folder, rotate_every="1h", sync_interval="500ms"):
        self.bench = bench
        self.keys = {}
        self.numbers = {}
        self.ca = Authority(bench, "ca")
        self.port = free_port()
        cert, key = self.issue("stekd", ip=["127.0.0.1"], eku="serverAuth")
        sock = bench.path("stekd.sock")
        uid = os.getuid()
        config = bench.write("stekd.yaml", f"""\
deployment: test
listen:
  - unix: {sock}
  - address: 127.0.0.1:{self.port}
    tls: {{ certificate: {cert}, private_key: {key}, client_ca: {self.ca.path} }}
store:
  type: memory
operators: ["uid:{uid}"]
realms:
  web:
    rotate_every: {rotate_every}
    sync_interval: {sync_interval}
    ticket_lifetime: {rotate_every}
    readers: ["uid:{uid}", "spiffe://example.org/frontend/*"]
""")
        self.daemon = Daemon(bench, "stekd", config, sock)
        self.endpoint = f"127.0.0.1:{self.port}"
        self.daemon.frontends_endpoint = self.endpoint
        self.daemon.start()
        self.messages = Messages(bench, protoc, folder)
        self.reader = Reader(by_unix(self.daemon), self.messages, self.keys)

    def issue(self, name, **names):
        cert, key = self.ca.issue(name, **names)
        self.numbers["key-of-" + name] = private_number(key)
        return cert, key

    def issue_frontend(self, name):
        return self.issue(name, uri=["spiffe://example.org/frontend/" + name], eku="clientAuth")

    def settle(self, is_waiting_for_active=True):
        """Two keys are published, and the first encrypts: then nothing changes for long."""
        if is_waiting_for_active:
            self.daemon.wait_for_active()
        wait_until("the next key is published",
                   lambda: len(self.daemon.ctl("keys", "web")["keys"]) >= 2)
        wait_until("the reader has both", lambda: len(self.keys) >= 2)

    def needles(self):
        needles = Needles()
        for name, key in list(self.keys.items()):
            needles.add_key(name, key, "web", CONTEXTS)
        for name, number in self.numbers.items():
            needles.add_number(name, number, 32)
        return needles
