# SPDX-License-Identifier: Apache-2.0
"""A revoked key never comes back: real daemons beside one Redis, real frontends, real tickets.

  revoke_test.py BUILD outage      while Redis is gone: at once here, everywhere when it is back
  revoke_test.py BUILD stragglers  one frontend stopped and one cut off: both are named
  revoke_test.py BUILD backup      a record of before is restored under running daemons
  revoke_test.py BUILD drill       every key at once, under load
  revoke_test.py BUILD rekey       records are sealed anew, and the old key-encryption key goes
"""

import calendar
import json
import os
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "fleet")]
from fleet import Frontend  # noqa: E402
from harness import Bench, Daemon, Failure, require, run_main, wait_until  # noqa: E402
from redis_server import SECRET, Redis, write_secret  # noqa: E402
from relay import Relay  # noqa: E402
from tls_client import Client, Tickets, VERSIONS, issues  # noqa: E402

SYNC_S = 1
LEAD_S = 2 * SYNC_S
RECORD = "stek:{web}"


def make_daemon(bench, redis, name, keks="a.kek"):
    sock = bench.path(name + ".sock")
    uid = os.getuid()
    config = bench.write(name + ".yaml", f"""\
deployment: test
listen:
  - unix: {sock}
store:
  type: redis
  address: unix:{redis.sock}
  username: stekd
  password_file: redis.password
  key_encryption_keys: [{keks}]
operators: ["uid:{uid}"]
realms:
  web:
    rotate_every: 1h
    sync_interval: {SYNC_S}s
    ticket_lifetime: 1h
    readers: ["uid:{uid}"]
""")
    return Daemon(bench, name, config, sock)


class Stage:
    """Redis, two daemons, and frontends by the daemon (or relay) each of them knows."""

    def __init__(self, bench):
        self.bench = bench
        write_secret(bench, "redis.password", SECRET.encode() + b"\n")
        write_secret(bench, "a.kek", os.urandom(32))
        self.redis = Redis(bench)
        self.redis.start()
        self.one = make_daemon(bench, self.redis, "one").start()
        self.two = make_daemon(bench, self.redis, "two").start()
        self.cert, self.key = bench.certificate()
        self.frontends = []

    def add(self, name, daemon):
        frontend = Frontend(self.bench, [daemon], name, self.cert, self.key)
        self.frontends.append(frontend)
        return frontend

    def settle(self):
        self.one.wait_for_active()
        for daemon in (self.one, self.two):
            converge(daemon)
        for frontend in self.frontends:
            wait_until(frontend.name + " issues tickets",
                       lambda f=frontend: issues(f) == len(VERSIONS))
        for frontend in self.frontends:
            tickets = Tickets(frontend)
            for other in self.frontends:
                require(tickets.open_at(other) == tickets.count(),
                        f"tickets of {frontend.name} do not open at {other.name}")


