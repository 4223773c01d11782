#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold the pages to what is there: names of Coil and asyncio, tests, links, quoted programs."""

import argparse
import pathlib
import re
import sys

# What asyncio has gained since the oldest Python that runs this.
NEWER = """
    TaskGroup TaskGroup.create_task Runner Runner.run Runner.close Runner.get_loop Barrier
    eager_task_factory create_eager_task_factory Task.get_context QueueShutDown Queue.shutdown
    Server.close_clients Server.abort_clients EventLoop Handle.get_context
    capture_call_graph print_call_graph format_call_graph FutureCallGraph FrameCallGraphEntry
    future_add_to_awaited_by future_discard_from_awaited_by
""".split()

# Classes that stand in the page under another name.
STANDS_AS = {"AbstractEventLoop": "loop", "BaseEventLoop": "loop", "SelectorEventLoop": "loop"}

# Read from the environment, so that no header declares them.
ENVIRONMENT = {"COIL_DEBUG", "COIL_KERNEL_MASK", "COIL_SIM_SEED"}

# The numbered rules of asyncio's behaviour, and the departures from it (docs/asyncio.md's first
# table): how many each chapter has. Each has a test with its number in the name. The chapters
# between 13 and 17 belong to streams, servers and processes.
RULES = {"b1": 11, "b2": 6, "b3": 11, "b4": 4, "b5": 10, "b6": 2, "b7": 4, "b8": 7, "b9": 9,
         "b10": 4, "b11": 3, "b12": 5, "b13": 6, "b14": 6, "b15": 3, "b17": 3, "a8": 7}

TEST = re.compile(r"^(?!static|struct)[A-Z][A-Z_]*\(\s*(\w+),\s*(\w+)", re.M)
# A macro of a room that makes a test of a name alone, in a suite that it names itself.
MACRO = re.compile(r"^#define (\w+)\(name\b[^)]*\)(?:.*\\\n)*?.*\b[A-Z_]+\((\w+), name\b", re.M)
QUOTE = re.compile(r"<!-- (docs/examples/\S+) -->\n\n```\w*\n(.*?)^```$", re.M | re.S)


def declared(root):
    """Every name in the public headers, comments aside."""
    names = set()
    for path in (root / "include").rglob("*.h"):
        code = re.sub(r"/\*.*?\*/", " ", path.read_text(), flags=re.S)
        names.update(re.findall(r"\b(?:coil|COIL)_\w+", code))
    return names


def tests(root):
    """Every test as suite/name, and every suite."""
    found = set()
    for room in (root / "tests").iterdir():
        sources = {path: path.read_text() for path in room.glob("*.[ch]")}
        macros = {pair for text in sources.values() for pair in MACRO.findall(text)}
        for path, text in sources.items():
            if path.suffix != ".c":
                continue
            found.update(f"{suite}/{name}" for suite, name in TEST.findall(text))
            for macro, suite in macros:
                found.update(f"{suite}/{name}"
                             for name in re.findall(rf"^{macro}\((\w+)", text, re.M))
    return found


def rows(page):
    """The asyncio names in the first columns of the page's tables."""
    names = set()
    for line in page.splitlines():
        if line.startswith("| "):
            first = line.split(" | ")[0]
            names.update(re.sub(r"\(.*", "", name) for name in re.findall(r"`([^`]+)`", first))
    return names


def own_names(asyncio):
    """What asyncio exports: names, and the public methods that each class defines itself."""
    for name in asyncio.__all__:
        yield name, {name}
        thing = getattr(asyncio, name)
        if not isinstance(thing, type):
            continue
        for method, value in vars(thing).items():
            if method.startswith("_") or not (callable(value) or isinstance(value, property)):
                continue
            owners = [STANDS_AS.get(owner.__name__, owner.__name__) for owner in thing.__mro__]
            yield f"{name}.{method}", {f"{owner}.{method}" for owner in owners}


def check_asyncio(page, fail):
    there = rows(page)
    for name in NEWER:
        if name not in there:
            fail(f"docs/asyncio.md has no row for {name}")
    try:
        import asyncio
    except ImportError:
        print("skipped: this python has no asyncio")
        return
    for name, accepted in own_names(asyncio):
        if not accepted & there:
            fail(f"docs/asyncio.md has no row for {name}")


def check_cells(path, text, fail):
    """No row without a counterpart or a reason, nor without a test where there is a counterpart."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("| ") or cells[0] in ("asyncio", "Coil"):
            continue
        counterpart = cells[1] if "asyncio" in path.name else ""
        if not counterpart:
            fail(f"{path}: an empty row: {line[:60]}")
        elif "`coil_" in counterpart and "not needed" not in line and not re.search(
                r"`\w+/\w+`", cells[-1].rstrip(" |")):
            fail(f"{path}: no test holds: {line[:60]}")


def check_rules(there, fail):
    held = {tuple(test.split("/")[1].split("_")[:2]) for test in there}
    for chapter, count in RULES.items():
        for number in range(1, count + 1):
            if (chapter, str(number)) not in held:
                fail(f"no test holds rule {chapter}_{number}")


def check_page(root, path, names, there, fail):
    text = path.read_text()
    where = path.relative_to(root)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    for name in sorted(set(re.findall(r"\b(?:coil|COIL)_[A-Za-z0-9_]+", prose))):
        if name.endswith("_"):
            known = any(other.startswith(name) for other in names)
        else:
            known = name in names or name in ENVIRONMENT
        if not known:
            fail(f"{where}: {name} is not declared in include/coil")
    suites = {test.split("/")[0] for test in there}
    for test in sorted(set(re.findall(r"`(\w+/\w+)`", prose))):
        if test not in there and (test.split("/")[0] in suites or "_" in test) \
                and not (root / test).exists():
            fail(f"{where}: there is no test {test}")
    for link in re.findall(r"\]\(([^)#:]+)\)", prose):
        if not (path.parent / link).exists():
            fail(f"{where}: {link} is not there")
    for file in re.findall(r"`((?:docs|coil|tests|lib|tools)/[\w./-]+)`", prose):
        if not (root / file).exists() and not (root / "include" / file).exists():
            fail(f"{where}: {file} is not there")
    for file, quoted in QUOTE.findall(text):
        if not (root / file).exists():
            fail(f"{where}: {file} is not there")
        elif (root / file).read_text() != quoted:
            fail(f"{where}: the quoted program is not {file}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=pathlib.Path, help="the source tree")
    root = parser.parse_args().root.resolve()
    failures = []
    fail = failures.append
    names = declared(root)
    there = tests(root)
    pages = [root / "README.md", root / "CHANGELOG.md", *sorted((root / "docs").glob("*.md"))]
    for path in pages:
        check_page(root, path, names, there, fail)
    for guide in sorted((root / "docs").glob("from-*.md")):
        if not QUOTE.search(guide.read_text()):
            fail(f"{guide.name} quotes no program")
    page = root / "docs" / "asyncio.md"
    check_cells(page, page.read_text(), fail)
    check_rules(there, fail)
    check_asyncio(page.read_text(), fail)
    print("\n".join(failures))
    print(f"{len(pages)} pages, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
