"""An indicator drawn over candles, or in a panel of its own below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.figures.style import CYCLE, GAIN, LOSS, MUTED, template, text, watermark


def indicator_figure(
    title: str,
    frame: pd.DataFrame,
    lines: Mapping[str, np.ndarray],
    panel: str = "price",
    levels: Sequence[float] = (),
    bands: Sequence[tuple[str, str]] = (),
    mark: str = "",
) -> Any:
    """Return a plotly figure of candles and lines.

    frame: open, high, low, close of the bars drawn, by time. lines: name -> one value per bar, NaN where none.
    panel: "price" draws the lines over the candles, "own" below them. levels: straight lines across the lines' panel.
    bands: pairs of names; the space between the two is filled. mark: faint words across the figure.
    """
    from plotly.subplots import make_subplots

    own = panel == "own"
    figure = make_subplots(
        rows=2 if own else 1,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.04,
        row_heights=[0.62, 0.38] if own else None,
    )
    row = 2 if own else 1
    figure.update_layout(
        template=template(),
        title={"text": text(title), "x": 0.0, "xref": "paper", "y": 0.98, "font": {"size": 15}},
        height=620 if own else 480,
        margin={"t": 78},  # the legend stands between the title and the candles
        hovermode="x unified",
        legend={"traceorder": "normal"},
    )
    figure.add_trace(_candles(frame), row=1, col=1)
    # a line in the colours of the candles would be lost among them
    colours = [colour for colour in CYCLE if panel == "own" or colour not in (GAIN, LOSS)]
    named = {name: colours[i % len(colours)] for i, name in enumerate(lines)}
    for upper, lower in bands:
        for trace in _band(frame.index, lines[upper], lines[lower], named[upper]):
            figure.add_trace(trace, row=row, col=1)
    for name, values in lines.items():
        figure.add_trace(_line(frame.index, name, values, named[name]), row=row, col=1)
    for level in levels:
        figure.add_hline(level, line={"color": MUTED, "width": 1, "dash": "dot"}, row=row, col=1)
    # the slider of plotly's candles repeats them below the chart and takes a third of it
    figure.update_xaxes(rangeslider={"visible": False})
    watermark(figure, mark)
    return figure


def _candles(frame: pd.DataFrame) -> Any:
    import plotly.graph_objects as go

    prices = {name: frame[name] for name in ("open", "high", "low", "close")}
    return go.Candlestick(x=frame.index, **prices, name="price", showlegend=False)


def _line(index: pd.Index, name: str, values: np.ndarray, colour: str) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(x=index, y=values, name=text(name), mode="lines", line={"color": colour, "width": 1.6})


def _band(index: pd.Index, upper: np.ndarray, lower: np.ndarray, colour: str) -> list[Any]:
    """Return two unseen lines with the space between them filled; each stays out of legend and pointer box."""
    import plotly.graph_objects as go

    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    shared = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
    fill = f"rgba({red}, {green}, {blue}, 0.10)"
    return [
        go.Scatter(x=index, y=lower, **shared),
        go.Scatter(x=index, y=upper, fill="tonexty", fillcolor=fill, **shared),
    ]