def run_ctl(daemon, *arguments, output="json"):
    return subprocess.run(
        [daemon.bench.program("daemon/ctl/stekctl"), "--server", daemon.endpoint, "-o", output,
         *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)


def ask(daemon, code, *arguments):
    """stekctl's JSON answer, which must come with that exit code."""
    done = run_ctl(daemon, *arguments)
    require(done.returncode == code,
            f"stekctl {' '.join(arguments)} ended with {done.returncode}, not {code}: "
            f"{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def converge(daemon, timeout="30s"):
    return ask(daemon, 0, "wait", "web", "--converged", "--timeout", timeout)


def is_revoked(daemon, name):
    shown = [k for k in daemon.ctl("keys", "web")["keys"] if k["name"] == name]
    return shown != [] and shown[0]["revoked"]


def refused_by(tickets, frontend):
    return tickets.open_at(frontend) == 0


def outage(stage):
    one, two, redis = stage.one, stage.two, stage.redis
    fe_one, fe_two = stage.add("fe-one", one), stage.add("fe-two", two)
    stage.settle()
    tickets = Tickets(fe_two)
    old = one.encrypting_key()

    redis.kill()
    done = ask(one, 4, "revoke", "web", old, "--timeout", "2s", "--reason", "a laptop was lost")
    require(not done["complete"] and not done["stored"], f"{done}")
    require("as soon as the store answers" in done["not_stored_why"], f"{done}")
    require(done["confirmed"] == done["frontends"] == 1, f"its own frontend has it: {done}")
    require(done["bound"] is not None, f"{done}")
    require(refused_by(tickets, fe_one), "the frontend of the asked daemon still opens them")
    require(one.encrypting_key() == done["promoted"], "the next key took the place")
    fresh = Tickets(fe_one)
    for frontend in (fe_one, fe_two):
        require(fresh.open_at(frontend) == fresh.count(), "tickets of the promoted key do not open")
    require(tickets.open_at(fe_two) == tickets.count(), "nobody has told the other daemon yet")
    ask(one, 4, "wait", "web", "--converged", "--timeout", "300ms")

    redis.start()  # empty
    require(converge(one)["stored"], "the store has it")
    wait_until("the other daemon learns it", lambda: is_revoked(two, old))
    converge(two)
    require(refused_by(tickets, fe_two), "the other daemon's frontend still opens them")
    done = ask(one, 0, "revoke", "web", old)
    require(done["complete"] and done["keys_revoked"] == 0, f"a repeat: {done}")


def signal_all(frontend, number):
    """The parent and its workers."""
    pid = frontend.process.pid
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        workers = [int(word) for word in f.read().split()]
    for process in [pid, *workers]:
        os.kill(process, number)


def stragglers(stage):
    one = stage.one
    relay = Relay(stage.bench, "relay", one)
    good, stopped, cut = (stage.add("fe-good", one), stage.add("fe-stopped", one),
                          stage.add("fe-cut", relay))
    stage.settle()
    tickets = Tickets(cut)
    old = one.encrypting_key()

    signal_all(stopped, signal.SIGSTOP)
    relay.cut()
    wait_until("the daemon sees that one is gone", lambda: [
        f for f in one.ctl("frontends", "web")["frontends"] if f["state"] == "gone"])
    done = ask(one, 4, "revoke", "web", old[:8], "--timeout", "3s")
    require(done["stored"] and not done["complete"], f"{done}")
    require((done["confirmed"], done["frontends"]) == (1, 3), f"{done}")
    named = {f["name"]: f["state"] for f in done["stragglers"]}
    require(named == {"fe-stopped": "not revoked", "fe-cut": "gone"}, f"{named}")
    require(done["bound"] is not None, f"{done}")
    text = run_ctl(one, "revoke", "web", old, "--timeout", "200ms", output="table").stdout
    require("fe-stopped" in text and "fe-cut" in text and "bound:" in text and
            "--all" in text, text)
    require(refused_by(tickets, good), "the frontend that has it still opens them")

    # The asked daemon restarts in between: it knows the revocation again from the store.
    one.kill()
    one.start()
    wait_until("it is ready and says revoked", lambda: is_revoked(one, old))
    signal_all(stopped, signal.SIGCONT)
    relay.join()
    wait_until("all three are back", lambda: len([
        f for f in one.ctl("frontends", "web")["frontends"] if f["connected"]]) == 3)
    converge(one)
    done = ask(one, 0, "revoke", "web", old)
    require(done["confirmed"] == done["frontends"] == 3 and done["stragglers"] == [], f"{done}")
    for frontend in (good, stopped, cut):
        require(refused_by(tickets, frontend), frontend.name + " opens a revoked ticket")


def comes_back(stage):
    """As above without a restart: the ones named are struck out one by one."""
    one = stage.one
    relay = Relay(stage.bench, "relay-2", one)
    cut = stage.add("fe-cut-2", relay)
    stage.settle()
    relay.cut()
    wait_until("it is gone", lambda: [
        f for f in one.ctl("frontends", "web")["frontends"] if f["state"] == "gone"])
    key = one.encrypting_key()
    done = ask(one, 4, "revoke", "web", key, "--timeout", "1s")
    require([f["name"] for f in done["stragglers"]] == ["fe-cut-2"], f"{done}")
    relay.join()
    converge(one)
    done = ask(one, 0, "revoke", "web", key)
    require(done["stragglers"] == [] and done["bound"] is None, f"{done}")
    require([f["state"] for f in one.ctl("frontends", "web")["frontends"]
             if f["name"] == cut.name] == ["current"], "it is listed once")


def the_daemon_restarts_while_stekctl_waits(stage):
    one = stage.one
    relay = Relay(stage.bench, "relay-3", one)
    cut = stage.add("fe-cut-3", relay)
    stage.settle()
    tickets = Tickets(cut)
    relay.cut()
    wait_until("it is gone", lambda: [
        f for f in one.ctl("frontends", "web")["frontends"] if f["state"] == "gone"])
    key = one.encrypting_key()
    waiting = stage.bench.start("waiting", [
        stage.bench.program("daemon/ctl/stekctl"), "--server", one.endpoint, "-o", "json",
        "revoke", "web", key, "--timeout", "60s"])
    wait_until("it is revoked", lambda: is_revoked(one, key))
    wait_until("the store has it", lambda: is_revoked(stage.two, key))
    require(waiting.is_running(), "it did not wait: " + waiting.output())
    one.kill()
    relay.join()
    one.start()
    code = waiting.child.wait(60)
    require(code == 0, f"it ended with {code}: {waiting.output()}{waiting.errors()}")
    require(json.loads(waiting.output())["keys_revoked"] == 1, waiting.output())
    converge(one)
    wait_until("it is refused", lambda: refused_by(tickets, cut))


def backup(stage):
    one, two, redis = stage.one, stage.two, stage.redis
    frontends = [stage.add("fe-one", one), stage.add("fe-two", two)]
    stage.settle()
    tickets = [Tickets(f) for f in frontends]
    old = one.encrypting_key()
    saved = redis.ask("GET", RECORD)
    ask(one, 0, "revoke", "web", old)
    wait_until("the other daemon learns it", lambda: is_revoked(two, old))
    converge(two)

    for restart in (False, True, False):
        require(redis.ask("SET", RECORD, saved) == b"OK", "the backup cannot be restored")
        if restart:  # it reads the backup first, before anybody has healed it
            two.kill()
            two.start()
        wait_until("the store is healed", lambda: redis.ask("GET", RECORD) != saved)
        for daemon in (one, two):
            wait_until(daemon.name + " holds it revoked", lambda d=daemon: is_revoked(d, old))
            converge(daemon)
        newcomer = make_daemon(stage.bench, redis, f"third-{one.starts}").start()
        wait_until("a newcomer learns it from the store", lambda: is_revoked(newcomer, old))
        newcomer.kill()
        for frontend in frontends:
            for ticket in tickets:
                require(refused_by(ticket, frontend),
                        frontend.name + " opens a ticket of a revoked key")


class Load:
    """Handshakes without a pause; none may fail."""

    def __init__(self, frontends):
        self.frontends = frontends
        self.is_over = False
        self.count = 0
        self.failures = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.is_over:
            for frontend in self.frontends:
                for version in VERSIONS:
                    try:
                        Client(version).connect(frontend.port)
                    except (OSError, Failure) as failure:
                        self.failures.append(f"{frontend.name}: {failure}")
                    self.count += 1

    def end(self):
        self.is_over = True
        self.thread.join()
        require(self.failures == [], f"{len(self.failures)} handshakes failed: {self.failures[:3]}")
        require(self.count > 20, f"only {self.count} handshakes")


def epoch(text):
    """Seconds of stekctl's "2026-11-28T12:01:59.731Z"."""
    whole, fraction = text.rstrip("Z").split(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + int(fraction) / 1000


def drill(stage):
    one, two = stage.one, stage.two
    frontends = [stage.add("fe-one", one), stage.add("fe-two", two)]
    stage.settle()
    load = Load(frontends)
    tickets = [Tickets(f) for f in frontends]
    held = {k["name"] for k in one.ctl("keys", "web")["keys"]}

    done = ask(one, 0, "revoke", "web", "--all", "--reason", "drill")
    require(done["keys_revoked"] == len(held) and done["promoted"] is None, f"{done}")
    wait_until("the other daemon learns it", lambda: all(is_revoked(two, n) for n in held))
    converge(two)
    begins = epoch(done["encrypts_from"])
    while time.time() < begins - 0.3:
        for frontend in frontends:
            issued = issues(frontend)
            require(issued == 0 or time.time() >= begins, "a ticket was issued before the lead")
            for ticket in tickets:
                require(refused_by(ticket, frontend), "a ticket of a revoked key was opened")
    for frontend in frontends:
        wait_until(frontend.name + " issues under a fresh key",
                   lambda f=frontend: issues(f) == len(VERSIONS), LEAD_S + 10)
    require(one.encrypting_key() not in held, "a revoked key encrypts")
    for frontend in frontends:
        fresh = Tickets(frontend)
        for other in frontends:
            require(fresh.open_at(other) == fresh.count(), "fresh tickets do not cross")
        for ticket in tickets:
            require(refused_by(ticket, frontend), "a ticket of a revoked key was opened")
    load.end()


def rekey(stage):
    redis, bench = stage.redis, stage.bench
    write_secret(bench, "b.kek", os.urandom(32))
    stage.settle()
    kek_a = redis.ask("GET", RECORD)[21:29].hex()
    names = {k["name"] for k in stage.one.ctl("keys", "web")["keys"]}
    done = ask(stage.one, 0, "rekey", "web")["realms"]
    require(done == [{"realm": "web", "changed": False, "kek_before": kek_a, "kek": kek_a}],
            f"nothing to change: {done}")

    # Every daemon opens both before any seals with the new one.
    for daemon, keks in ((stage.one, "a.kek, b.kek"), (stage.two, "b.kek, a.kek")):
        daemon.kill()
        make_daemon(bench, redis, daemon.name, keks)
        daemon.start()
        daemon.wait_for_active()
    done = ask(stage.two, 0, "rekey", "--reason", "the old one is retired")["realms"]
    kek_b = redis.ask("GET", RECORD)[21:29].hex()
    require(kek_b != kek_a, "the record is sealed under the old one still")
    require(done == [{"realm": "web", "changed": True, "kek_before": kek_a, "kek": kek_b}], f"{done}")
    require("what=rekey" in stage.two.process.errors(), "the audit line")
    text = run_ctl(stage.two, "rekey", "web", output="table").stdout
    require("nothing to change" in text and kek_b in text, text)
    only = make_daemon(bench, redis, "only", "b.kek").start()
    only.wait_for_active()
    require(names <= {k["name"] for k in only.ctl("keys", "web")["keys"]}, "keys were lost")

    redis.kill()
    wait_until("the outage is seen",
               lambda: not only.ctl("status", check=False)["store"]["reachable"])
    done = run_ctl(only, "rekey", "web")
    require(done.returncode == 1 and "redis" in done.stderr.lower() and done.stdout == "",
            f"without a store: {done}")


def test(build, arguments):
    parts = {"outage": [outage], "stragglers": [stragglers, comes_back, the_daemon_restarts_while_stekctl_waits], "backup": [backup],
             "drill": [drill], "rekey": [rekey]}
    for part in parts[arguments[0]]:
        with Bench(build) as bench:
            part(Stage(bench))


run_main(test)
