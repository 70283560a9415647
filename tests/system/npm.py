# SPDX-License-Identifier: Apache-2.0
"""Tools from npm, as a test folder's package-lock.json names them, with its checksums. Without them
nothing is shown, so when they cannot be had the test fails."""

import os
import shutil
import subprocess

from harness import require


def run(argv, timeout, **options):
    """What it says; it must end well."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, check=False, **options)
    require(done.returncode == 0,
            f"{' '.join(argv[:3])} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def install(build, here, proof):
    """Installs into the build folder what is not there yet; the folder. `proof`: a file that is
    there when the modules are."""
    folder = os.path.join(build, "tests", "system", os.path.basename(here), "node")
    lock = os.path.join(here, "package-lock.json")
    have = os.path.join(folder, "package-lock.json")
    if os.path.exists(os.path.join(folder, "node_modules", proof)) and os.path.exists(have):
        with open(have, "rb") as one, open(lock, "rb") as other:
            if one.read() == other.read():
                return folder
    require(shutil.which("npm"), "npm is not installed (Debian: npm)")
    os.makedirs(folder, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(here, name), folder)
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], 240, cwd=folder)
    return folder
