"""Fewer points that draw the same picture: the extremes of each stretch are kept."""

from __future__ import annotations

import numpy as np


def thin(values: np.ndarray, limit: int = 3000) -> np.ndarray:
    """Return ascending positions of at most `limit` of the n values: all of them where they are few enough.

    Else the values are cut into equal stretches and the lowest and the highest of each are kept, with the first and
    the last value of all: on a screen with fewer columns than stretches the line looks the same. NaN is left out of
    the comparison; a stretch of NaN alone keeps its first.
    """
    n = len(values)
    if n <= limit:
        return np.arange(n)
    stretches = max(1, (limit - 2) // 2)
    size = -(-n // stretches)
    rows = -(-n // size)
    padded = np.full(rows * size, np.nan)
    padded[:n] = values
    table = padded.reshape(rows, size)
    begin = np.arange(rows) * size
    low = begin + np.where(np.isnan(table), np.inf, table).argmin(axis=1)
    high = begin + np.where(np.isnan(table), -np.inf, table).argmax(axis=1)
    return np.unique(np.concatenate([[0], low, high, [n - 1]]))
