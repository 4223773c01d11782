#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program with a planted bug: it fails, and says what the page says that it says."""

import os
import pathlib
import subprocess
import sys


def run(program, **environment):
    done = subprocess.run([program], capture_output=True, text=True, timeout=50,
                          env={**os.environ, **environment})
    return done.returncode, done.stdout.splitlines()


def main():
    page = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    program = sys.argv[2]
    code, said = run(program)
    wrong = [line for line in said if line not in page]
    if code != 1 or not said:
        wrong.append(f"exit status {code}")
    seeds = [line.split("=")[1] for line in said if line.startswith("replay with COIL_SIM_SEED=")]
    # The line that replays it does.
    if not seeds or run(program, COIL_SIM_SEED=seeds[0]) != (code, said):
        wrong.append("the replay differs")
    for line in wrong:
        print(f"not on the page, or wrong: {line}")
    return bool(wrong)


sys.exit(main())
