# SPDX-License-Identifier: Apache-2.0
"""docs/TESTING.md and docs/THREATS.md name tests that there are: testing_md.py SOURCE BUILD

Every pattern of a `ctest -R PATTERN`, and every `word/...` in backquotes that begins as tests do,
matches at least one test of the build, or is a file. (lint/docs looks at the other files it names.)
"""

import json
import os
import re
import subprocess
import sys


def tests_of(build):
    shown = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"],
                           capture_output=True, text=True, timeout=60, check=True)
    return [test["name"] for test in json.loads(shown.stdout)["tests"]]


def problems(text, names, is_file):
    """What is said and not there, and how many patterns were looked at."""
    rooms = {name.split("/")[0] for name in names}
    out, count = [], 0
    for number, line in enumerate(text.splitlines(), 1):
        for span in re.findall(r"`([^`]+)`", line):
            called = re.search(r"\bctest\b.*\s-R\s+(?:'([^']+)'|(\S+))", span)
            pattern = (called.group(1) or called.group(2)) if called else span
            if pattern == "NAME" or (not called and (
                    " " in span or span.split("/")[0] not in rooms or "/" not in span)):
                continue
            pattern = pattern.replace("\\|", "|")  # as tables need it
            count += 1
            if not is_file(pattern) and not any(re.search(pattern, name) for name in names):
                out.append(f"line {number}: no test is like {pattern}")
    return out, count


def main(source, build):
    names = tests_of(build)
    found, total = [], 0

    def is_file(path):
        return os.path.exists(os.path.join(source, path))

    for document in ("docs/TESTING.md", "docs/THREATS.md"):
        with open(os.path.join(source, document), encoding="utf-8") as f:
            wrong, count = problems(f.read(), names, is_file)
        found += [f"{document}: {one}" for one in wrong]
        total += count
    for wrong in ("`ctest -R no/such_test`", "`unit/no/such_test`", "`ctest -L x -R 'a b'`"):
        if not problems(wrong, names, is_file)[0]:
            found.append(f"{wrong} is not found")
    print("\n".join(found) if found else f"{total} patterns, each with a test; {len(names)} tests")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
