# SPDX-License-Identifier: Apache-2.0
"""stekd as a service: service_test.py BUILD notify|http|unit|filter|promtool

notify  a real datagram socket plays the service manager
http    /metrics, /healthz and /readyz of a running daemon, the metrics by a parser of this file
unit    the installed unit by systemd-analyze verify and security, sysusers and tmpfiles by dry runs
promtool  the metrics of a daemon with realms, watchers and mutual TLS by "promtool check metrics"
filter  a daemon under the unit's filter of system calls
"""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Bench, Failure, require, run_main, wait_until  # noqa: E402

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
SAMPLE = re.compile(r'^([a-z_][a-z0-9_]*)(\{(.*)\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')


# ---- what the service manager is told


def hear(manager, what, timeout=20.0):
    """The next datagram that has the line `what`; the ones before it are thrown away."""
    end = time.monotonic() + timeout
    while True:
        manager.settimeout(max(0.01, end - time.monotonic()))
        try:
            lines = manager.recv(4096).decode().splitlines()
        except socket.timeout:
            raise Failure(f"the service manager waited {timeout:.0f} s in vain: {what}") from None
        if what in lines:
            return lines


def start_under_manager(bench, name, address, extra_env):
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)
    daemon = bench.daemon(name=name)
    env = dict(os.environ, NOTIFY_SOCKET=address, **extra_env)
    daemon.process = bench.start(name, [bench.program("daemon/app/stekd"), "--config",
                                        daemon.config], env)
    return manager, daemon


def test_notify(bench):
    for i, address in enumerate([bench.path("manager"), f"@stek-test-{os.getpid()}"]):
        manager, daemon = start_under_manager(bench, f"stekd{i}", address,
                                              {"WATCHDOG_USEC": "400000"})
        hear(manager, "READY=1")
        require(daemon.answers(), "READY=1 came before the socket was there")
        for _ in range(5):
            hear(manager, "WATCHDOG=1", timeout=10.0)
        daemon.process.signal(signal.SIGTERM)
        hear(manager, "STOPPING=1")
        require(daemon.process.child.wait(15) == 0, "SIGTERM should end it well")
        manager.close()


def test_hung(bench):
    """The watchdog comes from the loop: a daemon that stands still feeds it no more."""
    manager, daemon = start_under_manager(bench, "hung", bench.path("watch"),
                                          {"WATCHDOG_USEC": "200000"})
    hear(manager, "WATCHDOG=1")
    daemon.process.signal(signal.SIGSTOP)
    wait_until("stekd stands still", lambda: state_of(daemon.process.pid) == "T")
    manager.setblocking(False)
    try:
        while manager.recv(4096):
            pass
    except BlockingIOError:
        pass
    manager.settimeout(1.0)
    try:
        said = manager.recv(4096)
        raise Failure(f"a stopped daemon said {said!r}")
    except socket.timeout:
        pass
    daemon.process.signal(signal.SIGCONT)
    hear(manager, "WATCHDOG=1")
    manager.close()


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        return f.read().rsplit(")", 1)[1].split()[0]


def test_bad_environment(bench):
    daemon = bench.daemon(name="bad")
    run = subprocess.run([bench.program("daemon/app/stekd"), "--config", daemon.config],
                         env=dict(os.environ, NOTIFY_SOCKET="relative"), capture_output=True,
                         text=True, timeout=30, check=False)
    require(run.returncode == 1 and "NOTIFY_SOCKET" in run.stderr,
            f"a NOTIFY_SOCKET that makes no sense should be named: {run.stderr}")


# ---- metrics and health


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body, answer.getheader("Content-Type")


def parse_labels(text, line):
    labels, at = {}, 0
    while at < len(text):
        found = LABEL.match(text, at)
        require(found is not None, "these are no labels: " + line)
        require(found.group(1) not in labels, "a label twice: " + line)
        labels[found.group(1)] = found.group(2)
        at = found.end()
    return labels


def parse_metrics(text):
    """{(name, labels): value}; refuses what the format or promtool's naming rules refuse."""
    types, helps, samples, current = {}, set(), {}, None
    require(text.endswith("\n"), "the last line has no end")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            require(current not in helps, "HELP twice: " + line)
            require(len(line.split(" ", 3)) == 4, "HELP without a text: " + line)
            helps.add(current)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            require(name == current and kind in ("counter", "gauge"), "TYPE: " + line)
            require((kind == "counter") == name.endswith("_total"), "suffix: " + line)
            require(name.startswith("stekd_"), "prefix: " + line)
            types[name] = kind
        else:
            found = SAMPLE.match(line)
            require(found is not None, "this is no sample: " + line)
            require(found.group(1) == current and current in types, "out of its place: " + line)
            key = (found.group(1), tuple(sorted(parse_labels(found.group(3) or "", line).items())))
            require(key not in samples, "a series twice: " + line)
            samples[key] = float(found.group(4))
    return samples


