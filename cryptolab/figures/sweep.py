"""The figures of a sweep: a metric over two parameters, as cells of a grid or as the points of a random search.

Over one parameter it is a line, or bars.

Colours go from amber over near-white to blue where values lie on both sides of a metric's neutral point; where all are
bad, within amber; else from pale to dark blue. Colour-blind eyes tell the two apart, and blue is the better end. Cells
without a value show the grey ground.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cryptolab.figures.style import ACCENT, FONT, INK, MUTED, PAPER, template, text, watermark

_GROUND = "#d3d8df"
_WORSE = ("#6b3a06", "#b06f1c", "#dfb26e")
_BETTER = ("#8db3e6", "#3f78c9", "#133c80")
_MIDDLE = "#f7f7f4"
_RISING = ["#eaf1fb", "#c9dcf5", *_BETTER]
_FALLING = [*_WORSE, "#f0d9b0", "#faf1e0"]
_WRITTEN = 120  # cells up to which each has its value written in it
_GAPS = 1600  # cells up to which there is a line of ground between them


def shown(value: Any) -> str:
    """Return a parameter's value as it is written: six significant digits without an exponent, texts as they are."""
    if not isinstance(value, float) or not np.isfinite(value):
        return str(value)
    if value == 0 or 1e-9 <= abs(value) < 1e15:
        return np.format_float_positional(float(f"{value:.6g}") if abs(value) < 1e6 else round(value), trim="-")
    return f"{value:.6g}"


class Axis(NamedTuple):
    """One parameter: its name and its values in the order they are drawn, left to right or from below."""

    name: str
    values: tuple[Any, ...]
    wide: bool = False
    """whether its logarithms tell its values apart: positive ones over more than two decades"""

    @property
    def even(self) -> bool:
        """Whether these are numbers at equal steps, which a plain axis shows; others stand side by side as names."""
        kinds = {type(value) for value in self.values}
        if len(self.values) < 2 or not kinds <= {int, float}:
            return False
        steps = np.diff(np.array(self.values, float))
        return bool(np.allclose(steps, steps[0], rtol=1e-6, atol=0.0))

    @property
    def places(self) -> list[Any]:
        """Where the values stand: themselves, or their names."""
        return list(self.values) if self.even else self.names

    def edges(self, place: int) -> tuple[float, float]:
        """Return where the cells of one value begin and end; names stand at 0, 1, 2 and so on."""
        half = (self.values[1] - self.values[0]) / 2 if self.even else 0.5
        middle = self.values[place] if self.even else place
        return middle - half, middle + half

    @property
    def names(self) -> list[str]:
        """The values as they are written."""
        return [text(shown(value)) for value in self.values]

    @property
    def range(self) -> list[float]:
        """Where the first cell begins and the last one ends: beyond, nothing was tried."""
        return [self.edges(0)[0], self.edges(len(self.values) - 1)[1]]


class Tone(NamedTuple):
    """How a metric is written and coloured. shown: d3 format. low, high: values at the ends of the colours.

    centre: the value that is neither good nor bad, None where there is none.
    """

    name: str
    shown: str
    low: float
    high: float
    centre: float | None = None
    smaller: bool = False
    """whether the smaller value is the better one"""


class Cells(NamedTuple):
    """A metric over two axes: values[row of y, column of x], NaN where there is none.

    counts: int, how many sets each value stands for. best: (row, column) of the best cell, None without one.
    """

    x: Axis
    y: Axis
    values: np.ndarray
    counts: np.ndarray
    best: tuple[int, int] | None


class Points(NamedTuple):
    """A metric at points of two axes: x, y, values of one length (finite); best: number of the best one."""

    x_name: str
    y_name: str
    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    best: int
    x_wide: bool = False
    y_wide: bool = False
    """whether an axis is drawn by its logarithms"""


class Row(NamedTuple):
    """A metric over one axis: values, NaN where there is none; counts: of how many sets each is; best: its place."""

    x: Axis
    values: np.ndarray
    counts: np.ndarray
    best: int | None


