"""Who is beside whom, against a slow obvious loop, on products with holes, mixed axes and random draws."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from cryptolab.optimization.grid import make_grid
from cryptolab.optimization.neighbours import Places, places

GRIDS: dict[str, tuple[dict[str, Any], Any]] = {
    "product": ({"a": range(5), "b": [1.5, 0.5, 40.0, 2.0]}, None),
    "holes": ({"a": range(1, 9), "b": range(1, 9)}, "a < b"),
    "one axis": ({"a": [3, 1, 2, 10]}, None),
    "mixed": ({"stop": [None, 0.02, 0.05, 0.1], "kind": ["sma", "ema"], "on": [True, False], "n": range(3)}, None),
    "fine": ({"a": range(31), "b": range(0, 50, 2)}, "a != 2 * b"),
    "uneven": ({"a": [-3.0, 0.0, 0.1, 0.2, 0.3, 1.0, 9.0], "b": range(8, 40)}, "a != 0.2"),
    "decades": ({"a": [1, 2, 3, 5, 9, 10, 11, 20, 100, 400, 1000], "b": range(3)}, None),
    "fixed": ({"a": range(4), "b": 7, "c": [2, 4]}, None),
}


def number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def beside(sets: list[dict[str, Any]], i: int) -> list[int]:
    """The definition, word by word."""
    values = {name: sorted({s[name] for s in sets if number(s[name])}) for name in sets[0]}

    def near(one: Any, other: Any, name: str) -> bool:
        if number(one) and number(other):
            known = values[name]
            decades = name == "a" and known[-1] == 1000
            low, high, here, there = (np.log(v) if decades else v for v in (known[0], known[-1], one, other))
            return abs(here - there) <= 0.1 * (high - low) + 1e-9 or abs(known.index(one) - known.index(other)) <= 1
        return type(one) is type(other) and one == other

    return [
        j for j, other in enumerate(sets) if j != i and all(near(sets[i][name], other[name], name) for name in other)
    ]


@pytest.mark.parametrize("name", GRIDS)
def test_a_tenth_of_the_range_or_a_step_on_each_numeric_axis_and_equal_on_the_others(name: str) -> None:
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
        if not np.isfinite(scores[i]):
            assert (counts[i], np.isnan(means[i])) == (0, True)
            continue
        known = [scores[j] for j in (i, *near) if np.isfinite(scores[j])]
        assert counts[i] == len(known) - 1
        assert means[i] == pytest.approx(np.mean(known))


def drawn(sets: int, axes: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    columns: dict[str, np.ndarray] = {f"p{i}": random.uniform(0, 10**i, sets) for i in range(axes)}
    columns["kind"] = np.array([["x", "y"][i % 2] for i in range(sets)], object)
    return columns


@pytest.mark.parametrize(("sets", "axes", "count"), [(3000, 2, 60), (300, 4, 15)])
def test_of_a_random_search_too_thin_the_nearest_by_rank_are_taken(sets: int, axes: int, count: int) -> None:
    columns = drawn(sets, axes, seed=axes)
    found = places(columns)
    assert found.by_rank
    assert found.count == count
    scores = np.random.default_rng(5).normal(size=sets)
    means, counts = found.means(scores)
    ranks = np.array([np.argsort(np.argsort(values)) for name, values in columns.items() if name != "kind"]).T
    for i in range(0, sets, 7):
        near = found.around(i)
        assert len(near) == counts[i] == count
        others = np.array([j for j in range(i % 2, sets, 2) if j != i])
        away = np.abs(ranks[others] - ranks[i]).max(axis=1)
        farthest = np.sort(away)[count - 1]
        assert sorted(np.abs(ranks[near] - ranks[i]).max(axis=1)) == sorted(away)[:count]
        # which of several at the farthest distance are taken is left open
        inside, rim = scores[others[away < farthest]], np.sort(scores[others[away == farthest]])
        taken, own = count - len(inside), scores[i]
        least, most = inside.sum() + rim[:taken].sum(), inside.sum() + rim[len(rim) - taken :].sum()
        assert least - 1e-9 <= means[i] * (count + 1) - own <= most + 1e-9


def test_a_dense_random_search_has_neighbours_within_reach() -> None:
    columns = drawn(400, 2, seed=1)
    found = places(columns)
    assert not found.by_rank
    near = found.around(0)
    for name in ("p0", "p1"):
        away = np.abs(columns[name][near] - columns[name][0])
        assert away.max() <= 0.1 * np.ptp(columns[name]) + 1e-9
        low, high = found.span(near)[name]
        assert (low, high) == (columns[name][near].min(), columns[name][near].max())


def test_a_finer_grid_has_more_neighbours_in_the_same_reach() -> None:
    def middle(step: int) -> tuple[Places, int]:
        grid = make_grid({"a": range(0, 41, step), "b": range(100, 201, 10)})
        return places(grid.columns), [grid.params(i) for i in range(len(grid))].index({"a": 20, "b": 150})

    spans, counts = [], []
    for step in (1, 2, 4):
        found, number = middle(step)
        around = found.around(number)
        spans.append(found.span(around))
        counts.append(len(around))
        assert not any(line.steps for line in found.lines)
    assert spans == [{"a": (16, 24), "b": (140, 160)}] * 3
    assert counts == [26, 14, 8]
    coarse, number = middle(10)
    assert [line.steps for line in coarse.lines] == [True, False]
    assert coarse.span(coarse.around(number)) == {"a": (10, 30), "b": (140, 160)}


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
