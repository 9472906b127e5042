"""Signals at rest, and what pruning takes."""

from __future__ import annotations

from datetime import datetime
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
    ({"prize": 5}, "unknown field of a signal 'prize'"),
]


@pytest.mark.parametrize(("change", "said"), BAD_SIGNALS)
def test_a_signal_that_cannot_be_kept_is_refused(db: DuckDBManager, change: dict[str, Any], said: str) -> None:
    signal = {"timestamp": HOURS[0], "symbol": SYMBOL, "signal_type": "buy"} | change
    assert refusal(lambda: db.save_signal(signal)).startswith(said)
    assert db.load_signals().empty


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
