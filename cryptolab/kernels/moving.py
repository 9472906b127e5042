"""Averages and ranges over a moving window.

Windows are summed without ever subtracting: the data is cut into blocks of `period` rows, and each window is the end
of one block (sums run backwards from the cut) plus the beginning of the next (sums run forwards from it). A running
sum that adds the new row and takes off the old one would be as fast, but keeps a rounding error of everything that
ever passed: a value would depend on where the data begins, and a window after a crash on the prices before it.

Prices are first taken relative to the row at the cut, which lies in each window that crosses it: a flat market then
has exactly its price as average and exactly 0 as deviation.
"""

from __future__ import annotations

import numpy as np

from cryptolab.kernels.compiler import kernel


@kernel
def blank(n: int, first: int) -> np.ndarray:
    """Return float64 (n,) to be filled from row `first` on: NaN in the rows before it, anything after."""
    out = np.empty(n)
    out[: min(first, n)] = np.nan
    return out


@kernel
def sma(close: np.ndarray, period: int) -> np.ndarray:
    """Return the mean of the last `period` rows: float64 (n,), NaN in the first period - 1.

    Four blocks go side by side, since their sums need not wait for one another: a quarter less time than one by one.
    """
    n = close.size
    out = blank(n, period - 1)
    tails = np.empty(4 * period)
    scale = 1.0 / period
    cut = period - 1
    while cut + 4 * period <= n:
        k, l, m = cut + period, cut + 2 * period, cut + 3 * period  # noqa: E741
        at_cut, at_k, at_l, at_m = close[cut], close[k], close[l], close[m]
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        for j in range(period):
            a += close[cut - j] - at_cut
            b += close[k - j] - at_k
            c += close[l - j] - at_l
            d += close[m - j] - at_m
            place = 4 * (period - 1 - j)
            tails[place], tails[place + 1], tails[place + 2], tails[place + 3] = a, b, c, d
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        for j in range(period):
            a += close[cut + j] - at_cut
            b += close[k + j] - at_k
            c += close[l + j] - at_l
            d += close[m + j] - at_m
            out[cut + j] = at_cut + (a + tails[4 * j]) * scale
            out[k + j] = at_k + (b + tails[4 * j + 1]) * scale
            out[l + j] = at_l + (c + tails[4 * j + 2]) * scale
            out[m + j] = at_m + (d + tails[4 * j + 3]) * scale
        cut += 4 * period
    for last in range(cut, n, period):
        sma_block(close, period, last, tails, out)
    return out


@kernel
def sma_block(close: np.ndarray, period: int, cut: int, tails: np.ndarray, out: np.ndarray) -> None:
    """Write the means of the windows that end at `cut` or in the block that begins there into `out`.

    tails: room for `period` numbers.
    """
    scale = 1.0 / period
    base = close[cut]
    total = 0.0
    for j in range(period):
        total += close[cut - j] - base
        tails[period - 1 - j] = total
    total = 0.0
    for j in range(min(period, close.size - cut)):
        total += close[cut + j] - base
        out[cut + j] = base + (total + tails[j]) * scale


@kernel
def ema(close: np.ndarray, period: int) -> np.ndarray:
    """Return the exponential mean with weight 2 / (period + 1): float64 (n,), NaN in the first period - 1.

    TA-Lib's seed: the first value is the plain mean of the first `period` rows. The step is written as a correction
    towards the price, so that a flat market keeps exactly its price.
    """
    n = close.size
    out = blank(n, period - 1)
    if n < period:
        return out
    value = mean_until(close, period - 1, period)
    out[period - 1] = value
    weight = 2.0 / (period + 1)
    for t in range(period, n):
        value += weight * (close[t] - value)
        out[t] = value
    return out


@kernel
def mean_until(close: np.ndarray, last: int, period: int) -> float:
    """Return the plain mean of the `period` rows that end with row `last`, exactly the price where all are one."""
    first = last - period + 1
    total = 0.0
    for t in range(first, last + 1):
        total += close[t] - close[first]
    return close[first] + total / period


