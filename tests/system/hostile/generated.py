# SPDX-License-Identifier: Apache-2.0
"""Generated cases through the sockets: a valid input changed in a few places, the same way for the
same seed. What the daemon refuses is told by its answer, and its counters must say the same."""

import random
import socket

import frames
from harness import require

SEED = 20260401
EDGES = (0x00, 0x01, 0x7f, 0x80, 0xff)


def change(source, data):
    data = bytearray(data)
    for _ in range(source.randrange(1, 4)):
        at = source.randrange(len(data) + 1)
        kind = source.randrange(5)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << source.randrange(8)
        elif kind == 1:
            del data[at:at + source.randrange(1, 40)]
        elif kind == 2:
            data[at:at] = source.randbytes(source.randrange(1, 16))
        elif kind == 3:
            data[at:at] = data[at:at + source.randrange(1, 40)]
        else:
            data[at:at + 4] = bytes([source.choice(EDGES)]) * source.randrange(1, 5)
    return bytes(data)


def tell_all(door, data):
    """Sends, says that this was all, and takes the answer."""
    with door.raw() as sock:
        frames.send(sock, data)
        try:
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return frames.receive_all(sock)


def conversation():
    return (frames.hello() + frames.unary(1, frames.CHECK)
            + frames.frame(frames.PING, 0, 0, b"12345678")
            + frames.unary(3, frames.GET, frames.text(1, "web") + frames.text(2, "fe"))
            + frames.headers(5, frames.HEALTH_WATCH)
            + frames.frame(frames.RST, 0, 5, (8).to_bytes(4, "big")))


def is_refused(data, answer):
    """The preface is wrong, or the last word is a GOAWAY with a reason."""
    if data[:24] != frames.PREFACE[:len(data)]:
        return True
    return any(kind == frames.GOAWAY and payload[4:8] != b"\0\0\0\0"
               for kind, _, _, payload in frames.Frames().feed(answer))


def generated_conversations(world, door, size):
    source, before, refused = random.Random(SEED), world.metrics(), 0
    for _ in range(size):
        data = change(source, conversation())
        refused += is_refused(data, tell_all(door, data))
    world.settle()
    name = 'stekd_limits_reached_total{limit="protocol"}'
    counted = world.metrics()[name] - before[name]
    require(counted == refused, f"seed {SEED}: {refused} of {size} conversations were refused, "
                                f"{counted:.0f} counted")
    require(0 < refused < size, f"seed {SEED}: {refused} of {size} were refused")


def count_all(metrics, family):
    return sum(value for name, value in metrics.items() if name.startswith(family + "{"))


def generated_hellos(world, door, size, hello):
    """Each handshake ends in exactly one way, and that is counted."""
    source, before = random.Random(SEED), world.metrics()
    for _ in range(size):
        tell_all(door, change(source, hello))
    world.settle()
    family = "stekd_tls_handshakes_total"
    counted = count_all(world.metrics(), family) - count_all(before, family)
    require(counted == size, f"seed {SEED}: {size} hellos, {counted:.0f} counted")


RESULTS = {b"200": "ok", b"400": "bad_request", b"404": "not_found", b"405": "bad_method",
           b"431": "too_large", b"": "left"}


def generated_requests(world, door, size):
    """What the page answers is what it counts."""
    source, before, seen = random.Random(SEED), world.metrics(), {}
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"
    for _ in range(size):
        answer = tell_all(door, change(source, request))
        result = RESULTS[answer[9:12]]
        seen[result] = seen.get(result, 0) + 1
    after = world.metrics()
    seen["ok"] = seen.get("ok", 0) + 1  # the page asked for before
    for result, count in seen.items():
        name = f'stekd_http_requests_total{{result="{result}"}}'
        require(after[name] - before[name] == count,
                f"seed {SEED}: {count} requests ended in {result}, "
                f"{after[name] - before[name]:.0f} counted")
