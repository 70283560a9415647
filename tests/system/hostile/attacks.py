# SPDX-License-Identifier: Apache-2.0
"""The attacks: what each sends, through which doors, and which counters must move. `size` is the
measured run, `warm` the one before it."""

import os
import random
import select
import ssl
import time

import frames
from dribble import Dribbler, dribble_all
from frames import DATA, END_STREAM, HEADERS, PING, RST, SETTINGS, Frames, send
from generated import generated_conversations, generated_requests, tell_all
from harness import require, wait_until
import generated

LONG = os.environ.get("STEK_TEST_LONG") == "1"
MANY = 100000  # streams on one connection
CASES = 10000 if LONG else 1000


def limit(name):
    return f'stekd_limits_reached_total{{limit="{name}"}}'


def refused(name):
    return f'stekd_requests_refused_total{{reason="{name}"}}'


def calls(path, status):
    return (f'stekd_rpc_server_calls_total{{rpc_method="{path[1:]}",'
            f'rpc_response_status_code="{status}"}}')


def shaken(result):
    return f'stekd_tls_handshakes_total{{result="{result}"}}'


def page(result):
    return f'stekd_http_requests_total{{result="{result}"}}'


class Attack:
    def __init__(self, run, size, counters, warm=None, doors=("unix", "tls")):
        self.name = run.__name__
        self.run = run
        self.size = size
        self.warm = size if warm is None else warm
        self.counters = counters
        self.doors = doors


def flood(door, opening, piece, reads=True, most=64 << 20):
    """Sends the opening, then the piece again and again until the daemon closes."""
    with door.open() as sock:
        sock.settimeout(30)
        sent = 0
        is_open = send(sock, opening)
        while is_open and sent < most:
            is_open = send(sock, piece)
            sent += len(piece)
            while is_open and reads and select.select([sock], [], [], 0)[0]:
                is_open = bool(frames.receive(sock))
        require(not is_open, f"the daemon took {sent} bytes of the flood and did not cut it off")


def resets(first, count):
    return b"".join(frames.headers(stream, frames.HEALTH_WATCH)
                    + frames.frame(RST, 0, stream, (8).to_bytes(4, "big"))
                    for stream in range(first, first + 2 * count, 2))


# ---- HTTP/2 floods ----

def rapid_reset(_world, door, size):
    """CVE-2023-44487, with a watch open all the while."""
    for _ in range(size):
        with door.open() as sock:
            send(sock, frames.hello() + frames.open_watch(1))
            first = 3
            while send(sock, resets(first, 50)) and first < 2 * MANY:
                first += 100
            require(first < 2 * MANY, "the daemon did not cut off the resets")


def continuation_flood(_world, door, size):
    more = frames.frame(frames.CONTINUATION, 0, 1, frames.fields(("x", "y" * 100)) * 10)
    for _ in range(size):
        flood(door, frames.hello() + frames.frame(HEADERS, 0, 1, frames.request_block(frames.CHECK)),
              more * 20)


def header_bomb(_world, door, size):
    """A field of 4000 bytes enters HPACK's table; then each byte stands for it."""
    big = b"\x40" + frames.literal("x") + frames.literal("y" * 4000)
    bomb = b"\xbe" * 16000
    for _ in range(size):
        with door.open() as sock:
            send(sock, frames.hello())
            is_open, stream = True, 1
            while is_open and stream < 41:
                block = big if stream == 1 else b""
                data = frames.frame(HEADERS, 0, stream, block)
                data += frames.frame(frames.CONTINUATION, 0, stream, bomb) * 3
                data += frames.frame(frames.CONTINUATION, frames.END_HEADERS, stream, bomb)
                is_open = send(sock, data)
                stream += 2
            # nghttp2 may count the CONTINUATIONs of several blocks as one, and then ends it.
            if is_open and send(sock, frames.unary(101, frames.CHECK)):
                frames.wait_for(sock, HEADERS, 101)


def ping_flood(_world, door, size):
    for _ in range(size):
        flood(door, frames.hello() + frames.open_watch(1), frames.frame(PING, 0, 0, b"12345678") * 100)


def ping_flood_unread(_world, door, size):
    for _ in range(size):
        flood(door, frames.hello(), frames.frame(PING, 0, 0, b"12345678") * 100, reads=False)


