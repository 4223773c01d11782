#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compile each header alone: the public ones as strict C11 and C++17, the others as gnu17."""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def find_cxx(cc):
    """The C++ compiler of the same make as the C one, if it can compile."""
    if os.environ.get("CXX"):
        return os.environ["CXX"]
    beside = cc[-1].replace("clang", "clang++").replace("gcc", "g++")
    for name in (beside, "c++", "g++", "clang++"):
        if name != cc[-1] and shutil.which(name):
            return name
    return None


def compile_alone(command, include, header, before=""):
    source = f'{before}#include "{header}"\n#include "{header}"\n'
    args = command + [f"-I{path}" for path in include] + ["-fsyntax-only", "-"]
    done = subprocess.run(args, input=source, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stderr


def jobs(root, cc, uring):
    public = root / "include"
    names = sorted(p.relative_to(public).as_posix() for p in public.rglob("*.h"))
    cxx = find_cxx(cc)
    if not cxx:
        print("no C++ compiler: the C++17 half is left out", file=sys.stderr)
    for name in names:
        yield f"{name} as C11", cc + ["-xc", "-std=c11", *STRICT, "-Wconversion"], [public], name
        if cxx:
            yield f"{name} as C++17", [cxx, "-xc++", "-std=c++17", *STRICT], [public], name
    inside = cc + ["-xc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"]
    if uring:
        inside += ["-isystem", uring]
    private = root / "lib"
    target = subprocess.run(cc + ["-dumpmachine"], capture_output=True, text=True,
                            check=False).stdout
    for path in sorted(private.glob("*/*.h")):
        name = path.relative_to(private).as_posix()
        machine = re.search(r"_(x86_64|aarch64)$", path.stem)
        if machine and not target.startswith(machine[1]):
            continue
        yield f"lib/{name} alone", inside, [private, public], name


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--uring-include", default="")
    parser.add_argument("cc", nargs="+", help="after --: the C compiler's command")
    args = parser.parse_args()
    failed = passed = 0
    todo = list(jobs(args.root, args.cc, args.uring_include))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda job: compile_alone(*job[1:]), todo)
        for (title, *_), (good, words) in zip(todo, results):
            passed += good
            failed += not good
            if not good:
                print(f"not ok - {title}\n{words}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
