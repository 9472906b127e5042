"""Many processes at one store, killed at random: `python -m tests.database.soak --minutes 10`.

Writers add bars, and revise one of theirs, in a data set that all share and in one of their own; what was acknowledged
stands in memory that outlives them. Readers look at both, by load_ohlcv, as_of and sql: all that was acknowledged
before must be there, in order, each bar once, and what was read as of a moment must be read again. The last line says
what it came to; the exit code is 1 where anything was lost, doubled, or raised.
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import pandas as pd

from cryptolab.database import DuckDBManager
from cryptolab.errors import DataError
from tests.database.candles import candles, opens, store

START = pd.Timestamp("2019-12-31 20:00", tz="UTC").value
MINUTE = 60_000_000_000
SHARED = "ALL/USDT"
COUNTERS = ("acknowledged", "version", "own", "saves", "reads", "lost", "doubled", "errors", "slowest")


class Board:
    """Numbers that all processes see and that none takes with it: a row of counters for each."""

    def __init__(self, processes: int) -> None:
        memory = mmap.mmap(-1, processes * len(COUNTERS) * 8)
        self.values = np.frombuffer(memory, np.int64).reshape(processes, len(COUNTERS))

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[:, COUNTERS.index(name)]


class Soak(NamedTuple):
    """folder: of the store; writers, readers: how many; board: a row for each of both."""

    folder: Path
    writers: int
    readers: int
    board: Board


def write(soak: Soak, number: int, chance: random.Random) -> NoReturn:
    """Go on from what was acknowledged: bar k of writer n is the minute k * writers + n of the shared data set."""
    db, board = store(soak.folder), soak.board
    while True:
        kind, begin = chance.random(), time.perf_counter_ns()
        if kind < 0.6:
            first = int(board["acknowledged"][number])
            count = 800 if chance.random() < 0.004 else chance.choice((1, 1, 2, 3))
            minutes = np.arange(first, first + count) * soak.writers + number
            index = pd.DatetimeIndex(START + minutes * MINUTE, tz="UTC")
            db.save_ohlcv(candles(index, 1.0 + minutes % 1000), SHARED, "1m")
            board["acknowledged"][number] = first + count
        elif kind < 0.7:
            version = int(board["version"][number]) + 1
            index = pd.DatetimeIndex([START - (number + 1) * MINUTE], tz="UTC")
            db.save_ohlcv(candles(index, float(version)), SHARED, "1m")
            board["version"][number] = version
        else:
            first = int(board["own"][number])
            index = opens("2019-12-31 23:00", first + 2, "1m")[first:]
            db.save_ohlcv(candles(index, 7.0), f"OWN{number}/USDT", "1m")
            board["own"][number] = first + 2
        board["saves"][number] += 1
        board["slowest"][number] = max(board["slowest"][number], time.perf_counter_ns() - begin)


def read(soak: Soak, number: int, chance: random.Random) -> NoReturn:
    db, board = store(soak.folder), soak.board
    while True:
        begin = time.perf_counter_ns()
        lost, doubled = chance.choice((shared, shared, by_sql, own, again))(soak, db, chance)
        board["lost"][number] += lost
        board["doubled"][number] += doubled
        board["reads"][number] += 1
        board["slowest"][number] = max(board["slowest"][number], time.perf_counter_ns() - begin)


Found = tuple[int, int]


def loaded(db: DuckDBManager, symbol: str, **how: object) -> pd.DataFrame:
    try:
        return db.load_ohlcv(symbol, "1m", **how)  # type: ignore[arg-type]
    except DataError as problem:
        if "stored bars" not in str(problem):
            raise
        return candles([], [])


def shared(soak: Soak, db: DuckDBManager, chance: random.Random) -> Found:
    """Look at all of the shared data set."""
    before, versions = soak.board["acknowledged"][: soak.writers].copy(), soak.board["version"][: soak.writers].copy()
    frame = loaded(db, SHARED)
    minutes = (frame.index.asi8 - START) // MINUTE
    doubled = int((np.diff(minutes) <= 0).sum())
    values = frame["close"].to_numpy()
    wrong = int((values[minutes >= 0] != 1.0 + minutes[minutes >= 0] % 1000).sum())
    for writer in range(soak.writers):
        bars = minutes[(minutes >= 0) & (minutes % soak.writers == writer)] // soak.writers
        wrong += max(0, int(before[writer]) - len(bars)) + int((bars != np.arange(len(bars))).any())
        version = values[minutes == -writer - 1]
        wrong += int(versions[writer] > 0 and (not len(version) or version[0] < versions[writer]))
    return wrong, doubled


def by_sql(soak: Soak, db: DuckDBManager, chance: random.Random) -> Found:
    """Count what is there of each writer, now and then so that it takes long."""
    before = soak.board["acknowledged"][: soak.writers].copy()
    slow = "SELECT sum(sin(a.i * b.i)) FROM range(3000) a(i), range(3000) b(i)" if chance.random() < 0.1 else "SELECT 0"
    rows = db.sql(
        f"""SELECT minute % $1 AS writer, count(*) AS bars, count(DISTINCT minute) AS different, max(minute) AS last
        FROM (SELECT (epoch_ns(timestamp) - $2) // 60000000000 AS minute FROM ohlcv WHERE symbol = '{SHARED}'
        AND timestamp >= make_timestamp_ns($2)::TIMESTAMPTZ) WHERE ({slow}) IS NOT NULL GROUP BY ALL""",
        [soak.writers, START],
    ).set_index("writer")
    wrong = sum(int(rows["bars"].get(writer, 0)) < count for writer, count in enumerate(before.tolist()))
    wrong += int((rows["last"] // soak.writers + 1 != rows["different"]).sum())
    return wrong, int((rows["bars"] - rows["different"]).sum())


def own(soak: Soak, db: DuckDBManager, chance: random.Random) -> Found:
    """Look at the data set of one writer alone."""
    writer = chance.randrange(soak.writers)
    before = int(soak.board["own"][writer])
    frame = loaded(db, f"OWN{writer}/USDT")
    expected = opens("2019-12-31 23:00", len(frame), "1m")
    return max(0, before - len(frame)) + int(not frame.index.equals(expected)), int(frame.index.duplicated().sum())


def again(soak: Soak, db: DuckDBManager, chance: random.Random) -> Found:
    """Read as of now, and once more a little later."""
    moment = pd.Timestamp(time.time_ns(), tz="UTC")
    first = loaded(db, SHARED, as_of=moment)
    time.sleep(chance.uniform(0.0, 0.2))
    second = loaded(db, SHARED, as_of=moment)
    return int(not first.equals(second)), 0


def begun(soak: Soak, number: int, seed: int) -> int:
    """Fork a process and return its number."""
    child = os.fork()
    if child:
        return child
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    task: Callable[..., NoReturn] = write if number < soak.writers else read
    try:
        task(soak, number, random.Random(seed))
    except BaseException:
        soak.board["errors"][number] += 1
        traceback.print_exc()
    os._exit(1)


def run(folder: Path, seconds: float, writers: int, readers: int, seed: int) -> dict[str, float]:
    """Return the figures of so many seconds."""
    chance = random.Random(seed)
    soak = Soak(folder, writers, readers, Board(writers + readers + 1))
    looker = writers + readers
    warm(folder)
    children = [begun(soak, number, chance.randrange(10**9)) for number in range(writers + readers)]
    kills, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(chance.uniform(0.02, 0.3))
        number = chance.randrange(len(children))
        os.kill(children[number], signal.SIGKILL)
        os.waitpid(children[number], 0)
        kills += 1
        children[number] = begun(soak, number, chance.randrange(10**9))
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    kills += len(children)
    board, db = soak.board, store(folder)
    for _ in range(2):  # as the killed left it, then after somebody has written once more
        for look in (shared, by_sql):
            lost, doubled = look(soak, db, chance)
            board["lost"][looker] += lost
            board["doubled"][looker] += doubled
        for writer in range(writers):
            lost, doubled = own(soak, db, random.Random(writer))
            board["lost"][looker] += lost
        db.save_ohlcv(candles([pd.Timestamp("2018-01-01", tz="UTC")], 1.0), SHARED, "1m")
    files = db.datasets().set_index("symbol")["files"]
    sums = {name: int(board[name].sum()) for name in ("acknowledged", "version", "own", "saves", "reads")}
    return {
        "kills": kills,
        "saves": sums["saves"],
        "acknowledged rows": sums["acknowledged"] + sums["version"] + sums["own"],
        "reads": sums["reads"],
        "lost": int(board["lost"].sum()),
        "doubled": int(board["doubled"].sum()),
        "errors": int(board["errors"].sum()),
        "slowest save, s": round(float(board["slowest"][:writers].max()) / 1e9, 2),
        "slowest read, s": round(float(board["slowest"][writers:].max()) / 1e9, 2),
        "files of the shared data set": int(files[SHARED]),
    }


def warm(folder: Path) -> None:
    """Import and compile in this process what no child has to then."""
    db = store(folder)
    db.save_ohlcv(candles(opens("2018-01-01", 2), 1.0), "WARM/USDT", "1h")
    db.load_ohlcv("WARM/USDT", "1h")
    db.delete("WARM/USDT", "1h")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.database.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=None, help="of the store; by default a temporary one")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp())
    figures = run(folder, given.minutes * 60, given.writers, given.readers, given.seed)
    if given.folder is None:
        shutil.rmtree(folder)
    print(", ".join(f"{name} {value:,}" for name, value in figures.items()))
    return int(any(figures[name] for name in ("lost", "doubled", "errors")))


if __name__ == "__main__":
    sys.exit(main())
