# SPDX-License-Identifier: Apache-2.0
"""stekd's TLS listener on a real daemon: who is refused and hears why, who is cut off when, and the
stock gRPC client of Python over mutual TLS.

  rpc_tls_test.py BUILD PROTOC PROTO_FOLDER [CASE...]
"""

import os
import shutil
import socket
import ssl
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, ".."), os.path.join(HERE, "..", "grpc")]
import grpc  # noqa: E402
import grpc_test as plain  # noqa: E402
from harness import Bench, Failure, require, run_main, wait_until  # noqa: E402
from world import World, soon  # noqa: E402

Code = grpc.StatusCode
DAY_S = 24 * 3600


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Client(plain.Client):
    """The stock client with a certificate; a connection of its own."""

    def __init__(self, world, pair, ca=None):
        credentials = grpc.ssl_channel_credentials(read(ca or world.ca.path), read(pair[1]),
                                                   read(pair[0]))
        self.channel = grpc.secure_channel(f"127.0.0.1:{world.port}", credentials,
                                           [("grpc.use_local_subchannel_pool", 1)])


def ctl(world, pair, *arguments):
    """(exit code, what it said) of stekctl over TLS."""
    run = subprocess.run(
        [world.bench.program("daemon/ctl/stekctl"), "--server", f"127.0.0.1:{world.port}", "--ca",
         world.ca.path, "--cert", pair[0], "--key", pair[1], *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    return run.returncode, run.stderr


# ---- refusals ----

def refused(world, what, reason, log, alert, pair=None, ctl_says=None, **options):
    """A connection is refused: with this alert, this line in the log, and counted."""
    # One line a second for each reason: what an earlier case has logged must be over.
    counter = f'stekd_tls_handshakes_total{{result="{reason}"}}'
    before, logged = world.metric(counter), len(world.lines("event=handshake-failed", log))

    def shows():
        heard = world.alert(pair, **options)
        require(alert in heard, f"{what}: the client heard {heard}, not {alert}")
        return len(world.lines("event=handshake-failed", f"reason={reason}", log)) > logged
    wait_until(f"{what}: the log says {log!r}", shows, interval=0.3)
    require(world.metric(counter) > before, f"{what}: not counted as {reason}")
    if ctl_says:
        code, said = ctl(world, pair, "status")
        require(code != 0 and ctl_says in said, f"{what}: stekctl ended with {code}: {said}")


def whoever_is_refused_hears_why_and_so_does_the_log(bench):
    world = World(bench)
    fe = world.frontend
    refused(world, "no certificate", "no_certificate", "it sent no certificate",
            "CERTIFICATE_REQUIRED")
    refused(world, "wrong CA", "unknown_ca", "no CA that is trusted here has issued it",
            "UNKNOWN_CA", fe(by=world.other), "no CA that it trusts has issued it")
    refused(world, "expired", "expired", "it has expired", "CERTIFICATE_EXPIRED",
            fe(not_before=time.time() - 2 * DAY_S, not_after=time.time() - 60))
    require(world.lines("reason=expired", "claims=uri:spiffe://test/fe/fe-1"),
            "the log does not say whose certificate has expired")
    refused(world, "no clientAuth", "bad_purpose", "extended key usage does not name",
            "UNSUPPORTED_CERTIFICATE", fe(eku="serverAuth"))
    refused(world, "no extended key usage", "bad_purpose", "extended key usage does not name",
            "UNSUPPORTED_CERTIFICATE", fe(eku=""))
    refused(world, "NUL in a DNS name", "bad_names", "holds the byte 0x00", "BAD_CERTIFICATE",
            fe(uri=[], dns=["1.fe.test\0.evil"]), "refuses our certificate as bad")
    refused(world, "NUL in a URI beside a good one", "bad_names", "holds the byte 0x00",
            "BAD_CERTIFICATE", fe(uri=["spiffe://test/fe/1", "spiffe://test/fe/2\0"]))
    refused(world, "only a common name", "bad_names", "no URI or DNS name", "BAD_CERTIFICATE",
            fe(uri=[], common_name="1.fe.test"))
    good = fe("good")
    refused(world, "TLS 1.2", "old_tls", "does not offer TLS 1.3", "PROTOCOL_VERSION", good,
            newest=ssl.TLSVersion.TLSv1_2)
    refused(world, "no ALPN", "no_h2", "ALPN h2", "NO_APPLICATION_PROTOCOL", good, alpn=None)
    refused(world, "ALPN http/1.1", "no_h2", "ALPN h2", "NO_APPLICATION_PROTOCOL", good,
            alpn="http/1.1")
    with Client(world, good) as client:
        plain.serving(client)


def a_revoked_certificate_is_refused(bench):
    world = World(bench)
    bad, good = world.frontend("bad"), world.frontend("good")
    world.crl = world.ca.crl([bad[0]])
    world.configure()
    world.reload()
    refused(world, "revoked", "revoked", "it has been revoked", "CERTIFICATE_REVOKED", bad,
            "refuses our certificate as revoked")
    with Client(world, good) as client:
        plain.serving(client)


def plain_http_is_told_what_this_port_speaks(bench):
    world = World(bench)
    for request in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", world.port), timeout=10) as raw:
            raw.sendall(request)
            answer = b""
            for piece in iter(lambda: raw.recv(4096), b""):
                answer += piece
        require(b"gRPC over TLS 1.3 with client certificates" in answer, f"heard {answer!r}")
    require(world.lines("event=handshake-failed", "reason=not_tls", "it does not speak TLS"),
            "the log does not say so")
    with grpc.insecure_channel(f"127.0.0.1:{world.port}") as channel:
        call = channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            call(b"", timeout=10)
            raise Failure("a client without TLS was served")
        except grpc.RpcError as error:
            require(error.code() == Code.UNAVAILABLE and "http1" in error.details(),
                    f"{error.code()}: {error.details()}")
    # It backs off: the answer must not make it come again at once.
    failed = world.metric('stekd_tls_handshakes_total{result="not_tls"}')
    require(failed < 10, f"it came {failed} times")


def a_client_refuses_a_daemon_it_does_not_trust(bench):
    world = World(bench)
    with Client(world, world.frontend(), ca=world.other.path) as client:
        code, why = client.refused("/grpc.health.v1.Health/Check", b"")
        require(code == Code.UNAVAILABLE and "certificate" in why.lower(), f"{code} {why}")
    # That one just closes; others say why in an alert.
    heard = world.alert(world.frontend(), ca=world.other.path)
    require("CERTIFICATE_VERIFY_FAILED" in heard, heard)
    wait_until("the log says so", lambda: world.lines("reason=refused_by_peer",
                                                      "it refuses our certificate"))


# ---- roles ----

def roles_and_realms_are_held_apart(bench):
    world = World(bench)
    get, status = "/stek.v1.KeyService/GetKeyring", "/stek.v1.AdminService/GetStatus"
    web = plain.P.keys.GetKeyringRequest(realm="web")
    mail = plain.P.keys.GetKeyringRequest(realm="mail")
    frontend, operator = world.frontend(), world.operator()
    by_dns = world.frontend("by-dns", uri=[], dns=["x.test", "1.fe.test"])
    rows = [
        (frontend, mail, get, "\"spiffe://test/fe/fe-1\" to realms: mail: readers:"),
        (frontend, b"", status, "\"spiffe://test/fe/fe-1\" to operators:"),
        (operator, web, get, "\"spiffe://test/operator/o\" to realms: web: readers:"),
        (by_dns, mail, get, "\"dns:x.test\" to realms: mail: readers:"),
        # A wildcard in a certificate is nobody's name.
        (world.frontend("w1", uri=["spiffe://test/fe/*"]), web, get, "may not read"),
        (world.frontend("w2", uri=[], dns=["*.fe.test"]), web, get, "may not read"),
        (world.frontend("deep", uri=["spiffe://test/fe/1/2"]), web, get, "may not read"),
        (world.frontend("dots", uri=["spiffe://test/fe/.."]), web, get, "may not read"),
        (world.frontend("cn", uri=["spiffe://x/y"], common_name="1.fe.test"), web, get,
         "may not read"),
    ]
    for pair, request, path, sentence in rows:
        with Client(world, pair) as client:
            wait_until("stekd answers", lambda c=client: c.health() == plain.SERVING)
            code, why = client.refused(path, request)
            require(code == Code.PERMISSION_DENIED and sentence in why, f"{code} {why!r}")
    require(world.lines("event=call-denied", "uri:spiffe://test/fe/fe-1 127.0.0.1:"),
            "the log does not name the caller")
    for pair in (frontend, by_dns):
        with Client(world, pair) as client:
            require(client.get_keyring().keyring.realm == "web", "not the realm asked for")
    with Client(world, operator) as client:
        require({r.realm for r in client.status().realms} == {"web", "mail"}, "not all realms")
        old = plain.active(client)
        require(client.rotate(old).changed, "nothing was rotated")
    require(world.lines("event=audit", "uri:spiffe://test/operator/o", "operators spiffe:") or
            world.lines("event=audit", "uri:spiffe://test/operator/o"), "no audit line")


# ---- who stays ----

class Watcher:
    """A frontend that watches "web"; must be cut off with a sentence."""

    def __init__(self, world, pair):
        self.world = world
        self.client = Client(world, pair)
        self.watch = plain.KeyWatch(self.client)
        wait_until("the snapshot", self.watch.snapshots)
        require(self.watch.end is None, f"the watch has ended: {self.watch.end}")

    def must_be_cut(self, part, line="event=connection-cut", within=1.0, since=None):
        since = time.time() if since is None else since
        wait_until("the watch ends", lambda: self.watch.end is not None, timeout=10)
        took = time.time() - since
        code, why = self.watch.end
        require(code == Code.PERMISSION_DENIED and part in why, f"ended with {code} {why!r}")
        # Noticed within a second; the rest is this machine's.
        require(took < within + 1.0, f"cut after {took:.2f} s")
        require(self.world.lines(line, part), f"the log has no {line} with {part!r}")
        self.close()

    def close(self):
        self.watch.close()
        self.client.channel.close()


def a_certificate_that_ends_ends_its_stream(bench):
    world = World(bench)
    until = int(time.time()) + 6
    watcher = Watcher(world, world.frontend(not_after=until))
    stays = Watcher(world, world.frontend("fe-2"))
    soon(until - 0.5)
    require(watcher.watch.end is None, f"it ended too early: {watcher.watch.end}")
    watcher.must_be_cut("has expired", since=until)
    require(stays.watch.end is None, "another one was cut as well")
    require(world.metric("stekd_connections_cut_total") == 1, "not counted")
    stays.close()


def a_revocation_list_ends_streams(bench):
    world = World(bench)
    bad, good = world.frontend("bad"), world.frontend("good")
    watcher, stays = Watcher(world, bad), Watcher(world, good)
    world.crl = world.ca.crl([bad[0]])
    world.configure()
    since = time.time()
    world.reload()
    watcher.must_be_cut("it has been revoked", since=since)
    require(stays.watch.end is None, "another one was cut as well")
    stays.close()


def rules_that_change_end_streams(bench):
    world = World(bench)
    watcher = Watcher(world, world.frontend())
    by_dns = Watcher(world, world.frontend("by-dns", uri=[], dns=["1.fe.test"]))
    world.configure(readers="spiffe://test/other/*")
    since = time.time()
    world.reload()
    watcher.must_be_cut("may not read the keys of realm", "event=call-denied", since=since)
    require(by_dns.watch.end is None, "one whose rule stayed was cut as well")
    by_dns.close()


def a_realm_that_is_removed_ends_its_streams(bench):
    world = World(bench)
    mail = Client(world, world.frontend("m", uri=["spiffe://test/mail/1", "spiffe://test/fe/m"]))
    watch = plain.KeyWatch(mail, realm="mail")
    wait_until("the snapshot", watch.snapshots)
    world.configure(realms=("web",))
    world.reload()
    wait_until("the watch ends", lambda: watch.end is not None, timeout=5)
    require(watch.end[0] == Code.PERMISSION_DENIED and "mail" in watch.end[1], f"{watch.end}")
    require(mail.get_keyring("web").keyring.realm == "web", "the connection went with it")
    watch.close()
    mail.channel.close()


def new_certificates_of_the_daemon_come_with_a_reload(bench):
    world = World(bench)
    watcher = Watcher(world, world.frontend())
    with world.connect(world.frontend("x")) as tls:
        before = tls.getpeercert(binary_form=True)
    world.server = world.ca.issue("stekd", ip=["127.0.0.1"], eku="serverAuth")
    world.configure()
    world.reload()
    with world.connect(world.frontend("x")) as tls:
        require(tls.getpeercert(binary_form=True) != before, "still the old certificate")
    require(watcher.watch.end is None, "an open stream was cut")
    watcher.close()


# ---- the stock client of Python ----

def grpcio_does_everything(bench):
    world = World(bench)
    with Client(world, world.frontend()) as client, Client(world, world.operator()) as operator:
        plain.settled(operator)
        require(client.health() == client.health("stek.v1.KeyService") == plain.SERVING, "health")
        watch = plain.KeyWatch(client)
        first = wait_until("the first snapshot", watch.snapshots)[0]
        require(first.digest == client.get_keyring().digest, "not the ring that is held")
        watch.ack(first.digest, issued=3)
        reply = operator.rotate(plain.active(operator))
        second = wait_until("the second snapshot", lambda: watch.snapshots()[1:])[0]
        require(second.digest == reply.digest != first.digest, "not the rotated ring")
        watch.ack(second.digest)
        wait_until("the operator sees it installed",
                   lambda: [r.watchers_current for r in operator.status().realms
                            if r.realm == "web"] == [1])
        wait_until("a heartbeat", watch.heartbeats)
        code, why = client.refused("/stek.v1.KeyService/Nothing", b"")
        require(code == Code.UNIMPLEMENTED and "Nothing" in why, f"{code} {why}")
        code, why = client.refused("/stek.v1.KeyService/GetKeyring", b"\xff\xff")
        require(code == Code.INVALID_ARGUMENT, f"{code} {why}")
        watch.close()


CASES = [
    whoever_is_refused_hears_why_and_so_does_the_log,
    a_revoked_certificate_is_refused,
    plain_http_is_told_what_this_port_speaks,
    a_client_refuses_a_daemon_it_does_not_trust,
    roles_and_realms_are_held_apart,
    a_certificate_that_ends_ends_its_stream,
    a_revocation_list_ends_streams,
    rules_that_change_end_streams,
    a_realm_that_is_removed_ends_its_streams,
    new_certificates_of_the_daemon_come_with_a_reload,
    grpcio_does_everything,
]


def test(build, arguments):
    plain.P = plain.Protos(*arguments[:2])
    try:
        for case in CASES:
            if arguments[2:] and case.__name__ not in arguments[2:]:
                continue
            print("#", case.__name__.replace("_", " "), flush=True)
            with Bench(build) as bench:
                case(bench)
    finally:
        shutil.rmtree(plain.P.out, ignore_errors=True)


run_main(test)
