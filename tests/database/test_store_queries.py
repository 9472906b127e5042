"""What `sql` reaches and what it does not; what it shows beside what market.duckdb shows to whoever opens it."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from cryptolab.database import DuckDBManager, queries, writing
from cryptolab.errors import DataError
from tests.database.candles import SYMBOL, candles, opens, parquet_files, refusal, store

HOURS = opens("2024-02-28", 60)
FRAME = candles(HOURS, np.arange(1.0, 61.0))
VIEWS = ("ohlcv", "revisions", "signals")


@pytest.fixture
def db(tmp_path: Path) -> DuckDBManager:
    db = store(tmp_path)
    db.save_ohlcv(FRAME, SYMBOL, "1h")
    return db


def shown(path: Path, text: str, zone: str = "UTC") -> list[tuple[Any, ...]]:
    """Return what somebody sees who opens the database file."""
    with duckdb.connect(os.fspath(path), read_only=True) as connection:
        connection.execute(f"SET TimeZone = '{zone}'")
        return connection.execute(text).fetchall()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("EXPLAIN ANALYZE COPY (SELECT 1 AS x) TO '{}' (FORMAT parquet)", "EXPLAIN of the kind EXPLAIN"),
        ("EXPLAIN (ANALYZE) COPY (SELECT 1 AS x) TO '{}' (FORMAT parquet)", "EXPLAIN of the kind EXPLAIN"),
        ("/* é */ explain -- x\n /**/ analyze select 1", "EXPLAIN of the kind EXPLAIN"),
        ("EXPLAIN COPY (SELECT 1 AS x) TO '{}'", "EXPLAIN of the kind COPY"),
        ("EXPLAIN CREATE TABLE x AS SELECT 1", "EXPLAIN of the kind CREATE"),
        ("PRAGMA database_list", "a statement of the kind PRAGMA"),
        ("SET threads = 1", "a statement of the kind SET"),
        ("ATTACH '{}'", "a statement of the kind ATTACH"),
        ("INSTALL httpfs", "a statement of the kind LOAD"),
        ("SELECT * FROM '{}'", "Permission Error: Cannot access file"),
        ("SELECT * FROM 'https://example.invalid/x.parquet'", "Permission Error: Cannot access file"),
        ("SELECT * FROM read_text('{}')", "Permission Error: Cannot access file"),
        ("SELECT * FROM glob('/*')", "Permission Error: Cannot access file"),
        ("SELECT * FROM files", "Catalog Error: Table with name files does not exist"),
        ("SELECT * FROM mine", "Catalog Error: Table with name mine does not exist"),
    ],
)
def test_nothing_but_the_store_is_reached_and_it_is_not_changed(db: DuckDBManager, text: str, said: str) -> None:
    mine = pd.DataFrame({"x": [1]})
    (path,) = parquet_files(db.parquet_dir)
    content = path.read_bytes()
    assert refusal(lambda: db.sql(text.replace("{}", str(path)))).startswith(f"sql: received {said}")
    assert path.read_bytes() == content
    assert len(mine) == 1


@pytest.mark.parametrize("text", ["COPY (SELECT 1) TO '{}'", "EXPLAIN ANALYZE COPY (SELECT 1) TO '{}'", "ATTACH '{}'"])
def test_what_were_not_recognized_would_reach_no_file_either(
    db: DuckDBManager, text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(queries, "_check", lambda text: None)
    said = refusal(lambda: db.sql(text.replace("{}", str(tmp_path / "x"))))
    assert "file system operations are disabled" in said
    assert not (tmp_path / "x").exists()
    assert "has been locked" in refusal(lambda: db.sql("SET enable_external_access = true"))


@pytest.mark.parametrize(
    "text", ["EXPLAIN SELECT * FROM ohlcv", "explain (from ohlcv)", "/* é */ EXPLAIN DESCRIBE ohlcv"]
)
def test_a_query_may_be_explained(db: DuckDBManager, text: str) -> None:
    assert len(db.sql(text)) == 1


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("SELECT clsoe FROM ohlcv", None),
        ("SELECT * FROM ohlvc", None),
        ("SELECT * FROM ohlcv WHERE close > $1", None),
        ("SELECT * FROM ohlcv WHERE close > $1", [1, 2]),
        ("SELECT * FROM ohlcv WHERE close > $1", [object()]),
        ("SELECT CAST(symbol AS INT) FROM ohlcv", None),
        ("SELECT 1", 7),
    ],
)
def test_a_mistake_is_no_reason_to_read_the_whole_store(
    db: DuckDBManager, text: str, parameters: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(queries, "_look_for_damage")
    assert refusal(lambda: db.sql(text, parameters)).endswith("; correct the query.")


def test_more_files_than_may_be_open_are_closed_and_asked_again_when_one_is_gone(
    db: DuckDBManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    for year in range(2000, 2010):
        db.save_ohlcv(candles(opens(f"{year}-01-01", 2), 1.0), SYMBOL, "1h")
    monkeypatch.setattr(queries, "_most_open", lambda: 3)
    real, open_then = queries._asked, []

    def asked(files: Any, *rest: Any) -> pd.DataFrame:
        open_then.append(sum(file.source is not None and not file.source.closed for file in files))
        if len(open_then) == 1:  # a writer comes in between, and a file of those that are not open is gone
            db.save_ohlcv(candles(opens("2000-01-01T02:00", 1), 1.0), SYMBOL, "1h")
            db.save_ohlcv(candles(opens("2009-01-01T02:00", 1), 1.0), SYMBOL, "1h")
            db.save_ohlcv(candles(opens("2024-03-02", 1), 1.0), SYMBOL, "1h")
        return real(files, *rest)

    monkeypatch.setattr(queries, "_asked", asked)
    assert db.sql("SELECT count(*) AS n FROM ohlcv")["n"].tolist() == [83]
    assert open_then == [3, 3]


def test_a_revision_that_a_failed_save_noted_is_not_shown(db: DuckDBManager, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    expected: list[float] = []
    for value in (100.0, 200.0):
        with monkeypatch.context() as patched:
            patched.setattr(writing, "_commit", fails)
            refusal(lambda: db.save_ohlcv(candles(HOURS[:2], 7.0), SYMBOL, "1h"), DataError)
        assert len(db._dataset(SYMBOL, "1h", "binance").revisions.read()) > len(expected)
        found = db.sql("SELECT close FROM revisions ORDER BY arrived, timestamp")["close"].tolist()
        assert found == expected
        assert shown(db.path, "SELECT close FROM revisions ORDER BY arrived, timestamp") == [(each,) for each in found]
        db.save_ohlcv(candles(HOURS[:1], value), SYMBOL, "1h")
        expected.append(1.0 if value == 100.0 else 100.0)
    assert db.sql("SELECT close FROM revisions ORDER BY arrived")["close"].tolist() == [1.0, 100.0]
    assert shown(db.path, "SELECT close FROM revisions ORDER BY arrived") == [(1.0,), (100.0,)]


def test_a_revision_with_a_changed_digit_is_not_shown(db: DuckDBManager, caplog: pytest.LogCaptureFixture) -> None:
    db.save_ohlcv(FRAME[:2] * 2, SYMBOL, "1h")
    (path,) = db.parquet_dir.rglob("revisions/*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"open":2.0', b'"open":3.0'))
    with caplog.at_level(logging.WARNING):
        assert db.sql("SELECT close FROM revisions")["close"].tolist() == [1.0]
    assert caplog.messages == [f"{path}: line 2 is not what was written; it is passed over"]
    assert len(db._dataset(SYMBOL, "1h", "binance").revisions.look().damaged) == 1


def test_journals_that_nobody_asks_for_are_not_read(db: DuckDBManager, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(queries, "_revisions", fails)
    monkeypatch.setattr(queries, "_signals", fails)
    assert db.sql("SELECT count(*) AS n FROM ohlcv")["n"].tolist() == [60]
    assert len(db.sql("DESCRIBE revisions")) == 12


@pytest.mark.parametrize("name", ["a[1]b", "a*b", "a?b", "**", "[x", "it's", "a{b,c}", "x=1"])
def test_no_sign_in_the_stores_path_hides_anything(tmp_path: Path, name: str) -> None:
    db = store(tmp_path / name)
    other = store(tmp_path / "aXb")
    for each in (db, other):
        each.save_ohlcv(FRAME, SYMBOL, "1h")
        each.save_ohlcv(FRAME[:3] * 2, SYMBOL, "1h")
        each.save_signal({"timestamp": HOURS[0], "symbol": SYMBOL, "signal_type": "buy"})
    for view, count in zip(VIEWS, (60, 3, 1), strict=True):
        assert db.sql(f"SELECT count(*) AS n FROM {view}")["n"].tolist() == [count]
        if "?" not in name:  # DuckDB makes no database there
            assert shown(db.path, f"SELECT count(*) FROM {view}") == [(count,)]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_the_database_file_shows_the_same_times_in_every_zone(db: DuckDBManager, zone: str) -> None:
    db.save_ohlcv(FRAME[:3] * 2, SYMBOL, "1h")
    db.save_signal({"timestamp": HOURS[5], "symbol": SYMBOL, "signal_type": "buy"})
    for view in VIEWS:
        text = f"SELECT epoch_us(timestamp) AS t FROM {view} ORDER BY 1"
        assert [row[0] for row in shown(db.path, text, zone)] == db.sql(text)["t"].tolist()
    assert shown(db.path, "SELECT epoch_us(arrived) FROM revisions ORDER BY 1", zone) == [
        (moment.value // 1000,) for moment in sorted(db.sql("SELECT arrived FROM revisions")["arrived"])
    ]


# market.duckdb of another place


def test_a_project_that_was_moved_or_copied_shows_its_own_place(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    store(old).save_ohlcv(FRAME, SYMBOL, "1h")
    shutil.copytree(old, new)
    store(new).save_ohlcv(FRAME[:5], "ETH/USDT", "1h")
    assert shown(new / "market.duckdb", "SELECT count(*) FROM ohlcv") == [(65,)]
    assert shown(old / "market.duckdb", "SELECT count(*) FROM ohlcv") == [(60,)]
    shutil.rmtree(old)
    new.rename(old)
    made = (old / "market.duckdb").stat()
    assert shown(store(old).path, "SELECT count(*) FROM ohlcv") == [(65,)]
    assert (old / "market.duckdb").stat().st_ino != made.st_ino
    made = (old / "market.duckdb").stat()
    store(old)
    assert (old / "market.duckdb").stat().st_ino == made.st_ino
    assert len(list(old.iterdir())) == 2


def test_tables_of_somebodys_own_are_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a").mkdir()
    with duckdb.connect(os.fspath(tmp_path / "a" / "market.duckdb")) as connection:
        connection.execute("CREATE TABLE own AS SELECT 1 AS x")
    store(tmp_path / "a")
    assert shown(tmp_path / "a" / "market.duckdb", "FROM own") == [(1,)]
    path = store(tmp_path / "b").path
    with duckdb.connect(os.fspath(path)) as connection:
        connection.execute("CREATE TABLE own AS SELECT 2 AS x")
    (tmp_path / "b").rename(tmp_path / "c")
    with caplog.at_level(logging.WARNING):
        path = store(tmp_path / "c").path
    assert shown(path, "FROM own") == [(2,)]
    assert caplog.messages == [f"{path} shows another place, and holds more than views: remove it to see this one"]
