# SPDX-License-Identifier: Apache-2.0
"""stekd and the files of its configuration: what is no file, too large, closed, open to others,
damaged, mixed up or out of date, each with `--check` and at start.

What is said is in tests/golden/config_files.expected, one line a case and way; --update writes it.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..")]
from certs import Authority, openssl  # noqa: E402
from harness import Bench, require, run_main  # noqa: E402

GOLDEN = os.path.join(HERE, "..", "..", "golden", "config_files.expected")
NOBODY = 65534
DAY_S = 24 * 3600

REDIS = """\
deployment: test
listen:
  - address: 127.0.0.1:1
    tls: {certificate: tls/server.pem, private_key: tls/server.key, client_ca: tls/ca.pem}
store:
  type: redis
  address: 127.0.0.1:1
  username: stekd
  password_file: password
  tls: {ca: tls/ca.pem, certificate: tls/server.pem, private_key: tls/server.key}
  key_encryption_keys: [one.kek]
realms: {web: {readers: ["uid:33"]}}
"""
FILE = """\
listen: [{unix: FOLDER/stekd.sock}]
store: {type: file, path: records, key_encryption_keys: [one.kek]}
realms: {web: {readers: ["uid:33"]}}
"""
MEMORY = """\
listen: [{unix: FOLDER/stekd.sock}]
store: {type: memory}
realms: {web: {readers: ["uid:33"]}}
"""


class Place:
    """A folder with a configuration and all its files, as they should be."""

    def __init__(self, bench, pki, name, text):
        self.folder = bench.path("cases/" + name.replace(" ", "-"))
        os.makedirs(self.path("tls"))
        os.mkdir(self.path("records"), 0o700)
        self.write("stekd.yaml", text.replace("FOLDER", self.folder))
        for source, target in (("ca.pem", "ca.pem"), ("server.pem", "server.pem"),
                               ("server.key", "server.key")):
            shutil.copy(pki.file(source), self.path("tls/" + target))
        os.chmod(self.path("tls/server.key"), 0o400)
        for name, content in (("one.kek", bytes(range(1, 33))), ("password", b"secret\n")):
            self.write(name, content, 0o400)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content, mode=0o644):
        self.remove(name)
        with open(self.path(name), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.chmod(self.path(name), mode)

    def remove(self, name):
        if os.path.lexists(self.path(name)):
            os.remove(self.path(name))

    def copy(self, source, name, mode=0o644):
        with open(source, "rb") as file:
            self.write(name, file.read(), mode)

    def replace(self, old, new):
        with open(self.path("stekd.yaml"), encoding="utf-8") as file:
            text = file.read()
        require(old in text, f"{old!r} is not in the configuration")
        self.write("stekd.yaml", text.replace(old, new))


class Material:
    """Certificates and keys of every kind of wrong, made once."""

    def __init__(self, bench):
        now = time.time()
        self.ca = Authority(bench, "ca")
        self.other = Authority(bench, "other")
        self.ca.issue("server", dns=["localhost"], days=30)
        self.second = self.ca.issue("second", dns=["localhost"], days=30)
        self.client = self.ca.issue("client", dns=["localhost"], eku="clientAuth", days=30)
        self.expired = self.ca.issue("expired", dns=["localhost"], not_before=now - 3 * DAY_S,
                                     not_after=now - 2 * DAY_S)
        self.early = self.ca.issue("early", dns=["localhost"], not_before=now + 2 * DAY_S,
                                   not_after=now + 3 * DAY_S)
        self.soon = self.ca.issue("soon", dns=["localhost"], not_after=now + DAY_S / 2)
        self.locked = self.ca.file("locked.key")
        openssl("ec", "-in", self.ca.file("server.key"), "-aes128", "-passout", "pass:x", "-out",
                self.locked)


def file_cases(m):
    """(name, configuration, what is done to the files, user)."""
    del m
    large = MEMORY.encode() + b"#" * (1 << 20)
    long = "x" * 3000 + "/" + "y" * 1200
    return [
        ("no file", MEMORY, lambda p: p.remove("stekd.yaml"), None),
        ("a folder", MEMORY,
         lambda p: (p.remove("stekd.yaml"), os.mkdir(p.path("stekd.yaml"))), None),
        ("a pipe", MEMORY,
         lambda p: (p.remove("stekd.yaml"), os.mkfifo(p.path("stekd.yaml"))), None),
        ("a device", MEMORY,
         lambda p: (p.remove("stekd.yaml"), os.symlink("/dev/zero", p.path("stekd.yaml"))), None),
        ("a socket", MEMORY, lambda p: (p.remove("stekd.yaml"), make_socket(p)), None),
        ("a link to itself", MEMORY,
         lambda p: (p.remove("stekd.yaml"), os.symlink("stekd.yaml", p.path("stekd.yaml"))), None),
        ("over 1 MiB", MEMORY, lambda p: p.write("stekd.yaml", large), None),
        ("not to be read", MEMORY, lambda p: os.chmod(p.path("stekd.yaml"), 0), NOBODY),
        ("a path too long", REDIS, lambda p: p.replace("tls/ca.pem}\nstore", long + "}\nstore"),
         None),
    ]


def make_socket(place):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(place.path("stekd.yaml"))
    sock.close()


def tls_cases(m):
    def put(pair):
        def act(place):
            place.copy(pair[0], "tls/server.pem")
            place.copy(pair[1], "tls/server.key", 0o400)
        return act

    def key(mode):
        return lambda p: os.chmod(p.path("tls/server.key"), mode)

    def crl(content):
        def act(place):
            place.replace("client_ca: tls/ca.pem}", "client_ca: tls/ca.pem, crl: tls/crl.pem}")
            if content is not None:
                place.copy(content, "tls/crl.pem")
        return act

    def swap(place):
        place.replace("certificate: tls/server.pem, private_key: tls/server.key, client_ca",
                      "certificate: tls/server.key, private_key: tls/server.pem, client_ca")

    ca_key = m.ca.file("ca.key")
    return [
        ("no certificate", REDIS, lambda p: p.remove("tls/server.pem"), None),
        ("no private key", REDIS, lambda p: p.remove("tls/server.key"), None),
        ("no client_ca", REDIS, lambda p: p.remove("tls/ca.pem"), None),
        ("no revocation list", REDIS, crl(None), None),
        ("certificate is a folder", REDIS,
         lambda p: (p.remove("tls/server.pem"), os.mkdir(p.path("tls/server.pem"))), None),
        ("certificate is empty", REDIS, lambda p: p.write("tls/server.pem", ""), None),
        ("certificate is text", REDIS, lambda p: p.write("tls/server.pem", "hello\n"), None),
        ("certificate is damaged", REDIS, damage, None),
        ("certificate and key swapped", REDIS, swap, None),
        ("key of another certificate", REDIS,
         lambda p: p.copy(m.second[1], "tls/server.key", 0o400), None),
        ("key is encrypted", REDIS, lambda p: p.copy(m.locked, "tls/server.key", 0o400), None),
        ("key is open to everybody", REDIS, key(0o444), None),
        ("key may be written by its group", REDIS, key(0o460), None),
        ("key of another user", REDIS,
         lambda p: os.chown(p.path("tls/server.key"), NOBODY - 1, NOBODY - 1), None),
        ("key not to be read", REDIS, lambda p: None, NOBODY),
        ("key is no key", REDIS, lambda p: p.write("tls/server.key", "hello\n", 0o400), None),
        ("certificate has expired", REDIS, put(m.expired), None),
        ("certificate is not valid yet", REDIS, put(m.early), None),
        ("certificate is a client's", REDIS, put(m.client), None),
        ("certificate ends soon", REDIS, put(m.soon), None),
        ("client_ca is no authority", REDIS, lambda p: p.copy(m.client[0], "tls/ca.pem"), None),
        ("client_ca is a key", REDIS, lambda p: p.copy(ca_key, "tls/ca.pem"), None),
        ("revocation list is a certificate", REDIS, crl(m.ca.file("ca.pem")), None),
        ("revocation list of another authority", REDIS, crl(m.other.crl()), None),
    ]


def damage(place):
    with open(place.path("tls/server.pem"), encoding="ascii") as file:
        lines = file.read().splitlines(keepends=True)
    lines[2] = "A" * (len(lines[2]) - 1) + "\n"
    place.write("tls/server.pem", "".join(lines))


def secret_cases(m):
    del m

    def kek(content, mode=0o400):
        return lambda p: p.write("one.kek", content, mode)

    def password(content, mode=0o400):
        return lambda p: p.write("password", content, mode)

    def twice(place):
        place.copy(place.path("one.kek"), "two.kek", 0o400)
        place.replace("[one.kek]", "[one.kek, two.kek]")

    key = bytes(range(1, 33))
    return [
        ("no key-encryption key", FILE, lambda p: p.remove("one.kek"), None),
        ("key-encryption key is short", FILE, kek(key[:31]), None),
        ("key-encryption key is long", FILE, kek(key + b"\n"), None),
        ("key-encryption key is empty", FILE, kek(b""), None),
        ("key-encryption key is zero", FILE, kek(bytes(32)), None),
        ("key-encryption key repeats", FILE, kek(b"\x01\xfe\x80\x7f" * 8), None),
        ("key-encryption key is hexadecimal", FILE, kek(b"3f9a0c57d2e8b1640fa5c39b7e21d846"), None),
        ("key-encryption key is text", FILE, kek(b"correct horse battery staple, ok"), None),
        ("key-encryption key is open to everybody", FILE, kek(key, 0o404), None),
        ("key-encryption key may be written by its group", FILE, kek(key, 0o420), None),
        ("key-encryption key of another user", FILE,
         lambda p: os.chown(p.path("one.kek"), NOBODY - 1, NOBODY - 1), None),
        ("key-encryption key is a folder", FILE,
         lambda p: (p.remove("one.kek"), os.mkdir(p.path("one.kek"))), None),
        ("key-encryption key twice", FILE, twice, None),
        ("no password", REDIS, lambda p: p.remove("password"), None),
        ("password is empty", REDIS, password("\n"), None),
        ("password of two lines", REDIS, password("a\nb\n"), None),
        ("password is long", REDIS, password("p" * 5000), None),
        ("password is open to everybody", REDIS, password("secret\n", 0o644), None),
        ("no store folder", FILE, lambda p: os.rmdir(p.path("records")), None),
        ("store folder is a file", FILE,
         lambda p: (os.rmdir(p.path("records")), p.write("records", "")), None),
        ("store folder is open to everybody", FILE,
         lambda p: os.chmod(p.path("records"), 0o777), None),
    ]


class Runner:
    def __init__(self, bench):
        self.bench = bench
        self.program = bench.program_for_all("daemon/app/stekd")

    def run(self, place, user, *more):
        """(exit code, what it says) of a stekd that ends by itself."""
        def drop():
            if user is not None and os.geteuid() == 0:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
        done = subprocess.run(
            [self.program, "--config", place.path("stekd.yaml"), *more], preexec_fn=drop,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
        require(done.returncode >= 0, f"{place.folder}: ended by signal {-done.returncode}")
        return done.returncode, self.stable(place, done.stdout + done.stderr)

    @staticmethod
    def stable(place, text):
        """Paths, dates and what of a log line is not about the case."""
        text = text.replace(place.folder + "/", "")
        text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME", text)
        text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d( UTC)?", "TIME", text)
        text = re.sub(r"expires in \d+[hm]", "expires in SPAN", text)
        return [line for line in text.splitlines() if "event=starting" not in line]


LOGGED = re.compile(r'event=config-(problem|note) where=(\S+) problem="(.*)"$')


def as_checked(said):
    """What a start logs, as --check says it."""
    found = (LOGGED.search(line) for line in said)
    return [f"{m[2]}: {'note: ' if m[1] == 'note' else ''}{m[3]}" for m in found if m]


def lines_of(name, checked, started):
    yield f"{name}: exit {checked[0]}"
    yield from ("    " + line for line in checked[1])
    if started is None:
        return
    # A file that cannot be read at all ends the start before there is a log.
    same = checked[1] in (as_checked(started[1]), started[1])
    yield f"    at start: {'the same, ' if same else ''}exit {started[0]}"
    if not same:
        yield from ("        " + line for line in started[1])


def test(build, arguments):
    with Bench(build) as bench:
        m = Material(bench)
        runner = Runner(bench)
        got, count = [], 0
        for name, text, act, user in file_cases(m) + tls_cases(m) + secret_cases(m):
            place = Place(bench, m.ca, name, text)
            act(place)
            if user is not None and os.geteuid() != 0 and name == "key not to be read":
                os.chmod(place.path("tls/server.key"), 0)
            checked = runner.run(place, user, "--check")
            started = None
            count += 1
            if name != "certificate ends soon":  # which starts, and stays
                started = runner.run(place, user)
                require(started[0] in (1, 2), f"{name}: started, or ended with {started[0]}")
            got += lines_of(name, checked, started)
        good = runner.run(Place(bench, m.ca, "good", REDIS), None, "--check")
        require(good == (0, ["stekd.yaml: ok"]), f"good files: {good}")
        compare("\n".join(got) + "\n", "--update" in arguments)
        print(f"{count} kinds of wrong files, each by --check and at start")


def compare(got, is_update):
    if is_update:
        with open(GOLDEN, "w", encoding="utf-8") as file:
            file.write(got)
    with open(GOLDEN, encoding="utf-8") as file:
        want = file.read()
    if got != want:
        import difflib
        sys.stderr.writelines(difflib.unified_diff(
            want.splitlines(True), got.splitlines(True), "wanted", "got", n=1))
    require(got == want, "not as in tests/golden/config_files.expected (--update writes it)")


run_main(test)
