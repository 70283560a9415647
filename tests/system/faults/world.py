# SPDX-License-Identifier: Apache-2.0
"""Daemons whose system fails them: limits, full disks, injected errors; and what they say of it."""

import http.client
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Daemon, require, wait_until  # noqa: E402
from redis_server import free_port, write_secret  # noqa: E402


class FailingDaemon(Daemon):
    """stekd behind other programs (prlimit, strace ...), with an HTTP page."""

    def __init__(self, bench, name, store="  type: memory\n", before=(), rotate_every="4s",
                 listen="", more="", sync_interval="500ms"):
        self.port = free_port()
        self.before = list(before)
        self.stderr = None
        sock = bench.path(name + ".sock")
        uid = os.getuid()
        config = bench.write(name + ".yaml", f"""\
deployment: test
listen:
  - unix: {sock}
{listen}http: 127.0.0.1:{self.port}
store:
{store}operators: ["uid:{uid}"]
realms:
  web:
    rotate_every: {rotate_every}
    sync_interval: {sync_interval}
    ticket_lifetime: 8s
    readers: ["uid:{uid}"]
{more}""")
        super().__init__(bench, name, config, sock)

    def argv(self):
        return [*self.before, self.bench.program("daemon/app/stekd"), "--config", self.config]

    def start(self):
        self.starts += 1
        self.process = self.bench.start(f"{self.name}-{self.starts}", self.argv())
        wait_until("stekd accepts on " + self.sock, self.answers, timeout=40)
        return self

    def refuses(self, says):
        """A start that must end with exit 1 and a sentence."""
        run = subprocess.run(self.argv(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=60, check=False)
        require(run.returncode == 1 and says in run.stderr,
                f"the start ended with {run.returncode}: {run.stderr[-500:]}")
        print(f"refused: {run.stderr.strip().splitlines()[-1][:200]}")

    def metric(self, name, **labels):
        """The sum over the series of that name and those labels."""
        total, seen = 0.0, False
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        require(answer.status == 200, f"/metrics: {answer.status}")
        for line in body.splitlines():
            found = re.fullmatch(re.escape(name) + r"(\{.*\})? ([0-9.e+]+)", line)
            if found and all(f'{k}="{v}"' in (found.group(1) or "") for k, v in labels.items()):
                total, seen = total + float(found.group(2)), True
        require(seen, f"/metrics has no {name} {labels}")
        return total

    def status(self):
        """stekctl's exit code and its answer."""
        run = subprocess.run(
            [self.bench.program("daemon/ctl/stekctl"), "--server", self.endpoint, "-o", "json",
             "status"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
            check=False)
        return run.returncode, run.stdout

    def is_well(self):
        return self.process.is_running() and self.status()[0] == 0

    def must_be_alive(self):
        require(self.process.is_running(),
                f"{self.name} is dead: {self.process.child.returncode}: "
                f"{self.process.errors()[-800:]}")


def make_kek(bench):
    write_secret(bench, "kek", os.urandom(32))


def start_frontend(bench, daemon):
    """A frontend that follows realm web, connected; its process."""
    cert, key = bench.certificate()
    frontend = bench.start("frontend", [
        bench.program("client-lib/examples/tls_frontend"), "--listen", "127.0.0.1:0",
        "--cert", cert, "--key", key, "--endpoint", daemon.endpoint, "--name", "fe-1"])
    wait_until("the frontend watches", lambda: daemon.metric("stekd_watchers") >= 1)
    return frontend


def side_by_side(work, rows, width=6):
    """work(row) for each, several at a time, for most of the time is spent waiting; the first
    failure is raised once all are done."""
    with ThreadPoolExecutor(width) as pool:
        for line in [pool.submit(work, row) for row in rows]:
            print(line.result(), flush=True)
