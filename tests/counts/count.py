#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts fixed scenarios under callgrind and compares them with the baseline.

count.py --counts coil-counts --bench coil-bench --baseline FILE --build WORDS [--renew]

Instructions are the library's own: those of the functions in lib/ but not of the simulated kernel
(lib/sim, lib/simrun), and none of libc's, whose memcpy is another on another processor. System
calls are the calls that the library makes of its driver (on the real kernel each is one), the clock
and the allocator aside. All is for one iteration: the difference of a run of many and one of few,
divided.

Exit status: 0 as the baseline says; 1 not; 77 nothing can be said here, and why.
"""

import argparse
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

FEW, MANY = 20, 120
HEAVY = {"timers_1000": (2, 12)}
SKIPPED = 77
SIMULATION = re.compile(r"(^|/)lib/(sim|simrun)/")
LIBRARY = re.compile(r"(^|/)(lib/[a-z]+/\w+\.[chS]|include/coil/\w+\.h)$")
# What the simulation asks the library each turn, to see whether it holds together.
CHECKS = re.compile(r"_is_valid$|^task_next_inside$")
# The clock, which is no system call, and the allocator of simulated programs.
NO_CALLS = {"ring_now", "take", "give_back", "resize"}
HEAD = """\
# Counts of one iteration of each scenario (tests/counts) in a release build, under callgrind.
# build: {build}
# also: {also}
# Made by: ninja -C BUILD counts-baseline
# name               instructions  allocations   calls    sqes
"""


class Skip(Exception):
    """Nothing can be counted or compared here."""


def last_number(line):
    return int(line.split()[-1])


class Profile:
    """A file of callgrind's: instructions of the library, calls of the driver."""

    def __init__(self, path):
        self.names = {}
        self.instructions = 0
        self.calls = {}
        self.file = self.function = self.function_file = ""
        self.callee = self.callee_file = ""
        self.skip_line = False
        for line in path.read_text(errors="replace").splitlines():
            self.read(line)

    def name(self, kind, text):
        """Names are said once: '(7) name', and '(7)' from then on."""
        number, _, name = text.partition(" ")
        if name:
            self.names[kind, number] = name
        return self.names.get((kind, number), text)

    def read(self, line):
        key, sign, value = line.partition("=")
        if sign and key in ("fl", "fi", "fe"):
            self.file = self.name("file", value)
        elif sign and key == "fn":
            self.function = self.name("function", value)
            self.function_file = self.file
            self.callee_file = ""
        elif sign and key in ("cfi", "cfl"):
            self.callee_file = self.name("file", value)
        elif sign and key == "cfn":
            self.callee = self.name("function", value)
        elif sign and key == "calls":
            self.note_calls(int(value.split()[0]))
        elif line[:1] in set("0123456789+-*"):
            self.note_cost(line)

    def is_library(self):
        return (LIBRARY.search(self.function_file) and not CHECKS.search(self.function)
                and not SIMULATION.search(self.function_file))

    def note_calls(self, count):
        if self.is_library() and SIMULATION.search(self.callee_file):
            self.calls[self.callee] = self.calls.get(self.callee, 0) + count
        self.callee_file = ""
        self.skip_line = True

    def note_cost(self, line):
        # The line after calls= is what the callee took.
        if self.is_library() and not self.skip_line:
            self.instructions += last_number(line)
        self.skip_line = False


def run_once(program, name, times, folder):
    out = folder / f"{name}.{times}"
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", program, name, str(times)],
        capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise RuntimeError(f"{name}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    words = done.stdout.split()
    said = dict(zip(words[::2], map(int, words[1::2])))
    profile = Profile(out)
    if not profile.instructions:
        raise Skip("the build has no debug information: -Ddebug=true")
    calls = sum(n for callee, n in profile.calls.items() if callee not in NO_CALLS)
    return profile.instructions, said["allocations"], calls, said["sqes"]


def count(program, name, folder):
    few, many = HEAVY.get(name, (FEW, MANY))
    before, after = (run_once(program, name, times, folder) for times in (few, many))
    return [(b - a) / (many - few) for a, b in zip(before, after)]


def count_all(program):
    names = subprocess.run([program], capture_output=True, text=True, timeout=60,
                           check=True).stdout.split()
    with tempfile.TemporaryDirectory(prefix="coil-counts-") as folder:
        return {name: count(program, name, pathlib.Path(folder)) for name in names}


def text_of(counts, build):
    valgrind = subprocess.run(["valgrind", "--version"], capture_output=True, text=True,
                              timeout=60, check=True).stdout.strip()
    rows = [f"{name:20} {row[0]:12.1f} {row[1]:12.8g} {row[2]:7.8g} {row[3]:7.8g}\n"
            for name, row in counts.items()]
    also = f"{valgrind}, {' '.join(platform.libc_ver())}"
    return HEAD.format(build=build, also=also) + "".join(rows)


def build_of(path):
    found = re.search(r"^# build: (.*)$", path.read_text(), re.M) if path.exists() else None
    return found[1] if found else "none"


def run(options):
    if not shutil.which("valgrind"):
        raise Skip("no valgrind (tools/setup --all installs it)")
    known = build_of(options.baseline)
    if not options.renew and known != options.build:
        raise Skip(f"no baseline for this compiler: it is of {known}, this is {options.build}")
    text = text_of(count_all(options.counts), options.build)
    if options.renew:
        options.baseline.write_text(text)
        print(text, end="")
        return 0
    with tempfile.NamedTemporaryFile("w", prefix="coil-counts-") as now:
        now.write(text)
        now.flush()
        done = subprocess.run([options.bench, "count", options.baseline, now.name], timeout=60,
                              check=False)
    if done.returncode:
        print(text)
    return done.returncode


def main():
    parser = argparse.ArgumentParser(description="Counts fixed scenarios under callgrind.")
    parser.add_argument("--counts", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--bench", type=pathlib.Path, help="coil-bench, which compares")
    parser.add_argument("--baseline", type=pathlib.Path, required=True)
    parser.add_argument("--build", required=True, help="compiler, flags, architecture, libc")
    parser.add_argument("--renew", action="store_true", help="write the baseline anew")
    options = parser.parse_args()
    try:
        return run(options)
    except Skip as why:
        print(f"skipped: {why}")
        return SKIPPED


if __name__ == "__main__":
    sys.exit(main())
