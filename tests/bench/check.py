#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run coil-bench and a program of a user's: files, verdicts, charts in a browser, errors."""

import csv
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from verdicts import Verdicts  # noqa: E402

WIDTHS = (400, 1280)
ATTEMPTS = 4


def call(*command, **environment):
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True,
                          timeout=120, env={**os.environ, **environment})


def check_usage(verdicts, tool):
    for arguments in ([], ["dance"], ["run", "no such"], ["run", "--seconds", "1h"],
                      ["run", "--seconds", "-1"], ["run", "--seconds", "nan"],
                      ["run", "--rounds", "0"], ["run", "--rounds", "x"], ["run", "--seed", "-1"],
                      ["run", "--no-such"], ["compare"], ["compare", "one"],
                      ["compare", "a", "b", "c"], ["compare", "a", "b", "--fail-above", "x"],
                      ["run", "net", "no such"], ["run", "net", "--core", "1000"],
                      ["run", "net", "--rounds", "0"], ["run", "net", "--budget", "soon"],
                      ["load"], ["load", "x:99999999"],
                      ["report"], ["report", "a"], ["count"], ["count", "a"],
                      ["count", "a", "b", "--tolerance", "-1"]):
        done = call(tool, *arguments)
        words = " ".join(arguments)
        verdicts.hold(done.returncode == 2, f"coil-bench {words} exits {done.returncode}")
        verdicts.hold(done.stderr and not done.stdout, f"coil-bench {words} says why on stderr")
    for arguments in (["--help"], ["--usage"], ["--version"], ["compare", "--help"],
                      ["report", "--help"], ["count", "--help"], ["list"], ["list", "net"],
                      ["run", "net", "--help"], ["load", "--help"]):
        done = call(tool, *arguments)
        verdicts.hold(done.returncode == 0 and done.stdout, f"coil-bench {arguments} answers")
    done = call(tool, "load", "no-such-host.invalid:80", "-t", "1")
    verdicts.hold(done.returncode == 1 and " name" in done.stderr,
                  f"a name that nobody has: {done.stderr}")


def check_bad_files(verdicts, tool, folder):
    bad = {"absent": None, "empty": "", "no-json": "{", "other": "{}", "list": "[1]",
           "version": '{"format": "coil-bench", "version": 1, "cases": []}',
           "no-cases": '{"format": "coil-bench", "version": 2}',
           "nameless": '{"format": "coil-bench", "version": 2, "cases": [{}]}',
           "number": '{"format": "coil-bench", "version": 2, "cases": [3]}'}
    for name, text in bad.items():
        path = folder / name
        if text is not None:
            path.write_text(text)
        for arguments in (["compare", path, path], ["report", path, "-o", folder / "page"]):
            done = call(tool, *arguments)
            verdicts.hold(done.returncode == 1 and name in done.stderr,
                          f"{arguments[0]} of {name} exits {done.returncode}: {done.stderr}")
    hostile = folder / "hostile"
    hostile.write_text(json.dumps({
        "format": "coil-bench", "version": 2, "record": {"cpu": "<b>&", "seed": "x"},
        "cases": [{"name": "<script>", "subjects": [
            {"name": "floor", "samples": [None, 0, -1, 1e308, "x"]},
            {"name": "a", "samples": [1e308, 1e-308, None, 5, 6],
             "histogram": {"scale": 1, "unit": "ns", "counts": [1e300, 5, -1, 5, 3, 9]},
             "counters": {"x": 1e308, "y": "z"}, "seconds": [[0, 1], [1, None, 3, 4], 7]}]}]}))
    done = call(tool, "report", hostile, "-o", folder / "hostile.html")
    page = (folder / "hostile.html").read_text()
    verdicts.hold(done.returncode == 0 and "<script" not in page, "a hostile file stays text")
    verdicts.hold(not re.search(r'"-?(nan|inf)', page), "and no place of a chart is a nan")
    done = call(tool, "compare", hostile, hostile)
    verdicts.hold(done.returncode == 0 and "no verdict" in done.stdout, "and has no verdict")


def measure(program, path, *options, **environment):
    return call(program, "run", *options, "--json", path, **environment)


