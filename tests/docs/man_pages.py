# SPDX-License-Identifier: Apache-2.0
"""The man pages say what the code says: man_pages.py SOURCE BUILD

Prototypes and structs against the headers, options and verbs against what the programs themselves
say and accept, exit codes, signals, environment and metrics against the sources, the example
against the program that is built. Then faults are put into copies of the pages, each of which must
be found: a check that finds nothing is none.
"""

import os
import re
import subprocess
import sys

SECTIONS = {
    "1": ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES",
          "EXAMPLES", "SECURITY", "SEE ALSO"],
    "3": ["NAME", "SYNOPSIS", "DESCRIPTION", "RETURN VALUE", "THREADS", "SEE ALSO"],
    "5": ["NAME", "DESCRIPTION", "OPTIONS", "SEE ALSO"],
    "7": ["NAME", "DESCRIPTION", "WHAT IS PROMISED", "AGAINST WHOM", "WHAT IS NOT PROMISED",
          "STANDARDS", "SEE ALSO"],
    "8": ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "SIGNALS", "FILES",
          "ENVIRONMENT", "METRICS", "EXAMPLES", "SECURITY", "STANDARDS", "SEE ALSO"],
}
# Pages of others that ours may speak of.
OTHERS = {"fork(2)", "mlock(2)", "madvise(2)", "systemd(1)", "SSL_SESSION_set1_ticket_appdata(3)"}
# (page, what is put in the place of what): each must be found.
FAULTS = [
    ("stek_client_wait.3", "int timeout_ms", "long timeout_ms"),
    ("stek_client_status.3", "uint64_t issued;", "uint32_t issued;"),
    ("stek_client_new.3", "*STEK_ERR_SYSTEM*", "*STEK_ERR_WEATHER*"),
    ("stek_client_new.3", "# THREADS", "# WEATHER"),
    ("stek_version.3", "*libstek*(3)", "*libsteak*(3)"),
    ("libstek.3", "stek_client_start(client)", "stek_client_stop(client)"),
    ("libstek.3", "*stek_client_wait*(3)\n\t", "*stek_client_weather*(3)\n\t"),
    ("stekctl.1", "*--converged*", "*--diverged*"),
    ("stekctl.1", "*-r*, *--reason*", "*--reason*"),
    ("stekctl.1", "*realms*\n", "*regions*\n"),
    ("stekctl.1", "*crl* [", "*crl2* ["),
    ("stekctl.1", "*5*\n", "*6*\n"),
    ("stekctl.1", "*STEKCTL_CERT*", "*STEKCTL_CERTIFICATE*"),
    ("stekd.8", "*--check*\n", "*--chick*\n"),
    ("stekd.8", "*stekd_watchers*\n", "*stekd_onlookers*\n"),
    ("stekd.8", "*SIGHUP*\n", "*SIGUSR1*\n"),
    ("stekd.8", "*2*\n", "*3*\n"),
    ("stekd.8", "*WATCHDOG_PID*", "*WATCHDOG_CAT*"),
]


class World:
    """The sources and programs that the pages are held to."""

    def __init__(self, source, build):
        self.source = source
        self.build = build
        self.headers = {name: self.read("client-lib/include/stek/" + name)
                        for name in ("stek.h", "openssl.h")}
        self.symbols = set(re.findall(r"^\s+(stek_\w+);", self.read("client-lib/libstek.map"), re.M))
        self.codes = set(re.findall(r"^\s+(STEK_ERR_\w+) =", self.headers["stek.h"], re.M))
        self.says = {}

    def read(self, path):
        with open(os.path.join(self.source, path), encoding="utf-8") as f:
            return f.read()

    def read_room(self, folder):
        return "\n".join(self.read(os.path.join(folder, name))
                         for name in sorted(os.listdir(os.path.join(self.source, folder)))
                         if name.endswith((".c", ".h")))

    def run(self, program, *arguments):
        """What it says, on either output; asked once."""
        call = (program, *arguments)
        if call not in self.says:
            path = {"stekd": "daemon/app/stekd", "stekctl": "daemon/ctl/stekctl"}[program]
            done = subprocess.run([os.path.join(self.build, path), *arguments],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=30, check=False)
            self.says[call] = done.stdout + done.stderr
        return self.says[call]


