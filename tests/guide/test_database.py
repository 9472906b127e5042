"""The guide's blocks on the database, word for word but for `cryptolab.` in front of the module."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

BLOCK = """
from cryptolab.database.duckdb_manager import DuckDBManager

db = DuckDBManager('./data/market.duckdb', './data/parquet')

# Save OHLCV data
db.save_ohlcv(df, symbol='BTC/USDT', timeframe='1h')

# Load data
df = db.load_ohlcv(
    symbol='BTC/USDT',
    timeframe='1h',
    start_date='2024-01-01',
    end_date='2024-12-31'
)

# Save signals
db.save_signal({
    'timestamp': datetime.now(),
    'symbol': 'BTC/USDT',
    'signal_type': 'buy',
    'strength': 0.85,
    'source': 'ml_model',
    'metadata': {'model': 'xgboost'}
})
"""
INITIALIZE = (
    "from cryptolab.database.duckdb_manager import DuckDBManager; "
    "DuckDBManager('./data/market.duckdb', './data/parquet')"
)
REINITIALIZE = f"""
ls -la data/market.duckdb
rm data/market.duckdb
python -c "{INITIALIZE}"
ls -la data/market.duckdb
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run_block(frame: pd.DataFrame) -> dict[str, Any]:
    names: dict[str, Any] = {"df": frame, "datetime": datetime}
    exec(BLOCK, names)
    return names


def test_the_block_stores_and_loads(hourly_frame: pd.DataFrame) -> None:
    before = pd.Timestamp.now("UTC")
    names = run_block(hourly_frame)
    pd.testing.assert_frame_equal(
        names["df"], hourly_frame, check_freq=False, check_names=False, check_index_type=False
    )
    assert names["df"].index.name == "timestamp"
    (signal,) = names["db"].load_signals("BTC/USDT").to_dict("records")
    assert before <= signal.pop("timestamp") <= pd.Timestamp.now("UTC")  # now() is local, what is stored UTC
    assert before <= signal.pop("saved")
    assert signal == {
        "symbol": "BTC/USDT",
        "signal_type": "buy",
        "strength": 0.85,
        "source": "ml_model",
        "metadata": {"model": "xgboost"},
    }
    names["db"].close()


def test_the_last_day_is_all_of_it(hourly_frame: pd.DataFrame) -> None:
    year = hourly_frame.set_axis(hourly_frame.index + pd.Timedelta(360, "D"))  # 2024-12-26 to 2025-01-15
    assert run_block(year)["df"].index[-1] == pd.Timestamp("2024-12-31 23:00", tz="UTC")


def test_running_the_block_again_changes_nothing(hourly_frame: pd.DataFrame) -> None:
    run_block(hourly_frame)
    names = run_block(hourly_frame)
    assert len(names["df"]) == len(hourly_frame)
    assert names["db"].datasets()["bars"].tolist() == [len(hourly_frame)]
    assert len(names["db"].load_signals()) == 2


def test_the_database_is_initialized_by_hand_and_anew_and_nothing_is_lost(hourly_frame: pd.DataFrame) -> None:
    subprocess.run([sys.executable, "-c", INITIALIZE], check=True)
    assert Path("data/market.duckdb").exists()
    assert Path("data/parquet").is_dir()
    before = run_block(hourly_frame)["df"]

    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-e", "-c", REINITIALIZE], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.count("data/market.duckdb") == 2
    from cryptolab.database.duckdb_manager import DuckDBManager

    db = DuckDBManager("./data/market.duckdb", "./data/parquet")
    pd.testing.assert_frame_equal(db.load_ohlcv("BTC/USDT", "1h"), before)
    assert len(db.load_signals()) == 1
    assert db.sql("SELECT count(*) AS n FROM ohlcv")["n"].tolist() == [len(before)]
