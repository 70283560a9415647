# SPDX-License-Identifier: Apache-2.0
"""Builds each known fault and demands that the tests catch it, for the reason they should.

known_bad.py BUILD-FOLDER [--long] [--only NAME] [--patches FOLDER]

A fault is a one-line patch NAME.patch in the folder of patches. `table` there says who should catch
it, a line a catcher:

    NAME | short or long | CTEST-NAME [ARGUMENT...] | what the failure must say

The last column is a regular expression, looked for in the lines of the output that tell a failure. A
fault is caught when a catcher fails by an assertion that says so, and the same test passes without
the fault. A test that crashed, took too long or failed at something else has not caught it; a fault
that does not build is an error. Long catchers run with --long only: tests of whole processes.

The build folder may be one that is built already: afterwards it is configured without a fault
again, and what was linked with one is linked anew.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
JOBS = 2
# A case of cmocka's that failed, and the assertion that failed in it.
CASE_BEGINS = re.compile(r"^\[ +RUN +\] ")
CASE_FAILED = re.compile(r"^\[ +FAILED +\] (?!\d)(\S+)")
PLACE = re.compile(r"([\w./-]+\.[ch]:\d+): error: Failure!")
# How the simulation, the system tests' harness and unittest tell one.
TOLD = re.compile(r"^seed \d+ after|^(harness\.)?Failure: |AssertionError|^FAIL: |^FAILED: ")
CRASH = re.compile(r"Test failed with exception|Sanitizer|core dumped")


class Broken(Exception):
    """The check itself cannot be made: nothing is known about the fault."""


class Catcher:
    """A row of the table."""

    def __init__(self, fault, when, test, pattern):
        self.fault, self.is_long, self.pattern = fault, when == "long", re.compile(pattern)
        self.test, *self.arguments = test.split()

    def title(self):
        return " ".join([self.test, *self.arguments])


def read_table(path):
    catchers = []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if not line.strip() or line.startswith("#"):
                continue
            fields = [field.strip() for field in line.split("|", 3)]
            if len(fields) != 4 or fields[1] not in ("short", "long"):
                raise Broken(f"{path}:{number}: not FAULT | short or long | TEST | PATTERN")
            catchers.append(Catcher(*fields))
    return catchers


def read_patch(path):
    """(sentence, file) of a patch."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    found = re.search(r"^\+\+\+ b/(\S+)", text, re.MULTILINE)
    if not found:
        raise Broken(f"{path}: no line '+++ b/FILE'")
    return text.split("\n", 1)[0], found.group(1)