def normal(c):
    """C without comments, attributes and the freedom of white space."""
    c = re.sub(r"/\*.*?\*/", " ", c, flags=re.S)
    c = re.sub(r"\bSTEK_(API|MUST_USE)\b", " ", c)
    c = re.sub(r"\s+", " ", c)
    return re.sub(r" ?([(),;*{}\[\]=]) ?", r"\1", c).strip()


def section(page, title):
    found = re.search(rf"^# {re.escape(title)}\n(.*?)(?=^# |\Z)", page, re.S | re.M)
    return found.group(1) if found else ""


def terms(text):
    """What is defined: lines of bold words with an indented meaning below."""
    return re.findall(r"^(\*.+)\n\t", text, re.M)


def differences(what, page, code):
    return ([f"{what}: {word} is not in the page" for word in sorted(code - page)] +
            [f"{what}: {word} is in the page only" for word in sorted(page - code)])


# ---- libstek ----

def statements(c):
    """Declarations of normal C, structs in one piece."""
    out, depth, start = [], 0, 0
    for at, letter in enumerate(c):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == ";" and depth == 0:
            out.append(c[start:at].strip())
            start = at + 1
    return out


def check_function(world, name, page):
    block = re.search(r"```\n(.*?)```", section(page, "SYNOPSIS"), re.S)
    if block is None:
        return ["no SYNOPSIS in C"]
    include, _, rest = block.group(1).partition("\n")
    header = world.headers.get(include.replace("#include <stek/", "").rstrip(">"), "")
    known = normal(header)
    shown = statements(normal(rest))
    out = [f"not in {include}: {one}" for one in shown if one + ";" not in known]
    if not any(re.search(rf"\b{name}\(", one) for one in shown):
        out.append("its prototype is not there")
    if not re.search(rf"# NAME\n\n{name} - \S", page):
        out.append("NAME is another's")
    codes = set(re.findall(r"STEK_ERR_\w+", page))
    return out + [f"there is no {code}" for code in sorted(codes - world.codes)]


def check_libstek(world, pages):
    functions = {name[:-2] for name in pages if name.endswith(".3")} - {"libstek"}
    out = differences("exported symbols", functions, world.symbols)
    for name in sorted(functions & world.symbols):
        out += [f"{name}(3): {one}" for one in check_function(world, name, pages[name + ".3"])]
    page = pages["libstek.3"]
    listed = {re.sub(r"[*]|\(3\)", "", term) for term in terms(section(page, "FUNCTIONS"))}
    out += differences("libstek(3) FUNCTIONS", listed, world.symbols)
    out += differences("libstek(3) RETURN VALUE", set(re.findall(r"^\*(STEK_ERR_\w+)\*$", page, re.M)),
                       world.codes)
    sample = world.read("client-lib/examples/readme_sample.c")
    block = re.search(r"```\n(.*?)```", section(page, "EXAMPLES"), re.S).group(1)
    if block.replace("\\\\", "\\") != sample[sample.index("#include"):]:
        out.append("libstek(3): the example is not client-lib/examples/readme_sample.c")
    return out


# ---- programs ----

def options_in(text):
    return set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", text))


def options_defined(text):
    """The options that bold definitions are of."""
    return {word for term in terms(text) for word in re.findall(r"\*(--?[a-z][a-z-]*)\*", term)}


