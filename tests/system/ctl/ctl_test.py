# SPDX-License-Identifier: Apache-2.0
"""stekctl against a real stekd: every verb, both outputs, every exit code."""

import json
import os
import re
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "fleet")]
from fleet import Frontend  # noqa: E402
from harness import Bench, require, run_main, wait_until  # noqa: E402

DONE, REFUSED, USAGE, UNREACHABLE, DEGRADED, DENIED = range(6)
NAME = re.compile(r"^[0-9a-f]{32}$")
ISO = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


class Ctl:
    """Runs stekctl and holds it to its exit code and to which stream speaks."""

    def __init__(self, bench, server):
        self.program = bench.program("daemon/ctl/stekctl")
        self.server = server

    def run(self, *arguments, env=None, stdout=subprocess.PIPE):
        plain = {k: v for k, v in os.environ.items() if not k.startswith("STEKCTL_")}
        return subprocess.run([self.program, *arguments], env={**plain, **(env or {})},
                              stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                              text=True, timeout=30, check=False)

    def expect(self, code, *arguments, env=None, says=None):
        """(stdout, stderr) of a call that must end with `code`, `says` on standard error."""
        server = () if self.server is None else ("--server", self.server)
        done = self.run(*server, *arguments, env=env)
        call = "stekctl " + " ".join(arguments)
        require(done.returncode == code,
                f"{call} ended with {done.returncode}, not {code}: {done.stdout}{done.stderr}")
        if code not in (DONE, DEGRADED):
            require(done.stderr.startswith("stekctl: "), f"{call} says: {done.stderr!r}")
            require(done.stdout == "", f"{call} failed and printed data: {done.stdout!r}")
        if says is not None:
            require(says in done.stderr, f"{call} does not say {says!r}: {done.stderr!r}")
        return done.stdout, done.stderr

    def json(self, code, *arguments):
        out, _ = self.expect(code, "-o", "json", *arguments)
        document = json.loads(out)
        require(document["schema"] == "stekctl/v1/" + arguments[0],
                f"{arguments[0]} has schema {document['schema']}")
        return document


def wrong_usage_ends_with_2(ctl):
    ctl.expect(USAGE, says="which verb?")
    ctl.expect(USAGE, "statis", says='did you mean "status"?')
    ctl.expect(USAGE, "rotat", "web", says='did you mean "rotate"?')
    ctl.expect(USAGE, "entirely-different", says="there is no verb")
    ctl.expect(USAGE, "keys", says="usage: stekctl keys REALM")
    ctl.expect(USAGE, "keys", "web", "more", says="usage: stekctl keys REALM")
    ctl.expect(USAGE, "status", "web", says="usage: stekctl status")
    ctl.expect(USAGE, "keys", "../etc", says="cannot be a realm")
    ctl.expect(USAGE, "keys", "WEB", says="cannot be a realm")
    ctl.expect(USAGE, "status", "--reason", "why not", says="takes no --reason")
    ctl.expect(USAGE, "status", "--sever=x", says='did you mean "--server"?')
    ctl.expect(USAGE, "status", "-o", "xml", says="table or json")
    ctl.expect(USAGE, "status", "--timeout", "soon", says="timeout")
    ctl.expect(USAGE, "config", "destroy", "file", says="config check FILE")
    ctl.expect(USAGE, "config", "check", says="check needs a file")
    ctl.expect(USAGE, "config", "sample", "file", says="only check takes a file")
    ctl.expect(USAGE, "-o", "json", "config", "man", says="only check has a JSON form")
    ctl.expect(USAGE, "revoke", "web", says="usage: stekctl revoke REALM NAME|--all")
    ctl.expect(USAGE, "revoke", "web", "0123456789abcdef", "--all", says="NAME|--all")
    ctl.expect(USAGE, "revoke", "web", "short", says="cannot be a key's name")
    ctl.expect(USAGE, "revoke", "web", "--all", "--converged", says="takes no --converged")
    ctl.expect(USAGE, "rotate", "web", "--all", says="rotate takes no --all")
    ctl.expect(USAGE, "wait", "web", says="--converged")
    ctl.expect(USAGE, "wait", "--converged", says="usage: stekctl wait REALM --converged")
    ctl.expect(USAGE, "frontends", "web", "more", says="usage: stekctl frontends [REALM]")
    ctl.expect(USAGE, "frontends", "WEB", says="cannot be a realm")


def what_a_later_version_brings_ends_with_2_and_says_so(ctl):
    for call in (["watch"], ["events"], ["doctor"], ["probe", "127.0.0.1:443"],
                 ["completion"]):
        ctl.expect(USAGE, *call, says=f"{call[0]}: not in this version")


