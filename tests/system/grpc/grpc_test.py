# SPDX-License-Identifier: Apache-2.0
"""stekd under the stock gRPC client of Python: every method, every refusal, stopping, restarting.

  grpc_test.py BUILD PROTOC PROTO_FOLDER [CASE...]
"""

import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Bench, Daemon, require, run_main, wait_until  # noqa: E402

try:
    import grpc
except ImportError:
    print("skipped: this python3 has no grpc (Debian: python3-grpcio)")
    sys.exit(77)

SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
Code = grpc.StatusCode


class Protos:
    """Message classes made by protoc --python_out; no grpc plugin is needed."""

    def __init__(self, protoc, folder):
        self.out = tempfile.mkdtemp(prefix="stek-protos-")
        files = ["stek/v1/keys.proto", "stek/v1/admin.proto", "grpc/health/v1/health.proto"]
        subprocess.run([protoc, "-I" + folder, "--python_out=" + self.out, *files], check=True)
        # The package "grpc" exists already: what protoc made must not hide it.
        os.rename(os.path.join(self.out, "grpc"), os.path.join(self.out, "made"))
        sys.path.insert(0, self.out)
        from stek.v1 import admin_pb2, keys_pb2
        from made.health.v1 import health_pb2
        self.keys, self.admin, self.health = keys_pb2, admin_pb2, health_pb2


P = None  # the Protos; set once by test()


class Client:
    def __init__(self, daemon):
        self.channel = grpc.insecure_channel(daemon.endpoint)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.channel.close()

    def ask(self, path, request, reply, timeout=10):
        call = self.channel.unary_unary(path, request_serializer=serialize,
                                        response_deserializer=reply.FromString)
        return call(request, timeout=timeout)

    def refused(self, path, request, timeout=10):
        """The error a call must end with: (code, sentence)."""
        try:
            self.ask(path, request, P.keys.GetKeyringResponse, timeout)
        except grpc.RpcError as error:
            return error.code(), error.details()
        raise AssertionError(f"{path} was not refused")

    def health(self, service=""):
        return self.ask("/grpc.health.v1.Health/Check",
                        P.health.HealthCheckRequest(service=service),
                        P.health.HealthCheckResponse).status

    def get_keyring(self, realm="web"):
        return self.ask("/stek.v1.KeyService/GetKeyring",
                        P.keys.GetKeyringRequest(realm=realm, frontend="fe-1"),
                        P.keys.GetKeyringResponse).snapshot

    def keys(self, realm="web"):
        return self.ask("/stek.v1.AdminService/ListKeys", P.admin.ListKeysRequest(realm=realm),
                        P.admin.ListKeysResponse)

    def status(self):
        return self.ask("/stek.v1.AdminService/GetStatus", P.admin.GetStatusRequest(),
                        P.admin.GetStatusResponse)

    def encrypting(self):
        for key in self.keys().keys:
            if key.encrypting:
                return key.name
        return None

    def rotate(self, retire, realm="web"):
        return self.ask("/stek.v1.AdminService/Rotate",
                        P.admin.RotateRequest(realm=realm, retire=retire, reason="a test"),
                        P.admin.RotateResponse)


def serialize(request):
    return request if isinstance(request, bytes) else request.SerializeToString()


class Stream:
    """A stream with a thread that collects what comes, and how it ends."""

    def __init__(self, client, path, reply):
        self.requests = queue.Queue()
        self.replies = []
        self.end = None
        call = client.channel.stream_stream(path, request_serializer=serialize,
                                            response_deserializer=reply.FromString)
        self.call = call(iter(self.requests.get, None))
        self.thread = threading.Thread(target=self.collect, daemon=True)
        self.thread.start()

    def collect(self):
        try:
            for reply in self.call:
                self.replies.append(reply)
            self.end = (Code.OK, "")
        except grpc.RpcError as error:
            self.end = (error.code(), error.details())

    def send(self, request):
        self.requests.put(request)

    def close(self):
        self.call.cancel()
        self.requests.put(None)
        self.thread.join(10)


