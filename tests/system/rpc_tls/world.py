# SPDX-License-Identifier: Apache-2.0
"""One stekd with a TLS listener, its authority, and clients of several kinds: for the tests in this
folder and for the benchmark of the RPC.

Realm "web" is read by spiffe://test/fe/* and dns:*.fe.test, "mail" by spiffe://test/mail/*; who is
spiffe://test/operator/* operates. This user does both at the Unix socket.
"""

import os
import signal
import socket
import ssl
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
from certs import Authority  # noqa: E402
from harness import Daemon, Failure, require, wait_until  # noqa: E402


def free_port():
    """Free just now. The kernel hands a port out again only after many others."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class World:
    def __init__(self, bench, crl=None, rotate_every="10m", sync_interval="500ms"):
        self.bench = bench
        self.ca = Authority(bench, "ca")
        self.other = Authority(bench, "other")
        self.server = self.ca.issue("stekd", ip=["127.0.0.1"], dns=["localhost"], eku="serverAuth")
        self.port, self.http = free_port(), free_port()
        self.crl = crl
        self.schedule = (rotate_every, sync_interval)
        sock = bench.path("stekd.sock")
        self.daemon = Daemon(bench, "stekd", self.configure(), sock)
        self.daemon.start()

    def configure(self, realms=("web", "mail"), readers="spiffe://test/fe/*"):
        """Writes the configuration; its path."""
        uid = os.getuid()
        rotate_every, sync_interval = self.schedule
        rules = {"web": [readers, "dns:*.fe.test", f"uid:{uid}"], "mail": ["spiffe://test/mail/*"]}
        crl = f", crl: {self.crl}" if self.crl else ""
        text = f"""\
deployment: test
listen:
  - address: 127.0.0.1:{self.port}
    tls: {{ certificate: {self.server[0]}, private_key: {self.server[1]},
            client_ca: {self.ca.path}{crl} }}
  - unix: {self.bench.path("stekd.sock")}
http: 127.0.0.1:{self.http}
store:
  type: memory
operators: ["spiffe://test/operator/*", "uid:{uid}"]
realms:
"""
        for realm in realms:
            names = ", ".join(f'"{name}"' for name in rules[realm])
            text += f"""\
  {realm}:
    rotate_every: {rotate_every}
    sync_interval: {sync_interval}
    ticket_lifetime: {rotate_every}
    readers: [{names}]
"""
        return self.bench.write("stekd.yaml", text)

    def reload(self):
        before = self.log().count("event=reloaded")
        self.daemon.process.signal(signal.SIGHUP)
        wait_until("stekd has reloaded", lambda: self.log().count("event=reloaded") > before)

    def log(self):
        return self.daemon.process.errors()

    def lines(self, *parts):
        """The log's lines that hold all the parts."""
        return [line for line in self.log().splitlines() if all(part in line for part in parts)]

    def metric(self, name):
        """A number of /metrics; 0 when it is not there."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=10) as page:
            for line in page.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[-1])
        return 0.0

    def frontend(self, name="fe-1", **wish):
        """(certificate, key) of a frontend of "web"; anything may be wished otherwise."""
        wish.setdefault("uri", [f"spiffe://test/fe/{name}"])
        wish.setdefault("eku", "clientAuth")
        return wish.pop("by", self.ca).issue(name, **wish)

    def operator(self):
        return self.ca.issue("operator", uri=["spiffe://test/operator/o"], eku="clientAuth")

    def context(self, pair=None, alpn="h2", newest=None, ca=None):
        """Python's TLS client; `pair` None: without a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(ca or self.ca.path)
        if pair:
            context.load_cert_chain(*pair)
        if alpn:
            context.set_alpn_protocols([alpn])
        if newest:
            context.maximum_version = newest
        return context

    def connect(self, pair=None, **options):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return self.context(pair, **options).wrap_socket(raw, server_hostname="127.0.0.1")

    def alert(self, pair=None, **options):
        """What a client that is refused hears, in OpenSSL's words with underscores."""
        try:
            with self.connect(pair, **options) as tls:
                # TLS 1.3 clients are done before the server has judged them.
                got = tls.recv(1)
                raise Failure(f"was not refused: it read {got!r}")
        except ssl.SSLError as error:
            return str(error).upper().replace(" ", "_")
        except OSError as error:
            return repr(error)


def soon(unix_s):
    """Waits until the wall clock is there; for certificates, whose dates are nobody's to choose
    finer than a second."""
    wait_until("the moment has come", lambda: time.time() >= unix_s, timeout=60)