def check_stekctl(world, page):
    out = []
    help_text, pki_help = world.run("stekctl", "--help"), world.run("stekctl", "pki", "--help")
    defined = options_defined(section(page, "OPTIONS")) | {"--"}
    for word in sorted(options_in(help_text) - defined):
        out.append(f"stekctl(1): {word} of --help is not in OPTIONS")
    pki_words = options_in(pki_help)
    for word in sorted(set(re.findall(r"\*(--?[a-z][a-z-]*)\*", page)) - pki_words):
        if "there is no option" in world.run("stekctl", word):
            out.append(f"stekctl(1): stekctl knows no {word}")
    pki = options_defined(section(page, "PKI"))
    out += differences("stekctl(1) PKI", pki | {"-o", "--output", "-h", "--help"},
                       pki_words)
    verbs = {term.split("*")[1] for term in terms(section(page, "VERBS"))}
    out += differences("stekctl(1) VERBS", verbs, set(re.findall(r"^  ([a-z]+) ", help_text, re.M)))
    acts = {term.split("*")[1] for term in terms(section(page, "PKI"))}
    out += differences("stekctl(1) PKI", {act for act in acts if not act.startswith("-")},
                       set(re.findall(r"^  ([a-z]+) ", pki_help, re.M)))
    codes = set(re.findall(r"EXIT_CODE_\w+ = (\d)", world.read("daemon/ctl/exit_code.h")))
    out += differences("stekctl(1) EXIT STATUS", set(re.findall(r"^\*(\d)\*$", page, re.M)), codes)
    variables = set(re.findall(r'getenv\("(\w+)"\)', world.read_room("daemon/ctl")))
    named = {word for term in terms(section(page, "ENVIRONMENT"))
             for word in re.findall(r"\*(\w+)\*", term)}
    return out + differences("stekctl(1) ENVIRONMENT", named, variables)


def check_stekd(world, page):
    main = world.read("daemon/main.c")
    app = world.read_room("daemon/app")
    out = differences("stekd(8) OPTIONS", options_defined(section(page, "OPTIONS")) - {"-h"},
                      options_in(world.run("stekd", "--help")))
    out += differences("stekd(8) EXIT STATUS", set(re.findall(r"^\*(\d)\*$", page, re.M)),
                       set(re.findall(r"\bEXIT_[A-Z]+ = (\d)", main)))
    signals = {word for term in terms(section(page, "SIGNALS"))
               for word in re.findall(r"\*(SIG\w+)\*", term)}
    out += differences("stekd(8) SIGNALS", signals,
                       set(re.findall(r"\b(SIG(?:HUP|TERM|INT|USR1|USR2|QUIT))\b", app)))
    variables = set(re.findall(r'getenv\("(\w+)"\)', main + app + world.read_room("daemon/host")))
    named = {word for term in terms(section(page, "ENVIRONMENT"))
             for word in re.findall(r"\*(\w+)\*", term)}
    out += differences("stekd(8) ENVIRONMENT", named, variables)
    metrics = {term.strip("*") for term in terms(section(page, "METRICS"))}
    code = set(re.findall(r'"(stekd_[a-z_]+)"', world.read_room("daemon/ops")))
    return out + differences("stekd(8) METRICS", metrics, code)


# ---- all ----

def check_shape(pages):
    out = []
    ours = {name[:-2] + f"({name[-1]})" for name in pages}
    for name, page in sorted(pages.items()):
        titles = re.findall(r"^# (.*)$", page, re.M)
        for title in SECTIONS[name[-1]]:
            if name != "libstek.3" and title not in titles:
                out.append(f"{name}: no section {title}")
        for other in set(re.findall(r"\*([\w.-]+\*\(\d\))", page)):
            if other.replace("*", "") not in ours | OTHERS:
                out.append(f"{name}: speaks of {other.replace('*', '')}, which is not there")
        for other in re.findall(r"\*([\w.-]+\*\(\d\))", section(page, "SEE ALSO")):
            if other.replace("*", "") not in ours:
                out.append(f"{name}: SEE ALSO {other.replace('*', '')}, which is not ours")
    return out


def problems(world, pages):
    return (check_shape(pages) + check_libstek(world, pages) +
            check_stekctl(world, pages["stekctl.1"]) + check_stekd(world, pages["stekd.8"]))


def main(source, build):
    world = World(source, build)
    folder = os.path.join(source, "docs/man")
    pages = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".scd"):
            pages[name[:-4]] = world.read(os.path.join("docs/man", name))
    found = problems(world, pages)
    for name, old, new in FAULTS:
        if old not in pages[name]:
            found.append(f"{name}: {old!r}, which the check of this check needs, is not there")
        elif not problems(world, {**pages, name: pages[name].replace(old, new, 1)}):
            found.append(f"{name}: {new!r} in place of {old!r} is not found")
    print("\n".join(found) if found else
          f"{len(pages)} pages, {len(world.symbols)} functions, {len(FAULTS)} faults put in and found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