class KeyWatch(Stream):
    def __init__(self, client, realm="web", frontend="fe-1"):
        super().__init__(client, "/stek.v1.KeyService/WatchKeyring", P.keys.WatchKeyringResponse)
        self.send(P.keys.WatchKeyringRequest(
            open=P.keys.WatchOpen(realm=realm, frontend=frontend, library_version="test")))

    def snapshots(self):
        return [r.snapshot for r in self.replies if r.WhichOneof("kind") == "snapshot"]

    def heartbeats(self):
        return [r.heartbeat for r in self.replies if r.WhichOneof("kind") == "heartbeat"]

    def ack(self, digest, issued=0):
        self.send(P.keys.WatchKeyringRequest(ack=P.keys.WatchAck(
            digest=digest, counters=P.keys.Counters(issued=issued))))


def serving(client):
    wait_until("stekd serves", lambda: client.health() == SERVING)


def active(client):
    return wait_until("a key is active", client.encrypting)


def settled(client):
    """Until the first key encrypts and the next one is published: then nothing changes for long."""
    active(client)
    wait_until("the next key is published", lambda: len(client.keys().keys) >= 2)


# ---- the cases ----

def health_is_told(bench):
    with Client(bench.daemon().start()) as client:
        serving(client)
        require(client.health("stek.v1.KeyService") == SERVING, "KeyService is not serving")
        code, why = client.refused("/grpc.health.v1.Health/Check",
                                   P.health.HealthCheckRequest(service="none"))
        require(code == Code.NOT_FOUND, f"unknown service: {code} {why}")
        watch = Stream(client, "/grpc.health.v1.Health/Watch", P.health.HealthCheckResponse)
        watch.send(P.health.HealthCheckRequest(service="none"))
        wait_until("the unknown service is told", lambda: watch.replies)
        require(watch.replies[0].status == SERVICE_UNKNOWN, "SERVICE_UNKNOWN expected")
        watch.close()


def a_keyring_is_given_with_all_its_parts(bench):
    with Client(bench.daemon().start()) as client:
        serving(client)
        wait_until("the first key and one ahead",
                   lambda: len(client.get_keyring().keyring.keys) >= 2)
        snapshot = client.get_keyring()
        keys = snapshot.keyring.keys
        require(snapshot.keyring.realm == "web", "wrong realm")
        require(all(len(k.name) == 16 and len(k.key) == 32 for k in keys), "wrong lengths")
        require([k.name for k in keys] == sorted(k.name for k in keys), "not sorted by name")
        require(len({k.key for k in keys}) == len(keys), "equal keys")
        require(len(snapshot.digest) == 32, "no digest")
        require(snapshot.policy.sync_interval_ms == 500, "wrong policy")
        skew = abs(snapshot.moment.server_time_ms - time.time() * 1000)
        require(skew < 2000 and not snapshot.moment.suspect, f"server time off by {skew} ms")
        for key in keys:
            require(key.active_from_ms >= key.published_at_ms + 1000, "active before its lead")
        # What operators see is the same ring, without the bytes.
        listed = client.keys()
        require({k.name for k in listed.keys} == {k.name for k in keys}, "other names listed")
        raw = listed.SerializeToString() + client.status().SerializeToString()
        require(not any(k.key[i:i + 8] in raw for k in keys for i in range(25)),
                "an operator was shown key bytes")


def a_watch_follows_a_rotation(bench):
    # So slow a schedule that only the operator's act changes the ring.
    with Client(bench.daemon(rotate_every="10m", ticket_lifetime="10m").start()) as client:
        settled(client)
        watch = KeyWatch(client)
        first = wait_until("the first snapshot", watch.snapshots)[0]
        require(first.digest == client.get_keyring().digest, "not the ring that is held")
        watch.ack(first.digest, issued=7)
        wait_until("the acknowledgement counts",
                   lambda: client.status().realms[0].watchers_current == 1)
        old = active(client)
        reply = client.rotate(old)
        require(reply.changed and reply.promoted != old, "nothing was rotated")
        second = wait_until("the second snapshot", lambda: watch.snapshots()[1:])[0]
        require(second.digest == reply.digest != first.digest, "not the rotated ring")
        wait_until("the promoted key encrypts", lambda: client.encrypting() == reply.promoted)
        status = client.status().realms[0]
        require((status.watchers, status.watchers_current) == (1, 0), "not acknowledged yet")
        watch.ack(second.digest)
        wait_until("the new ring is acknowledged",
                   lambda: client.status().realms[0].watchers_current == 1)
        beats = len(watch.heartbeats())
        last = wait_until("heartbeats", lambda: watch.heartbeats()[beats + 2:])[-1]
        require(last.digest == second.digest, "a heartbeat with another digest")
        require(len(watch.snapshots()) == 2, "the same ring was sent again")
        watch.close()
        wait_until("the watcher is gone", lambda: client.status().realms[0].watchers == 0)


