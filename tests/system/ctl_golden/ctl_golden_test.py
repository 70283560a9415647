# SPDX-License-Identifier: Apache-2.0
"""What stekctl and stekd print, and end with, in each state an operator meets: golden outputs in
tests/golden/ctl (--update writes them), and every JSON answer held to docs/schema/stekctl.json.
"""

import os
import shutil
import signal
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, ".."), os.path.join(HERE, "..", "fleet")]
from certs import Authority  # noqa: E402
from fleet import Frontend  # noqa: E402
from golden import Golden  # noqa: E402
from harness import Bench, Daemon, require, run_main, wait_until  # noqa: E402
from redis_server import Redis, write_secret  # noqa: E402
from schema import Schema  # noqa: E402

DONE, REFUSED, USAGE, UNREACHABLE, DEGRADED, DENIED = range(6)
NOBODY = 65534
QUERIES = [["status"], ["realms"], ["keys", "web"], ["frontends"], ["frontends", "web"]]
ACTS = [["rotate", "web"], ["revoke", "web", "--all"], ["revoke", "web", "01234567"], ["rekey"],
        ["rekey", "web"], ["wait", "web", "--converged"]]


class World:
    def __init__(self, bench, is_update):
        self.bench = bench
        self.golden = Golden(bench, is_update)
        self.schema = Schema()

    def begin(self, scenario, server=None):
        self.golden.begin(scenario)
        self.hidden = () if server is None else ("--server", server)

    def call(self, code, *words, **more):
        return self.golden.call(code, "stekctl", *words, hidden=self.hidden, **more)

    def json(self, code, *words):
        """The document, held to the schema; not in the golden file."""
        words = ["stekctl", *self.hidden, "-o", "json", *words]
        done = self.golden.execute(words)
        require(done.returncode == code,
                f"{' '.join(words)} ended with {done.returncode}, not {code}: {done.stderr}")
        return self.schema.check(done.stdout, words[5 if self.hidden else 3],
                                 self.golden.scenario)

    def both(self, code, *words):
        self.call(code, *words)
        return self.json(code, *words)


def usage(world):
    world.begin("usage")
    wrong = [
        [], ["statis"], ["xyzzy"], [""], ["status", "web"], ["realms", "web"], ["keys"],
        ["keys", "web", "more"], ["keys", "../etc"], ["keys", "WEB"], ["keys", ""],
        ["rotate"], ["rotate", "web", "more"], ["rotate", "web", "--all"],
        ["rotate", "web", "--converged"], ["rotate", "web", "--reason"],
        ["rotate", "web", "--reason", "two\nlines"], ["rotate", "web", "--reason", "x" * 501],
        ["revoke"], ["revoke", "web"], ["revoke", "web", "short"], ["revoke", "web", "xyz12345"],
        ["revoke", "web", "0" * 33], ["revoke", "web", "01234567", "--all"],
        ["frontends", "web", "more"], ["frontends", "WEB"], ["frontends", "--reason", "x"],
        ["wait"], ["wait", "web"], ["wait", "--converged"], ["wait", "web", "--all"],
        ["rekey", "web", "more"], ["rekey", "--all"], ["version", "more"],
        ["config"], ["config", "check"], ["config", "destroy", "x"], ["config", "sample", "x"],
        ["config", "check", "a", "b"], ["-o", "json", "config", "man"],
        ["pki"], ["pki", "sever"], ["pki", "xyzzy"], ["pki", "server"], ["pki", "client", "a", "b"],
        ["pki", "ca", "--days", "0"], ["pki", "ca", "--days", "soon"], ["pki", "kek"],
        ["pki", "kek", "f", "--force"], ["pki", "client", "a", "--nmae", "b"],
        ["watch"], ["events"], ["doctor"], ["probe", "127.0.0.1:1"],
        ["--sever=x", "status"], ["status", "--xyzzy"], ["status", "-x"], ["--help=yes"],
        ["-s"], ["--server", "nowhere", "status"], ["--server", "unix:here", "status"],
        ["--server", "unix:/" + "x" * 120, "status"], ["--server", "host:0", "status"],
        ["--server", "host:65536", "status"], ["--server", ":1", "status"],
        ["--server", "host:1", "status"], ["--server", "host:1", "--ca", "a", "status"],
        ["--server", "host:1", "--ca", "a", "--cert", "b", "--key", "c", "status"],
        ["--ca", "", "status"], ["-o", "xml", "status"], ["-o"], ["--all=1", "status"],
        ["-t", "soon", "status"], ["-t", "5", "status"], ["-t", "0s", "status"],
        ["-t", "11m", "status"], ["status", "--", "-x"], ["a", "b", "c", "d", "e", "f", "g"],
    ]
    for words in wrong:
        world.call(USAGE, *words)
    for name, value in (("STEKCTL_SERVER", "nowhere"), ("STEKCTL_OUTPUT", "xml")):
        world.call(USAGE, "status", env={name: value}, note=f"{name}={value}")
    return len(wrong)


