"""Simple moving average."""

from __future__ import annotations

import numpy as np

from cryptolab.indicators.declaration import indicator
from cryptolab.kernels.moving import sma


@indicator(lookback=lambda period: period - 1, memory=lambda period: period - 1, panel="price")
def SMA(close: np.ndarray, period: int = 20) -> np.ndarray:
    """Plain mean of the last `period` closes, in quote currency. A flat market has exactly its price as mean."""
    return sma(close, period)
