"""What a curve of equity says: sums of returns against those of the market, and drawdown.

Returns are simple, one per bar, the first against the capital before the first bar. Means and squares are kept per
block of 4,096 bars and joined by Chan, Golub and LeVeque's pairwise update (1979): one pass over memory, no
cancellation, and no additions whose order the processor would choose.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cryptolab.kernels.compiler import kernel

BLOCK = 4096


class Curve(NamedTuple):
    """Sums over the n returns r of an equity curve and b of its market."""

    mean: float
    squares: float
    """sum((r - mean)²)"""
    downside: float
    """sum(min(r, 0)²)"""
    market_mean: float
    market_squares: float
    products: float
    """sum((r - mean) * (b - market_mean))"""
    equity_mean: float
    """mean over the capital and the n values of equity"""
    max_drawdown: float
    """lowest equity / earlier peak - 1, at most 0"""
    longest_drawdown: int
    """ns from a peak to the close that reaches it again, or to the last close"""


@kernel
def change(before, after):
    """Simple return; NaN where there is nothing left to measure it against."""
    return after / before - 1.0 if before > 0.0 else np.nan


@kernel
def drawdown(capital, equity, time, interval):
    """Return (deepest drawdown, longest drawdown in ns) of a curve that begins with `capital` at time[0]."""
    peak, worst = capital, 0.0
    peak_time = time[0]
    longest = np.int64(0)
    below = False
    for t in range(equity.size):
        value = equity[t]
        if value >= peak:
            if below:
                longest = max(longest, time[t] + interval - peak_time)
                below = False
            peak, peak_time = value, time[t] + interval
        else:
            below = True
            # the product spares a division on every bar that makes no new low
            if value < peak * (1.0 + worst):
                worst = min(worst, value / peak - 1.0)
    if below:
        longest = max(longest, time[-1] + interval - peak_time)
    return worst, longest


@kernel
def curve(capital, equity, first_open, close, time, interval):
    """Return the Curve of n closes; the first return is measured from `capital` and `first_open`."""
    n = equity.size
    r, b = np.empty(BLOCK), np.empty(BLOCK)
    count = 0
    mean = squares = downside = market_mean = market_squares = products = 0.0
    total = capital
    for begin in range(0, n, BLOCK):
        size = min(BLOCK, n - begin)
        sum_r = sum_b = 0.0
        for i in range(size):
            t = begin + i
            r[i] = change(equity[t - 1] if t > 0 else capital, equity[t])
            b[i] = change(close[t - 1] if t > 0 else first_open, close[t])
            sum_r += r[i]
            sum_b += b[i]
            total += equity[t]
        mean_r, mean_b = sum_r / size, sum_b / size
        for i in range(size):
            squares += (r[i] - mean_r) ** 2
            market_squares += (b[i] - mean_b) ** 2
            products += (r[i] - mean_r) * (b[i] - mean_b)
            downside += min(r[i], 0.0) ** 2
        joint = count * size / (count + size)
        dr, db = mean_r - mean, mean_b - market_mean
        squares += dr * dr * joint
        market_squares += db * db * joint
        products += dr * db * joint
        count += size
        mean += dr * size / count
        market_mean += db * size / count
    worst, longest = drawdown(capital, equity, time, interval)
    return Curve(
        mean, squares, downside, market_mean, market_squares, products, total / (n + 1), worst, longest
    )  # fmt: skip
