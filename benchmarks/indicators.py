"""Indicator kernels beside TA-Lib's C on 1,050,207 minutes; a grid of 100 periods beside vectorbt's own indicators."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.measuring import HOURS, MINUTES, Row, best, seconds
from cryptolab.bars import Bars, as_bars
from cryptolab.indicators import ATR, EMA, RSI, SMA, BollingerBands
from cryptolab.kernels.moving import channel, ema, macd, sma
from cryptolab.kernels.oscillators import rsi
from cryptolab.kernels.volatility import atr, bollinger, deviation
from cryptolab.kernels.volume import obv

KERNEL_LIMIT, GRID_LIMIT = 1.3, 3.0
PERIODS = list(range(5, 105))


def load(path: Any) -> Bars:
    """Return the real bars of a file."""
    return as_bars(pd.read_parquet(path).set_index("timestamp"))


def kernels(bars: Bars) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """Return for each kernel a call of ours and one of TA-Lib's, on the same arrays with its usual period.

    Where TA-Lib has no function of that kind, what it takes to get the same numbers from those that it has: a maximum,
    a minimum and their middle; the population's deviation (1 / n) and the factor to the sample's.
    """
    import talib

    high, low, close = bars.high, bars.low, bars.close
    moves = close[1:] / close[:-1] - 1

    def donchian() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        upper, lower = talib.MAX(high, 20), talib.MIN(low, 20)
        return upper, (upper + lower) / 2, lower

    return {
        "EMA(14)": (lambda: ema(close, 14), lambda: talib.EMA(close, 14)),
        "SMA(20)": (lambda: sma(close, 20), lambda: talib.SMA(close, 20)),
        "RSI(14)": (lambda: rsi(close, 14), lambda: talib.RSI(close, 14)),
        "ATR(14)": (lambda: atr(high, low, close, 14), lambda: talib.ATR(high, low, close, 14)),
        "BollingerBands(20)": (lambda: bollinger(close, 20, 2.0), lambda: talib.BBANDS(close, 20, 2.0, 2.0)),
        "MACD(12, 26, 9)": (lambda: macd(close, 12, 26, 9), lambda: talib.MACD(close, 12, 26, 9)),
        "OBV": (lambda: obv(close, bars.volume), lambda: talib.OBV(close, bars.volume)),
        "Donchian(20)": (lambda: channel(high, low, 20), donchian),
        "Volatility(20) of returns": (lambda: deviation(moves, 20), lambda: talib.STDDEV(moves, 20) * (20 / 19) ** 0.5),
    }


def grids(df: pd.DataFrame) -> dict[str, tuple[Callable[[], Any], Callable[[], Any], str, str]]:
    """Return for each indicator a run of ours and one of vectorbt's own over PERIODS, and the output to compare.

    Wilder's smoothing (RSI, ATR) is vectorbt's exponential one of window 2 × period - 1; its defaults are other
    indicators.
    """
    import vectorbt as vbt

    high, low, close = df["high"], df["low"], df["close"]
    wilder = [2 * period - 1 for period in PERIODS]
    return {
        "EMA": (lambda: EMA.run(df, period=PERIODS), lambda: vbt.MA.run(close, PERIODS, ewm=True), "ema", "ma"),
        "SMA": (lambda: SMA.run(df, period=PERIODS), lambda: vbt.MA.run(close, PERIODS), "sma", "ma"),
        "RSI": (lambda: RSI.run(df, period=PERIODS), lambda: vbt.RSI.run(close, wilder, ewm=True), "rsi", "rsi"),
        "ATR": (lambda: ATR.run(df, period=PERIODS), lambda: vbt.ATR.run(high, low, close, wilder), "atr", "atr"),
        "BollingerBands": (
            lambda: BollingerBands.run(df, period=PERIODS), lambda: vbt.BBANDS.run(close, PERIODS), "upper", "upper",
        ),
    }  # fmt: skip


def same(ours: Any, theirs: Any) -> None:
    """Raise AssertionError unless both end in the same numbers; seeds differ at the beginning, as is known."""
    last = slice(-1000, None)
    np.testing.assert_allclose(np.asarray(ours)[last], np.asarray(theirs)[last], rtol=1e-9)


def measure() -> list[Row]:
    """Return the rows on kernels, as a share of TA-Lib's time, and on grids, as times faster than vectorbt."""
    rows = []
    minutes, hours = load(MINUTES), load(HOURS).frame()
    for name, (one, other) in kernels(minutes).items():
        same(np.transpose(one()), np.transpose(other()))
        mine, peer = best(40, one, other)
        said, ratio = f"{name} over {len(minutes):,} bars", mine / peer
        rows.append(Row(said, seconds(mine), f"TA-Lib {seconds(peer)}", f"{ratio:.2f}", "≤ 1.3", ratio <= KERNEL_LIMIT))
    for name, (one, other, output, its_output) in grids(hours).items():
        same(getattr(one(), output), getattr(other(), its_output))
        mine, peer = best(9, one, other)
        said = f"`{name}.run`, {len(PERIODS)} periods over {len(hours):,} bars (on {os.cpu_count()} threads)"
        ratio = peer / mine
        rows.append(Row(said, seconds(mine), f"vectorbt {seconds(peer)}", f"{ratio:.1f}×", "≥ 3×", ratio >= GRID_LIMIT))
    return rows
