"""A metric of many sets laid out over two parameters, for a figure: cells of a grid, or points of a random search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cryptolab.figures.sweep import Axis, Cells, Points, Tone, heatmap, scatter
from cryptolab.optimization.scales import SCALES, better

AGGREGATES = ("median", "mean", "min", "max")
_FORMATS = {"%": ",.1%", "n": ",.0f", "days": ",.1f", "": ",.2f"}
_FEW = 50  # values up to which the colours reach from the least to the greatest
_SPARSE = 0.2  # share of filled cells below which the sets are points


def figure(axes: dict[str, tuple[Any, ...]], codes: list[np.ndarray], metric: str, scores: np.ndarray,
           agg: str, mark: str) -> Any:  # fmt: skip
    """Return the figure of `scores` (float64, one per row, NaN where none).

    axes: the parameter drawn across, then the one drawn upwards (or none: a single row of cells), each with its
    values. codes: int64, each row's position on each of these axes. agg: how the rows of one cell become one value.
    """
    ordered = [_ordered(name, values) for name, values in axes.items()]
    drawn = [axis for axis, _ in ordered]
    places = [rank[code] for (_, rank), code in zip(ordered, codes, strict=True)]
    if len(drawn) == 1:
        drawn.append(Axis("", ("",)))
        places.append(np.zeros(len(scores), np.int64))
    (x, y), (column, row) = drawn, places
    cell = row * len(x.values) + column
    grouped = pd.Series(scores).groupby(cell)
    value, count = grouped.agg(agg), grouped.count()
    tone = _tone(metric, value.to_numpy())
    sign = better(metric, None)
    cells = len(x.values) * len(y.values)
    known = value.dropna()
    if cells > 400 and len(known) < _SPARSE * cells and _numeric(x) and _numeric(y):
        at_row, at_column = np.divmod(known.index.to_numpy(), len(x.values))
        best = int(np.argmax(sign * known.to_numpy()))
        points = np.array(x.values, float)[at_column], np.array(y.values, float)[at_row]
        return scatter(Points(x.name, y.name, *points, known.to_numpy(), best), tone, mark)
    values, counts = np.full(cells, np.nan), np.zeros(cells, np.int64)
    values[value.index], counts[count.index] = value, count
    found = np.divmod(int(np.nanargmax(sign * values)), len(x.values)) if len(known) else None
    shape = len(y.values), len(x.values)
    best_cell = None if found is None else (int(found[0]), int(found[1]))
    laid = Cells(x, y, values.reshape(shape), counts.reshape(shape), best_cell)
    return heatmap(laid, tone, f"{agg} of", mark)


def _ordered(name: str, values: tuple[Any, ...]) -> tuple[Axis, np.ndarray]:
    """Return the axis as it is drawn, numbers ascending and others in the order given, and each value's place on it."""
    order = np.argsort(np.array(values, float), kind="stable") if _plain(values) else np.arange(len(values))
    rank = np.empty(len(values), np.int64)
    rank[order] = np.arange(len(values))
    return Axis(name, tuple(values[place] for place in order)), rank


def _plain(values: tuple[Any, ...]) -> bool:
    return {type(value) for value in values} <= {int, float}


def _numeric(axis: Axis) -> bool:
    return len(axis.values) > 1 and _plain(axis.values)


def _tone(metric: str, values: np.ndarray) -> Tone:
    """Return how the metric is drawn; of many values the farthest hundredth on each side share the end's colour."""
    scale = SCALES[metric]
    finite = values[np.isfinite(values)]
    if not len(finite):
        finite = np.zeros(1)
    low, high = np.percentile(finite, [1, 99]) if len(finite) > _FEW else (finite.min(), finite.max())
    if scale.centre is not None:
        reach = max(abs(low - scale.centre), abs(high - scale.centre)) or 1.0
        low, high = scale.centre - reach, scale.centre + reach
    elif low == high:
        low, high = low - 0.5, high + 0.5
    name = f"{scale.name}, days" if scale.unit == "days" else scale.name
    return Tone(name, _FORMATS[scale.unit], float(low), float(high), scale.centre is not None, scale.smaller)