def helps(world):
    world.begin("help")
    world.call(DONE, "--help")
    for verb in ("status", "realms", "keys", "rotate", "revoke", "frontends", "wait", "rekey",
                 "config", "pki", "version"):
        world.call(DONE, verb, "--help")
    done = world.golden.execute(["stekctl", "help"])
    require(done.stdout == world.golden.execute(["stekctl", "-h"]).stdout, "help and -h differ")


def without_a_daemon(world):
    bench = world.bench
    world.begin("no-daemon")
    good = bench.write("good.yaml", "listen: [{unix: /run/x.sock}]\nstore: {type: memory}\n"
                                    "realms: {web: {}}\n")
    bad = bench.write("bad.yaml", "listen: [{unix: x.sock}]\nstore: {type: memry}\nrealms: {}\n")
    world.both(DONE, "version")
    world.both(DONE, "config", "check", good)
    world.both(USAGE, "config", "check", bad)
    world.both(USAGE, "config", "check", bench.path("none.yaml"))
    for words in (["pki", "ca"], ["pki", "server", "localhost", "192.0.2.1"],
                  ["pki", "client", "fe-1"], ["pki", "operator", "alice"], ["pki", "crl"],
                  ["pki", "kek", "one.kek"]):
        world.call(DONE, *words)
        done = world.golden.execute(["stekctl", *words, "-o", "json", *(
            ["--force"] if words[1] in ("ca", "server", "client", "operator") else [])])
        if words[1] == "kek":
            require(done.returncode == REFUSED, "pki kek overwrites a file")
            os.unlink(bench.path("one.kek"))
            done = world.golden.execute(["stekctl", *words, "-o", "json"])
        require(done.returncode == DONE, f"{words}: {done.stderr}")
        world.schema.check(done.stdout, "pki", words[1])
    world.call(REFUSED, "pki", "kek", "one.kek")
    world.call(REFUSED, "pki", "client", "fe-1")
    shutil.rmtree(bench.path("tls"))
    world.call(REFUSED, "pki", "client", "fe-1")


