# SPDX-License-Identifier: Apache-2.0
"""What the README says to type and to write is true: its "stekctl pki" block is run in a fresh
folder, its configurations are checked by stekd with the files that block made."""

import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Bench, require, run_main  # noqa: E402

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
BLOCK = re.compile(r"^```([a-z]+)\n(.*?)^```$", re.S | re.M)


def blocks_of(language):
    with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as f:
        return [text for kind, text in BLOCK.findall(f.read()) if kind == language]


def make_files(bench):
    """Runs the block as it stands; the files under the names that the configuration gives them."""
    block = [text for text in blocks_of("sh") if text.startswith("stekctl pki ca")]
    require(len(block) == 1, f"{len(block)} blocks begin with stekctl pki ca")
    path = os.path.dirname(bench.program("daemon/ctl/stekctl")) + ":" + os.environ["PATH"]
    done = subprocess.run(["bash", "-euc", block[0]], cwd=bench.folder, stdin=subprocess.DEVNULL,
                          env=dict(os.environ, PATH=path), capture_output=True, text=True,
                          timeout=60, check=False)
    require(done.returncode == 0, f"{block[0]}\n{done.stdout}{done.stderr}")
    for extension in ("pem", "key"):
        shutil.copy(bench.path(f"tls/stekd-1.example.org.{extension}"),
                    bench.path(f"tls/server.{extension}"))
    bench.write("redis.password", "secret\n")
    os.chmod(bench.path("redis.password"), 0o600)


def check(bench, text):
    """stekd --check says nothing against it, with files of ours in place of /etc/stekd."""
    config = bench.write("stekd.yaml", text.replace("/etc/stekd/", bench.folder + "/"))
    done = subprocess.run([bench.program("daemon/app/stekd"), "--config", config, "--check"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                          check=False)
    require(done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}")
    require("stekd.yaml:" not in done.stderr, f"{text}\n{done.stderr}")


def main(build, _arguments):
    with Bench(build) as bench:
        make_files(bench)
        configurations = blocks_of("yaml")
        require(len(configurations) == 2, f"{len(configurations)} configurations in the README")
        for text in configurations:
            check(bench, text)


if __name__ == "__main__":
    run_main(main)
