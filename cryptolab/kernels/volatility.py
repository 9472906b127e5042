"""How far prices move: true range, deviation bands, the deviation of returns."""

from __future__ import annotations

import numpy as np

from cryptolab.kernels.compiler import kernel
from cryptolab.kernels.moving import blank


@kernel
def atr(high: np.ndarray, low: np.ndarray, close: np.ndarray, period: int) -> np.ndarray:
    """Return Wilder's average true range in quote currency: float64 (n,), NaN in the first `period` rows.

    True range = max(high, previous close) - min(low, previous close). Seeded as in Wilder (1978) and TA-Lib: the plain
    mean of the ranges of rows 1 to `period` (row 0 has no previous close), then smoothing with 1 / period.
    """
    n = close.size
    out = blank(n, period)
    if n <= period:
        return out
    weight = 1.0 / period
    keep = 1.0 - weight
    value = 0.0
    for t in range(1, period + 1):
        value += max(high[t], close[t - 1]) - min(low[t], close[t - 1])
    value *= weight
    out[period] = value
    previous = close[period]
    for t in range(period + 1, n):
        reach = max(high[t], previous) - min(low[t], previous)
        previous = close[t]
        value = keep * value + weight * reach
        out[t] = value
    return out


@kernel
def bollinger(close: np.ndarray, period: int, std: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (upper, middle, lower), float64 (n,) each: mean and `std` population deviations to either side.

    NaN in the first period - 1 rows. Sums and squares run over the blocks of `moving`, relative to a row inside the
    window: what cancels in the variance is then at most `period` times the variance itself, whatever came before.
    """
    n = close.size
    out = np.empty((3, n))  # one block of memory: three would be given back to the system and faulted in anew each call
    out[:, : min(period - 1, n)] = np.nan
    upper, middle, lower = out[0], out[1], out[2]
    tail = np.empty(period)
    tail_squares = np.empty(period)
    scale = 1.0 / period
    for cut in range(period - 1, n, period):
        base = close[cut]
        total, squares = 0.0, 0.0
        for j in range(period):
            move = close[cut - j] - base
            total += move
            squares += move * move
            tail[period - 1 - j] = total
            tail_squares[period - 1 - j] = squares
        total, squares = 0.0, 0.0
        for j in range(min(period, n - cut)):
            move = close[cut + j] - base
            total += move
            squares += move * move
            mean = (total + tail[j]) * scale
            variance = (squares + tail_squares[j]) * scale - mean * mean
            reach = std * np.sqrt(max(variance, 0.0))
            upper[cut + j] = base + mean + reach
            middle[cut + j] = base + mean
            lower[cut + j] = base + mean - reach
    return upper, middle, lower


@kernel
def deviation(values: np.ndarray, period: int) -> np.ndarray:
    """Return the sample standard deviation (ddof=1) of the last `period` rows: float64 (n,).

    NaN in the first period - 1 rows, and throughout for a period of 1, which has none. Summed as in `bollinger`: equal
    rows deviate by exactly 0.
    """
    n = values.size
    out = blank(n, period - 1 if period > 1 else n)
    if period < 2:
        return out
    tail = np.empty(period)
    tail_squares = np.empty(period)
    scale = 1.0 / period
    enlarged = 1.0 / (period - 1)
    for cut in range(period - 1, n, period):
        base = values[cut]
        total, squares = 0.0, 0.0
        for j in range(period):
            move = values[cut - j] - base
            total += move
            squares += move * move
            tail[period - 1 - j] = total
            tail_squares[period - 1 - j] = squares
        total, squares = 0.0, 0.0
        for j in range(min(period, n - cut)):
            move = values[cut + j] - base
            total += move
            squares += move * move
            both = total + tail[j]
            out[cut + j] = np.sqrt(max(squares + tail_squares[j] - both * both * scale, 0.0) * enlarged)
    return out
