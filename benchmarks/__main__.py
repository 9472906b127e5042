"""`python -m benchmarks [--write] [NAME...]`: measure, print the table, and put it into the README when asked."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from benchmarks.measuring import REAL_DATA, ROOT, Row, rows_of

MODULES = ("backtest", "indicators", "sweep", "cluster", "store", "start_up")
BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"


def machine() -> str:
    """Say what this was measured on."""
    cpu = next((line.split(":")[1] for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    named = ("numba", "numpy", "pandas", "vectorbt", "raptorbt", "distributed", "TA-Lib")
    packages = ", ".join(f"{name} {version(name)}" for name in named)
    size = f"{os.cpu_count()} cores{f' of {cpu.strip()}' if cpu.strip() else ''}, {memory:.0f} GiB"
    return f"{size}; Python {platform.python_version()}, {packages}; best of several runs."


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| what | ours | peer | ratio | wanted | |", "|---|---|---|---|---|---|"]
    for row in rows:
        verdict = {True: "met", False: "**missed**", None: ""}[row.met]
        lines.append(f"| {row.name} | {row.ours} | {row.peer} | {row.ratio} | {row.target} | {verdict} |")
    return "\n".join(lines)


def main() -> int:
    """Measure the named modules (all without names); exit with 1 when the real data are missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(MODULES)}; all without")
    parser.add_argument("--write", action="store_true", help="put the whole table into the README")
    given = parser.parse_args()
    unknown = set(given.names) - set(MODULES)
    if unknown or (given.write and given.names):
        parser.error("--write takes the whole table" if not unknown else f"unknown {', '.join(sorted(unknown))}")
    if not REAL_DATA.is_dir():
        print(f"no real data at {REAL_DATA}: set CRYPTOLAB_REAL_DATA to measure.", file=sys.stderr)
        return 1
    rows: list[Row] = []
    for name in given.names or MODULES:
        print(f"measuring {name} ...", file=sys.stderr)
        # a process each: what one module leaves in the heap would decide what fresh memory costs the next
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            rows += pool.submit(rows_of, name).result()
    text = f"{table(rows)}\n\n{machine()}\n"
    print(text)
    if given.write:
        readme = ROOT / "README.md"
        before, _, rest = readme.read_text().partition(BEGIN)
        readme.write_text(f"{before}{BEGIN}\n{text}{END}{rest.partition(END)[2]}")
    return 0


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main())
