"""What a save does with the files that are there, step by step, and what it says when the disk fails under way."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cryptolab.database import DuckDBManager, rows, segments, writing
from cryptolab.database.folders import ALL, settle
from cryptolab.errors import DataError
from tests.database.candles import SYMBOL, candles, opens, parquet_files, refusal, same, store

HOURS = opens("2023-01-01", 8_000)
YEARS = opens("2022-12-31", 60)  # 24 hours of one year, 36 of the next
NO_ROOM = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def db(tmp_path: Path) -> DuckDBManager:
    return store(tmp_path)


def save(db: DuckDBManager, index: object, value: float = 1.0) -> object:
    return db.save_ohlcv(candles(index, value), SYMBOL, "1h")  # type: ignore[arg-type]


def test_bars_of_two_files_that_are_revised_at_once_stay_one_each(db: DuckDBManager) -> None:
    save(db, HOURS[:2_000])
    save(db, HOURS[2_000:2_001])
    assert len(parquet_files(db.parquet_dir)) == 2
    assert save(db, HOURS[1_999:2_001], 2.0) == (0, 0, 2)
    same(db.load_ohlcv(SYMBOL, "1h"), candles(HOURS[:2_001], [1.0] * 1_999 + [2.0] * 2))


def test_a_file_is_of_a_level_up_to_its_last_row() -> None:
    first, second = writing.LEVELS
    assert [writing._level(rows) for rows in (1, first, first + 1, second, second + 1)] == [0, 0, 1, 1, 2]


def test_what_is_superseded_counts_no_more_even_where_it_cannot_be_removed(
    db: DuckDBManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(db, HOURS[:5])
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", fails)
        save(db, HOURS[3:8], 2.0)
    assert len(parquet_files(db.parquet_dir)) == 2
    same(db.load_ohlcv(SYMBOL, "1h"), candles(HOURS[:8], [1.0] * 3 + [2.0] * 5))
    save(db, HOURS[:1], 3.0)
    assert len(parquet_files(db.parquet_dir)) == 1


def fails(*_: object, **__: object) -> None:
    raise NO_ROOM


def test_sources_of_several_files_are_in_one_piece() -> None:
    schema = segments.SCHEMA
    tables = []
    for number, source in enumerate(("a", "b")):
        columns = [pa.array([number]).cast(segments.TIME), *[pa.array([1.0])] * 5, pa.array([0]).cast(segments.TIME)]
        columns.append(pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), pa.array([source])))
        tables.append(pa.table(columns, schema=schema))
    for order in (tables, tables[::-1]):
        column = rows.in_order(order).column("source")
        assert column.num_chunks == 1
        assert column.to_pylist() == ["a", "b"]
        assert sorted(column.chunk(0).dictionary.to_pylist()) == ["a", "b"]


def test_a_folder_of_another_spelling_is_nobodys(db: DuckDBManager) -> None:
    save(db, HOURS[:5])
    (year,) = db.parquet_dir.rglob("year=2023")
    for name in ("year=02023", "year=٢٠٢٣", "year=2023 ", "year=+2023"):
        shutil.copytree(year, year.with_name(name))
    same(db.load_ohlcv(SYMBOL, "1h"), candles(HOURS[:5], 1.0))
    assert db.sql("SELECT count(*) AS n FROM ohlcv")["n"].tolist() == [5]
    assert db.datasets()["bars"].tolist() == [5]


# a disk that fails under way


def failing_at(call: int, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a file with bars not be renamed, or removed, at the call of this number, from 0."""
    real, left = getattr(Path, name), [call]

    def tried(path: Path, *arguments: object, **named: object) -> object:
        if any(str(each).endswith(".parquet") for each in (path, *arguments)):
            left[0] -= 1
            if left[0] < 0:
                raise NO_ROOM
        return real(path, *arguments, **named)

    monkeypatch.setattr(Path, name, tried)


NOTHING = "received 'No space left on device' from the disk, so that nothing of this was "
SOME = "received 'No space left on device' from the disk, so that this may be "
ROOM = "; make room or check the folder's permissions, then "


