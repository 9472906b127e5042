"""A metric of many sets laid out for a figure: over two parameters as cells or points, over one as a line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cryptolab.figures.sweep import Axis, Cells, Points, Row, Tone, heatmap, line, scatter
from cryptolab.optimization.scales import SCALES, better, wide

AGGREGATES = ("median", "mean", "min", "max")
_FORMATS = {"%": ",.1%", "n": ",.0f", "days": ",.1f", "money": ",.2f", "": ",.2f"}
_FEW = 50  # values up to which the colours reach from the least to the greatest
_SPARSE = 0.2  # share of filled cells below which the sets are points


def figure(axes: dict[str, tuple[Any, ...]], codes: list[np.ndarray], metric: str, scores: np.ndarray,
           agg: str, mark: str) -> Any:  # fmt: skip
    """Return the figure of `scores` (float64, one per row, NaN where none).

    axes: the parameter drawn across, then the one drawn upwards (without one the metric itself is), each with its
    values. codes: int64, each row's position on each of these axes. agg: how the rows of one cell become one value.
    """
    ordered = [_ordered(name, values) for name, values in axes.items()]
    drawn = [axis for axis, _ in ordered]
    places = [rank[code] for (_, rank), code in zip(ordered, codes, strict=True)]
    sign, said = better(metric, None), f"{agg} of"
    if len(drawn) == 1:
        values, counts = _cells(places[0], len(drawn[0].values), scores, agg)
        best = int(np.nanargmax(sign * values)) if np.isfinite(values).any() else None
        return line(Row(drawn[0], values, counts, best), _tone(metric, values), said, mark)
    (x, y), (column, row) = drawn, places
    cells = len(x.values) * len(y.values)
    values, counts = _cells(row * len(x.values) + column, cells, scores, agg)
    tone = _tone(metric, values)
    known = np.flatnonzero(np.isfinite(values))
    best = int(np.nanargmax(sign * values)) if len(known) else None
    if best is not None and cells > 400 and len(known) < _SPARSE * cells and _numeric(x) and _numeric(y):
        at_row, at_column = np.divmod(known, len(x.values))
        points = np.array(x.values, float)[at_column], np.array(y.values, float)[at_row]
        logs = wide(x.values), wide(y.values)
        return scatter(
            Points(x.name, y.name, *points, values[known], int(np.searchsorted(known, best)), *logs), tone, mark
        )
    found = None if best is None else (best // len(x.values), best % len(x.values))
    shape = len(y.values), len(x.values)
    return heatmap(Cells(x, y, values.reshape(shape), counts.reshape(shape), found), tone, said, mark)


def _cells(cell: np.ndarray, cells: int, scores: np.ndarray, agg: str) -> tuple[np.ndarray, np.ndarray]:
    """Return each cell's value, NaN where it has none, and of how many rows it is made; cell: that of each row."""
    grouped = pd.Series(np.where(np.isfinite(scores), scores, np.nan)).groupby(cell)
    value, count = grouped.agg(agg), grouped.count()
    values, counts = np.full(cells, np.nan), np.zeros(cells, np.int64)
    values[value.index], counts[count.index] = value, count
    return values, counts


def _ordered(name: str, values: tuple[Any, ...]) -> tuple[Axis, np.ndarray]:
    """Return the axis as it is drawn, numbers ascending and others in the order given, and each value's place on it."""
    order = np.argsort(np.array(values, float), kind="stable") if _plain(values) else np.arange(len(values))
    rank = np.empty(len(values), np.int64)
    rank[order] = np.arange(len(values))
    drawn = tuple(values[place] for place in order)
    return Axis(name, drawn, _plain(drawn) and wide(drawn)), rank


def _plain(values: tuple[Any, ...]) -> bool:
    return {type(value) for value in values} <= {int, float}


def _numeric(axis: Axis) -> bool:
    return len(axis.values) > 1 and _plain(axis.values)


def _tone(metric: str, values: np.ndarray) -> Tone:
    """Return how the metric is drawn: colours end at the data's own extremes, the neutral colour is at the centre.

    Of many values the farthest hundredth on each side share the end's colour. Where all lie on one side of the centre
    there is no neutral colour, and the extremes of that side are told apart.
    """
    scale = SCALES[metric]
    finite = values[np.isfinite(values)]
    if not len(finite):
        finite = np.zeros(1)
    least, most = float(finite.min()), float(finite.max())
    low, high = np.percentile(finite, [1, 99]) if len(finite) > _FEW else (least, most)
    if scale.centre is not None and least < scale.centre < most:  # a lone value on the other side keeps its colour
        low, high = low if low < scale.centre else least, high if high > scale.centre else most
    if low == high:
        low, high = low - 0.5, high + 0.5
    name = f"{scale.name}, days" if scale.unit == "days" else scale.name
    return Tone(name, _FORMATS[scale.unit], float(low), float(high), scale.centre, scale.smaller)
