"""Breaks sweeps off, by Ctrl-C and by kills, and prints what became of them: run by test_sweep.

One process that has imported everything, and knows the whole result, forks the sweeps: each child goes on with the
same checkpoint and says on a pipe what `sweep` gave it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.bars import Bars
from cryptolab.indicators import EMA
from cryptolab.optimization import SweepResult, sweep
from cryptolab.signal_generator import Signals, long_while

SETS = {"period": range(2, 62), "stop_loss": [None, 0.02]}
PAUSE = 0.004
"""Seconds that the strategy takes: the sweep is under way for a good while."""
HEAD = 1000
"""Bytes of a checkpoint that has no rows yet, at most."""
ENDED = os.WEXITED | os.WNOHANG | os.WNOWAIT


def market(count: int = 500, seed: int = 3) -> Bars:
    """Return hourly bars: a seeded walk."""
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.01, count)))
    columns = {"open": close, "high": close * 1.002, "low": close * 0.998, "close": close, "volume": np.ones(count)}
    stamps = pd.date_range("2024-01-01", periods=count, freq="h", tz="UTC")
    return Bars.from_frame(pd.DataFrame(columns, stamps), "BTC/USDT")


def above(bars: Bars, period: int = 10) -> Signals:
    """A strategy that takes its time, and fails at one period."""
    time.sleep(PAUSE)
    if period == 40:
        raise ValueError("no average of forty")
    return long_while(bars.close > EMA(bars, period=period))


def swept(checkpoint: Path | None) -> SweepResult:
    return sweep(above, market(), SETS, n_jobs=2, checkpoint=checkpoint, progress=False)


def part_of(result: SweepResult, whole: SweepResult) -> bool:
    """Whether each row is, to the last bit, that of the whole result."""
    rows, numbers = result.rows, result.rows.numbers
    same = rows.scores.tobytes() == whole.rows.scores[numbers].tobytes()
    same &= rows.days.tobytes() == whole.rows.days[numbers].tobytes()
    errors = {number: said for number, said in whole.rows.errors.items() if number in numbers}
    return same and rows.errors == errors


def child(checkpoint: Path, pipe: int, whole: SweepResult) -> None:
    """Sweep, say what came of it, and end without the clean-up of a process that was forked."""
    try:
        result = swept(checkpoint)
        said: dict[str, Any] = {
            "rows": len(result),
            "complete": result.complete,
            "part": part_of(result, whole),
            "table": result.complete and result.table.equals(whole.table),
        }
    except BaseException as problem:
        said = {"raised": type(problem).__name__}
    os.write(pipe, json.dumps(said).encode())
    os._exit(0)


def round_of(checkpoint: Path, whole: SweepResult, number: int = 0, delay: float | None = 0.0) -> dict[str, Any]:
    """Fork a sweep and send it a signal `delay` seconds after it has added to the checkpoint (None: a few ms after its
    beginning). Return what it said."""
    before = size_of(checkpoint)
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        child(checkpoint, writing, whole)
    os.close(writing)
    if number:
        if delay is not None:
            while size_of(checkpoint) <= max(before, HEAD) and not os.waitid(os.P_PID, process, ENDED):
                time.sleep(0.001)
        time.sleep(random.uniform(0.0, 0.03) if delay is None else delay)
        os.kill(process, number)
    said = b"".join(iter(lambda: os.read(reading, 4096), b""))
    os.waitpid(process, 0)
    os.close(reading)
    return json.loads(said) if said else {"killed": size_of(checkpoint) - before}


def size_of(checkpoint: Path) -> int:
    return checkpoint.stat().st_size if checkpoint.exists() else 0


def main() -> None:
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    random.seed(int(sys.argv[3]))
    whole = swept(None)
    interrupted, killed = folder / "interrupted", folder / "killed"
    report: dict[str, Any] = {"wanted": len(whole), "failed": len(whole.errors)}
    report["interrupted"] = round_of(interrupted, whole, signal.SIGINT)
    report["went on"] = round_of(interrupted, whole)
    report["kills"] = [
        round_of(killed, whole, signal.SIGKILL, None if turn % 4 == 0 else random.uniform(0.0, 0.02))
        for turn in range(kills)
    ]
    report["ended"] = round_of(killed, whole)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
