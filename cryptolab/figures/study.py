"""The figures of a study: equity and drawdown, trades on candles, the distribution of trade returns.

They draw the arrays they are given. A Drawing is a plotly figure with the choices a reader has, each one a change of
traces and layout that the page applies when its button is pressed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cryptolab.bars import Bars
from cryptolab.figures.style import ACCENT, GAIN, INK, LOSS, MARKET, MUTED, template, text, watermark

_PRICES = ",.6~r"
"""How an axis writes prices and money: six significant digits, no zeros behind them."""

_SHARES = ".4~%"
"""How an axis writes shares: as many decimals as its steps need, so that no two labels of small ones read alike."""


class Choice(NamedTuple):
    """One button: what it says and what `Plotly.update` is told."""

    label: str
    traces: dict[str, Any]
    layout: dict[str, Any]


@dataclass(frozen=True)
class Drawing:
    """A plotly figure, its choices (the first one is how it is drawn) and what it shows, in words."""

    figure: Any
    said: str
    choices: list[Choice] = field(default_factory=list)


class Line(NamedTuple):
    """Equity (or another quantity) of one run over time, with its drawdown; times differ from line to line."""

    name: str
    time: pd.DatetimeIndex
    values: np.ndarray
    fall_time: pd.DatetimeIndex
    fall: np.ndarray
    """value / highest so far - 1"""


class Stretch(NamedTuple):
    """Candles with the trades inside them. `trades` has the columns of BacktestResult.trades and `said`, hover text."""

    label: str
    bars: Bars
    trades: pd.DataFrame


def stamps(index: pd.DatetimeIndex) -> np.ndarray:
    """Return UTC times as short ISO text: plotly's own is twice as long, and a page holds thousands."""
    return np.datetime_as_string(index.tz_convert("UTC").tz_localize(None).to_numpy("M8[m]"))


def equity(lines: Sequence[Line], log: bool, mark: str = "", unit: str = "") -> Drawing:
    """Return equity above drawdown, the strategy (first line) over what it is held against. `log`: start on a log axis.

    mark: faint words across the figure, none when empty. unit: the currency of the equity, where it is known.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.05, row_heights=[0.68, 0.32])
    colours = [ACCENT, MARKET]
    order = list(zip(lines, colours, strict=False))[::-1]  # the strategy is drawn last, on top
    for line, colour in order:
        shared = {"name": text(line.name), "legendgroup": line.name, "line": {"color": colour, "width": 1.6}}
        figure.add_trace(
            go.Scatter(
                x=stamps(line.time), y=line.values, mode="lines", legendrank=colours.index(colour),
                hovertemplate="%{y:,.2f}", **shared,
            ), row=1, col=1,
        )  # fmt: skip
    for line, colour in order:
        figure.add_trace(
            go.Scatter(
                x=stamps(line.fall_time), y=line.fall, mode="lines", name=text(line.name), legendgroup=line.name,
                showlegend=False, line={"color": colour, "width": 1.1}, fill="tozeroy" if colour == ACCENT else None,
                fillcolor="rgba(31, 95, 191, 0.10)", hovertemplate="%{y:.2%}",
            ), row=2, col=1,
        )  # fmt: skip
    figure.update_layout(template=template(), height=520, hovermode="x", margin={"t": 34})
    figure.update_yaxes(title=text(f"Equity, {unit}" if unit else "Equity"), row=1, col=1)
    figure.update_yaxes(title="Drawdown", tickformat=_SHARES, row=2, col=1)
    watermark(figure, mark)
    drawing = Drawing(figure, "Equity over time and, below it, its fall from the highest point so far.")
    return with_scales(drawing, log)


def candles(stretches: Sequence[Stretch], mark: str = "", size: float = 9) -> Drawing:
    """Return candles with trades; of several stretches one is seen, the others are choices.

    A trade is a line from entry to exit, green when it won and red when it did not; entries are triangles that point
    the way of the trade, exits circles, `size` pixels wide.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    owner: list[int] = []
    for number, stretch in enumerate(stretches):
        traces = [_candlestick(stretch.bars), *_trades(stretch.trades, size)]
        figure.add_traces(traces)
        owner += [number] * len(traces)
    for trace, number in zip(figure.data, owner, strict=True):
        trace.visible = number == 0
    figure.update_layout(template=template(), height=480, hovermode="closest", margin={"t": 34})
    figure.update_xaxes(rangeslider={"visible": False})
    figure.update_yaxes(tickformat=_PRICES)
    watermark(figure, mark)
    if len(stretches) == 1:
        return Drawing(figure, "Candles with the trades on them.")
    views = [_view(stretch.bars) for stretch in stretches]
    figure.update_layout({name.replace(".", "_"): value for name, value in views[0].items()})
    choices = [
        Choice(stretch.label, {"visible": [number == part for number in owner]}, view)
        for part, (stretch, view) in enumerate(zip(stretches, views, strict=True))
    ]
    return Drawing(figure, "Candles with the trades on them.", choices)


