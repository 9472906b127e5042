"""What the store has already of the bars that are about to be stored: the same, better ones, or other ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from cryptolab.bars import COLUMNS, Bars
from cryptolab.checks import refuse
from cryptolab.database.importing.choices import PLAIN, Choices
from cryptolab.database.importing.doubles import rounded
from cryptolab.database.importing.numbers import decimals
from cryptolab.database.importing.sheet import Imported
from cryptolab.errors import DataError


def news(imported: Imported, held: Bars | None, choices: Choices = PLAIN) -> tuple[Bars | None, int]:
    """Return the bars to store, None where none is left, and how many were left out: the store has them with more
    digits, and they are those rounded.

    held: the stored bars of the same market and span, None where there are none. Raises DataError where more of the
    others than `Choices.limit` allows are stored with different numbers, and `Choices.revise` does not settle it:
    then the file is of another market, or the store is.
    """
    bars = imported.bars
    if held is None:
        return bars, 0
    _, mine, theirs = np.intersect1d(bars.time, held.time, assume_unique=True, return_indices=True)
    new = np.column_stack(bars.arrays[1:])[mine]
    old = np.column_stack(held.arrays[1:])[theirs]
    differ = np.flatnonzero((new != old).any(axis=1))
    if not len(differ):
        return bars, 0
    mine, new, old = mine[differ], new[differ], old[differ]
    digits, finer = _digits(new), _digits(old)
    coarser = rounded(new, digits, old, finer)
    other = ~coarser & ~rounded(old, finer, new, digits)
    if other.sum() > choices.allowed(len(theirs)) and not choices.revise:
        row = int(np.argmax(other))
        column = int(np.argmax(new[row] != old[row]))
        received = (
            f"{int(other.sum()):,} of {len(theirs):,} bars that are stored with other numbers, the first"
            f" {bars.index[mine[row]]:%Y-%m-%d %H:%M}: {COLUMNS[column]} {float(new[row, column])!r},"
            f" stored {float(old[row, column])!r}"
        )
        instead = "look whether symbol, timeframe and zone are right, then say revise=True to store these"
        refuse(" and ".join(imported.files[:2]), received, instead, DataError)
    if not coarser.any():
        return bars, 0
    kept = np.delete(np.arange(len(bars)), mine[coarser])
    if not len(kept):
        return None, len(bars)
    frame = pd.DataFrame(np.column_stack(bars.arrays[1:])[kept], bars.index[kept], list(COLUMNS))
    return Bars.from_frame(frame, bars.symbol, bars.timeframe, bars.source), int(coarser.sum())


def _digits(values: np.ndarray) -> np.ndarray:
    return decimals([pa.chunked_array([pa.array(column)]) for column in values.T], comma=False)
