# SPDX-License-Identifier: Apache-2.0
"""Throw-away certificates for the system tests, made by the openssl program.

  ca = Authority(bench, "ca")
  cert, key = ca.issue("fe-1", uri=["spiffe://example.org/frontend/1"], eku="clientAuth")
  ca.path                          the authority's certificate (PEM)
  ca.crl(revoked=[cert])           a revocation list with these and all revoked before (PEM)

All keys are P-256. Names are written as they are given, byte for byte: a wildcard, a NUL or an
empty string too. Files appear by rename, so that a daemon may reload at any time.
"""

import ipaddress
import os
import subprocess
import time

DAY_S = 24 * 3600

CONFIGURATION = """\
[ca]
default_ca = authority
[authority]
database = {folder}/index.txt
serial = {folder}/serial
crlnumber = {folder}/crlnumber
new_certs_dir = {folder}
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
default_crl_days = 2
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
"""

AUTHORITY_EXTENSIONS = """\
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""


def openssl(*arguments):
    run = subprocess.run(["openssl", *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                         text=True, timeout=60, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(arguments)}: {run.stderr}")


def der(tag, content):
    """One DER element; contents up to 65535 bytes."""
    size = len(content)
    if size < 0x80:
        length = bytes([size])
    elif size < 0x100:
        length = bytes([0x81, size])
    else:
        length = bytes([0x82, size >> 8, size & 0xFF])
    return bytes([tag]) + length + content


def subject_alt_name(dns, uri, ip):
    """The extension's value: GeneralNames (RFC 5280 section 4.2.1.6)."""
    names = [der(0x82, name.encode()) for name in dns]
    names += [der(0x86, name.encode()) for name in uri]
    names += [der(0x87, ipaddress.ip_address(address).packed) for address in ip]
    return der(0x30, b"".join(names))


def moment(unix_s):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(unix_s))


class Authority:
    """A certificate authority in a folder of its own below the bench's."""

    def __init__(self, bench, name):
        self.name = name
        self.folder = bench.path(name + ".pki")
        self.path = os.path.join(self.folder, "ca.pem")
        self.revoked = set()
        os.mkdir(self.folder)
        self.write("openssl.cnf", CONFIGURATION.format(folder=self.folder))
        self.write("index.txt", "")
        self.write("serial", "1000\n")
        self.write("crlnumber", "01\n")
        self.sign("ca", self.request("ca", f"stekd test authority {name}"), AUTHORITY_EXTENSIONS,
                  time.time() - DAY_S, time.time() + 30 * DAY_S, selfsign=True)

    def file(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.file(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.file(name)

    def request(self, name, common_name):
        """A new key under a name beside its final one, and a request for it."""
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.file(name + ".key.new"), "-out", self.file(name + ".csr"), "-subj",
                "/CN=" + common_name.replace("/", "\\/"))
        return self.file(name + ".csr")

    def sign(self, name, request, extensions, not_before, not_after, selfsign=False):
        key = self.file(name + ".key")
        signer = ["-selfsign", "-keyfile", key + ".new"] if selfsign else []
        openssl("ca", "-batch", "-notext", "-config", self.file("openssl.cnf"), *signer,
                "-in", request, "-out", self.file(name + ".pem.new"), "-startdate",
                moment(not_before), "-enddate", moment(not_after), "-extfile",
                self.write(name + ".ext", extensions))
        os.rename(key + ".new", key)
        os.rename(self.file(name + ".pem.new"), self.file(name + ".pem"))

    def issue(self, name, dns=(), uri=(), ip=(), eku="serverAuth,clientAuth", days=2,
              not_after=None, not_before=None, common_name=None):
        """(certificate, key) paths; again under the same name: replaces both. `eku` "": without
        the extension. The dates are Unix seconds; `not_after` overrides `days`."""
        now = time.time()
        extensions = "basicConstraints = critical, CA:FALSE\nauthorityKeyIdentifier = keyid\n"
        extensions += "keyUsage = critical, digitalSignature\n"
        if eku:
            extensions += f"extendedKeyUsage = {eku}\n"
        if dns or uri or ip:
            extensions += f"subjectAltName = DER:{subject_alt_name(dns, uri, ip).hex(':')}\n"
        self.sign(name, self.request(name, common_name or name), extensions,
                  now - DAY_S if not_before is None else not_before,
                  now + days * DAY_S if not_after is None else not_after)
        return self.file(name + ".pem"), self.file(name + ".key")

    def crl(self, revoked=()):
        """A revocation list with the certificates at these paths and all revoked before."""
        config = ["-config", self.file("openssl.cnf")]
        for cert in revoked:
            with open(cert, "rb") as f:
                content = f.read()
            if content not in self.revoked:
                openssl("ca", *config, "-revoke", cert)
                self.revoked.add(content)
        openssl("ca", *config, "-gencrl", "-out", self.file("crl.pem.new"))
        os.rename(self.file("crl.pem.new"), self.file("crl.pem"))
        return self.file("crl.pem")