def rotations_come_by_themselves(bench):
    with Client(bench.daemon().start()) as client:
        serving(client)
        watch = KeyWatch(client)
        first = active(client)
        wait_until("another key encrypts", lambda: client.encrypting() not in (first, None))
        wait_until("the watch has seen it", lambda: len(watch.snapshots()) >= 2)
        watch.close()


def many_watchers_all_get_the_newest(bench):
    daemon = bench.daemon(rotate_every="10m", ticket_lifetime="10m").start()
    with Client(daemon) as client, Client(daemon) as operator:
        settled(client)
        watches = [KeyWatch(client, frontend=f"fe-{i}") for i in range(60)]
        digest = operator.rotate(active(operator)).digest
        for watch in watches:
            wait_until("every watcher has the newest ring",
                       lambda w=watch: w.snapshots() and w.snapshots()[-1].digest == digest)
            watch.ack(digest)
        wait_until("all have acknowledged",
                   lambda: operator.status().realms[0].watchers_current == 60)
        for watch in watches:
            watch.close()


def a_rotate_may_be_repeated(bench):
    with Client(bench.daemon(rotate_every="10m", ticket_lifetime="10m").start()) as client:
        serving(client)
        old = active(client)
        first = client.rotate(old)
        again = client.rotate(old)
        require(first.changed and not again.changed, "a repeat changed something")
        require(again.at_ms == first.at_ms, "a repeat gives another moment")
        wait_until("the promoted key encrypts", lambda: client.encrypting() == first.promoted)
        code, why = client.refused("/stek.v1.AdminService/Rotate",
                                   P.admin.RotateRequest(realm="web", retire=b"\1" * 16))
        require(code == Code.NOT_FOUND, f"unknown key: {code} {why}")
        log = bench.processes[-1].errors()
        audits = [line for line in log.splitlines() if "event=audit" in line]
        require(len(audits) == 3, f"{len(audits)} audit lines")
        require(f"uid:{os.getuid()}" in audits[0] and "a test" in audits[0], audits[0])


def a_revocation_reaches_a_watch_and_is_confirmed(bench):
    with Client(bench.daemon(rotate_every="10m", ticket_lifetime="10m").start()) as client:
        serving(client)
        old = active(client)
        watch = KeyWatch(client, frontend="fe-py")
        watch.ack(wait_until("the first snapshot", watch.snapshots)[0].digest)
        wait_until("the watch is current",
                   lambda: client.status().realms[0].watchers_current == 1)

        def revoke(**what):
            return client.ask("/stek.v1.AdminService/Revoke",
                              P.admin.RevokeRequest(realm="web", **what), P.admin.RevokeResponse)
        done = revoke(name=old, reason="a test")
        require(done.keys == 1 and len(done.promoted) == 16, f"{done}")
        require((done.confirmed, done.frontends) == (0, 1), f"{done}")
        require([f.name for f in done.stragglers] == ["fe-py"] and done.bound_ms > 0, f"{done}")
        told = wait_until("the watch is told", lambda: [
            s for s in watch.snapshots() if any(k.name == old and k.revoked for k in s.keyring.keys)])
        require(all(not k.key for k in told[0].keyring.keys if k.name == old), "bytes were sent")
        wait_until("it is stored", lambda: revoke(check=True).stored)
        watch.ack(watch.snapshots()[-1].digest)
        far = wait_until("it is confirmed", lambda: (
            lambda answer: answer if answer.confirmed == 1 else None)(revoke(check=True)))
        require(not far.stragglers and far.bound_ms == 0 and far.keys == 0, f"{far}")
        require(revoke(name=old).keys == 0, "a repeat revoked something")
        watch.close()

        def listed():
            answer = client.ask("/stek.v1.AdminService/ListFrontends",
                                P.admin.ListFrontendsRequest(), P.admin.ListFrontendsResponse)
            return {f.name: f.left_at_ms for f in answer.frontends}
        wait_until("who left is remembered", lambda: listed().get("fe-py"))


