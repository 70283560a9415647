# SPDX-License-Identifier: Apache-2.0
"""The daemon under attack: a Unix socket, a TLS listener and the page; two honest watches on it; its
memory and its counters."""

import os
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
sys.path.insert(1, HERE)
from certs import Authority  # noqa: E402
from harness import Daemon, require, wait_until  # noqa: E402
from frames import Door  # noqa: E402
import socket  # noqa: E402
import ssl  # noqa: E402

SYNC_S = 2.0
MARGIN_S = 1.5  # this host has other things to do
RSS_SLACK_KIB = 1024


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Honest:
    """A watcher process and its pipe."""

    def __init__(self, name, arguments):
        self.name = name
        self.longest = 0
        self.child = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "watcher.py"), *arguments], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self):
        """(messages so far, longest gap in ms since the last question)."""
        print("?", file=self.child.stdin, flush=True)
        answer = self.child.stdout.readline().strip()
        require(answer not in ("", "closed"), f"the honest watch on {self.name} was ended")
        messages, gap = answer.split()
        return int(messages), int(gap)

    def check(self, when):
        gap = self.ask()[1]
        self.longest = max(self.longest, gap)
        limit = (SYNC_S / 4 + MARGIN_S) * 1000
        require(gap <= limit,
                f"{when}: the honest watch on {self.name} heard nothing for {gap} ms, "
                f"and may for {limit:.0f}")

    def stop(self):
        self.child.stdin.close()
        self.child.wait(10)


class World:
    def __init__(self, bench):
        self.bench = bench
        ca = Authority(bench, "ca")
        server = ca.issue("stekd", ip=["127.0.0.1"], eku="serverAuth")
        pair = ca.issue("fe-1", uri=["spiffe://test/fe/1"], eku="clientAuth")
        self.port, self.http = free_port(), free_port()
        sock = bench.path("stekd.sock")
        config = bench.write("stekd.yaml", f"""\
deployment: test
listen:
  - address: 127.0.0.1:{self.port}
    tls: {{ certificate: {server[0]}, private_key: {server[1]}, client_ca: {ca.path} }}
  - unix: {sock}
http: 127.0.0.1:{self.http}
store:
  type: memory
operators: ["uid:{os.getuid()}"]
realms:
  web:
    rotate_every: 10m
    sync_interval: {SYNC_S:.0f}s
    ticket_lifetime: 10m
    readers: ["spiffe://test/fe/*", "uid:{os.getuid()}"]
""")
        self.daemon = Daemon(bench, "stekd", config, sock)
        self.daemon.start()
        self.unix = Door("unix", sock)
        self.tls = Door("tls", ("127.0.0.1", self.port), self.context(ca.path, pair))
        self.page = Door("page", ("127.0.0.1", self.http))
        self.has_sanitizer = b"__asan_init" in open(bench.program("daemon/app/stekd"), "rb").read()
        self.honest = [Honest("unix", [sock]),
                       Honest("tls", [str(self.port), ca.path, *pair])]
        for watch in self.honest:
            wait_until("the honest watch gets messages", lambda w=watch: w.ask()[0] >= 2)

    @staticmethod
    def context(ca, pair):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(ca)
        context.load_cert_chain(*pair)
        context.set_alpn_protocols(["h2"])
        return context

    def stop(self):
        for watch in self.honest:
            watch.stop()
        require(self.daemon.stop() == 0, "stekd did not end well")

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=30) as page:
            lines = page.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def is_quiet(self):
        """Only the honest are left."""
        now = self.metrics()
        return now["stekd_connections"] == 2 and now["stekd_handshakes_pending"] == 0

    def settle(self):
        wait_until("only the honest connections are left", self.is_quiet, timeout=90)

    def rss_kib(self):
        pid = self.daemon.process.pid
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
                lines = rollup.readlines()
        except PermissionError:  # it is not dumpable, and we are not root
            with open(f"/proc/{pid}/status", encoding="ascii") as status:
                lines = [line.replace("VmRSS:", "Rss:") for line in status]
        return next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))

    def check_honest(self, when):
        for watch in self.honest:
            watch.check(when)

    def wait(self, seconds, what):
        """For an attack that lasts: as long as the honest are served."""
        end = time.monotonic() + seconds
        wait_until(what, lambda: time.monotonic() > end, timeout=seconds + 10, interval=0.1)
