"""An indicator is declared once; grid, signals, plot, listing and laws are derived from the declaration.

    @indicator(lookback=lambda period: period, memory=lambda period: period)
    def MOMENTUM(close, period: int = 10):
        \"\"\"Return over `period` bars: close[t] / close[t - period] - 1.\"\"\"
        out = np.full(close.size, np.nan)
        out[period:] = close[period:] / close[:-period] - 1
        return out

The function gets read-only float64 arrays, one value per real bar, and returns as many; it may call numpy or kernels.
Its value at a row has to depend on rows up to that one alone, and to be NaN in the first `lookback` rows.
"""

from __future__ import annotations

import inspect
import math
import re
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from keyword import iskeyword
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.bars import TIMEFRAMES, Bars, as_bars
from cryptolab.checks import one_of, refuse, whole
from cryptolab.indicators import grid
from cryptolab.indicators.parameters import INPUTS, RESERVED, arguments, checked, inputs_of, parameters_of
from cryptolab.indicators.signals import SignalRule
from cryptolab.indicators.source import Source

INDICATORS: dict[str, Indicator] = {}
"""The catalogue: every indicator declared in this process, by name. The laws of tests/ run over it."""

Rows = int | tuple[int, ...]
"""A number of rows; for several outputs, one number for all or one for each."""