def heatmap(cells: Cells, tone: Tone, said: str = "", mark: str = "") -> Any:
    """Return a plotly figure of cells; the best one is ringed, those without a value show the ground.

    said: what a cell of several sets holds, as in "median of". mark: faint words across the figure.
    """
    import plotly.graph_objects as go

    x, y, values = cells.x, cells.y, cells.values
    many = values.size > _GAPS
    trace = go.Heatmap(
        x=x.places, y=y.places, z=values, xgap=0 if many else 1, ygap=0 if many else 1, customdata=_hover(cells, said),
        hovertemplate=_told([x.name, y.name], tone, "z") + "%{customdata}<extra></extra>", hoverongaps=False,
        **_colours(tone),
    )  # fmt: skip
    if values.size <= _WRITTEN:
        # the hover box has the rest: a cell is as wide as four digits
        trace.update(texttemplate=f"%{{z:{tone.shown}}}", textfont={"family": FONT, "size": 12})
    figure = go.Figure(trace)
    if cells.best is not None:
        row, column = cells.best
        named = f"best cell: {x.name} {x.names[column]}, {y.name} {y.names[row]}"
        if values.size <= _WRITTEN:
            _frame(figure, x.edges(column), y.edges(row), named)
        else:
            figure.add_traces(_ring(x.places[column], y.places[row], named, 12))
    if not np.isfinite(values).all():
        empty = {"symbol": "square", "color": _GROUND, "size": 12}
        figure.add_scatter(x=[None], y=[None], mode="markers", marker=empty, name="no value", hoverinfo="skip")
    _dress(figure, x.name, y.name, mark)
    figure.update_layout(height=int(np.clip(170 + 30 * len(y.values), 300, 620)), plot_bgcolor=_GROUND)
    for axis, update in ((x, figure.update_xaxes), (y, figure.update_yaxes)):
        # plotly leaves room around markers, and bare ground there would read as "no value"
        update(type="linear" if axis.even else "category", showgrid=False, zeroline=False, range=axis.range)
        if len(axis.values) <= 12:
            update(tickvals=axis.places, ticktext=axis.names)
    return figure


def scatter(points: Points, tone: Tone, mark: str = "") -> Any:
    """Return a plotly figure of points in the colours of a heatmap: the sets of a random search."""
    import plotly.graph_objects as go

    worst_first = np.argsort(-points.values if tone.smaller else points.values, kind="stable")
    x, y = points.x[worst_first], points.y[worst_first]
    colours = _colours(tone)
    marker = {
        "color": points.values[worst_first], "size": 9, "line": {"color": MUTED, "width": 0.5},
        "colorscale": colours["colorscale"], "reversescale": colours["reversescale"], "cmin": tone.low,
        "cmax": tone.high, "colorbar": colours["colorbar"],
    }  # fmt: skip
    figure = go.Figure(go.Scatter(
        x=x, y=y, mode="markers", marker=marker, showlegend=False,
        customdata=[[shown(float(across)), shown(float(up))] for across, up in zip(x, y, strict=True)],
        hovertemplate=f"{text(points.x_name)} %{{customdata[0]}}<br>{text(points.y_name)} %{{customdata[1]}}<br>"
        + _valued(tone, "marker.color") + "<extra></extra>",
    ))  # fmt: skip
    best_x, best_y = float(points.x[points.best]), float(points.y[points.best])
    named = f"best set: {points.x_name} {shown(best_x)}, {points.y_name} {shown(best_y)}"
    figure.add_traces(_ring(best_x, best_y, named, 17))
    _dress(figure, points.x_name, points.y_name, mark)
    figure.update_xaxes(type="log" if points.x_wide else "linear")
    figure.update_yaxes(type="log" if points.y_wide else "linear")
    figure.update_layout(height=520)
    return figure


def line(row: Row, tone: Tone, said: str = "", mark: str = "") -> Any:
    """Return a plotly figure of a metric over one parameter: a line over numbers, bars over names; the best is ringed.

    said, mark: as in `heatmap`.
    """
    import plotly.graph_objects as go

    axis, kinds = row.x, {type(value) for value in row.x.values}
    numeric = len(axis.values) > 1 and kinds <= {int, float}
    places = list(axis.values) if numeric else axis.names
    shared = {
        "x": places, "y": row.values, "showlegend": False,
        "customdata": [[name, more] for name, more in zip(axis.names, _lines(row.counts, said), strict=True)],
        "hovertemplate": f"{text(axis.name)} %{{customdata[0]}}<br>" + _valued(tone, "y")
        + "%{customdata[1]}<extra></extra>",
    }  # fmt: skip
    if numeric:
        figure = go.Figure(go.Scatter(**shared, mode="lines+markers", line={"color": ACCENT, "width": 2}))
    else:
        figure = go.Figure(go.Bar(**shared, marker={"color": ACCENT}))
    if row.best is not None:
        named = f"best: {axis.name} {shown(axis.values[row.best])}"
        figure.add_traces(_ring(places[row.best], row.values[row.best], named, 14))
    _dress(figure, axis.name, tone.name, mark)
    figure.update_layout(height=340)
    figure.update_xaxes(type="category" if not numeric else "log" if axis.wide else "linear")
    if len(axis.values) <= 12:
        figure.update_xaxes(tickvals=places, ticktext=axis.names)
    figure.update_yaxes(tickformat=tone.shown)
    if tone.centre is not None:
        figure.add_hline(y=tone.centre, line={"color": MUTED, "width": 1, "dash": "dot"})
    return figure


