"""The figures of a sweep hold what they were given, in colours that mean the same everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from cryptolab.figures import style
from cryptolab.figures.sweep import Axis, Cells, Points, Row, Tone, heatmap, line, scatter, shown
from cryptolab.optimization import maps

RATIO = Tone("Sharpe ratio", ",.2f", -2.0, 2.0, centre=0.0)
VALUES = np.array([[0.5, -1.0, 2.0], [np.nan, 0.0, 1.0]])
COUNTS = np.array([[1, 4, 4], [0, 4, 4]])
SMALL = Cells(Axis("fast", (5, 10, 15)), Axis("kind", ("ema", "<sma>")), VALUES, COUNTS, (0, 2))


def large(rows: int = 100, columns: int = 40) -> Cells:
    values = np.random.default_rng(1).normal(size=(rows, columns))
    x, y = Axis("fast", tuple(range(5, 5 + columns))), Axis("slow", tuple(range(100, 100 + rows)))
    best = np.unravel_index(int(np.argmax(values)), values.shape)
    return Cells(x, y, values, np.ones(values.shape, np.int64), (int(best[0]), int(best[1])))


def test_cells_hold_their_values() -> None:
    for cells in (SMALL, large()):
        drawn = heatmap(cells, RATIO).data[0]
        assert np.array_equal(np.asarray(drawn.z), cells.values, equal_nan=True)
        assert list(drawn.x) == list(cells.x.values)


def test_the_neutral_point_is_pale_and_blue_is_better() -> None:
    drawn = heatmap(SMALL, RATIO).data[0]
    assert (drawn.zmin, drawn.zmax) == (-2.0, 2.0)
    colours = dict(drawn.colorscale)
    assert colours[0.5] == "#f7f7f4"
    red, _, blue = (int(colours[1.0][i : i + 2], 16) for i in (1, 3, 5))
    assert blue > red
    assert not drawn.reversescale
    assert heatmap(SMALL, RATIO._replace(centre=None, smaller=True)).data[0].reversescale


def lightness(colour: str) -> float:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_each_side_reaches_its_darkest_colour_at_its_own_extreme() -> None:
    drawn = heatmap(SMALL, RATIO._replace(low=-0.5, high=2.0)).data[0]
    colours = dict(drawn.colorscale)
    assert (drawn.zmin, drawn.zmax) == (-0.5, 2.0)
    assert colours[0.2] == "#f7f7f4"
    assert max(lightness(colours[0.0]), lightness(colours[1.0])) < 75
    places = [at for at, _ in drawn.colorscale]
    assert places == sorted(set(places))


@pytest.mark.parametrize(("low", "high", "dark"), [(0.4, 1.9, 1.0), (-1.9, -0.4, 0.0)])
def test_values_on_one_side_use_all_of_its_colours(low: float, high: float, dark: float) -> None:
    colours = {
        at: lightness(colour) for at, colour in heatmap(SMALL, RATIO._replace(low=low, high=high)).data[0].colorscale
    }
    assert colours[dark] < 75
    assert colours[1.0 - dark] > 230
    steps = [colours[at] for at in sorted(colours)]
    assert steps == sorted(steps, reverse=dark == 1.0)


def test_colours_are_told_apart_by_lightness_on_each_side() -> None:
    steps = [lightness(colour) for _, colour in heatmap(SMALL, RATIO).data[0].colorscale]
    middle = len(steps) // 2
    assert steps[: middle + 1] == sorted(steps[: middle + 1])
    assert steps[middle:] == sorted(steps[middle:], reverse=True)


def test_a_cell_without_a_value_shows_the_ground_and_the_legend_says_so() -> None:
    figure = heatmap(SMALL, RATIO)
    assert figure.layout.plot_bgcolor not in ("#ffffff", "#f7f7f4")
    assert [trace.name for trace in figure.data if trace.name == "no value"]
    assert not [trace.name for trace in heatmap(large(), RATIO).data if trace.name == "no value"]


@pytest.mark.parametrize("cells", [SMALL, large()], ids=["framed", "ringed"])
def test_the_axes_end_where_the_cells_do(cells: Cells) -> None:
    figure = heatmap(cells, RATIO)
    first, last = cells.x.values[0], cells.x.values[-1]
    half = (cells.x.values[1] - first) / 2
    assert list(figure.layout.xaxis.range) == [first - half, last + half]
    kinds = [-0.5, 1.5] if cells is SMALL else [99.5, 199.5]
    assert list(figure.layout.yaxis.range) == kinds


def test_few_cells_are_written_and_the_best_is_framed() -> None:
    figure = heatmap(SMALL, RATIO)
    assert figure.data[0].texttemplate == "%{z:,.2f}"
    frame = figure.layout.shapes[-1]
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (12.5, 17.5, -0.5, 0.5)
    assert figure.data[1].name == "best cell: fast 15, kind ema"


def test_many_cells_are_not_written_and_the_best_is_ringed() -> None:
    cells = large()
    figure = heatmap(cells, RATIO)
    assert figure.data[0].texttemplate is None
    assert cells.best is not None
    ring = figure.data[-1]
    assert (list(ring.x), list(ring.y)) == ([cells.x.values[cells.best[1]]], [cells.y.values[cells.best[0]]])
    assert figure.layout.height <= 620


def test_without_a_best_nothing_is_marked() -> None:
    empty = SMALL._replace(values=np.full((2, 3), np.nan), best=None)
    assert [trace.name for trace in heatmap(empty, RATIO).data] == [None, "no value"]


def test_the_pointer_is_told_both_parameters_and_how_many_sets() -> None:
    drawn = heatmap(SMALL, RATIO, "median of").data[0]
    assert drawn.hovertemplate == (
        "fast %{x}<br>kind %{y}<br>Sharpe ratio %{z:,.2f}%{customdata}<extra></extra>"
    )  # fmt: skip
    assert np.asarray(drawn.customdata).tolist() == [
        ["", *["<br>median of 4 sets"] * 2],
        ["", *["<br>median of 4 sets"] * 2],
    ]


@pytest.mark.parametrize(
    ("values", "even", "names"),
    [
        ((5, 10, 15), True, ["5", "10", "15"]),
        ((0.1, 0.2, 0.30000000000000004), True, ["0.1", "0.2", "0.3"]),
        ((5, 10, 20), False, ["5", "10", "20"]),
        ((None, 0.02), False, ["None", "0.02"]),
        ((True, False), False, ["True", "False"]),
        (("a<b",), False, ["a&lt;b"]),
        ((7,), False, ["7"]),
    ],
)  # fmt: skip
def test_axes(values: tuple, even: bool, names: list[str]) -> None:
    axis = Axis("a", values)
    assert axis.even is even
    assert axis.names == names
    assert axis.places == (list(values) if even else names)
    cells = Cells(axis, Axis("", ("",)), np.zeros((1, len(values))), np.ones((1, len(values)), np.int64), (0, 0))
    figure = heatmap(cells, RATIO)
    assert figure.layout.xaxis.type == ("linear" if even else "category")
    assert list(figure.layout.xaxis.ticktext) == names


def test_points_hold_their_values_the_best_on_top() -> None:
    given = Points("a<b", "b", np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]), np.array([0.3, 0.9, -0.1]), 1)
    drawn = scatter(given, RATIO).data[0]
    assert list(drawn.x) == [3.0, 1.0, 2.0]
    assert list(drawn.marker.color) == [-0.1, 0.3, 0.9]
    ring = scatter(given, RATIO).data[-1]
    assert (list(ring.x), list(ring.y), ring.name) == ([2.0], [5.0], "best set: a&lt;b 2, b 5")
    assert list(scatter(given, RATIO._replace(smaller=True)).data[0].x) == [2.0, 1.0, 3.0]


def test_points_are_told_as_they_are_written() -> None:
    given = Points(
        "a", "b", np.array([84.23456e-6, 2.0]), np.array([5000.0, 6.5]), np.array([0.3, 0.9]), 1, x_wide=True
    )
    figure = scatter(given, RATIO)
    assert [list(row) for row in figure.data[0].customdata] == [["0.0000842346", "5000"], ["2", "6.5"]]
    assert "%{customdata[0]}" in figure.data[0].hovertemplate
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("log", "linear")
    assert figure.layout.xaxis.exponentformat == figure.layout.yaxis.exponentformat == "none"


@pytest.mark.parametrize(
    ("values", "wide", "kind", "axis"),
    [
        ((5, 10, 30), False, "scatter", "linear"),
        ((1.0, 10.0, 1000.0), True, "scatter", "log"),
        (("ema", "<sma>", None), False, "bar", "category"),
    ],
)
def test_one_parameter_is_a_line_or_bars(values: tuple, wide: bool, kind: str, axis: str) -> None:
    row = Row(Axis("fast", values, wide), np.array([0.5, np.nan, 1.5]), np.array([1, 0, 4]), 2)
    figure = line(row, RATIO, "median of", "SIMULATED")
    drawn = figure.data[0]
    assert (drawn.type, figure.layout.xaxis.type) == (kind, axis)
    assert np.array_equal(drawn.y, row.values, equal_nan=True)
    assert figure.data[-1].name == f"best: fast {shown(values[2])}"
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("fast", "Sharpe ratio")
    assert [more for _, more in drawn.customdata] == ["", "", "<br>median of 4 sets"]
    assert (figure.layout.shapes[0].y0, figure.layout.annotations[-1].text) == (0.0, "SIMULATED")
    assert not line(row, RATIO._replace(centre=None)).layout.shapes


def test_one_parameter_without_any_value_marks_nothing() -> None:
    row = Row(Axis("fast", (5, 10)), np.full(2, np.nan), np.zeros(2, np.int64), None)
    assert len(line(row, RATIO).data) == 1


def toned(scores: list[float], metric: str = "sharpe_ratio") -> tuple[float, float, dict[float, str]]:
    """Return a map's ends and colours for these scores of one cell each."""
    axes = {"a": tuple(range(len(scores))), "b": (1, 2)}
    codes = [np.arange(len(scores)), np.zeros(len(scores), np.int64)]
    drawn = maps.figure(axes, codes, metric, np.array(scores), "median", "").data[0]
    return drawn.zmin, drawn.zmax, dict(drawn.colorscale)


