#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run two programs, and see that both succeed and print the same: same.py A... -- B..."""

import subprocess
import sys


def output(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=110)
    if done.returncode != 0:
        sys.exit(f"not ok - {command[0]} ended with {done.returncode}")
    return done.stdout


def main():
    between = sys.argv.index("--")
    ours = output(sys.argv[1:between])
    theirs = output(sys.argv[between + 1:])
    if ours != theirs or not ours:
        sys.exit(f"not ok - one printed\n{ours}and the other\n{theirs}")
    print(f"ok - both printed\n{ours}", end="")


if __name__ == "__main__":
    main()
