"""The drawdown of a run that is folded trade by trade: the same two numbers as `scoring.drawdown`, without its bars.

Below the peak, only how deep a trade fell matters, and only if no other fell deeper: such trades wait in a list (DIP).
Where the peak may be passed, it matters at which bar: `ride` looks, block by block where it can.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cryptolab.kernels.compiler import kernel
from cryptolab.kernels.terrain import DRAWDOWN, HIGHEST, LOWEST, PEAK, SMALL, SMALL_BITS, WIDE, WIDE_BITS

DIPS = 1024
"""Trades below the peak that wait until what they fell to is needed; see `deepest`."""

DIP = np.dtype(
    [
        ("bound", "f8"),  # the money is never below it
        ("rest", "f8"),  # cash beside the position
        ("size", "f8"),
        ("after", "f8"),  # money after the exit, infinite where there is none
        ("peak", "f8"),  # money at the highest close before
        ("entry", "i8"),
        ("exit", "i8"),
    ]
)


class Falls(NamedTuple):
    """The drawdown so far."""

    peak: float
    peak_time: int
    """close of the bar at which the peak was last reached"""
    below: bool
    """whether the last value was under the peak"""
    worst: float
    longest: int


@kernel
def fall(falls, value, time):
    """Return the Falls after one more close, at `time`, as `scoring.drawdown` counts."""
    peak, peak_time, below, worst, longest = falls
    if value >= peak:
        if below:
            longest = max(longest, time - peak_time)
        return Falls(value, time, False, worst, longest)
    if value < peak * (1.0 + worst):
        worst = min(worst, value / peak - 1.0)
    return Falls(peak, peak_time, True, worst, longest)


@kernel
def ride(falls, cash, quantity, time, close, ground, interval, first, end):
    """Return the Falls after the closes first .. end - 1 of a position, over blocks where their bars do not matter."""
    t = first
    wide_from = small_from = first  # blocks are passed over from here on: set ahead to walk one in smaller steps
    while t < end:
        if t & (WIDE - 1) == 0 and t + WIDE <= end and t >= wide_from:
            size, b = WIDE, t >> WIDE_BITS
            high, low, deepest, last = columns_of(ground.wide, b)
        elif t & (SMALL - 1) == 0 and t + SMALL <= end and t >= small_from:
            size, b = SMALL, t >> SMALL_BITS
            high, low, deepest, last = columns_of(ground.small, b)
        else:
            falls = fall(falls, cash + quantity * close[t], time[t] + interval)
            t += 1
            continue
        top, bottom = cash + quantity * high, cash + quantity * low
        if top >= falls.peak and time[t + size - 1] + interval - falls.peak_time > falls.longest:
            # the peak is passed in here, after what may be the longest time: it matters at which bar
            if size == WIDE:
                wide_from = t + WIDE
            else:
                small_from = t + SMALL
            continue
        worst = min(falls.worst, bottom / falls.peak - 1.0)
        if top < falls.peak:
            falls = Falls(falls.peak, falls.peak_time, True, worst, falls.longest)
        else:
            worst = min(worst, deepest)
            falls = Falls(top, time[last] + interval, last < t + size - 1, worst, falls.longest)
        t += size
    return falls


@kernel
def columns_of(table, b):
    """Return (highest close, lowest close, deepest fall, last bar with the highest close) of a block."""
    return table[b, HIGHEST], table[b, LOWEST], table[b, DRAWDOWN], np.int64(table[b, PEAK])


@kernel
def set_aside(dip, falls, position, held, after):
    """Write a trade that stayed below the peak; position: (rest, size, lowest close or less), held: (entry, exit)."""
    rest, size, low = position
    dip.bound = min(rest + size * low, after)
    dip.rest, dip.size, dip.after, dip.peak = rest, size, after, falls.peak
    dip.entry, dip.exit = held


@kernel
def deepest(worst, dips, count, close):
    """Return the drawdown, at least as deep as `worst`, that the first `count` dips bring.

    Backwards: an account in decline falls to its deepest at the end, which then rules out most of the others by their
    bounds, without a look at their closes.
    """
    for i in range(count - 1, -1, -1):
        dip = dips[i]
        if dip.bound < dip.peak * (1.0 + worst):
            low = np.inf
            for t in range(dip.entry, dip.exit):
                low = min(low, close[t])
            worst = min(worst, min(dip.rest + dip.size * low, dip.after) / dip.peak - 1.0)
    return worst
