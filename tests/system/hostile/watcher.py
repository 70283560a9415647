# SPDX-License-Identifier: Apache-2.0
"""An honest frontend in a process of its own: watches a realm, and tells on request the longest
time between two messages since it was asked last.

  watcher.py SOCKET_PATH | PORT CA CERTIFICATE KEY

A line on its standard input is answered with "MESSAGES LONGEST_GAP_MS"; "closed" once the watch
has ended.
"""

import select
import ssl
import sys
import time

import frames
from frames import Door, Frames


def connect(arguments):
    if len(arguments) == 1:
        return Door("unix", arguments[0]).open()
    port, ca, certificate, key = arguments
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])
    return Door("tls", ("127.0.0.1", int(port)), context).open()


class Watcher:
    def __init__(self, sock):
        self.sock = sock
        self.cutter = Frames()
        self.is_open = True
        self.messages = 0
        self.last = time.monotonic()
        self.longest = 0.0
        sock.sendall(frames.hello(window=2 ** 31 - 1)
                     + frames.frame(frames.WINDOW, 0, 0, (2 ** 30).to_bytes(4, "big"))
                     + frames.open_watch(1))

    def take(self):
        data = frames.receive(self.sock)
        self.is_open = self.is_open and bool(data)
        for kind, flags, stream, payload in self.cutter.feed(data):
            if kind == frames.DATA:
                now = time.monotonic()
                self.longest = max(self.longest, now - self.last)
                self.last = now
                self.messages += 1
            elif kind == frames.SETTINGS and not flags & frames.ACK:
                self.sock.sendall(frames.frame(frames.SETTINGS, frames.ACK, 0))
            elif kind in (frames.RST, frames.GOAWAY) or (stream == 1 and flags & 1):
                self.is_open = False

    def tell(self):
        if not self.is_open:
            return "closed"
        longest = max(self.longest, time.monotonic() - self.last)
        self.longest = 0.0
        return f"{self.messages} {longest * 1000:.0f}"

    def run(self):
        while True:
            pending = getattr(self.sock, "pending", lambda: 0)()
            waits = [sys.stdin] + ([self.sock] if self.is_open else [])
            ready = select.select(waits, [], [], 0 if pending else None)[0]
            if self.is_open and (pending or self.sock in ready):
                self.take()
            if sys.stdin in ready:
                if not sys.stdin.readline():
                    return
                print(self.tell(), flush=True)


if __name__ == "__main__":
    Watcher(connect(sys.argv[1:])).run()