def check_by_promtool(text):
    """Lint and format; it says nothing when all is well."""
    promtool = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                              text=True, check=False)
    require((promtool.returncode, promtool.stdout, promtool.stderr) == (0, "", ""),
            f"promtool: {promtool.stdout}{promtool.stderr}")


def value(samples, name, **labels):
    key = (name, tuple(sorted(labels.items())))
    require(key in samples, f"there is no {name} {labels}")
    return samples[key]


def test_http(bench):
    port = free_port()
    daemon = bench.daemon(extra=f"http: 127.0.0.1:{port}\n").start()
    began = time.time()
    require(ask(port, "/healthz")[:2] == (200, "ok\n"), "/healthz")
    wait_until("ready", lambda: ask(port, "/readyz")[:2] == (200, "ready\n"))
    status, body, kind = ask(port, "/metrics", "HEAD")
    require((status, body) == (200, "") and kind.startswith("text/plain; version=0.0.4"), "HEAD")
    require(ask(port, "/metrics", "DELETE")[0] == 405, "only GET and HEAD are served")
    require(ask(port, "/keys")[0] == 404, "there are three pages")
    daemon.wait_for_active()

    def rotated():
        return value(parse_metrics(ask(port, "/metrics")[1]), "stekd_rotations_total",
                     realm="web") >= 2

    wait_until("two rotations are counted", rotated, timeout=40.0)
    text = ask(port, "/metrics")[1]
    samples = parse_metrics(text)
    require(value(samples, "stekd_build_info", store="memory",
                  version=version_of(bench)) == 1, "build info")
    require(abs(value(samples, "stekd_start_time_seconds") - began) < 60, "start time")
    require(value(samples, "stekd_realm_keys", realm="web", state="active") == 1, "active keys")
    active = value(samples, "stekd_realm_active_key_timestamp_seconds", realm="web")
    following = value(samples, "stekd_realm_next_rotation_timestamp_seconds", realm="web")
    require(active <= time.time() and following > active, "dates of rotation")
    require(value(samples, "stekd_store_up", realm="web") == 1, "store up")
    require(value(samples, "stekd_store_puts_total", realm="web") >= 2, "puts")
    require(value(samples, "stekd_rpc_server_calls_total",
                  rpc_method="stek.v1.AdminService/ListKeys",
                  rpc_response_status_code="OK") >= 1, "calls")
    # Names are public, but no label is made of them: a series a key would never end.
    for key in daemon.ctl("keys", "web")["keys"]:
        require(key["name"] not in text, "a key's name is in the metrics")
    require(daemon.stop() == 0, "SIGTERM should end it well")


def pki(bench, *arguments):
    run([bench.program("daemon/ctl/stekctl"), "pki", *arguments, "--ca-dir", bench.path("tls")],
        "stekctl pki")


def tls_daemon(bench, name, http_port):
    """A daemon with everything that has metrics: two realms, a socket and an address of mutual TLS.
    Certificates of a server, fe-1, stranger and the operator are in tls/."""
    pki(bench, "ca")
    pki(bench, "server", "127.0.0.1", "--out", bench.path("tls/server"))
    pki(bench, "client", "fe-1")
    pki(bench, "client", "spiffe://example.org/nobody/stranger")
    pki(bench, "operator", "alice")
    daemon = bench.daemon(name=name, extra=f"""\
  api:
    rotate_every: 10m
    ticket_lifetime: 10m
    sync_interval: 500ms
    readers: ["spiffe://example.org/frontend/*"]
http: 127.0.0.1:{http_port}
""")
    daemon.address = f"127.0.0.1:{free_port()}"
    with open(daemon.config, encoding="utf-8") as f:
        text = f.read()
    text = text.replace("store:", f"""\
  - address: {daemon.address}
    tls: {{ certificate: tls/server.pem, private_key: tls/server.key, client_ca: tls/ca.pem }}
store:""", 1)
    text = text.replace("operators: [", 'operators: ["spiffe://example.org/operator/*", ', 1)
    bench.write(name + ".yaml", text)
    return daemon


