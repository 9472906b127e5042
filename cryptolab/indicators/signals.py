"""From an indicator's values to +1, 0, -1: labels off, the declared rule over real bars, labels on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cryptolab.bars import COLUMNS, Bars, as_bars
from cryptolab.checks import refuse
from cryptolab.indicators.parameters import INPUTS, Parameter, arguments, checked, parameters_of

if TYPE_CHECKING:
    from cryptolab.indicators.declaration import Indicator


class SignalRule:
    """A function of inputs, outputs and parameters giving +1, 0, -1 per bar, and the door in front of it.

    The rule sees one row per real bar, so that it may look at the row before. parameters: its own and the shared ones.
    """

    def __init__(self, owner: Indicator, function: Callable) -> None:
        names = list(arguments(function))
        self.owner, self.function = owner, function
        self.inputs = tuple(name for name in names if name in INPUTS)
        self.outputs = tuple(name for name in names if name in owner.outputs)
        self.shared = tuple(name for name in names if name in owner.parameters)
        if not self.outputs:
            refuse(f"{owner.name}.signals", "no output among its arguments", f"name one of {', '.join(owner.outputs)}")
        self.own: tuple[Parameter, ...] = parameters_of(function, (*self.inputs, *self.outputs, *self.shared))

    def __call__(self, data: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Return the signals for `data`, which is (values), (bars) or (bars, values)."""
        frame, values = self._sorted_out(data)
        bars = None if frame is None else as_bars(frame)
        # an indicator's parameter matters to the rule that names it, or where the values are still to be computed
        taken = self.owner.parameters if values is None else self.shared
        shared = {name: value for name, value in params.items() if name in taken}
        rest = {name: value for name, value in params.items() if name not in taken}
        own = checked(f"{self.owner.name}.signal", self.own, rest)
        if values is None:
            assert bars is not None  # (values), or bars with or without values: there is no fourth case
            values = self.owner(bars, **shared)
        known, index = _columns(self.owner, values)
        rows, where = _real_rows(self.owner, known, index, bars, frame)
        known = {name: array if where is None else array[where] for name, array in known.items()}
        n = rows if where is None else where.size
        usable = ~np.any([np.isnan(known[name]) for name in self.outputs], axis=0)
        if self.shared:  # else the values given may come from parameters other than the defaults
            every = self.owner.checked(shared, bars.timeframe if bars is not None else None)
            known.update({name: every[name] for name in self.shared})
        known.update({name: getattr(bars, name) for name in self.inputs})
        result = self.function(**{name: known[name] for name in (*self.inputs, *self.outputs, *self.shared)}, **own)
        signs = np.where(usable, _signs(self.owner, result, n), 0).astype(np.int8)
        if bars is not None:
            index = frame.index if isinstance(frame, pd.DataFrame) else bars.rows
            return pd.Series(bars.expand(signs, np.int8(0)), index=index, name="signal")
        placed = np.zeros(rows, np.int8)
        placed[slice(None) if where is None else where] = signs
        return placed if index is None else pd.Series(placed, index=index, name="signal")

    def _sorted_out(self, data: tuple[Any, ...]) -> tuple[Bars | pd.DataFrame | None, Any]:
        """Return (bars or frame or None, values or None) from what was given.

        Of two, the first is the bars, whatever columns it holds beside theirs. One frame is bars when it has their
        columns, or when it lacks the outputs: then the door of Bars says which column is missing.
        """
        values = self.owner.outputs[0] if len(self.owner.outputs) == 1 else "values"
        usage = f"write {self.owner.name}.signal({f'df, {values}' if self.inputs else values})"
        if not data or len(data) > 2:
            refuse(f"{self.owner.name}.signal", f"{len(data)} arguments", usage)
        first_is_bars = isinstance(data[0], Bars)
        if isinstance(data[0], pd.DataFrame):
            names = {str(name).lower() for name in data[0].columns}
            first_is_bars = (
                len(data) == 2 or names >= set(COLUMNS) or not set(self.owner.outputs) <= set(data[0].columns)
            )
        if first_is_bars:
            return data[0], data[1] if len(data) == 2 else None
        if len(data) == 2 or self.inputs:
            refuse(f"{self.owner.name}.signal", f"a {type(data[0]).__name__} first", usage)
        return None, data[0]


def _columns(owner: Indicator, values: Any) -> tuple[dict[str, np.ndarray], pd.Index | None]:
    """Return an indicator's values as arrays by output, and the index they came with."""
    outputs = owner.outputs
    instead = f"give what {owner.name}.calculate(df) or {owner.name}(bars) gave"
    index = values.index if isinstance(values, pd.Series | pd.DataFrame) else None
    if isinstance(values, pd.DataFrame):
        missing = [name for name in outputs if name not in values.columns]
        if missing:
            refuse(f"values for {owner.name}.signal", f"a frame without {missing[0]!r}", instead)
        columns = [values[name] for name in outputs]
    else:
        columns = list(values) if isinstance(values, tuple) else [values]
    if len(columns) != len(outputs):
        refuse(f"values for {owner.name}.signal", f"{len(columns)} columns", instead)
    arrays = {}
    for name, column in zip(outputs, columns, strict=True):
        array = np.asarray(column)
        if array.ndim != 1 or array.dtype.kind not in "fiu":
            refuse(f"values for {owner.name}.signal", f"{type(column).__name__} of {array.dtype}", instead)
        arrays[name] = array.astype(np.float64, copy=False)
    return arrays, index


def _real_rows(
    owner: Indicator, known: dict[str, np.ndarray], index: pd.Index | None, bars: Bars | None, frame: Any
) -> tuple[int, np.ndarray | None]:
    """Return (rows of the values, positions of the real bars among them, None where each row is one)."""
    rows = next(iter(known.values())).size
    if bars is None:
        blank = np.all([np.isnan(array) for array in known.values()], axis=0)
        return rows, np.flatnonzero(~blank) if blank.any() else None
    expected = frame.index if isinstance(frame, pd.DataFrame) else bars.rows
    same_rows = rows == len(expected) if index is None else index.equals(expected)
    if same_rows:
        return rows, bars.where
    if rows != len(bars) or (index is not None and not index.equals(bars.index)):
        received = f"{rows} values for {len(expected)} rows" if rows != len(expected) else "values on another index"
        refuse(f"{owner.name}.signal", received, "compute them from the same bars")
    return rows, None


def _signs(owner: Indicator, result: Any, n: int) -> np.ndarray:
    """Return what the rule gave with NaN as 0, refused unless it is one +1, 0 or -1 per bar."""
    array = np.asarray(result)
    if array.shape != (n,) or array.dtype.kind not in "fiub":
        refuse(f"the rule of {owner.name}.signal", f"{array.dtype} of shape {array.shape}", f"return {n} numbers")
    signs = np.nan_to_num(array.astype(np.float64), nan=0.0)
    if not np.isin(signs, (-1.0, 0.0, 1.0)).all():
        refuse(f"the rule of {owner.name}.signal", f"{signs[~np.isin(signs, (-1, 0, 1))][0]}", "return +1, 0 or -1")
    return signs
