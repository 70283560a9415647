# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 frames and protobuf fields made by hand, for what no library would send."""

import socket
import ssl
import struct

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

CHECK = "/grpc.health.v1.Health/Check"
HEALTH_WATCH = "/grpc.health.v1.Health/Watch"
GET = "/stek.v1.KeyService/GetKeyring"
WATCH = "/stek.v1.KeyService/WatchKeyring"


def frame(kind, flags, stream, payload=b""):
    return (struct.pack(">I", len(payload))[1:] + bytes([kind, flags])
            + struct.pack(">I", stream) + payload)


def settings(**values):
    numbers = {"table": 1, "push": 2, "streams": 3, "window": 4, "frame": 5, "list": 6}
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", numbers[name], value)
                                          for name, value in values.items()))


def hello(**values):
    return PREFACE + settings(**values)


def literal(text):
    data = text.encode() if isinstance(text, str) else text
    size = len(data)
    if size < 127:
        return bytes([size]) + data
    head, size = bytes([127]), size - 127
    while size >= 128:
        head, size = head + bytes([size % 128 + 128]), size // 128
    return head + bytes([size]) + data


def fields(*pairs):
    """HPACK: literals that go into no table (RFC 7541 section 6.2.2)."""
    return b"".join(b"\0" + literal(name) + literal(value) for name, value in pairs)


def request_block(path, *more):
    return fields((":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "h"),
                  ("te", "trailers"), ("content-type", "application/grpc"), *more)


def headers(stream, path, *more, flags=0):
    return frame(HEADERS, END_HEADERS | flags, stream, request_block(path, *more))


def message(data=b"", compressed=0):
    return struct.pack(">BI", compressed, len(data)) + data


def varint(value):
    out = b""
    while value >= 128:
        out, value = out + bytes([value % 128 + 128]), value // 128
    return out + bytes([value])


def text(number, value):
    """A field with a length: string, bytes, message."""
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def unary(stream, path, data=b""):
    return headers(stream, path) + frame(DATA, END_STREAM, stream, message(data))


def watch_open(realm="web", name="honest"):
    return text(1, text(1, realm) + text(2, name) + text(4, "hostile"))


def open_watch(stream, realm="web", name="honest"):
    return headers(stream, WATCH) + frame(DATA, 0, stream, message(watch_open(realm, name)))


class Frames:
    """Cuts what is received into frames."""

    def __init__(self):
        self.rest = b""

    def feed(self, data):
        self.rest += data
        while len(self.rest) >= 9:
            size = int.from_bytes(self.rest[:3], "big")
            if len(self.rest) < 9 + size:
                return
            head, payload = self.rest[:9], self.rest[9:9 + size]
            self.rest = self.rest[9 + size:]
            yield head[3], head[4], int.from_bytes(head[5:9], "big"), payload


class Door:
    """One way in: the Unix socket, or the TLS listener with a certificate."""

    def __init__(self, name, address, context=None):
        self.name = name
        self.address = address
        self.context = context

    def raw(self, room=0):
        """Connected, without TLS. `room`: for so many bytes received and not read."""
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(30)
        if room:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        sock.connect(self.address)
        return sock

    def open(self, room=0):
        sock = self.raw(room)
        if self.context is None:
            return sock
        try:
            return self.context.wrap_socket(sock, server_hostname="127.0.0.1")
        except OSError:
            sock.close()
            raise


def send(sock, data):
    """False: the daemon has closed. What it said may be waiting still."""
    try:
        sock.sendall(data)
        return True
    except (OSError, ssl.SSLError):
        return False


def receive(sock):
    """b"": it has closed, in whatever way."""
    try:
        return sock.recv(65536)
    except (OSError, ssl.SSLError):
        return b""


def receive_all(sock):
    got = b""
    while data := receive(sock):
        got += data
    return got


def wait_for(sock, kind, stream=None):
    """The first frame of the kind (on the stream): its payload; None: the daemon closed first."""
    cutter = Frames()
    while data := receive(sock):
        for got, flags, on, payload in cutter.feed(data):
            if got == kind and stream in (None, on):
                return payload
    return None
