"""The figures of a sweep: a metric over two parameters, as cells of a grid or as the points of a random search.

Colours go from amber over near-white to blue where a metric has a neutral point, from near-white to blue where it has
none: pairs that colour-blind eyes tell apart, and blue is the better end. Cells without a value show the grey ground.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cryptolab.figures.style import FONT, INK, MUTED, PAPER, template, text, watermark

_GROUND = "#d3d8df"
_WORSE = ("#6b3a06", "#b06f1c", "#dfb26e")
_BETTER = ("#8db3e6", "#3f78c9", "#133c80")
_MIDDLE = "#f7f7f4"
_DIVERGING = [*_WORSE, _MIDDLE, *_BETTER]
_RISING = [_MIDDLE, "#c9dcf5", *_BETTER]
_WRITTEN = 120  # cells up to which each has its value written in it
_GAPS = 1600  # cells up to which there is a line of ground between them


class Axis(NamedTuple):
    """One parameter: its name and its values in the order they are drawn, left to right or from below."""

    name: str
    values: tuple[Any, ...]

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
        return [text(f"{value:.6g}" if isinstance(value, float) else value) for value in self.values]


class Tone(NamedTuple):
    """How a metric is written and coloured. shown: d3 format. low, high: values of the palest and darkest colour."""

    name: str
    shown: str
    low: float
    high: float
    diverging: bool = False
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


def heatmap(cells: Cells, tone: Tone, said: str = "", mark: str = "") -> Any:
    """Return a plotly figure of cells; the best one is ringed, those without a value show the ground.

    said: what a cell of several sets holds, as in "median of". mark: faint words across the figure.
    """
    import plotly.graph_objects as go

    x, y, values = cells.x, cells.y, cells.values
    many = values.size > _GAPS
    trace = go.Heatmap(
        x=x.places, y=y.places, z=values, xgap=0 if many else 1, ygap=0 if many else 1, customdata=_hover(cells, said),
        hovertemplate=_told(x.name, y.name, tone, "%{z}") + "%{customdata}<extra></extra>", hoverongaps=False,
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
        update(type="linear" if axis.even else "category", showgrid=False, zeroline=False)
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
    told = _told(points.x_name, points.y_name, tone, "%{marker.color}") + "<extra></extra>"
    figure = go.Figure(go.Scatter(x=x, y=y, mode="markers", marker=marker, hovertemplate=told, showlegend=False))
    best_x, best_y = points.x[points.best], points.y[points.best]
    named = f"best set: {points.x_name} {best_x:.6g}, {points.y_name} {best_y:.6g}"
    figure.add_traces(_ring(best_x, best_y, named, 17))
    _dress(figure, points.x_name, points.y_name, mark)
    figure.update_layout(height=520)
    return figure


def _dress(figure: Any, x_name: str, y_name: str, mark: str) -> None:
    figure.update_layout(template=template(), margin={"t": 34, "b": 8}, hovermode="closest")
    figure.update_xaxes(title=text(x_name))
    figure.update_yaxes(title=text(y_name))
    watermark(figure, mark)


def _told(x_name: str, y_name: str, tone: Tone, value: str) -> str:
    """Return the pointer's box: both parameters, then the metric."""
    shown = f"{value[:-1]}:{tone.shown}}}"
    return f"{text(x_name)} %{{x}}<br>{text(y_name)} %{{y}}<br>{text(tone.name)} {shown}"


def _hover(cells: Cells, said: str) -> np.ndarray:
    """Return what stands behind the value in the pointer's box: nothing for the value of one set."""
    lines = [f"<br>{text(said)} {count:,} sets" if count > 1 else "" for count in cells.counts.ravel().tolist()]
    return np.array(lines, object).reshape(cells.counts.shape)


def _colours(tone: Tone) -> dict[str, Any]:
    """Return a trace's colours and their scale beside the figure."""
    palette = _DIVERGING if tone.diverging else _RISING
    steps = np.linspace(0.0, 1.0, len(palette))
    return {
        "zmin": tone.low,
        "zmax": tone.high,
        "colorscale": [[float(at), colour] for at, colour in zip(steps, palette, strict=True)],
        "reversescale": tone.smaller,
        "colorbar": {
            "title": {"text": text(tone.name), "side": "right", "font": {"size": 12, "color": MUTED}},
            "thickness": 14, "outlinewidth": 0, "tickformat": tone.shown, "ticks": "", "len": 1.0,
        },
    }  # fmt: skip


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
