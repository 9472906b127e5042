"""The laws: each a function of an indicator, bars and parameters that raises AssertionError where it is broken.

They know indicators by their declaration alone, so that they hold for the next one as for the first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cryptolab.bars import Bars
from cryptolab.indicators import Indicator
from cryptolab.indicators.parameters import INPUTS
from tests.laws.markets import other_presents, with_holes

EXTRA: dict[str, list[dict[str, Any]]] = {
    "VWAP": [
        {"anchor": "week"},
        {"anchor": "month"},
        {"anchor": "session", "session_start": 13.5},
        {"anchor": "rolling", "period": 7},
        {"anchor": "2024-03-01 05:00"},
    ],
    "MACD": [{"fast_period": 20, "slow_period": 6, "signal_period": 4}],
    "Volatility": [{"horizon": "bar"}, {"horizon": "day", "returns": "log"}, {"horizon": 24.5, "period": 9}],
}
"""Settings beyond the usual ones, where a parameter is neither a number nor a choice."""

LEAST = {"Volatility": 2}
"""The smallest period of an indicator to which 1 means nothing, by its name."""

TOLERANCE = 1e-8
"""How far apart two values may be, as a share of `_distance`'s scale: what the declared memory promises."""


def settings(indicator: Indicator) -> list[dict[str, Any]]:
    """Return the parameters to try: the defaults, short periods, each option of a choice, and EXTRA."""
    found: list[dict[str, Any]] = [{}]
    numbers = [name for name, default in indicator.parameters.items() if type(default) is int]
    if numbers:
        found.append({name: 3 + 2 * i for i, name in enumerate(numbers)})
        found.append(dict.fromkeys(numbers, LEAST.get(indicator.name, 1)))
    for parameter in indicator._parameters:
        if isinstance(parameter.kind, tuple):
            found += [{parameter.name: option} for option in parameter.kind]
    return found + EXTRA.get(indicator.name, [])


def arrays(indicator: Indicator, bars: Bars, params: dict[str, Any]) -> tuple[np.ndarray, ...]:
    """Return the indicator's outputs on these bars, newly computed."""
    result = indicator(bars[:], **params)
    return tuple(result) if len(indicator.outputs) > 1 else (result,)


def the_past_never_changes(indicator: Indicator, bars: Bars, params: dict[str, Any]) -> None:
    """Cut off after any bar, and with any other future, each value is the same to the last bit."""
    whole = arrays(indicator, bars, params)
    for end, present, what in other_presents(bars):
        _same([a[:end] for a in arrays(indicator, present, params)], [a[:end] for a in whole], what)


def signals_never_change(indicator: Indicator, bars: Bars, params: dict[str, Any]) -> None:
    """Signals are +1, 0, -1 of int8, one per row, 0 in the warm-up; neither a cut nor another future changes one."""
    frame = bars.frame()
    whole = indicator.signal(frame, **params)
    assert whole.index.equals(frame.index)
    assert whole.dtype == np.int8
    assert set(np.unique(whole)) <= {-1, 0, 1}
    assert (whole.iloc[: min(indicator.lookbacks(**params))] == 0).all()
    for end, present, what in other_presents(bars):
        assert np.array_equal(indicator.signal(present, **params)[:end], whole[:end]), f"{indicator.name}.signal {what}"


def columns_do_not_mix(indicator: Indicator, bars: Bars, grid: list[dict[str, Any]]) -> None:
    """Each column of a grid is what its parameters alone give, in whatever order and company."""
    names = list(grid[0])
    for order in (grid, grid[::-1]):
        made = indicator.run(bars, **{name: [params[name] for params in order] for name in names})
        for position, output in enumerate(indicator.outputs):
            frame = getattr(made, output)
            assert frame.shape == (len(bars.rows), len(order))
            for column, params in enumerate(order):
                label = frame.columns[column]
                assert (label if isinstance(label, tuple) else (label,)) == tuple(params.values())
                alone = bars.expand(arrays(indicator, bars, params)[position], np.nan)
                _same([frame.iloc[:, column].to_numpy()], [alone], f"column {label} of {output}")


def outputs_match_the_declaration(indicator: Indicator, bars: Bars, params: dict[str, Any]) -> None:
    """Names, length, type; NaN in exactly the declared rows, on bars with nothing missing."""
    result = indicator(bars, **params)
    if len(indicator.outputs) > 1:
        assert result._fields == indicator.outputs
    found, rows = arrays(indicator, bars, params), indicator.lookbacks(**params)
    for name, array, first in zip(indicator.outputs, found, rows, strict=True):
        assert array.dtype == np.float64
        assert array.shape == (len(bars),)
        assert not array.flags.writeable
        values = np.flatnonzero(~np.isnan(array))
        if _begins_with_the_data(indicator, params):
            assert values[0] == first, f"{indicator.name} {params}: {name} begins in row {values[0]}, declared {first}"
            assert values.size == len(bars) - first, f"{indicator.name} {params}: {name} has holes"
    table = indicator.calculate(bars, **params)
    assert table.index.equals(bars.rows)
    if isinstance(table, pd.DataFrame):
        assert tuple(table.columns) == indicator.outputs
    else:
        assert table.name == indicator.outputs[0]
    assert indicator.lookback(**params) == max(rows)


