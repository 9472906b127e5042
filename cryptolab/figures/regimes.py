"""The figure of market regimes: the price, and below it, strip by strip, what was known of the market at the time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from cryptolab.figures.study import Drawing, stamps
from cryptolab.figures.style import GAIN, INK, LOSS, PAPER, template, text, watermark

WAYS = (LOSS, "#dfe3e8", GAIN)
"""Down, neither, up."""
HEIGHTS = ("#d6e2f3", "#7ea6d9", "#173f80")
"""Low, middle, high: one colour, ever darker."""


class Price(NamedTuple):
    """The line above the strips."""

    time: pd.DatetimeIndex
    values: np.ndarray


class Strip(NamedTuple):
    """One row of colours over time. codes: places in `labels` and `colours`, negative where nothing is known."""

    name: str
    codes: np.ndarray
    labels: Sequence[str]
    colours: Sequence[str]


def timeline(
    price: Price, time: pd.DatetimeIndex, strips: Sequence[Strip], log: bool, mark: str = "", unit: str = ""
) -> Drawing:
    """Return the price over strips of colours, which have one code per `time`. log: the price on a log axis.

    mark: faint words across the figure, none when empty. unit: the currency of the price, where it is known.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    rows = 1 + len(strips)
    heights = [1 - 0.13 * len(strips), *[0.13] * len(strips)]
    figure = make_subplots(rows=rows, cols=1, shared_xaxes=True, vertical_spacing=0.03, row_heights=heights)
    line = go.Scatter(
        x=stamps(price.time), y=price.values, mode="lines", name="price", line={"color": INK, "width": 1.2},
        showlegend=False, hovertemplate="%{y:,.6~r}<extra>price</extra>",
    )  # fmt: skip
    figure.add_trace(line, row=1, col=1)
    for row, strip in enumerate(strips, start=2):
        figure.add_trace(_coloured(time, strip), row=row, col=1)
        for label, colour in zip(strip.labels, strip.colours, strict=True):
            key = {"color": colour, "size": 11, "symbol": "square", "line": {"color": "#98a2b0", "width": 1}}
            figure.add_trace(
                go.Scatter(x=[None], y=[None], mode="markers", name=text(label), marker=key), row=row, col=1
            )
        figure.update_yaxes(
            title={"text": text(strip.name), "standoff": 8}, showticklabels=False, showgrid=False, zeroline=False,
            fixedrange=True, range=[-0.5, 0.5], row=row, col=1,
        )  # fmt: skip
    figure.update_layout(template=template(), height=340 + 60 * len(strips), hovermode="x", margin={"t": 34})
    # at 1, 2 and 5 times a power of ten: with all its digits the labels of a log axis overlap
    scale = {"type": "log", "dtick": "D2"} if log else {"type": "linear"}
    figure.update_yaxes(title=text(f"Price, {unit}" if unit else "Price"), tickformat=",.6~r", **scale, row=1, col=1)
    watermark(figure, mark)
    return Drawing(figure, f"The price over time and, below it, {' and '.join(strip.name for strip in strips)}.")


def _coloured(time: pd.DatetimeIndex, strip: Strip) -> object:
    """Return one strip; what is not known stays white."""
    import plotly.graph_objects as go

    count = len(strip.labels)
    edges = np.linspace(0, 1, count + 2)  # each colour from its edge to the next, without a passage between them
    scale = [
        [float(edge), colour]
        for place, colour in enumerate([PAPER, *strip.colours])
        for edge in edges[place : place + 2]
    ]
    words = np.array(["unknown", *map(text, strip.labels)])
    codes = np.maximum(strip.codes, -1)
    return go.Heatmap(
        x=stamps(time), y=[0], z=[codes.astype(int)], zmin=-1.5, zmax=count - 0.5, colorscale=scale, showscale=False,
        customdata=[words[codes + 1]], hovertemplate=f"%{{customdata}}<extra>{text(strip.name)}</extra>",
    )  # fmt: skip