def _view(bars: Bars) -> dict[str, Any]:
    """Return the axes' ranges that hold these candles: a trade may begin or end far outside of them."""
    low, high = float(bars.low.min()), float(bars.high.max())
    room = 0.04 * (high - low)
    half = pd.Timedelta(bars.interval // 2, unit="ns")
    first, last = stamps(pd.DatetimeIndex([bars.index[0] - half, bars.index[-1] + half]))
    return {"xaxis.range": [str(first), str(last)], "yaxis.range": [low - room, high + room]}


def with_scales(drawing: Drawing, log: bool) -> Drawing:
    """Return the figure with its first value axis linear or log by choice; `log`: it starts on a log axis."""
    # over more than a decade, plotly's own number of labels on a log axis makes them overlap
    labels = {"linear": 0, "log": 4}
    choices = [
        Choice(kind, {}, {"yaxis.type": kind, "yaxis.nticks": number, "yaxis.autorange": True})
        for kind, number in labels.items()
    ]
    kind = "log" if log else "linear"
    drawing.figure.update_layout(yaxis={"type": kind, "nticks": labels[kind], "tickformat": _PRICES})
    return Drawing(drawing.figure, drawing.said, choices[::-1] if log else choices)


def _candlestick(bars: Bars) -> Any:
    import plotly.graph_objects as go

    return go.Candlestick(
        x=stamps(bars.index), open=bars.open, high=bars.high, low=bars.low, close=bars.close,
        name="price", showlegend=False,
    )  # fmt: skip


def _trades(trades: pd.DataFrame, size: float) -> list[Any]:
    """Return the lines of winners and losers, then the marks of entries and exits; hover text sits on the marks."""
    import plotly.graph_objects as go

    ended = trades[trades["exit_time"].notna()]
    traces = []
    for name, colour, part in (
        ("won", GAIN, ended[ended["pnl"] > 0]),
        ("lost", LOSS, ended[ended["pnl"] <= 0]),
    ):
        x, y = np.full((len(part), 3), None, object), np.full((len(part), 3), None, object)
        if len(part):
            x[:, 0], x[:, 1] = stamps(pd.DatetimeIndex(part["entry_time"])), stamps(pd.DatetimeIndex(part["exit_time"]))
            y[:, 0], y[:, 1] = part["entry_price"], part["exit_price"]
        line = {"color": colour, "width": 2, "dash": "dot"}
        traces.append(go.Scatter(x=x.ravel(), y=y.ravel(), mode="lines", name=name, line=line, hoverinfo="skip"))
    up = trades["direction"].to_numpy() == "long"
    entry = {"symbol": np.where(up, "triangle-up", "triangle-down"), "size": size, "color": INK}
    leave = {"symbol": "circle-open", "size": 0.85 * size, "color": INK, "line": {"width": size / 6}}
    for name, marker, part, when, price in (
        ("entry", entry, trades, "entry_time", "entry_price"),
        ("exit", leave, ended, "exit_time", "exit_price"),
    ):
        traces.append(
            go.Scatter(
                x=stamps(pd.DatetimeIndex(part[when])), y=part[price].to_numpy(), mode="markers", name=name,
                marker=marker, text=[text(said) for said in part["said"]], hovertemplate="%{text}<extra></extra>",
            )
        )  # fmt: skip
    return traces


def distribution(edges: np.ndarray, counts: np.ndarray, line: tuple[float, str], mark: str = "") -> Drawing:
    """Return a histogram of returns: `counts` between `edges` (one more), losses and wins in their colours.

    line: where a dotted line stands, and what it says.
    """
    import plotly.graph_objects as go

    middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    said = [f"{low:.2%} to {high:.2%}".replace("-", "−") for low, high in pairwise(edges)]
    bars = go.Bar(
        x=middle, y=counts, width=width * 0.92, customdata=said, marker_color=np.where(middle < 0, LOSS, GAIN),
        hovertemplate="%{customdata}<br>%{y} trades<extra></extra>",
    )  # fmt: skip
    figure = go.Figure(bars)
    figure.add_vline(
        line[0], line={"color": MUTED, "width": 1, "dash": "dot"},
        annotation={"text": text(line[1]), "font": {"color": MUTED}, "yanchor": "bottom", "y": 1.0},
    )  # fmt: skip
    figure.update_layout(template=template(), height=300, showlegend=False, bargap=0, margin={"t": 30})
    figure.update_xaxes(title="return of a trade, net of costs", tickformat=_SHARES)
    figure.update_yaxes(title="trades")
    watermark(figure, mark)
    return Drawing(figure, "How many trades returned how much.")
