"""Candles at rest: files of other people, and the store."""

from __future__ import annotations

from typing import Any

from cryptolab.bars import Bars
from cryptolab.database.duckdb_manager import DuckDBManager
from cryptolab.database.files import read

__all__ = ["DuckDBManager", "load", "read"]


def load(
    symbol: str, timeframe: str, start: Any = None, end: Any = None, *, exchange: str = "binance", as_of: Any = None,
    allow_holes: bool = False,
) -> Bars:  # fmt: skip
    """Return bars from the project's store (`cryptolab import` fills it); see `DuckDBManager.load_ohlcv`.

        load("BTC/USDT", "1h", "2020-01-01", "2024-12-31")

    A bare date means its whole UTC day. as_of: the state of the store at an earlier moment. Raises DataError where
    there are no such bars.
    """
    return DuckDBManager.at_home().load_bars(
        symbol, timeframe, start, end, exchange=exchange, as_of=as_of, allow_holes=allow_holes
    )
