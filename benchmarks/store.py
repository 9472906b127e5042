"""The candle store beside pyarrow reading and writing one Parquet file: two years of minutes, BTC/USDT."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measuring import MINUTES, Row, best, seconds
from cryptolab.bars import Bars
from cryptolab.database import DuckDBManager
from cryptolab.database.segments import PRICES, written

SYMBOL, TIMEFRAME = "BTC/USDT", "1m"
MONTH = ("2022-03-01", "2022-03-31")
MONTH_LIMIT, ALL_LIMIT, STORE_LIMIT, APPENDED_LIMIT = 2.0, 1.5, 3.0, 1.5
STORED, APPENDS = 1_000_000, 10_000


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def store(where: Path) -> DuckDBManager:
    """Return the store in a folder."""
    return DuckDBManager(where / "market.duckdb", where / "parquet")


def rows_of(frame: pd.DataFrame) -> pa.Table:
    """Return bars as pyarrow has them, times in nanoseconds as in the store."""
    return pa.Table.from_pandas(frame.reset_index()[list(PRICES)], preserve_index=False)


def loading(name: str, db: DuckDBManager, where: Path, limit: float, *span: str) -> Row:
    """Return the row of loading a span; the peer has a file with exactly these rows, encoded as the store's files."""
    frame = db.load_ohlcv(SYMBOL, TIMEFRAME, *span)
    file = where / "peer.parquet"
    pq.write_table(rows_of(frame), file, **written(PRICES))
    ours, table, pandas = best(
        30,
        lambda: db.load_ohlcv(SYMBOL, TIMEFRAME, *span),
        lambda: pq.read_table(file),
        lambda: pq.read_table(file).to_pandas(),
    )
    ratio = ours / table
    return Row(
        f"load_ohlcv, {name} ({len(frame):,} bars)", seconds(ours),
        f"pyarrow reading these rows {seconds(table)}, to pandas {seconds(pandas)}", f"{ratio:.2f}", f"≤ {limit}",
        ratio <= limit,
    )  # fmt: skip


def storing(frame: pd.DataFrame, where: Path) -> Row:
    """Return the row of storing bars in an empty store; the peer writes a file, without waiting for the disk."""
    table, number = rows_of(frame), count()

    def ours() -> None:
        store(where / f"new {next(number)}").save_ohlcv(frame, SYMBOL, TIMEFRAME)

    mine, theirs = best(7, ours, lambda: pq.write_table(table, where / "written.parquet"))
    for each in where.glob("new *"):
        shutil.rmtree(each)
    ratio = mine / theirs
    return Row(
        f"save_ohlcv, {len(frame):,} bars", seconds(mine), f"pyarrow writing one file {seconds(theirs)}",
        f"{ratio:.2f}", f"≤ {STORE_LIMIT}", ratio <= STORE_LIMIT,
    )  # fmt: skip


def appending(bars: Bars, where: Path) -> list[Row]:
    """Return the rows of bars stored one by one behind a whole year of them, and of reading them then."""
    year = bars[: int(np.searchsorted(bars.time, pd.Timestamp("2022-12-20", tz="UTC").value))]
    end = len(year) + APPENDS
    one_by_one, at_once = store(where / "one by one"), store(where / "at once")
    at_once.save_ohlcv(bars[:end])
    one_by_one.save_ohlcv(year)
    times = []
    for row in range(len(year), end):
        bar = bars[row : row + 1]
        begin = time.perf_counter()
        one_by_one.save_ohlcv(bar)
        times.append(time.perf_counter() - begin)
    mine, theirs = best(
        15, lambda: one_by_one.load_ohlcv(SYMBOL, TIMEFRAME), lambda: at_once.load_ohlcv(SYMBOL, TIMEFRAME)
    )
    files = [int(db.datasets()["files"].iloc[0]) for db in (one_by_one, at_once)]
    ratio = mine / theirs
    return [
        Row(
            f"load_ohlcv after {APPENDS:,} single appends ({files[0]} files)", seconds(mine),
            f"stored at once ({files[1]} files) {seconds(theirs)}", f"{ratio:.2f}", f"≤ {APPENDED_LIMIT}",
            ratio <= APPENDED_LIMIT,
        ),
        Row(
            "one appended bar, on the disk", f"{seconds(float(np.median(times)))}, 99 % within "
            f"{seconds(float(np.quantile(times, 0.99)))}", "", "", "", None,
        ),
    ]  # fmt: skip


def measure() -> list[Row]:
    """Return the rows of the store."""
    frame = pd.read_parquet(MINUTES).set_index("timestamp")
    bars = Bars.from_frame(frame, SYMBOL, TIMEFRAME)
    with folder() as where:
        db = store(where / "store")
        db.save_ohlcv(bars)
        return [
            loading("a month of two years of minutes", db, where, MONTH_LIMIT, *MONTH),
            loading("all of them", db, where, ALL_LIMIT),
            storing(frame[:STORED], where),
            *appending(bars, where),
        ]