def _dress(figure: Any, x_name: str, y_name: str, mark: str) -> None:
    figure.update_layout(template=template(), margin={"t": 34, "b": 8}, hovermode="closest")
    figure.update_xaxes(title=text(x_name), exponentformat="none")
    figure.update_yaxes(title=text(y_name), exponentformat="none")
    watermark(figure, mark)


def _told(names: list[str], tone: Tone, value: str) -> str:
    """Return the pointer's box: both parameters, then the metric."""
    places = "".join(f"{text(name)} %{{{axis}}}<br>" for name, axis in zip(names, "xy", strict=True))
    return places + _valued(tone, value)


def _valued(tone: Tone, value: str) -> str:
    """Return the metric in the pointer's box; value: what plotly calls it."""
    return f"{text(tone.name)} %{{{value}:{tone.shown}}}"


def _hover(cells: Cells, said: str) -> np.ndarray:
    """Return what stands behind the value in the pointer's box: nothing for the value of one set."""
    return np.array(_lines(cells.counts, said), object).reshape(cells.counts.shape)


def _lines(counts: np.ndarray, said: str) -> list[str]:
    return [f"<br>{text(said)} {count:,} sets" if count > 1 else "" for count in counts.ravel().tolist()]


def _colours(tone: Tone) -> dict[str, Any]:
    """Return a trace's colours and their scale beside the figure."""
    return {
        "zmin": tone.low,
        "zmax": tone.high,
        "colorscale": _scale(tone),
        "reversescale": tone.smaller,
        "colorbar": {
            "title": {"text": text(tone.name), "side": "right", "font": {"size": 12, "color": MUTED}},
            "thickness": 14, "outlinewidth": 0, "tickformat": tone.shown, "ticks": "", "len": 1.0,
        },
    }  # fmt: skip


def _scale(tone: Tone) -> list[list[Any]]:
    """Return colours with their places from 0 to 1; the neutral one stands where the centre is.

    Each side has its own pace, so that both reach their darkest colour at the data's own extreme.
    """
    if tone.centre is None or tone.low >= tone.centre:
        return _spread(_RISING, 0.0, 1.0)
    if tone.high <= tone.centre:
        return _spread(_FALLING, 0.0, 1.0)
    middle = (tone.centre - tone.low) / (tone.high - tone.low)
    return [*_spread([*_WORSE, _MIDDLE], 0.0, middle), *_spread([_MIDDLE, *_BETTER], middle, 1.0)[1:]]


def _spread(palette: list[str], first: float, last: float) -> list[list[Any]]:
    return [[float(at), colour] for at, colour in zip(np.linspace(first, last, len(palette)), palette, strict=True)]


def _ring(x: Any, y: Any, named: str, size: int) -> list[Any]:
    """Return a dark ring in a pale one, seen on every colour; the legend says what it marks."""
    import plotly.graph_objects as go

    shared = {"x": [x], "y": [y], "mode": "markers", "hoverinfo": "skip"}
    halo = {"symbol": "circle-open", "size": size, "line": {"color": PAPER, "width": 5}, "color": PAPER}
    ring = {"symbol": "circle-open", "size": size, "line": {"color": INK, "width": 2}, "color": INK}
    return [
        go.Scatter(**shared, marker=halo, showlegend=False),
        go.Scatter(**shared, marker=ring, name=text(named), showlegend=True),
    ]


def _frame(figure: Any, x: tuple[float, float], y: tuple[float, float], named: str) -> None:
    """Draw a frame around one cell, whose value a ring would cover."""
    corners = {"type": "rect", "x0": x[0], "x1": x[1], "y0": y[0], "y1": y[1], "layer": "above"}
    figure.add_shape(**corners, line={"color": PAPER, "width": 6})
    figure.add_shape(**corners, line={"color": INK, "width": 2.5})
    marker = {"symbol": "square-open", "color": INK, "size": 12, "line": {"width": 2.5}}
    figure.add_scatter(
        x=[None], y=[None], mode="markers", marker=marker, name=text(named), hoverinfo="skip", showlegend=True
    )  # fmt: skip
