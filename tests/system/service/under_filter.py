# SPDX-License-Identifier: Apache-2.0
"""Runs a program under a unit's SystemCallFilter=, as systemd would: under_filter.py UNIT PROGRAM...

What the groups (@...) hold is asked of systemd-analyze; the filter is made by libseccomp, which
systemd itself brings. Everything that is not allowed is answered with EPERM.
"""

import ctypes
import errno
import os
import subprocess
import sys

ACT_ALLOW = 0x7FFF0000
ACT_EPERM = 0x00050000 | errno.EPERM


def members(group):
    """The system calls of "@group", those of the groups inside included."""
    found = set()
    said = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", group],
                          capture_output=True, text=True, check=True).stdout
    for line in said.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            found |= members(word)
        elif word and not word.startswith("#"):
            found.add(word)
    return found


def allowed_by(unit):
    allowed = set()
    with open(unit, encoding="utf-8") as f:
        lines = [line.strip() for line in f]
    for line in lines:
        if not line.startswith("SystemCallFilter="):
            continue
        words = line.split("=", 1)[1]
        takes_away = words.startswith("~")
        for word in words.lstrip("~").split():
            names = members(word) if word.startswith("@") else {word}
            allowed = allowed - names if takes_away else allowed | names
    if not allowed:
        sys.exit(f"{unit} has no SystemCallFilter=")
    # An allow-list always has what no program can run without (systemd.exec(5)).
    return allowed | members("@default")


def load(allowed):
    lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    lib.seccomp_init.restype = ctypes.c_void_p
    lib.seccomp_init.argtypes = [ctypes.c_uint32]
    lib.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int,
                                           ctypes.c_uint, ctypes.c_void_p]
    lib.seccomp_load.argtypes = [ctypes.c_void_p]
    filter_ = lib.seccomp_init(ACT_EPERM)
    if not filter_:
        sys.exit("seccomp_init failed")
    for name in sorted(allowed):
        number = lib.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # negative: not a call of this architecture
            if lib.seccomp_rule_add_array(filter_, ACT_ALLOW, number, 0, None) != 0:
                sys.exit(f"no rule for {name}")
    if lib.seccomp_load(filter_) != 0:
        sys.exit("seccomp_load failed")


def main():
    if len(sys.argv) < 3:
        sys.exit(f"usage: {sys.argv[0]} UNIT PROGRAM [ARGUMENT...]")
    load(allowed_by(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
