"""Kills processes that write a checkpoint, and prints what became of the rows: run by test_checkpoint.

One process that has imported everything forks the writers, so that twenty kills take seconds. A writer goes on from
the file's last row, and says on a pipe which rows `add` has acknowledged.
"""

from __future__ import annotations

import json
import os
import random
import signal
import struct
import sys
import time
from pathlib import Path

import numpy as np

from cryptolab.kernels.scoring import SCORE
from cryptolab.optimization.checkpoint import Checkpoint
from cryptolab.optimization.task import Rows

IDENTITY = {"strategy": "ema_cross", "data": "abc"}


def rows_of(numbers: np.ndarray, blocks: int = 16) -> Rows:
    """Return rows in which every value is known from the row's number; each tenth row is an error."""
    numbers = np.asarray(numbers, dtype=np.int64)
    scores = np.zeros(numbers.size, dtype=SCORE)
    for place, name in enumerate(SCORE.names or ()):
        scores[name] = (numbers * 7 + place).astype(SCORE[name])
    days = numbers[:, None, None] + np.arange(blocks * 3, dtype=np.float64).reshape(blocks, 3) / 100
    return Rows(numbers, scores, days, {int(n): f"set {n} – failed" for n in numbers if n % 10 == 0})


def same(rows: Rows, numbers: np.ndarray) -> bool:
    """Whether these are the rows of just these numbers, to the last byte."""
    expected = rows_of(numbers)
    arrays = zip(rows[:3], expected[:3], strict=True)
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in arrays) and rows.errors == expected.errors


def write(path: Path, pipe: int, size: int) -> None:
    """Add `size` rows at a time, from the first that is not there, until killed."""
    with Checkpoint(path, IDENTITY) as checkpoint:
        found = checkpoint.finished()
        first = 0 if found is None else found.numbers.size
        while True:
            checkpoint.add(rows_of(np.arange(first, first + size)))
            first += size
            os.write(pipe, struct.pack("<q", first))


def round_of(path: Path, delay: float, size: int) -> dict[str, object]:
    """Fork a writer, kill it `delay` seconds after its first acknowledged rows (at once: after 0), and look."""
    before = path.stat().st_size if path.exists() else 0
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        write(path, writing, size)
    os.close(writing)
    said = os.read(reading, 8) if delay > 0 else b""
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(reading, 8):
        said = more
    os.close(reading)
    acknowledged = struct.unpack("<q", said)[0] if said else 0
    length = path.stat().st_size if path.exists() else 0
    with Checkpoint(path, IDENTITY) as checkpoint:
        rows = checkpoint.finished()
    found = 0 if rows is None else rows.numbers.size
    return {
        "acknowledged": acknowledged,
        "found": found,
        "whole": rows is None or same(rows, np.arange(found)),
        "cut": length - path.stat().st_size,
        "grown": length - before,
    }


def main() -> None:
    path, kills = Path(sys.argv[1]), int(sys.argv[2])
    random.seed(sys.argv[3])
    for turn in range(kills):
        delay = 0.0 if turn % 5 == 0 else random.uniform(0.0, 0.03)
        print(json.dumps(round_of(path, delay, random.choice((3, 50, 400)))), flush=True)


if __name__ == "__main__":
    main()
