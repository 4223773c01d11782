#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The seeds of coil-sim: they pass, they repeat, and they find a race that is known."""

import re
import subprocess
import sys

FAILURES = []
COUNT = 0


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=250, check=False)


def expect(name, is_true, said):
    global COUNT
    COUNT += 1
    print(f"{'ok' if is_true else 'not ok'} {COUNT} - {name}")
    if not is_true:
        FAILURES.append(name)
        print(said.stdout, said.stderr, file=sys.stderr)


def hash_of(said):
    found = re.search(r"^hash ([0-9a-f]{16})$", said.stdout, re.MULTILINE)
    return found[1] if found else None


def seeds_pass(sim):
    said = run(sim, "--seeds", "1-200")
    expect("200 seeds pass", said.returncode == 0, said)


def seeds_repeat(sim):
    for seed in ("1", "77", "18446744073709551615"):
        first, second = (run(sim, "--seed", seed) for _ in range(2))
        expect(f"seed {seed} twice is the same run",
               first.returncode == 0 and hash_of(first) and hash_of(first) == hash_of(second),
               second)
    expect("another seed is another run",
           hash_of(run(sim, "--seed", "1")) != hash_of(run(sim, "--seed", "2")), first)


def troubles_come(sim):
    """One that no seed meets would be a hole in the generator."""
    known = set(re.findall(r"\b([A-Z_]+) [0-9.]+%",
                           "".join(run(sim, "--seed", str(n)).stdout for n in range(1, 60))))
    said = run(sim, "--seeds", "1-1500", "--trace")
    met = set(re.findall(r"  trouble ([A-Z_]+)$", said.stdout, re.MULTILINE))
    expect("every trouble that seeds draw comes to pass, and is traced",
           said.returncode == 0 and len(known) > 20 and met == known, said)
    if met != known:
        print("# drawn, and never met:", known - met, file=sys.stderr)


def small_worlds_hold(sim):
    said = run(sim, "--explore")
    found = re.search(r"^(\d+) schedules$", said.stdout, re.MULTILINE)
    print("#", found[0] if found else "no count")
    expect("all schedules of small worlds, counted",
           said.returncode == 0 and found and int(found[1]) > 100000, said)


def canary_is_found(canary):
    said = run(canary, "--seeds", "1-1000")
    words = said.stdout + said.stderr
    found = re.search(r"COIL_SIM_SEED=(\d+)|[Ss]eed (\d+)", words)
    expect("1,000 seeds find the planted race", said.returncode != 0, said)
    expect("and say with which one", found, said)
    if found:
        seed = found[1] or found[2]
        said = run(canary, "--seed", seed)
        expect("which finds it again", said.returncode != 0, said)


def main():
    sim, canary = sys.argv[1:]
    seeds_pass(sim)
    seeds_repeat(sim)
    troubles_come(sim)
    small_worlds_hold(sim)
    canary_is_found(canary)
    print(f"1..{COUNT}")
    return 1 if FAILURES else 0


if __name__ == "__main__":
    sys.exit(main())
