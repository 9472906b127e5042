"""Signals at rest, and what pruning takes."""

from __future__ import annotations

import json
import time
import zlib
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryptolab.database import DuckDBManager
from tests.database.candles import SYMBOL, candles, opens, refusal, store

HOURS = opens("2024-02-28", 60)
FRAME = candles(HOURS, np.arange(1.0, 61.0))


@pytest.fixture
def db(tmp_path: Path) -> DuckDBManager:
    return store(tmp_path)


def test_signals_come_back_in_order_with_all_they_had(db: DuckDBManager) -> None:
    noon = pd.Timestamp("2024-05-01 12:00:00.123456789", tz="UTC")
    db.save_signal({"timestamp": noon, "symbol": "btcusdt", "signal_type": "sell", "strength": 0.5, "source": "b"})
    db.save_signal({"timestamp": datetime(2024, 5, 1, 12), "symbol": "ETH/USDT", "signal_type": "buy"})
    found = db.load_signals()
    assert sorted(found["timestamp"]) == found["timestamp"].tolist()
    local = pd.Timestamp(datetime(2024, 5, 1, 12).astimezone())
    assert set(found["timestamp"]) == {noon, local}
    one = db.load_signals("BTC-USDT", "2024-05-01", "2024-05-01", source="b").iloc[0]
    assert (one["symbol"], one["signal_type"], one["strength"], one["metadata"]) == (SYMBOL, "sell", 0.5, {})
    assert db.load_signals("DOGE/USDT").empty
    by_sql = db.sql("SELECT symbol, signal_type FROM signals ORDER BY timestamp")
    assert by_sql.to_numpy().tolist() == found[["symbol", "signal_type"]].to_numpy().tolist()
    assert list(db.load_signals("DOGE/USDT").columns) == list(found.columns)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


AROUND: list[Any] = []
AROUND.append(AROUND)
BAD_SIGNALS: list[tuple[dict[str, Any], str]] = [
    ({"timestamp": None}, "signal: received no timestamp"),
    ({"timestamp": pd.NaT}, "signal 'timestamp': received NaT"),
    ({"timestamp": "soon"}, "signal 'timestamp': received 'soon'"),
    ({"timestamp": 1714564800}, "signal 'timestamp': received 1714564800"),
    ({"timestamp": np.int64(5)}, "signal 'timestamp': received"),
    ({"symbol": ""}, "symbol: received ''"),
    ({"signal_type": 5}, "signal 'signal_type': received 5"),
    ({"strength": "high"}, "signal 'strength': received 'high'"),
    ({"strength": float("nan")}, "signal 'strength': received nan"),
    ({"metadata": {"a": object()}}, "signal 'metadata': received Object of type object"),
    ({"metadata": {"a": float("inf")}}, "signal 'metadata': received Out of range"),
    ({"timestamp": "01/02/2024"}, "signal 'timestamp': received '01/02/2024'"),
    ({"timestamp": "2024"}, "signal 'timestamp': received '2024'"),
    ({"timestamp": "now"}, "signal 'timestamp': received 'now'"),
    ({"timestamp": datetime(1, 1, 1)}, "signal 'timestamp': received datetime.datetime(1, 1, 1, 0, 0)"),
    ({"symbol": "\ud800"}, "symbol: received '\\ud800'"),
    ({"signal_type": "\ud800"}, "signal 'signal_type': received '\\ud800'"),
    ({"source": "\ud800"}, "signal 'source': received '\\ud800'"),
    ({"source": 0}, "signal 'source': received 0"),
    ({"metadata": {"a": ["\ud800"]}}, "signal 'metadata': received half a surrogate pair"),
    ({"metadata": {"\ud800": 1}}, "signal 'metadata': received half a surrogate pair"),
    ({"metadata": nested(5_000)}, "signal 'metadata': received more than 100 lists and mappings within each other"),
    ({"metadata": nested(101)}, "signal 'metadata': received more than 100 lists"),
    ({"metadata": AROUND}, "signal 'metadata': received more than 100 lists"),
    ({"prize": 5}, "unknown field of a signal 'prize'"),
]


