#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the command-line programs as a user does: options, exit codes, an echo under load."""

import http.server
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from verdicts import Verdicts  # noqa: E402


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
                      ["coil-load", "--port", "1", "--size", "17M"],
                      ["coil-load", "localhost"], ["coil-load", "ftp://localhost:1"],
                      ["coil-load", "https://localhost"], ["coil-load", "::1:80"],
                      ["coil-load", "127.0.0.1:70000"], ["coil-load", "--port", "70000"],
                      ["coil-load", "http://a b/"],
                      ["coil-load", "127.0.0.1:1", "--rate", "0"],
                      ["coil-load", "127.0.0.1:1", "--rate", "5x"],
                      ["coil-load", "127.0.0.1:1", "--new-connections", "--pipeline", "2"],
                      ["coil-load", "--port", "1", "--connections", "x"],
                      ["coil-load", "--port", "1", "--seconds", "1h"],
                      ["coil-echo", "--port", "65536"], ["coil-echo", "--port", "-1"],
                      ["coil-echo", "--size", "1q"], ["coil-echo", "--spin", "fast"],
                      ["coil-echo", "--receive", "all"]):
        done = call(tools / arguments[0], *arguments[1:])
        verdicts.hold(done.returncode == 2, f"{' '.join(arguments)} exits {done.returncode}")
    for arguments in (["coil-echo", "--host", "203.0.113.1"],
                      ["coil-echo", "--unix", "/no/such/folder/socket"],
                      ["coil-load", "--unix", "/no/such/folder/socket"]):
        done = call(tools / arguments[0], *arguments[1:])
        verdicts.hold(done.returncode == 1, f"{' '.join(arguments)} exits {done.returncode}")
        verdicts.hold(done.stderr, f"{' '.join(arguments)} says why")


def check_full_output(verdicts, tools):
    """What cannot be printed is told, and is no success."""
    for arguments, code in ((["coil-doctor"], 2), (["coil-sim"], 1), (["coil-sim", "--list"], 1)):
        with open("/dev/full", "w") as full:
            done = subprocess.run([tools / arguments[0], *arguments[1:]], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=60)
        verdicts.hold(done.returncode == code,
                      f"{' '.join(arguments)} > /dev/full exits {done.returncode}")
        verdicts.hold("standard output: " in done.stderr,
                      f"{' '.join(arguments)} > /dev/full says: {done.stderr}")


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
        "requests", "bytes", "connections", "enters", "cpu_us", "sqes", "cqes",
        "allocations"], f"the last line is: {line}")
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


