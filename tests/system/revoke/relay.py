# SPDX-License-Identifier: Apache-2.0
"""A Unix socket in front of a daemon's, to be cut like a cable."""

import os
import socket
import threading


class Relay:
    def __init__(self, bench, name, daemon):
        self.sock = bench.path(name + ".sock")
        self.endpoint = "unix:" + self.sock
        self.daemon = daemon
        self.listener = None
        self.links = []
        self.join()

    def join(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.sock)
        self.listener.listen(16)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def cut(self):
        os.unlink(self.sock)
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for link in self.links:
            try:
                link.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.links = []

    def accept(self, listener):
        while True:
            try:
                near = listener.accept()[0]
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                far.connect(self.daemon.sock)
            except OSError:  # the daemon is away: so is the line, until the next try
                near.close()
                continue
            self.links += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=pump, args=(one, other), daemon=True).start()


def pump(source, sink):
    try:
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