@kernel
def macd(close: np.ndarray, fast: int, slow: int, period: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (macd, signal, histogram), float64 (n,) each: ema(fast) - ema(slow), its ema(period), and what is between.

    NaN in the first max(fast, slow) + period - 2 rows. TA-Lib's start: both averages have their first value, a plain
    mean, in the row where the longer one can have it, so that the shorter one is seeded with the rows just before it,
    not with the first ones; the signal's first value is the plain mean of the first `period` differences. All three
    begin with the signal. One pass: the three averages wait for the same price, not for one another.
    """
    n = close.size
    begin = max(fast, slow) - 1
    first = begin + period - 1
    out = np.empty((3, n))
    out[:, : min(first, n)] = np.nan
    line, signal, histogram = out[0], out[1], out[2]
    if n <= first:
        return line, signal, histogram
    quick, lasting = mean_until(close, begin, fast), mean_until(close, begin, slow)
    quick_weight, lasting_weight, weight = 2.0 / (fast + 1), 2.0 / (slow + 1), 2.0 / (period + 1)
    total = quick - lasting
    for t in range(begin + 1, first + 1):
        quick += quick_weight * (close[t] - quick)
        lasting += lasting_weight * (close[t] - lasting)
        total += quick - lasting
    smooth = total / period
    line[first], signal[first], histogram[first] = quick - lasting, smooth, quick - lasting - smooth
    for t in range(first + 1, n):
        price = close[t]
        quick += quick_weight * (price - quick)
        lasting += lasting_weight * (price - lasting)
        apart = quick - lasting
        smooth += weight * (apart - smooth)
        line[t], signal[t], histogram[t] = apart, smooth, apart - smooth
    return line, signal, histogram


@kernel
def midprice(high: np.ndarray, low: np.ndarray, period: int) -> np.ndarray:
    """Return half the sum of the highest high and the lowest low of the last `period` rows: float64 (n,).

    NaN in the first period - 1 rows. Two comparisons a row whatever the period (van Herk 1992, Gil and Werman 1993),
    over the same blocks as the averages.
    """
    n = high.size
    out = blank(n, period - 1)
    tops = np.empty(period)
    bottoms = np.empty(period)
    for cut in range(period - 1, n, period):
        top, bottom = high[cut], low[cut]
        for j in range(period):
            top, bottom = max(top, high[cut - j]), min(bottom, low[cut - j])
            tops[period - 1 - j], bottoms[period - 1 - j] = top, bottom
        top, bottom = high[cut], low[cut]
        for j in range(min(period, n - cut)):
            top, bottom = max(top, high[cut + j]), min(bottom, low[cut + j])
            out[cut + j] = (max(top, tops[j]) + min(bottom, bottoms[j])) * 0.5
    return out


@kernel
def channel(high: np.ndarray, low: np.ndarray, period: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (upper, middle, lower), float64 (n,) each: highest high, half the sum, lowest low of a window.

    The window is the last `period` rows, NaN in the first period - 1. As `midprice`: two comparisons a row and side,
    whatever the period.
    """
    n = high.size
    out = np.empty((3, n))
    out[:, : min(period - 1, n)] = np.nan
    upper, middle, lower = out[0], out[1], out[2]
    tops = np.empty(period)
    bottoms = np.empty(period)
    for cut in range(period - 1, n, period):
        top, bottom = high[cut], low[cut]
        for j in range(period):
            top, bottom = max(top, high[cut - j]), min(bottom, low[cut - j])
            tops[period - 1 - j], bottoms[period - 1 - j] = top, bottom
        top, bottom = high[cut], low[cut]
        for j in range(min(period, n - cut)):
            top, bottom = max(top, high[cut + j]), min(bottom, low[cut + j])
            highest, lowest = max(top, tops[j]), min(bottom, bottoms[j])
            upper[cut + j], middle[cut + j], lower[cut + j] = highest, (highest + lowest) * 0.5, lowest
    return upper, middle, lower
