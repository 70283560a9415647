# SPDX-License-Identifier: Apache-2.0
"""One node: the keys outlive the daemon, in sealed files that nobody else may have."""

import os
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Bench, Daemon, require, run_main, wait_until  # noqa: E402


def make_daemon(bench, name):
    sock = bench.path(name + ".sock")
    uid = os.getuid()
    config = bench.write(name + ".yaml", f"""\
listen:
  - unix: {sock}
store: {{ type: file, path: records, key_encryption_keys: [kek] }}
operators: ["uid:{uid}"]
realms:
  web: {{ rotate_every: 1h, sync_interval: 2s, readers: ["uid:{uid}"] }}
""")
    return Daemon(bench, name, config, sock)


def test(build, _arguments):
    with Bench(build) as bench:
        os.mkdir(bench.path("records"), 0o700)
        with open(os.open(bench.path("kek"), os.O_WRONLY | os.O_CREAT, 0o400), "wb") as f:
            f.write(os.urandom(32))
        daemon = make_daemon(bench, "stekd").start()
        key = daemon.wait_for_active()
        path = bench.path("records/web.record")
        require(stat.S_IMODE(os.stat(path).st_mode) == 0o600, "others may read the record")
        with open(path, "rb") as f:
            record = f.read()
        require(b"STKS" in record and bytes.fromhex(key) not in record, "the record is not sealed")

        second = make_daemon(bench, "second")
        run = subprocess.run([bench.program("daemon/app/stekd"), "--config", second.config],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                             check=False)
        require(run.returncode == 1 and "another stekd" in run.stderr,
                f"a second daemon on one folder: {run.returncode}, {run.stderr}")

        daemon.kill()
        daemon.start()
        again = wait_until("the restarted daemon encrypts", daemon.encrypting_key)
        require(again == key, "the restarted daemon encrypts with another key")
        require(daemon.stop() == 0, "stekd did not stop well")


run_main(test)
