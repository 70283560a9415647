# SPDX-License-Identifier: Apache-2.0
"""What the README says to type and to write is true: its commands are run as they stand and its
configurations given to stekd, with addresses, paths and names of this machine put in their place.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Bench, Daemon, require, run_main, wait_until  # noqa: E402

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
BLOCK = re.compile(r"^```([a-z]+)\n(.*?)^```$", re.S | re.M)
PASSWORD = "a-password-of-the-test"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def readme():
    with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as f:
        return f.read()


def block(language, holds):
    """The one block of that language with these words in it."""
    found = [text for kind, text in BLOCK.findall(readme()) if kind == language and holds in text]
    require(len(found) == 1, f"{len(found)} blocks of {language} hold {holds!r}")
    return found[0]


def put(text, *pairs):
    """The text with words replaced, each of which must be there."""
    for old, new in pairs:
        require(old in text, f"{old!r} is not in the README's {text}")
        text = text.replace(old, new)
    return text


def shell(bench, text):
    folder = os.path.dirname(os.path.abspath(bench.program("daemon/ctl/stekctl")))
    path = folder + ":" + os.environ["PATH"]
    plain = {k: v for k, v in os.environ.items() if not k.startswith("STEKCTL_")}
    done = subprocess.run(["bash", "-euc", text], cwd=bench.folder, stdin=subprocess.DEVNULL,
                          env={**plain, "PATH": path}, capture_output=True, text=True,
                          timeout=60, check=False)
    require(done.returncode == 0, f"{text}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def check(bench, config):
    done = subprocess.run([bench.program("daemon/app/stekd"), "--config", config, "--check"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                          check=False)
    require(done.returncode == 0 and ".yaml:" not in done.stderr, f"{done.stdout}{done.stderr}")


def one_machine(bench):
    config = bench.write("one.yaml", put(
        block("yaml", "type: memory"), ("/run/stekd/stekd.sock", bench.path("one.sock")),
        ('"uid:0"]\nrealms', f'"uid:{os.getuid()}"]\nrealms')))
    check(bench, config)
    Daemon(bench, "one", config, bench.path("one.sock")).start().ctl("realms")


def start_redis(bench):
    """With the user that the README's one command makes."""
    port = free_port()
    bench.start("redis", ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                          "--dir", bench.folder])
    command = re.search(r"`(ACL SETUSER [^`]*)`", readme()).group(1)

    def ask(words):
        return subprocess.run(["redis-cli", "-p", str(port), *words], capture_output=True,
                              text=True, timeout=30, check=False).stdout.strip()

    wait_until("redis-server answers", lambda: ask(["ping"]) == "PONG")
    require(ask(put(command, (">PASSWORD", ">" + PASSWORD)).split()) == "OK", command)
    return port


def start_daemon(bench, number, redis_port):
    """As on a machine of its own: its folder holds what the README puts there."""
    name = f"stekd-{number}"
    folder = bench.path(name)
    os.makedirs(os.path.join(folder, "tls"))
    shutil.copytree(bench.path("kek"), os.path.join(folder, "kek"))
    for source, target in ((f"{name}.example.org.pem", "server.pem"),
                           (f"{name}.example.org.key", "server.key"), ("ca.pem", "ca.pem")):
        shutil.copy(bench.path("tls/" + source), os.path.join(folder, "tls", target))
    # As systemd gives credentials, and as "install -m 0640" does.
    os.chmod(os.path.join(folder, "tls/server.key"), 0o440 if number == 1 else 0o640)
    bench.write(f"{name}/redis.password", PASSWORD + "\n")
    os.chmod(os.path.join(folder, "redis.password"), 0o600)
    address = f"127.0.0.1:{free_port()}"
    config = bench.write(f"{name}/stekd.yaml", put(
        block("yaml", "type: redis"), ("0.0.0.0:7443", address),
        ("/run/stekd/stekd.sock", os.path.join(folder, "sock")),
        ("127.0.0.1:7480", f"127.0.0.1:{free_port()}"),
        ("redis.example.org:6379", f"127.0.0.1:{redis_port}"),
        ("/etc/stekd/redis.password", os.path.join(folder, "redis.password")),
        ("  web:\n", "  web:\n    sync_interval: 500ms\n"), ('"uid:0"', f'"uid:{os.getuid()}"')))
    check(bench, config)
    daemon = Daemon(bench, name, config, os.path.join(folder, "sock")).start()
    daemon.address = address
    return daemon


def start_frontend(bench, daemons):
    cert, key = bench.certificate()
    endpoints = [word for daemon in daemons for word in ("--endpoint", daemon.address)]
    bench.start("fe-1", [
        bench.program("client-lib/examples/tls_frontend"), "--listen", "127.0.0.1:0",
        "--cert", cert, "--key", key, "--realm", "web", "--name", "fe-1", *endpoints,
        "--stek-ca", bench.path("tls/ca.pem"), "--stek-cert", bench.path("tls/fe-1.pem"),
        "--stek-key", bench.path("tls/fe-1.key")])


def watchers(daemon):
    return daemon.ctl("status", check=False)["realms"][0]["frontends_current"]


def a_fleet(bench):
    shell(bench, put(block("sh", "stekctl pki ca"), ("192.0.2.11", "127.0.0.1"),
                     ("192.0.2.12", "127.0.0.1")))
    port = start_redis(bench)
    daemons = [start_daemon(bench, number, port) for number in (1, 2)]
    start_frontend(bench, daemons)
    for daemon in daemons:
        daemon.wait_for_active()
    home = wait_until("the frontend is at one of them",
                      lambda: next((d for d in daemons if watchers(d) == 1), None))
    wait_until("both agree", lambda: daemons[0].encrypting_key() == daemons[1].encrypting_key())
    said = shell(bench, put(block("sh", "stekctl revoke"),
                            ("stekd-1.example.org:7443", home.address),
                            ("3ec6d9d9356203debdf63a1f109f40e7", home.encrypting_key())))
    require("fe-1" in said and "is revoked" in said, said)
    return daemons


def a_stolen_certificate(bench, daemons):
    """The revocation list, by the README's words: written, named beside client_ca, reloaded."""
    shell(bench, re.search(r"`(stekctl pki crl [^`]*)`", readme()).group(1))
    for daemon in daemons:
        with open(daemon.config, encoding="utf-8") as f:
            text = f.read()
        shutil.copy(bench.path("tls/ca.crl"), os.path.join(os.path.dirname(daemon.config), "tls"))
        with open(daemon.config, "w", encoding="utf-8") as f:
            f.write(put(text, ("client_ca: tls/ca.pem", "client_ca: tls/ca.pem, crl: tls/ca.crl")))
        daemon.process.signal(signal.SIGHUP)
    wait_until("its connections end", lambda: all(watchers(daemon) == 0 for daemon in daemons))
    wait_until("and it is told why", lambda: any("revoked" in daemon.process.errors()
                                                 for daemon in daemons))


def main(build, _arguments):
    if shutil.which("redis-server") is None:
        print("skipped: redis-server is not installed")
        sys.exit(77)
    with Bench(build) as bench:
        one_machine(bench)
        a_stolen_certificate(bench, a_fleet(bench))


if __name__ == "__main__":
    run_main(main)