def tcp_needs_three_sound_files(bench, ctl):
    server = ("--server", "stek.example:7443")
    files = ("--ca", bench.path("none.pem"), "--cert", bench.path("none.pem"), "--key",
             bench.path("none.key"))
    ctl.expect(USAGE, *server, "status", says="needs --ca FILE --cert FILE --key FILE")
    ctl.expect(USAGE, *server, *files[:4], "status", says="needs --ca FILE --cert FILE --key FILE")
    ctl.expect(USAGE, *server, *files, "status", says="none.pem: cannot be read")
    ctl.expect(USAGE, "--server", "stek.example:0", *files, "status", says="from 1 to 65535")
    ctl.expect(DONE, *server, "version")


def what_needs_no_daemon_works_without(bench, ctl):
    require(re.match(r"^stekctl \d+\.\d+\.\d+\n$", ctl.expect(DONE, "version")[0]), "version")
    require(re.match(r"^\d+\.\d+\.\d+$", ctl.json(DONE, "version")["version"]), "version in JSON")
    for call in (["--help"], ["help"], ["keys", "--help"]):
        require("usage: stekctl" in ctl.expect(DONE, *call)[0], "help")
    good = bench.write("good.yaml", "listen:\n  - unix: /run/x.sock\nstore: {type: memory}\n"
                                    "realms: {web: {}}\n")
    bad = bench.write("bad.yaml", "listen:\n  - unix: x.sock\nstore: {type: memory}\n"
                                  "realms: {web: {rotate_evry: 1h}}\n")
    require(ctl.expect(DONE, "config", "check", good)[0] == good + ": ok\n", "a good file is ok")
    out, err = ctl.run("config", "check", bad).stdout, ctl.run("config", "check", bad).stderr
    require(out == "" and "bad.yaml:2:" in err and "rotate_every" in err, f"bad file: {out}{err}")
    require(ctl.run("config", "check", bad).returncode == USAGE, "a bad file ends with 2")
    require(ctl.run("config", "check", bench.path("none.yaml")).returncode == USAGE, "no file: 2")
    document = ctl.json(DONE, "config", "check", good)
    require(document["ok"] is True and document["file"] == good, "a good file in JSON")
    run = ctl.run("-o", "json", "config", "check", bad)
    document = json.loads(run.stdout)
    require(run.returncode == USAGE and document["ok"] is False and
            {p["line"] for p in document["problems"]} == {2, 4}, f"a bad file in JSON: {document}")


def output_that_cannot_be_written_is_a_failure(ctl):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = ctl.run("version", stdout=full)
    require(done.returncode == REFUSED, f"a full disk ended with {done.returncode}")


