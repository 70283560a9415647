# SPDX-License-Identifier: Apache-2.0
"""The buf tool, as package-lock.json says."""

import os
import platform
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, ".."), os.path.join(HERE, "..", "rpc_tls")]
from harness import Failure  # noqa: E402
from npm import install  # noqa: E402

ARCHITECTURES = {"x86_64": "x64", "aarch64": "aarch64", "armv7l": "armv7"}


class Buf:
    def __init__(self, build):
        machine = ARCHITECTURES.get(platform.machine())
        if machine is None:
            raise Failure(f"there is no buf for {platform.machine()}")
        program = f"@bufbuild/buf-linux-{machine}/bin/buf"
        self.folder = install(build, HERE, program)
        self.program = os.path.join(self.folder, "node_modules", program)
        # Neither a configuration nor a cache of whoever runs the tests.
        self.env = dict(os.environ, HOME=self.folder, BUF_CACHE_DIR=os.path.join(self.folder, "cache"))

    def run(self, *arguments, timeout=60):
        """(exit code, output, errors)"""
        done = subprocess.run([self.program, *arguments], stdin=subprocess.DEVNULL, timeout=timeout,
                              capture_output=True, text=True, check=False, env=self.env)
        return done.returncode, done.stdout, done.stderr

    def start(self, bench, name, *arguments):
        return bench.start(name, [self.program, *arguments], env=self.env)
