# SPDX-License-Identifier: Apache-2.0
"""SIGHUP to a real stekd: what changes, what does not, who stays and who has to go.

  reload_test.py BUILD PROTOC PROTO_FOLDER [CASE...]
"""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
sys.path.insert(0, os.path.join(HERE, "..", "grpc"))
from certs import Authority  # noqa: E402
from harness import Bench, Daemon, require, run_main, wait_until  # noqa: E402
from redis_server import SECRET, Redis, write_secret  # noqa: E402
import grpc_test as g  # noqa: E402

import grpc  # noqa: E402

Code = grpc.StatusCode
UID = os.getuid()
READER = "spiffe://example.org/frontend/"
OPERATOR = "spiffe://example.org/operator/"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class TlsClient(g.Client):
    """The stock gRPC client with a certificate of its own."""

    def __init__(self, setup, cert, key):  # pylint: disable=super-init-not-called
        def content(path):
            with open(path, "rb") as f:
                return f.read()

        credentials = grpc.ssl_channel_credentials(content(setup.ca.path), content(key),
                                                   content(cert))
        # Nobody shares a connection: each client is a peer of its own.
        self.channel = grpc.secure_channel(f"127.0.0.1:{setup.port}", credentials,
                                           [("grpc.use_local_subchannel_pool", 1)])


class Setup:
    """A daemon whose configuration is written anew from these parts for each reload."""

    def __init__(self, bench, tls=False, store="type: memory"):
        self.bench = bench
        self.deployment = "test"
        self.store = store
        self.operators = [f"uid:{UID}"]
        self.realms = {"web": {}}
        self.extra = ""
        self.sock = bench.path("stekd.sock")
        self.port = free_port()
        self.ca = None
        self.tls = None
        self.daemon = Daemon(bench, "stekd", bench.path("stekd.yaml"), self.sock)
        if tls:
            self.ca = Authority(bench, "ca")
            self.ca.issue("server", dns=["localhost"], ip=["127.0.0.1"], eku="serverAuth")
            self.tls = {"certificate": "ca.pki/server.pem", "private_key": "ca.pki/server.key",
                        "client_ca": "ca.pki/ca.pem"}
            self.operators.append(OPERATOR + "*")

    def text(self):
        lines = [f"deployment: {self.deployment}", "listen:", f"  - unix: {self.sock}"]
        if self.tls:
            tls = ", ".join(f"{key}: {value}" for key, value in self.tls.items())
            lines += [f"  - address: 127.0.0.1:{self.port}", f"    tls: {{{tls}}}"]
        lines += ["store: {" + self.store + "}", "operators: " + str(self.operators).replace("'", '"'),
                  "realms:"]
        for name, keys in self.realms.items():
            # So slow a schedule that only what is asked for changes the ring.
            realm = {"rotate_every": "10m", "ticket_lifetime": "10m", "sync_interval": "500ms",
                     "readers": f'["uid:{UID}", "{READER}*"]', **keys}
            lines.append(f"  {name}: " + "{" +
                         ", ".join(f"{key}: {value}" for key, value in realm.items()) + "}")
        return "\n".join(lines) + "\n" + self.extra

    def write(self, text=None):
        self.bench.write("stekd.yaml.new", self.text() if text is None else text)
        os.rename(self.bench.path("stekd.yaml.new"), self.daemon.config)

    def start(self):
        self.write()
        self.daemon.start()
        return self

    def restart(self):
        require(self.daemon.stop() == 0, "SIGTERM should end it well")
        return self.start()

    def count(self, event):
        return self.daemon.process.errors().count(f"event={event} ")

    def hang_up(self, event):
        """SIGHUP, until that event is logged; what the log has from then on."""
        before, size = self.count(event), len(self.daemon.process.errors())
        self.daemon.process.signal(signal.SIGHUP)
        wait_until(event + " is logged", lambda: self.count(event) > before)
        return self.daemon.process.errors()[size:]

    def reload(self):
        self.write()
        return self.hang_up("reloaded")

    def fail(self, *parts, text=None):
        """The reload is refused for these reasons, and nothing has changed."""
        was = self.picture()
        self.write(text)
        said = self.hang_up("reload-failed")
        for part in parts:
            require(part in said, f"\"{part}\" is not said: {said}")
        require(self.picture() == was, f"{parts}: something has changed")
        problems = self.status()["problems"]
        require(any("the last reload failed" in problem for problem in problems),
                f"status does not tell: {problems}")

    def status(self):
        return self.daemon.ctl("status", check=False)

    def encrypts(self, realm):
        shown = self.daemon.ctl("keys", realm, check=False)
        return shown is not None and any(key["encrypting"] for key in shown.get("keys", []))

    def picture(self):
        """What nobody may see change: realms with their rings, and policies."""
        return sorted((realm["realm"], realm["digest"], str(realm.get("policy")))
                      for realm in self.status()["realms"])

    def client(self):
        return g.Client(self.daemon)

    def frontend(self, name="1"):
        cert, key = self.ca.issue("fe-" + name, uri=[READER + name], eku="clientAuth")
        return cert, TlsClient(self, cert, key)


