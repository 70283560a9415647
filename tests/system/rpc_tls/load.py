# SPDX-License-Identifier: Apache-2.0
"""h2load with a client certificate, and what it found out."""

import os
import re
import shutil
import subprocess

from harness import require


class Load:
    """GetKeyring of one realm, over and over."""

    def __init__(self, bench, pair, realm="web"):
        self.bench = bench
        message = b"\x0a" + bytes([len(realm)]) + realm.encode()  # GetKeyringRequest{realm}
        self.body = bench.path("get_keyring.bin")
        with open(self.body, "wb") as f:
            f.write(b"\0" + len(message).to_bytes(4, "big") + message)
        preload = bench.program("tests/system/rpc_tls/client_cert.so")
        self.env = dict(os.environ, LD_PRELOAD=preload, STEK_TEST_CERT=pair[0],
                        STEK_TEST_KEY=pair[1])
        require(shutil.which("h2load"), "h2load is not installed (Debian: nghttp2-client)")

    def get_keyring(self, port, requests, connections, streams):
        return self.run(["-d", self.body, "-H", "content-type: application/grpc", "-H",
                         "te: trailers",
                         f"https://127.0.0.1:{port}/stek.v1.KeyService/GetKeyring"],
                        requests, connections, streams)

    def get_file(self, port, name, requests, connections, streams):
        return self.run([f"https://127.0.0.1:{port}/{name}"], requests, connections, streams)

    def run(self, arguments, requests, connections, streams):
        """(succeeded, failed, bytes of answers a request); every request is answered with 2xx."""
        done = subprocess.run(
            ["h2load", f"-n{requests}", f"-c{connections}", f"-m{streams}", *arguments],
            env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240,
            check=False)
        require(done.returncode == 0, f"h2load ended with {done.returncode}: {done.stderr}")
        line = re.search(r"requests: .*?(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout",
                         done.stdout)
        data = re.search(r"traffic: .*\((\d+)\) data", done.stdout)
        require(line and data, f"h2load says something else: {done.stdout}")
        succeeded, *bad = (int(number) for number in line.groups())
        return succeeded, sum(bad), int(data.group(1)) / max(succeeded, 1)