def without_a_daemon_calls_end_with_3(bench, ctl):
    nobody = "unix:" + bench.path("nobody.sock")
    for call in (["status"], ["realms"], ["keys", "web"], ["rotate", "web"], ["frontends"],
                 ["rekey"], ["rekey", "web"], ["revoke", "web", "--all"], ["revoke", "web", "01234567"],
                 ["wait", "web", "--converged", "--timeout", "300ms"]):
        ctl.expect(UNREACHABLE, "--server", nobody, *call, says="nobody.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(bench.path("silent.sock"))
        ctl.expect(UNREACHABLE, "--server", "unix:" + bench.path("silent.sock"), "status")
        silent.listen(4)
        ctl.expect(UNREACHABLE, "--server", "unix:" + bench.path("silent.sock"),
                   "--timeout", "200ms", "status")


def a_sound_daemon_is_shown_by_every_verb(daemon, ctl):
    wait_until("status is well", lambda: ctl.run("--server", ctl.server, "status").returncode == 0)
    status = ctl.json(DONE, "status")
    require(status["ok"] and status["problems"] == [] and not status["suspect"], f"{status}")
    require(ISO.match(status["time"]) and ISO.match(status["daemon"]["started"]), "dates")
    require(status["store"]["type"] == "memory" and status["store"]["reachable"], "store")
    web = status["realms"][0]
    require(web["realm"] == "web" and web["ready"] and NAME.match(web["encrypting"]), f"{web}")
    out, err = ctl.expect(DONE, "status")
    require(err == "" and "REALM" in out and web["encrypting"] in out, out)
    realms = ctl.json(DONE, "realms")["realms"]
    require([r["realm"] for r in realms] == ["web"], f"{realms}")
    require(realms[0]["policy"]["rotate_every_ms"] == 600000, f"{realms}")
    require("10m" in ctl.expect(DONE, "realms")[0], "the policy in words")
    keys = ctl.json(DONE, "keys", "web")["keys"]
    require(len(keys) >= 2 and sum(k["encrypting"] for k in keys) == 1, f"{keys}")
    for key in keys:
        require(NAME.match(key["name"]) and ISO.match(key["active_from"]), f"{key}")
        require(set(key) == {"name", "state", "encrypting", "revoked", "published_at",
                             "active_from", "retired_from", "dropped_from", "forgotten_from"},
                f"a key shows {sorted(key)}")
    out, _ = ctl.expect(DONE, "keys", "web")
    require("encrypting" in out and "next" in out and len(out.splitlines()) == len(keys) + 1, out)
    ctl.expect(REFUSED, "keys", "no-such-realm", says="no-such-realm")
    ctl.expect(REFUSED, "rotate", "no-such-realm", says="no-such-realm")
    ctl.expect(REFUSED, "rekey", "no-such-realm", says="no-such-realm")
    ctl.expect(REFUSED, "rekey", "web", says="realm web: the records of this store are not sealed")
    ctl.expect(REFUSED, "rekey", says="not sealed")
    require(ctl.run("status", env={"STEKCTL_SERVER": daemon.endpoint,
                                   "STEKCTL_OUTPUT": "json"}).stdout.startswith("{"),
            "the environment names server and output")


def rotate_promotes_the_next_key(daemon, ctl):
    before = {k["name"]: k for k in ctl.json(DONE, "keys", "web")["keys"]}
    old = next(n for n, k in before.items() if k["encrypting"])
    done = ctl.json(DONE, "rotate", "web", "--reason", "a \"reason\" of ours")
    require(done["changed"] and done["retired"] == old, f"{done}")
    require(before[done["promoted"]]["state"] == "next", f"{done}")
    after = wait_until("the promoted key encrypts", lambda: (
        {k["name"]: k for k in ctl.json(DONE, "keys", "web")["keys"]}
        if daemon.encrypting_key() == done["promoted"] else None))
    require(after[old]["state"] == "retired", f"{after[old]}")
    require(any(k["state"] == "next" for k in after.values()), "coverage: another next key")
    log = daemon.process.errors()
    require("of ours" in log and old in log, "the audit line names key and reason")
    out, _ = ctl.expect(DONE, "rotate", "web")
    require(done["promoted"] in out and "encrypts" in out, out)


FRONTEND = {"realm", "name", "identity", "library_version", "state", "connected", "current",
            "has_revocations", "digest", "installed_at", "connected_at", "left_at", "last_heard",
            "as_of", "age_ms", "clock_skew_ms", "counters"}


def frontends_are_shown_and_waited_for(bench, daemon, ctl):
    require(ctl.json(DONE, "frontends")["frontends"] == [], "nobody watches yet")
    require("0 of 0 connected" in ctl.expect(DONE, "frontends", "web")[0], "and the table says so")
    frontend = Frontend(bench, [daemon], "fe-1", *bench.certificate())
    done = ctl.json(DONE, "wait", "web", "--converged")
    shown = ctl.json(DONE, "frontends", "web")
    require([f["name"] for f in shown["frontends"]] == ["fe-1"], f"{shown}")
    fe = shown["frontends"][0]
    require(set(fe) == FRONTEND and fe["state"] == "current" and fe["left_at"] is None, f"{fe}")
    require(fe["digest"] == shown["realms"][0]["digest"] == done["digest"], f"{fe}")
    require(0 <= fe["age_ms"] < 60000 and abs(fe["clock_skew_ms"]) < 2000, f"{fe}")
    require(f"uid:{os.getuid()} " in fe["identity"] and "pid" not in fe["identity"], f"{fe}")
    out, _ = ctl.expect(DONE, "frontends")
    require("fe-1" in out and "current" in out and "1 of 1 connected hold" in out, out)
    require("converged: keyring" in ctl.expect(DONE, "wait", "web", "--converged")[0], "in words")
    ctl.expect(REFUSED, "frontends", "no-such-realm", says="no-such-realm")
    ctl.expect(REFUSED, "wait", "no-such-realm", "--converged", says="no-such-realm")
    frontend.process.stop()
    gone = wait_until("the frontend that left is remembered", lambda: [
        f for f in ctl.json(DONE, "frontends", "web")["frontends"] if f["state"] == "gone"])
    require(gone[0]["name"] == "fe-1" and ISO.match(gone[0]["left_at"]), f"{gone}")
    require(ctl.json(DONE, "wait", "web", "--converged")["gone"] == 1, "it is not waited for")
    frontend.start()
    wait_until("the frontend is back, once", lambda: [
        f["state"] for f in ctl.json(DONE, "frontends")["frontends"]] == ["current"])
    return frontend


def a_key_is_revoked_by_the_beginning_of_its_name(daemon, ctl):
    old = daemon.encrypting_key()
    ctl.expect(REFUSED, "revoke", "web", "00000000", says="there is no key 00000000")
    ctl.expect(REFUSED, "revoke", "no-such-realm", "--all", says="no-such-realm")
    done = ctl.json(DONE, "revoke", "web", old[:10].upper(), "--reason", "laptop \"lost\"")
    require(done["complete"] and done["stored"] and done["key"] == old, f"{done}")
    require(done["keys_revoked"] == 1 and done["confirmed"] == done["frontends"] == 1, f"{done}")
    require(done["stragglers"] == [] and done["bound"] is None, f"{done}")
    wait_until("the next key takes its place",
               lambda: daemon.encrypting_key() == done["promoted"])
    key = next(k for k in ctl.json(DONE, "keys", "web")["keys"] if k["name"] == old)
    require(key["revoked"] and key["state"] == "revoked", f"{key}")
    out, _ = ctl.expect(DONE, "revoke", "web", old)
    require("was revoked before" in out and "stekctl revoke web --all" in out, out)
    log = daemon.process.errors()
    require("what=revoke" in log and "laptop" in log and old in log, "the audit line")


def revoking_all_prints_the_wait(daemon, ctl):
    held = {k["name"] for k in ctl.json(DONE, "keys", "web")["keys"] if not k["revoked"]}
    out, _ = ctl.expect(DONE, "revoke", "web", "--all", "--reason", "drill")
    require("all keys are revoked" in out and "handshakes are full until then" in out, out)
    keys = {k["name"]: k for k in ctl.json(DONE, "keys", "web")["keys"]}
    require(all(keys[name]["revoked"] for name in held), "every key of before is revoked")
    require(any(not k["revoked"] for k in keys.values()), "and there are fresh ones")
    require("what=revoke-all" in daemon.process.errors(), "the audit line")


def a_young_realm_is_degraded_and_refuses_to_rotate(ctl):
    status = ctl.json(DEGRADED, "status")
    require(not status["ok"] and status["realms"][0]["encrypting"] is None, f"{status}")
    require(any("first key active in" in p for p in status["problems"]), f"{status['problems']}")
    require("no key yet" in ctl.expect(DEGRADED, "status")[0], "the table says so")
    ctl.expect(REFUSED, "rotate", "web", says="no key is active yet")


def a_caller_without_rights_is_denied(ctl):
    for call in (["status"], ["realms"], ["keys", "web"], ["rotate", "web"], ["frontends"],
                 ["frontends", "web"], ["rekey"], ["rekey", "web"], ["revoke", "web", "--all"], ["revoke", "web", "01234567"],
                 ["wait", "web", "--converged"]):
        ctl.expect(DENIED, *call)


def start_denying(bench):
    daemon = bench.daemon(name="denying", rotate_every="10m", ticket_lifetime="10m")
    with open(daemon.config, encoding="utf-8") as f:
        text = f.read()
    changed = re.sub(r"^operators: .*$", f'operators: ["uid:{os.getuid() + 12345}"]', text,
                     flags=re.M)
    require(changed != text, "the harness writes its operators otherwise")
    bench.write("denying.yaml", changed)
    return daemon.start()


def main(build, _arguments):
    with Bench(build) as bench:
        bare = Ctl(bench, None)
        wrong_usage_ends_with_2(bare)
        what_a_later_version_brings_ends_with_2_and_says_so(bare)
        tcp_needs_three_sound_files(bench, bare)
        what_needs_no_daemon_works_without(bench, bare)
        output_that_cannot_be_written_is_a_failure(bare)
        without_a_daemon_calls_end_with_3(bench, bare)
        daemon = bench.daemon(rotate_every="10m", ticket_lifetime="10m").start()
        ctl = Ctl(bench, daemon.endpoint)
        a_sound_daemon_is_shown_by_every_verb(daemon, ctl)
        rotate_promotes_the_next_key(daemon, ctl)
        frontend = frontends_are_shown_and_waited_for(bench, daemon, ctl)
        a_key_is_revoked_by_the_beginning_of_its_name(daemon, ctl)
        revoking_all_prints_the_wait(daemon, ctl)
        frontend.process.stop()
        young = bench.daemon(name="young", rotate_every="10m", ticket_lifetime="10m",
                             sync_interval="30s").start()
        a_young_realm_is_degraded_and_refuses_to_rotate(Ctl(bench, young.endpoint))
        a_caller_without_rights_is_denied(Ctl(bench, start_denying(bench).endpoint))


if __name__ == "__main__":
    run_main(main)
