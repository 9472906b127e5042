"""Indicator kernels beside TA-Lib's C on 1,050,207 minutes; a grid of 100 periods beside vectorbt's own indicators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from benchmarks.measuring import HOURS, MINUTES, Row, best, seconds
from cryptolab.bars import Bars, as_bars
from cryptolab.indicators import ATR, EMA, RSI, SMA, BollingerBands
from cryptolab.kernels.moving import ema, sma
from cryptolab.kernels.oscillators import rsi
from cryptolab.kernels.volatility import atr, bollinger

KERNEL_LIMIT, GRID_LIMIT = 1.3, 3.0
PERIODS = list(range(5, 105))


def load(path: Any) -> Bars:
    """Return the real bars of a file."""
    return as_bars(pd.read_parquet(path).set_index("timestamp"))


def kernels(bars: Bars) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Return for each kernel a call of ours and one of TA-Lib's, on the same arrays with its usual period."""
    import talib

    high, low, close = bars.high, bars.low, bars.close
    return {
        "EMA(14)": (lambda: ema(close, 14), lambda: talib.EMA(close, 14)),
        "SMA(20)": (lambda: sma(close, 20), lambda: talib.SMA(close, 20)),
        "RSI(14)": (lambda: rsi(close, 14), lambda: talib.RSI(close, 14)),
        "ATR(14)": (lambda: atr(high, low, close, 14), lambda: talib.ATR(high, low, close, 14)),
        "BollingerBands(20)": (lambda: bollinger(close, 20, 2.0), lambda: talib.BBANDS(close, 20, 2.0, 2.0)),
    }


def grids(df: pd.DataFrame) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Return for each indicator a run of ours and one of vectorbt's own over PERIODS."""
    import vectorbt as vbt

    close = df["close"]
    return {
        "EMA": (lambda: EMA.run(df, period=PERIODS), lambda: vbt.MA.run(close, PERIODS, ewm=True)),
        "SMA": (lambda: SMA.run(df, period=PERIODS), lambda: vbt.MA.run(close, PERIODS)),
        "RSI": (lambda: RSI.run(df, period=PERIODS), lambda: vbt.RSI.run(close, PERIODS)),
        "ATR": (lambda: ATR.run(df, period=PERIODS), lambda: vbt.ATR.run(df["high"], df["low"], close, PERIODS)),
        "BollingerBands": (lambda: BollingerBands.run(df, period=PERIODS), lambda: vbt.BBANDS.run(close, PERIODS)),
    }


def measure() -> list[Row]:
    """Return the rows on kernels, as a share of TA-Lib's time, and on grids, as times faster than vectorbt."""
    rows = []
    minutes, hours = load(MINUTES), load(HOURS).frame()
    for name, (ours, theirs) in kernels(minutes).items():
        mine, peer = best(40, ours, theirs)
        ratio = mine / peer
        said = f"{len(minutes):,} bars, {name}"
        target = f"<= {KERNEL_LIMIT:g} of TA-Lib"
        rows.append(Row(said, seconds(mine), seconds(peer), f"{ratio:.2f}", target, ratio <= KERNEL_LIMIT))
    for name, (ours, theirs) in grids(hours).items():
        mine, peer = best(15, ours, theirs)
        ratio = peer / mine
        said = f"{len(hours):,} bars, {len(PERIODS)} periods, {name}.run"
        target = f">= {GRID_LIMIT:g} x vectorbt"
        rows.append(Row(said, seconds(mine), seconds(peer), f"{ratio:.1f} x", target, ratio >= GRID_LIMIT))
    return rows