def settings_flood(_world, door, size):
    for _ in range(size):
        flood(door, frames.hello(), frames.settings(window=65535) * 100)


def large_settings(_world, door, size):
    for _ in range(size):
        flood(door, frames.PREFACE, frames.frame(SETTINGS, 0, 0, b"\x00\xff\x00\x00\x00\x00" * 1000))


def empty_data_flood(_world, door, size):
    for _ in range(size):
        flood(door, frames.hello() + frames.headers(1, frames.HEALTH_WATCH),
              frames.frame(DATA, 0, 1) * 500)


def priority_flood(_world, door, size):
    for _ in range(size):
        flood(door, frames.hello(), frames.frame(frames.PRIORITY, 0, 1, b"\0\0\0\0\x10") * 500)


def unknown_frame_flood(_world, door, size):
    for _ in range(size):
        flood(door, frames.hello(), frames.frame(99, 0, 0, b"?" * 20) * 500)


# ---- windows and readers ----

def zero_window(world, door, size):
    """Watches that never take data: each holds one message, and what would follow is left out."""
    socks = [door.open() for _ in range(4)]
    for sock in socks:
        send(sock, frames.hello(window=0))
        for stream in range(1, 121, 2):
            send(sock, frames.open_watch(stream, name=f"shut-{stream}"))
    world.wait(size, "the windows stay shut")
    for sock in socks:
        sock.close()


def never_reads(_world, door, size):
    """Requests whose answers nobody takes, until the daemon has had enough."""
    for _ in range(size):
        with door.open(room=4096) as sock:
            sock.settimeout(30)
            require(send(sock, frames.hello()), "closed too soon")
            first, end = 1, time.monotonic() + 20
            while time.monotonic() < end and send(sock, requests(first, 200)):
                first += 400
            require(time.monotonic() < end, "the daemon let its answers pile up")


def requests(first, count):
    return b"".join(frames.headers(stream, frames.CHECK, flags=END_STREAM)
                    for stream in range(first, first + 2 * count, 2))


# ---- very many streams ----

def streams_one_after_another(_world, door, size):
    """All are answered: they break no rule, and leave nothing behind."""
    block = b"\x40" + frames.literal("x-warm") + frames.literal("y")
    with door.open() as sock:
        send(sock, frames.hello(window=2 ** 31 - 1)
             + frames.frame(frames.WINDOW, 0, 0, (2 ** 30).to_bytes(4, "big"))
             + frames.frame(SETTINGS, frames.ACK, 0))
        cutter, first, batch = Frames(), 1, 50
        template = frames.request_block(frames.CHECK) + block
        body = frames.message()
        for done in range(0, size, batch):
            streams = range(first, first + 2 * batch, 2)
            send(sock, b"".join(frames.frame(HEADERS, 4, s, template)
                                + frames.frame(DATA, END_STREAM, s, body) for s in streams))
            first += 2 * batch
            ends = 0
            while ends < batch:
                data = frames.receive(sock)
                require(data, f"the daemon closed after {done} good streams")
                ends += sum(1 for kind, flags, _, _ in cutter.feed(data)
                            if kind == HEADERS and flags & END_STREAM)


def streams_at_once(_world, door, size):
    """Without acknowledging the limit, so that each is refused by itself."""
    with door.open() as sock:
        send(sock, frames.hello())
        cutter, refusals = Frames(), 0
        for first in range(1, 2 * size, 400):
            send(sock, b"".join(frames.headers(stream, frames.HEALTH_WATCH)
                                for stream in range(first, first + 400, 2)))
            want = (first + 399) // 2 - 100
            while refusals < want:
                data = frames.receive(sock)
                require(data, f"the daemon closed after {refusals} refusals")
                refusals += sum(1 for kind, _, _, _ in cutter.feed(data) if kind == RST)


def one_stream_too_many(_world, door, size):
    """Whoever has acknowledged the limit and breaks it loses the connection."""
    for _ in range(size):
        with door.open() as sock:
            send(sock, frames.hello())
            require(frames.wait_for(sock, SETTINGS) is not None, "no SETTINGS came")
            send(sock, frames.frame(SETTINGS, frames.ACK, 0))
            for stream in range(1, 149, 2):
                send(sock, frames.headers(stream, frames.HEALTH_WATCH))
            frames.receive_all(sock)


