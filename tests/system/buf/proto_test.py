# SPDX-License-Identifier: Apache-2.0
"""`buf lint` on the .proto files, and `buf breaking` against what they were.

  proto_test.py BUILD PROTO_FOLDER

v1.binpb is `buf build proto --exclude-source-info -o v1.binpb` at the time of version 0.1: what may
never change again. What is added since needs no new one.
"""

import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
from harness import Bench, require, run_main  # noqa: E402
from tool import Buf  # noqa: E402

GOLDEN = os.path.join(HERE, "v1.binpb")

# (file, what is there, what is put in its place, who must see it, in which words)
FAULTS = [
    ("stek/v1/keys.proto", "bytes key = 2;", "bytes key = 12;", "breaking",
     'Previously present field "2" with name "key" on message "Key" was deleted'),
    ("stek/v1/keys.proto", "bool revoked = 8;", "int64 revoked = 8;", "breaking", "changed type"),
    ("stek/v1/admin.proto", "int64 bound_ms = 10;", "int64 limit_ms = 10;", "breaking",
     "changed name"),
    ("stek/v1/admin.proto", "  rpc Rekey(RekeyRequest) returns (RekeyResponse);\n", "", "breaking",
     'Previously present RPC "Rekey"'),
    ("grpc/health/v1/health.proto", "NOT_SERVING = 2;", "NOT_SERVING = 4;", "breaking",
     "Previously present enum value \"2\""),
    ("stek/v1/keys.proto", "bool revoked = 8;", "bool isRevoked = 8;", "lint",
     "should be lower_snake_case"),
    ("stek/v1/admin.proto", "message StoreStatus", "message store_status", "lint",
     "should be PascalCase"),
    ("stek/v1/admin.proto", "returns (RekeyResponse)", "returns (RotateResponse)", "lint",
     "should be named"),
]


def checks(buf, folder):
    return {"lint": buf.run("lint", folder),
            "breaking": buf.run("breaking", folder, "--against", GOLDEN)}


def a_fault_is_seen(bench, buf, protos, number):
    name, old, new, who, words = FAULTS[number]
    folder = bench.path(f"proto-{number}")
    shutil.copytree(protos, folder)
    path = os.path.join(folder, name)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    require(old in text, f"{name} has no {old!r} to break")
    # One message that is renamed is renamed everywhere: the files must still compile.
    old, new = (old.split()[-1], new.split()[-1]) if old.startswith("message") else (old, new)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new))
    code, output, errors = checks(buf, folder)[who]
    require(code != 0 and words in output + errors,
            f"{who} did not see {old!r} -> {new!r}: {code} {output}{errors}")


def test(build, arguments):
    protos = arguments[0]
    buf = Buf(build)
    with Bench(build) as bench:
        for who, (code, output, errors) in checks(buf, protos).items():
            require(code == 0, f"buf {who}: {output}{errors}")
        for number in range(len(FAULTS)):
            a_fault_is_seen(bench, buf, protos, number)
    print(f"buf lint and buf breaking: clean; {len(FAULTS)} faults put in, {len(FAULTS)} seen")


run_main(test)
