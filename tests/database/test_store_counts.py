"""What storing costs, counted and not timed: one more bar behind half a million rewrites the small file alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from cryptolab.database import DuckDBManager, segments, writing
from cryptolab.database.writing import LEVELS
from tests.database.candles import SYMBOL, candles, opens, parquet_files, store

YEAR = opens("2023-01-01", 525_600, "1m")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Count the rows that are written and read, and the files opened."""
    counts = SimpleNamespace(written=0, read=0, opened=0, saves=0)
    write, read, opened = segments.write, segments.read, segments.opened

    def counting_write(path: Path, table: pa.Table) -> int:
        counts.written += len(table)
        counts.saves += 1
        return write(path, table)

    def counting_read(*arguments: object) -> pa.Table:
        table = read(*arguments)  # type: ignore[arg-type]
        counts.read += len(table)
        return table

    def counting_opened(which: object) -> list[object]:
        found = opened(which)  # type: ignore[arg-type]
        counts.opened += len(found)
        return found

    for name, call in (("write", counting_write), ("read", counting_read), ("opened", counting_opened)):
        monkeypatch.setattr(segments, name, call)
    return counts


def of_year(db: DuckDBManager) -> list[int]:
    """Return the rows of each file."""
    return [segment.rows for segment in db._dataset(SYMBOL, "1m", "binance").segments()]


def written_bytes() -> int:
    """Return what this process has written to files so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))


def test_a_bar_behind_a_year_of_minutes_costs_a_small_file(tmp_path: Path, counted: SimpleNamespace) -> None:
    db = store(tmp_path)
    db.save_ohlcv(candles(YEAR[:-5], 1.0), SYMBOL, "1m")
    (large,) = parquet_files(tmp_path)
    before = large.stat()
    for number in range(5):
        counted.written = counted.read = counted.opened = 0
        bytes_before = written_bytes()
        row = len(YEAR) - 5 + number
        assert db.save_ohlcv(candles(YEAR[row : row + 1], 2.0), SYMBOL, "1m") == (1, 0, 0)
        assert (counted.written, counted.read) == (number + 1, number)
        assert counted.opened <= 2  # the small one, and the one that is asked for its source
        assert written_bytes() - bytes_before < 20_000
    assert of_year(db) == [525_595, 5]
    assert large.stat() == before or large.stat().st_mtime_ns == before.st_mtime_ns


def test_the_same_bar_again_writes_nothing(tmp_path: Path, counted: SimpleNamespace) -> None:
    db = store(tmp_path)
    db.save_ohlcv(candles(YEAR[:200_000], 1.0), SYMBOL, "1m")
    counted.written = counted.read = 0
    assert db.save_ohlcv(candles(YEAR[199_990:200_000], 1.0), SYMBOL, "1m") == (0, 10, 0)
    assert counted.written == 0
    assert counted.read <= segments.ROW_GROUP  # of the group that they are in


def test_loading_a_month_reads_no_more_than_its_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    db = store(tmp_path)
    db.save_ohlcv(candles(YEAR, 1.0), SYMBOL, "1m")
    groups: list[int] = []
    real = pq.ParquetFile.read_row_groups
    monkeypatch.setattr(
        pq.ParquetFile, "read_row_groups", lambda file, which, **how: groups.extend(which) or real(file, which, **how)
    )
    assert len(db.load_ohlcv(SYMBOL, "1m", "2023-03-01", "2023-03-31")) == 31 * 1440
    assert len(groups) <= 31 * 1440 // segments.ROW_GROUP + 2
    groups.clear()
    assert (
        len(db.load_ohlcv(SYMBOL, "1m", YEAR[segments.ROW_GROUP], YEAR[2 * segments.ROW_GROUP - 1]))
        == segments.ROW_GROUP
    )
    assert groups == [1]


@pytest.mark.slow
def test_ten_thousand_appends_leave_three_files_and_rewrite_little(
    tmp_path: Path, counted: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each bar has those of the smallest level written anew, on average half of it, and the others but rarely."""
    db = store(tmp_path)
    db.save_ohlcv(candles(YEAR[:400_000], 1.0), SYMBOL, "1m")
    counted.written, most = 0, 0
    monkeypatch.setattr("os.fsync", lambda number: None)
    appends = 10_000
    for row in range(400_000, 400_000 + appends):
        db.save_ohlcv(candles(YEAR[row : row + 1], float(row)), SYMBOL, "1m")
        if row % 97 == 0:
            most = max(most, len(parquet_files(tmp_path)))
    assert most == 3
    assert [writing._level(rows) for rows in of_year(db)] == [2, 1, 0]
    assert counted.written < appends * (LEVELS[0] / 2 + appends / LEVELS[0] / 2 + 10)
    closes = db.load_ohlcv(SYMBOL, "1m", YEAR[400_000])["close"].to_numpy()
    assert np.array_equal(closes, np.arange(400_000, 400_000 + appends))


@pytest.mark.parametrize("order", ["forwards", "backwards", "shuffled"])
def test_each_file_is_a_level_below_the_one_before_it_however_bars_come(
    tmp_path: Path, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "LEVELS", (8, 64))
    monkeypatch.setattr("os.fsync", lambda number: None)
    db = store(tmp_path)
    rows = np.arange(300)
    if order == "backwards":
        rows = rows[::-1]
    elif order == "shuffled":
        rows = np.random.default_rng(1).permutation(300)
    for row in rows.tolist():
        db.save_ohlcv(candles(YEAR[row : row + 1], 1.0 + row), SYMBOL, "1m")
        levels = [writing._level(count) for count in of_year(db)]
        assert levels == sorted(set(levels), reverse=True)
    for first in (250, 100, 30, 3):
        db.delete(SYMBOL, "1m", YEAR[first], YEAR[first + 2])
        levels = [writing._level(count) for count in of_year(db)]
        assert levels == sorted(set(levels), reverse=True)
    assert len(db.load_ohlcv(SYMBOL, "1m")) == 288
