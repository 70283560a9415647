# SPDX-License-Identifier: Apache-2.0
"""Every sentence that can be said about a configuration is said in a golden file.

The sentences are the string literals of the rooms that write them; a literal counts as said if the
text between its conversions stands in one line of an .expected file. So who adds a message adds a
wrong configuration that gets it, or says here why there can be none.
"""

import glob
import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SOURCES = [f"daemon/config/config_{name}.c" for name in (
    "check", "load", "parse", "principal", "problems", "read", "scalar", "value")]
SOURCES.append("core/keyring/policy.c")

# What no file can bring about, and where it is shown instead.
EXEMPT = {
    "out of memory": "config_load_test: any_allocation_may_fail",
    "cannot be read: %s": "read() of a regular file that fails: a broken disk",
    "cannot be read": "libyaml always says more",
    "did not find expected <document start>": "libyaml's, never shown",
    "did not find expected key": "likewise",
    "could not find expected ':'": "likewise",
    "found character that cannot start any token": "likewise",
    '"%s" is not in this version: remove it': "no row of this version is a later one's",
    '"%s" is not in this version: the only choice is "%s"': "likewise, no choice",
    # Rows of the table have these ranges, so they answer first; policy_test shows the rules.
    "sync_interval is %s, but keys cannot reach a fleet in less than 100ms: set it to 100ms or "
    "more, and rotate_every to at least %d times that": "policy_test",
    "ticket_lifetime is %s, but TLS counts it in whole seconds: set it to 1s or more":
        "policy_test",
    "ticket_lifetime is %s, but RFC 8446 allows a ticket 7d at most: lower it": "policy_test",
    "max_session_age is %s, but a session is to be renewed by a full handshake at least every 7d: "
    "lower it": "policy_test",
    'keys_ahead is %u, but it must be from 1 to %d: 1 suits nearly everybody':
        "policy_test",
}

LITERAL = r'"(?:[^"\\]|\\.)*"'
JOINED = re.compile(rf"{LITERAL}(?:\s*(?:PRI[a-z0-9]+)?\s*{LITERAL})*")


def sentences(path):
    """Each string literal with a blank between two letters or signs, pieces put together."""
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    text = re.sub(r"^\s*#.*$|_Static_assert\([^;]*;|'\"'", "", text, flags=re.M)
    for joined in JOINED.finditer(text):
        pieces = re.findall(rf"{LITERAL}|PRI[a-z0-9]+", joined.group())
        sentence = "".join("u" if piece.startswith("PRI") else piece[1:-1] for piece in pieces)
        sentence = sentence.replace('\\"', '"').replace("\\n", "\n")
        if re.search(r"\S \S", sentence) and re.search(r"[a-z]{3}", sentence):
            yield sentence


def pattern_of(sentence):
    """Lines of golden files that were written by this format."""
    parts = re.split(r"%(?:\.\*|\.\d+)?(?:zu|u|s|d|c)", sentence)
    return re.compile(".*".join(re.escape(part.strip("\n")) for part in parts))


def main():
    said = ""
    for path in glob.glob(os.path.join(ROOT, "tests/golden/config*/*.expected")) + \
            glob.glob(os.path.join(ROOT, "tests/golden/*.expected")):
        with open(path, encoding="utf-8", errors="replace") as file:
            said += file.read()
    missing, count, exempt = [], 0, set()
    for source in SOURCES:
        for sentence in sentences(os.path.join(ROOT, source)):
            count += 1
            if sentence in EXEMPT:
                exempt.add(sentence)
            elif not pattern_of(sentence).search(said):
                missing.append(f"{source}: {sentence}")
    for sentence in missing:
        print("in no golden file: " + sentence)
    for sentence in EXEMPT.keys() - exempt:
        print("exempt, but nowhere in the sources: " + sentence)
    print(f"{count} sentences, {count - len(missing) - len(exempt)} of them in golden files, "
          f"{len(exempt)} exempt")
    sys.exit(1 if missing or EXEMPT.keys() - exempt or count < 60 else 0)


main()
