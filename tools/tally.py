#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sum the test cases in meson's test logs (testlog.json): prints `PASSED FAILED SKIPPED`."""

import json
import re
import sys

CRITERION = re.compile(r"Tested: \d+ \| Passing: (\d+) \| Failing: (\d+) \| Crashing: \d+")
OWN = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)
SKIPPED = re.compile(r"^skipped: ", re.M)
GOOD = ("OK", "EXPECTEDFAIL")


def cases(test):
    """(passed, failed, skipped) of one executable."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", test.get("stdout", "") + "\n" + test.get("stderr", ""))
    counts = [0, 0, 0]
    found = False
    for match in list(CRITERION.finditer(text))[-1:] or list(OWN.finditer(text))[-1:]:
        counts = [int(number or 0) for number in match.groups()] + [0]
        found = True
    if found and "Synthesis:" in text:
        counts = counts[:2] + [len(SKIPPED.findall(text))]
    if test["result"] == "SKIP":
        return 0, 0, 1
    if not found:
        counts = [1, 0, 0] if test["result"] in GOOD else [0, 1, 0]
    elif test["result"] not in GOOD and counts[1] == 0:
        counts[1] = 1
    return tuple(counts[:3])


def main():
    total = [0, 0, 0]
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as log:
            for line in log:
                total = [a + b for a, b in zip(total, cases(json.loads(line)))]
    print(*total)


if __name__ == "__main__":
    main()