def start_tls_frontend(bench, name, daemon, realm):
    cert, key = bench.certificate()
    process = bench.start(name, [
        bench.program("client-lib/examples/tls_frontend"), "--listen", "127.0.0.1:0",
        "--cert", cert, "--key", key, "--realm", realm, "--name", name,
        "--endpoint", daemon.address, "--stek-ca", bench.path("tls/ca.pem"),
        "--stek-cert", bench.path("tls/fe-1.pem"), "--stek-key", bench.path("tls/fe-1.key")])
    wait_until(name + " is watched", lambda: any(
        value_of(realm_status, "frontends_current") >= 1
        for realm_status in daemon.ctl("status", check=False)["realms"]
        if realm_status["realm"] == realm))
    return process


def value_of(document, name):
    require(name in document, f"there is no {name} in {document}")
    return document[name]


def call_as(bench, daemon, who, *arguments):
    """stekctl's exit code over mutual TLS."""
    return subprocess.run([
        bench.program("daemon/ctl/stekctl"), "--server", daemon.address,
        "--ca", bench.path("tls/ca.pem"), "--cert", bench.path(f"tls/{who}.pem"),
        "--key", bench.path(f"tls/{who}.key"), *arguments], capture_output=True, text=True,
        timeout=30, check=False).returncode


def test_promtool(bench):
    """Every series a busy daemon has, those of refused callers included."""
    if shutil.which("promtool") is None:
        print("skipped: promtool is not installed (package prometheus)")
        sys.exit(77)
    port = free_port()
    daemon = tls_daemon(bench, "busy", port).start()
    daemon.wait_for_active("web")
    daemon.wait_for_active("api")
    start_tls_frontend(bench, "fe-api", daemon, "api")
    require(call_as(bench, daemon, "alice", "rotate", "api") == 0, "alice may rotate")
    require(call_as(bench, daemon, "stranger", "keys", "web") == 5, "a stranger is denied")
    subprocess.run(["openssl", "s_client", "-connect", daemon.address], stdin=subprocess.DEVNULL,
                   capture_output=True, timeout=30, check=False)
    text = ask(port, "/metrics")[1]
    check_by_promtool(text)
    parse_metrics(text)
    print(f"{len(text.splitlines())} lines: clean")
    require(daemon.stop() == 0, "SIGTERM should end it well")


def test_http_refusals(bench):
    for name, address in (("any", "0.0.0.0:7480"), ("all", '"[::]:7480"'), ("far", "192.0.2.1:80")):
        daemon = bench.daemon(name=name, extra=f"http: {address}\n")
        run = subprocess.run([bench.program("daemon/app/stekd"), "--config", daemon.config,
                              "--check"], capture_output=True, text=True, timeout=30, check=False)
        require(run.returncode == 2 and "is not a loopback address" in run.stderr,
                f"http: {address} must be refused: {run.stderr}")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        daemon = bench.daemon(name="taken",
                              extra=f"http: 127.0.0.1:{other.getsockname()[1]}\n")
        run = subprocess.run([bench.program("daemon/app/stekd"), "--config", daemon.config],
                             capture_output=True, text=True, timeout=30, check=False)
        require(run.returncode == 1 and "cannot listen on 127.0.0.1" in run.stderr,
                f"a port in use must be named: {run.stderr}")
        require(not os.path.exists(daemon.sock), "a daemon that did not start left its socket")


def version_of(bench):
    return subprocess.run([bench.program("daemon/app/stekd"), "--version"], capture_output=True,
                          text=True, check=True).stdout.split()[1]


# ---- the unit


def check_unit(unit, how):
    said = run(["systemd-analyze", "verify", "--man=no", unit], "verify")
    require("stekd.service" not in said and "credentials.conf" not in said,
            f"verify {how} is not silent: {said}")
    said = run(["systemd-analyze", "security", "--offline=true", "--threshold=15", unit],
               "exposure above 1.5")
    print(how + ": " + [line for line in said.splitlines() if "Overall" in line][0])


