"""Who is beside whom, against a slow obvious loop, on products with holes, mixed axes and random draws."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from cryptolab.optimization.grid import make_grid
from cryptolab.optimization.neighbours import places

GRIDS: dict[str, tuple[dict[str, Any], Any]] = {
    "product": ({"a": range(5), "b": [1.5, 0.5, 40.0, 2.0]}, None),
    "holes": ({"a": range(1, 9), "b": range(1, 9)}, "a < b"),
    "one axis": ({"a": [3, 1, 2, 10]}, None),
    "mixed": ({"stop": [None, 0.02, 0.05, 0.1], "kind": ["sma", "ema"], "on": [True, False], "n": range(3)}, None),
    "fixed": ({"a": range(4), "b": 7, "c": [2, 4]}, None),
}


def number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def beside(sets: list[dict[str, Any]], i: int) -> list[int]:
    """The definition, word by word."""
    values = {name: sorted({s[name] for s in sets if number(s[name])}) for name in sets[0]}

    def near(one: Any, other: Any, name: str) -> bool:
        if number(one) and number(other):
            return abs(values[name].index(one) - values[name].index(other)) <= 1
        return type(one) is type(other) and one == other

    return [
        j for j, other in enumerate(sets) if j != i and all(near(sets[i][name], other[name], name) for name in other)
    ]


@pytest.mark.parametrize("name", GRIDS)
def test_one_step_away_on_each_numeric_axis_and_equal_on_the_others(name: str) -> None:
    axes, where = GRIDS[name]
    grid = make_grid(axes, where=where)
    found = places(grid.columns)
    sets = [grid.params(i) for i in range(len(grid))]
    scores = np.random.default_rng(3).normal(size=len(sets))
    scores[::7] = np.nan
    means, counts = found.means(scores)
    assert not found.by_rank
    for i in range(len(sets)):
        near = beside(sets, i)
        assert found.around(i).tolist() == near
        known = [scores[j] for j in near if np.isfinite(scores[j])]
        assert counts[i] == len(known)
        assert means[i] == pytest.approx(np.mean(known) if known else np.nan, nan_ok=True)


def drawn(sets: int, axes: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    columns: dict[str, np.ndarray] = {f"p{i}": random.uniform(0, 10**i, sets) for i in range(axes)}
    columns["kind"] = np.array([["x", "y"][i % 2] for i in range(sets)], object)
    return columns


@pytest.mark.parametrize(("axes", "count"), [(2, 8), (4, 26)])
def test_of_a_random_search_the_nearest_by_rank_are_taken(axes: int, count: int) -> None:
    columns = drawn(300, axes, seed=axes)
    found = places(columns)
    assert found.by_rank
    assert found.count == count
    scores = np.random.default_rng(5).normal(size=300)
    means, counts = found.means(scores)
    ranks = np.array([np.argsort(np.argsort(values)) for name, values in columns.items() if name != "kind"]).T
    for i in range(300):
        near = found.around(i)
        assert len(near) == counts[i] == count
        others = np.array([j for j in range(i % 2, 300, 2) if j != i])
        away = np.abs(ranks[others] - ranks[i]).max(axis=1)
        farthest = np.sort(away)[count - 1]
        assert sorted(np.abs(ranks[near] - ranks[i]).max(axis=1)) == sorted(away)[:count]
        # which of several at the farthest distance are taken is left open
        inside, rim = scores[others[away < farthest]], np.sort(scores[others[away == farthest]])
        taken = count - len(inside)
        least, most = inside.sum() + rim[:taken].sum(), inside.sum() + rim[len(rim) - taken :].sum()
        assert least - 1e-9 <= means[i] * count <= most + 1e-9


def test_sets_without_a_numeric_axis_have_no_neighbours() -> None:
    found = places({"kind": np.array(["a", "b", "c"], object), "fixed": np.array([1, 1, 1])})
    means, counts = found.means(np.array([1.0, 2.0, 3.0]))
    assert [found.around(i).tolist() for i in range(3)] == [[], [], []]
    assert np.isnan(means).all()
    assert not counts.any()
    assert found.enough == 0


def test_a_product_too_large_to_lay_out_is_a_random_search() -> None:
    random = np.random.default_rng(1)
    columns = {name: random.permutation(3000).astype(float) for name in "abc"}
    assert places(columns).by_rank


def test_chained_conditions_leave_a_grid_of_steps() -> None:
    grid = make_grid({name: range(8) for name in "abcd"}, where=["a < b", "b < c", "c < d"])
    assert len(grid) == len(list(itertools.combinations(range(8), 4)))
    assert not places(grid.columns).by_rank
