# SPDX-License-Identifier: Apache-2.0
"""stekctl pki: every act, its files judged by the openssl command and by stekd, every refusal."""

import json
import os
import re
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Bench, require, run_main  # noqa: E402

DONE, REFUSED, USAGE = range(3)


class Pki:
    """Runs "stekctl pki" in the bench's folder, with no daemon to be reached."""

    def __init__(self, bench):
        self.bench = bench
        self.program = bench.program("daemon/ctl/stekctl")

    def run(self, *arguments, before=()):
        plain = {k: v for k, v in os.environ.items() if not k.startswith("STEKCTL_")}
        return subprocess.run([self.program, *before, "pki", *arguments], env=plain,
                              cwd=self.bench.folder, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30, check=False)

    def expect(self, code, *arguments, says=None):
        done = self.run(*arguments)
        call = "stekctl pki " + " ".join(arguments)
        require(done.returncode == code,
                f"{call} ended with {done.returncode}, not {code}: {done.stdout}{done.stderr}")
        if code != DONE:
            require(done.stdout == "" and done.stderr.startswith("stekctl: "),
                    f"{call} says {done.stdout!r} {done.stderr!r}")
        require(says is None or says in done.stdout + done.stderr,
                f"{call} does not say {says!r}: {done.stdout}{done.stderr}")
        return done.stdout

    def mode(self, name):
        found = os.lstat(self.bench.path(name))
        require(stat.S_ISREG(found.st_mode), f"{name} is not a regular file")
        return stat.S_IMODE(found.st_mode)

    def listing(self):
        found = []
        for folder, _, files in os.walk(self.bench.folder):
            for name in files:
                path = os.path.join(folder, name)
                with open(path, "rb") as f:
                    found.append((path, os.lstat(path).st_ino, f.read()))
        return sorted(found)


