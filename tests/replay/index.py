#!/usr/bin/python3
"""Run every row of pcaps/INDEX through ftun-replay and compare with its expectation.

usage: tests/replay/index.py [--update | --sweep] [NAME...]

  --update  write the expectations instead: look at the difference before you commit it
  --sweep   replay every capture cut at every length; only crashes and errors count

NAME: only these rows. FTUN_BUILD names the build directory (default: build).
"""
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PCAPS = ROOT / "pcaps"
REPLAY = ROOT / os.environ.get("FTUN_BUILD", "build") / "ftun-replay"
# A capture that breaks off is reported up to there (exit code 3); what counts is the text.
SWEPT = (0, 3)


def rows():
    """The rows of INDEX: name, capture, arguments, expectation."""
    found = []
    for number, line in enumerate((PCAPS / "INDEX").read_text().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            columns = [column.strip() for column in line.split("|")]
            if len(columns) != 4 or not all((columns[0], columns[1], columns[3])):
                sys.exit(f"pcaps/INDEX, line {number}: wants name | capture | arguments | expectation")
            found.append(columns)
    return found


def faults(found):
    """What is wrong with INDEX itself."""
    if not found:
        yield "pcaps/INDEX is empty"
    names = [name for name, *_ in found]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name}: two rows of this name"
    expectations = [expectation for *_, expectation in found]
    for path in sorted({path for path in expectations if expectations.count(path) > 1}):
        yield f"pcaps/{path}: the expectation of two rows"
    for name, capture, _, _ in found:
        if not (PCAPS / capture).is_file():
            yield f"{name}: there is no pcaps/{capture}"
    with_row = {capture for _, capture, _, _ in found}
    for capture in sorted(PCAPS.glob("*/*.pcap*")):
        if str(capture.relative_to(PCAPS)) not in with_row:
            yield f"{capture.relative_to(ROOT)}: no row in pcaps/INDEX"


def run(arguments):
    return subprocess.run([REPLAY, *arguments], cwd=PCAPS, capture_output=True, text=True,
                          check=False, timeout=900)


def compare(row, update):
    name, capture, arguments, expectation = row
    done = run([*shlex.split(arguments), "--expect", expectation,
                *(["--update-expect"] if update else []), capture])
    return "" if done.returncode == 0 else f"{name}: exit code {done.returncode}\n{done.stdout}{done.stderr}"


def sweep(capture, role):
    done = run(["--role", role, "--snap", "sweep", capture])
    if done.returncode in SWEPT:
        return ""
    return f"{capture} as {role}: exit code {done.returncode}\n{done.stdout}{done.stderr}"


def main(arguments):
    if {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0
    names = [argument for argument in arguments if not argument.startswith("--")]
    found = rows()
    unknown = set(names) - {name for name, *_ in found}
    if unknown:
        sys.exit(f"no such row in pcaps/INDEX: {', '.join(sorted(unknown))}")
    failures = list(faults(found))
    chosen = [row for row in found if not names or row[0] in names]
    with ThreadPoolExecutor(max_workers=2) as pool:
        if "--sweep" in arguments:
            captures = sorted({capture for _, capture, _, _ in chosen})
            tasks = [(capture, role) for capture in captures for role in ("observer", "server")]
            failures += filter(None, pool.map(lambda task: sweep(*task), tasks))
        else:
            tasks = chosen
            failures += filter(None, pool.map(lambda row: compare(row, "--update" in arguments), tasks))
    for failure in failures:
        print(failure)
    print(f"{len(tasks)} runs, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
