"""Indicators that swing between fixed bounds."""

from __future__ import annotations

import numpy as np

from cryptolab.kernels.compiler import kernel
from cryptolab.kernels.moving import blank

FLAT = 1e-17
"""Mean moves below this share of the price count as none: only rounding and what is long forgotten is left."""


@kernel
def rsi(close: np.ndarray, period: int) -> np.ndarray:
    """Return Wilder's relative strength index, 0 to 100: float64 (n,), NaN in the first `period` rows.

    Seeded as in Wilder (1978) and TA-Lib: plain means of the first `period` moves, then smoothing with 1 / period.
    Without moves it is 50, where TA-Lib says 0.
    """
    n = close.size
    out = blank(n, period)
    if n <= period:
        return out
    weight = 1.0 / period
    up, down = 0.0, 0.0
    for t in range(1, period + 1):
        move = close[t] - close[t - 1]
        up += max(move, 0.0)
        down += max(-move, 0.0)
    up *= weight
    down *= weight
    total = up + down
    out[period] = 100.0 * up / total if total > FLAT * close[period] else 50.0
    previous = close[period]
    for t in range(period + 1, n):
        price = close[t]
        move = price - previous
        previous = price
        up += weight * (max(move, 0.0) - up)
        down += weight * (max(-move, 0.0) - down)
        total = up + down
        out[t] = 100.0 * up / total if total > FLAT * price else 50.0
    return out