def unreachable(world):
    bench = world.bench
    world.begin("unreachable", "unix:" + bench.path("nobody.sock"))
    for words in QUERIES + ACTS[:-1] + [["wait", "web", "--converged", "-t", "300ms"]]:
        world.call(UNREACHABLE, *words)
    stale = bench.path("stale.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(stale)
        world.hidden = ("--server", "unix:" + stale)
        world.call(UNREACHABLE, "status", note="a socket that nobody listens on")
        silent.listen(8)
        for words in QUERIES[:3] + ACTS[:4] + [["wait", "web", "--converged"]]:
            world.call(UNREACHABLE, "-t", "200ms", *words, note="a daemon that hangs")
    world.hidden = ("--server", "unix:" + bench.folder)
    world.call(UNREACHABLE, "status", note="a folder")
    with Talker(b"HTTP/1.1 400 Bad Request\r\n\r\n") as other:
        world.hidden = ("--server", "unix:" + other.listen(bench.path("other.sock")))
        world.call(REFUSED, "status", note="a server of another kind")
    with Talker(b"") as other:
        world.hidden = ("--server", "unix:" + other.listen(bench.path("closing.sock")))
        world.call(UNREACHABLE, "status", note="a server that closes")


class Talker:
    """Accepts, says a few bytes and closes, each time."""

    def __init__(self, words):
        self.words = words
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()

    def listen(self, path):
        self.listener.bind(path)
        self.listener.listen(4)
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return path

    def serve(self):
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            with link:
                if self.words:
                    link.sendall(self.words)
                    link.recv(4096)


def sound(world, daemon, certificate):
    """A sound daemon, from no frontend to two of which one is stopped."""
    world.begin("sound", daemon.endpoint)
    for words in QUERIES:
        world.both(DONE, *words)
    world.call(REFUSED, "keys", "mail")
    world.call(REFUSED, "frontends", "mail")
    for words in (["rotate", "mail"], ["revoke", "mail", "--all"], ["rekey", "mail"],
                  ["wait", "mail", "--converged"], ["rekey"], ["rekey", "web"],
                  ["revoke", "web", "00000000"]):
        world.call(REFUSED, *words)
    frontends = [Frontend(world.bench, [daemon], name, *certificate) for name in ("fe-1", "fe-2")]
    for number in range(len(frontends)):
        wait_until(f"{number + 1} frontends hold the keyring", lambda: [
            f["state"] for f in daemon.ctl("frontends", "web")["frontends"]] == ["current"] * 2)
    world.both(DONE, "wait", "web", "--converged")
    world.both(DONE, "frontends", "web")
    world.call(DONE, "rotate", "web", "--reason", "drill")
    wait_until("the promoted key encrypts", daemon.encrypting_key)
    world.json(DONE, "rotate", "web")
    wait_until("all have it", lambda: daemon.ctl("wait", "web", "--converged")["converged"])
    old = wait_until("a key encrypts", daemon.encrypting_key)
    world.json(DONE, "revoke", "web", old)
    wait_until("another key encrypts", daemon.encrypting_key)
    world.call(DONE, "revoke", "web", old, note="again")
    world.both(DONE, "keys", "web")
    behind(world, daemon, frontends[0])
    wait_until("both have it", lambda: daemon.ctl("wait", "web", "--converged")["current"] == 2)
    frontends[1].process.stop()
    wait_until("one has left", lambda: any(
        f["left_at"] for f in daemon.ctl("frontends", "web")["frontends"]))
    # Of its processes another may take over and connect once more before it ends, too: what is
    # known of it then differs.
    world.json(DONE, "frontends", "web")
    frontends[0].kill()


def behind(world, daemon, frontend):
    """A frontend that does not move: not everywhere yet, exit 4."""
    pid = frontend.process.pid
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        everybody = [pid, *map(int, file.read().split())]
    for each in everybody:
        os.kill(each, signal.SIGSTOP)
    try:
        world.both(DEGRADED, "revoke", "web", "--all", "-t", "300ms")
        world.both(DEGRADED, "wait", "web", "--converged", "-t", "300ms")
        world.both(DONE, "frontends", "web")
    finally:
        for each in everybody:
            os.kill(each, signal.SIGCONT)


def wait_for_keys(daemon, is_well=True):
    """The second key is due a moment after the first."""
    wait_until("two keys are there", lambda: len(daemon.ctl("keys", "web")["keys"]) == 2)
    wait_until("it is well", lambda: daemon.ctl("status", check=False)["ok"] == is_well)


def young(world, daemon):
    world.begin("no-key-yet", daemon.endpoint)
    wait_for_keys(daemon, is_well=False)
    world.both(DEGRADED, "status")
    world.both(DONE, "keys", "web")
    world.call(REFUSED, "rotate", "web")


def denied(world, denying, closed):
    world.begin("denied", denying.endpoint)
    for words in QUERIES + ACTS:
        world.call(DENIED, *words)
    if os.geteuid() == 0:
        world.hidden = ("--server", closed.endpoint)
        drop = {"preexec": lambda: (os.setgroups([]), os.setgid(NOBODY), os.setuid(NOBODY))}
        world.call(DENIED, "status", note="a socket of mode 0600, another user", **drop)
        world.call(DENIED, "rotate", "web", note="likewise", **drop)


def outputs(world, daemon):
    world.begin("output", daemon.endpoint)
    for words in ([["version"], ["--help"], ["config", "sample"]] + QUERIES):
        with open("/dev/full", "w", encoding="ascii") as full:
            world.call(REFUSED, *words, stdout=full, note="> /dev/full")
        world.call(REFUSED, *words, preexec=lambda: os.close(1), stdout=None, note=">&-")
    reader, writer = os.pipe()
    os.close(reader)
    world.call(REFUSED, "status", stdout=writer, note="| a reader that has gone",
               preexec=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN))
    os.close(writer)


