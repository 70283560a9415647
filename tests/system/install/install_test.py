# SPDX-License-Identifier: Apache-2.0
"""Installs into an empty prefix and builds outside programs against what is there, by pkg-config
and by find_package: install_test.py BUILD SOURCE CC"""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Bench, Failure, require, run_main, wait_until  # noqa: E402

CMAKE_PROJECT = """\
cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES C)
find_package(stek REQUIRED)
add_executable(outside {sample})
target_link_libraries(outside PRIVATE stek::stek)
"""


def run(argv, what, env=None):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, env=env)
    require(done.returncode == 0, f"{what} failed: {' '.join(argv)}\n{done.stdout}{done.stderr}")
    return done.stdout


def sanitizer_flags(build):
    """A program over a sanitized library must be sanitized as well."""
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as cache:
        for line in cache:
            if line.startswith("STEK_SANITIZE:") and line.strip().split("=", 1)[1]:
                kind = line.strip().split("=", 1)[1]
                return ["-fsanitize=address,undefined" if kind == "address" else "-fsanitize=thread"]
    return []


def find_one(folder, name):
    for where, _, files in os.walk(folder):
        if name in files:
            return where
    raise Failure(f"{name} was not installed")


def build_by_pkg_config(bench, prefix, cc, flags, name, sources):
    env = dict(os.environ, PKG_CONFIG_PATH=find_one(prefix, "libstek.pc"))
    words = run(["pkg-config", "--cflags", "--libs", "libstek"], "pkg-config", env).split()
    out = bench.path(name)
    run([cc, "-std=gnu11", *flags, *sources, *words, "-o", out], "building " + name)
    return out


def build_by_cmake(bench, prefix, cc, flags, sample):
    folder = bench.path("outside")
    os.mkdir(folder)
    with open(os.path.join(folder, "CMakeLists.txt"), "w", encoding="utf-8") as f:
        f.write(CMAKE_PROJECT.format(sample=sample))
    run(["cmake", "-G", "Ninja", "-S", folder, "-B", folder + "/b",
         "-DCMAKE_PREFIX_PATH=" + prefix,
         "-DCMAKE_C_COMPILER=" + cc, "-DCMAKE_C_FLAGS=" + " ".join(flags)], "find_package(stek)")
    run(["cmake", "--build", folder + "/b"], "building by find_package")
    return folder + "/b/outside"


def start_frontend(bench, program, env, daemon, cert, key, name):
    process = bench.start(name, [
        program, "--listen", "127.0.0.1:0", "--cert", cert, "--key", key, "--endpoint",
        daemon.endpoint, "--realm", "web", "--workers", "2", "--name", name], env)

    def port():
        require(process.is_running(), name + " ended: " + process.errors()[-600:])
        for line in process.output().splitlines():
            if "listening on 127.0.0.1:" in line:
                return int(line.split("127.0.0.1:")[1].split()[0])
        return None

    return wait_until(name + " listens", port)


def check_tools(prefix, env):
    for program in ("bin/stekd", "bin/stekctl"):
        run([os.path.join(prefix, program), "--version" if program == "bin/stekd" else "version"],
            "the installed " + program, env)


def main(build, arguments):
    require(len(arguments) == 2, "arguments: SOURCE CC")
    source, cc = arguments
    examples = os.path.join(source, "client-lib/examples")
    with Bench(build) as bench:
        prefix = bench.path("prefix")
        run(["cmake", "--install", build, "--prefix", prefix], "cmake --install")
        flags = sanitizer_flags(build)
        env = dict(os.environ, LD_LIBRARY_PATH=find_one(prefix, "libstek.so"))
        check_tools(prefix, env)
        frontend = build_by_pkg_config(bench, prefix, cc, flags, "tls_frontend", [
            os.path.join(examples, f) for f in sorted(os.listdir(examples))
            if f.endswith(".c") and f != "readme_sample.c"])
        sample_source = os.path.join(examples, "readme_sample.c")
        sample = build_by_pkg_config(bench, prefix, cc, flags, "sample", [sample_source])
        packaged = build_by_cmake(bench, prefix, cc, flags, sample_source)

        daemon = bench.daemon().start()
        for program in (sample, packaged):
            run([program, daemon.endpoint], "the sample of the README", env)
        refused = subprocess.run([sample, "no-such-scheme:x"], capture_output=True, text=True,
                                 env=env, check=False)
        require(refused.returncode == 1 and "libstek: " in refused.stderr,
                "the sample should say what is wrong with its endpoint")

        daemon.wait_for_active()
        cert, key = bench.certificate()
        ports = [start_frontend(bench, frontend, env, daemon, cert, key, f"fe-{i}")
                 for i in range(2)]
        wait_until("both frontends are current", lambda: all(
            r["frontends"] == 2 and r["frontends_current"] == 2
            for r in daemon.ctl("status")["realms"]))
        load = subprocess.run([bench.program("tests/system/fleet/tls_load"),
                               ",".join(map(str, ports)), "20", "12", "3"],
                              capture_output=True, text=True, check=True)
        seen = json.loads(load.stdout)
        print(load.stdout.strip())
        require(seen["failures"] == 0 and seen["refused_tls12"] + seen["refused_tls13"] == 0,
                "tickets did not cross: " + load.stderr)
        require(seen["resumed_tls12"] > 0 and seen["resumed_tls13"] > 0, "nothing was resumed")


if __name__ == "__main__":
    run_main(main)
