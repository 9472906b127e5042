"""Hill or spike: known landscapes give the known answer, and the sentence says the numbers."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from cryptolab.errors import InputError
from cryptolab.optimization.grid import Grid, make_grid
from cryptolab.optimization.plateau import HILL, SPIKE, UNDECIDED, Plateau, measure

SQUARE = make_grid({"fast": range(10), "slow": range(10, 20)})


def landscape(grid: Grid, height: Any) -> np.ndarray:
    return np.array([height(**grid.params(i)) for i in range(len(grid))], float)


def hill(fast: int, slow: int) -> float:
    return 3.0 * math.exp(-((fast - 4) ** 2 + (slow - 15) ** 2) / 8)


def spike(fast: int, slow: int) -> float:
    return 3.0 if (fast, slow) == (4, 15) else 0.1 * math.sin(7 * fast + 13 * slow)


def test_a_hill_is_a_hill() -> None:
    found = measure(SQUARE, "sharpe_ratio", landscape(SQUARE, hill))
    around = [hill(4 + i, 15 + j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    typical = float(np.median(landscape(SQUARE, hill)))
    assert found.params == {"fast": 4, "slow": 15}
    assert found.verdict == HILL
    assert found.score == 3.0
    assert found.neighbourhood == pytest.approx(np.mean(around))
    assert found.worst == pytest.approx(min(around))
    assert (found.n_neighbours, found.n_undefined, found.n_sets) == (8, 0, 100)
    assert found.typical == pytest.approx(typical)
    assert found.kept == pytest.approx((np.mean(around) - typical) / (3.0 - typical))
    assert found.steadiest is not None
    assert found.steadiest.params == found.params


def test_a_spike_is_a_spike_and_a_hill_beside_it_is_the_steadiest() -> None:
    def both(fast: int, slow: int) -> float:
        return 9.0 if (fast, slow) == (8, 18) else 2 * math.exp(-((fast - 3) ** 2 + (slow - 13) ** 2) / 8)

    found = measure(SQUARE, "sharpe_ratio", landscape(SQUARE, both))
    assert found.verdict == SPIKE
    assert found.params == {"fast": 8, "slow": 18}
    assert found.steadiest is not None
    assert found.steadiest.params == {"fast": 3, "slow": 13}
    assert found.steadiest.score == 2.0
    assert "The best neighbours are those of fast=3, slow=13: " in str(found)


@pytest.mark.parametrize(("height", "verdict"), [(hill, HILL), (spike, SPIKE)])
def test_where_smaller_is_better_it_is_the_same_landscape_upside_down(height: Any, verdict: str) -> None:
    scores = landscape(SQUARE, height)
    up, down = measure(SQUARE, "sharpe_ratio", scores), measure(SQUARE, "volatility", -scores)
    assert down.verdict == up.verdict == verdict
    assert down.params == up.params
    assert down.kept == pytest.approx(up.kept)
    for name in ("score", "neighbourhood", "worst", "typical"):
        assert getattr(down, name) == pytest.approx(-getattr(up, name))
    turned = measure(SQUARE, "sharpe_ratio", -scores, smallest=True)
    assert dataclasses.replace(turned, metric="volatility") == down


def test_neighbours_without_a_score_are_counted_apart() -> None:
    scores = landscape(SQUARE, hill).reshape(10, 10)
    scores[3, 4:6] = np.nan
    found = measure(SQUARE, "sharpe_ratio", scores.ravel())
    left = [hill(4 + i, 15 + j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) not in ((0, 0), (-1, 0), (-1, -1))]
    assert (found.n_neighbours, found.n_undefined, found.n_sets) == (6, 2, 98)
    assert found.neighbourhood == pytest.approx(np.mean(left))
    assert "its 6 neighbours (2 more without a value)" in str(found)


def test_nan_never_wins_and_of_equals_the_first_does() -> None:
    grid = make_grid({"a": range(5)})
    assert measure(grid, "sharpe_ratio", np.array([np.nan, 1, 2, 2, np.nan])).params == {"a": 2}


@pytest.mark.parametrize(
    ("grid", "scores", "says"),
    [
        ({"a": [1, 2]}, [0.0, 1.0], "so few tell nothing"),
        ({"kind": ["x", "y", "z"]}, [0.0, 1.0, 2.0], "no neighbour to compare it with"),
        ({"a": range(5)}, [1.0] * 5, "there is no lead that they could keep"),
        ({"a": 1}, [1.0], "no neighbour to compare it with"),
    ],
)
def test_what_cannot_be_told_is_undecided(grid: dict[str, Any], scores: list[float], says: str) -> None:
    found = measure(make_grid(grid), "sharpe_ratio", np.array(scores))
    assert found.verdict == UNDECIDED
    assert says in str(found)
    assert "cannot be told" in str(found)


def test_without_any_score_there_is_no_plateau() -> None:
    with pytest.raises(InputError, match=r"plateau: received no set with a sortino_ratio; choose a metric"):
        measure(SQUARE, "sortino_ratio", np.full(100, np.nan))


def test_the_sentence() -> None:
    found = Plateau(
        "total_return", {"fast": 5, "kind": "<b>"}, 0.5, 0.4, 0.3, 8, 0, 0.0, 1234, 0.8, HILL, False, (), None
    )  # fmt: skip
    said = (
        "The best of 1,234 sets (fast=5, kind=<b>) is on a hill. Total return: 50.0\u202f%; its 8 neighbours have 40.0"
        "\u202f% on average, 30.0\u202f% at worst; the typical set has 0.0\u202f%: they keep 80\u202f% of its lead."
    )
    assert str(found) == said
    assert repr(found) == f"<Plateau: {said}>"
    assert "kind=&lt;b&gt;" in found._repr_html_()
    near = dataclasses.replace(found, nearest=True, verdict=SPIKE, kept=-0.1)
    assert "its 8 nearest sets" in str(near)
    assert "they keep nothing of its lead" in str(near)


def test_a_random_search_is_judged_by_its_nearest_sets() -> None:
    random = np.random.default_rng(2)
    a, b = random.uniform(0, 1, 400), random.uniform(0, 100, 400)
    grid = Grid({"a": a, "b": b}, {"a": tuple(np.sort(a).tolist()), "b": tuple(np.sort(b).tolist())})
    smooth = np.exp(-((a - 0.5) ** 2) * 10 - ((b - 50) / 100) ** 2 * 10)
    found = measure(grid, "sharpe_ratio", smooth)
    assert found.nearest
    assert found.verdict == HILL
    lone = np.where(np.arange(400) == 17, 5.0, random.normal(0, 0.1, 400))
    assert measure(grid, "sharpe_ratio", lone).verdict == SPIKE


def test_the_edge_of_a_grid_is_never_the_steadiest_by_the_luck_of_few() -> None:
    scores = landscape(SQUARE, lambda fast, slow: 0.1 * fast).reshape(10, 10)
    scores[8:, 0:2] = 50.0  # a corner whose three neighbours are high
    found = measure(SQUARE, "sharpe_ratio", scores.ravel())
    assert found.params == {"fast": 8, "slow": 10}
    assert found.steadiest is not None
    assert 0 < found.steadiest.params["fast"] < 9


def test_a_best_set_at_the_edge_is_called_so() -> None:
    found = measure(SQUARE, "sharpe_ratio", landscape(SQUARE, lambda fast, slow: fast - (slow - 14) ** 2))
    assert found.params == {"fast": 9, "slow": 14}
    assert found.edges == ("fast",)
    assert "It lies at the edge of what was tried (fast): beyond, there may be better ones." in str(found)
    inside = measure(SQUARE, "sharpe_ratio", landscape(SQUARE, hill))
    assert inside.edges == ()
    assert "edge" not in str(inside)
    two = make_grid({"a": [1, 2], "b": range(5), "c": 7})
    assert measure(two, "sharpe_ratio", np.arange(10.0)).edges == ("b",)
