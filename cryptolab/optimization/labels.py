"""From what a user names a set by (its parameters, or its label in the table) to its number in the grid, and back."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.bars import symbol_name
from cryptolab.checks import known_keys, refuse
from cryptolab.optimization.grid import Grid
from cryptolab.optimization.scales import listed, shown

SYMBOL = "symbol"
"""The name of the first level of a table of several symbols."""
_NUMBERS = ("integer", "floating", "mixed-integer-float")


def levels(grid: Grid, symbols: Sequence[str]) -> list[str]:
    """Return the names of the table's levels: the grid's, after `symbol` where there are several."""
    return [SYMBOL, *grid.columns] if len(symbols) > 1 else list(grid.columns)


def index(grid: Grid, symbols: Sequence[str], rows: np.ndarray) -> pd.MultiIndex:
    """Return the labels of row numbers (symbol number × sets + set number); None reads NaN, as pandas has it."""
    symbol, number = np.divmod(rows, len(grid))
    arrays = [_level(column[number]) for column in grid.columns.values()]
    if len(symbols) > 1:
        arrays.insert(0, pd.Index(np.array(symbols, object)[symbol]))
    return pd.MultiIndex.from_arrays(arrays, names=levels(grid, symbols))


def _level(values: np.ndarray) -> pd.Index:
    """Return one level; numbers beside None become floats, so that a file gives back what was written."""
    if values.dtype == object and pd.api.types.infer_dtype(values, skipna=True) in _NUMBERS:
        return pd.Index(values.astype(np.float64))
    return pd.Index(values)


def row_number(grid: Grid, symbols: Sequence[str], named: Any) -> int:
    """Return the row number of the set that `named` says.

    named: a mapping of the grid's names (and symbol, where there are several; names with one value may be left out), a
    label of the table, or the value itself where the table has one level. Raises InputError, with the nearest, for what
    is not in the grid.
    """
    given = dict(_mapping(levels(grid, symbols), named))
    axes: dict[str, Sequence[Any]] = {SYMBOL: symbols, **grid.axes} if len(symbols) > 1 else dict(grid.axes)
    known_keys("parameter of this sweep", given, axes)
    missing = [name for name, axis in axes.items() if name not in given and len(axis) > 1]
    if missing:
        refuse("params", listed(given) or "nothing", f"name {', '.join(missing)} as well")
    if len(symbols) > 1:
        given[SYMBOL] = known_symbol(symbols, given[SYMBOL])
    places = {name: _place(name, axis, given[name]) if name in given else 0 for name, axis in axes.items()}
    symbol = places.pop(SYMBOL) if len(symbols) > 1 else 0
    return symbol * len(grid) + _set_number(grid, places)


def known_symbol(symbols: Sequence[str], named: Any) -> Any:
    """Return the one of `symbols` that an alias (`BTCUSDT`, `btc/usdt`) means; what means none stays as written."""
    if named in symbols or not isinstance(named, str) or not named.strip():
        return named
    name = symbol_name(named)
    return name if name in symbols else named


def _mapping(names: Sequence[str], named: Any) -> Mapping[str, Any]:
    if isinstance(named, Mapping):
        return named
    if isinstance(named, pd.Series):  # a row of the table
        named = named.name
    label = named if isinstance(named, tuple) else (named,)
    if len(label) != len(names):
        example = ", ".join(f"{name!r}: ..." for name in names)
        refuse("params", repr(named), f"give {{{example}}}, or a label of the table")
    return dict(zip(names, label, strict=True))


def _place(name: str, axis: Sequence[Any], value: Any) -> int:
    """Return where on its axis a value stands; one that does not is refused with the nearest that does."""
    for place, known in enumerate(axis):
        if _same(known, value):
            return place
    refuse(f"params, {name}", repr(value), _nearest(axis, value))


def _same(known: Any, value: Any) -> bool:
    """Whether two values are one: None and the NaN that a table shows for it, 0.3 and 3 * 0.1."""
    if known is None:
        return value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NA
    if _is_number(known) and _is_number(value):
        return math.isclose(known, value, rel_tol=1e-9, abs_tol=0.0)
    return bool(isinstance(known, bool) == isinstance(value, bool | np.bool_) and known == value)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)


def _nearest(axis: Sequence[Any], value: Any) -> str:
    """Return what to write instead: the nearest number, the most similar text, or what there is."""
    plain = [known for known in axis if _is_number(known)]
    if plain and _is_number(value):
        return f"the nearest value of the grid is {shown(min(plain, key=lambda known: abs(known - value)))}"
    if len(plain) == len(axis):
        return f"give a number of the grid, from {shown(min(plain))} to {shown(max(plain))}"
    names = {str(known): known for known in axis}
    close = difflib.get_close_matches(str(value), names, n=1, cutoff=0.0)
    return f"the nearest value of the grid is {(names[close[0]] if close else axis[0])!r}"


def _set_number(grid: Grid, places: Mapping[str, int]) -> int:
    """Return the number of the set at these places of its axes; one that the grid leaves out is refused."""
    away = np.zeros(len(grid))
    for name, place in places.items():
        away += np.abs(grid.codes(name) - place) / max(1, len(grid.axes[name]) - 1)
    number = int(np.argmin(away))
    if away[number] > 0:
        values = {name: grid.axes[name][place] for name, place in places.items()}
        nearest = listed(grid.params(number))
        refuse("params", f"{listed(values)}, a set that is not in this grid", f"the nearest one is {nearest}")
    return number
