"""An indicator over a grid of parameters, as vectorbt users know it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cryptolab.bars import Bars, as_bars
from cryptolab.checks import known_keys, refuse

if TYPE_CHECKING:
    from cryptolab.indicators.declaration import Indicator

OPTIONS = ("param_product", "short_name", "hide_params", "hide_default")
"""What is passed on to vectorbt's `run`."""


def run(indicator: Indicator, df: Bars | pd.DataFrame, params: dict[str, Any]) -> Any:
    """Return the vectorbt indicator of `indicator` on these bars, one column per set of parameters."""
    bars = as_bars(df)
    options = {name: params[name] for name in OPTIONS if name in params}
    values = {name: value for name, value in params.items() if name not in OPTIONS}
    known_keys(f"parameter of {indicator.name}", values, [*indicator.parameters, *OPTIONS])
    values = {name: _listed(value) for name, value in values.items()}
    _refuse_lists(indicator, values, bool(options.get("param_product", False)))
    for name, listed in values.items():
        each = [indicator.checked({name: value})[name] for value in (listed if isinstance(listed, list) else [listed])]
        values[name] = each if isinstance(listed, list) else each[0]
    index = df.index if isinstance(df, pd.DataFrame) else bars.rows
    series = [
        pd.Series(bars.expand(getattr(bars, name), np.nan), index=index, name=name) for name in _columns(indicator)
    ]
    return _factory(indicator).run(*series, **values, **options, bars=bars)


@lru_cache(maxsize=128)
def _factory(indicator: Indicator) -> Any:
    """Return the indicator's vectorbt class.

    The function gets the Bars beside the columns that vectorbt broadcasts: they alone know which rows are real. It
    fills one row of memory per set of parameters and hands the block over transposed, without a copy.
    """
    import vectorbt as vbt

    def custom_func(*lists: Any, bars: Bars) -> Any:
        sets = list(zip(*lists[len(columns) :], strict=True)) or [()]
        blocks = np.empty((len(indicator.outputs), len(sets), len(bars.rows)))
        if bars.where is not None:
            blocks.fill(np.nan)
        real = slice(None) if bars.where is None else bars.where

        def fill(rows: range) -> None:
            for row in rows:
                # each value was checked already; rules look at all of them together, and at the timeframe
                params = dict(zip(indicator.parameters, sets[row], strict=True))
                if indicator.has_rules:
                    params = indicator.checked(params, bars.timeframe)
                results = indicator._several(indicator._compute(bars, params))
                for block, result in zip(blocks, results, strict=True):
                    block[row, real] = result

        _share(len(sets), fill)
        outputs = tuple(block.T for block in blocks)
        return outputs if len(outputs) > 1 else outputs[0]

    columns = _columns(indicator)
    factory = vbt.IndicatorFactory(
        class_name=indicator.name,
        short_name=indicator.outputs[0] if len(indicator.outputs) == 1 else _short(indicator.name),
        input_names=list(columns),
        param_names=list(indicator.parameters),
        output_names=list(indicator.outputs),
    )
    return factory.from_custom_func(custom_func, **indicator.parameters)


def _share(count: int, fill: Callable[[range], None]) -> None:
    """Fill rows 0 .. count - 1, each core its share: kernels run without the GIL, and so does the first touch of
    fresh memory, which costs as much as they do."""
    cores = min(os.cpu_count() or 1, count)
    if cores == 1:
        fill(range(count))
        return
    with ThreadPoolExecutor(cores) as pool:
        for _ in pool.map(fill, [range(first, count, cores) for first in range(cores)]):
            pass


def _columns(indicator: Indicator) -> tuple[str, ...]:
    return tuple(name for name in indicator.inputs if name != "time") or ("close",)


def _short(name: str) -> str:
    from cryptolab.indicators.declaration import snake_case

    return snake_case(name)


def _listed(value: Any) -> Any:
    """Return ranges, arrays and other collections as lists; a text or a number stays one value."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return value.item()
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes) else value


def _refuse_lists(indicator: Indicator, values: dict[str, Any], product: bool) -> None:
    """Refuse empty lists, and lists of different lengths that are to go together; one value goes with each."""
    lengths = {name: len(value) for name, value in values.items() if isinstance(value, list)}
    for name, length in lengths.items():
        if length == 0:
            refuse(f"{indicator.name}.run, {name}", "an empty list", "give at least one value")
    if not product and len({length for length in lengths.values() if length > 1}) > 1:
        said = ", ".join(f"{name} {length}" for name, length in lengths.items())
        refuse(
            f"{indicator.name}.run", f"lists of different lengths ({said})", "give one length, or param_product=True"
        )
