# SPDX-License-Identifier: Apache-2.0
"""Starts real processes for the system tests and stops them by pid.

Every wait is for a condition, with a deadline; nothing sleeps to give something time. Sockets lie
in a temporary folder of the test's own, ports are picked by the kernel.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time


class Failure(Exception):
    """What was seen is not what must be."""


def require(condition, sentence):
    if not condition:
        raise Failure(sentence)


def wait_until(what, condition, timeout=20.0, interval=0.02):
    """Polls condition() until it is true; its value. Raises Failure after the deadline."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"waited {timeout:.0f} s in vain: {what}")
        time.sleep(interval)


class Process:
    """One child process with its output in files; always stopped by its pid."""

    def __init__(self, name, argv, folder, env=None, stdin=subprocess.DEVNULL):
        self.name = name
        self.argv = argv
        self.out_path = os.path.join(folder, name + ".out")
        self.err_path = os.path.join(folder, name + ".err")
        with open(self.out_path, "ab") as out, open(self.err_path, "ab") as err:
            self.child = subprocess.Popen(
                argv, stdin=stdin, stdout=out, stderr=err, env=env)

    @property
    def pid(self):
        return self.child.pid

    def is_running(self):
        return self.child.poll() is None

    def output(self):
        with open(self.out_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def errors(self):
        with open(self.err_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def kill(self):
        if self.is_running():
            self.child.kill()
        self.child.wait()

    def stop(self, timeout=15.0):
        """SIGTERM, then its exit code."""
        if self.is_running():
            self.child.terminate()
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise Failure(f"{self.name} did not stop within {timeout:.0f} s of SIGTERM") from None

    def signal(self, number):
        self.child.send_signal(number)


class Bench:
    """A temporary folder and everything started in it. Use as a context manager: on failure the
    processes' last words are shown."""

    def __init__(self, build):
        self.build = build
        self.folder = tempfile.mkdtemp(prefix="stek-test-")
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for process in reversed(self.processes):
            process.kill()
        if kind is not None:
            self.show_last_words()
        shutil.rmtree(self.folder, ignore_errors=True)
        return False

    def show_last_words(self, lines=25):
        for process in self.processes:
            text = process.errors().splitlines()[-lines:]
            if text:
                print(f"--- {process.name}: last lines of its log", file=sys.stderr)
                print("\n".join(text), file=sys.stderr)

    def path(self, name):
        return os.path.join(self.folder, name)

    def program(self, relative):
        full = os.path.join(self.build, relative)
        require(os.access(full, os.X_OK), f"{full} is not built")
        return full

    def program_for_all(self, relative):
        """A copy that every user may run: the build may lie in a home that others may not enter."""
        os.chmod(self.folder, 0o755)
        os.makedirs(self.path("bin"), mode=0o755, exist_ok=True)
        copy = self.path(os.path.join("bin", os.path.basename(relative)))
        shutil.copyfile(self.program(relative), copy)
        os.chmod(copy, 0o755)
        return copy

    def start(self, name, argv, env=None, stdin=subprocess.DEVNULL):
        process = Process(name, argv, self.folder, env, stdin)
        self.processes.append(process)
        return process

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def certificate(self):
        """A throw-away P-256 certificate; (certificate, key) paths."""
        cert, key = self.path("server.pem"), self.path("server.key")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost"],
            check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        return cert, key

    def daemon(self, rotate_every="4s", sync_interval="500ms", ticket_lifetime="8s", realm="web",
               name="stekd", extra=""):
        """stekd on the memory store with one realm this user may read and operate."""
        sock = self.path(name + ".sock")
        uid = os.getuid()
        config = self.write(name + ".yaml", f"""\
deployment: test
listen:
  - unix: {sock}
store:
  type: memory
operators: ["uid:{uid}"]
realms:
  {realm}:
    rotate_every: {rotate_every}
    sync_interval: {sync_interval}
    ticket_lifetime: {ticket_lifetime}
    readers: ["uid:{uid}"]
{extra}""")
        return Daemon(self, name, config, sock)


class Daemon:
    def __init__(self, bench, name, config, sock):
        self.bench = bench
        self.name = name
        self.config = config
        self.sock = sock
        self.endpoint = "unix:" + sock
        self.env = None  # the test's own
        self.process = None
        self.starts = 0

    def start(self):
        self.starts += 1
        self.process = self.bench.start(
            f"{self.name}-{self.starts}",
            [self.bench.program("daemon/app/stekd"), "--config", self.config], env=self.env)
        wait_until("stekd accepts on " + self.sock, self.answers)
        return self

    def answers(self):
        require(self.process.is_running(), "stekd ended at start: " + self.process.errors()[-600:])
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(self.sock)
            except OSError:
                return False
            return True

    def ctl(self, *arguments, check=True):
        """stekctl's JSON answer (parsed)."""
        run = subprocess.run(
            [self.bench.program("daemon/ctl/stekctl"), "--server", self.endpoint, "-o", "json",
             *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
        if check:
            require(run.returncode == 0,
                    f"stekctl {' '.join(arguments)} ended with {run.returncode}: {run.stderr}")
        return json.loads(run.stdout) if run.stdout.strip() else None

    def encrypting_key(self, realm="web"):
        """The encrypting key's name in hex, or None."""
        for key in self.ctl("keys", realm)["keys"]:
            if key["encrypting"]:
                return key["name"]
        return None

    def wait_for_active(self, realm="web", timeout=30.0):
        return wait_until("a key of realm " + realm + " is active",
                          lambda: self.encrypting_key(realm), timeout)

    def kill(self):
        self.process.signal(signal.SIGKILL)
        self.process.child.wait()

    def stop(self):
        return self.process.stop()


def run_main(test):
    """Runs test(build folder, arguments); the sentence of a Failure, and exit 1."""
    if len(sys.argv) < 2:
        print(f"usage: {sys.argv[0]} BUILD_FOLDER [ARGUMENT...]", file=sys.stderr)
        sys.exit(2)
    try:
        test(sys.argv[1], sys.argv[2:])
    except Failure as failure:
        print("FAILED: " + str(failure), file=sys.stderr)
        sys.exit(1)
    print("ok")
