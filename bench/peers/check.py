#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each server that was built: answers over TCP and unix, big and small, and ends in order."""

import pathlib
import re
import signal
import subprocess
import sys
import tempfile

LINE = re.compile(r"stats requests (\d+) bytes (\d+) connections (\d+) syscalls \d+ cpu_us \d+")
PYTHON = "/usr/bin/python3"


def commands(folder):
    """The servers that are there, by name."""
    found = {path.name: [path] for kind in ("echo_*", "hello_*")
             for path in sorted(folder.glob(kind)) if path.is_file() and not path.suffix}
    script = folder / "echo_asyncio.py"
    if script.exists():
        found["asyncio"] = [PYTHON, script]
        if subprocess.run([PYTHON, "-c", "import uvloop"], check=False,
                          stderr=subprocess.DEVNULL).returncode == 0:
            found["uvloop"] = [PYTHON, script, "--loop", "uvloop"]
    script = folder / "hello_nginx.py"
    if script.exists():
        found["hello_nginx"] = [sys.executable, script]
    return found


def loads(name, where):
    """Arguments of coil-load, several times, and how many connections that makes."""
    if not name.startswith("hello_"):
        return [[where, *options] for options in (
            ["-c", "20"], ["-c", "3", "-s", "64k"], ["-s", "1M"],
            ["-c", "2", "--pipeline", "8"])], 26
    target = [f"http://{where}/"]
    if where.startswith("/"):
        target = ["--unix", where, "http://localhost/"]
    return [[*target, *options] for options in (["-c", "20"], ["-c", "2", "--pipeline", "16"])], 22


def check(name, command, load):
    """What is wrong with one server, in words."""
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline().strip()
        if not line.startswith("listening on "):
            return f"{name} says '{line}'"
        where = line.removeprefix("listening on ")
        lines, connections = loads(name, where)
        for options in lines:
            done = subprocess.run([load, *options, "-t", "0.2", "--warmup", "0"],
                                  capture_output=True, text=True, timeout=30, check=False)
            if done.returncode != 0:
                return f"{name}, {' '.join(options)}: {done.stdout}{done.stderr}"
        server.send_signal(signal.SIGTERM)
        last = server.communicate(timeout=10)[0].strip().rpartition("\n")[2]
        found = LINE.fullmatch(last)
        if name.startswith("hello_nginx"):
            # Nobody asks it for figures.
            return f"{name} ends with {server.returncode}" if server.returncode else None
        if server.returncode != 0 or not found or found[3] != str(connections):
            return f"{name} ends with {server.returncode} and '{last}'"
        return None
    finally:
        server.kill()
        server.wait()


def main():
    folder, tools = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="coil-peers-") as name:
        for server, command in commands(folder).items():
            for options in ([], ["--unix", f"{name}/{server}"]):
                words = check(f"{server} {' '.join(options)}", [*command, *options],
                              tools / "coil-load")
                passed, failed = passed + (not words), failed + bool(words)
                if words:
                    print(f"not ok - {words}")
    print(f"{passed} rules hold, {failed} do not")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
