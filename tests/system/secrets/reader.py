# SPDX-License-Identifier: Apache-2.0
"""Reads keys as an authorised reader does, in the test's own process; and private keys of files."""

import queue
import subprocess
import sys
import tempfile
import threading

try:
    import grpc
except ImportError:
    print("skipped: this python3 has no grpc (Debian: python3-grpcio)")
    sys.exit(77)


class Messages:
    """Made by protoc; no grpc plugin is needed."""

    def __init__(self, bench, protoc, folder):
        out = tempfile.mkdtemp(prefix="protos-", dir=bench.folder)
        subprocess.run([protoc, "-I" + folder, "--python_out=" + out, "stek/v1/keys.proto"],
                       check=True)
        sys.path.insert(0, out)
        from stek.v1 import keys_pb2
        self.keys = keys_pb2


def by_unix(daemon):
    return grpc.insecure_channel(daemon.endpoint)


def by_tls(authority, port):
    cert, key = authority.issue("reader", uri=["spiffe://example.org/frontend/reader"],
                                eku="clientAuth")
    parts = []
    for path in (authority.path, key, cert):
        with open(path, "rb") as f:
            parts.append(f.read())
    return grpc.secure_channel(f"127.0.0.1:{port}", grpc.ssl_channel_credentials(*parts))


def private_number(path):
    """Of a P-256 key in PEM."""
    out = subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text"], check=True,
                         capture_output=True, text=True).stdout
    lines = out.split("priv:")[1].split("pub:")[0]
    return int(lines.replace(":", "").replace("\n", "").replace(" ", ""), 16)


class Reader:
    """A frontend of its own kind, in this process, that keeps every key it is ever sent."""

    def __init__(self, channel, messages, keys, name="reader"):
        self.channel, self.messages, self.keys = channel, messages, keys
        self.name = name
        self.calls = self.snapshots = 0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def keep(self, snapshot):
        self.snapshots += 1
        for key in snapshot.keyring.keys:
            if key.key:
                self.keys.setdefault(key.name.hex(), key.key)

    def watch(self):
        """Again when it ends: the daemon may have a new certificate, or be gone."""
        while not self.is_over.wait(0.05):
            try:
                self.watch_once()
            except grpc.RpcError:
                pass

    def watch_once(self):
        """Says what it has installed, as a frontend must: a revocation waits for that."""
        m = self.messages.keys
        requests = queue.SimpleQueue()
        requests.put(m.WatchKeyringRequest(open=m.WatchOpen(
            realm="web", frontend=self.name, library_version="test")))
        call = self.channel.stream_stream(
            "/stek.v1.KeyService/WatchKeyring",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=m.WatchKeyringResponse.FromString)
        try:
            for answer in call(iter(requests.get, None)):
                if answer.WhichOneof("kind") == "snapshot":
                    self.keep(answer.snapshot)
                    requests.put(m.WatchKeyringRequest(ack=m.WatchAck(
                        digest=answer.snapshot.digest)))
        finally:
            requests.put(None)

    def get(self):
        call = self.channel.unary_unary(
            "/stek.v1.KeyService/GetKeyring",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=self.messages.keys.GetKeyringResponse.FromString)
        self.keep(call(self.messages.keys.GetKeyringRequest(realm="web", frontend="reader"),
                       timeout=10).snapshot)
        self.calls += 1

    def close(self):
        self.is_over.set()
        self.channel.close()
        self.thread.join(10)