def run(argv, what):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    require(done.returncode == 0, f"{what}: {' '.join(argv)}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def test_unit(bench):
    need_systemd()
    prefix = bench.path("prefix")
    run(["cmake", "--install", bench.build, "--prefix", prefix], "cmake --install")
    unit = os.path.join(prefix, "lib/systemd/system/stekd.service")
    with open(unit, encoding="utf-8") as f:
        text = f.read()
    require(f"ExecStart={prefix}/bin/stekd --config " in text and "@" not in
            text.replace("@system-service", "").replace("@privileged", "")
            .replace("@resources", ""), "the unit names the installed program")
    # Inside the sandbox kill itself could not be executed.
    require("\nExecReload=+/bin/kill -HUP $MAINPID\n" in text and "\nNoExecPaths=/\n" in text,
            "reload runs outside the sandbox")
    check_unit(unit, "as it is")
    drop_ins = unit + ".d"
    os.mkdir(drop_ins)
    shutil.copy(os.path.join(SOURCE, "deploy/systemd/credentials.conf"), drop_ins)
    check_unit(unit, "with credentials")
    for tool, folder, options in (("systemd-sysusers", "sysusers.d", ["--dry-run"]),
                                  ("systemd-tmpfiles", "tmpfiles.d", ["--create"])):
        if shutil.which(tool) is None:
            raise Failure(f"{tool} is not there, though systemd-analyze is")
        root = bench.path("root-" + tool)
        os.makedirs(os.path.join(root, "etc"))
        if tool == "systemd-tmpfiles":
            with open(os.path.join(root, "etc/passwd"), "w", encoding="utf-8") as f:
                f.write(f"_stekd:x:{os.getuid()}:{os.getgid()}::/:/usr/sbin/nologin\n")
            with open(os.path.join(root, "etc/group"), "w", encoding="utf-8") as f:
                f.write(f"_stekd:x:{os.getgid()}:\n")
        run([tool, *options, "--root=" + root, os.path.join(prefix, "lib", folder, "stekd.conf")]
            if tool == "systemd-sysusers" else
            [tool, *options, "--root=" + root, install_into(root, prefix)], tool)
        if tool == "systemd-tmpfiles":
            mode = os.stat(os.path.join(root, "run/stekd")).st_mode & 0o777
            require(mode == 0o750, f"/run/stekd has mode {mode:o}")


def need_systemd():
    if shutil.which("systemd-analyze") is None:
        print("skipped: systemd-analyze is not installed (package systemd)")
        sys.exit(77)


def under_filter(unit, *argv):
    return [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                         "under_filter.py"), unit, *argv]


def test_filter(bench):
    """All that stekd does, it does with the system calls the unit leaves it."""
    need_systemd()
    unit = os.path.join(SOURCE, "deploy/systemd/stekd.service.in")
    canary = subprocess.run(
        under_filter(unit, sys.executable, "-c", "import os; os.setpriority(0, 0, 5)"),
        capture_output=True, text=True, check=False)
    require("Operation not permitted" in canary.stderr, f"the filter holds: {canary.stderr}")
    port = free_port()
    daemon = tls_daemon(bench, "filtered", port)
    daemon.process = bench.start("filtered", under_filter(
        unit, bench.program("daemon/app/stekd"), "--config", daemon.config),
        # Where stekd is built with it: it traces the process at its end, which the filter forbids.
        dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
    wait_until("stekd accepts", daemon.answers)
    with open(f"/proc/{daemon.process.pid}/status", encoding="utf-8") as f:
        require("\nSeccomp:\t2\n" in f.read(), "stekd runs under the filter")
    wait_until("stekd says that its own filter came on top of it, or that this build has none",
               lambda: re.search("event=syscall-filter mode=(enforce|absent)",
                                 daemon.process.errors()))
    first = daemon.wait_for_active()
    wait_until("a rotation", lambda: daemon.encrypting_key() not in (None, first), timeout=40.0)
    require(ask(port, "/readyz")[0] == 200, "/readyz")
    start_tls_frontend(bench, "fe-api", daemon, "api")
    wait_until("alice sees that all is well",
               lambda: call_as(bench, daemon, "alice", "status") == 0)
    daemon.process.signal(signal.SIGHUP)
    wait_until("it reloads", lambda: "event=reloaded" in daemon.process.errors())
    require(call_as(bench, daemon, "alice", "status") == 0, "alice after a reload")
    require(daemon.stop() == 0, "SIGTERM should end it well")
    require("not permitted" not in daemon.process.errors(), "a call was refused")


def install_into(root, prefix):
    """tmpfiles looks for its file inside the root."""
    folder = os.path.join(root, "usr/lib/tmpfiles.d")
    os.makedirs(folder)
    shutil.copy(os.path.join(prefix, "lib/tmpfiles.d/stekd.conf"), folder)
    return "stekd.conf"


def main(build, arguments):
    parts = {"notify": (test_notify, test_hung, test_bad_environment),
             "http": (test_http, test_http_refusals), "unit": (test_unit,), "filter": (test_filter,), "promtool": (test_promtool,)}
    require(len(arguments) == 1 and arguments[0] in parts, "arguments: " + "|".join(parts))
    for test in parts[arguments[0]]:
        with Bench(build) as bench:
            test(bench)


if __name__ == "__main__":
    run_main(main)
