# SPDX-License-Identifier: Apache-2.0
"""Mutual TLS between real processes.

  mtls_test.py BUILD frontends   two daemons beside one Redis, frontends that reach them by TLS only,
                                 under load: daemons killed, stopped, showing somebody else's
                                 certificate; certificates renewed in time, late and badly
  mtls_test.py BUILD stekctl     the operator's way in, every way to be turned away, its exit code
                                 and what each side says
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
sys.path.insert(0, os.path.join(HERE, "..", "fleet"))
from certs import Authority  # noqa: E402
from fleet import Frontend, is_issuing, judge_client  # noqa: E402
from harness import Bench, Daemon, Failure, require, run_main, wait_until  # noqa: E402
from redis_fleet import Load  # noqa: E402
from redis_server import SECRET, Redis, write_secret  # noqa: E402

DONE, REFUSED, USAGE, UNREACHABLE, _, DENIED = range(6)
SYNC_S = 1  # half of it is all the time a TLS handshake has, on a busy machine too
PATIENT = 60
FRONTENDS = 3


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class TlsDaemon(Daemon):
    """With a Unix socket for the test and a port for everybody else."""

    def __init__(self, bench, ca, name, store="type: memory"):
        super().__init__(bench, name, bench.path(name + ".yaml"), bench.path(name + ".sock"))
        self.port = free_port()
        self.tls_endpoint = f"127.0.0.1:{self.port}"
        self.store = store
        self.ca = ca
        self.show(*ca.issue(name, ip=["127.0.0.1"], eku="serverAuth", days=20))

    def show(self, cert, key):
        """What it shows from its next start on."""
        uid = os.getuid()
        self.bench.write(self.name + ".yaml", f"""\
deployment: test
listen:
  - unix: {self.sock}
  - address: {self.tls_endpoint}
    tls: {{ certificate: {cert}, private_key: {key}, client_ca: {self.ca.path} }}
store: {{ {self.store} }}
operators: ["uid:{uid}", "spiffe://example.org/operator/*"]
realms:
  web:
    rotate_every: 8s
    sync_interval: {int(SYNC_S * 1000)}ms
    ticket_lifetime: 8s
    readers: ["spiffe://example.org/frontend/*"]
""")


class TlsFrontend(Frontend):
    def __init__(self, bench, ca, daemons, name, *server):
        self.ca = ca
        self.daemons = daemons
        self.stek = self.renew(name)
        super().__init__(bench, [], name, *server)

    def renew(self, name, **dates):
        return self.ca.issue(name, uri=["spiffe://example.org/frontend/" + name],
                             eku="clientAuth", **{"days": 20, **dates})

    def start(self):
        if self.starts == 0:
            cert, key = self.stek
            self.words += ["--stek-ca", self.ca.path, "--stek-cert", cert, "--stek-key", key]
            for daemon in self.daemons:
                self.words += ["--endpoint", daemon.tls_endpoint]
        super().start()


def are_synced(frontends):
    return all(f.status()["is_synced"] for f in frontends)


class Fleet:
    def __init__(self, bench):
        self.bench = bench
        self.ca = Authority(bench, "ca")
        write_secret(bench, "redis.password", SECRET.encode() + b"\n")
        write_secret(bench, "fleet.kek", os.urandom(32))
        self.redis = Redis(bench)
        self.redis.start()
        store = (f"type: redis, address: 'unix:{self.redis.sock}', username: stekd, "
                 "password_file: redis.password, key_encryption_keys: [fleet.kek]")
        self.daemons = [TlsDaemon(bench, self.ca, f"d{i}", store) for i in range(2)]
        for daemon in self.daemons:
            daemon.start()
        self.daemons[0].wait_for_active()
        server = bench.certificate()
        self.frontends = [TlsFrontend(bench, self.ca, self.daemons, f"fe-{i}", *server)
                          for i in range(FRONTENDS)]
        for frontend in self.frontends:
            wait_until(frontend.name + " issues", lambda f=frontend: is_issuing(f.status()))
        self.load = Load(bench, self.frontends, 60, 1)

    def followers(self, daemon):
        """How many frontends that daemon has."""
        return len(daemon.ctl("frontends", "web")["frontends"])

    def watch(self, seconds, what):
        """For so long every frontend holds keys that encrypt, and at the end all are synced."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for frontend in self.frontends:
                status = frontend.status()
                require(status["first_active_in_ms"] == 0,
                        f"{what}: {frontend.name} has no key: {status}")
        wait_until(what + ": all are synced", lambda: are_synced(self.frontends), PATIENT)


def a_daemon_is_killed(fleet):
    for daemon in fleet.daemons:
        other = next(d for d in fleet.daemons if d is not daemon)
        daemon.kill()
        wait_until("the other daemon has all", lambda d=other: fleet.followers(d) == FRONTENDS,
                   PATIENT)
        fleet.watch(2 * SYNC_S, "killed")
        daemon.start()