def sealed(world, bench):
    """A file store: rekey, and what it shows."""
    keks = [write_secret(bench, f"{n}.kek", os.urandom(32)) for n in ("old", "new")]
    os.mkdir(bench.path("records"), 0o700)
    daemon = bench.daemon(name="sealed", rotate_every="10m", ticket_lifetime="10m")

    def keep(order):
        with open(daemon.config, encoding="utf-8") as file:
            text = file.read()
        start = text.index("store:")
        text = (text[:start] + f"store: {{type: file, path: {bench.path('records')}, "
                f"key_encryption_keys: [{', '.join(order)}]}}\n" + text[text.index("operators:"):])
        bench.write("sealed.yaml", text)
    keep(keks[:1])
    daemon.start()
    world.begin("sealed", daemon.endpoint)
    wait_for_keys(daemon)
    world.both(DONE, "status")
    world.both(DONE, "rekey")
    keep([keks[1], keks[0]])
    daemon.process.signal(signal.SIGHUP)
    wait_until("the reload", lambda: "event=reloaded" in daemon.process.errors())
    world.call(DONE, "rekey", "web", "--reason", "new key")
    world.both(DONE, "rekey", "web")
    bench.write("sealed.yaml", "listen: []\n")
    daemon.process.signal(signal.SIGHUP)
    wait_until("the refusal", lambda: daemon.ctl("status", check=False)["problems"])
    world.both(DEGRADED, "status")
    daemon.stop()


def redis(world, bench):
    """Not ready while nobody has answered; degraded when nobody answers any more. What ends the
    scenario: the daemon tries a rotate for 10 s, in which there is other work to do."""
    server = Redis(bench)
    daemon = bench.daemon(name="stored", rotate_every="10m", ticket_lifetime="10m")
    with open(daemon.config, encoding="utf-8") as file:
        text = file.read()
    kek = write_secret(bench, "redis.kek", os.urandom(32))
    password = write_secret(bench, "redis.password", b"a-password-of-the-test\n")
    bench.write("stored.yaml", text.replace("type: memory", (
        f"type: redis\n  address: unix:{server.sock}\n  username: stekd\n"
        f"  password_file: {password}\n  key_encryption_keys: [{kek}]")))
    daemon.start()
    world.begin("not-ready", daemon.endpoint)
    wait_until("the failure is known", lambda: "cannot connect" in daemon.ctl(
        "status", check=False)["store"]["last_error"])
    world.both(DEGRADED, "status")
    for words in QUERIES[1:2] + QUERIES[3:]:
        world.both(DONE, *words)
    for words in [QUERIES[2]] + ACTS[:5]:
        world.call(REFUSED, "-t", "2s", *words)
    world.call(DEGRADED, "wait", "web", "--converged", "-t", "200ms")
    server.start()
    world.begin("redis-lost", daemon.endpoint)
    wait_until("it is ready", lambda: daemon.ctl("status", check=False)["realms"][0]["ready"])
    wait_for_keys(daemon)
    world.both(DONE, "status")
    world.both(DONE, "rekey", "web")
    server.kill()
    wait_until("the loss is known", lambda: "cannot connect" in daemon.ctl(
        "status", check=False)["store"]["last_error"])
    world.both(DEGRADED, "status")
    world.both(DONE, "keys", "web")
    world.call(REFUSED, "rekey", "web")
    rotate = ["stekctl", *world.hidden, "rotate", "web"]
    running = ThreadPoolExecutor(1).submit(world.golden.execute, rotate)

    def end():
        world.hidden = ("--server", daemon.endpoint)
        world.golden.resume("redis-lost")
        world.call(REFUSED, "rotate", "web", done=running.result())
        redis_lost(world)
        daemon.stop()
    return end


def redis_lost(world):
    world.call(UNREACHABLE, "rotate", "web", "-t", "300ms")
    world.both(DEGRADED, "revoke", "web", "--all", "-t", "300ms")
    world.both(DEGRADED, "wait", "web", "--converged", "-t", "200ms")


