"""The store against an obvious model, a dict of versions, over random sequences of everything that can be done to it.

The clock is the test's: it goes on, stands still and steps back. Files are merged at a few rows, not at thousands.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import hypothesis.strategies as st
import pandas as pd
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cryptolab.bars import TIMEFRAMES
from cryptolab.database import moments, segments, writing
from cryptolab.errors import DataError, InputError
from tests.database.candles import SYMBOL, candles, opens, parquet_files, same, store

# each stretch goes over a new year, one of them over 1970
STARTS = {
    "1h": ("1969-12-31 18:00", "2019-12-31 18:00", "2020-12-31 20:00"),
    "1d": ("1969-12-25", "2019-12-23", "2020-12-28"),
    "1w": ("1969-12-01", "2019-12-02", "2020-11-30"),
}
LENGTH = 14
SLOTS = st.integers(0, 3 * LENGTH - 1)
PRICES = st.sampled_from([1.0, 2.0, 3.0, 1.0 / 3.0, None])
ORDERED = "SELECT timestamp, open, high, low, close, volume FROM ohlcv ORDER BY exchange, symbol, timeframe, timestamp"


class StoreMachine(RuleBasedStateMachine):
    """`versions` is the model: by slot, what was stored there, as (arrived, value), the newest last; `mark` is the last
    moment that was stored or read at."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.now = pd.Timestamp("2025-06-01", tz="UTC").value
        self.moments = [self.now]
        self.mark = 0
        self.versions: dict[int, list[tuple[int, float]]] = {}
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(moments, "time", SimpleNamespace(time_ns=lambda: self.now))
        self.patch.setattr(writing, "LEVELS", (3, 9))
        self.patch.setattr(segments, "ROW_GROUP", 4)
        self.patch.setattr(os, "fsync", lambda number: None)
        self.db = store(self.folder)

    def teardown(self) -> None:
        self.patch.undo()
        shutil.rmtree(self.folder)

    @initialize(timeframe=st.sampled_from(list(STARTS)))
    def begin(self, timeframe: str) -> None:
        self.timeframe = timeframe
        self.index = opens(STARTS[timeframe][0], 0, timeframe).append(
            [opens(start, LENGTH, timeframe) for start in STARTS[timeframe]]
        )

    # ---- what the model says

    def expected(self, moment: int | None = None, first: int = 0, last: int = 3 * LENGTH) -> pd.DataFrame:
        found = {}
        for slot, versions in sorted(self.versions.items()):
            seen = [value for arrived, value in versions if moment is None or arrived <= moment]
            if seen and first <= slot <= last:
                found[slot] = seen[-1]
        return candles(self.index[list(found)], list(found.values()))

    def forget(self, first: int, last: int) -> int:
        gone = [slot for slot in self.versions if first <= slot <= last]
        for slot in gone:
            del self.versions[slot]
        return len(gone)

    def load(self, **how: Any) -> pd.DataFrame:
        """Return what is stored; where that is nothing, a frame without rows."""
        try:
            return self.db.load_ohlcv(SYMBOL, self.timeframe, **how)
        except DataError as problem:
            if not re.search("received (no stored bars|a span .*without stored bars); ", str(problem)):
                raise
            return candles([], [])

    @property
    def folder_is_there(self) -> bool:
        """A mark is left only where something was stored at some time."""
        return self.db._dataset(SYMBOL, self.timeframe, "binance").folder.is_dir()

    # ---- what can be done

    @rule(step=st.sampled_from([1, 1_000, 10**9, 0, -1, -(10**10), 10**11, -(10**11)]))
    def tick(self, step: int) -> None:
        self.now += step
        self.moments.append(self.now)

    @rule(rows=st.dictionaries(SLOTS, PRICES, min_size=1), dies=st.booleans())
    def save(self, rows: dict[int, float | None], dies: bool) -> None:
        real = {slot: value for slot, value in rows.items() if value is not None}
        frame = candles(self.index[sorted(rows)], [rows[slot] or float("nan") for slot in sorted(rows)])
        if not real:
            with pytest.raises(DataError, match="rows without prices"):
                self.db.save_ohlcv(frame, SYMBOL, self.timeframe)
            return
        if self.mark > self.now + moments.AHEAD:
            with pytest.raises(DataError, match="from this computer's clock"):
                self.db.save_ohlcv(frame, SYMBOL, self.timeframe)
            return
        before = {path: path.read_bytes() for path in parquet_files(self.folder)}
        self.mark = max(self.now, self.mark + 1)
        saved = self.db.save_ohlcv(frame, SYMBOL, self.timeframe, source=f"at {self.now}")
        unchanged = [slot for slot, value in real.items() if self.versions.get(slot, [(0, None)])[-1][1] == value]
        revised = [slot for slot in real if slot in self.versions and slot not in unchanged]
        assert saved == (len(real) - len(unchanged) - len(revised), len(unchanged), len(revised))
        for slot in sorted(set(real) - set(unchanged)):
            self.versions.setdefault(slot, []).append((self.mark, real[slot]))
        if dies:  # behind the new names, before the old ones were removed; another died before it came that far
            for path, content in before.items():
                path.write_bytes(content)
            for path in parquet_files(self.folder)[:1]:
                (path.parent / "000009.part").write_bytes(b"half")

    @rule(first=SLOTS, last=SLOTS)
    def delete(self, first: int, last: int) -> None:
        first, last = sorted((first, last))
        if not self.versions:
            with pytest.raises(DataError, match="no stored bars"):
                self.db.delete(SYMBOL, self.timeframe)
            return
        count = self.db.delete(SYMBOL, self.timeframe, self.index[first], self.index[last])
        assert count == self.forget(first, last)

    @rule()
    @precondition(lambda self: self.versions)
    def delete_all(self) -> None:
        assert self.db.delete(SYMBOL, self.timeframe) == self.forget(0, 3 * LENGTH)
        assert self.db.datasets().empty

    @rule(slot=SLOTS)
    def prune(self, slot: int) -> None:
        would = self.db.prune(self.index[slot], dry_run=True)
        removed = self.db.prune(self.index[slot])
        pd.testing.assert_frame_equal(would, removed)
        assert removed["bars"].sum() == self.forget(0, slot - 1)

    @rule()
    def open_anew(self) -> None:
        self.db = store(self.folder)

    @rule()
    def remove_the_database_file(self) -> None:
        (self.folder / "market.duckdb").unlink()
        self.db = store(self.folder)

    # ---- what can be seen

    @invariant()
    def all_of_it(self) -> None:
        if hasattr(self, "timeframe"):
            same(self.load(), self.expected())

    @rule(first=SLOTS, last=SLOTS)
    def a_span(self, first: int, last: int) -> None:
        first, last = sorted((first, last))
        found = self.load(start_date=self.index[first], end_date=self.index[last])
        same(found, self.expected(None, first, last))

    @rule(data=st.data(), beside=st.sampled_from([-1, 0, 1]), first=SLOTS)
    def as_of(self, data: st.DataObject, beside: int, first: int) -> None:
        moment = data.draw(st.sampled_from(self.moments)) + beside
        as_of = pd.Timestamp(moment, tz="UTC")
        if moment > max(self.now, self.mark):
            with pytest.raises(InputError, match="name a moment that has passed"):
                self.load(as_of=as_of)
            return
        same(self.load(start_date=self.index[first], as_of=as_of), self.expected(moment, first))
        if self.folder_is_there:
            self.mark = max(self.mark, moment)

    @rule()
    def by_sql(self) -> None:
        expected = self.expected().reset_index()
        expected["timestamp"] = expected["timestamp"].dt.as_unit("us")
        for found in (self.db.sql(ORDERED), self.by_plain_duckdb()):
            pd.testing.assert_frame_equal(found, expected, check_exact=True)

    def by_plain_duckdb(self) -> pd.DataFrame:
        with duckdb.connect(os.fspath(self.folder / "market.duckdb"), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            with pytest.warns(DeprecationWarning, match="inplace"):
                return connection.execute(ORDERED).df()

    @rule()
    def in_the_list(self) -> None:
        listed, expected = self.db.datasets(), self.expected()
        if not len(expected):
            assert listed.empty
            return
        (row,) = listed.to_dict("records")
        assert (row["symbol"], row["timeframe"], row["bars"]) == (SYMBOL, self.timeframe, len(expected))
        assert (row["first"], row["last"], row["damaged"]) == (expected.index[0], expected.index[-1], 0)
        files = self.db._dataset(SYMBOL, self.timeframe, "binance").segments()
        assert row["files"] == len(files)
        assert max(pd.Series([file.path.parent for file in files]).value_counts()) <= 3

    @rule()
    def gaps(self) -> None:
        index = self.expected().index
        if not len(index):
            return
        step = pd.Timedelta(TIMEFRAMES[self.timeframe], "ns")
        expected = [(a + step, b) for a, b in pairwise(index) if b - a > step]
        found = self.db.gaps(SYMBOL, self.timeframe)
        assert list(zip(found["start"], found["end"], strict=True)) == expected
        assert found["missing"].tolist() == [(b - a) // step for a, b in expected]


TestStore = StoreMachine.TestCase
TestStore.settings = settings(stateful_step_count=25)
