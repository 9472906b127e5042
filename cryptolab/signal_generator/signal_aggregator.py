"""Signals of several sources become one: by their weighted average, by majority, or where they all agree.

    aggregator = SignalAggregator({"vwap": 1.0, "rsi": 1.5})
    aggregator.aggregate({"vwap": VWAP.signal(df), "rsi": RSI.signal(df)}, method="weighted_average")

What comes out at a bar depends on the signals of that bar alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.checks import number, one_of, refuse, suggestion
from cryptolab.errors import UnknownNameError

AVERAGE, MAJORITY, UNANIMOUS = METHODS = ("weighted_average", "majority_vote", "unanimous")
_ROUNDING = 1e-12
"""What sums of the same weights in another order, or of weights scaled, may differ by."""


class SignalAggregator:
    """Combines signals by name, each source with its weight.

    weights: source -> weight, 0 or more. They are shares: ten times all of them is the same. A weight of 0 takes the
    source out, under every method. Raises InputError for a negative weight, and where all of them are 0.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        instead = "give a weight by source, as in {'vwap': 1.0, 'rsi': 1.5}"
        if not isinstance(weights, Mapping) or not weights:
            refuse("weights", "none" if isinstance(weights, Mapping) else f"a {type(weights).__name__}", instead)
        for name in weights:
            if not isinstance(name, str):
                refuse("weights", f"the source {name!r}", "name each source by a text")
        checked = {name: number(f"weight of {name!r}", weight, low=0) for name, weight in weights.items()}
        if not any(checked.values()):
            refuse("weights", f"0 for each of {', '.join(checked)}", "give at least one above 0")
        self._weights = checked

    @property
    def weights(self) -> Mapping[str, float]:
        """The weights by source, to be read."""
        return MappingProxyType(self._weights)  # made anew: a view cannot be pickled, and an aggregator can

    def aggregate(
        self, signals: Mapping[str, Any] | pd.DataFrame, method: str = "weighted_average", threshold: float = 0.5
    ) -> Any:
        """Return +1, 0 or -1 per bar, int8: a Series where a source has an index, else an array; of numbers an int.

        signals: source -> Series, array or list of +1, 0, -1, one per bar; all of one length, every Series on one
        index. Columns of a DataFrame too. Or source -> one number: the latest signal of each.

        A source ABSTAINS at a bar where its signal is NaN, and everywhere when it has a weight but is missing here or
        None: its vote and its weight count for nothing. A 0 is a vote for neither side, and counts. Where nobody
        votes, and at a tie, the result is 0.

        method:
            "weighted_average"  sum of weight × signal over sum of weights, of those that vote: its sign where it is
                                `threshold` or more away from 0. Takes fractions in [-1, 1] too, scores between a
                                certain fall and a certain rise (of a probability p: 2 × p - 1).
            "majority_vote"     the side that more than half of the votes are for: one vote each, whatever the weight.
            "unanimous"         the side that all votes are for.
        threshold: of the weighted average alone, 0 to 1. By default the net weight on one side has to be half of all.

        Raises InputError naming the source: no weight (UnknownNameError), no signals, other rows than the others.
        """
        one_of("method", method, METHODS)
        threshold = number("threshold", threshold, low=0, high=1)
        given = self._given(signals)
        votes = {name: _votes(name, value, fractions=method == AVERAGE) for name, value in given.items()}
        index = _rows(given, votes)
        counting = np.array([values for name, values in votes.items() if self.weights[name] > 0])
        weights = np.array([self.weights[name] for name in votes if self.weights[name] > 0])
        if not weights.size:
            signs = np.zeros(next(iter(votes.values())).shape, np.int8)
        elif method == AVERAGE:
            signs = _average(counting, weights / max(self.weights.values()), threshold)
        else:
            signs = _counted(counting, method)
        if index is not None:
            return pd.Series(signs, index=index, name="signal")
        return signs if signs.ndim else int(signs)

    def _given(self, signals: Any) -> dict[str, Any]:
        """Return the sources that say anything, refused where one has no weight."""
        if isinstance(signals, pd.DataFrame):
            signals = {name: signals[name] for name in signals.columns}
        if not isinstance(signals, Mapping):
            refuse("signals", f"a {type(signals).__name__}", "give signals by source, as in {'vwap': vwap_signal}")
        for name in signals:
            if name not in self.weights:
                instead = f"{suggestion(name, self.weights)}, or give it a weight"
                refuse("signals", f"the source {name!r}, which has no weight", instead, UnknownNameError)
        given = {name: value for name, value in signals.items() if value is not None}
        if not given:
            refuse("signals", "none", f"give those of at least one source ({', '.join(self.weights)})")
        return given

    def __repr__(self) -> str:
        return f"SignalAggregator({self._weights})"


