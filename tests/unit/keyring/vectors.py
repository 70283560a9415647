#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Computes names, subkeys and digests from the text of docs/PROTOCOL.md, with hashlib and hmac only.

vectors.py            prints derive_vectors.h
vectors.py --check F  compares it with the committed file F; exit 1 when they differ
"""
import hashlib
import hmac
import struct
import sys


def hkdf_sha256(key: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 with an empty salt."""
    prk = hmac.new(b"\0" * 32, key, hashlib.sha256).digest()
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([counter]), hashlib.sha256).digest()
        out += block
        counter += 1
    return out[:length]


def info(purpose: str, realm: str, context: str) -> bytes:
    r, c = realm.encode(), context.encode()
    return (b"stek v1 " + purpose.encode() + b"\0" + bytes([len(r)]) + r
            + struct.pack(">H", len(c)) + c)


def derive(key: bytes, purpose: str, realm: str, context: str, length: int) -> bytes:
    return hkdf_sha256(key, info(purpose, realm, context), length)


def digest(realm: str, keys: list) -> bytes:
    """keys: (name, five dates, revoked)"""
    text = b"stek v1 digest\0" + bytes([len(realm)]) + realm.encode()
    text += struct.pack(">I", len(keys))
    for name, dates, revoked in sorted(keys):
        text += name + struct.pack(">5q", *dates) + bytes([1 if revoked else 0])
    return hashlib.sha256(text).digest()


COUNTING = bytes(range(32))
SPREAD = hashlib.sha256(b"a key for the vectors").digest()
CASES = [
    (COUNTING, "web", ""),
    (COUNTING, "web", "api.example.org"),
    (COUNTING, "mail", ""),
    (SPREAD, "web", ""),
    (SPREAD, "a", "b"),
    (SPREAD, "r" * 63, "c" * 255),
]
DIGESTS = [
    ("web", []),
    ("web", [(bytes([0x20] * 15 + [1]), (1, 2, 3, 4, 5), False)]),
    ("web", [(bytes([0x20] * 15 + [1]), (1, 2, 3, 4, 5), True)]),
    ("mail", [
        (bytes([0xf0] * 15 + [2]), (1700000000000, 1700000030000, 1700043230000, 1700086460000,
                                    1700086460000), False),
        (bytes([0x01] * 15 + [3]), (-5, -4, -3, -2, -1), True),
    ]),
]


def string(text: str) -> str:
    return f'"{text}"'


def render() -> str:
    out = ["/* SPDX-License-Identifier: Apache-2.0 */",
           "/* Written by vectors.py, and compared with its output by a test. Do not edit. */",
           "#ifndef STEK_TESTS_UNIT_KEYRING_DERIVE_VECTORS_H",
           "#define STEK_TESTS_UNIT_KEYRING_DERIVE_VECTORS_H", "",
           "#include <stdbool.h>", "#include <stddef.h>", "#include <stdint.h>", "",
           "/* clang-format off */",
           "static const struct derive_vector {",
           "    const char *bytes;", "    const char *realm;", "    const char *context;",
           "    const char *name;", "    const char *aes;", "    const char *hmac;",
           "    const char *profile48;", "} derive_vectors[] = {"]
    for key, realm, context in CASES:
        out.append("    {")
        for text in (key.hex(), realm, context, derive(key, "name", realm, "", 16).hex(),
                     derive(key, "aes-256", realm, context, 32).hex(),
                     derive(key, "hmac-sha-256", realm, context, 32).hex(),
                     derive(key, "profile-48", realm, context, 32).hex()):
            out.append(f"        {string(text)},")
        out.append("    },")
    out += ["};", "", "struct digest_vector_key {", "    const char *name;",
            "    int64_t dates[5];", "    bool revoked;", "};", "",
            "static const struct digest_vector {", "    const char *realm;",
            "    struct digest_vector_key keys[2];", "    size_t count;",
            "    const char *digest;", "} digest_vectors[] = {"]
    for realm, keys in DIGESTS:
        out.append("    {")
        out.append(f"        {string(realm)},")
        out.append("        {")
        for name, dates, revoked in keys:
            numbers = ", ".join(f"INT64_C({d})" for d in dates)
            out.append(f"            {{{string(name.hex())}, {{{numbers}}}, "
                       f"{'true' if revoked else 'false'}}},")
        if not keys:
            out.append("            {0},")
        out.append("        },")
        out.append(f"        {len(keys)},")
        out.append(f"        {string(digest(realm, keys).hex())},")
        out.append("    },")
    out += ["};", "/* clang-format on */", "", "#endif", ""]
    return "\n".join(out)


def main() -> int:
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        with open(sys.argv[2], encoding="utf-8") as committed:
            if committed.read() == render():
                return 0
        print(f"{sys.argv[2]} is not what vectors.py prints", file=sys.stderr)
        return 1
    sys.stdout.write(render())
    return 0


if __name__ == "__main__":
    sys.exit(main())