# ---- messages ----

def refused_message(door, head, *more):
    with door.open() as sock:
        send(sock, frames.hello() + frames.headers(1, frames.GET, *more)
             + frames.frame(DATA, 0, 1, head))
        require(frames.wait_for(sock, HEADERS, 1) is not None, "the message was not answered")


def huge_messages(_world, door, size):
    for _ in range(size):
        refused_message(door, b"\0\xff\xff\xff\xff" + b"x" * 10000)
        refused_message(door, b"\0\0\0\x10\1" + b"x" * 4097)


def compressed_messages(_world, door, size):
    for _ in range(size):
        refused_message(door, b"\1\0\0\0\2hi", ("grpc-encoding", "gzip"))
        refused_message(door, b"\1\0\0\0\2hi")


def bombs():
    """Within the 4 KiB a request may have."""
    deep = b""
    while len(deep) < 4000:
        deep = frames.text(1, deep)
    yield deep
    yield b"\x0b" * 4000  # groups within groups
    yield frames.text(1, "web") * 800 + b"\xff"
    yield (b"\xa0\x06\x01" * 1333) + b"\x0a\xff\xff\xff\xff\x0f"  # unknown fields, a length of 4 GiB
    yield b"\x08" + b"\xff" * 4000
    yield b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
    yield b"\x12\x00" * 2000 + b"\x0a"


def protobuf_bombs(_world, door, size):
    paths = (frames.GET, "/stek.v1.AdminService/ListKeys")
    with door.open() as sock:
        send(sock, frames.hello())
        stream = 1
        for _ in range(size):
            for path in paths:
                for bomb in bombs():
                    send(sock, frames.unary(stream, path, bomb))
                    require(frames.wait_for(sock, HEADERS, stream) is not None,
                            "a bomb was not answered")
                    stream += 2


# ---- connections ----

def half_open(world, door, size):
    """Connections that say nothing."""
    limit_name = limit("connections") if door is world.unix else shaken("evicted")
    want = world.metrics()[limit_name] + (1 if door is world.unix else size - 128)
    socks = [door.raw() for _ in range(size)]
    wait_until("the limit on connections is reached",
               lambda: world.metrics()[limit_name] >= want)
    world.check_honest("while connections are half open")
    for sock in socks:
        sock.close()


def slow_loris(world, _door, size):
    """Everything byte by byte, at all doors at once; `size` seconds, or until the daemon has cut
    off everybody."""
    hello, get = client_hello(world.tls), b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    first = frames.hello() + frames.headers(1, frames.HEALTH_WATCH)
    watch = frames.hello() + frames.headers(1, frames.WATCH)
    opening = frames.frame(DATA, 0, 1, frames.message(frames.watch_open()))
    all_of_them = []
    for _ in range(10):
        all_of_them += [Dribbler(world.tls.raw(), b"", hello), Dribbler(world.tls.raw(), b"", b""),
                        Dribbler(world.page.raw(), b"", get)]
        for door in (world.unix, world.tls):
            all_of_them += [Dribbler(door.open(), b"", first), Dribbler(door.open(), b"", b""),
                            Dribbler(door.open(), first[:60], first[60:]),
                            Dribbler(door.open(), watch, opening, until_answer=True)]
    left = dribble_all(all_of_them, size, lambda: world.check_honest("during the slow loris"))
    require(size < 15 or not left, f"{len(left)} of {len(all_of_them)} slow peers were not cut off")


# ---- TLS and the page ----