def call(what, argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace")
    if done.returncode != 0:
        last = (done.stdout + done.stderr).strip().splitlines()[-25:]
        raise Broken("\n".join([f"{what} failed:", *last]))
    return done.stdout


class Tree:
    """The build folder, with or without a fault."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.tests = {}
        self.targets = set()

    def configure(self, fault):
        argv = ["cmake", "-S", TOP, "-B", self.folder, f"-DSTEK_KNOWN_BAD={fault}"]
        if not os.path.exists(os.path.join(self.folder, "build.ninja")):
            argv += ["-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug"]
        call(f"configuring '{fault}'", argv)

    def read_tests(self):
        said = call("ctest", ["ctest", "--test-dir", self.folder, "--show-only=json-v1"])
        self.tests = {test["name"]: test for test in json.loads(said)["tests"]}

    @staticmethod
    def target_of(name):
        """What must be built for a test (cmake/stek_test.cmake); scripts run many programs."""
        room, _, rest = name.partition("/")
        if room == "unit":
            return "test_" + rest.replace("/", "_")
        return "sim" if room == "sim" else "all"

    def build(self, names):
        targets = sorted({self.target_of(name) for name in names})
        self.targets.update(targets)
        call("building " + " ".join(targets),
             ["ninja", "-C", self.folder, "-j", str(JOBS), *targets])

    def restore(self):
        self.configure("")
        if self.targets:
            call("building without a fault",
                 ["ninja", "-C", self.folder, "-j", str(JOBS), *sorted(self.targets)])

    def run(self, catcher):
        """(exit code, output); the code is negative after a signal, None after its time."""
        test = self.tests.get(catcher.test, {})
        if "command" not in test:
            raise Broken(f"there is no test {catcher.test}")
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        environment = dict(os.environ)
        environment.pop("STEK_TEST_LONG", None)
        environment.update(v.split("=", 1) for v in properties.get("ENVIRONMENT", []))
        try:
            done = subprocess.run(
                test["command"] + catcher.arguments, env=environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                cwd=properties.get("WORKING_DIRECTORY", self.folder),
                timeout=float(properties.get("TIMEOUT", 120)))
        except subprocess.TimeoutExpired as e:
            return None, (e.stdout or b"").decode(errors="replace")
        return done.returncode, done.stdout


def failures(output, folder):
    """What failed by an assertion, a line each: a case and its place, or the sentence that was said."""
    found, place, is_crash = [], None, False
    for line in output.splitlines():
        is_crash = is_crash or bool(CRASH.search(line))
        if CASE_BEGINS.match(line):
            place, is_crash = None, False
        elif match := PLACE.search(line):
            place = os.path.relpath(os.path.join(folder, match.group(1)), TOP)
        elif match := CASE_FAILED.match(line):
            if place and not is_crash:
                found.append(f"{match.group(1)} ({place})")
            place = None
        elif TOLD.search(line):
            found.append(line.strip())
    return found


def judge(catcher, code, output, folder):
    """(was it caught, what to print)"""
    if code == 0:
        return False, "passed"
    if code is None:
        return False, "took too long"
    if code < 0:
        return False, f"died of signal {-code}"
    told = failures(output, folder)
    for said in told:
        if catcher.pattern.search(said):
            return True, said
    return False, "failed, but not as expected: " + ("; ".join(told[:6]) or f"exit {code}")


def run_all(tree, catchers):
    with ThreadPoolExecutor(JOBS) as pool:
        return list(zip(catchers, pool.map(tree.run, catchers)))


def check_baseline(tree, catchers):
    """Every catcher passes where there is no fault."""
    tree.configure("")
    once = {catcher.title(): catcher for catcher in catchers}
    tree.build(c.test for c in once.values())
    tree.read_tests()  # tells a command only if its program is there
    for catcher, (code, output) in run_all(tree, list(once.values())):
        if code != 0:
            last = "\n".join(output.strip().splitlines()[-15:])
            raise Broken(f"{catcher.title()} does not pass without a fault:\n{last}")
    return len(once)


def check_fault(tree, name, known_as, file, sentence, catchers):
    """Whether it was caught; prints its part of the table."""
    began = time.monotonic()
    caught = 0
    print(f"\n{name} | {file} | {sentence}")
    tree.configure(known_as)
    tree.build(c.test for c in catchers)
    for catcher, (code, output) in run_all(tree, catchers):
        is_caught, said = judge(catcher, code, output, tree.folder)
        caught += is_caught
        print(f"    {'caught by' if is_caught else 'NOT by   '} {catcher.title()}: {said}")
    seconds = time.monotonic() - began
    print(f"    {caught} of {len(catchers)} catchers, {seconds:.0f} s", flush=True)
    return caught > 0


def arguments():
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__.split("\n", 1)[0])
    parser.add_argument("build")
    parser.add_argument("--long", action="store_true", default=os.getenv("STEK_TEST_LONG") == "1")
    parser.add_argument("--only", metavar="NAME")
    parser.add_argument("--patches", metavar="FOLDER", default=HERE)
    return parser.parse_args()


def check_all(tree, asked):
    folder = os.path.abspath(asked.patches)
    faults = sorted(f[:-6] for f in os.listdir(folder) if f.endswith(".patch"))
    rows = read_table(os.path.join(folder, "table"))
    if unknown := sorted({row.fault for row in rows} - set(faults)):
        raise Broken(f"the table names what has no patch: {', '.join(unknown)}")
    if asked.only:
        faults = [fault for fault in faults if fault == asked.only]
    rows = [row for row in rows if row.fault in faults and (asked.long or not row.is_long)]
    began = time.monotonic()
    count = check_baseline(tree, rows)
    print(f"without a fault: {count} tests pass, {time.monotonic() - began:.0f} s", flush=True)
    caught = 0
    for fault in faults:
        patch = os.path.join(folder, fault + ".patch")
        sentence, file = read_patch(patch)
        catchers = [row for row in rows if row.fault == fault]
        known_as = fault if folder == HERE else patch
        try:
            caught += check_fault(tree, fault, known_as, file, sentence, catchers)
        except Broken as e:
            print(f"    BROKEN: {e}")
    print(f"\nknown-bad: {caught} of {len(faults)} caught, {time.monotonic() - began:.0f} s")
    return bool(faults) and caught == len(faults)


def main():
    asked = arguments()
    tree = Tree(asked.build)
    is_good = False
    try:
        is_good = check_all(tree, asked)
    except Broken as e:
        print(f"known-bad: {e}")
    try:
        tree.restore()
    except Broken as e:
        is_good = False
        print(f"known-bad: {asked.build} is left with a fault: {e}")
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()
