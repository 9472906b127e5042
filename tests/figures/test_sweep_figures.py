"""The figures of a sweep hold what they were given, in colours that mean the same everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from cryptolab.figures import style
from cryptolab.figures.sweep import Axis, Cells, Points, Tone, heatmap, scatter

RATIO = Tone("Sharpe ratio", ",.2f", -2.0, 2.0, diverging=True)
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
    assert heatmap(SMALL, RATIO._replace(diverging=False, smaller=True)).data[0].reversescale


def test_colours_are_told_apart_by_lightness_on_each_side() -> None:
    def lightness(colour: str) -> float:
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    steps = [lightness(colour) for _, colour in heatmap(SMALL, RATIO).data[0].colorscale]
    middle = len(steps) // 2
    assert steps[: middle + 1] == sorted(steps[: middle + 1])
    assert steps[middle:] == sorted(steps[middle:], reverse=True)


def test_a_cell_without_a_value_shows_the_ground_and_the_legend_says_so() -> None:
    figure = heatmap(SMALL, RATIO)
    assert figure.layout.plot_bgcolor not in ("#ffffff", "#f7f7f4")
    assert [trace.name for trace in figure.data if trace.name == "no value"]
    assert not [trace.name for trace in heatmap(large(), RATIO).data if trace.name == "no value"]


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


def test_both_wear_the_house_template_and_the_mark() -> None:
    points = Points("a", "b", np.array([1.0]), np.array([1.0]), np.array([1.0]), 0)
    for figure in (heatmap(SMALL, RATIO, mark="SIMULATED"), scatter(points, RATIO, "SIMULATED")):
        assert figure.layout.template == style.template()
        assert figure.layout.annotations[-1].text == "SIMULATED"
        assert figure.layout.height