class Indicator:
    """A declared function `f(inputs, parameters)`, callable with Bars or a DataFrame. See `indicator`.

    name, doc: the function's. inputs: columns it reads. parameters: name -> default. outputs: names of what it gives.
    panel: "price" (drawn over candles) or "own". levels: lines drawn across its panel. bands: pairs of lines with the
    space between them filled. source_hash: SHA-256 of the function's text, of its bytecode where no text can be read.
    """

    def __init__(self, function: Callable, *, outputs: tuple[str, ...] | None, **declared: Any) -> None:
        self.function = function
        self.name = function.__name__
        self.doc = inspect.getdoc(function) or ""
        self.__doc__, self.__module__, self.__qualname__ = self.doc, function.__module__, function.__qualname__
        self.inputs = inputs_of(function)
        self._parameters = parameters_of(function)
        self.parameters = {parameter.name: parameter.default for parameter in self._parameters}
        self.outputs = outputs or (snake_case(self.name),)
        self.panel, self.levels, self.bands = declared["panel"], tuple(declared["levels"]), tuple(declared["bands"])
        self._lookback = _of_parameters(self, "lookback", declared["lookback"])
        self._memory = _of_parameters(self, "memory", declared["memory"])
        self._rules: Callable[..., dict[str, Any]] | None = declared["rules"]
        self._signals: SignalRule | None = None
        self._lines: Callable[..., dict[str, np.ndarray]] | None = None
        self._record = namedtuple(self.name, self.outputs) if len(self.outputs) > 1 else None
        self._source = Source(function)
        self.source_hash = self._source.hash

    def __call__(self, data: Bars | pd.DataFrame, **params: Any) -> Any:
        """Return read-only float64 arrays, one value per REAL bar: one, or for several outputs a named tuple of them.

        Computed once for the same parameters on the same Bars, as long as it is among the recent ones there.
        Raises InputError for unknown or unfit parameters.
        """
        bars = as_bars(data)
        values = self.checked(params, bars.timeframe)
        return bars.remember((self, self._source.meaning(), *values.values()), lambda: self._compute(bars, values))

    def calculate(self, df: Bars | pd.DataFrame, **params: Any) -> pd.Series | pd.DataFrame:
        """Return a Series, or for several outputs a DataFrame, on the frame's own index; NaN in rows without prices."""
        bars = as_bars(df)
        index = df.index if isinstance(df, pd.DataFrame) else bars.rows
        result = self(bars, **params)
        columns = {
            name: pd.Series(bars.expand(array, np.nan), index=index, name=name, copy=True)
            for name, array in zip(self.outputs, self._several(result), strict=True)
        }
        return pd.DataFrame(columns) if self._record else columns[self.outputs[0]]

    def run(self, df: Bars | pd.DataFrame, **params: Any) -> Any:
        """Return a vectorbt indicator over lists of parameter values: `EMA.run(df, period=[9, 21, 50]).ema`.

        One column per value under levels such as `ema_period`; lists of one length go together, `param_product=True`
        combines each with each. vectorbt's `short_name`, `hide_params` and `hide_default` are passed on.
        """
        return grid.run(self, df, params)

    def signal(self, *data: Any, **params: Any) -> Any:
        """Return +1, 0 or -1 per row, int8: `X.signal(values)` or, where prices are needed, `X.signal(df, values)`.

        0 in the warm-up and in rows without prices. `values` is what `calculate` or `X(bars)` gave; with bars alone
        (a frame with their columns is bars, also when it holds values beside them) it is computed. A Series when the
        data has an index, else an array. Raises InputError where none is declared.
        """
        if self._signals is None:
            having = ", ".join(name for name, other in INDICATORS.items() if other._signals is not None)
            refuse(f"{self.name}.signal", "an indicator without signals", f"use one that declares them ({having})")
        return self._signals(data, params)

    def plot(self, df: Bars | pd.DataFrame, *, last: int | None = 1000, **params: Any) -> Any:
        """Return a plotly figure of the `last` bars (None: all), with values computed from all bars given."""
        from cryptolab.figures.indicators import indicator_figure

        bars = as_bars(df)
        values = self.checked(params, bars.timeframe)
        lines = dict(zip(self.outputs, self._several(self(bars, **params)), strict=True))
        if self._lines is not None:
            known = {**{name: getattr(bars, name) for name in INPUTS}, **lines, **values}
            lines = self._lines(**{name: known[name] for name in arguments(self._lines)})
        shown = len(bars) if last is None else min(whole("last", last, low=1), len(bars))
        drawn = {name: line[-shown:] for name, line in lines.items()}
        said = ", ".join(f"{name} {value}" for name, value in values.items())
        title = f"{self.name}{f' ({said})' if said else ''} · {bars.symbol} {bars.timeframe}"
        mark = "SIMULATED" if bars.simulated else ""
        return indicator_figure(title, bars[-shown:].frame(), drawn, self.panel, self.levels, self.bands, mark)

    def lookback(self, **params: Any) -> int:
        """Return the number of rows before the first value (of the latest output, where there are several)."""
        return max(self.lookbacks(**params))

    def lookbacks(self, **params: Any) -> tuple[int, ...]:
        """Return the rows before the first value of each output."""
        return self._rows(self.checked(params))

    def memory(self, *, timeframe: str = "1m", **params: Any) -> int | None:
        """Return how many bars before a row are enough to know its value to 1e-8; None when the start always matters.

        `timeframe` counts where the memory is a stretch of time, as for a daily anchor.
        """
        one_of("timeframe", timeframe, TIMEFRAMES)
        found = self._memory({**self.checked(params, timeframe), "timeframe": timeframe})
        return None if found is None else int(found)

    def rules(self, function: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        """Decorate `f(timeframe, **parameters) -> parameters`, which refuses what does not go together.

        `timeframe` is None while no bars are known.
        """
        self._rules = function
        return function

    def signals(self, function: Callable) -> Callable:
        """Decorate a function of inputs, outputs and parameters that gives +1, 0, -1 (or NaN, for 0) per row."""
        self._signals = SignalRule(self, function)
        return function

    def lines(self, function: Callable[..., dict[str, np.ndarray]]) -> Callable[..., dict[str, np.ndarray]]:
        """Decorate a function of inputs, outputs and parameters that gives the lines to draw instead of the outputs."""
        known = (*INPUTS, *self.outputs, *self.parameters)
        for name in arguments(function):
            one_of(f"{self.name}.lines, argument", name, known)
        self._lines = function
        return function

    def checked(self, params: Mapping[str, Any], timeframe: str | None = None) -> dict[str, Any]:
        """Return the full parameters for those given, each checked, then all of them together."""
        values = checked(self.name, self._parameters, params)
        return self._rules(timeframe, **values) if self._rules is not None else values

    @property
    def has_rules(self) -> bool:
        """Whether parameters are judged together, beside each alone."""
        return self._rules is not None

    def _several(self, result: Any) -> tuple[np.ndarray, ...]:
        return tuple(result) if self._record else (result,)

    def _rows(self, values: dict[str, Any]) -> tuple[int, ...]:
        found = self._lookback(values)
        rows = found if isinstance(found, tuple) else (found,) * len(self.outputs)
        if len(rows) != len(self.outputs):
            refuse(
                f"{self.name}, lookback", f"{len(rows)} numbers", f"give one for each of {len(self.outputs)} outputs"
            )
        return tuple(whole(f"{self.name}, lookback", count, low=0) for count in rows)

    def _compute(self, bars: Bars, values: dict[str, Any]) -> Any:
        """Call the function, where there are bars enough for a value, and accept what it returns."""
        rows = self._rows(values)
        if len(bars) <= min(rows):
            arrays = [np.full(len(bars), np.nan) for _ in rows]
        else:
            arrays = _accepted(self, self.function(**{n: getattr(bars, n) for n in self.inputs}, **values), bars, rows)
        for array in arrays:
            array.flags.writeable = False
        return self._record(*arrays) if self._record else arrays[0]

    def __reduce__(self) -> str:
        return self.__qualname__  # pickled as the name it stands under, like a function

    def __repr__(self) -> str:
        return (
            f"<indicator {self.name}({', '.join([*self.inputs, *(f'{k}={v!r}' for k, v in self.parameters.items())])})>"
        )


def indicator(
    function: Callable | None = None,
    *,
    lookback: Rows | Callable[..., Rows] = 0,
    memory: int | Callable[..., int | None] | None = None,
    outputs: Sequence[str] | None = None,
    panel: str = "own",
    levels: Sequence[float] = (),
    bands: Sequence[tuple[str, str]] = (),
) -> Any:
    """Make a function of bars' columns and parameters an Indicator, and put it into the catalogue under its name.

    Arguments of the function: inputs among time, open, high, low, close, volume, in this order, then parameters with
    defaults. Their kind is the annotation's, else the default's: int means 1 or more; Literal lists the options.
    lookback: rows before the first value, a number or a function of the parameters it names (a tuple for several
    outputs that begin at different rows). memory: bars until the start no longer matters to 1e-8, likewise; it may
    name `timeframe` too; None (the default) says that the start always matters, as for a running total.
    outputs: names, by default the function's in lower case. panel, levels, bands: how `plot` draws it.
    """
    names = None if outputs is None else tuple([outputs] if isinstance(outputs, str) else outputs)

    def declare(func: Callable) -> Indicator:
        one_of(f"{func.__name__}, panel", panel, ("own", "price"))
        for name in names or ():
            usable = name.isidentifier() and not name.startswith("_") and not iskeyword(name)
            if not usable or name in (*RESERVED, *arguments(func)) or len(set(names or ())) < len(names or ()):
                refuse(f"{func.__name__}, outputs", repr(name), "name each output once, unlike inputs and parameters")
        made = Indicator(
            func, outputs=names, lookback=lookback, memory=memory, panel=panel, levels=levels, bands=bands, rules=None
        )
        INDICATORS[made.name] = made
        return made

    return declare(function) if function is not None else declare


def forgotten(keep: float, share: float = 1e-12) -> int:
    """Return after how many bars a value multiplied by `keep` at each has fallen to `share` of itself."""
    return math.ceil(math.log(share) / math.log(keep)) if keep > 0 else 0


def snake_case(name: str) -> str:
    """Return "BollingerBands" as "bollinger_bands" and "EMA" as "ema"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _of_parameters(owner: Indicator, what: str, declared: Any) -> Callable[[dict[str, Any]], Any]:
    """Return `declared`, a number or a function of some parameters, as a function of a dict of all of them."""
    if not callable(declared):
        return lambda values: declared
    names = list(arguments(declared))
    for name in names:
        one_of(
            f"{owner.name}, {what}, argument", name, [*owner.parameters, *(["timeframe"] if what == "memory" else [])]
        )
    return lambda values: declared(**{name: values[name] for name in names})


def _accepted(owner: Indicator, result: Any, bars: Bars, rows: tuple[int, ...]) -> list[np.ndarray]:
    """Return what the function gave as float64 arrays, refused unless it is what the declaration says."""
    count, n = len(rows), len(bars)
    what = f"what {owner.name} returned"
    instead = f"return {'one numpy array' if count == 1 else f'{count} numpy arrays'} of {n} numbers"
    results = result if isinstance(result, tuple) else (result,)
    if len(results) != count:
        refuse(what, f"{len(results)} outputs", f"{instead} ({', '.join(owner.outputs)})")
    arrays = []
    for name, first, array in zip(owner.outputs, rows, results, strict=True):
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
            kind = f"an array of {array.dtype}" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
            refuse(what, f"{kind} for {name!r}", instead)
        if array.shape != (n,):
            refuse(what, f"an array of shape {array.shape} for {name!r}", instead)
        early = np.flatnonzero(~np.isnan(array[:first]))
        if early.size:
            refuse(what, f"a value for {name!r} in row {early[0]}", f"leave the first {first} rows NaN (its lookback)")
        arrays.append(np.ascontiguousarray(array, dtype=np.float64).view())
    return arrays