def check_outputs(verdicts, program, folder):
    paths = {name: folder / name for name in ("a.json", "a.csv", "a.md", "a.html", "a.hgrm")}
    done = call(program, "run", "floored", "task", "--seconds", "0.3", "--rounds", "3",
                "--json", paths["a.json"], "--csv", paths["a.csv"], "--markdown", paths["a.md"],
                "--report", paths["a.html"], "--hgrm", paths["a.hgrm"])
    verdicts.hold(done.returncode == 0, f"run exits {done.returncode}: {done.stderr}")
    verdicts.hold("floored" in done.stdout and "nan" not in done.stdout, "it prints a table")
    results = json.loads(paths["a.json"].read_text())
    record = results["record"]
    for key in ("kernel", "cpu", "cpus", "mitigations", "governor", "container", "limit_files",
                "limit_locked_bytes", "coil", "liburing", "compiler", "commit", "build", "seed",
                "perf", "date", "load"):
        verdicts.hold(record.get(key), f"the record has {key}")
    floored = {case["name"]: case for case in results["cases"]}["floored"]
    verdicts.hold([s["name"] for s in floored["subjects"]] == ["floor", "mine"], "two subjects")
    verdicts.hold(0.5 < floored["ratio"] < 2, f"the same work: {floored['ratio']}")
    for subject in floored["subjects"]:
        low, high = subject["interval95"]
        verdicts.hold(0 < low <= subject["median"] <= high, "the median is in its interval")
        verdicts.hold(sum(subject["histogram"]["counts"][1::2]) == subject["histogram"]["count"],
                      "the histogram has all")
    with open(paths["a.csv"], newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    verdicts.hold([row["subject"] for row in rows] == ["floor", "mine", "mine"], f"CSV: {rows}")
    verdicts.hold("| floored | 1,000 steps; the same |" in paths["a.md"].read_text(), "Markdown")
    verdicts.hold("#[Mean" in paths["a.hgrm"].read_text(), "percentiles")
    verdicts.hold("</html>" in paths["a.html"].read_text(), "a page")


def check_failures(verdicts, program, folder):
    done = measure(program, folder / "bad.json", "bad", "--seconds", "0.2")
    words = json.loads((folder / "bad.json").read_text())["cases"]
    verdicts.hold(done.returncode == 1, f"cases that fail: exit {done.returncode}")
    verdicts.hold("ended by signal" in words[0]["error"], f"a crash is told: {words[0]}")
    verdicts.hold(not words[0]["subjects"], f"who died before its end has no values: {words[0]}")
    verdicts.hold("refused" in words[1]["error"], f"an error is told: {words[1]}")
    done = call(program, "run", "plain", "--smoke", "--json", "/no/such/folder/file")
    verdicts.hold(done.returncode == 1 and "/no/such" in done.stderr, "no place for the file")
    verdicts.hold(not done.stdout, "which is said before anything is measured")
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([program, "run", "plain", "--smoke", "-q", "--json", "-"],
                              stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
    verdicts.hold(done.returncode == 1, "a full disk is noticed")


def children_of(pid):
    """The parent's id follows the name, which may hold anything, and the state."""
    found = set()
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found.add(int(path.parent.name))
        except (OSError, ValueError, IndexError):
            pass
    return found


def command_of(pid):
    """Empty if it has ended meanwhile, as loads do all the time."""
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def check_interrupt(verdicts, program, folder):
    """The third child means that two rounds are over, one of each case."""
    path, children = folder / "interrupted.json", set()
    process = subprocess.Popen([program, "run", "plain", "task", "--seconds", "60", "--rounds",
                                "300", "--json", path], stdout=subprocess.PIPE, text=True)
    while process.poll() is None and len(children) < 3:
        children |= children_of(process.pid)
        time.sleep(0.01)
    verdicts.hold(process.returncode is None, f"it runs until SIGINT: {process.returncode}")
    process.send_signal(signal.SIGINT)
    try:
        out, _ = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        out, _ = process.communicate()
    verdicts.hold(process.returncode == 0, f"SIGINT: exit {process.returncode}")
    verdicts.hold("Interrupted" in out, f"it is said: {out}")
    results = json.loads(path.read_text()) if path.exists() else {"is_interrupted": False}
    verdicts.hold(results["is_interrupted"] and results["cases"], "and what is known is written")


def run_net(tool, path, *options):
    return subprocess.Popen([str(tool), "run", "net", *options, "--json", str(path)],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check_net_limits(verdicts, tool, path):
    """Little time, one core, few descriptors: each is said."""
    def limited(limit, *options):
        return subprocess.run([str(tool), "run", "net", *options, "--seconds", "0.02", "--json",
                               str(path)], capture_output=True, text=True, timeout=120,
                              check=False, preexec_fn=limit)

    done = limited(None, "--budget", "0", "echo_unix_1x64")
    verdicts.hold(done.returncode == 0 and "for the time budget after 2 rounds" in done.stdout,
                  f"no time: {done.stdout}{done.stderr}")
    core = min(os.sched_getaffinity(0))
    done = limited(lambda: os.sched_setaffinity(0, {core}), "--rounds", "1", "spin_tcp")
    verdicts.hold(done.returncode == 0 and "there is one" in done.stdout,
                  f"one core: {done.stdout}{done.stderr}")
    verdicts.hold("there is one" in json.loads(path.read_text())["cases"][0]["error"],
                  "and the file tells")
    done = limited(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)), "--rounds", "1",
                   "echo_tcp_1000x64")
    verdicts.hold(done.returncode == 1 and "the limit is 200" in done.stdout,
                  f"few descriptors: {done.stdout}{done.stderr}")


def check_net(verdicts, tool, folder):
    """A cell: figures and counters of each server; SIGINT; a server that dies."""
    path = folder / "net.json"
    process = run_net(tool, path, "--rounds", "3", "--seconds", "0.05", "echo_tcp_50x64")
    out, err = process.communicate(timeout=120)
    verdicts.hold(process.returncode == 0, f"run net exits {process.returncode}: {out}{err}")
    verdicts.hold("goal 1.03 x" in out and "nan" not in out, f"it has a goal: {out}")
    cell = json.loads(path.read_text())["cases"][0]
    subjects = {subject["name"]: subject for subject in cell["subjects"]}
    verdicts.hold({"floor", "coil", "raw epoll"} <= set(subjects), f"servers: {list(subjects)}")
    counters = subjects["coil"]["counters"]
    verdicts.hold(all(counters.get(key, -1) >= 0 for key in
                      ("enters", "sqes", "cqes", "allocations", "cpu_ns", "rss_bytes",
                       "requests_per_s", "context_switches", "p99_us")),
                  f"Coil's counters: {counters}")
    verdicts.hold(0 < counters["sqes"] < 5, f"SQEs of a request: {counters}")
    verdicts.hold(len(subjects["coil"]["seconds"]) == 3, "a point for each round")

    verdicts.hold("p99" in cell["note"] and "goal 1.1: no verdict, too few rounds" in cell["note"],
                  f"p99 has a goal, and three rounds no verdict: {cell['note']}")

    check_net_limits(verdicts, tool, path)
    process = run_net(tool, path, "--rounds", "60", "--seconds", "0.5", "echo_tcp_50x64")
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    verdicts.hold(process.returncode == 0 and "interrupted" in err, f"SIGINT in net: {err}")
    verdicts.hold(json.loads(path.read_text())["is_interrupted"], "and the file tells")

    process = run_net(tool, path, "--rounds", "8", "--seconds", "0.3", "echo_unix_1x64")
    time.sleep(1.5)
    for child in children_of(process.pid):
        if "coil-echo" in command_of(child):
            os.kill(child, signal.SIGKILL)
    out, _ = process.communicate(timeout=60)
    verdicts.hold(process.returncode == 1 and "the server ended by signal 9" in out,
                  f"a server that dies is told: {out}")


def verdict_of(tool, old, new, *options):
    done = call(tool, "compare", old, new, *options)
    found = re.search(r"^floored mine.*\s(no change|slower|faster|no verdict)\b", done.stdout, re.M)
    return found[1] if found else done.stdout + done.stderr, done.returncode


def check_planted(verdicts, tool, program, folder):
    """The same build has not changed, five percent more work is slower. A busy machine may have
    no verdict, again and again, or be wrong once, but not each time."""
    old, new, slow = folder / "old.json", folder / "new.json", folder / "slow.json"
    seen = []
    for _ in range(ATTEMPTS):
        for path, percent in ((old, "0"), (new, "0"), (slow, "5")):
            measure(program, path, "floored", "--seconds", "2", PLANTED=percent)
        seen.append((verdict_of(tool, old, new)[0],
                     *verdict_of(tool, old, slow, "--fail-above", "3%")))
        if seen[-1] == ("no change", "slower", 1):
            break
    else:
        print(f"the machine is too busy to find five percent: {seen}")
    wrong = [one for one in seen if one[0] not in ("no change", "no verdict")
             or one[1:] not in (("slower", 1), ("no verdict", 0))]
    verdicts.hold(len(wrong) < ATTEMPTS, f"each time a wrong verdict: {wrong}")
    verdicts.hold(verdict_of(tool, old, slow, "--fail-above", "50%")[1] == 0, "below the bound")
    verdicts.hold(verdict_of(tool, slow, old, "--fail-above", "3%")[1] == 0, "faster is allowed")


def check_count(verdicts, tool, folder):
    baseline, now = folder / "baseline", folder / "now"
    baseline.write_text("# name instructions allocations calls sqes\none 1000 0 5 2\n"
                        "two 2000 1 0 0.5\n")
    for text, code, words in (("one 1019 0 5 2\ntwo 1961 1 0 0.5\n", 0, "0 counts off"),
                              ("one 1021 0 5 2\ntwo 2000 1 0 0.5\n", 1, "WORSE"),
                              ("one 900 0 5 2\ntwo 2000 1 0 0.5\n", 1, "renew the baseline"),
                              ("one 1000 1 5 2\ntwo 2000 1 0 0.5\n", 1, "allocations"),
                              ("one 1000 0 6 2\ntwo 2000 1 0 0.5\n", 1, "system calls"),
                              ("one 1000 0 5 2\ntwo 2000 1 0 0.51\n", 1, "SQEs"),
                              ("one 1000 0 5 2\n", 1, "two"), ("", 1, ""), ("one x\n", 1, ""),
                              ("one 1 1 1 1\none 1 1 1 1\n", 1, ""),
                              ("one 1 1 1 nan\n", 1, "")):
        now.write_text(text)
        done = call(tool, "count", baseline, now)
        verdicts.hold(done.returncode == code and words in done.stdout,
                      f"count of {text!r}: {done.returncode} {done.stdout}{done.stderr}")


PROBE = """<script>
addEventListener("load", () => {
  const charts = [...document.querySelectorAll("svg.chart")];
  const small = charts.filter(c => c.getBoundingClientRect().width < 300);
  const out = charts.filter(c => c.getBoundingClientRect().right > innerWidth + 1);
  document.body.setAttribute("data-probe", JSON.stringify({width: innerWidth,
    scroll: document.documentElement.scrollWidth, charts: charts.length, small: small.length,
    out: out.length, named: charts.filter(c => c.querySelector("title,desc")).length}));
});
</script></body>"""


def check_browser(verdicts, page, folder):
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser",
                                                   "google-chrome"))), None)
    if not browser:
        print("no Chromium: the page is not opened (tools/setup --all installs it)")
        return
    probed = folder / "probed.html"
    probed.write_text(page.read_text().replace("</body>", PROBE))
    for width in WIDTHS:
        done = call(browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
                    f"--user-data-dir={folder}/browser", f"--window-size={width},1000",
                    probed.as_uri())
        found = re.search(r'data-probe="([^"]*)"', done.stdout)
        if not found:
            print(f"Chromium shows nothing here, the page is not looked at: {done.stderr[-300:]}")
            return
        seen = json.loads(found[1].replace("&quot;", '"'))
        verdicts.hold(seen["charts"] >= 3 and seen["named"] == seen["charts"],
                      f"{width} wide: charts with titles: {seen}")
        verdicts.hold(seen["small"] == 0 and seen["out"] == 0
                      and seen["scroll"] <= seen["width"], f"{width} wide: all in sight: {seen}")


