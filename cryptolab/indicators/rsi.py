"""Relative strength index."""

from __future__ import annotations

import numpy as np

from cryptolab.checks import refuse
from cryptolab.indicators.declaration import forgotten, indicator
from cryptolab.kernels.oscillators import FLAT, rsi


def _memory(period: int) -> int:
    # a ratio has no scale of its own: old moves count until rounding (FLAT of the price) has swallowed them
    return period + forgotten(1 - 1 / period, FLAT / 10)


@indicator(lookback=lambda period: period, memory=_memory, levels=(30, 70))
def RSI(close: np.ndarray, period: int = 14) -> np.ndarray:
    """Wilder's relative strength index, 0 to 100: the share of upward moves in all moves, smoothed with 1 / period.

    J. Welles Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib's seed. Flat prices give 50.
    """
    return rsi(close, period)


@RSI.signals
def _signal(rsi: np.ndarray, overbought: float = 70.0, oversold: float = 30.0) -> np.ndarray:
    """+1 below `oversold`, -1 above `overbought`."""
    if not oversold < overbought:
        refuse("oversold", f"{oversold:g} with overbought {overbought:g}", "give an oversold below overbought")
    return (rsi < oversold).astype(np.int8) - (rsi > overbought).astype(np.int8)
