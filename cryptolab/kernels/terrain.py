"""The market seen from above: what any stretch of bars comes to, without walking over each of them.

A sweep asks the same questions of the same bars thousands of times: the sums of returns over a stretch, its highest
and lowest close, the first bar that touches a level. Sums are differences of running totals. A plain total loses every
digit of a quiet stretch that follows a wild one; these keep what each addition rounded off in a second number (Knuth's
two-sum), so that a difference has all the digits of its own. Extremes come from windows and blocks of bars.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cryptolab.kernels.compiler import kernel

SMALL, WIDE = 64, 4096
SMALL_BITS, WIDE_BITS = 6, 12

HIGHEST, LOWEST, DRAWDOWN, PEAK = range(4)
"""Columns of a block: highest and lowest close, the deepest fall from an earlier close of the block, and the last bar
with its highest close."""


class Terrain(NamedTuple):
    """Tables over n bars."""

    change: np.ndarray
    """(n) simple return of each close, the first against the first open"""
    totals: np.ndarray
    """(n + 1, 8) sums over the bars before row t of r, r², min(r, 0)² and close, each followed by what it lacks"""
    lowest: np.ndarray
    """(n) lowest close of the 64 bars from t on"""
    highest: np.ndarray
    """(n) highest close of the 64 bars from t on"""
    small: np.ndarray
    """(n / 64, 4) whole blocks of closes"""
    wide: np.ndarray
    """(n / 4,096, 4)"""
    small_reach: np.ndarray
    """(n / 64, 2) lowest low and highest high of whole blocks"""
    wide_reach: np.ndarray
    """(n / 4,096, 2)"""
    days: np.ndarray
    """last bar of each UTC day that has bars"""


@kernel
def extremes(lowest, highest, small, wide, first, end):
    """Return (lowest, highest) of the closes first .. end - 1; of up to 64 bars those of the 64 from `first` on, which
    may reach beyond `end`."""
    low, high = lowest[first], highest[first]
    if end - first <= SMALL:
        return low, high
    low, high = min(low, lowest[end - SMALL]), max(high, highest[end - SMALL])
    b, last = (first >> SMALL_BITS) + 1, end >> SMALL_BITS
    step = 1 << (WIDE_BITS - SMALL_BITS)
    while b < last:
        if b & (step - 1) == 0 and b + step <= last:
            block = b >> (WIDE_BITS - SMALL_BITS)
            low, high = min(low, wide[block, LOWEST]), max(high, wide[block, HIGHEST])
            b += step
        else:
            low, high = min(low, small[b, LOWEST]), max(high, small[b, HIGHEST])
            b += 1
    return low, high


@kernel
def first_touch(low, high, small_reach, wide_reach, first, end, stop, target):
    """Return the first of the bars first .. end - 1 whose low is at `stop` or under it, or high above `target`; or end.

    The levels are a long's: `fills.watch` says what the touch comes to.
    """
    t = first
    while t < end:
        if t & (SMALL - 1) == 0:
            if t & (WIDE - 1) == 0 and t + WIDE <= end:
                b = t >> WIDE_BITS
                if wide_reach[b, 0] > stop and wide_reach[b, 1] <= target:
                    t += WIDE
                    continue
            if t + SMALL <= end:
                b = t >> SMALL_BITS
                if small_reach[b, 0] > stop and small_reach[b, 1] <= target:
                    t += SMALL
                    continue
        if low[t] <= stop or high[t] > target:
            return t
        t += 1
    return end


@kernel
def survey(first_open, low, high, close, day):
    """Return the tables of a Terrain; day: the UTC day of each bar."""
    n = close.size
    change = np.empty(n)
    change[0] = close[0] / first_open - 1.0
    for t in range(1, n):
        change[t] = close[t] / close[t - 1] - 1.0
    days = np.empty(n, np.int64)
    count = 0
    for t in range(n):
        if t + 1 == n or day[t + 1] != day[t]:
            days[count] = t
            count += 1
    small, small_reach = blocks(low, high, close, SMALL)
    wide, wide_reach = blocks(low, high, close, WIDE)
    lowest, highest = windows(close)
    return change, running(change, close), lowest, highest, small, wide, small_reach, wide_reach, days[:count].copy()


@kernel(fastmath=frozenset())  # fused or reordered, the rounding would not be what is kept
def running(change, close):
    """Return the running totals of a Terrain."""
    n = close.size
    totals = np.zeros((n + 1, 8))
    for t in range(n):
        r = change[t]
        for column in range(4):
            value = r
            if column == 1:
                value = r * r
            elif column == 2:
                value = min(r, 0.0) ** 2
            elif column == 3:
                value = close[t]
            before = totals[t, 2 * column]
            after = before + value
            taken = after - before
            lost = (before - (after - taken)) + (value - taken)
            totals[t + 1, 2 * column] = after
            totals[t + 1, 2 * column + 1] = totals[t, 2 * column + 1] + lost
    return totals


@kernel
def windows(close):
    """Return (lowest, highest) close of the 64 bars from each bar on, of fewer at the end.

    Each window is the end of one block and the beginning of the next (van Herk 1992, Gil and Werman 1993).
    """
    n = close.size
    lowest, highest = np.empty(n), np.empty(n)
    for t in range(n - 1, -1, -1):
        lowest[t] = highest[t] = close[t]
        if (t + 1) & (SMALL - 1) != 0 and t + 1 < n:
            lowest[t], highest[t] = min(close[t], lowest[t + 1]), max(close[t], highest[t + 1])
    low = high = 0.0
    for end in range(SMALL, n):  # the last bar of the window that begins at end - SMALL + 1
        if end & (SMALL - 1) == 0:
            low = high = close[end]
        low, high = min(low, close[end]), max(high, close[end])
        t = end - SMALL + 1
        if t & (SMALL - 1) != 0:
            lowest[t], highest[t] = min(lowest[t], low), max(highest[t], high)
    # windows that the data end in reach to the last bar
    for t in range(n - 2, max(n - SMALL, 0) - 1, -1):
        lowest[t], highest[t] = min(close[t], lowest[t + 1]), max(close[t], highest[t + 1])
    return lowest, highest


@kernel
def blocks(low, high, close, size):
    """Return the tables of the whole blocks of `size` bars: their closes', and (lowest low, highest high)."""
    count = close.size // size
    table, reach = np.empty((count, 4)), np.empty((count, 2))
    for b in range(count):
        first = b * size
        top = bottom = close[first]
        lowest, highest = low[first], high[first]
        deepest, peak = 0.0, first
        for t in range(first, first + size):
            lowest, highest = min(lowest, low[t]), max(highest, high[t])
            bottom = min(bottom, close[t])
            if close[t] >= top:
                top, peak = close[t], t
            else:
                deepest = min(deepest, close[t] / top - 1.0)
        table[b, HIGHEST], table[b, LOWEST], table[b, DRAWDOWN], table[b, PEAK] = top, bottom, deepest, peak
        reach[b, 0], reach[b, 1] = lowest, highest
    return table, reach
