#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold lib/'s #includes against the table in lib/meson.build, and its symbols against the rules."""

import argparse
import ast
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from verdicts import Verdicts  # noqa: E402

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
TABLE = re.compile(r"^rooms = (\{.*?^\})", re.M | re.S)
PROTOTYPE = re.compile(r"^(?!typedef|static|#|\s|/|\*)[^;{}()=]*?\b(coil_\w+)\s*\(", re.M)

# liburing's io_uring_prep_* are vocabulary of these; the others do not know the kernel.
KNOW_LIBURING = {"ring", "loop", "net", "fs", "proc", "work", "many", "sim"}


def read_table(root, verdicts):
    text = (root / "lib/meson.build").read_text()
    tables = TABLE.findall(text)
    verdicts.hold(len(tables) == 1, "lib/meson.build has the table `rooms = {` once")
    return ast.literal_eval(tables[0])


def check_table(root, table, verdicts):
    seen = set()
    for room, below in table.items():
        for other in below:
            verdicts.hold(other in seen, f"{room} may include {other}: {other} stands above it "
                                         "in the table, so there is no cycle")
        seen.add(room)
    for path in (root / "lib").iterdir():
        if path.is_dir() and any(path.glob("*.[chS]")):
            verdicts.hold(path.name in table, f"lib/{path.name} is a room of the table")


def check_includes(root, table, verdicts):
    for path in sorted((root / "lib").glob("*/*.[chS]")):
        room = path.parent.name
        for kind, name in INCLUDE.findall(path.read_text()):
            where = f"{path.relative_to(root)} includes {kind}{name}"
            target, _, rest = name.partition("/")
            if target in table and rest and kind == '"':
                verdicts.hold(target == room or target in table.get(room, []),
                              f"{where}, but {room} may only include {table.get(room)}")
            elif target in ("liburing.h", "liburing") or name == "linux/io_uring.h":
                verdicts.hold(room in KNOW_LIBURING, f"{where}, but {room} must not know liburing")
            elif kind == '"' and target not in ("coil", "coil.h"):
                verdicts.hold((path.parent / name).exists() and rest == "",
                              f'{where}: say "room/module.h"')
    for path in sorted((root / "include").rglob("*.h")):
        for kind, name in INCLUDE.findall(path.read_text()):
            where = f"{path.relative_to(root)} includes {name}"
            verdicts.hold("liburing" not in name, where)
            verdicts.hold(name.partition("/")[0] not in table, where)


def check_build_files(root, verdicts):
    """A source that no meson.build names would be dead, and nobody would notice."""
    for folder in ("lib", "tests", "bench", "tools", "docs/examples"):
        for path in sorted((root / folder).rglob("*.[cS]")):
            builds = (root / folder.split("/")[0]).rglob("meson.build")
            text = "".join(build.read_text() for build in builds)
            name = re.escape(path.stem) + r"(\.[cS])?'"
            verdicts.hold(re.search("['/]" + name, text),
                          f"{path.relative_to(root)} is in no meson.build")


# Headers of libraries of their own: coil.h is without them, and libcoil without their functions.
APART = {"bench.h"}


def check_umbrella(root, verdicts):
    umbrella = root / "include/coil.h"
    included = {name for _, name in INCLUDE.findall(umbrella.read_text())}
    for path in (root / "include/coil").glob("*.h"):
        if path.name in APART:
            verdicts.hold(f"coil/{path.name}" not in included,
                          f"coil.h does not include coil/{path.name}")
            continue
        verdicts.hold(f"coil/{path.name}" in included, f"coil.h includes coil/{path.name}")


def nm(path, *options):
    done = subprocess.run(["nm", *options, str(path)], capture_output=True, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines() if line.strip()]


def check_internal(archive, verdicts):
    for words in nm(archive, "-A", "--undefined-only"):
        member = re.search(r"(?:^|[:/])([a-z]+)_[^/:]*\.o:?", words[0])
        symbol = words[-1]
        if member and re.match(r"_*io_uring_", symbol):
            verdicts.hold(member[1] == "ring", f"{member[0]} calls {symbol}: only ring may")


def declared(root, apart):
    """The functions of libcoil's headers, or of those apart."""
    for path in sorted((root / "include").rglob("*.h")):
        if (path.name in APART) != apart:
            continue
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
        text = re.sub(r"\\\n", " ", text)
        text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
        for match in PROTOTYPE.finditer(text):
            if "static" not in match[0]:
                yield match[1]


def check_exports(root, artefact, options, verdicts):
    apart = "bench" in artefact.name
    exported = {words[-1].partition("@")[0] for words in nm(artefact, "--defined-only", *options)
                if len(words) == 3 and words[1] != "A"}
    for symbol in sorted(exported):
        verdicts.hold(symbol.startswith("coil_"), f"{artefact.name} exports {symbol}")
    for symbol in sorted(set(declared(root, apart))):
        verdicts.hold(symbol in exported, f"{artefact.name} exports {symbol}, which is declared "
                                          "in include/")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--internal", type=pathlib.Path)
    parser.add_argument("--shared", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--static", type=pathlib.Path, action="append", default=[])
    args = parser.parse_args()
    verdicts = Verdicts()
    table = read_table(args.root, verdicts)
    check_table(args.root, table, verdicts)
    check_includes(args.root, table, verdicts)
    check_umbrella(args.root, verdicts)
    check_build_files(args.root, verdicts)
    if args.internal:
        check_internal(args.internal, verdicts)
    for artefact in args.shared:
        check_exports(args.root, artefact, ["-D"], verdicts)
    for artefact in args.static:
        check_exports(args.root, artefact, ["-g"], verdicts)
    print(f"{verdicts.passed} rules hold, {verdicts.failed} do not")
    return 1 if verdicts.failed else 0


if __name__ == "__main__":
    sys.exit(main())
