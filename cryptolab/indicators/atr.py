"""Average true range."""

from __future__ import annotations

import numpy as np

from cryptolab.indicators.declaration import forgotten, indicator
from cryptolab.kernels.volatility import atr


@indicator(lookback=lambda period: period, memory=lambda period: period + forgotten(1 - 1 / period))
def ATR(high: np.ndarray, low: np.ndarray, close: np.ndarray, period: int = 14) -> np.ndarray:
    """Wilder's average true range in quote currency: how far a bar usually reaches, gaps included.

    J. Welles Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib's seed; smoothed with 1 / period.
    """
    return atr(high, low, close, period)
