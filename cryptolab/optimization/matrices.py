"""Entries and exits that someone already has, one column per set of parameters, as the source of a sweep's signals.

    sweep((entries, exits), bars)                 DataFrames, Series or arrays; short entries and exits may follow
    sweep({"entries": ..., "exits": ...}, bars)   the same by name
    sweep(vbt.RANDNX.run(...), bars)              anything with `.entries` and `.exits`
    sweep(held, bars)                             one boolean matrix: long while True, as with `long_while`

The levels of the columns are the parameters; an unnamed one is called `column`. Rows are those of the frame, unpriced
ones included, or its real bars. Arrays, and frames whose index only counts their rows, are taken by position.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.bars import Bars
from cryptolab.checks import known_keys, refuse
from cryptolab.errors import InputError
from cryptolab.optimization.grid import Grid, axis_array, plain
from cryptolab.signal_generator import Signals, long_while
from cryptolab.signal_generator.signals import FLAGS

HELD = "held"
"""The name of a matrix that says when a position is held."""

_ROWS = 4096  # that many at a time: a digest is the same however the matrix lies in memory


class MatrixSource:
    """Matrices of flags, (rows, sets) each or (rows, 1) for all sets, as a Source.

    matrices: by the names of `Signals`, or one under HELD. parameters: level -> its value in the first column.
    digest: SHA-256 of labels, rows and flags. Flags are read where they lie: who changes them later changes the sets.

    Raises InputError for matrices that differ in rows, index or columns, for duplicate columns, and for values that
    are not flags.
    """

    name = "matrices"

    def __init__(self, matrices: Mapping[str, Any]) -> None:
        given = {name: value for name, value in matrices.items() if value is not None}
        if not any(name in given for name in ("entries", "short_entries", HELD)):
            refuse("matrices", ", ".join(given) or "none", "give entries and exits")
        self._index = _one_index(given)
        labels = _one_header(given)
        self._flags = {name: _flags(f"matrix {name!r}", value) for name, value in given.items()}
        count = _one_shape(self._flags)
        self._columns = _levels(pd.RangeIndex(count) if labels is None else labels, count)
        self.parameters: dict[str, Any] = {name: values[0] for name, values in self._columns.items()}
        sets = list(zip(*self._columns.values(), strict=True))
        self._token = object()  # names what is remembered of this source on bars; an id could come back
        self._places = {values: place for place, values in enumerate(sets)}
        if len(self._places) < count:
            twice = next(values for place, values in enumerate(sets) if self._places[values] != place)
            refuse("matrices", f"the column {self._said(twice)} twice", "give each set of parameters once")

    @cached_property
    def digest(self) -> str:
        """Equal for equal labels, rows and flags."""
        digest = hashlib.sha256(repr(self._columns).encode())
        digest.update(b"" if self._index is None else repr(self._index.dtype).encode())
        digest.update(b"" if self._index is None else pd.util.hash_array(self._index.to_numpy()).data)
        for name, flags in self._flags.items():
            digest.update(f"{name} {flags.shape}".encode())
            for row in range(0, len(flags), _ROWS):
                digest.update(np.ascontiguousarray(flags[row : row + _ROWS]).data)
        return digest.hexdigest()

    def own_grid(self) -> Grid:
        """Return one set per column, in their order: not a product."""
        columns = {name: axis_array(values) for name, values in self._columns.items()}
        return Grid(columns, {name: tuple(dict.fromkeys(values)) for name, values in self._columns.items()})

    def check(self, bars: Bars) -> None:
        """Refuse, with an InputError, bars whose rows these are not: neither the real bars nor all of their frame's."""
        try:
            self._rows(bars)
        except InputError as problem:
            # the sentence of Signals' door, said of the matrices
            raise type(problem)(f"matrices on {bars.symbol}: {str(problem).partition(': ')[2]}") from None

    def signals(self, bars: Bars, values: dict[str, Any]) -> Signals:
        """Return the signals of the column with these values, one row per real bar.

        Raises InputError for a set that no column has, and where the rows are not those of `bars`.
        """
        wanted = tuple({**self.parameters, **values}[name] for name in self._columns)
        if wanted not in self._places:
            refuse("matrices", f"no column {self._said(wanted)}", "ask for one of the columns given")
        rows = bars.remember(self._token, lambda: self._rows(bars))
        flags: dict[str, np.ndarray] = {}
        for name, matrix in self._flags.items():
            column = matrix[:, self._places[wanted] if matrix.shape[1] > 1 else 0]
            flags[name] = column.copy() if rows is None else column[rows]
            flags[name].flags.writeable = False
        signals = long_while(flags[HELD]) if HELD in flags else Signals(**{"entries": None, **flags})
        return signals.labelled(bars.index)

    def _rows(self, bars: Bars) -> np.ndarray | None:
        """Return the matrices' rows that are bars, None for all; refused by Signals' own door where they are others."""
        length = len(next(iter(self._flags.values())))
        nothing = np.zeros(length, bool)
        Signals(nothing if self._index is None else pd.Series(nothing, self._index)).on(bars)
        return None if length == len(bars) else bars.where

    def _said(self, values: tuple[Any, ...]) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in zip(self._columns, values, strict=True))

    def __repr__(self) -> str:
        return f"MatrixSource({', '.join(self._flags)}: {len(self._places):,} sets)"


