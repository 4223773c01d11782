#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the command-line programs as a user does: options, exit codes, an echo under load."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time


class Verdicts:
    """What holds and what does not, counted."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def hold(self, condition, words):
        if condition:
            self.passed += 1
        else:
            self.failed += 1
            print(f"not ok - {words}")


def call(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=60)


def check_usage(verdicts, tools):
    for tool in ("coil-echo", "coil-load", "coil-doctor"):
        for option, code, where in (("--help", 0, "stdout"), ("--version", 0, "stdout"),
                                    ("--usage", 0, "stdout"), ("--no-such", 2, "stderr"),
                                    ("word", 2, "stderr")):
            done = call(tools / tool, option)
            verdicts.hold(done.returncode == code, f"{tool} {option} exits {done.returncode}")
            verdicts.hold(getattr(done, where), f"{tool} {option} says something on {where}")
        verdicts.hold(call(tools / tool, "--version").stdout.startswith(f"{tool} "),
                      f"{tool} --version names it")


def check_bad_values(verdicts, tools):
    for arguments in (["coil-load"], ["coil-load", "--port", "1", "--size", "0"],
                      ["coil-load", "--port", "1", "--size", "65k"],
                      ["coil-load", "--port", "1", "--connections", "x"],
                      ["coil-load", "--port", "1", "--seconds", "1h"],
                      ["coil-echo", "--port", "65536"], ["coil-echo", "--port", "-1"],
                      ["coil-echo", "--size", "1q"], ["coil-echo", "--spin", "fast"]):
        done = call(tools / arguments[0], *arguments[1:])
        verdicts.hold(done.returncode == 2, f"{' '.join(arguments)} exits {done.returncode}")
    for arguments in (["coil-echo", "--host", "203.0.113.1"],
                      ["coil-echo", "--unix", "/no/such/folder/socket"],
                      ["coil-load", "--unix", "/no/such/folder/socket"]):
        done = call(tools / arguments[0], *arguments[1:])
        verdicts.hold(done.returncode == 1, f"{' '.join(arguments)} exits {done.returncode}")
        verdicts.hold(done.stderr, f"{' '.join(arguments)} says why")


class Echo:
    """A running coil-echo."""

    def __init__(self, tools, *options):
        self.process = subprocess.Popen([tools / "coil-echo", *options], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.where = self.process.stdout.readline().strip().removeprefix("listening on ")

    def target(self):
        if self.where.startswith("/"):
            return ["--unix", self.where]
        return ["--port", self.where.rpartition(":")[2]]

    def stop(self, number):
        """The exit code and the last line of output."""
        self.process.send_signal(number)
        try:
            out, err = self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
        if err:
            print(err)
        return self.process.returncode, out.strip().rpartition("\n")[2]


def check_round(verdicts, tools, options, number):
    echo = Echo(tools, *options)
    words = " ".join(options)
    for size, connections in (("64", "10"), ("4k", "3"), ("64KiB", "2")):
        done = call(tools / "coil-load", *echo.target(), "--seconds", "0.5", "--warmup", "100ms",
                    "--size", size, "--connections", connections, "--json", "--server-pid",
                    echo.process.pid)
        verdicts.hold(done.returncode == 0, f"load of {size} on {words}: {done.stderr}")
        figures = json.loads(done.stdout or "{}")
        verdicts.hold(figures.get("requests", 0) > 0 and figures.get("errors") == 0,
                      f"load of {size} on {words}: {done.stdout}")
        verdicts.hold(0 < figures.get("p50_us", 0) <= figures.get("p99_us", 0)
                      <= figures.get("p999_us", 0) <= figures.get("max_us", 0),
                      f"quantiles are in order: {done.stdout}")
        verdicts.hold(figures.get("server_cpu_us", 0) > 0, "the server used some CPU time")
    code, line = echo.stop(number)
    verdicts.hold(code == 0, f"coil-echo {words} exits {code} after {number.name}")
    fields = line.split()
    verdicts.hold(fields[:1] == ["stats"] and fields[1::2] == [
        "requests", "bytes", "connections", "enters", "cpu_us"], f"the last line is: {line}")
    verdicts.hold(fields[6:7] == ["15"], f"15 connections: {line}")


def check_stop_under_load(verdicts, tools, number):
    echo = Echo(tools)
    load = subprocess.Popen([tools / "coil-load", *echo.target(), "--seconds", "20",
                             "--connections", "20", "--size", "64k", "--warmup", "0"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.5)
    begin = time.monotonic()
    code, line = echo.stop(number)
    verdicts.hold(code == 0, f"under load coil-echo exits {code} after {number.name}")
    verdicts.hold(time.monotonic() - begin < 8, "it stops soon")
    verdicts.hold(line.startswith("stats requests "), f"under load the last line is: {line}")
    out, err = load.communicate(timeout=10)
    verdicts.hold(load.returncode == 1, f"load whose server is gone exits {load.returncode}")
    verdicts.hold("errors" in out and err, f"and says so: {out} {err}")


def check_interrupted_load(verdicts, tools):
    echo = Echo(tools)
    load = subprocess.Popen([tools / "coil-load", *echo.target(), "--seconds", "30", "--warmup",
                             "0.1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.6)
    load.send_signal(signal.SIGINT)
    out, err = load.communicate(timeout=30)
    verdicts.hold(load.returncode == 0 and "requests/s" in out,
                  f"SIGINT ends a measurement, which is printed: {load.returncode} {out} {err}")
    verdicts.hold(echo.stop(signal.SIGTERM)[0] == 0, "an idle coil-echo exits 0")


def check_unix_path(verdicts, tools, folder):
    path = folder / "socket"
    for number, stays in ((signal.SIGKILL, True), (signal.SIGTERM, False)):
        echo = Echo(tools, "--unix", path)
        verdicts.hold(echo.where == str(path), f"it listens on {echo.where}")
        done = call(tools / "coil-echo", "--unix", path)
        verdicts.hold(done.returncode == 1, "a second server on the path is refused")
        echo.stop(number)
        # A killed process's ring, and with it the listener, is gone a little later.
        time.sleep(0.3)
        verdicts.hold(path.exists() == stays, f"the socket after {number.name}: {path.exists()}")


def main():
    tools = pathlib.Path(sys.argv[1]).resolve()
    verdicts = Verdicts()
    check_usage(verdicts, tools)
    check_bad_values(verdicts, tools)
    with tempfile.TemporaryDirectory(prefix="coil-tools-") as name:
        folder = pathlib.Path(name)
        check_round(verdicts, tools, [], signal.SIGINT)
        check_round(verdicts, tools, ["--host", "127.0.0.1", "--size", "1k"], signal.SIGTERM)
        check_round(verdicts, tools, ["--unix", str(folder / "echo")], signal.SIGTERM)
        check_unix_path(verdicts, tools, folder)
    check_stop_under_load(verdicts, tools, signal.SIGINT)
    check_stop_under_load(verdicts, tools, signal.SIGTERM)
    check_interrupted_load(verdicts, tools)
    print(f"{verdicts.passed} rules hold, {verdicts.failed} do not")
    return 1 if verdicts.failed else 0


if __name__ == "__main__":
    # A sanitizer's runtime may come with the build: nothing of ours is loaded into it.
    os.environ.pop("LD_PRELOAD", None)
    sys.exit(main())
