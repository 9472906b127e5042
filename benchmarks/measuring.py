"""How everything here is measured: the best of several runs, peers in turn; memory as what a run added at its peak."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REAL_DATA = Path(os.environ.get("CRYPTOLAB_REAL_DATA") or ROOT.parent / "shared" / "data")
MINUTES = REAL_DATA / "ohlcv" / "BTCUSDT" / "1m_2021_2022.parquet"
HOURS = REAL_DATA / "ohlcv" / "BTCUSDT" / "1h.parquet"


@dataclass(frozen=True)
class Row:
    """One line of the table. ratio: as `target` reads it; met: whether it does, None where nothing is wanted."""

    name: str
    ours: str
    peer: str
    ratio: str
    target: str
    met: bool | None


def rows_of(name: str) -> list[Row]:
    """Return the rows that one module of this package measures."""
    found: list[Row] = import_module(f"benchmarks.{name}").measure()
    return found


def best(runs: int, *functions: Callable[[], object]) -> list[float]:
    """Return the shortest time in seconds of each function; they take turns, after one run each to warm up."""
    for function in functions:
        function()
    times = [float("inf")] * len(functions)
    for _ in range(runs):
        for position, function in enumerate(functions):
            begin = time.perf_counter()
            function()
            times[position] = min(times[position], time.perf_counter() - begin)
    return times


def added_memory(prepare: str, run: str) -> float:
    """Return the MB that `run` added at its peak above what `prepare` left, in a process of its own (Linux)."""
    probe = "\n".join(
        [
            prepare,
            "import re",
            "def _memory(key): return int(re.search(key + r':\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024",
            "open('/proc/self/clear_refs', 'w').write('5')  # the peak starts anew",
            "_before = _memory('VmRSS')",
            run,
            "print(_memory('VmHWM') - _before)",
        ]
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def seconds(value: float) -> str:
    """Write a time with three digits and its unit."""
    for factor, unit in ((1.0, "s"), (1e-3, "ms")):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value / 1e-6:.3g} µs"
