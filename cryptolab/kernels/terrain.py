"""The market seen from above: what any stretch of bars comes to, without walking over each of them.

A sweep asks the same questions of the same bars thousands of times: the sums of returns over a stretch, its highest
and lowest close, the first bar that touches a level. Sums are differences of running totals. A plain total loses every
digit of a quiet stretch that follows a wild one; these keep what each addition rounded off in a second number (Knuth's
two-sum), so that a difference has all the digits of its own. Extremes come from windows and blocks of bars.

What is asked of one bar lies in one record of 128 bytes: a run's trades lie here and there, and each look at another
place of memory is waited for.
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


PLACE = np.dtype(
    [
        ("time", "i8"),
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
        ("change", "f8"),  # simple return of the close, the first against the first open
        ("lowest", "f8"),  # close of the 64 bars from this one on
        ("highest", "f8"),
        # sums over the bars up to this one, itself included; each followed by what it lacks
        ("returns", "f8"),
        ("returns_rest", "f8"),
        ("squares", "f8"),
        ("squares_rest", "f8"),
        ("downside", "f8"),  # squares of the negative returns
        ("downside_rest", "f8"),
        ("closes", "f8"),
        ("closes_rest", "f8"),
    ]
)
LINE = 64
"""Bytes that come from memory together: a PLACE is two lines, where it begins with one."""


class Terrain(NamedTuple):
    """Tables over n bars."""

    places: np.ndarray
    """(n) records PLACE"""
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
def extremes(places, small, wide, first, end):
    """Return (lowest, highest) of the closes first .. end - 1; of up to 64 bars those of the 64 from `first` on, which
    may reach beyond `end`."""
    low, high = places[first].lowest, places[first].highest
    if end - first <= SMALL:
        return low, high
    low, high = min(low, places[end - SMALL].lowest), max(high, places[end - SMALL].highest)
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


def survey(time, opens, high, low, close, day):
    """Return the Terrain of n bars; day: the UTC day of each."""
    n = close.size
    room = np.empty((n + 1) * PLACE.itemsize, np.uint8)
    places = room[-room.ctypes.data % LINE :][: n * PLACE.itemsize].view(PLACE)
    small, small_reach = blocks(low, high, close, SMALL)
    wide, wide_reach = blocks(low, high, close, WIDE)
    write_bars(places, time, opens, high, low, close)
    write_totals(places)
    write_windows(places, *windows(close))
    return Terrain(places, small, wide, small_reach, wide_reach, last_of_days(day))


@kernel
def write_bars(places, time, opens, high, low, close):
    """Write each bar and its return into its place."""
    before = opens[0]
    for t in range(close.size):
        place = places[t]
        place.time = time[t]
        place.open, place.high, place.low, place.close = opens[t], high[t], low[t], close[t]
        place.change = close[t] / before - 1.0
        before = close[t]


@kernel
def two_sum(total, rest, value):
    """Return a total and what it lacks after one more value."""
    after = total + value
    taken = after - total
    return after, rest + ((total - (after - taken)) + (value - taken))


@kernel(fastmath=frozenset())  # fused or reordered, the rounding would not be what is kept
def write_totals(places):
    """Write the running totals of the returns and closes that are there."""
    returns = returns_rest = squares = squares_rest = downside = downside_rest = closes = closes_rest = 0.0
    for t in range(places.size):
        place = places[t]
        r = place.change
        returns, returns_rest = two_sum(returns, returns_rest, r)
        squares, squares_rest = two_sum(squares, squares_rest, r * r)
        downside, downside_rest = two_sum(downside, downside_rest, min(r, 0.0) ** 2)
        closes, closes_rest = two_sum(closes, closes_rest, place.close)
        place.returns, place.returns_rest = returns, returns_rest
        place.squares, place.squares_rest = squares, squares_rest
        place.downside, place.downside_rest = downside, downside_rest
        place.closes, place.closes_rest = closes, closes_rest


@kernel
def write_windows(places, lowest, highest):
    """Write each bar's window."""
    for t in range(places.size):
        places[t].lowest, places[t].highest = lowest[t], highest[t]


@kernel
def last_of_days(day):
    """Return the last bar of each day that has bars."""
    n = day.size
    days = np.empty(n, np.int64)
    count = 0
    for t in range(n):
        if t + 1 == n or day[t + 1] != day[t]:
            days[count] = t
            count += 1
    return days[:count].copy()


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