def errors_have_the_right_code_and_say_why(bench):
    with Client(bench.daemon().start()) as client:
        serving(client)
        get, watch = "/stek.v1.KeyService/GetKeyring", "/stek.v1.KeyService/WatchKeyring"
        rows = [
            ("/stek.v1.KeyService/Nothing", b"", Code.UNIMPLEMENTED, "KeyService/Nothing"),
            ("/stek.v1.AdminService/WatchEvents", b"", Code.UNIMPLEMENTED, "in this version"),
            ("/stek.v1.AdminService/Revoke", P.admin.RevokeRequest(realm="web"),
             Code.INVALID_ARGUMENT, "exactly one of"),
            ("/stek.v1.AdminService/Revoke",
             P.admin.RevokeRequest(realm="web", name=b"\1" * 16, all=True),
             Code.INVALID_ARGUMENT, "exactly one of"),
            ("/stek.v1.AdminService/Revoke",
             P.admin.RevokeRequest(realm="web", name=b"\1" * 16), Code.NOT_FOUND, "no such key"),
            ("/stek.v1.AdminService/Rekey", P.admin.RekeyRequest(realm="web"),
             Code.FAILED_PRECONDITION, "not sealed"),
            ("/stek.v1.AdminService/ListFrontends", P.admin.ListFrontendsRequest(realm="none"),
             Code.NOT_FOUND, "none"),
            (get, P.keys.GetKeyringRequest(realm="none"), Code.NOT_FOUND, "none"),
            (get, P.keys.GetKeyringRequest(realm="../etc"), Code.INVALID_ARGUMENT, ""),
            (get, P.keys.GetKeyringRequest(realm=""), Code.INVALID_ARGUMENT, ""),
            (get, b"\xff\xff\xff\xff", Code.INVALID_ARGUMENT, ""),
            (get, b"\x12\x00" * 300000, Code.RESOURCE_EXHAUSTED, ""),
            (get, b"\x12\x00" * 2049, Code.RESOURCE_EXHAUSTED, "too large"),
            (watch, P.keys.WatchKeyringRequest(), Code.INVALID_ARGUMENT, ""),
            (watch, P.keys.WatchKeyringRequest(ack=P.keys.WatchAck()), Code.INVALID_ARGUMENT,
             "open"),
            ("/stek.v1.AdminService/ListKeys", P.admin.ListKeysRequest(realm="none"),
             Code.NOT_FOUND, "none"),
            ("/stek.v1.AdminService/Rotate", P.admin.RotateRequest(realm="web", retire=b"short"),
             Code.INVALID_ARGUMENT, ""),
        ]
        for path, request, want, part in rows:
            code, why = client.refused(path, request)
            require(code == want and part in why, f"{path}: {code} {why!r}, not {want} {part!r}")
        require(client.health() == SERVING, "the connection or the daemon did not survive")


def mappings(pid):
    """(start, end, is locked) of all readable, writable mappings."""
    found, bounds = [], None
    with open(f"/proc/{pid}/smaps", encoding="ascii") as lines:
        for line in lines:
            parts = line.split()
            if "-" in parts[0] and len(parts) >= 5:
                start, end = (int(x, 16) for x in parts[0].split("-"))
                bounds = (start, end) if parts[1].startswith("rw") else None
            elif parts[0] == "VmFlags:" and bounds:
                found.append((*bounds, "lo" in parts))
    return found


def places_of(pid, secrets):
    """How often any 16 bytes of a secret stand in locked and in other memory."""
    locked = other = 0
    needles = [s[i:i + 16] for s in secrets for i in (0, 16)]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end, is_locked in mappings(pid):
            try:
                memory.seek(start)
                chunk = memory.read(end - start)
            except OSError:
                continue  # the kernel's own pages
            hits = sum(chunk.count(n) for n in needles)
            locked, other = (locked + hits, other) if is_locked else (locked, other + hits)
    return locked, other