def check_report(verdicts, tool, folder):
    page, pictures = folder / "report.html", folder / "pictures"
    done = call(tool, "report", folder / "a.json", folder / "old.json", "-o", page, "--svg",
                pictures)
    verdicts.hold(done.returncode == 0, f"report exits {done.returncode}: {done.stderr}")
    text = page.read_text()
    verdicts.hold("mine, old" in text, "a second file's subjects stand beside the first's")
    verdicts.hold(not re.search(r"(src|href)=", text), "the page needs nothing else")
    files = sorted(pictures.glob("*.svg"))
    verdicts.hold(len(files) >= 4, f"pictures: {files}")
    for path in files:
        root = xml.etree.ElementTree.parse(path).getroot()
        verdicts.hold(root.get("role") == "img" and root[0].tag.endswith("title")
                      and root[1].tag.endswith("desc"), f"{path.name} is for everybody")
    check_browser(verdicts, page, folder)


def main():
    tool, program = (pathlib.Path(name).resolve() for name in sys.argv[1:3])
    verdicts = Verdicts()
    check_usage(verdicts, tool)
    with tempfile.TemporaryDirectory(prefix="coil-bench-") as name:
        folder = pathlib.Path(name)
        check_outputs(verdicts, program, folder)
        check_failures(verdicts, program, folder)
        check_interrupt(verdicts, program, folder)
        check_count(verdicts, tool, folder)
        if (tool.parent / "../tools/coil-echo").exists():
            check_net(verdicts, tool, folder)
        if "without libjansson" in call(tool, "compare", "-", "-").stderr:
            print("built without jansson: compare and report are not tried")
        else:
            check_bad_files(verdicts, tool, folder)
            check_planted(verdicts, tool, program, folder)
            check_report(verdicts, tool, folder)
    print(f"{verdicts.passed} rules hold, {verdicts.failed} do not")
    return 1 if verdicts.failed else 0


if __name__ == "__main__":
    # A sanitizer's runtime may come with the build: nothing of ours is loaded into it.
    os.environ.pop("LD_PRELOAD", None)
    sys.exit(main())