def as_source(strategy: Any) -> MatrixSource:
    """Return matrices, or an object that has them, as a source of signals.

    Raises InputError for anything else, a vectorbt Portfolio among it: it holds orders, not signals.
    """
    if isinstance(strategy, MatrixSource):
        return strategy
    if isinstance(strategy, pd.DataFrame) and set(strategy.columns) <= set(FLAGS):
        strategy = {str(name): strategy[name] for name in strategy.columns}
    if isinstance(strategy, Mapping):
        known_keys("matrix", strategy, FLAGS)
        return MatrixSource(strategy)
    if isinstance(strategy, pd.DataFrame | pd.Series | np.ndarray):
        return MatrixSource({HELD: strategy})
    if isinstance(strategy, tuple | list):
        if not 2 <= len(strategy) <= len(FLAGS):
            refuse("matrices", f"{len(strategy)} of them", f"give {', '.join(FLAGS)}, the first two at least")
        return MatrixSource(dict(zip(FLAGS, strategy, strict=False)))
    kind = type(strategy)
    if kind.__module__.startswith("vectorbt") and hasattr(strategy, "orders"):
        instead = "give the entries and exits it was made from, as in sweep((entries, exits), data)"
        refuse("strategy", "a vectorbt Portfolio, which holds orders and no signals", instead)
    received = f"a {kind.__name__}"
    if isinstance(strategy, Signals) or not hasattr(strategy, "entries"):
        instead = "give a strategy, its name, a function f(bars, ...), or (entries, exits)"
        refuse("strategy", received, instead)
    if not hasattr(strategy, "exits"):
        refuse("strategy", f"{received} with entries and no exits", "give both, as in (entries, exits)")
    return MatrixSource({name: getattr(strategy, name, None) for name in FLAGS})


def _one_index(given: Mapping[str, Any]) -> pd.Index | None:
    """Return the index of those that have one; refused where two differ. One that only counts the rows is none."""
    found: pd.Index | None = None
    for name, value in given.items():
        if isinstance(value, pd.DataFrame | pd.Series) and not _counting(value.index):
            if found is not None and not found.equals(value.index):
                refuse(f"matrix {name!r}", "an index of its own", "give all matrices on the bars' index")
            found = value.index
    return found


def _counting(index: pd.Index) -> bool:
    """Whether an index is what pandas makes up where none is given: 0, 1, 2 and on."""
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1


def _one_header(given: Mapping[str, Any]) -> pd.Index | None:
    """Return the columns of the frames that have more than one, or of any; refused where two differ."""
    found: pd.Index | None = None
    for name, value in given.items():
        if isinstance(value, pd.DataFrame) and (found is None or value.shape[1] > 1 or len(found) == 1):
            if found is not None and min(len(found), value.shape[1]) > 1 and not found.equals(value.columns):
                refuse(f"matrix {name!r}", "columns of its own", "give all matrices the same columns")
            found = value.columns if found is None or value.shape[1] > 1 else found
    return found


def _one_shape(flags: Mapping[str, np.ndarray]) -> int:
    """Return the number of sets; a matrix of one column goes with each of them."""
    count = max(matrix.shape[1] for matrix in flags.values())
    rows = len(next(iter(flags.values())))
    if count == 0 or any(len(matrix) != rows or matrix.shape[1] not in (1, count) for matrix in flags.values()):
        said = ", ".join(f"{name} {matrix.shape[0]:,} x {matrix.shape[1]:,}" for name, matrix in flags.items())
        refuse("matrices", f"rows x columns of {said}", "give one row per bar and one column per set in each")
    return count


def _flags(what: str, value: Any) -> np.ndarray:
    """Return booleans, (rows, columns), columns contiguous; other values pass the door of Signals, column by column."""
    array = value.to_numpy() if isinstance(value, pd.DataFrame | pd.Series) else np.asarray(value)
    if array.ndim not in (1, 2):
        refuse(what, f"{array.ndim} dimensions", "give one row per bar and one column per set")
    array = array[:, None] if array.ndim == 1 else array
    if array.dtype == bool:
        return np.asfortranarray(array)
    made = np.empty(array.shape, bool, order="F")
    for column in range(array.shape[1]):
        try:
            made[:, column] = Signals(array[:, column]).entries
        except InputError as problem:
            raise type(problem)(f"{what}, column {column}: {problem}") from problem
    return made


def _levels(labels: pd.Index, count: int) -> dict[str, list[Any]]:
    """Return level -> one plain value per column."""
    if labels.nlevels == 1:
        names = ["column" if labels.name is None else str(labels.name)]
    else:
        names = [f"column_{place}" if name is None else str(name) for place, name in enumerate(labels.names)]
    if len(set(names)) < len(names):
        refuse("matrices", f"columns with two levels of one name ({', '.join(names)})", "rename one of them")
    values = [[_label(value) for value in labels.get_level_values(level)] for level in range(labels.nlevels)]
    return {name: axis_array(column).tolist() for name, column in zip(names, values, strict=True)}


def _label(value: Any) -> Any:
    """Return a label as a plain value: pandas says NaN for a parameter that was None."""
    return None if pd.api.types.is_scalar(value) and pd.isna(value) else plain(value)