def key_bytes_lie_in_locked_memory_only(bench):
    """After watches, unary calls and rotations. Needs root: stekd is not dumpable."""
    if os.getuid() != 0:
        print("         (not root: the memory of stekd cannot be read)")
        return
    daemon = bench.daemon().start()
    with Client(daemon) as client:
        settled(client)
        watches = [KeyWatch(client, frontend=f"fe-{i}") for i in range(20)]
        for _ in range(20):
            client.get_keyring()
        client.rotate(active(client))
        wait_until("all have seen the rotation",
                   lambda: all(len(w.snapshots()) > 1 for w in watches))
        if any(end - start > 1 << 32 for start, end, _ in mappings(daemon.process.pid)):
            print("         (built with a sanitizer: its shadow memory is too large to scan)")
            return
        secrets = {k.key for k in client.get_keyring().keyring.keys if k.key}
        locked, other = places_of(daemon.process.pid, secrets)
        require(locked >= 2 * len(secrets), "the scan does not find the keys where they must be")
        path = daemon.sock.encode()[:32]
        require(places_of(daemon.process.pid, {path})[1] > 0, "the scan sees locked memory only")
        require(other == 0, f"{other} pieces of keys in memory that is not locked")
        for watch in watches:
            watch.close()


def whoever_is_not_listed_is_denied(bench):
    other = os.getuid() + 1
    sock = bench.path("denied.sock")
    config = bench.write("denied.yaml", f"""\
deployment: test
listen:
  - unix: {sock}
store:
  type: memory
operators: ["uid:{other}"]
realms:
  web:
    readers: ["uid:{other}"]
""")
    with Client(Daemon(bench, "denied", config, sock).start()) as client:
        serving(client)
        get = "/stek.v1.KeyService/GetKeyring"
        for realm in ("web", "none"):
            code, why = client.refused(get, P.keys.GetKeyringRequest(realm=realm))
            require(code == Code.PERMISSION_DENIED, f"{realm}: {code} {why}")
            require(f"uid:{os.getuid()}" in why and f"realms: {realm}: readers:" in why, why)
        watch = KeyWatch(client)
        wait_until("the watch is ended", lambda: watch.end)
        require(watch.end[0] == Code.PERMISSION_DENIED and not watch.replies, str(watch.end))
        watch.close()
        for method, request in (
                ("GetStatus", P.admin.GetStatusRequest()),
                ("ListRealms", P.admin.ListRealmsRequest()),
                ("ListKeys", P.admin.ListKeysRequest(realm="web")),
                ("Rotate", P.admin.RotateRequest(realm="web", retire=b"\1" * 16)),
                ("Revoke", P.admin.RevokeRequest(realm="web", all=True)),
                ("Rekey", P.admin.RekeyRequest(realm="web")),
                ("ListFrontends", P.admin.ListFrontendsRequest()),
                ("ListFrontends", P.admin.ListFrontendsRequest(realm="web"))):
            code, why = client.refused("/stek.v1.AdminService/" + method, request)
            require(code == Code.PERMISSION_DENIED, f"{method}: {code} {why}")


def a_stopping_daemon_says_so_and_leaves_nothing(bench):
    daemon = bench.daemon().start()
    with Client(daemon) as client:
        serving(client)
        keys = KeyWatch(client)
        health = Stream(client, "/grpc.health.v1.Health/Watch", P.health.HealthCheckResponse)
        health.send(P.health.HealthCheckRequest())
        wait_until("both streams run", lambda: keys.snapshots() and health.replies)
        begin = time.monotonic()
        require(daemon.stop() == 0, "exit code " + str(daemon.process.child.returncode))
        took = time.monotonic() - begin
        require(took < 4, f"draining took {took:.1f} s")
        wait_until("both streams have ended", lambda: keys.end and health.end)
        require(keys.end == (Code.UNAVAILABLE, "the daemon is stopping"), str(keys.end))
        require(health.end[0] == Code.UNAVAILABLE, str(health.end))
        require(health.replies[-1].status == NOT_SERVING, "NOT_SERVING was not told")
        require(not os.path.exists(daemon.sock), "the socket was left behind")
        keys.close()
        health.close()
    with Client(daemon.start()) as client:
        serving(client)
        require(client.get_keyring().keyring.keys, "no keys after a restart")


