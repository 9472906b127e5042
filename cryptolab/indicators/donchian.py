"""Donchian channel."""

from __future__ import annotations

import numpy as np

from cryptolab.indicators.declaration import indicator
from cryptolab.kernels.moving import channel


@indicator(
    lookback=lambda period: period - 1,
    memory=lambda period: period - 1,
    outputs=("upper", "middle", "lower"),
    panel="price",
    bands=(("upper", "lower"),),
)
def Donchian(high: np.ndarray, low: np.ndarray, period: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Highest high and lowest low of the last `period` bars, the current one INCLUDED, and the middle between them.

    Quote currency; Richard Donchian (1960). No close is ever outside the channel of its own bar: a breakout is one
    through the channel of the bars before, as `Donchian.signal` takes it.
    """
    return channel(high, low, period)


@Donchian.signals
def _signal(close: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """+1 when the close is above the upper channel as it was one bar before, -1 when below the lower one, else 0."""
    broken = np.zeros(close.size, np.int8)
    broken[1:] = (close[1:] > upper[:-1]).astype(np.int8) - (close[1:] < lower[:-1]).astype(np.int8)
    return broken