def tls(world, bench):
    """By TCP: certificates of every kind of wrong, on both ends."""
    ca, other = Authority(bench, "ca"), Authority(bench, "other")
    cert, key = ca.issue("server", ip=["127.0.0.1"], eku="serverAuth", days=30)
    alien, alien_key = other.issue("server", ip=["127.0.0.1"], eku="serverAuth", days=30)
    unnamed, unnamed_key = ca.issue("unnamed", dns=["stekd.example.org"], eku="serverAuth", days=30)
    hand = ca.issue("alice", uri=["spiffe://example.org/operator/alice"], eku="clientAuth")
    stranger = other.issue("bob", uri=["spiffe://example.org/operator/bob"], eku="clientAuth")
    frontend = ca.issue("fe", uri=["spiffe://example.org/frontend/fe"], eku="clientAuth")
    entries = "".join(
        f"  - address: 127.0.0.1:{port}\n    tls: {{certificate: {c}, private_key: {k}, "
        f"client_ca: {ca.path}}}\n"
        for port, c, k in zip(PORTS(3), (cert, alien, unnamed), (key, alien_key, unnamed_key)))
    sock = bench.path("tls.sock")
    daemon = Daemon(bench, "tls", bench.write("tls.yaml", (
        f"listen:\n{entries}  - unix: {sock}\nstore: {{type: memory}}\n"
        'operators: ["spiffe://example.org/operator/*"]\n'
        'realms: {web: {rotate_every: 10m, ticket_lifetime: 10m, sync_interval: 500ms, '
        'readers: ["spiffe://example.org/frontend/*"]}}\n')), sock).start()
    ports = [line.split(":")[2] for line in entries.splitlines() if "address" in line]

    def ask(code, port, authority, pair, note, *words):
        world.hidden = ("--server", f"127.0.0.1:{port}", "--ca", authority.path, "--cert",
                        pair[0], "--key", pair[1])
        world.call(code, *(words or ("realms",)), note=note)
    world.begin("tls")
    ask(DONE, ports[0], ca, hand, "all as it should be")
    ask(DENIED, ports[0], ca, frontend, "a frontend's certificate")
    ask(DENIED, ports[0], ca, stranger, "of an authority the daemon does not trust")
    ask(UNREACHABLE, ports[0], other, hand, "--ca of another authority")
    ask(UNREACHABLE, ports[1], ca, hand, "a daemon of another authority")
    ask(UNREACHABLE, ports[2], ca, hand, "a daemon of another name")
    ask(USAGE, ports[0], ca, (hand[0], frontend[1]), "the key of another certificate")
    ask(USAGE, ports[0], ca, (hand[1], hand[0]), "certificate and key swapped")
    os.chmod(hand[1], 0o644)
    ask(USAGE, ports[0], ca, hand, "a key open to everybody")
    daemon.stop()
    ask(UNREACHABLE, ports[0], ca, (frontend[0], frontend[1]), "nobody listens")


def PORTS(count):
    """Free ports, held until all are chosen."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def stekd(world, bench):
    world.begin("stekd")
    call = lambda code, *words, **more: world.golden.call(code, "stekd", *words, **more)  # noqa: E731
    good, bad = bench.path("good.yaml"), bench.path("bad.yaml")
    call(0, "--help")
    call(0, "--version")
    call(0, "--config", good, "--check")
    call(0, f"--config={good}", "--check")
    call(2, "--config", bad, "--check")
    call(2, "--config", bad)
    call(2, "--config", bench.path("none.yaml"))
    for words in (["--config"], ["--config="], ["--chekc"], ["good.yaml"], ["-c", good]):
        call(2, *words)
    with open("/dev/full", "w", encoding="ascii") as full:
        call(1, "--config", good, "--check", stdout=full, note="> /dev/full")
        call(1, "--help", stdout=full, note="> /dev/full")


def start_daemons(bench):
    def make(name, change=None, **more):
        daemon = bench.daemon(name=name, rotate_every="10m", ticket_lifetime="10m", **more)
        if change is not None:
            with open(daemon.config, encoding="utf-8") as file:
                text = file.read()
            require(change[0] in text, f"{change[0]!r} is not in the configuration")
            bench.write(name + ".yaml", text.replace(*change))
        return daemon.start()
    uid = f'operators: ["uid:{os.getuid()}"]'
    return (make("sound", sync_interval="2s"), make("young", sync_interval="60s"),
            make("denying", (uid, 'operators: ["uid:4000000000"]')),
            make("closed", ("closed.sock", 'closed.sock\n    mode: "0600"')))


def main(build, arguments):
    with Bench(build) as bench:
        world = World(bench, "--update" in arguments)
        daemons = start_daemons(bench)
        usage(world)
        helps(world)
        without_a_daemon(world)
        unreachable(world)
        young(world, daemons[1])
        denied(world, *daemons[2:])
        wait_for_keys(daemons[0])
        outputs(world, daemons[0])
        sound(world, daemons[0], bench.certificate())
        sealed(world, bench)
        end_redis = redis(world, bench)
        tls(world, bench)
        stekd(world, bench)
        end_redis()
        require(not world.schema.unseen(), f"no document of {world.schema.unseen()}")
        members = world.schema.check_descriptions()
        refused = world.schema.check_refusals()
        world.golden.finish()
        codes = ", ".join(f"{code}: {count}" for code, count in sorted(world.golden.codes.items()))
        print(f"{world.golden.calls} calls, {len(world.golden.text)} golden files; stekctl's exit "
              f"codes {codes}; {world.schema.documents} JSON documents hold to the schema of "
              f"{members} members, {refused} wrong ones are refused")


if __name__ == "__main__":
    run_main(main)