def test_a_map_ends_at_the_extremes_of_its_values() -> None:
    assert toned([0.4, 0.9, 0.7])[:2] == (0.4, 0.9)
    assert toned([-0.9, -0.4])[:2] == (-0.9, -0.4)
    low, high, colours = toned([-0.5, 0.2, 1.5])
    assert (low, high, colours[0.25]) == (-0.5, 1.5, "#f7f7f4")
    assert toned([0.5, 1.5], "profit_factor")[2][0.5] == "#f7f7f4"
    assert toned([0.3, 0.3])[:2] == (-0.2, 0.8)
    assert toned([np.nan, np.nan])[:2] == (-0.5, 0.5)


def test_of_many_values_a_map_ends_at_the_hundredths() -> None:
    many = np.linspace(1.0, 2.0, 201)
    assert toned(many.tolist())[:2] == pytest.approx((1.01, 1.99))
    many[0] = -0.1  # a lone loss is not shown as a gain
    low, high, colours = toned(many.tolist())
    assert (low, high) == pytest.approx((-0.1, 1.99))
    assert "#f7f7f4" in colours.values()


def test_both_wear_the_house_template_and_the_mark() -> None:
    points = Points("a", "b", np.array([1.0]), np.array([1.0]), np.array([1.0]), 0)
    for figure in (heatmap(SMALL, RATIO, mark="SIMULATED"), scatter(points, RATIO, "SIMULATED")):
        assert figure.layout.template == style.template()
        assert figure.layout.annotations[-1].text == "SIMULATED"
        assert figure.layout.height