def a_daemon_is_stopped(fleet):
    for daemon in fleet.daemons:
        daemon.process.signal(signal.SIGSTOP)
        try:
            other = next(d for d in fleet.daemons if d is not daemon)
            wait_until("the other daemon has all", lambda d=other: fleet.followers(d) == FRONTENDS,
                   PATIENT)
            fleet.watch(4 * SYNC_S, "stopped")
        finally:
            daemon.process.signal(signal.SIGCONT)
        wait_until("it is well again", daemon.answers)


def a_daemon_shows_somebody_elses_certificate(fleet):
    stranger = Authority(fleet.bench, "stranger")
    bad, good = fleet.daemons
    wrong = [(stranger.issue("x", ip=["127.0.0.1"], eku="serverAuth"), "has issued it"),
             (fleet.ca.issue("elsewhere", dns=["elsewhere.example"], eku="serverAuth"),
              "no IP address in it is 127.0.0.1")]
    for pair, says in wrong:
        require(bad.stop() == 0, "it should end well")
        bad.show(*pair)
        bad.start()
        good.kill()  # so that everybody has to ask the wrong one
        for frontend in fleet.frontends:
            wait_until("the frontend tells what is wrong there", lambda f=frontend, s=says: (
                bad.tls_endpoint in f.status()["last_error"] and s in f.status()["last_error"]), PATIENT)
        require(fleet.followers(bad) == 0, "nobody follows a daemon it does not know")
        good.start()
        fleet.watch(2 * SYNC_S, says)
        wait_until("all follow the other one", lambda: fleet.followers(good) == FRONTENDS, PATIENT)
    require(bad.stop() == 0, "it should end well")
    bad.show(*fleet.ca.issue("d0", ip=["127.0.0.1"], eku="serverAuth", days=20))
    bad.start()


def errors_of(fleet):
    return [frontend.status()["last_error"] for frontend in fleet.frontends]


def a_certificate_that_ends_is_left_in_time(fleet):
    """One that ends soon is taken, and then one that does not: nobody is there any more when the
    daemon cuts off those with the first."""
    ends = time.time() + 45
    cuts = sum(d.process.errors().count("event=connection-cut") for d in fleet.daemons)
    for frontend in fleet.frontends:
        frontend.renew(frontend.name, not_after=ends)
    wait_until("all have taken the new files and see their end", lambda: all(
        "our certificate ends in" in error for error in errors_of(fleet)), 30)
    wait_until("that it ends soon is no harm yet", lambda: are_synced(fleet.frontends), 10)
    for frontend in fleet.frontends:
        frontend.renew(frontend.name)
    wait_until("all have taken the newest", lambda: errors_of(fleet) == [""] * FRONTENDS, 30)
    require(time.time() < ends, "it took longer than a certificate's life: proves nothing")
    while time.time() < ends + 2:
        fleet.watch(SYNC_S, "renewed")
        require(not any("certificate" in error for error in errors_of(fleet)),
                f"a renewal is no trouble: {errors_of(fleet)}")
    require(cuts == sum(d.process.errors().count("event=connection-cut") for d in fleet.daemons),
            "somebody was cut off")


def a_certificate_that_ends_is_told(fleet):
    frontend = fleet.frontends[0]
    ends = time.time() + 30
    frontend.renew(frontend.name, not_after=ends)
    wait_until("it is taken", lambda: "our certificate ends in" in frontend.status()["last_error"],
               30)
    wait_until("it is told", lambda: "the certificate expired on" in frontend.status()["last_error"],
               PATIENT)
    require(any("has expired" in d.process.errors() for d in fleet.daemons),
            "the daemon says why it cut the connection")
    frontend.renew(frontend.name)
    fleet.watch(SYNC_S, "renewed late")
    wait_until("all is well again", lambda: frontend.status()["last_error"] == "", PATIENT)


def a_renewal_goes_wrong(fleet):
    frontend = fleet.frontends[0]
    cert, _ = frontend.stek
    os.rename(cert, cert + ".good")
    with open(cert, "w", encoding="ascii") as f:
        f.write("-----BEGIN CERTIFICATE-----\nhalf of i")
    wait_until("it is told", lambda: "the ones before stay in use" in frontend.status()["last_error"],
               PATIENT)
    wait_until("the old certificate serves", lambda: frontend.status()["is_synced"], PATIENT)
    fleet.daemons[0].kill()  # and a new connection is made with it
    fleet.watch(2 * SYNC_S, "with the old certificate")
    fleet.daemons[0].start()
    os.rename(cert + ".good", cert)
    wait_until("all is well again", lambda: frontend.status()["last_error"] == "", PATIENT)


