# SPDX-License-Identifier: Apache-2.0
"""What is looked for, where, and what a find means. The looking is done by scan.c.

  needles = Needles()
  needles.add("canary", bytes)            as it is, in hex, in base64
  needles.add_key("k1", key, "web", ["", "api"])   a ticket key and whatever is as good as it
  finds = scan(bench, needles, processes={"stekd": pid}, files={"log": path})
"""

import base64
import os
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "..", "unit", "keyring")]
from harness import require  # noqa: E402
from vectors import derive  # noqa: E402

RAW_WINDOW, HEX_WINDOW, BASE64_WINDOW = 8, 16, 12
SANITIZED = 77  # exit code of a test that its build makes pointless

# FIPS 180-4, section 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first
# 64 primes, computed rather than copied.


def primes(count):
    found, n = [], 2
    while len(found) < count:
        if all(n % p for p in found):
            found.append(n)
        n += 1
    return found


def integer_root(value, power):
    low, high = 0, 1 << (value.bit_length() // power + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**power <= value else (low, middle - 1)
    return low


ROUND = [integer_root(p << 96, 3) & 0xffffffff for p in primes(64)]
START = [integer_root(p << 64, 2) & 0xffffffff for p in primes(8)]


def rotate(word, n):
    return (word >> n | word << (32 - n)) & 0xffffffff


def sha256_state(block):
    """The eight words after one block: what an HMAC context keeps of its key. hashlib hides it."""
    w = list(struct.unpack(">16I", block))
    for i in range(16, 64):
        low = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3
        high = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10
        w.append((w[i - 16] + low + w[i - 7] + high) & 0xffffffff)
    a, b, c, d, e, f, g, h = START
    for i in range(64):
        one = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
        t1 = (h + one + (e & f ^ ~e & g) + ROUND[i] + w[i]) & 0xffffffff
        zero = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
        t2 = (zero + (a & b ^ a & c ^ b & c)) & 0xffffffff
        a, b, c, d, e, f, g, h = (t1 + t2) & 0xffffffff, a, b, c, (d + t1) & 0xffffffff, e, f, g
    return [(x + y) & 0xffffffff for x, y in zip((a, b, c, d, e, f, g, h), START)]


def hmac_states(key):
    """Whoever has these two can make any HMAC of the key: as they lie in memory here."""
    padded = key.ljust(64, b"\0")
    return [struct.pack("<8I", *sha256_state(bytes(x ^ pad for x in padded)))
            for pad in (0x36, 0x5c)]


def words_swapped(key):
    """The first AES round keys where OpenSSL has no AES instructions."""
    return struct.pack(f"<{len(key) // 4}I", *struct.unpack(f">{len(key) // 4}I", key))


def in_base64(secret):
    """What can be seen of it wherever in a base64 text it begins."""
    for skip in range(3):
        text = base64.b64encode(b"\0" * skip + secret).rstrip(b"=")
        yield text[-(-skip * 8 // 6):-1]


class Needles:
    """Label to its forms. `forms` maps a needle's own name back to its label."""

    def __init__(self):
        self.lines = []
        self.labels = {}

    def put(self, label, form, pattern, window):
        name = f"{label}:{form}"
        self.labels[name] = label
        self.lines.append(f"{name} {window} {pattern.hex()}\n")

    def add(self, label, secret):
        require(" " not in label and ":" not in label, "a label is one word: " + label)
        self.put(label, "raw", secret, RAW_WINDOW)
        self.put(label, "hex", secret.hex().encode(), HEX_WINDOW)
        self.put(label, "HEX", secret.hex().upper().encode(), HEX_WINDOW)
        for i, text in enumerate(in_base64(secret)):
            self.put(label, f"base64-{i}", text, BASE64_WINDOW)

    def add_key(self, label, key, realm, contexts):
        """The 32 bytes and everything from which a ticket could be opened."""
        self.add(label, key)
        # HKDF's first step (RFC 5869): all subkeys follow from its outcome.
        import hashlib
        import hmac
        self.put(label, "prk", hmac.new(b"\0" * 32, key, hashlib.sha256).digest(), RAW_WINDOW)
        for context in contexts:
            aes = derive(key, "aes-256", realm, context, 32)
            mac = derive(key, "hmac-sha-256", realm, context, 32)
            profile = derive(key, "profile-48", realm, context, 32)
            for what, secret in (("aes", aes), ("hmac", mac), ("profile", profile)):
                self.put(label, f"{what}({context})", secret, RAW_WINDOW)
                self.put(label, f"{what}({context})-hex", secret.hex().encode(), HEX_WINDOW)
            self.put(label, f"aes({context})-words", words_swapped(aes), RAW_WINDOW)
            for i, state in enumerate(hmac_states(mac)):
                self.put(label, f"hmac({context})-state-{i}", state, RAW_WINDOW)

    def add_number(self, label, value, length):
        """A private key's number: as files have it, and as OpenSSL's BIGNUM has it."""
        self.add(label, value.to_bytes(length, "big"))
        self.put(label, "limbs", value.to_bytes(length, "little"), RAW_WINDOW)

    def __len__(self):
        return len(set(self.labels.values()))


class Find:
    def __init__(self, where, label, form, fields):
        self.where, self.label, self.form = where, label, form
        self.place, self.permissions, self.flags = fields[0], fields[1], set(fields[2].split())
        self.address, self.bytes = int(fields[3], 16), int(fields[5])

    def is_in_secret_memory(self):
        """Locked and left out of dumps: secret_alloc()'s, or libstek's mapping. A forked child that
        has not started the client has the mapping, and no lock of its own on it."""
        return "dd" in self.flags and ("lo" in self.flags or self.is_in_mapping())

    def is_in_mapping(self):
        return "dd" in self.flags and self.permissions == "rw-s"

    def __str__(self):
        return (f"{self.where}: {self.bytes} bytes of {self.label} ({self.form}) at "
                f"{self.address:x}, {self.place} {self.permissions} {sorted(self.flags)}")


class Finds:
    """`bytes` and `mappings`: how much was read, by where."""

    def __init__(self):
        self.list, self.bytes, self.mappings = [], {}, {}

    def of(self, label):
        return [find for find in self.list if find.label == label]

    def elsewhere(self):
        return [find for find in self.list if not find.is_in_secret_memory()]

    def size(self):
        return (f"{len(self.bytes)} places, {sum(self.mappings.values())} mappings, "
                f"{sum(self.bytes.values()) >> 20} MiB")


def scan(bench, needles, processes=(), files=()):
    """Everything readable of it, whole. `processes`: name to pid; `files`: name to path."""
    names = {f"pid:{pid}": name for name, pid in dict(processes).items()}
    names.update({f"file:{path}": name for name, path in dict(files).items()
                  if os.path.getsize(path) > 0})
    run = subprocess.run([bench.program("tests/system/secrets/secrets_scan"), *names],
                         input="".join(needles.lines), capture_output=True, text=True, timeout=120,
                         check=False)
    require(run.returncode == 0, f"the scan did not work: {run.stderr}")
    finds, lost = Finds(), []
    for line in run.stdout.splitlines():
        what, target, *fields = line.split("\t")
        where = names[target]
        if what == "hit":
            label, form = fields[4].split(":", 1)
            finds.list.append(Find(where, label, form, fields))
        elif what == "read":
            finds.mappings[where], finds.bytes[where] = int(fields[0]), int(fields[1])
        elif what == "huge":
            print(f"skipped: built with a sanitizer: its shadow memory is too large to scan ({where})")
            sys.exit(SANITIZED)
        else:
            lost.append(f"{where}: {' '.join(fields)}")
    require(not lost, "not readable: " + "; ".join(lost))
    require(set(finds.bytes) == set(names.values()), "the scan has left something out")
    return finds
