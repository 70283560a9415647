# SPDX-License-Identifier: Apache-2.0
"""The main job: one stekd, three pre-forked frontends, the tests' own OpenSSL client.

  fleet.py BUILD rotations [COUNT]   tickets cross the fleet through COUNT scheduled rotations
                                     (40, or 200 with STEK_TEST_LONG=1)
  fleet.py BUILD outage              stekd killed and restarted, and gone for longer than any key
"""

import json
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Bench, Failure, require, run_main, wait_until  # noqa: E402

ROTATE_EVERY_S = 4
FRONTENDS = 3
WORKERS = 2


class Frontend:
    """`daemons`: any one serves. `authority`: its own certificate for them is of it."""

    def __init__(self, bench, daemons, name, cert, key, env=None, authority=None):
        self.bench = bench
        self.env = env  # None: the test's own
        self.name = name
        self.status_path = bench.path(name + ".status")
        self.words = ["--cert", cert, "--key", key, "--realm", "web", "--workers", str(WORKERS),
                      "--name", name, "--status-file", self.status_path]
        for daemon in daemons:
            self.words += ["--endpoint", getattr(daemon, "frontends_endpoint", daemon.endpoint)]
        if authority is not None:
            cert, key = authority.issue(name, uri=["spiffe://example.org/frontend/" + name],
                                        eku="clientAuth")
            self.words += ["--stek-ca", authority.path, "--stek-cert", cert, "--stek-key", key]
        self.starts = 0
        self.port = 0
        self.start()

    def start(self):
        self.starts += 1
        self.process = self.bench.start(f"{self.name}-{self.starts}", [
            self.bench.program("client-lib/examples/tls_frontend"),
            "--listen", f"127.0.0.1:{self.port}", *self.words], env=self.env)
        self.port = wait_until(self.name + " says where it listens", self.find_port)

    def find_port(self):
        require(self.process.is_running(), "frontend ended: " + self.process.errors()[-600:])
        for line in self.process.output().splitlines():
            if "listening on 127.0.0.1:" in line:
                return int(line.split("127.0.0.1:")[1].split()[0])
        return None

    def status(self):
        """Asks for a fresh status file (SIGUSR1) and reads it."""
        if os.path.exists(self.status_path):
            os.unlink(self.status_path)
        self.process.signal(signal.SIGUSR1)
        return wait_until("a status file", self.read_status)

    def kill(self):
        """The workers and their parent."""
        pid = self.process.pid
        self.process.signal(signal.SIGSTOP)  # replaces none, and keeps their pids from others
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            for worker in f.read().split():
                os.kill(int(worker), signal.SIGKILL)
        self.process.kill()

    def read_status(self):
        try:
            with open(self.status_path, encoding="utf-8") as f:
                return json.loads(f.read())
        except (FileNotFoundError, json.JSONDecodeError):
            return None


def start_fleet(bench, **policy):
    daemon = bench.daemon(rotate_every=f"{ROTATE_EVERY_S}s", **policy).start()
    cert, key = bench.certificate()
    frontends = [Frontend(bench, [daemon], f"fe-{i}", cert, key) for i in range(FRONTENDS)]
    daemon.wait_for_active()
    for frontend in frontends:
        wait_until("the frontend is synced and issues",
                   lambda f=frontend: is_issuing(f.status()))
    return daemon, frontends


def is_issuing(status):
    return status["has_snapshot"] and status["is_synced"] and status["first_active_in_ms"] == 0


def start_load(bench, frontends, chains, seconds, seed):
    ports = ",".join(str(f.port) for f in frontends)
    return bench.start("load", [bench.program("tests/system/fleet/tls_load"), ports, str(chains),
                                str(seconds), str(seed)])


def load_result(load, seconds):
    wait_until("the load ends", lambda: not load.is_running(), seconds + 60)
    sys.stderr.write(load.errors())
    require(load.child.returncode == 0, "the load client broke")
    return json.loads(load.output().splitlines()[-1])


