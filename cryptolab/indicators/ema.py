"""Exponential moving average."""

from __future__ import annotations

import numpy as np

from cryptolab.indicators.declaration import forgotten, indicator
from cryptolab.kernels.moving import ema


def _memory(period: int) -> int:
    return period - 1 + forgotten(1 - 2 / (period + 1))


@indicator(lookback=lambda period: period - 1, memory=_memory, panel="price")
def EMA(close: np.ndarray, period: int = 14) -> np.ndarray:
    """Exponential moving average of the close, weight 2 / (period + 1), in quote currency.

    The first value, in row period - 1, is the plain mean so far (TA-Lib's seed).
    """
    return ema(close, period)
