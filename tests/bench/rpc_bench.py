# SPDX-License-Identifier: Apache-2.0
"""What an RPC costs stekd, and what an idle watcher holds.

  rpc_bench.py BUILD [ROUNDS [REQUESTS [WATCHERS]]]

CPU: GetKeyring over mutual TLS against nghttpd serving a file of the same size over mutual TLS, the
same h2load, 100 connections of 10 streams, in turns; the ratio of CPU time a request. Memory: RSS a
mutual-TLS watcher that has its keyring and waits. Goals are reported, not enforced.
"""

import os
import re
import shutil
import socket
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "system", "rpc_tls"), os.path.join(HERE, "..", "system")]
from harness import Bench, require, run_main, wait_until  # noqa: E402
from load import Load  # noqa: E402
from world import World, free_port  # noqa: E402

CONNECTIONS, STREAMS = 100, 10
CPU_GOAL, MEMORY_GOAL_KIB = 1.0, 45.0


def cpu_s(pid):
    """CPU time of all threads, in nanosecond steps."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1e9


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1))


def report(name, values, unit, goal):
    values = sorted(values)
    middle = statistics.median(values)
    verdict = "met" if middle <= goal else "missed"
    print(f"{name}: {middle:.2f}{unit} (min {values[0]:.2f}, max {values[-1]:.2f}; goal "
          f"{goal:g}{unit}: {verdict})", flush=True)


def start_nghttpd(bench, world, size):
    """One worker that demands a certificate too; its port and process."""
    program = shutil.which("nghttpd", path=os.environ["PATH"] + ":/usr/sbin")
    require(program, "nghttpd is not installed (Debian: nghttp2-server)")
    folder = bench.path("htdocs")
    os.mkdir(folder)
    with open(os.path.join(folder, "file"), "wb") as f:
        f.write(b"x" * size)
    port = free_port()
    process = bench.start("nghttpd", [program, "--verify-client", "--htdocs=" + folder, "--workers=1",
                                      "--address=127.0.0.1", str(port), world.server[1],
                                      world.server[0]])

    def answers():
        require(process.is_running(), "nghttpd ended: " + process.errors())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    wait_until("nghttpd listens", answers)
    return port, process


def compare_cpu(bench, rounds, requests):
    world = World(bench)
    world.daemon.wait_for_active()
    load = Load(bench, world.frontend())
    _, _, size = load.get_keyring(world.port, 1000, CONNECTIONS, STREAMS)
    port, nghttpd = start_nghttpd(bench, world, round(size))
    load.get_file(port, "file", 1000, CONNECTIONS, STREAMS)
    ours, theirs = world.daemon.process.pid, nghttpd.pid
    stekd_us, nghttpd_us = [], []
    for _ in range(rounds):
        for pid, into, ask in (
                (ours, stekd_us, lambda: load.get_keyring(world.port, requests, CONNECTIONS,
                                                          STREAMS)),
                (theirs, nghttpd_us, lambda: load.get_file(port, "file", requests, CONNECTIONS,
                                                           STREAMS))):
            before = cpu_s(pid)
            succeeded, failed, _ = ask()
            require((succeeded, failed) == (requests, 0), f"{succeeded} and {failed} failed")
            into.append((cpu_s(pid) - before) / requests * 1e6)
    print(f"answers of {size:.0f} bytes; CPU a request: stekd {statistics.median(stekd_us):.1f} us, "
          f"nghttpd {statistics.median(nghttpd_us):.1f} us, handshakes included")
    report("GetKeyring / nghttpd, CPU", [a / b for a, b in zip(stekd_us, nghttpd_us)], "x",
           CPU_GOAL)


def frame(kind, flags, stream, payload):
    return (len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") +
            payload)


def field(name, value):
    """A header field without indexing or Huffman coding (RFC 7541 section 6.2.2)."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def open_watch(world, pair):
    """A connection that watches "web" and has been sent its keyring."""
    headers = b"".join([field(b":method", b"POST"), field(b":scheme", b"https"),
                        field(b":path", b"/stek.v1.KeyService/WatchKeyring"),
                        field(b":authority", b"localhost"), field(b"te", b"trailers"),
                        field(b"content-type", b"application/grpc")])
    message = b"\x0a\x05\x0a\x03web"  # WatchKeyringRequest{open{realm}}
    data = b"\0" + len(message).to_bytes(4, "big") + message
    tls = world.connect(pair)
    tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") +
                frame(1, 4, 1, headers) + frame(0, 0, 1, data))
    got = b""
    while len(got) < 300:
        got += tls.recv(4096)
    return tls


def weigh_watchers(bench, count):
    world = World(bench, sync_interval="10s")
    pair = world.frontend()
    pid = world.daemon.process.pid
    watches = [open_watch(world, pair) for _ in range(20)]  # what comes once has come
    before = rss_kib(pid)
    watches += [open_watch(world, pair) for _ in range(count)]
    wait_until("all are watchers",
               lambda: world.metric('stekd_watchers{realm="web"}') == len(watches))
    report(f"RSS a watcher, of {count}", [(rss_kib(pid) - before) / count], " KiB",
           MEMORY_GOAL_KIB)
    for watch in watches:
        watch.close()


def test(build, arguments):
    rounds, requests, watchers = (int(n) for n in (arguments + ["5", "10000", "900"][len(arguments):]))
    with Bench(build) as bench:
        compare_cpu(bench, rounds, requests)
    with Bench(build) as bench:
        weigh_watchers(bench, watchers)


run_main(test)