def a_second_daemon_takes_over_only_what_is_dead(bench):
    daemon = bench.daemon().start()
    rival = subprocess.run([bench.program("daemon/app/stekd"), "--config", daemon.config],
                           capture_output=True, text=True, timeout=20, check=False)
    require(rival.returncode == 1, f"exit code {rival.returncode}")
    require(daemon.sock in rival.stderr and "running already" in rival.stderr, rival.stderr)
    with Client(daemon) as client:
        serving(client)
    daemon.kill()
    require(os.path.exists(daemon.sock), "SIGKILL cannot have removed the socket")
    with Client(daemon.start()) as client:
        serving(client)


def noise_on_the_socket_hurts_nobody(bench):
    daemon = bench.daemon().start()
    with Client(daemon) as client:
        serving(client)
        for noise in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 70000,
                      b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 64):
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(daemon.sock)
                try:
                    peer.sendall(noise)
                    peer.shutdown(socket.SHUT_WR)
                    while peer.recv(4096):
                        pass
                except OSError:
                    pass  # it may hang up on us at any point
        require(client.health() == SERVING, "noise has hurt the daemon")


def the_command_line_does_what_it_says(bench):
    stekd = bench.program("daemon/app/stekd")
    good = bench.daemon().config
    bad = bench.write("bad.yaml", "deployment: x\nrealm: {}\n")
    rows = [
        (["--version"], 0, "stekd ", ""),
        (["--help"], 0, "usage: stekd", ""),
        (["--config", good, "--check"], 0, good + ": ok", ""),
        (["--config=" + good, "--check"], 0, good + ": ok", ""),
        (["--config", bad, "--check"], 2, "", bad + ":2:1: "),
        (["--config", bad], 2, "", bad + ":2:1: "),
        (["--config", bench.path("none.yaml")], 2, "", "none.yaml"),
        (["--config"], 2, "", "needs a file"),
        (["--frobnicate"], 2, "", "usage: stekd"),
        (["extra"], 2, "", "usage: stekd"),
    ]
    for arguments, code, out, err in rows:
        run = subprocess.run([stekd, *arguments], capture_output=True, text=True, timeout=20,
                             check=False)
        require(run.returncode == code and out in run.stdout and err in run.stderr,
                f"stekd {arguments}: {run.returncode} {run.stdout!r} {run.stderr!r}")


def a_start_that_cannot_work_says_why(bench):
    for what, path, part in (
            ("no such folder", bench.path("none/s.sock"), "does not exist"),
            ("a file in the way", bench.write("file.sock", "mine"), "not a socket")):
        config = bench.write("fails.yaml", f"""\
deployment: test
listen:
  - unix: {path}
store:
  type: memory
realms:
  web:
    readers: ["uid:0"]
""")
        run = subprocess.run([bench.program("daemon/app/stekd"), "--config", config],
                             capture_output=True, text=True, timeout=20, check=False)
        require(run.returncode == 1 and path in run.stderr and part in run.stderr,
                f"{what}: {run.returncode} {run.stderr!r}")
    require(open(bench.path("file.sock"), encoding="utf-8").read() == "mine", "the file is gone")


CASES = [
    health_is_told,
    a_keyring_is_given_with_all_its_parts,
    a_watch_follows_a_rotation,
    rotations_come_by_themselves,
    many_watchers_all_get_the_newest,
    a_rotate_may_be_repeated,
    a_revocation_reaches_a_watch_and_is_confirmed,
    errors_have_the_right_code_and_say_why,
    key_bytes_lie_in_locked_memory_only,
    whoever_is_not_listed_is_denied,
    a_stopping_daemon_says_so_and_leaves_nothing,
    a_second_daemon_takes_over_only_what_is_dead,
    noise_on_the_socket_hurts_nobody,
    the_command_line_does_what_it_says,
    a_start_that_cannot_work_says_why,
]


def run_cases(build, wanted):
    for case in CASES:
        if wanted and case.__name__ not in wanted:
            continue
        begin = time.monotonic()
        with Bench(build) as bench:
            case(bench)
        print(f"{time.monotonic() - begin:6.2f} s  {case.__name__.replace('_', ' ')}", flush=True)


def test(build, arguments):
    global P
    P = Protos(arguments[0], arguments[1])
    try:
        run_cases(build, arguments[2:])
    finally:
        shutil.rmtree(P.out, ignore_errors=True)


if __name__ == "__main__":
    run_main(test)
