"""What the door asks of rows before they become bars: order, grid, prices that a market can have."""

from __future__ import annotations

import numpy as np

from cryptolab.kernels.compiler import kernel

SOUND, INFINITE, NEGATIVE, HIGH_LOW, OFF_GRID, VOLUME = range(6)
"""What `faults` found in the first offending row; SOUND when there is none."""


@kernel
def spacing(time):
    """Return (smallest step between rows, the row after it, first row not after its predecessor or -1)."""
    smallest = np.int64(np.iinfo(np.int64).max)
    row = np.int64(-1)
    for t in range(1, time.size):
        step = time[t] - time[t - 1]
        if step < smallest:
            smallest, row = step, np.int64(t)
            if step <= 0:
                return smallest, row, np.int64(t)
    return smallest, row, np.int64(-1)


@kernel
def faults(time, open, high, low, close, volume, interval, offset):
    """Return (kind, row, unpriced rows) of the first row that no market could have made.

    A row with a price that is NaN or 0 is unpriced: counted, and only its infinite or negative values are faults.
    A row lies on the grid when (time - offset) is a multiple of `interval` (ns).
    """
    unpriced = 0
    expected = time[0] - 1
    for t in range(time.size):
        # the next grid point is one addition away; the division is paid at the first row and after gaps alone
        if time[t] != expected and (time[t] - offset) % interval != 0:
            return OFF_GRID, t, unpriced
        expected = time[t] + interval
        o, h, l, c, v = open[t], high[t], low[t], close[t], volume[t]  # noqa: E741
        if 0.0 < l <= o <= h and l <= c <= h < np.inf and 0.0 <= v < np.inf:
            continue
        if np.isinf(o) or np.isinf(h) or np.isinf(l) or np.isinf(c):
            return INFINITE, t, unpriced
        if o < 0.0 or h < 0.0 or l < 0.0 or c < 0.0:
            return NEGATIVE, t, unpriced
        if not (o > 0.0 and h > 0.0 and l > 0.0 and c > 0.0):
            unpriced += 1
            continue
        if not (0.0 <= v < np.inf):
            return VOLUME, t, unpriced
        return HIGH_LOW, t, unpriced
    return SOUND, -1, unpriced


@kernel
def resample(time, open, high, low, close, volume, interval, offset):
    """Fold bars into periods of `interval` ns that begin at `offset` + a multiple of it.

    Returns (rows kept, time, open, high, low, close, volume); the arrays have the length of the input, filled up to
    `rows kept`. Whether the first and the last period are whole is for the caller to say.
    """
    n = time.size
    periods = np.empty(n, np.int64)
    out = np.empty((5, n))
    count = -1
    current = np.int64(np.iinfo(np.int64).min)
    for t in range(n):
        begin = time[t] - (time[t] - offset) % interval
        if begin != current:
            current = begin
            count += 1
            periods[count] = begin
            out[0, count], out[1, count], out[2, count], out[4, count] = open[t], high[t], low[t], 0.0
        out[1, count] = max(out[1, count], high[t])
        out[2, count] = min(out[2, count], low[t])
        out[3, count] = close[t]
        out[4, count] += volume[t]
    return count + 1, periods, out[0], out[1], out[2], out[3], out[4]