def openssl(bench, *arguments, code=0):
    done = subprocess.run(["openssl", *arguments], cwd=bench.folder, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30, check=False)
    require((done.returncode == 0) == (code == 0),
            f"openssl {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def text_of(bench, name):
    return openssl(bench, "x509", "-in", name, "-noout", "-text")


def alt_names(bench, name):
    found = re.search(r"Subject Alternative Name:(?: critical)?\s*\n\s*(.*)\n", text_of(bench, name))
    require(found is not None, f"{name} has no alternative names")
    return found.group(1).split(", ")


def a_ca_is_one_and_its_key_is_private(bench, pki):
    pki.expect(DONE, "ca", says="tls/ca.key: signs certificates")
    require((pki.mode("tls/ca.pem"), pki.mode("tls/ca.key")) == (0o644, 0o600), "modes")
    require(stat.S_IMODE(os.stat(bench.path("tls")).st_mode) & 0o077 == 0, "the folder's mode")
    text = text_of(bench, "tls/ca.pem")
    for line in ("CA:TRUE, pathlen:0", "Certificate Sign, CRL Sign", "URI:spiffe://example.org",
                 "NIST CURVE: P-256", "CN = stekd throw-away CA", "Version: 3"):
        require(line in text, f"the CA does not say {line!r}: {text}")
    require(text.count(": critical") == 2, text)
    openssl(bench, "verify", "-x509_strict", "-CAfile", "tls/ca.pem", "tls/ca.pem")
    openssl(bench, "x509", "-in", "tls/ca.pem", "-noout", "-checkend", str(3649 * 86400))
    openssl(bench, "x509", "-in", "tls/ca.pem", "-noout", "-checkend", str(3651 * 86400), code=1)


def certificates_are_for_one_use(bench, pki):
    pki.expect(DONE, "server", "stekd-1.example.org", "127.0.0.1", "[::1]",
               says="private_key: tls/stekd-1.example.org.key")
    pki.expect(DONE, "client", "fe-1", says='readers: ["spiffe://example.org/frontend/fe-1"]')
    pki.expect(DONE, "client", "spiffe://example.org/frontend/fe-2")
    pki.expect(DONE, "client", "dns:fe-3.fe.example.org", says='"dns:fe-3.fe.example.org"')
    pki.expect(DONE, "operator", "alice", says='operators: ["spiffe://example.org/operator/alice"]')
    pki.expect(DONE, "server", "stekd-2.example.org", "--days", "3", "--out", "tls/second")
    for name, use, names in (
            ("stekd-1.example.org", "sslserver", ["DNS:stekd-1.example.org", "IP Address:127.0.0.1",
                                                  "IP Address:0:0:0:0:0:0:0:1"]),
            ("second", "sslserver", ["DNS:stekd-2.example.org"]),
            ("fe-1", "sslclient", ["URI:spiffe://example.org/frontend/fe-1"]),
            ("fe-2", "sslclient", ["URI:spiffe://example.org/frontend/fe-2"]),
            ("fe-3.fe.example.org", "sslclient", ["DNS:fe-3.fe.example.org"]),
            ("alice", "sslclient", ["URI:spiffe://example.org/operator/alice"])):
        pem, key = f"tls/{name}.pem", f"tls/{name}.key"
        require((pki.mode(pem), pki.mode(key)) == (0o644, 0o600), f"the modes of {name}")
        require(alt_names(bench, pem) == names, f"{name} is for {alt_names(bench, pem)}")
        other = "sslclient" if use == "sslserver" else "sslserver"
        check = ["verify", "-x509_strict", "-CAfile", "tls/ca.pem", "-purpose"]
        openssl(bench, *check, use, pem)
        require("unsuitable certificate purpose" in openssl(bench, *check, other, pem, code=1),
                f"{name} is good for {other} too")
        require(openssl(bench, "x509", "-in", pem, "-noout", "-pubkey") ==
                openssl(bench, "pkey", "-in", key, "-pubout"), f"{name}: key and certificate")
        days = 3 if name == "second" else 90
        for shift, code in ((-1, 0), (1, 1)):
            openssl(bench, "x509", "-in", pem, "-noout", "-checkend",
                    str((days + shift) * 86400), code=code)


def a_list_revokes(bench, pki):
    check = ["verify", "-x509_strict", "-crl_check", "-CAfile", "tls/ca.pem", "-CRLfile",
             "tls/ca.crl"]
    pki.expect(DONE, "crl", says="crl: tls/ca.crl")
    openssl(bench, *check, "tls/fe-1.pem")
    pki.expect(DONE, "crl", "tls/fe-1.pem")
    pki.expect(DONE, "crl", "tls/fe-2.pem", "tls/fe-1.pem", "--days", "2")
    for name, code in (("fe-1", 1), ("fe-2", 1), ("fe-3.fe.example.org", 0), ("alice", 0)):
        said = openssl(bench, *check, f"tls/{name}.pem", code=code)
        require(code == 0 or "certificate revoked" in said, said)
    require(openssl(bench, "crl", "-in", "tls/ca.crl", "-noout", "-text")
            .count("Serial Number:") == 2, "a certificate stands on the list once")
    require(pki.mode("tls/ca.crl") == 0o644, "the list's mode")


def what_is_there_stays(bench, pki):
    pki.expect(DONE, "kek", "a.key", says="key_encryption_keys: [a.key]")
    require(pki.mode("a.key") == 0o600, "the key's mode")
    before = pki.listing()
    for call in (["ca"], ["server", "stekd-1.example.org"], ["client", "fe-1"], ["kek", "a.key"],
                 ["operator", "alice"], ["server", "x", "--out", "tls/second"]):
        pki.expect(REFUSED, *call, says="exists already")
    for call in (["kek", "a.key", "--force"], ["server", "*.example.org"], ["client", "a b"],
                 ["server", "stekd-1.example.org:7443"], ["ca", "--domain", "A B"],
                 ["ca", "--days", "0"], ["operator"], ["sever", "x"], ["server", "x", "--dasy=3"],
                 ["client", "spiffe://example.org/frontend/*"], []):
        pki.expect(USAGE, *call)
    for call, says in (
            (["server", "x", "--ca-dir", "none"], "none/ca.pem: is not there: stekctl pki ca"),
            (["server", "x", "--out", "none/x"], "its folder is not there"),
            (["kek", "none/x.key"], "its folder is not there"),
            (["server", "x", "--out", "tls/ca", "--force"], "is the CA's own key"),
            (["crl", "tls/none.pem"], "tls/none.pem: No such file"),
            (["crl", "a.key"], "a.key: holds no certificate"),
            (["ca", "--ca-dir", "none/tls"], "none/tls: No such file"),
            (["ca", "--ca-dir", "a.key"], "Not a directory")):
        pki.expect(REFUSED, *call, says=says)
    require(pki.listing() == before, "a refused call changed a file")
    pki.expect(DONE, "client", "fe-1", "--force")
    changed = {path for path, _, _ in set(pki.listing()) ^ set(before)}
    require(changed == {bench.path("tls/fe-1.pem"), bench.path("tls/fe-1.key")}, f"{changed}")


def a_folder_one_may_not_write_is_named(bench, pki):
    if os.getuid() == 0:
        return
    os.mkdir(bench.path("closed"), 0o500)
    pki.expect(REFUSED, "kek", "closed/x.key", says="closed/x.key: Permission denied")


def json_says_the_same(bench, pki):
    for before, after in ((["-o", "json"], []), ([], ["-o", "json"])):
        name = "json" + str(len(before))
        done = pki.run("server", "Host.example", "10.0.0.1", "--out", name, *after, before=before)
        require(done.returncode == DONE, done.stderr)
        document = json.loads(done.stdout)
        require(document["schema"] == "stekctl/v1/pki" and document["act"] == "server" and
                document["files"] == [name + ".pem", name + ".key"] and
                document["names"] == [{"kind": "dns", "name": "host.example"},
                                      {"kind": "ip", "name": "10.0.0.1"}], f"{document}")
        require(re.match(r"^\d{4}-\d\d-\d\dT.*Z$", document["valid_until"]), f"{document}")
    bench_help = pki.expect(DONE, "--help")
    require("throw-away CA" in bench_help and "usage: stekctl pki" in bench_help, bench_help)


def stekd_takes_the_key(bench, pki):
    """Records are sealed under it, and stekd opens them again with nothing else."""
    os.mkdir(bench.path("kek"), 0o700)
    pki.expect(DONE, "kek", "kek/one.key")
    pki.expect(DONE, "kek", "kek/two.key")
    with open(bench.path("kek/one.key"), "rb") as one, open(bench.path("kek/two.key"), "rb") as two:
        first, second = one.read(), two.read()
    require(len(first) == len(second) == 32 and first != second, "32 bytes, never the same")
    daemon = bench.daemon(name="sealed", rotate_every="10m", ticket_lifetime="10m")
    os.mkdir(bench.path("records"), 0o700)
    with open(daemon.config, encoding="utf-8") as f:
        text = f.read()
    bench.write("sealed.yaml", text.replace(
        "  type: memory", f"  type: file\n  path: {bench.path('records')}\n"
                          "  key_encryption_keys: [kek/one.key]"))
    names = []
    for _ in range(2):
        daemon.start().wait_for_active()
        names.append(daemon.encrypting_key())
        require(daemon.stop() == 0, "SIGTERM should end it well")
    require(names[0] == names[1], f"after a restart another key encrypts: {names}")


def main(build, _arguments):
    with Bench(build) as bench:
        pki = Pki(bench)
        a_ca_is_one_and_its_key_is_private(bench, pki)
        certificates_are_for_one_use(bench, pki)
        a_list_revokes(bench, pki)
        what_is_there_stays(bench, pki)
        a_folder_one_may_not_write_is_named(bench, pki)
        json_says_the_same(bench, pki)
        stekd_takes_the_key(bench, pki)


if __name__ == "__main__":
    run_main(main)
