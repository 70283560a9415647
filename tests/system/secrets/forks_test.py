# SPDX-License-Identifier: Apache-2.0
"""What the children of a frontend hold: forks_test.py BUILD PROTOC PROTO_FOLDER

The program `forked` forks in every way a frontend may; each child is looked at from outside, while
keys live and after `stekctl revoke --all`. Needs root."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
from harness import Bench, require, run_main, wait_until  # noqa: E402
from scanner import scan  # noqa: E402
from stage import Stage  # noqa: E402

CHILDREN = ["early", "daemon", "late", "starts", "leaves", "exec"]
STARTED = {"parent", "daemon", "starts"}
MAPPED = STARTED | {"early", "late"}  # the others have let go of the client


def start(stage):
    cert, key = stage.issue_frontend("forked")
    process = stage.bench.start("forked", [
        stage.bench.program("tests/system/secrets/secrets_forked"), stage.endpoint, "web",
        stage.ca.path, cert, key], stdin=subprocess.PIPE)

    def is_ready():
        require(process.is_running(), "forked ended: " + process.errors())
        return "ready" in process.output()
    wait_until("all children are what they are called", is_ready, 60)
    pids = {name: int(pid) for name, pid in re.findall(r"^(\w+) (\d+)$", process.output(), re.M)}
    require(set(pids) == {"parent", *CHILDREN}, f"{pids}")
    return process, pids


def descriptors(pid):
    """Number to what it is, the standard ones apart."""
    found = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        if int(number) > 2:
            found[int(number)] = os.readlink(f"/proc/{pid}/fd/{number}")
    return found


def mappings(pid):
    """(permissions, flags) of every mapping that is left out of dumps: ours."""
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as f:
        text = f.read()
    found = re.findall(r"^[0-9a-f]+-[0-9a-f]+ (\S{4}) .*?^VmFlags: (.*?)$", text, re.M | re.S)
    return [(permissions, set(flags.split())) for permissions, flags in found
            if "dd" in flags.split() and "io" not in flags.split() and "pf" not in flags.split()]


def judge_mappings(pids):
    for name, pid in pids.items():
        ours = mappings(pid)
        shared = [flags for permissions, flags in ours if permissions == "rw-s"]
        private = [flags for permissions, flags in ours if permissions == "rw-p"]
        require(len(shared) == (name in MAPPED), f"{name}: {len(shared)} shared mappings")
        if name in STARTED:
            require("lo" in shared[0], f"{name}: its mapping is not locked")
        if name in ("leaves", "exec"):
            kept = [flags for flags in private if "wf" not in flags]  # the others are wiped
            require(not kept, f"{name}: {len(kept)} secret blocks")


def judge_finds(pids, finds, keys):
    for name in pids:
        hits = [find for find in finds.list if find.where == name]
        of_keys = [find for find in hits if find.label in keys]
        outside = [str(find) for find in of_keys if not find.is_in_secret_memory()]
        require(not outside, f"{name}: " + "; ".join(outside))
        if name in MAPPED:
            raw = {find.label for find in of_keys if find.form == "raw" and find.is_in_mapping()}
            require(raw == set(keys), f"{name}: the mapping is not seen")
        if name in STARTED:
            pem = [find for find in hits if find.label == "key-of-forked" and "base64" in find.form]
            require(pem, f"{name}: the private key's file is not seen")
            outside = [str(find) for find in pem if not find.is_in_secret_memory()]
            require(not outside, f"{name}: not locked: " + "; ".join(outside))
        if name in ("early", "late"):
            inherited = [str(find) for find in of_keys if not find.is_in_mapping()]
            require(not inherited, f"{name}: not wiped on fork: " + "; ".join(inherited))
        if name == "exec":
            require(not hits, f"exec: {'; '.join(map(str, hits))}")
        if name == "leaves":
            require(not of_keys, f"leaves: {'; '.join(map(str, of_keys))}")


def judge_descriptors(pids):
    """A copied socket would make the daemon believe that a dead parent still listens. Only who
    neither starts, nor frees, nor runs another program has copies."""
    parent = {what for what in descriptors(pids["parent"]).values() if "socket:" in what}
    require(len(parent) == 1, f"the parent drives, and has no socket of its own: {parent}")
    late = set(descriptors(pids["late"]).values())
    require(parent <= late, "a child that does nothing should have been seen to have the copy")
    for name in ("early", "daemon", "starts", "leaves", "exec"):
        held = parent & set(descriptors(pids[name]).values())
        require(not held, f"{name}: has the parent's socket {held}")
    require(descriptors(pids["exec"]) == {}, f"exec: {descriptors(pids['exec'])}")
    require(descriptors(pids["leaves"]) == {}, f"leaves: {descriptors(pids['leaves'])}")
    require(descriptors(pids["early"]) == {}, f"early: {descriptors(pids['early'])}")


def test(build, arguments):
    if os.getuid() != 0:
        print("skipped: not root: others' memory cannot be read")
        sys.exit(77)
    with Bench(build) as bench:
        # So long that on a busy machine nobody takes silence for death and connects anew.
        stage = Stage(bench, *arguments, sync_interval="8s")
        stage.settle(is_waiting_for_active=False)
        process, pids = start(stage)
        finds = scan(bench, stage.needles(), pids)
        judge_finds(pids, finds, stage.keys)
        judge_mappings(pids)
        judge_descriptors(pids)
        print(f"alive: {len(finds.list)} finds in {len(pids)} processes; {finds.size()}")
        before = dict(stage.keys)
        stage.daemon.ctl("revoke", "web", "--all", "--reason", "test")
        stage.keys.clear()
        stage.keys.update(before)
        finds = scan(bench, stage.needles(), {**pids, "stekd": stage.daemon.process.pid})
        left = [str(find) for find in finds.list if find.label in before]
        require(not left, "revoked, and found: " + "; ".join(left))
        print(f"revoked: none of {len(before)} keys in {finds.size()}")
        process.child.stdin.close()
        require(process.child.wait(20) == 0, "forked: " + process.errors())


run_main(test)
