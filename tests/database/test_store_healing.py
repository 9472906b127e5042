"""Damaged files whose bars are stored again: they are whole again then, and not before."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from cryptolab.database import DuckDBManager, writing
from cryptolab.errors import DataError
from tests.database.candles import SYMBOL, candles, opens, parquet_files, refusal, same, store

HOURS = opens("2023-01-01", 8_000)


@pytest.fixture
def db(tmp_path: Path) -> DuckDBManager:
    return store(tmp_path)


def save(db: DuckDBManager, index: pd.DatetimeIndex, value: float = 1.0) -> object:
    return db.save_ohlcv(candles(index, value), SYMBOL, "1h")


def spoil(db: DuckDBManager, rows: int) -> None:
    """Cut off the file with so many rows."""
    (path,) = (path for path in parquet_files(db.parquet_dir) if f"_{rows}_" in path.name)
    path.write_bytes(path.read_bytes()[:-9])


def noticed(db: DuckDBManager) -> str:
    """Return what reading all says, having looked at each file."""
    said = refusal(lambda: db.load_ohlcv(SYMBOL, "1h"), DataError)
    db._dataset(SYMBOL, "1h", "binance").read(-(2**62), 2**62, allow_holes=True)
    return said


def test_bars_that_were_lost_twice_are_whole_when_they_are_stored_again(db: DuckDBManager) -> None:
    """The second file held some of the first one's: together they had fewer than both."""
    index = HOURS[:4_000:2]
    save(db, index)
    spoil(db, 2_000)
    noticed(db)
    save(db, index[[100, 1_700]])
    spoil(db, 2)
    noticed(db)
    assert db.datasets()["damaged"].tolist() == [2]
    assert "; store these bars again in one go, " in noticed(db)
    save(db, index[1:])  # the first one is not there
    assert "2,000 bars from 2023-01-01 00:00 to" in noticed(db)
    save(db, index)
    same(db.load_ohlcv(SYMBOL, "1h"), candles(index, 1.0))


@pytest.mark.parametrize("noticed_first", [True, False])
def test_files_that_were_lost_side_by_side_are_whole_when_both_are_stored_again(
    db: DuckDBManager, noticed_first: bool
) -> None:
    """800 and 200 bars with gaps; 40 of the 200 lie among the 800. Neither counts for the other."""
    first, second = HOURS[: 800 * 4 : 4], HOURS[800 * 4 - 159 : 800 * 4 + 641 : 4]
    everything = first.append(second).sort_values()
    save(db, first)
    patch = pytest.MonkeyPatch()
    with patch.context() as patched:
        patched.setattr(writing, "LEVELS", (500, 900))
        save(db, second)
    assert len(parquet_files(db.parquet_dir)) == 2
    spoil(db, 800)
    if noticed_first:
        noticed(db)
    spoil(db, 200)
    noticed(db)
    assert db.datasets()["damaged"].tolist() == [2]
    ends = first[[0, -1]].append(second[[0, -1]]).sort_values()
    for part in (first, second, everything[:-1], ends):
        save(db, part)
        assert "are missing" in noticed(db)
    save(db, everything)
    same(db.load_ohlcv(SYMBOL, "1h"), candles(everything, 1.0))


def test_where_no_bar_is_missing_it_does_not_matter_how_they_came(db: DuckDBManager) -> None:
    save(db, HOURS[:300])
    spoil(db, 300)
    noticed(db)
    save(db, HOURS[[10, 250]])
    spoil(db, 2)
    noticed(db)
    for begin in range(0, 300, 50):
        save(db, HOURS[begin : begin + 50])
    same(db.load_ohlcv(SYMBOL, "1h"), candles(HOURS[:300], 1.0))


def test_what_is_removed_in_part_stays_missing(db: DuckDBManager) -> None:
    save(db, HOURS[:300])
    spoil(db, 300)
    noticed(db)
    assert db.delete(SYMBOL, "1h", HOURS[0], HOURS[298]) == 0
    assert "300 bars" in refusal(lambda: db.load_ohlcv(SYMBOL, "1h"), DataError)
    save(db, HOURS[:1])
    assert db.delete(SYMBOL, "1h", HOURS[0], HOURS[298]) == 1
    save(db, opens("2024-06-01", 1))
    assert "300 bars" in refusal(lambda: db.load_ohlcv(SYMBOL, "1h"), DataError)
    assert db.delete(SYMBOL, "1h", HOURS[0], HOURS[299]) == 0
    assert len(db.load_ohlcv(SYMBOL, "1h")) == 1


def test_who_removes_all_removes_what_was_put_away(db: DuckDBManager) -> None:
    save(db, HOURS[:300])
    spoil(db, 300)
    noticed(db)
    save(db, HOURS[:300])
    assert len(list(db.parquet_dir.rglob("*.damaged"))) == 1
    assert db.delete(SYMBOL, "1h") == 300
    assert not list(db.parquet_dir.rglob("*damaged*"))


def test_files_before_a_damaged_one_are_not_written_anew(db: DuckDBManager, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows how many of its rows will come back, so that they count for no level."""
    monkeypatch.setattr(writing, "LEVELS", (3, 9))
    save(db, HOURS[:5])
    save(db, HOURS[5:8])
    spoil(db, 3)
    noticed(db)
    save(db, HOURS[20:21])
    assert [file.rows for file in db._dataset(SYMBOL, "1h", "binance").segments() if not file.damaged] == [5, 1]


def test_damage_that_is_found_while_bars_are_stored_again_waits_for_its_own(db: DuckDBManager) -> None:
    save(db, HOURS[:300:2])
    spoil(db, 150)
    noticed(db)
    save(db, HOURS[1:301:3])
    (file,) = parquet_files(db.parquet_dir)
    file.write_bytes(bytes(len(file.read_bytes())))
    save(db, HOURS[:300:2])
    assert db.datasets()[["bars", "damaged"]].to_numpy().tolist() == [[150, 2]]
    save(db, HOURS[:301])
    same(db.load_ohlcv(SYMBOL, "1h"), candles(HOURS[:301], 1.0))
