"""Kills processes that store bars, revise and delete them, and prints what became of it: run by test_store_kills.

Each process does the tasks of a fixed list, from the first that is not acknowledged, and says on a pipe which one is
done. One process that has imported everything forks the writers, so that twenty kills take seconds; some are fresh.
"""

from __future__ import annotations

import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from cryptolab.database import DuckDBManager, segments, writing
from cryptolab.errors import DataError
from tests.database.candles import SYMBOL, candles, opens, store

MINUTES = opens("2019-12-31 20:00", 1_200_000, "1m")
"""Opens of more than two years; the new year is four hours from the first."""


class Task(NamedTuple):
    """rows: which minutes; value: what is stored there, None where they are removed."""

    rows: np.ndarray
    value: float | None


def tasks(seed: int) -> Iterator[Task]:
    """Yield what there is to do, endlessly, the same for each seed: bars behind the last, many and few, bars of each
    year at once, revisions, removals."""
    chance = random.Random(seed)
    end, value = 0, 0.0
    while True:
        value += 1.0
        kind = chance.random()
        if kind < 0.70 or not end:
            rows = np.arange(end, end + chance.choice((1, 1, 1, 2, 3, 3, 300, 4_000)))
        elif kind < 0.85:
            rows = np.unique([chance.randrange(end + 3) for _ in range(chance.choice((1, 5, 60)))])
        elif kind < 0.90:
            first = chance.randrange(end)
            yield Task(np.arange(first, min(first + chance.choice((1, 50, 700)), end)), None)
            continue
        else:
            yield Task(np.array([0, 100, 239, 240, 700, 527_039, 527_040, 1_100_000]), value)
            continue
        yield Task(rows, value)
        end = max(end, int(rows[-1]) + 1)


def do(db: DuckDBManager, task: Task) -> None:
    if task.value is None:
        db.delete(SYMBOL, "1m", MINUTES[task.rows[0]], MINUTES[task.rows[-1]])
    else:
        db.save_ohlcv(candles(MINUTES[task.rows], task.value), SYMBOL, "1m")


def done_after(seed: int, count: int) -> dict[int, float]:
    """Return what is stored, by minute, after so many tasks."""
    bars: dict[int, float] = {}
    for rows, value in islice(tasks(seed), count):
        for row in rows.tolist():
            if value is None:
                bars.pop(row, None)
            else:
                bars[row] = value
    return bars


def work(folder: Path, pipe: int, seed: int, first: int) -> NoReturn:
    """Do the tasks from the number `first` on until killed, and acknowledge each."""
    writing.LEVELS = (16, 4_096)  # type: ignore[assignment]
    db = store(folder)
    for number, task in enumerate(islice(tasks(seed), first, None), start=first):
        do(db, task)
        os.write(pipe, struct.pack("<q", number + 1))
    raise AssertionError


def stored(db: DuckDBManager) -> dict[int, float]:
    """Return the value of each minute that is stored, having looked that none is there twice."""
    try:
        frame = db.load_ohlcv(SYMBOL, "1m")
    except DataError as problem:
        if "stored bars" not in str(problem):
            raise
        return {}
    assert frame.index.is_unique
    assert frame.index.is_monotonic_increasing
    assert (frame["low"] == frame["close"] / 2).all()
    rows = (frame.index.asi8 - MINUTES[0].value) // 60_000_000_000
    return dict(zip(rows.tolist(), frame["close"].tolist(), strict=True))


SURELY = 3
"""Tasks that a process has acknowledged before it is killed, however slow the machine is."""


def killed(begin: Callable[[int], int], delay: float) -> int | None:
    """Kill the process that `begin` starts `delay` seconds after its first few acknowledgements (at once: after 0), and
    return its last one."""
    reading, saying = os.pipe()
    child = begin(saying)
    os.close(saying)
    said = b""
    for _ in range(SURELY if delay > 0 else 0):
        said = os.read(reading, 8)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(reading, 8):
        said = more
    os.close(reading)
    return struct.unpack("<q", said)[0] if said else None