class Answers(http.server.BaseHTTPRequestHandler):
    """Bodies of both kinds, other statuses, silence, and nonsense."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n")
        elif self.path == "/silence":
            time.sleep(1.5)
            self.close_connection = True
        elif self.path == "/nonsense":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx")
            self.close_connection = True
        elif self.path == "/end":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
            self.close_connection = True
        else:
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

    def log_message(self, *_):
        pass


def check_http(verdicts, tools):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    for path, status, options in (("/", "200", []), ("/chunks", "200", []), ("/no", "404", []),
                                  ("/end", "200", []), ("/", "200", ["--new-connections"]),
                                  ("/chunks", "200", ["--pipeline", "4"]),
                                  ("/", "200", ["--rate", "50", "--ramp", "0.1"])):
        done = call(tools / "coil-load", base + path, "-t", "0.4", "--warmup", "0.1", "-c", "2",
                    "--json", *options)
        figures = json.loads(done.stdout or "{}")
        words = f"{path} {' '.join(options)}: {done.stdout} {done.stderr}"
        verdicts.hold(done.returncode == 0, f"load of {words}")
        verdicts.hold(figures.get("requests", 0) > 0 and figures.get("statuses") ==
                      {status: figures["requests"]}, f"all have status {status}: {words}")
        verdicts.hold(len(figures.get("seconds_series", [])) == 1, f"a row a second: {words}")
    for path, kind in (("/silence", "timeout"), ("/nonsense", "malformed")):
        done = call(tools / "coil-load", base + path, "-t", "1", "--warmup", "0", "--timeout",
                    "300ms", "--json")
        figures = json.loads(done.stdout or "{}")
        verdicts.hold(done.returncode == 1 and done.stderr, f"{path} is an error")
        verdicts.hold(figures.get("errors_by_kind", {}).get(kind, 0) > 0 and
                      figures["requests"] == 0 and figures["p50_us"] is None,
                      f"{path} is of kind {kind}: {done.stdout}")
    server.shutdown()
    server.server_close()


def check_open_loop(verdicts, tools):
    """A server that stops for a while: the open loop sees it, the closed one does not."""
    echo = Echo(tools)
    figures = {}
    for name, options in (("closed", []), ("open", ["--rate", "400"])):
        load = subprocess.Popen([tools / "coil-load", *echo.target(), "-t", "2", "--warmup", "0.2",
                                 "--json", *options], stdout=subprocess.PIPE, text=True)
        time.sleep(1)
        echo.process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        echo.process.send_signal(signal.SIGCONT)
        figures[name] = json.loads(load.communicate(timeout=20)[0])
    verdicts.hold(figures["open"]["planned"] == 800, f"800 are planned: {figures['open']}")
    verdicts.hold(figures["open"]["p90_us"] > 100000 > figures["closed"]["p99_us"],
                  f"a stall shows in the open loop alone: {figures}")
    verdicts.hold(figures["open"]["max_us"] > 400000, f"with its length: {figures['open']}")
    figures = json.loads(call(tools / "coil-load", *echo.target(), "-t", "0.5", "--warmup", "0",
                              "-r", "10M", "-s", "16k", "--json").stdout)
    verdicts.hold(figures["unanswered"] > 0 and figures["unanswered"] + figures["requests"] ==
                  figures["planned"], f"a rate that is too high leaves a queue: {figures}")
    echo.stop(signal.SIGTERM)


def check_progress(verdicts, tools):
    echo = Echo(tools)
    done = call(tools / "coil-load", *echo.target(), "-t", "2.5", "--progress")
    lines = done.stderr.splitlines()
    verdicts.hold(len(lines) == 3 and "requests/s" in lines[0], f"a line a second: {lines}")
    done = call(tools / "coil-load", *echo.target(), "-t", "0.2")
    verdicts.hold(done.stderr == "", f"no such line where nobody looks: {done.stderr}")
    done = call(tools / "coil-load", *echo.target(), "-c", "1000000")
    verdicts.hold(done.returncode == 1 and "ulimit" in done.stderr, f"too many: {done.stderr}")
    echo.stop(signal.SIGTERM)
    done = call(tools / "coil-load", *echo.target(), "-t", "1")
    verdicts.hold(done.returncode == 1 and "nobody listens" in done.stderr,
                  f"a server that is gone: {done.stderr}")


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
    check_full_output(verdicts, tools)
    with tempfile.TemporaryDirectory(prefix="coil-tools-") as name:
        folder = pathlib.Path(name)
        check_round(verdicts, tools, [], signal.SIGINT)
        check_round(verdicts, tools, ["--host", "127.0.0.1", "--size", "1k"], signal.SIGTERM)
        check_round(verdicts, tools, ["--unix", str(folder / "echo")], signal.SIGTERM)
        check_unix_path(verdicts, tools, folder)
    check_stop_under_load(verdicts, tools, signal.SIGINT)
    check_stop_under_load(verdicts, tools, signal.SIGTERM)
    check_interrupted_load(verdicts, tools)
    check_http(verdicts, tools)
    check_open_loop(verdicts, tools)
    check_progress(verdicts, tools)
    print(f"{verdicts.passed} rules hold, {verdicts.failed} do not")
    return 1 if verdicts.failed else 0


if __name__ == "__main__":
    # A sanitizer's runtime may come with the build: nothing of ours is loaded into it.
    os.environ.pop("LD_PRELOAD", None)
    sys.exit(main())