def client_hello(door):
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = door.context.wrap_bio(into, out, server_hostname="127.0.0.1")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def plain_http_on_tls(_world, door, size):
    for _ in range(size):
        answer = tell_all(door, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        require(answer.startswith(b"HTTP/1.1 400 "), f"plain HTTP was answered with {answer!r}")


def tls_garbage(_world, door, size):
    source = random.Random(1)
    for _ in range(size):
        tell_all(door, source.randbytes(source.randrange(1, 400)))


def generated_hellos(world, door, size):
    generated.generated_hellos(world, door, size, client_hello(door))


def long_lines(_world, door, size):
    for _ in range(size):
        require(b" 431 " in tell_all(door, b"GET /" + b"x" * 8200 + b" HTTP/1.1\r\n\r\n")[:20],
                "a long request line was not refused")


def many_headers(_world, door, size):
    for _ in range(size):
        require(b" 431 " in tell_all(door, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20000)[:20],
                "very many headers were not refused")


def pipelining(_world, door, size):
    for _ in range(size):
        answer = tell_all(door, b"GET /healthz HTTP/1.1\r\n\r\n" * 100)
        require(answer.count(b"HTTP/1.1 ") == 1, "a connection had more than one answer")


def page_crowd(_world, door, size):
    socks = [door.raw() for _ in range(size)]
    late = [sock for sock in socks if select.select([sock], [], [], 0)[0]]
    end = time.monotonic() + 10
    while len(late) < size - 32 and time.monotonic() < end:
        late = select.select(socks, [], [], 1)[0]
    for sock in socks:
        sock.close()


FLOODED = {refused("flood"): 10}
ALL = [
    Attack(rapid_reset, 10, {limit("protocol"): 10}),
    Attack(continuation_flood, 10, {limit("protocol"): 10}),
    Attack(header_bomb, 5, {refused("header_block"): 20}),
    Attack(ping_flood, 10, {limit("protocol"): 10, **FLOODED}),
    Attack(ping_flood_unread, 10, {limit("protocol"): 10}),
    Attack(settings_flood, 10, {limit("protocol"): 10}),
    Attack(large_settings, 10, {limit("protocol"): 10}),
    Attack(empty_data_flood, 10, {limit("protocol"): 10}),
    Attack(priority_flood, 10, {limit("protocol"): 10, **FLOODED}),
    Attack(unknown_frame_flood, 10, {limit("protocol"): 10, **FLOODED}),
    Attack(zero_window, 62 if LONG else 1.5, {limit("unread"): 240}, warm=1.5),
    Attack(never_reads, 1, {limit("protocol"): 1, refused("flood"): 1, limit("stall"): 1}),
    Attack(streams_one_after_another, MANY if LONG else MANY // 10,
           {calls(frames.CHECK, "OK"): MANY // 10}, warm=MANY // 100),
    Attack(streams_at_once, MANY, {refused("streams"): MANY - 200}, warm=MANY // 10),
    Attack(one_stream_too_many, 10, {limit("protocol"): 10}),
    Attack(huge_messages, 20, {refused("message_size"): 40,
                               calls(frames.GET, "RESOURCE_EXHAUSTED"): 40}),
    Attack(compressed_messages, 20, {refused("compressed"): 40,
                                     calls(frames.GET, "UNIMPLEMENTED"): 40}),
    Attack(protobuf_bombs, 20, {calls(frames.GET, "INVALID_ARGUMENT"): 120}),
    Attack(half_open, 1100, {limit("connections"): 1}, doors=("unix",)),
    Attack(half_open, 600, {shaken("evicted"): 472}, doors=("tls",)),
    Attack(slow_loris, 20, {shaken("timed_out"): 20, limit("first_request"): 60,
                            calls(frames.WATCH, "DEADLINE_EXCEEDED"): 20, page("timed_out"): 10},
           warm=1, doors=("unix",)),
    Attack(plain_http_on_tls, 200, {shaken("not_tls"): 200}, doors=("tls",)),
    Attack(tls_garbage, 300, {shaken("other"): 200}, doors=("tls",)),
    Attack(generated_conversations, CASES, {limit("protocol"): CASES // 2}, warm=100,
           doors=("unix",)),
    Attack(generated_hellos, CASES, {shaken("other"): CASES // 10}, warm=100, doors=("tls",)),
    Attack(generated_requests, CASES, {page("bad_request"): CASES // 10}, warm=100,
           doors=("page",)),
    Attack(long_lines, 100, {page("too_large"): 100}, doors=("page",)),
    Attack(many_headers, 100, {page("too_large"): 100}, doors=("page",)),
    Attack(pipelining, 100, {page("ok"): 100}, doors=("page",)),
    Attack(page_crowd, 100, {page("refused"): 68}, doors=("page",)),
]