def settled(client):
    """Until nothing changes for long: the first key encrypts, and the next one is published."""
    g.serving(client)
    g.settled(client)


def first_snapshot(watch):
    return wait_until("the first snapshot", watch.snapshots)[0]


def assert_alive(watch, what):
    """It has not ended, and hears from the daemon still."""
    beats = len(watch.heartbeats()) + len(watch.snapshots())
    wait_until(f"{what} still hears from the daemon",
               lambda: len(watch.heartbeats()) + len(watch.snapshots()) > beats)
    require(watch.end is None, f"{what} has ended: {watch.end}")


def assert_cut(watch, since, what):
    """Denied within a second of the reload."""
    wait_until(what + " ends", lambda: watch.end)
    took = time.monotonic() - since
    require(watch.end[0] == Code.PERMISSION_DENIED, f"{what}: {watch.end}")
    require(took < 1.0, f"{what} took {took:.2f} s")


def seen_certificate(setup, cert, key):
    """What a new connection is shown, DER."""
    context = ssl.create_default_context(cafile=setup.ca.path)
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", setup.port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as link:
            return link.getpeercert(binary_form=True)


def value_of(port, metric):
    """One sample of /metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        for line in page.read().decode().splitlines():
            if line.startswith(metric + " "):
                return float(line[len(metric) + 1:])
    raise AssertionError(metric + " is not there")


def der_of(path):
    with open(path, encoding="utf-8") as f:
        return ssl.PEM_cert_to_DER_cert(f.read())


# ---- the cases: by the Unix socket ----

def realms_come_and_go(bench):
    setup = Setup(bench).start()
    with setup.client() as client:
        settled(client)
        ring = client.get_keyring()
        watch = g.KeyWatch(client)
        first_snapshot(watch)
        setup.realms["mail"] = {}
        said = setup.reload()
        require("realms_added=1" in said and "realms_removed=0" in said, said)
        wait_until("the added realm is served", lambda: setup.encrypts("mail"))
        gone = g.KeyWatch(client, realm="mail")
        first_snapshot(gone)
        assert_alive(watch, "the watch of the realm that stays")
        require(client.get_keyring().digest == ring.digest, "the ring has changed")
        del setup.realms["mail"]
        since = time.monotonic()
        setup.reload()
        assert_cut(gone, since, "the watch of the realm that went")
        assert_alive(watch, "the watch of the realm that stays")
        require([realm["realm"] for realm in setup.status()["realms"]] == ["web"], "mail is there")
        # It comes back as a new realm: the memory store has kept its record, and so its keys.
        setup.realms["mail"] = {}
        setup.reload()
        wait_until("it is served again", lambda: setup.encrypts("mail"))
        watch.close()


def a_realm_that_went_leaves_no_key_byte(bench):
    """In the process; its record stays where it is. Needs root: stekd is not dumpable."""
    if os.getuid() != 0:
        print("         (not root: the memory of stekd cannot be read)")
        return
    records = bench.path("records")
    os.mkdir(records, 0o700)
    random_key(bench, "a.kek")
    setup = Setup(bench, tls=True,
                  store=f"type: file, path: {records}, key_encryption_keys: [a.kek]")
    setup.realms["mail"] = {}
    setup.start()
    _, client = setup.frontend()
    with setup.client() as local, client:
        wait_until("the realm is served", lambda: setup.encrypts("mail"))
        pid = setup.daemon.process.pid
        if any(end - start > 1 << 32 for start, end, _ in g.mappings(pid)):
            print("         (built with a sanitizer: its shadow memory is too large to scan)")
            return
        watches = [g.KeyWatch(by, realm="mail") for by in (local, client)]
        secrets = {key.key for watch in watches for key in first_snapshot(watch).keyring.keys}
        require(sum(g.places_of(pid, secrets)) > 0, "the scan does not find the keys")
        del setup.realms["mail"]
        setup.reload()
        wait_until("the watches end", lambda: all(watch.end for watch in watches))
        wait_until("no byte is left", lambda: sum(g.places_of(pid, secrets)) == 0)


def a_policy_changes_for_keys_to_come(bench):
    setup = Setup(bench).start()
    with setup.client() as client:
        settled(client)
        watch = g.KeyWatch(client)
        first = first_snapshot(watch)
        watch.ack(first.digest)
        before = {key.name: key for key in client.get_keyring().keyring.keys}
        setup.realms["web"] = {"max_offline": "5m"}
        require("policies_changed=1" in setup.reload(), "the policy has not changed")
        second = wait_until("the policy is told", lambda: watch.snapshots()[1:])[0]
        require(second.digest == first.digest, "the ring has changed")
        require(second.policy.max_offline_ms == 300000, f"{second.policy}")
        setup.realms["web"] = {"max_offline": "5m", "keys_ahead": "3"}
        setup.reload()
        wait_until("more keys are published", lambda: len(client.get_keyring().keyring.keys) >= 4)
        after = {key.name: key for key in client.get_keyring().keyring.keys}
        for name, key in before.items():
            require(after[name] == key, "a key has other dates than it was born with")
        require(watch.end is None, f"the watch has ended: {watch.end}")
        watch.close()


def readers_who_are_no_more_are_cut(bench):
    setup = Setup(bench).start()
    with setup.client() as client:
        settled(client)
        watch = g.KeyWatch(client)
        first_snapshot(watch)
        setup.realms["web"] = {"readers": '["uid:4242"]'}
        since = time.monotonic()
        setup.reload()
        assert_cut(watch, since, "the watch of a reader no more")
        code, _ = client.refused("/stek.v1.KeyService/GetKeyring",
                                 g.P.keys.GetKeyringRequest(realm="web"))
        require(code == Code.PERMISSION_DENIED, f"{code}")
        require(client.encrypting(), "an operator has to stay one")
        setup.realms["web"] = {}
        setup.reload()
        require(client.get_keyring().keyring.keys, "a reader again gets no keys")


def a_wrong_file_changes_nothing(bench):
    setup = Setup(bench).start()
    with setup.client() as client:
        settled(client)
        watch = g.KeyWatch(client)
        first_snapshot(watch)
        path = setup.daemon.config
        setup.fail("event=config-problem", f"where={path}:", text="realms: [\n")
        setup.fail("redaers", "did you mean", text=setup.text().replace("readers", "redaers"))
        setup.fail(f"where={path}:1:1 ", "nothing in this file", text="")
        setup.deployment = "other"
        setup.extra = "http: 127.0.0.1:1\n"
        setup.fail("deployment", "http", "needs a restart")
        setup.deployment, setup.extra = "test", ""
        setup.fail("needs a restart", text=setup.text().replace(".sock", ".other"))
        os.unlink(path)
        setup.daemon.process.signal(signal.SIGHUP)
        wait_until("the missing file is said", lambda: setup.count("reload-failed") == 6)
        require("cannot be opened" in setup.daemon.process.errors(), "the reason is not said")
        assert_alive(watch, "the watch")
        setup.reload()
        require(not setup.status()["problems"], "the failure is still told")
        watch.close()


def a_storm_of_signals_is_borne(bench):
    setup = Setup(bench).start()
    with setup.client() as client:
        settled(client)
        watch = g.KeyWatch(client)
        first_snapshot(watch)
        folder = f"/proc/{setup.daemon.process.pid}/fd"
        setup.reload()
        open_before = len(os.listdir(folder))
        for i in range(100):
            setup.realms["web"] = {"keys_ahead": str(1 + i % 2)}
            setup.realms.pop(f"r{i - 1}", None)
            setup.realms[f"r{i}"] = {}
            setup.write()
            setup.daemon.process.signal(signal.SIGHUP)
        setup.realms = {"web": {}}
        setup.reload()
        wait_until("the last configuration is in use",
                   lambda: [r["realm"] for r in setup.status()["realms"]] == ["web"])
        assert_alive(watch, "the watch")
        require(setup.count("reload-failed") == 0, "a reload has failed")
        wait_until("no descriptor is left", lambda: len(os.listdir(folder)) <= open_before)
        watch.close()
    require(setup.daemon.stop() == 0, "SIGTERM should end it well")


def a_signal_during_the_start_is_kept(bench):
    setup = Setup(bench)
    setup.write()
    # Held back from before the daemon's first instruction until it takes it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        setup.daemon.process = bench.start("stekd-1", [bench.program("daemon/app/stekd"),
                                                       "--config", setup.daemon.config])
        setup.daemon.process.signal(signal.SIGHUP)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    wait_until("it is a reload", lambda: setup.count("reloaded") == 1)
    require(setup.count("ready") == 1, "it reloads before it is ready")


def log_settings_change(bench):
    setup = Setup(bench).start()
    with setup.client() as client:
        settled(client)
        setup.extra = "log: {format: json, level: info}\n"
        setup.write()
        setup.daemon.process.signal(signal.SIGHUP)
        wait_until("the log is JSON", lambda: '"event":"reloaded"' in setup.daemon.process.errors())


# ---- stores ----

def random_key(bench, name):
    path = bench.path(name)
    with open(path, "wb") as f:
        os.fchmod(f.fileno(), 0o400)
        f.write(os.urandom(32))
    return path


def the_list_of_sealing_keys_changes(bench):
    records = bench.path("records")
    os.mkdir(records, 0o700)
    random_key(bench, "a.kek")
    random_key(bench, "b.kek")

    def store(*keks):
        return f"type: file, path: {records}, key_encryption_keys: [{', '.join(keks)}]"

    setup = Setup(bench, store=store("a.kek")).start()
    with setup.client() as client:
        settled(client)
        setup.store = store("b.kek", "a.kek")
        setup.reload()
        client.rotate(g.active(client))  # the record is put once more, sealed under the first
        names = wait_until("the ring is whole again",
                           lambda: len(client.keys().keys) >= 3 and
                           {key.name for key in client.keys().keys})
        setup.store = store("b.kek")
        setup.reload()
        setup.store = store("none.kek")
        setup.fail("none.kek", "No such file", "key_encryption_keys")
        setup.store = store("b.kek")
    setup.restart()
    with setup.client() as client:
        g.serving(client)
        require({key.name for key in client.keys().keys} == names, "the old record is not read")
        require(not [p for p in setup.status()["problems"] if "record" in p], "it has problems")


def a_reload_needs_no_redis(bench):
    if shutil.which("redis-server") is None:
        print("without redis-server: not tried")
        return
    redis = Redis(bench)
    redis.start()
    write_secret(bench, "redis.password", SECRET.encode())
    random_key(bench, "a.kek")
    setup = Setup(bench, store=f"type: redis, address: 'unix:{redis.sock}', username: stekd, "
                               "password_file: redis.password, key_encryption_keys: [a.kek]").start()
    with setup.client() as client:
        settled(client)
        watch = g.KeyWatch(client)
        first_snapshot(watch)
        redis.kill()
        wait_until("the outage is shown", lambda: not setup.status()["store"]["reachable"])
        setup.realms["mail"] = {}
        setup.reload()
        assert_alive(watch, "the watch")
        require(client.get_keyring().keyring.keys, "the old realm is not served")
        require(client.health() == g.SERVING, "an added realm takes the daemon out of service")
        redis.start()
        wait_until("the added realm is served", lambda: setup.encrypts("mail"), 40)
        watch.close()


# ---- by mutual TLS ----

def a_new_certificate_is_for_new_connections(bench):
    setup = Setup(bench, tls=True).start()
    cert, frontend = setup.frontend()
    key = setup.ca.file("fe-1.key")
    with setup.client() as local, frontend as client:
        settled(local)
        watch = g.KeyWatch(client)
        first_snapshot(watch)
        was = seen_certificate(setup, cert, key)
        require(was == der_of(setup.ca.file("server.pem")), "another certificate")
        setup.ca.issue("server", dns=["localhost"], ip=["127.0.0.1"], eku="serverAuth")
        require(seen_certificate(setup, cert, key) == was, "it reads files by itself")
        setup.reload()
        now = seen_certificate(setup, cert, key)
        require(now == der_of(setup.ca.file("server.pem")) != was, "the old certificate is shown")
        assert_alive(watch, "the watch on the old connection")
        watch.close()


def who_is_revoked_is_cut(bench):
    setup = Setup(bench, tls=True).start()
    _, good_client = setup.frontend("good")
    bad, bad_client = setup.frontend("bad")
    with setup.client() as local, good_client, bad_client:
        settled(local)
        good_watch, bad_watch = g.KeyWatch(good_client), g.KeyWatch(bad_client)
        first_snapshot(good_watch)
        first_snapshot(bad_watch)
        setup.ca.crl(revoked=[bad])
        setup.tls["crl"] = "ca.pki/crl.pem"
        since = time.monotonic()
        setup.reload()
        assert_cut(bad_watch, since, "the stream of a revoked frontend")
        assert_alive(good_watch, "the stream of another frontend")
        with TlsClient(setup, bad, setup.ca.file("fe-bad.key")) as again:
            code, _ = again.refused("/stek.v1.KeyService/GetKeyring",
                                    g.P.keys.GetKeyringRequest(realm="web"), timeout=3)
            require(code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED), f"it came in: {code}")
        good_watch.close()


def who_is_listed_no_more_is_cut(bench):
    setup = Setup(bench, tls=True)
    setup.realms["web"] = {"readers": f'["{READER}a", "{READER}b"]'}
    setup.start()
    _, a_client = setup.frontend("a")
    _, b_client = setup.frontend("b")
    with setup.client() as local, a_client, b_client:
        settled(local)
        a_watch, b_watch = g.KeyWatch(a_client), g.KeyWatch(b_client)
        first_snapshot(a_watch)
        first_snapshot(b_watch)
        setup.realms["web"] = {"readers": f'["{READER}a"]'}
        since = time.monotonic()
        setup.reload()
        assert_cut(b_watch, since, "the stream of a frontend that is not listed any more")
        assert_alive(a_watch, "the stream of the other")
        a_watch.close()


def an_authority_is_replaced(bench):
    setup = Setup(bench, tls=True).start()
    _, client = setup.frontend()
    with setup.client() as local, client:
        settled(local)
        watch = g.KeyWatch(client)
        first_snapshot(watch)
        Authority(bench, "other")
        setup.tls["client_ca"] = "other.pki/ca.pem"
        since = time.monotonic()
        setup.reload()
        assert_cut(watch, since, "the stream of whom nobody trusts any more")


def every_broken_file_of_tls_is_refused(bench):
    setup = Setup(bench, tls=True).start()
    _, client = setup.frontend()
    good = dict(setup.tls)
    other = Authority(bench, "other")
    other.issue("server", eku="serverAuth")
    setup.ca.issue("old", dns=["localhost"], eku="serverAuth", not_after=time.time() - 60)
    setup.ca.issue("noeku", dns=["localhost"], eku="")
    bench.write("empty.pem", "")
    bench.write("noise.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    os.mkfifo(bench.path("pipe.pem"))
    shutil.copy(setup.ca.file("server.key"), bench.path("open.key"))
    os.chmod(bench.path("open.key"), 0o644)
    rows = [
        ("certificate", "none.pem", "No such file"),
        ("certificate", "empty.pem", "is empty"),
        ("certificate", "noise.pem", "noise.pem"),
        ("certificate", "pipe.pem", "not a regular file"),
        ("certificate", "ca.pki/old.pem", "expired"),
        ("certificate", "other.pki/server.pem", "server"),
        ("private_key", "open.key", "open to every user"),
        ("private_key", "other.pki/server.key", "server.key"),
        ("private_key", "ca.pki/server.pem", "server.pem"),
        ("client_ca", "none.pem", "No such file"),
        ("client_ca", "empty.pem", "is empty"),
        ("client_ca", "ca.pki/server.pem", "server.pem"),
        ("crl", "none.pem", "No such file"),
        ("crl", "ca.pki/ca.pem", "ca.pem"),
    ]
    with setup.client() as local, client:
        settled(local)
        watch = g.KeyWatch(client)
        first_snapshot(watch)
        for key, value, part in rows:
            setup.tls = {**good, key: value}
            setup.fail("stekd.yaml:4:5", part, os.path.basename(value))
            run = subprocess.run([bench.program("daemon/app/stekd"), "--config",
                                  setup.daemon.config, "--check"], capture_output=True, text=True,
                                 timeout=30, check=False)
            require(run.returncode == 2 and part in run.stderr, f"--check: {run.stderr}")
        require(watch.end is None, f"the watch has ended: {watch.end}")
        setup.tls = good
        setup.reload()
        assert_alive(watch, "the watch")
        watch.close()


def an_expired_list_is_refused(bench):
    setup = Setup(bench, tls=True)
    setup.tls["crl"] = "ca.pki/crl.pem"
    setup.ca.crl()
    setup.start()
    _, client = setup.frontend()
    with setup.client() as local, client:
        settled(local)
        watch = g.KeyWatch(client)
        first_snapshot(watch)
        setup.ca.crl()
        subprocess.run(["openssl", "ca", "-config", setup.ca.file("openssl.cnf"), "-gencrl",
                        "-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200102000000Z",
                        "-out", setup.ca.file("crl.pem")], check=True, capture_output=True)
        setup.fail("crl.pem", "expired")
        assert_alive(watch, "the watch")
        setup.ca.crl()
        setup.reload()
        assert_alive(watch, "the watch")
        watch.close()


def what_ends_soon_is_told(bench):
    setup = Setup(bench, tls=True)
    http = free_port()
    setup.extra = f"http: 127.0.0.1:{http}\n"
    setup.start()
    problems = setup.status()["problems"]
    require(any("expires in" in p and "server.pem" in p for p in problems), f"{problems}")
    require("event=config-note" in setup.daemon.process.errors(), "not in the log")
    metric = 'stekd_tls_certificate_expiry_timestamp_seconds{of="listen[1]"}'
    days = (value_of(http, metric) - time.time()) / 86400
    require(1.9 < days < 2.1, f"the certificate ends in {days} days")
    setup.write("realms: [\n")
    setup.hang_up("reload-failed")
    require(value_of(http, "stekd_reload_last_successful") == 0, "the failed reload is not shown")
    require(value_of(http, 'stekd_reloads_total{result="failed"}') == 1, "it is not counted")
    setup.ca.issue("server", dns=["localhost"], ip=["127.0.0.1"], eku="serverAuth", days=20)
    setup.reload()
    require(value_of(http, "stekd_reload_last_successful") == 1, "the good reload is not shown")
    require((value_of(http, metric) - time.time()) / 86400 > 19, "the old certificate is shown")
    problems = setup.status()["problems"]
    require(not any("expires in" in p for p in problems), f"{problems}")


CASES = [
    realms_come_and_go,
    a_realm_that_went_leaves_no_key_byte,
    a_policy_changes_for_keys_to_come,
    readers_who_are_no_more_are_cut,
    a_wrong_file_changes_nothing,
    a_storm_of_signals_is_borne,
    a_signal_during_the_start_is_kept,
    log_settings_change,
    the_list_of_sealing_keys_changes,
    a_reload_needs_no_redis,
    a_new_certificate_is_for_new_connections,
    who_is_revoked_is_cut,
    who_is_listed_no_more_is_cut,
    an_authority_is_replaced,
    every_broken_file_of_tls_is_refused,
    an_expired_list_is_refused,
    what_ends_soon_is_told,
]


def test(build, arguments):
    g.P = g.Protos(arguments[0], arguments[1])
    try:
        for case in CASES:
            if arguments[2:] and case.__name__ not in arguments[2:]:
                continue
            begin = time.monotonic()
            with Bench(build) as bench:
                case(bench)
            print(f"{time.monotonic() - begin:6.2f} s  {case.__name__.replace('_', ' ')}",
                  flush=True)
    finally:
        shutil.rmtree(g.P.out, ignore_errors=True)


if __name__ == "__main__":
    run_main(test)