def _average(votes: np.ndarray, weights: np.ndarray, threshold: float) -> np.ndarray:
    """Return the sign of the weighted mean where it reaches the threshold: votes (sources, ...), NaN abstains."""
    shares = weights.reshape(-1, *[1] * (votes.ndim - 1))
    heard = ~np.isnan(votes)
    total, voting = np.sum(np.where(heard, votes, 0.0) * shares, axis=0), np.sum(heard * shares, axis=0)
    mean = np.divide(total, voting, out=np.zeros_like(total), where=voting > 0)
    reached = (np.abs(mean) >= threshold - _ROUNDING) & (np.abs(mean) > _ROUNDING)
    return np.where(reached, np.sign(mean), 0).astype(np.int8)


def _counted(votes: np.ndarray, method: str) -> np.ndarray:
    """Return the side that more than half of the votes are for, or all of them: votes (sources, ...), NaN abstains."""
    ups, downs, heard = (votes > 0).sum(axis=0), (votes < 0).sum(axis=0), (~np.isnan(votes)).sum(axis=0)
    needed = heard // 2 + 1 if method == MAJORITY else np.maximum(heard, 1)
    return (ups >= needed).astype(np.int8) - (downs >= needed).astype(np.int8)


def _votes(name: str, value: Any, fractions: bool) -> np.ndarray:
    """Return a source's signals as float64, (n,) or () for one number, NaN where it abstains."""
    what, instead = f"signal of {name!r}", "give numbers from -1 to 1" if fractions else "give +1, 0 or -1"
    array = _array(value)
    if array is None or array.dtype.kind not in "iuf":
        said = repr(value) if isinstance(value, str | bool | np.bool_) else f"a {type(value).__name__}"
        refuse(what, said if array is None or not array.ndim else f"{said} of dtype {array.dtype}", instead)
    if array.ndim > 1:
        refuse(what, f"{array.ndim} dimensions", f"{instead}, one per bar")
    array = array.astype(np.float64)
    fits = np.abs(array) <= 1 if fractions else (array == 0) | (np.abs(array) == 1)
    wrong = np.flatnonzero(~(fits | np.isnan(array)))
    if wrong.size:
        row = wrong[0]
        where = f" at {value.index[row]}" if isinstance(value, pd.Series) else f" in row {row}" if array.ndim else ""
        hint = f" (fractions are for {AVERAGE})" if np.abs(array.flat[row]) < 1 else ""
        refuse(what, f"{array.flat[row]:g}{where}", instead + hint)
    return array


def _array(value: Any) -> np.ndarray | None:
    """Return what was given as an array, None where it cannot be one; what pandas calls missing is NaN."""
    if isinstance(value, pd.Series) and isinstance(value.dtype, pd.api.extensions.ExtensionDtype):
        if not pd.api.types.is_numeric_dtype(value.dtype) or pd.api.types.is_bool_dtype(value.dtype):
            return None
        return value.to_numpy(dtype=np.float64, na_value=np.nan)
    try:
        return np.asarray(value)
    except ValueError:  # lists of different lengths in a list
        return None


def _rows(given: Mapping[str, Any], votes: Mapping[str, np.ndarray]) -> pd.Index | None:
    """Return the one index of all sources, None where no source has one; refused where rows differ."""
    first = next(iter(votes))
    for name, array in votes.items():
        if array.ndim != votes[first].ndim:
            one, many = (name, first) if array.ndim == 0 else (first, name)
            instead = "give all of its signals: the latest one was not known at the bars before"
            refuse(f"signal of {one!r}", f"one number where {many!r} has one per bar", instead)
        if array.shape != votes[first].shape:
            refuse(f"signal of {name!r}", f"{array.size} rows where {first!r} has {votes[first].size}", "give as many")
    labelled = {name: value.index for name, value in given.items() if isinstance(value, pd.Series)}
    if not labelled:
        return None
    first = next(iter(labelled))
    for name, index in labelled.items():
        if not _same(index, labelled[first]):
            refuse(f"signal of {name!r}", f"another index than that of {first!r}", "give all signals on one index")
    return labelled[first]


def _same(one: pd.Index, other: pd.Index) -> bool:
    """Whether both have the same labels; moments may be written in different zones."""
    if isinstance(one, pd.DatetimeIndex) and isinstance(other, pd.DatetimeIndex) and one.tz and other.tz:
        return one.tz_convert("UTC").equals(other.tz_convert("UTC"))
    return one.equals(other)