def test_a_save_that_fails_says_whether_some_of_it_may_be_there(
    db: DuckDBManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    for call, said in ((0, f"{NOTHING}stored{ROOM}try again."), (1, f"{SOME}stored in part{ROOM}do it again.")):
        with monkeypatch.context() as patched:
            failing_at(call, "replace", patched)
            assert refusal(lambda: save(db, YEARS), DataError) == f"BTC/USDT 1h on binance: {said}"
        assert db.datasets()["bars"].tolist() == [24] * call
        assert not list(db.parquet_dir.rglob("*.part"))
    assert save(db, YEARS) == (36, 24, 0)


def test_a_removal_that_fails_says_whether_some_of_it_may_be_gone(
    db: DuckDBManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(db, YEARS)
    for call, said in ((0, f"{NOTHING}removed{ROOM}try again."), (1, f"{SOME}removed in part{ROOM}do it again.")):
        with monkeypatch.context() as patched:
            failing_at(call, "unlink", patched)
            assert refusal(lambda: db.delete(SYMBOL, "1h"), DataError) == f"BTC/USDT 1h on binance: {said}"
        assert db.datasets()["bars"].tolist() == [60 - 24 * call]
    assert db.delete(SYMBOL, "1h") == 36


def test_drafts_of_other_years_go_when_one_cannot_be_written(
    db: DuckDBManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = segments.write

    def second_fails(path: Path, table: pa.Table) -> int:
        if path.parent.name == "year=2023":
            raise NO_ROOM
        return real(path, table)

    with monkeypatch.context() as patched:
        patched.setattr(segments, "write", second_fails)
        assert refusal(lambda: save(db, YEARS), DataError).startswith(f"BTC/USDT 1h on binance: {NOTHING}stored;")
    assert not list(db.parquet_dir.rglob("*.part"))
    assert not list(db.parquet_dir.rglob("*.parquet"))


# what is on the disk when


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The names of calls and what they were made with, in their order."""
    found: list[tuple[str, str]] = []

    def noted(name: str) -> None:
        real = getattr(os, name)

        def call(*arguments: object, **named: object) -> object:
            at_number = name == "fsync"
            place = Path(f"/proc/self/fd/{arguments[0]}").readlink() if at_number else arguments[0]
            found.append((name, os.fspath(place)))  # type: ignore[call-overload]
            return real(*arguments, **named)

        monkeypatch.setattr(os, name, call)

    for name in ("fsync", "rename", "unlink"):
        noted(name)
    return found


def test_that_a_file_was_set_aside_is_on_the_disk(db: DuckDBManager, calls: list[tuple[str, str]]) -> None:
    save(db, HOURS[:5])
    (path,) = parquet_files(db.parquet_dir)
    path.write_bytes(b"")
    calls.clear()
    refusal(lambda: db.load_ohlcv(SYMBOL, "1h"), DataError)
    assert calls == [("rename", str(path)), ("fsync", str(path.parent))]


def test_what_supersedes_a_file_is_on_the_disk_before_that_one_goes(
    db: DuckDBManager, calls: list[tuple[str, str]]
) -> None:
    """Its writer may have been killed before it had said so to the disk."""
    save(db, HOURS[:5])
    (path,) = parquet_files(db.parquet_dir)
    content = path.read_bytes()
    save(db, HOURS[5:6])
    path.write_bytes(content)
    calls.clear()
    save(db, HOURS[:1])
    assert not path.exists()
    assert calls[: calls.index(("unlink", str(path)))] == [("fsync", str(path.parent))]


def test_all_that_was_newly_made_has_its_name_on_the_disk(tmp_path: Path, calls: list[tuple[str, str]]) -> None:
    db = store(tmp_path / "some" / "where" / "data")
    save(db, HOURS[:5])
    settled = {place for name, place in calls if name == "fsync"}
    (year,) = db.parquet_dir.rglob("year=2023")
    above = [year, *year.parents]
    assert set(map(str, above[: above.index(tmp_path) + 1])) <= settled


def test_folders_of_another_disk_are_left_alone(
    tmp_path: Path, calls: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "is_mount", lambda path: path == tmp_path)
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    settle(inner, above=ALL)
    assert [place for _, place in calls] == [str(inner), str(inner.parent), str(tmp_path)]


def test_revisions_of_a_whole_save_are_noted_in_pieces(db: DuckDBManager, monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptolab.database import revisions

    monkeypatch.setattr(revisions, "_TOGETHER", 7)
    save(db, HOURS[:50])
    save(db, HOURS[:50], 2.0)
    found = db.sql("SELECT count(*) AS n, count(DISTINCT timestamp) AS d, sum(close) AS s FROM revisions")
    assert np.array_equal(found.to_numpy(), [[50, 50, 50.0]])
