#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The style that a machine can hold: sizes, guards, doc comments, banned calls."""

import pathlib
import re
import sys

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 600
COLUMNS_MAX = 100
FILE_BYTES_MAX = 200 << 10
SKIP_DIRS = {".git", "build", "subprojects", "__pycache__", ".cache"}
CODE = {".c", ".h", ".S"}
TEXT = CODE | {".py", ".sh", ".build", ".txt", ".map", ".md", ""}

# call: what to take instead
BANNED = {
    r"strcpy\s*\(": "snprintf, or memcpy with a known length",
    r"strcat\s*\(": "snprintf",
    r"sprintf\s*\(": "snprintf",
    r"vsprintf\s*\(": "vsnprintf",
    r"gets\s*\(": "fgets",
    r"alloca\s*\(": "a bounded array, or the loop's allocator",
    r"assert\s*\(": "check() in the library, EXPECT or ASSERT in tests",
    r"dup\s*\(": "fcntl(fd, F_DUPFD_CLOEXEC, 0)",
    r"dup2\s*\(": "dup3",
    r"pipe\s*\(": "pipe2 with O_CLOEXEC",
    r"signal\s*\(": "sigaction",
    r"usleep\s*\(": "nanosleep, or coil_sleep",
    r"atoi\s*\(": "strtol, with its errors read",
    r"system\s*\(": "posix_spawn",
    r"tmpnam\s*\(": "mkstemp, or memfd_create",
    r"errno\s*=(?!=)": "a negative errno as the return value",
}
BANNED = {re.compile(r"(?<![\w.])(?<!->)" + call): better for call, better in BANNED.items()}
UNFINISHED = re.compile(r"\b(" + "TO" + "DO|FIX" + "ME|XX" + r"X)\b")
STRINGS = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'')
ALLOW = "tidy: allow"


class Report:
    """The findings, each with its place."""

    def __init__(self, root):
        self.root = root
        self.findings = 0
        self.files = 0
        self.bad_files = set()

    def say(self, path, line, words):
        self.findings += 1
        self.bad_files.add(path)
        print(f"{path.relative_to(self.root)}:{line}: {words}")


def blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def without_comments(text):
    """The same text, comments blanked, so that line numbers hold."""
    pattern = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', re.S)
    return pattern.sub(lambda m: m[0] if m[0][0] in "\"'" else blank(m), text)


def check_lines(report, path, text):
    for number, line in enumerate(text.splitlines(), 1):
        if line != line.rstrip():
            report.say(path, number, "space at the end of the line")
        if UNFINISHED.search(line):
            report.say(path, number, "unfinished: do it, or say in words what is so")
        columns = len(line.expandtabs(8))
        if path.suffix in CODE | {".py"} and columns > COLUMNS_MAX:
            report.say(path, number, f"{columns} columns, at most {COLUMNS_MAX}")
    if text and not text.endswith("\n"):
        report.say(path, text.count("\n") + 1, "no newline at the end of the file")


def check_sizes(report, path, text):
    lines = text.splitlines()
    if len(lines) > FILE_LINES_MAX:
        report.say(path, len(lines), f"{len(lines)} lines, at most {FILE_LINES_MAX}: split it")
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{") and number > 1 and lines[number - 2].rstrip().endswith(")"):
            start = number
        elif line.startswith("}") and start:
            length = number - start + 1
            if length > FUNCTION_LINES_MAX:
                report.say(path, start, f"a function of {length} lines, at most "
                                        f"{FUNCTION_LINES_MAX}: name its steps")
            start = None


def check_banned(report, path, text, code):
    originals = text.splitlines()
    for number, line in enumerate(code.splitlines(), 1):
        line = STRINGS.sub('""', line)
        for call, better in BANNED.items():
            found = call.search(line)
            if found and ALLOW not in originals[number - 1]:
                report.say(path, number, f"{found[0].strip()} is banned: take {better}")


def wanted_guard(report, path):
    parts = list(path.relative_to(report.root).with_suffix("").parts)
    if parts[0] == "include":
        parts = parts[1:]
        if parts[0] == "coil":
            parts = parts[1:]
    elif parts[0] == "lib":
        parts = parts[1:]
    name = re.sub(r"\W", "_", "_".join(parts)).upper()
    return f"COIL_{name}_H" if name else "COIL_H"


def check_guard(report, path, text):
    found = re.search(r"^#ifndef (\w+)\n#define (\w+)\n", text, re.M)
    guard = wanted_guard(report, path)
    if not found or found[1] != guard or found[2] != guard:
        report.say(path, 1, f"the header guard must be {guard}")


def statements(code):
    """(line, text) of each statement at file level that ends with a semicolon."""
    depth, start, collected = 0, None, []
    for number, line in enumerate(code.splitlines(), 1):
        if line.startswith("#") or 'extern "C"' in line or line == "}":
            collected, depth = [], 0
            continue
        if not line.strip():
            continue
        if not collected:
            start = number
        collected.append(line)
        depth += line.count("{") - line.count("}")
        if depth == 0 and re.search(r"[;}]\s*$", line):
            yield start, " ".join(collected)
            collected = []


def check_docs(report, path, text):
    code = re.sub(r"\\\n", lambda _: "  \n", without_comments(text))
    code = re.sub(r"^[ \t]*#.*$", "#", code, flags=re.M)
    lines = text.splitlines()
    for start, statement in statements(code):
        head = statement.split("(", 1)[0]
        name = re.search(r"\b(coil_\w+)\s*$", head)
        if not name or re.match(r"\s*(typedef|struct \w+ \{|union|enum \w+ \{)", statement):
            continue
        above = start - 2
        while above >= 0 and lines[above].lstrip().startswith("*") and "*/" not in lines[above]:
            above -= 1
        if above < 0 or "*/" not in lines[above]:
            report.say(path, start, f"{name[1]} has no doc comment right above it")
            continue
        while above >= 0 and "/*" not in lines[above]:
            above -= 1
        if "/**" not in lines[above]:
            report.say(path, start, f"the comment above {name[1]} must begin with /**")


def check_file(report, path):
    if path.stat().st_size > FILE_BYTES_MAX:
        report.say(path, 1, f"larger than {FILE_BYTES_MAX >> 10} KB")
        return
    if path.suffix not in TEXT:
        return
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        report.say(path, 1, "not UTF-8")
        return
    check_lines(report, path, text)
    if path.suffix not in CODE:
        return
    head = text[:200]
    if "SPDX-License-Identifier: MIT" not in head:
        report.say(path, 1, "the first line must be /* SPDX-License-Identifier: MIT */")
    code = without_comments(text)
    check_sizes(report, path, code)
    check_banned(report, path, text, code)
    if path.suffix == ".h":
        check_guard(report, path, text)
        if path.relative_to(report.root).parts[0] == "include":
            check_docs(report, path, text)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    report = Report(root)
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if SKIP_DIRS & set(parts) or parts[0].startswith("build") or not path.is_file():
            continue
        report.files += 1
        check_file(report, path)
    if report.findings:
        print(f"{report.findings} findings")
    bad = len(report.bad_files)
    print(f"{report.files - bad} files are tidy, {bad} are not")
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