def frontends(build):
    with Bench(build) as bench:
        fleet = Fleet(bench)
        for strike in (a_daemon_is_killed, a_daemon_is_stopped,
                       a_daemon_shows_somebody_elses_certificate, a_certificate_that_ends_is_left_in_time,
                       a_certificate_that_ends_is_told, a_renewal_goes_wrong):
            began = time.monotonic()
            strike(fleet)
            print(f"{strike.__name__}: {time.monotonic() - began:.1f} s", file=sys.stderr)
        result = fleet.load.end()
        print(json.dumps(result))
        judge_client(result, 500)
        for frontend in fleet.frontends:
            counters = frontend.status()["counters"]
            require(counters["policy_mismatch"] == 0 and counters["crypto_failures"] == 0,
                    f"{counters}")
            require(frontend.process.stop() == 0, "a frontend did not stop with 0")


# --- stekctl ------------------------------------------------------------------------------------


class Operator:
    def __init__(self, bench, server, ca, cert, key):
        self.program = bench.program("daemon/ctl/stekctl")
        self.words = ["--server", server, "--ca", ca, "--cert", cert, "--key", key]

    def expect(self, code, *arguments, says=""):
        plain = {k: v for k, v in os.environ.items() if not k.startswith("STEKCTL_")}
        began = time.monotonic()
        run = subprocess.run([self.program, *self.words, *arguments], stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=30, check=False, env=plain)
        require(run.returncode == code and says in run.stderr,
                f"{arguments} ended with {run.returncode}, not {code} and {says!r}: {run.stderr}")
        require(time.monotonic() - began < 8, "it took too long to give up")
        return run.stdout


def stekctl(build):
    with Bench(build) as bench:
        ca = Authority(bench, "ca")
        stranger = Authority(bench, "stranger")
        daemon = TlsDaemon(bench, ca, "stekd").start()
        daemon.wait_for_active()
        alice = ca.issue("alice", uri=["spiffe://example.org/operator/alice"], eku="clientAuth")
        ours = Operator(bench, daemon.tls_endpoint, ca.path, *alice)
        ours.expect(DONE, "status")
        ours.expect(DONE, "keys", "web")
        ours.expect(DONE, "rotate", "web", "--reason", "by TLS")
        ours.expect(REFUSED, "keys", "no-such-realm", says="no-such-realm")
        require("spiffe://example.org/operator/alice" in daemon.process.errors(),
                "the audit line names the operator by certificate")

        def turned_away(code, says, pair=alice, trusted=ca, server=daemon.tls_endpoint, log=""):
            before = len(daemon.process.errors())
            operator = Operator(bench, server, trusted.path, *pair)

            def is_told():
                operator.expect(code, "status", says=says)
                return log in daemon.process.errors()[before:]

            # Of a kind of trouble it logs one line a second.
            wait_until("the daemon tells of it: " + log, is_told, interval=0.2)

        # Allowed to connect, not to operate; and not allowed to connect.
        turned_away(DENIED, "", ca.issue("fe", uri=["spiffe://example.org/frontend/1"],
                                         eku="clientAuth"))
        turned_away(DENIED, "it refuses our certificate: no CA that it trusts has issued it",
                    stranger.issue("mallory", uri=["spiffe://example.org/operator/mallory"],
                                   eku="clientAuth"),
                    log="no CA that is trusted here has issued it")
        # Not who it should be.
        turned_away(UNREACHABLE, "its certificate is refused: no CA that is trusted here",
                    trusted=stranger, log="no CA that it trusts")
        turned_away(UNREACHABLE, "its certificate is refused: no DNS name in it is localhost",
                    server=f"localhost:{daemon.port}", log="refuses our certificate")
        turned_away(UNREACHABLE, "cannot find the host", server="nobody.invalid:7443")
        turned_away(UNREACHABLE, "Connection refused", server=f"127.0.0.1:{free_port()}")
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(4)
            Operator(bench, f"127.0.0.1:{silent.getsockname()[1]}", ca.path, *alice).expect(
                UNREACHABLE, "-t", "300ms", "status", says="no connection within 300ms")
        # What is wrong with one's own files is known at once.
        turned_away(USAGE, "is not for a client", ca.issue("x", eku="serverAuth"))
        turned_away(USAGE, "does not belong to the certificate", (alice[0], ca.file("x.key")))
        turned_away(USAGE, "the certificate expired on",
                    ca.issue("late", eku="clientAuth", not_after=time.time() - 60))
        os.chmod(alice[1], 0o644)
        turned_away(USAGE, "others than its owner may use this private key")


def main(build, arguments):
    tests = {"frontends": frontends, "stekctl": stekctl}
    if len(arguments) != 1 or arguments[0] not in tests:
        raise Failure("arguments: frontends, or stekctl")
    tests[arguments[0]](build)


if __name__ == "__main__":
    run_main(main)