def forked(work: Callable[..., NoReturn], *arguments: object) -> Callable[[int], int]:
    def begin(pipe: int) -> int:
        child = os.fork()
        if child == 0:
            work(arguments[0], pipe, *arguments[1:])
        return child

    return begin


def fresh(folder: Path, seed: int, first: int) -> Callable[[int], int]:
    def begin(pipe: int) -> int:
        command = [sys.executable, "-W", "ignore", "-m", __spec__.name, "work", folder, pipe, seed, first]
        return subprocess.Popen(list(map(str, command)), pass_fds=[pipe]).pid

    return begin


def round_of(folder: Path, seed: int, acknowledged: int, delay: float, anew: bool) -> dict[str, int]:
    """Begin a writer, kill it, and say what became of the bars."""
    last = killed((fresh if anew else lambda *all_: forked(work, *all_))(folder, seed, acknowledged), delay)
    number = acknowledged if last is None else last
    bars, ahead = done_after(seed, number), done_after(seed, number + 1)  # the one under way may be done, or some of it
    found = stored(store(folder))
    return {
        "acknowledged": number,
        "lost": sum(found.get(row) not in (value, ahead.get(row)) for row, value in bars.items()),
        "foreign": sum(value not in (bars.get(row), ahead.get(row)) for row, value in found.items()),
        "unreadable": unreadable(folder),
        "bars": len(found),
    }


def unreadable(folder: Path) -> int:
    """Return how many files below the store cannot be read whole."""
    bad = 0
    for year in {path.parent for path in folder.rglob("*.parquet*")}:
        for segment in segments.listed(year)[0]:
            try:
                (opened,) = segments.opened([segment])
                segments.read(*opened, -(2**62), 2**62)
            except (segments.DamagedFile, OSError):
                bad += 1
    return bad


def sign(folder: Path, pipe: int, first: int) -> NoReturn:
    """Store numbered signals until killed, and acknowledge each."""
    db = store(folder)
    while True:
        db.save_signal({"timestamp": MINUTES[first], "symbol": SYMBOL, "signal_type": str(first), "metadata": [0] * 99})
        first += 1
        os.write(pipe, struct.pack("<q", first))


def round_of_signals(folder: Path, delay: float) -> dict[str, int]:
    def numbers() -> list[int]:
        return list(map(int, store(folder).load_signals()["signal_type"]))

    first = len(numbers())
    last = killed(forked(sign, folder, first), delay)
    acknowledged = first if last is None else last
    found = numbers()
    right = found in (list(range(acknowledged)), list(range(acknowledged + 1)))
    return {"acknowledged": acknowledged, "right": int(right)}


def main() -> None:
    if sys.argv[1] == "work":
        work(Path(sys.argv[2]), *map(int, sys.argv[3:]))
    folder, (forks, anew, signals, seed) = Path(sys.argv[1]), map(int, sys.argv[2:])
    with tempfile.TemporaryDirectory() as scratch:  # what is imported and compiled now, no writer has to
        do(store(Path(scratch)), next(tasks(seed)))
        stored(store(Path(scratch)))
    random.seed(seed)
    number = 0
    for turn in range(forks + anew):
        delay = 0.0 if turn % 10 == 0 and turn < forks else random.uniform(0.0, 0.06)
        line = round_of(folder, seed, number, delay, turn >= forks)
        number = line["acknowledged"]
        print(json.dumps(line), flush=True)
    for _ in range(signals):
        print(json.dumps(round_of_signals(folder, random.uniform(0.0, 0.03))), flush=True)
    db = store(folder)  # and it goes on
    for task in islice(tasks(seed), number, number + 5):
        do(db, task)
    print(json.dumps({"in the end": stored(db) == done_after(seed, number + 5)}), flush=True)


if __name__ == "__main__":
    main()