def the_memory_is_enough(indicator: Indicator, bars: Bars, params: dict[str, Any]) -> None:
    """Begun later, the values are the same once `memory` bars have passed; where it is unbounded, they are not."""
    whole = arrays(indicator, bars, params)
    memory = indicator.memory(timeframe=bars.timeframe, **params)
    if memory is None:
        differs = False
        for begin in (len(bars) // 4, len(bars) // 3, len(bars) // 2):
            later, far = arrays(indicator, bars[begin:], params), len(bars) // 8
            differs |= any(_distance(a[far:], b[begin:][far:]) > TOLERANCE for a, b in zip(later, whole, strict=True))
        assert differs, f"{indicator.name} {params}: declared unbounded, but forgets its start"
        return
    assert memory < len(bars), f"{indicator.name} {params}: bars too few to try a memory of {memory}"
    for begin in range(1, len(bars) - memory, 13):
        later = arrays(indicator, bars[begin:], params)
        for name, a, b in zip(indicator.outputs, later, whole, strict=True):
            distance = _distance(a[memory:], b[begin:][memory:])
            assert distance <= TOLERANCE, f"{indicator.name} {params}: {name} begun at {begin} is off by {distance:.1e}"


def a_missing_bar_is_no_bar(indicator: Indicator, bars: Bars, params: dict[str, Any]) -> None:
    """A row taken out, one set to NaN and one with a price of 0 give the same, and read NaN or 0 themselves."""
    gone, shorter, frames = with_holes(bars)
    without = indicator.calculate(shorter, **params)
    for other in frames:
        result = indicator.calculate(other, **params)
        assert result.index.equals(other.index)
        assert result.loc[gone].isna().to_numpy().all()
        _same([result.drop(gone).to_numpy()], [without.to_numpy()], "rows without prices")
        if indicator._signals is not None:
            signal = indicator.signal(other, result)
            assert (signal.loc[gone] == 0).all()
            _same([signal.drop(gone)], [indicator.signal(shorter, without)], "signals, rows without prices")


def inputs_are_not_written(indicator: Indicator, bars: Bars, params: dict[str, Any]) -> None:
    """The function, and the rule of its signals, leave what they are given as it was, also where nothing stops them."""
    values = indicator.checked(params, bars.timeframe)
    columns = {name: getattr(bars, name) for name in INPUTS}
    _unwritten(indicator.function, {name: columns[name] for name in indicator.inputs}, values)
    rule = indicator._signals
    if rule is not None:
        known = columns | dict(zip(indicator.outputs, arrays(indicator, bars, params), strict=True))
        given = {name: known[name] for name in (*rule.inputs, *rule.outputs)}
        _unwritten(rule.function, given, {name: values[name] for name in rule.shared})


def _unwritten(function: Any, given: dict[str, np.ndarray], values: dict[str, Any]) -> None:
    """Call the function with writable copies of the arrays; they must come back as they were."""
    copies = {name: np.array(array) for name, array in given.items()}
    function(**copies, **values)
    for name, array in copies.items():
        _same([array], [given[name]], f"input {name}")


def _begins_with_the_data(indicator: Indicator, params: dict[str, Any]) -> bool:
    """A value anchored at a moment begins there, wherever the data does."""
    return not (indicator.name == "VWAP" and str(params.get("anchor", "day"))[:1].isdigit())


def _same(found: Any, expected: Any, what: str) -> None:
    for a, b in zip(found, expected, strict=True):
        assert np.array_equal(a, b, equal_nan=True), f"{what}: {_distance(np.asarray(a), np.asarray(b)):.1e} apart"


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest |a - b| / max(|b|, the median of all |b|); infinite where one is NaN and the other is not.

    The scale is the output's own, so that prices of a millionth are held to as many digits as prices of thousands. The
    median is for what crosses 0: there a share of the value itself would be a share of nothing.
    """
    if not np.array_equal(np.isnan(a), np.isnan(b)):
        return float("inf")
    known = ~np.isnan(b)
    if not known.any():
        return 0.0
    reach = np.abs(b[known]).astype(float)
    apart = np.abs(a[known].astype(float) - b[known].astype(float))
    with np.errstate(divide="ignore"):
        shares = np.divide(apart, np.maximum(reach, np.median(reach)), where=apart > 0, out=np.zeros(apart.size))
    return float(shares.max())
