"""Files that are not what was written: named in one sentence, set aside, the rest read, and healed by storing again."""

from __future__ import annotations

import errno
import io
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cryptolab.database import DuckDBManager, queries, segments
from cryptolab.database.segments import DamagedFile
from tests.database.candles import SYMBOL, candles, opens, parquet_files, refusal, same, store

FIRST, SECOND = opens("2023-06-01", 5_000), opens("2024-01-01", 100)


def flipped(content: bytes, place: int, bit: int = 3) -> bytes:
    return content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]


def footer(content: bytes) -> int:
    """Return where the footer begins."""
    return len(content) - 8 - int.from_bytes(content[-8:-4], "little")


def other_schema(content: bytes) -> bytes:
    table = pq.read_table(pa.BufferReader(content)).rename_columns(["t", *"abcdefg"])
    return written(table)


def written(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "half": lambda content: content[: len(content) // 2],
    "all but the last byte": lambda content: content[:-1],
    "five bytes": lambda content: content[:5],
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "a bit of a price": lambda content: flipped(content, footer(content) // 2),
    "a bit of the first page": lambda content: flipped(content, 200),
    "a bit of the statistics": lambda content: flipped(content, footer(content) + 60),
    "a bit of the footer's length": lambda content: flipped(content, len(content) - 8),
    "a bit of the last magic": lambda content: flipped(content, len(content) - 1),
    "another schema": other_schema,
    "fewer rows": lambda content: written(pq.read_table(pa.BufferReader(content)).slice(1)),
    "text": lambda content: b"timestamp,open\n" * 400,
}


@pytest.fixture
def db(tmp_path: Path) -> DuckDBManager:
    """5,000 bars of 2023 and 100 of 2024."""
    db = store(tmp_path)
    db.save_ohlcv(candles(FIRST, 1.0), SYMBOL, "1h")
    db.save_ohlcv(candles(SECOND, 2.0), SYMBOL, "1h")
    return db


def damage(db: DuckDBManager, how: Callable[[bytes], bytes], number: int = 0) -> Path:
    path = parquet_files(db.parquet_dir)[number]
    path.write_bytes(how(path.read_bytes()))
    return path


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_file_is_named_and_set_aside_and_the_rest_is_read(db: DuckDBManager, how: str) -> None:
    path = damage(db, DAMAGES[how])
    said = refusal(lambda: db.load_ohlcv(SYMBOL, "1h"))
    assert said.startswith(f"BTC/USDT 1h on binance, year=2023: received a damaged file {path.name} (")
    assert "), set aside: 5,000 bars from 2023-06-01 00:00 to 2023-12-26 07:00 are missing; " in said
    assert said.endswith("store these bars again, load others, or say allow_holes=True.")
    assert not path.exists()
    assert path.with_name(f"{path.name}.5000.damaged").exists()

    same(db.load_ohlcv(SYMBOL, "1h", "2024-01-01", "2024-12-31"), candles(SECOND, 2.0))
    same(db.load_ohlcv(SYMBOL, "1h", allow_holes=True), candles(SECOND, 2.0))
    again = refusal(lambda: store(db.path.parent).load_ohlcv(SYMBOL, "1h", "2023-07-01", "2024-12-31"))
    assert again.startswith(f"BTC/USDT 1h on binance, year=2023: received a damaged file {path.name}, set aside: 5,0")
    assert db.datasets()[["bars", "damaged"]].to_numpy().tolist() == [[100, 1]]
    assert db.sql("SELECT count(*) AS n FROM ohlcv")["n"].tolist() == [100]

    assert db.save_ohlcv(candles(FIRST[:-1], 1.0), SYMBOL, "1h") == (4_999, 0, 0)
    assert "are missing" in refusal(lambda: db.load_ohlcv(SYMBOL, "1h"))
    assert db.save_ohlcv(candles(FIRST, 1.0), SYMBOL, "1h") == (1, 4_999, 0)
    same(db.load_ohlcv(SYMBOL, "1h", end_date="2023-12-31"), candles(FIRST, 1.0))
    assert db.datasets()[["bars", "damaged"]].to_numpy().tolist() == [[5_100, 0]]
    assert len(list(db.parquet_dir.rglob("damaged/*.damaged"))) == 1
    db.prune("2000-01-01")
    assert not list(db.parquet_dir.rglob("*damaged*"))


@pytest.mark.parametrize("how", ["half", "empty", "a bit of a price", "a bit of the statistics"])
def test_sql_says_so_once_and_answers_from_the_rest(
    db: DuckDBManager, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    db.save_ohlcv(candles(SECOND, 2.0), "ETH/USDT", "1h")
    path = damage(db, DAMAGES[how])
    assert f"received a damaged file {path.name} (" in refusal(
        lambda: db.sql("SELECT avg(open + high + low + close + volume) FROM ohlcv")
    )
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert db.sql("SELECT symbol, count(*) AS n FROM ohlcv GROUP BY symbol ORDER BY 1")["n"].tolist() == [100, 100]
    assert caplog.messages == ["sql: 1 damaged file was set aside; its bars are not among those asked"]


def test_sql_goes_past_damage_where_that_is_said(db: DuckDBManager) -> None:
    damage(db, DAMAGES["a bit of a price"])
    damage(db, DAMAGES["half"], 1)
    found = db.sql("SELECT count(*) AS n FROM ohlcv WHERE open + high + low + close + volume > 0", allow_holes=True)
    assert found["n"].tolist() == [0]
    assert db.datasets()["damaged"].tolist() == [2]


def test_no_bit_of_a_file_can_turn_without_being_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor end the process, as Arrow does at some footers. What is read is right, or the file is called damaged."""
    monkeypatch.setattr(segments, "_mark", lambda segment: None)  # as if each were read for the first time
    db = store(tmp_path)
    db.save_ohlcv(candles(SECOND[:20], range(1, 21)), SYMBOL, "1h", source="exchange")
    db.save_ohlcv(candles(SECOND[20:40], range(21, 41)), SYMBOL, "1h", source="another")
    (segment,) = db._dataset(SYMBOL, "1h", "binance").segments()
    content = segment.path.read_bytes()
    right = segments.read(segment, pa.BufferReader(content), -(2**62), 2**62)
    noticed = 0
    for place in range(len(content)):
        spoilt = pa.BufferReader(flipped(content, place, place % 8))
        try:
            assert segments.read(segment, spoilt, -(2**62), 2**62).equals(right), place
        except DamagedFile:
            noticed += 1
    assert noticed > 0.8 * len(content)  # the rest is what nobody reads: statistics of pages


@pytest.mark.parametrize("column", ["arrived", "source"])
def test_no_bit_of_what_is_beside_the_prices_ends_the_process_or_is_believed(tmp_path: Path, column: str) -> None:
    """Each bit of the pages and of their headers, as a reader sees it and as a query does."""
    db = store(tmp_path)
    db.save_ohlcv(candles(SECOND[:40], range(1, 41)), SYMBOL, "1h", source="exchange")
    dataset = db._dataset(SYMBOL, "1h", "binance")
    (segment,) = dataset.segments()
    content = segment.path.read_bytes()
    chunk = pq.read_metadata(segment.path).row_group(0).column(segments.SCHEMA.names.index(column))
    first = chunk.dictionary_page_offset or chunk.data_page_offset
    right = segments.read(segment, pa.BufferReader(content), -(2**62), 2**62)

    def asked(content: bytes) -> pa.Table:
        key = ("binance", SYMBOL, "1h")
        files = [queries._File(key, dataset, segment, pa.BufferReader(content))]
        return queries._seen(files).to_table(columns=segments.SCHEMA.names)

    seen = asked(content)
    noticed = 0
    for place in range(first, first + chunk.total_compressed_size):
        for bit in range(8):
            spoilt = flipped(content, place, bit)
            try:
                assert asked(spoilt).equals(seen), place
                assert segments.read(segment, pa.BufferReader(spoilt), -(2**62), 2**62).equals(right), place
            except (pa.ArrowException, OSError, DamagedFile):
                noticed += 1
    assert noticed > 4 * chunk.total_compressed_size


def unnoticed(content: bytes, column: str) -> int:
    """Return a place where a turned bit changes what is read, if nobody looks at the checksums."""
    chunk = pq.read_metadata(pa.BufferReader(content)).row_group(0).column(segments.SCHEMA.names.index(column))
    first = chunk.dictionary_page_offset or chunk.data_page_offset
    right = pq.ParquetFile(pa.BufferReader(content)).read(columns=[column])
    for place in range(first, first + chunk.total_compressed_size):
        with suppress(pa.ArrowException, OSError):
            found = pq.ParquetFile(pa.BufferReader(flipped(content, place))).read(columns=[column])
            if found.shape == right.shape and not found.equals(right):
                return place
    raise AssertionError


@pytest.mark.parametrize("column", ["arrived", "source"])
def test_damage_is_not_stored_again_as_right(tmp_path: Path, column: str) -> None:
    """Though the prices were read before and are known to be sound."""
    db = store(tmp_path)
    db.save_ohlcv(candles(SECOND, 2.0), SYMBOL, "1h", source="exchange")
    (path,) = parquet_files(db.parquet_dir)
    os.utime(path, (1, 1))  # the clock would show whether it was touched
    same(db.load_ohlcv(SYMBOL, "1h", "2024-01-01"), candles(SECOND, 2.0))
    content = path.read_bytes()
    end = unnoticed(content, column)
    with path.open("r+b") as file:
        file.write(flipped(content, end))
    os.utime(path, (1, 1))
    same(db.load_ohlcv(SYMBOL, "1h", "2024-01-01"), candles(SECOND, 2.0))
    assert db.save_ohlcv(candles(SECOND[-1:] + pd.Timedelta("1h"), 2.0), SYMBOL, "1h") == (1, 0, 0)
    assert "a damaged file" in refusal(lambda: db.load_ohlcv(SYMBOL, "1h"))


def test_bars_lost_between_others_are_missing_until_they_are_stored_again(tmp_path: Path) -> None:
    """The bars around them, which are in another file, do not count for them."""
    db = store(tmp_path)
    index = FIRST.delete([70, 90])
    db.save_ohlcv(candles(index, 1.0), SYMBOL, "1h")
    db.save_ohlcv(candles(FIRST[[70, 90]], 2.0), SYMBOL, "1h")
    damage(db, DAMAGES["half"], 1)
    assert "2 bars from 2023-06-03 22:00 to 2023-06-04 18:00 are missing" in refusal(
        lambda: db.load_ohlcv(SYMBOL, "1h")
    )
    db.save_ohlcv(candles(FIRST[[80]], 3.0), SYMBOL, "1h")
    db.save_ohlcv(candles(FIRST[[70]], 2.0), SYMBOL, "1h")
    assert "2 bars from" in refusal(lambda: db.load_ohlcv(SYMBOL, "1h", "2023-06-04", "2023-06-05"))
    assert len(db.load_ohlcv(SYMBOL, "1h", "2023-06-05")) == 5_000 - 96
    db.save_ohlcv(candles(FIRST[[90]], 2.0), SYMBOL, "1h")
    assert len(db.load_ohlcv(SYMBOL, "1h")) == 5_000


def test_bars_stored_over_damage_nobody_has_noticed_yet(db: DuckDBManager) -> None:
    damage(db, DAMAGES["a bit of a price"])
    assert db.save_ohlcv(candles(FIRST[:3], 9.0), SYMBOL, "1h") == (3, 0, 0)
    assert "5,000 bars from" in refusal(lambda: db.load_ohlcv(SYMBOL, "1h"))
    same(db.load_ohlcv(SYMBOL, "1h", "2023-06-01", "2023-06-30", allow_holes=True), candles(FIRST[:3], 9.0))
    assert db.delete(SYMBOL, "1h", "2023-06-01", "2023-12-31") == 3
    same(db.load_ohlcv(SYMBOL, "1h"), candles(SECOND, 2.0))  # what was missing was removed as well


def test_all_of_a_damaged_data_set_can_be_removed(db: DuckDBManager) -> None:
    damage(db, DAMAGES["half"])
    damage(db, DAMAGES["empty"], 1)
    assert db.delete(SYMBOL, "1h") == 0
    assert db.datasets().empty
    assert "received no stored bars" in refusal(lambda: db.load_ohlcv(SYMBOL, "1h"))


def test_all_that_there_is_may_be_damaged(db: DuckDBManager) -> None:
    damage(db, DAMAGES["half"])
    damage(db, DAMAGES["empty"], 1)
    for _ in range(2):
        assert refusal(lambda: db.load_ohlcv(SYMBOL, "1h", allow_holes=True)) == (
            "BTC/USDT 1h on binance: received no bars but those in 2 damaged files; store these bars again."
        )


def test_a_gap_that_is_a_damaged_file_is_said_to_be_one(db: DuckDBManager, caplog: pytest.LogCaptureFixture) -> None:
    db.save_ohlcv(candles(opens("2022-12-31", 24), 1.0), SYMBOL, "1h")
    path = damage(db, DAMAGES["half"], 1)
    assert db.gaps(SYMBOL, "1h", "2022-01-01", "2022-12-31").empty
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert len(db.gaps(SYMBOL, "1h")) == 1
        assert caplog.messages[-1] == (
            f"BTC/USDT 1h on binance: the damaged file {path.name} has 5000 bars from 2023-06-01 00:00 to "
            "2023-12-26 07:00, which are missing though there was a market"
        )


def test_a_dry_run_of_prune_changes_nothing(db: DuckDBManager) -> None:
    path = damage(db, DAMAGES["a bit of a price"])
    before = {each: each.stat().st_mtime_ns for each in db.parquet_dir.rglob("*.parquet*")}
    assert db.prune("2030-01-01", dry_run=True)["bars"].tolist() == [100]
    assert {each: each.stat().st_mtime_ns for each in db.parquet_dir.rglob("*.parquet*")} == before
    assert db.prune("2024-01-01").empty
    assert not path.exists()
    same(db.load_ohlcv(SYMBOL, "1h"), candles(SECOND, 2.0))


def test_nothing_is_left_of_a_removed_data_set_with_healed_files(db: DuckDBManager) -> None:
    damage(db, DAMAGES["half"])
    refusal(lambda: db.load_ohlcv(SYMBOL, "1h"))
    db.save_ohlcv(candles(FIRST, 1.0), SYMBOL, "1h")
    assert list(db.parquet_dir.rglob("damaged/*"))
    assert db.delete(SYMBOL, "1h") == 5_100
    assert not list(db.parquet_dir.rglob("damaged"))


def test_what_is_no_segment_is_nobodys(db: DuckDBManager) -> None:
    """Neither load_ohlcv, nor sql, nor the views of market.duckdb look at it."""
    year = parquet_files(db.parquet_dir)[0].parent
    content = other_schema(parquet_files(year)[0].read_bytes())
    for name in ("foo.parquet", "000000-000009_20230601T0000_20231226T0700_5.parquet", ".hidden.parquet"):
        (year / name).write_bytes(content)
    no_day = year / "000000-000009_20239901T0000_20231226T0700_5_00000000.parquet"
    no_day.write_bytes(content)
    (year / "notes.txt").write_text("x")
    (year / "folder").mkdir()
    (year.parent / "year=last").mkdir()
    (year.parent / "year=2025").write_text("no folder")
    (db.parquet_dir / "ohlcv" / "exchange=binance" / "symbol=ETH-USDT" / "timeframe=7h" / "year=2024").mkdir(
        parents=True
    )
    assert len(db.load_ohlcv(SYMBOL, "1h")) == 5_100
    assert db.datasets()[["symbol", "bars"]].to_numpy().tolist() == [[SYMBOL, 5_100]]
    assert db.sql("SELECT count(*) AS n FROM ohlcv")["n"].tolist() == [5_100]
    no_day.unlink()
    with duckdb.connect(os.fspath(db.path), read_only=True) as connection:
        assert connection.execute("SELECT count(*), sum(close) FROM ohlcv").fetchall() == [(5_100, 5_200.0)]
    assert db.save_ohlcv(candles(FIRST[:2], 1.5), SYMBOL, "1h") == (0, 0, 2)


@pytest.mark.parametrize("problem", [OSError(errno.EIO, "Input/output error"), pa.ArrowMemoryError("out of memory")])
def test_what_is_not_the_files_fault_is_not_held_against_it(
    db: DuckDBManager, problem: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise problem

    with monkeypatch.context() as patched:
        patched.setattr(pq.ParquetFile, "read_row_groups", fails)
        if isinstance(problem, OSError):
            said = refusal(lambda: db.load_ohlcv(SYMBOL, "1h"))
            assert said == "reading BTC/USDT 1h on binance: received 'Input/output error'; mend that and try again."
        else:
            with pytest.raises(MemoryError):
                db.load_ohlcv(SYMBOL, "1h")
    assert len(db.load_ohlcv(SYMBOL, "1h")) == 5_100


def test_a_file_that_is_sound_on_second_sight_stays(db: DuckDBManager) -> None:
    dataset = db._dataset(SYMBOL, "1h", "binance")
    dataset.set_aside(DamagedFile(dataset.segments()[0], "so it seemed"))
    assert len(db.load_ohlcv(SYMBOL, "1h")) == 5_100
