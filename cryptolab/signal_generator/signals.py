"""Signals: what a strategy wants at each bar's close, and the doors through which flags come in.

One row per bar. A flag at the close of bar t is a market order at the open of the next real bar. `entries` open longs,
`exits` close longs only; `short_entries` and `short_exits` likewise for shorts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.bars import Bars, nanoseconds
from cryptolab.checks import known_keys, refuse

FLAGS = ("entries", "exits", "short_entries", "short_exits")


class Signals:
    """Four boolean arrays of one length: one row per bar of the Bars, or per row of the frame, they belong to.

    Arrays, lists and Series are taken; what is left out is all False. A Series brings its index, which has to be that
    of the bars. NaN, and values that are neither True/False nor 1/0, are refused. Nothing in it can be changed.

    index: the index the flags came with, None for bare arrays. from_directions: whether they were read from a series
    of +1, 0, -1, where a -1 is no demand for a short. held: of `long_while`, the condition that they follow, else None;
    eight bars to a byte, the first one the lowest bit: the flags are computed when they are asked for, since a sweep
    reads the condition itself.
    """

    index: pd.Index | None
    from_directions: bool
    held: np.ndarray | None
    _arrays: dict[str, np.ndarray]  # by flag; of a condition empty until a flag is asked for
    _length: int

    def __init__(
        self, entries: Any, exits: Any = None, short_entries: Any = None, short_exits: Any = None, **unknown: Any
    ) -> None:
        known_keys("field of Signals", unknown, FLAGS)
        index = None
        arrays: dict[str, np.ndarray] = {}
        for name, value in zip(FLAGS, (entries, exits, short_entries, short_exits), strict=True):
            if value is None:
                continue
            arrays[name] = _flags(f"signals {name!r}", value)
            if isinstance(value, pd.Series):
                if index is not None and not index.equals(value.index):
                    refuse(f"signals {name!r}", "an index of its own", "give all flags on the bars' index")
                index = value.index
        if not arrays:
            refuse("signals", "no flags at all", "give at least entries")
        length = len(next(iter(arrays.values())))
        if any(len(array) != length for array in arrays.values()):
            found = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
            refuse("signals", f"flags of different lengths ({found})", "give one row per bar in each")
        vars(self).update(_arrays=arrays, _length=length, index=index, from_directions=False, held=None)

    @classmethod
    def while_holding(cls, condition: np.ndarray, index: pd.Index | None) -> Signals:
        """Return the signals of `long_while` on booleans, one per bar."""
        made = object.__new__(cls)
        held = np.packbits(condition, bitorder="little")
        vars(made).update(_arrays={}, _length=len(condition), index=index, from_directions=False, held=_frozen(held))
        return made

    @property
    def condition(self) -> np.ndarray | None:
        """What `long_while` was given, one boolean per bar; None where flags were."""
        if self.held is None:
            return None
        unpacked = np.unpackbits(self.held, count=self._length, bitorder="little").view(bool)
        unpacked.flags.writeable = False
        return unpacked

    @property
    def entries(self) -> np.ndarray:
        """Where a long is wanted."""
        return self._flag("entries")

    @property
    def exits(self) -> np.ndarray:
        """Where a long is to end."""
        return self._flag("exits")

    @property
    def short_entries(self) -> np.ndarray:
        """Where a short is wanted."""
        return self._flag("short_entries")

    @property
    def short_exits(self) -> np.ndarray:
        """Where a short is to end."""
        return self._flag("short_exits")

    @property
    def any_short(self) -> bool:
        """Whether a short is wanted at any bar."""
        return self.held is None and "short_entries" in self._arrays and bool(self.short_entries.any())

    @property
    def nbytes(self) -> int:
        """What is held."""
        return sum(array.nbytes for array in self._arrays.values()) + (0 if self.held is None else self.held.nbytes)

    def long_only(self) -> Signals:
        """Return these signals without what they say of shorts."""
        return _but(self, _arrays={name: self._flag(name) for name in FLAGS[:2]}, held=None)

    def _flag(self, name: str) -> np.ndarray:
        if not self._arrays and (condition := self.condition) is not None:
            self._arrays.update(_turns(condition))
        if name not in self._arrays:
            self._arrays[name] = _frozen(np.zeros(self._length, bool))
        return self._arrays[name]

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"signals are not changed: make new ones instead of setting {name!r}")

    def __len__(self) -> int:
        return self._length

    def on(self, bars: Bars) -> Signals:
        """Return these signals with one row per real bar of `bars`; flags on rows without prices are left out.

        Raises InputError when the index differs from the bars', or the length from both their bars and their rows.
        """
        if (self.index is None and len(self) == len(bars)) or self.index is bars.index:
            return self
        condition = self.condition
        if condition is not None:
            # turning true and false is between real bars: a row without prices in between must not hide it
            return Signals.while_holding(_placed(condition, self.index, bars), bars.index)
        arrays = {
            name: _frozen(np.ascontiguousarray(_placed(array, self.index, bars)))
            for name, array in self._arrays.items()
        }
        return _but(self, _arrays=arrays, _length=len(bars), index=bars.index)

    def expand(self, bars: Bars) -> Signals:
        """Return these signals on the rows of the frame `bars` came from: False on rows without prices."""
        spread = {name: _frozen(bars.expand(getattr(self, name), False)) for name in FLAGS}
        return _but(self, _arrays=spread, _length=len(bars.rows), index=bars.rows, held=None)

    def labelled(self, index: pd.DatetimeIndex) -> Signals:
        """Return these signals as belonging to the bars of `index`: on others they will be refused."""
        return _but(self, index=index)

    def frame(self, index: pd.Index) -> pd.DataFrame:
        """Return the flags as columns under `index`."""
        return pd.DataFrame({name: getattr(self, name) for name in FLAGS}, index=index)

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {int(getattr(self, name).sum()):,}" for name in FLAGS)
        return f"Signals({len(self):,} bars: {counts})"


def long_while(condition: Any) -> Signals:
    """Be long while `condition` holds: enter at the close it turns true, exit at the close it turns false.

    condition: one boolean per bar (an array, a list, or a Series); a comparison with NaN is false, so warm-ups are.
    True at the first bar counts as turning true. After a stop the position comes back only when the condition has
    been false and turns true again.
    """
    holds = _booleans("condition", condition)
    return Signals.while_holding(holds, condition.index if isinstance(condition, pd.Series) else None)


def as_signals(signals: Any, bars: Bars) -> Signals:
    """Turn what a caller has into Signals, one row per real bar of `bars`.

    Taken are Signals, a Series or array of +1, 0, -1 (an entry is a +1 whose predecessor was not +1; -1 likewise
    closes the long and enters a short, where shorts are allowed; 0 changes nothing), and a mapping or DataFrame with
    the columns `entries`, `exits`, `short_entries`, `short_exits`.
    """
    if isinstance(signals, Signals):
        return signals.on(bars)
    if isinstance(signals, pd.DataFrame):
        signals = {str(name): signals[name] for name in signals.columns}
    if isinstance(signals, Mapping):
        known_keys("signal column", signals, FLAGS)
        if "entries" not in signals and "short_entries" not in signals:
            refuse("signals", f"columns {', '.join(signals) or 'none'}", "give entries")
        filled = {"entries": None, **signals}
        return Signals(**filled).on(bars)
    if isinstance(signals, pd.Series | np.ndarray | list | tuple):
        return _from_directions(signals, bars)
    refuse("signals", f"a {type(signals).__name__}", "give Signals, a Series of +1, 0, -1, or columns of flags")


def _from_directions(signals: Any, bars: Bars) -> Signals:
    """Read +1, 0, -1: the change to +1 buys, the change to -1 sells (and sells short)."""
    index = signals.index if isinstance(signals, pd.Series) else None
    values = np.asarray(signals)
    if values.dtype == bool:
        refuse("signals", "an array of True and False", "write long_while(condition) or Signals(entries, exits)")
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.number):
        refuse("signals", f"{values.ndim} dimensions of {values.dtype}", "give one number (+1, 0, -1) per bar")
    values = _placed(values, index, bars)
    valid = (values == 0) | (values == 1) | (values == -1)
    if not valid.all():
        row = int(np.argmin(valid))
        refuse("signals", f"{values[row]} at {bars.index[row]}", "give +1, 0 or -1")
    before = np.concatenate([[0], values[:-1]])
    up, down = _frozen((values == 1) & (before != 1)), _frozen((values == -1) & (before != -1))
    return _but(Signals(up, down, down, up), index=bars.index, from_directions=True)


def _turns(condition: np.ndarray) -> dict[str, np.ndarray]:
    """Return the entries and exits of a condition: where it turns true, and false."""
    before = np.empty_like(condition)
    before[:1] = False
    before[1:] = condition[:-1]
    return {"entries": _frozen(condition & ~before), "exits": _frozen(before & ~condition)}


def _but(signals: Signals, **changed: Any) -> Signals:
    """Return signals that are the same but for some attributes."""
    made = object.__new__(Signals)
    vars(made).update(vars(signals), **changed)
    return made


def _frozen(flags: np.ndarray) -> np.ndarray:
    """Return flags that nobody can change; kernels are compiled once, for arrays that are read-only."""
    if flags.flags.writeable and flags.base is None and flags.flags.owndata:
        flags.flags.writeable = False
    return flags


def _flags(name: str, value: Any) -> np.ndarray:
    """Return `value` as booleans that nobody can change. What is frozen already is not copied."""
    array = _booleans(name, value)
    if array is value and not array.flags.writeable and array.flags.owndata and array.flags.c_contiguous:
        return array
    return _frozen(array.copy())


def _booleans(name: str, value: Any) -> np.ndarray:
    """Return `value` as booleans, perhaps its own; 1 and 0 count, NaN does not."""
    array = value.to_numpy() if isinstance(value, pd.Series) else np.asarray(value)
    if array.ndim != 1:
        refuse(name, f"{array.ndim} dimensions", "give one flag per bar")
    if array.dtype == bool:
        return array
    if array.dtype.kind not in "iufO":
        refuse(name, f"dtype {array.dtype}", "give True or False per bar")
    missing = pd.isna(array)
    if missing.any():
        refuse(name, f"NaN in row {int(np.argmax(missing))}", "give True or False per bar")
    if not np.isin(array, (0, 1)).all():
        refuse(name, f"values other than True and False ({array.dtype})", "give True or False per bar")
    return (array == 1).astype(bool)


def _placed(values: np.ndarray, index: pd.Index | None, bars: Bars) -> np.ndarray:
    """Return one value per real bar, by index where there is one, else by length."""
    if index is not None:
        stamps = None
        if isinstance(index, pd.DatetimeIndex) and index.tz is not None and len(index) == len(values):
            stamps = nanoseconds(index.tz_convert("UTC")).asi8
        if stamps is not None and np.array_equal(stamps, bars.time):
            return values
        if stamps is None or not np.array_equal(stamps, bars.rows.asi8):
            refuse(
                "signals", f"an index of {len(index)} rows ({index[0] if len(index) else 'empty'} on) that differs",
                f"give them on the bars' own index ({len(bars.rows)} rows, {bars.rows[0]} on)",
            )  # fmt: skip
    elif len(values) == len(bars):
        return values
    if len(values) != len(bars.rows):
        refuse("signals", f"{len(values)} rows for {len(bars.rows)} bars", "give one row per bar")
    return values if bars.where is None else values[bars.where]
