"""Ends a process at each step that it takes on the disk, one after the other, and prints what became of the bars.

Run by test_store_kills. Each scenario is a store, and something done to it: the process that does it ends before its
first change of the disk, then (on a fresh copy of the store) before its second, and so on. Then the same is done again.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.database import DuckDBManager, writing
from cryptolab.errors import DataError
from tests.database.candles import SYMBOL, candles, opens, parquet_files, store

STEPS = ("fsync", "replace", "rename", "unlink", "mkdir", "rmdir", "pwrite", "utime", "ftruncate")
DAYS = opens("2019-12-20", 400, "1d")  # of three years
Act = Callable[[DuckDBManager], object]


def save(rows: slice, value: float) -> Act:
    return lambda db: db.save_ohlcv(candles(DAYS[rows], value), SYMBOL, "1d")


def spoil(db: DuckDBManager) -> None:
    path = parquet_files(db.parquet_dir)[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)


def signal(number: int) -> Act:
    moment = pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(number, "D")
    return lambda db: db.save_signal({"timestamp": moment, "symbol": SYMBOL, "signal_type": "buy"})


FILLED = [save(slice(0, 60), 1.0), save(slice(60, 64), 1.0), save(slice(70, 380), 1.0), save(slice(64, 65), 1.0)]
SCENARIOS: dict[str, tuple[list[Act], Act]] = {
    "first save": ([], save(slice(0, 5), 1.0)),
    "first save, of several years": ([], save(slice(0, 400), 1.0)),
    "append": (FILLED, save(slice(380, 381), 1.0)),
    "nothing new": (FILLED, save(slice(0, 60), 1.0)),
    "back-fill and merge": (FILLED, save(slice(65, 69), 1.0)),
    "revise": (FILLED, save(slice(61, 63), 2.0)),
    "revise several years": (FILLED, save(slice(0, 400), 2.0)),
    "revise back": ([*FILLED, save(slice(61, 63), 2.0)], save(slice(61, 63), 1.0)),
    "delete a part": (FILLED, lambda db: db.delete(SYMBOL, "1d", DAYS[5], DAYS[300])),
    "delete a year": (FILLED, lambda db: db.delete(SYMBOL, "1d", "2020-01-01", "2020-12-31")),
    "delete all": (FILLED, lambda db: db.delete(SYMBOL, "1d")),
    "delete revised ones": ([*FILLED, save(slice(61, 63), 2.0)], lambda db: db.delete(SYMBOL, "1d", DAYS[62])),
    "prune": ([*FILLED, signal(0), signal(700)], lambda db: db.prune("2020-06-30")),
    "set aside": ([*FILLED, spoil], lambda db: loaded(db)),
    "heal": ([*FILLED, spoil, lambda db: loaded(db)], save(slice(0, 400), 1.0)),
    "save over damage": ([*FILLED, spoil], save(slice(0, 400), 1.0)),
    "first signal": ([], signal(1)),
    "second signal": ([signal(1)], signal(2)),
}  # fmt: skip


def loaded(db: DuckDBManager, as_of: int | None = None) -> dict[int, float]:
    """Return the stored values by open."""
    moment = None if as_of is None else pd.Timestamp(as_of, tz="UTC")
    try:
        frame = db.load_ohlcv(SYMBOL, "1d", as_of=moment, allow_holes=True)
    except DataError:
        return {}
    assert frame.index.is_unique
    assert frame.index.is_monotonic_increasing
    assert (frame["high"] == frame["close"] * 1.5).all()
    return dict(zip(frame.index.asi8.tolist(), frame["close"].tolist(), strict=True))


def seen(db: DuckDBManager) -> tuple[dict[int, float], list[str]]:
    """Return all that can be read: bars and the times of signals."""
    return loaded(db), db.load_signals()["timestamp"].astype(str).tolist()


def dies_at(step: int, folder: Path, act: Act) -> str:
    """Do it in a process that ends before its step-th change of the disk; return which call that was, "" when done."""
    reading, saying = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        left = [step]

        def ending(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
            def ended(*arguments: Any, **named: Any) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    if name == "pwrite":  # half of it is there
                        number, text, place = arguments
                        call(number, text[: len(text) // 2], place)
                    os.write(saying, name.encode())
                    os._exit(9)
                return call(*arguments, **named)

            return ended

        for name in STEPS:
            setattr(os, name, ending(name, getattr(os, name)))
        try:
            act(store(folder))
            os._exit(0)
        except BaseException as problem:
            os.write(saying, repr(problem).encode())
            os._exit(1)
    os.close(saying)
    said = os.read(reading, 1000).decode()
    os.close(reading)
    _, status = os.waitpid(child, 0)
    assert os.WEXITSTATUS(status) in (0, 9), said
    return said


def rounds(scratch: Path, name: str) -> None:
    """Print a line for each step of a scenario."""
    prepared, act = SCENARIOS[name]
    whole = scratch / "whole"
    for prepare in prepared:
        prepare(store(whole))
    store(whole)
    before = seen_in_copy(whole, scratch)
    moment = time.time_ns()
    done = scratch / "done"
    shutil.copytree(whole, done)
    act(store(done))
    after = seen(store(done))
    call, step = "begin", 0
    while call:
        folder = scratch / f"at {step}"
        shutil.copytree(whole, folder)
        call = dies_at(step, folder, act)
        found = seen(store(folder))
        act_again = act if "signal" not in name or not call or found == before else None
        then = loaded(store(folder), moment)
        if call and act_again and not (name == "delete all" and not found[0]):
            act_again(store(folder))
        again = seen(store(folder))
        line = {
            "scenario": name,
            "step": step,
            "call": call,
            "as before": found == before,
            "as after": found == after,
            "between": set(found[0].items()) <= set(before[0].items()) | set(after[0].items()),
            "then": then == before[0] or name in ("delete a part", "prune", "delete a year", "delete all"),
            "again": again == after,
            "drafts": len(list(folder.rglob("year=*/*.part"))),
            "files": max([0, *year_counts(folder)]),
        }
        print(json.dumps(line), flush=True)
        shutil.rmtree(folder)
        step += 1


def seen_in_copy(whole: Path, scratch: Path) -> tuple[dict[int, float], list[str]]:
    """Look at a copy: looking may set a damaged file aside."""
    shutil.copytree(whole, scratch / "looked at")
    return seen(store(scratch / "looked at"))


def year_counts(folder: Path) -> list[int]:
    paths = [path.parent for path in parquet_files(folder)]
    return np.unique([os.fspath(path) for path in paths], return_counts=True)[1].tolist()


def main() -> None:
    writing.LEVELS = (3, 20)  # type: ignore[assignment]
    for name in sys.argv[2:] or SCENARIOS:
        scratch = Path(sys.argv[1]) / name.replace(" ", "-")
        scratch.mkdir()
        rounds(scratch, name)


if __name__ == "__main__":
    main()
