"""What goes into the store comes out of it, today and as of an earlier moment; the database file may go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from cryptolab.bars import TIMEFRAMES, Bars
from cryptolab.data_fetchers import simulate
from cryptolab.database import DuckDBManager
from cryptolab.database.writing import Saved
from cryptolab.errors import DataError
from tests.database.candles import SYMBOL, candles, opens, parquet_files, refusal, same, store

HOURS = opens("2024-02-28", 60)
FRAME = candles(HOURS, np.arange(1.0, 61.0))


@pytest.fixture
def db(tmp_path: Path) -> DuckDBManager:
    return store(tmp_path)


def test_bare_days_are_whole_and_times_are_instants(db: DuckDBManager) -> None:
    db.save_ohlcv(FRAME, SYMBOL, "1h")
    same(db.load_ohlcv(SYMBOL, "1h", "2024-02-29", "2024-02-29"), FRAME.loc["2024-02-29"])
    same(db.load_ohlcv(SYMBOL, "1h", end_date="2024-02-28"), FRAME[:24])
    same(db.load_ohlcv(SYMBOL, "1h", "2024-02-28T05:00", "2024-02-28 06:59:59.999999999Z"), FRAME[5:7])
    same(db.load_ohlcv(SYMBOL, "1h", HOURS[3], HOURS[3]), FRAME[3:4])
    assert db.load_bars(SYMBOL, "1h", HOURS[3]).source == "binance"


def test_bars_and_frames_of_any_column_case_are_taken_and_others_columns_left(db: DuckDBManager) -> None:
    bars = Bars.from_frame(FRAME.rename(columns=str.upper).assign(trades=7), "btcusdt")
    assert db.save_ohlcv(bars) == Saved(60, 0, 0)
    assert str(db.save_ohlcv(FRAME, "BTC-USDT")) == "0 added, 0 revised, 60 unchanged"
    same(db.load_ohlcv("btc_usdt", "1h"), FRAME)


def test_every_bit_of_every_timeframe_comes_back(db: DuckDBManager) -> None:
    for timeframe in TIMEFRAMES:
        bars = simulate(200, timeframe, 3, SYMBOL)
        db.save_ohlcv(bars)
        assert db.load_bars(SYMBOL, timeframe).fingerprint == bars.fingerprint
    assert db.datasets()["timeframe"].tolist() == list(TIMEFRAMES)


def test_bars_before_1970_and_weeks_over_new_year(db: DuckDBManager) -> None:
    for start, timeframe in (("1969-12-29", "1w"), ("1900-01-01", "1d"), ("1677-12-31", "1m"), ("1969-12-31", "1h")):
        index = opens(start, 60, timeframe)
        frame = candles(index, np.arange(1.0, 61.0))
        db.save_ohlcv(frame, f"{start[:4]}/X", timeframe)
        same(db.load_ohlcv(f"{start[:4]}/X", timeframe), frame)
        same(db.load_ohlcv(f"{start[:4]}/X", timeframe, index[20], index[30]), frame[20:31])
    years = sorted(path.parent.name for path in parquet_files(db.parquet_dir) if "1969-X" in str(path))
    assert years == ["year=1969", "year=1969", "year=1970", "year=1970", "year=1971"]


def test_what_was_loaded_can_be_written_to_and_is_nobody_elses(db: DuckDBManager) -> None:
    db.save_ohlcv(FRAME, SYMBOL, "1h")
    for _ in range(2):
        frame = db.load_ohlcv(SYMBOL, "1h", "2024-02-28", "2024-02-29")
        same(frame, FRAME[:48])
        frame.loc[frame.index[0], "close"] = 5.0
        frame["open"] *= 2
        frame.iloc[3, 4] = 7
        frame.loc[frame.index[-1] + pd.Timedelta("1h")] = 1.0


def test_rows_without_prices_are_no_bars(db: DuckDBManager) -> None:
    frame = FRAME.copy()
    frame.iloc[[0, 7]] = np.nan
    frame.iloc[9, :4] = 0.0
    assert db.save_ohlcv(frame, SYMBOL, "1h") == (57, 0, 0)
    same(db.load_ohlcv(SYMBOL, "1h"), FRAME.drop(FRAME.index[[0, 7, 9]]))
    assert db.gaps(SYMBOL, "1h")["missing"].tolist() == [1, 1]


def test_the_newer_number_wins_and_the_older_one_is_kept(db: DuckDBManager) -> None:
    moments = []
    for value in (1.0, 2.0, 1.0, 3.0):  # the first comes back
        moments.append(pd.Timestamp.now("UTC"))
        saved = db.save_ohlcv(candles(HOURS[:1], value), SYMBOL, "1h", source=f"try {value}")
        assert saved == ((1, 0, 0) if len(moments) == 1 else (0, 0, 1))
    moments.append(pd.Timestamp.now("UTC"))
    assert "as of" in refusal(lambda: db.load_ohlcv(SYMBOL, "1h", as_of=moments[0]), DataError)
    closes = [db.load_ohlcv(SYMBOL, "1h", as_of=moment)["close"].tolist() for moment in moments[1:]]
    assert closes == [[1.0], [2.0], [1.0], [3.0]]
    kept = db.sql("SELECT symbol, close, source, arrived, replaced FROM revisions ORDER BY arrived")
    assert kept["symbol"].unique().tolist() == [SYMBOL]
    assert kept["close"].tolist() == [1.0, 2.0, 1.0]
    assert kept["source"].tolist() == ["try 1.0", "try 2.0", "try 1.0"]
    assert kept["replaced"].tolist()[:-1] == kept["arrived"].tolist()[1:]
    assert db.sql("SELECT source FROM ohlcv")["source"].tolist() == ["try 3.0"]


def test_what_was_removed_and_stored_again_was_not_there_in_between(db: DuckDBManager) -> None:
    for value in (1.0, 2.0):
        db.save_ohlcv(candles(HOURS[:2], value), SYMBOL, "1h")
    between = pd.Timestamp.now("UTC")
    assert db.delete(SYMBOL, "1h", HOURS[0], HOURS[0]) == 1
    db.save_ohlcv(candles(HOURS[:1], 3.0), SYMBOL, "1h")
    same(db.load_ohlcv(SYMBOL, "1h", as_of=between), candles(HOURS[1:2], 2.0))
    assert db.sql("SELECT count(*) AS n FROM revisions")["n"].tolist() == [1]


def test_a_data_set_that_was_removed_leaves_nothing_to_be_seen(db: DuckDBManager) -> None:
    db.save_ohlcv(FRAME, SYMBOL, "1h")
    db.save_ohlcv(FRAME * 2, SYMBOL, "1h")
    assert db.delete(SYMBOL, "1h") == 60
    assert db.datasets().empty
    assert db.sql("SELECT (SELECT count(*) FROM ohlcv) + (SELECT count(*) FROM revisions) AS n")["n"].tolist() == [0]
    assert "no stored bars" in refusal(lambda: db.delete(SYMBOL, "1h"), DataError)
    assert db.save_ohlcv(FRAME, SYMBOL, "1h") == (60, 0, 0)


def test_a_simulated_market_stays_marked_and_apart(db: DuckDBManager) -> None:
    bars = simulate(200, "1h", 3, SYMBOL)
    assert db.save_ohlcv(bars) == (200, 0, 0)
    assert db.load_bars(SYMBOL, "1h").simulated
    assert db.load_bars(SYMBOL, "1h", bars.index[5], bars.index[9]).simulated
    assert db.save_ohlcv(db.load_bars(SYMBOL, "1h")) == (0, 200, 0)
    assert db.sql("SELECT DISTINCT source FROM ohlcv")["source"].tolist() == ["simulated"]
    real = candles(bars.index[-1:] + pd.Timedelta("1h"), 5.0)
    assert refusal(lambda: db.save_ohlcv(real, SYMBOL, "1h"), DataError) == (
        "BTC/USDT 1h on binance: received bars that traded, where bars of the simulated market are stored; "
        "give them another symbol or exchange, or delete those first."
    )
    assert refusal(lambda: db.save_ohlcv(bars, source="mine")) == (
        "source: received 'mine' for bars of the simulated market; leave it out."
    )
    db.save_ohlcv(real, "ETH/USDT", "1h", source="a file")
    assert not db.load_bars("ETH/USDT", "1h").simulated
    for more in (bars, bars.frame()):
        other = Bars.from_frame(more, "ETH/USDT", "1h", "simulated") if isinstance(more, pd.DataFrame) else None
        said = refusal(lambda: db.save_ohlcv(other or simulate(9, "1h", 3, "ETH/USDT")), DataError)  # noqa: B023
        assert "received bars of the simulated market, where bars that traded are stored" in said
    db.delete(SYMBOL, "1h")
    assert db.save_ohlcv(Bars.from_frame(real, SYMBOL, "1h", "my.csv")) == (1, 0, 0)
    assert not db.load_bars(SYMBOL, "1h").simulated
    assert db.sql("SELECT source FROM ohlcv WHERE symbol = 'BTC/USDT'")["source"].tolist() == ["my.csv"]


# the database file


def test_the_database_file_holds_views_and_may_go(db: DuckDBManager) -> None:
    """It was made when nothing was stored, and shows what was stored since."""
    made = db.path.read_bytes()
    db.save_ohlcv(FRAME, SYMBOL, "1h")
    db.save_ohlcv(FRAME[:5] * 2, SYMBOL, "1h")
    db.save_signal({"timestamp": HOURS[0], "symbol": SYMBOL, "signal_type": "buy", "metadata": {"a": [1]}})
    assert db.path.read_bytes() == made

    def counts(path: Path) -> list[Any]:
        with duckdb.connect(str(path), read_only=True) as connection:
            names = [
                row[0]
                for row in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
            ]
            assert sorted(names) == ["ohlcv", "revisions", "signals"]
            assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]
            found = [connection.execute(f"SELECT count(*) FROM {name}").fetchone() for name in sorted(names)]
            kinds = [
                dict(connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {name})").fetchall())
                for name in sorted(names)
            ]
            assert kinds == [
                dict(zip(*db.sql(f"DESCRIBE {name}")[["column_name", "column_type"]].to_numpy().T, strict=True))
                for name in sorted(names)
            ]
            return [row[0] for row in found if row]

    assert counts(db.path) == [60, 5, 1]
    db.path.unlink()
    again = store(db.path.parent)
    assert counts(again.path) == [60, 5, 1]
    same(again.load_ohlcv(SYMBOL, "1h")[5:], FRAME[5:])
    db.path.write_bytes(b"corrupt")  # nothing looks into it but who opens it by himself
    assert len(store(db.path.parent).load_ohlcv(SYMBOL, "1h")) == 60


def test_a_store_that_was_moved_or_copied_without_its_hidden_files_is_read(db: DuckDBManager, tmp_path: Path) -> None:
    db.save_ohlcv(FRAME, SYMBOL, "1h")
    for hidden in db.parquet_dir.rglob(".*"):
        hidden.unlink()
    moved = tmp_path / "moved"
    db.parquet_dir.rename(moved)
    other = DuckDBManager(tmp_path / "other.duckdb", moved)
    same(other.load_ohlcv(SYMBOL, "1h", as_of=pd.Timestamp.now("UTC")), FRAME)
    assert other.save_ohlcv(FRAME[:2] * 2, SYMBOL, "1h") == (0, 0, 2)


def test_places_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = refusal(lambda: DuckDBManager(tmp_path / "market.duckdb", tmp_path / "file"))
    assert said == f"parquet_dir: received {tmp_path / 'file'} (File exists); name a folder that can be made."
    said = refusal(lambda: DuckDBManager(tmp_path, tmp_path / "parquet"))
    assert said == f"path: received the folder {tmp_path}; name a file in it, as in 'data/market.duckdb'."
    for place in (None, 7, b"x", ":memory:", "a\0b", "~no such user/x", "\ud800"):
        said = refusal(lambda: DuckDBManager(place, tmp_path / "parquet"))  # type: ignore[arg-type]  # noqa: B023
        assert said == f"path: received {place!r}; name a file, as in 'data/market.duckdb'."
        said = refusal(lambda: DuckDBManager(tmp_path / "market.duckdb", place))  # type: ignore[arg-type]  # noqa: B023
        assert said == f"parquet_dir: received {place!r}; name a folder, as in 'data/parquet'."
    db = DuckDBManager(tmp_path / "file" / "market.duckdb", tmp_path / "parquet")  # the views can be done without
    db.save_ohlcv(FRAME, SYMBOL, "1h")
    assert db.sql("SELECT count(*) AS n FROM ohlcv")["n"].tolist() == [60]