def judge_client(r, least_connections, late_share=0.1):
    """The client's own figures. `late_share`: of the offers that may come too late to judge."""
    offers = r["offers_tls12"] + r["offers_tls13"]
    require(r["failures"] == 0, f"{r['failures']} handshakes failed")
    refused = r["refused_tls12"] + r["refused_tls13"]
    require(refused == 0, f"{refused} tickets were refused inside their lifetime")
    require(r["connections"] >= least_connections,
            f"only {r['connections']} connections, {least_connections} are wanted")
    require(offers > 0 and r["late"] <= late_share * offers,
            f"{r['late']} of {offers} offers came after the ticket's life: proves too little")
    for version in ("tls12", "tls13"):
        share = r["offers_" + version] / offers
        require(share >= 0.4, f"only {share:.0%} of the offers were {version}")


def judge_agreement(r, frontends):
    """What the frontends counted is what the client saw."""
    total = {}
    for frontend in frontends:
        for name, value in frontend.status()["counters"].items():
            total[name] = total.get(name, 0) + value
    resumed = r["resumed_tls12"] + r["resumed_tls13"]
    refused = r["refused_tls12"] + r["refused_tls13"] + r["late_refused"]
    require(total["decrypted"] == resumed,
            f"the client resumed {resumed} times, the frontends opened {total['decrypted']}")
    counted = total["unknown_key"] + total["refused_old"] + total["busy"]
    require(counted == refused, f"the client was refused {refused} times, the frontends count {counted}")
    require(total["crypto_failures"] == 0 and total["policy_mismatch"] == 0,
            f"frontends report trouble: {total}")
    return total


def rotations(build, count, chains=600, seed=1):
    with Bench(build) as bench:
        daemon, frontends = start_fleet(bench)
        seconds = (count + 1) * ROTATE_EVERY_S
        load = start_load(bench, frontends, chains, seconds, seed)
        result = load_result(load, seconds)
        print(json.dumps(result))
        judge_client(result, 20000 if count >= 40 else count * 400)
        print(json.dumps(judge_agreement(result, frontends)))
        require(result["key_names"] >= count,
                f"{result['key_names']} different keys were seen, {count} rotations are wanted")
        for frontend in frontends:
            require(frontend.process.stop() == 0, "a frontend did not stop with 0")
        require(daemon.stop() == 0, "stekd did not stop with 0")


def outage(build):
    """stekd is killed, comes back empty (memory store), and dies for good. Frontends go on."""
    with Bench(build) as bench:
        daemon, frontends = start_fleet(bench)
        seconds = 45
        load = start_load(bench, frontends, 200, seconds, 7)
        before = daemon.encrypting_key()
        daemon.kill()
        daemon.start()
        after = daemon.wait_for_active()
        require(before != after, "the memory store should have been empty after the restart")
        wait_until("every frontend follows the new daemon",
                   lambda: all(is_issuing(f.status()) for f in frontends))
        daemon.kill()
        wait_until("nothing is active any more",
                   lambda: all(f.status()["first_active_in_ms"] != 0 for f in frontends), 40)
        wait_until("no key decrypts any more",
                   lambda: all(f.status()["keys"] == 0 for f in frontends), 40)
        result = load_result(load, seconds)
        print(json.dumps(result))
        require(result["failures"] == 0, f"{result['failures']} handshakes failed")
        require(result["refused_tls12"] + result["refused_tls13"] == 0,
                "tickets were refused inside their lifetime")
        require(result["no_ticket"] > 0, "full handshakes without a key were not reached")
        require(result["resumed_tls12"] > 0 and result["resumed_tls13"] > 0, "nothing resumed")
        for frontend in frontends:
            require(frontend.process.is_running(), "a frontend died")


def main(build, arguments):
    if arguments[:1] == ["rotations"] and len(arguments) <= 2:
        usual = 200 if os.environ.get("STEK_TEST_LONG") == "1" else 40
        rotations(build, int(arguments[1]) if len(arguments) == 2 else usual)
    elif arguments == ["outage"]:
        outage(build)
    else:
        raise Failure("arguments: rotations [COUNT], or outage")


if __name__ == "__main__":
    run_main(main)
