"""Small frames of bars of which every number is known, and a store to put them into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cryptolab.bars import TIMEFRAMES
from cryptolab.database import DuckDBManager
from cryptolab.errors import CryptolabError, InputError

SYMBOL = "BTC/USDT"


def store(folder: Path) -> DuckDBManager:
    """Return the store in `folder`, as a new process would open it."""
    return DuckDBManager(folder / "market.duckdb", folder / "parquet")


def candles(index: Iterable[pd.Timestamp] | pd.DatetimeIndex, values: Sequence[float] | float) -> pd.DataFrame:
    """Return a bar for each open, made from its value alone; NaN makes a row without prices."""
    index = pd.DatetimeIndex(index, dtype="datetime64[ns, UTC]", name="timestamp")
    value = np.broadcast_to(np.asarray(values, dtype=np.float64), len(index)).copy()
    columns = {"open": value, "high": value * 1.5, "low": value / 2, "close": value, "volume": np.nan_to_num(value) * 3}
    return pd.DataFrame(columns, index=index)


def opens(start: str, count: int, timeframe: str = "1h") -> pd.DatetimeIndex:
    """Return the opens of consecutive bars."""
    first = pd.Timestamp(start, tz="UTC").value
    return pd.DatetimeIndex(first + np.arange(count) * TIMEFRAMES[timeframe], tz="UTC", name="timestamp")


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Assert that these are the same bars, to the last bit."""
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_freq=False)


def parquet_files(folder: Path) -> list[Path]:
    """Return the files with bars below a folder, in the order of their saves."""
    return sorted(folder.rglob("*.parquet"))


def refusal(action: Callable[[], object], error: type[CryptolabError] = InputError) -> str:
    """Return the sentence that an action is refused with: one line, one full stop, nothing of what was caught."""
    with pytest.raises(error) as caught:
        action()
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert caught.value.__suppress_context__
    return text