@pytest.mark.parametrize(("change", "said"), BAD_SIGNALS)
def test_a_signal_that_cannot_be_kept_is_refused(db: DuckDBManager, change: dict[str, Any], said: str) -> None:
    signal = {"timestamp": HOURS[0], "symbol": SYMBOL, "signal_type": "buy"} | change
    assert refusal(lambda: db.save_signal(signal)).startswith(said)
    assert db.load_signals().empty


@pytest.mark.parametrize("metadata", [[], 0, False, "", {}, 1.5, nested(100), {"a": [None, "ä😀"]}])
def test_metadata_comes_back_as_it_was(db: DuckDBManager, metadata: Any) -> None:
    db.save_signal({"timestamp": HOURS[0], "symbol": SYMBOL, "signal_type": "buy", "metadata": metadata})
    (found,) = db.load_signals()["metadata"]
    assert found == metadata
    assert type(found) is type(metadata)
    (text,) = db.sql("SELECT metadata FROM signals")["metadata"]
    assert json.loads(text) == metadata


@pytest.mark.parametrize("text", ["2024-05-01", " 2024-05-01T00:00", np.datetime64("2024-05-01"), date(2024, 5, 1)])
def test_texts_and_days_are_local_times(db: DuckDBManager, text: Any) -> None:
    db.save_signal({"timestamp": text, "symbol": SYMBOL, "signal_type": "buy"})
    assert db.load_signals()["timestamp"].tolist() == [pd.Timestamp(datetime(2024, 5, 1).astimezone())]


def test_a_local_time_keeps_its_nanoseconds(db: DuckDBManager) -> None:
    local = pd.Timestamp("2024-05-01 12:00:00.123456789")
    db.save_signal({"timestamp": local, "symbol": SYMBOL, "signal_type": "buy"})
    (found,) = db.load_signals()["timestamp"]
    assert (found.microsecond, found.nanosecond) == (123456, 789)
    assert found.floor("us") == pd.Timestamp(local.to_pydatetime(warn=False).astimezone())


def test_signals_of_one_moment_come_as_they_were_saved(db: DuckDBManager, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever process saved them: its file may come first though it saved last."""
    for name, saved in (("third", 30), ("first", 10), ("second", 20)):
        monkeypatch.setattr(time, "time_ns", lambda: saved)  # noqa: B023 (called at once)
        db.save_signal({"timestamp": HOURS[0], "symbol": SYMBOL, "signal_type": name})
    assert db.load_signals()["signal_type"].tolist() == ["first", "second", "third"]


def test_a_line_that_is_no_signal_is_passed_over(db: DuckDBManager, caplog: pytest.LogCaptureFixture) -> None:
    db.save_signal({"timestamp": HOURS[0], "symbol": SYMBOL, "signal_type": "buy"})
    (path,) = (db.parquet_dir / "signals").glob("*.jsonl")
    with path.open("ab") as file:
        file.write(b'{"timestamp":1}\n{"timestamp":1,"crc":"%08x"}\n' % zlib.crc32(b'{"timestamp":1'))
    assert db.load_signals()["signal_type"].tolist() == ["buy"]
    assert db.sql("SELECT signal_type FROM signals")["signal_type"].tolist() == ["buy"]
    assert len(caplog.messages) == 4


def test_pruning_takes_bars_and_signals_before_a_moment(db: DuckDBManager) -> None:
    db.save_ohlcv(FRAME, SYMBOL, "1h")
    db.save_ohlcv(candles(opens("2024-06-01", 5, "1d"), 1.0), "ETH/USDT", "1d")
    for hour in HOURS[:3]:
        db.save_signal({"timestamp": hour, "symbol": SYMBOL, "signal_type": "buy"})
    assert db.prune("30000d").empty
    assert db.prune("1h", dry_run=True)["bars"].tolist() == [60, 5]
    removed = db.prune(HOURS[1])
    assert removed.to_numpy().tolist() == [["binance", SYMBOL, "1h", 1]]
    assert len(db.load_signals()) == 2
    assert db.prune("2024-03-02")["bars"].tolist() == [59]
    assert db.datasets()["symbol"].tolist() == ["ETH/USDT"]
    assert db.load_signals().empty
