"""Grids against itertools.product filtered in plain Python, and what is refused."""

from __future__ import annotations

import itertools
import pickle
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from cryptolab.errors import InputError, UnknownNameError
from cryptolab.optimization.grid import Grid, make_grid, product_with

NAMES = ("fast", "slow", "level", "mode")

numbers = st.lists(st.integers(-50, 50), min_size=1, max_size=6, unique=True)
floats = st.lists(st.floats(-5, 5, allow_nan=False).map(lambda x: round(x, 3)), min_size=1, max_size=5, unique=True)
mixed = st.lists(st.sampled_from([None, "a", "b", 2.5, (1, 2), 7]), min_size=1, max_size=5, unique=True)
flags = st.sampled_from([[True], [False, True], [True, False]])
grids = st.fixed_dictionaries({"fast": numbers, "slow": numbers}, optional={"level": floats, "mode": mixed | flags})


def sets(grid: Grid) -> list[dict[str, Any]]:
    return [grid.params(number) for number in range(len(grid))]


def product(axes: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


@given(grids)
def test_a_grid_is_the_product_of_its_axes(axes: dict[str, list[Any]]) -> None:
    grid = make_grid(axes)
    assert sets(grid) == product(axes)
    assert grid.axes == {name: tuple(values) for name, values in axes.items()}
    for name in axes:
        assert [grid.axes[name][code] for code in grid.codes(name)] == [values[name] for values in sets(grid)]


@pytest.mark.parametrize(
    "where",
    [
        "fast < slow",
        lambda fast, slow: fast < slow,
        lambda slow, fast, unknown=0: fast - slow < unknown,
        lambda **values: values["fast"] < values["slow"],
        ["fast <= slow", lambda fast, slow: fast != slow],
    ],
)
@given(axes=grids)
def test_where_leaves_what_plain_python_leaves(where: Any, axes: dict[str, list[Any]]) -> None:
    expected = [values for values in product(axes) if values["fast"] < values["slow"]]
    if not expected:
        with pytest.raises(InputError, match=rf"holds? for none of {len(product(axes)):,} sets"):
            make_grid(axes, where=where)
        return
    grid = make_grid(axes, where=where)
    assert sets(grid) == expected
    for name, values in axes.items():
        left = [value for value in values if value in [each[name] for each in expected]]
        assert grid.axes[name] == tuple(left)


@given(axes=grids, samples=st.integers(1, 300), seed=st.integers(0, 5))
def test_samples_are_different_sets_of_the_product_in_its_order(
    axes: dict[str, list[Any]], samples: int, seed: int
) -> None:
    drawn, whole = make_grid(axes, samples=samples, seed=seed), product(axes)
    places = [whole.index(values) for values in sets(drawn)]
    assert len(places) == min(samples, len(whole))
    assert places == sorted(set(places))
    again = make_grid(axes, samples=samples, seed=seed)
    assert sets(again) == sets(drawn)


@given(axes=grids, samples=st.integers(1, 40))
def test_samples_satisfy_where_and_are_as_many_as_there_are(axes: dict[str, list[Any]], samples: int) -> None:
    possible = [values for values in product(axes) if values["fast"] < values["slow"]]
    if possible:
        drawn = make_grid(axes, where="fast < slow", samples=samples)
        assert len(drawn) == min(samples, len(possible))
        assert all(values in possible for values in sets(drawn))


def test_each_set_is_as_likely_as_the_others() -> None:
    axes = {"a": range(4), "b": range(5)}
    counts = np.zeros((4, 5))
    for seed in range(2_000):
        drawn = make_grid(axes, samples=2, seed=seed)
        counts[drawn.columns["a"], drawn.columns["b"]] += 1
    assert scipy.stats.chisquare(counts.ravel()).pvalue > 1e-4


def test_samples_are_drawn_without_building_the_product() -> None:
    axes = {"a": range(10**9), "b": range(0, -(10**9), -1), "c": range(4)}
    begin = time.perf_counter()
    grid = make_grid(axes, samples=1_000, where="a % 2 == 0")
    assert time.perf_counter() - begin < 2
    assert len(grid) == 1_000
    assert (grid.columns["a"] % 2 == 0).all()
    assert list(grid.axes["b"]) == sorted(grid.axes["b"], reverse=True)
    assert np.all(np.diff(grid.columns["a"]) >= 0)


def test_a_product_without_a_number_per_set_is_drawn_from() -> None:
    grid = make_grid({f"p{i}": range(10) for i in range(30)}, samples=50)
    assert len({tuple(values.values()) for values in sets(grid)}) == 50


def test_distributions_are_drawn_from_repeatably() -> None:
    axes = {"fast": scipy.stats.randint(5, 45), "level": scipy.stats.uniform(0, 1), "mode": ["x", None], "fixed": 3}
    grid = make_grid(axes, samples=200, where="fast < 100 * level", seed=4)
    assert sets(grid) == sets(make_grid(axes, samples=200, where="fast < 100 * level", seed=4))
    assert sets(grid) != sets(make_grid(axes, samples=200, where="fast < 100 * level", seed=5))
    assert len({tuple(values.values()) for values in sets(grid)}) == len(grid) == 200
    assert all(5 <= values["fast"] < min(45, 100 * values["level"]) for values in sets(grid))
    assert grid.axes["mode"] == ("x", None)
    assert grid.axes["fixed"] == (3,)
    assert list(grid.axes["fast"]) == sorted(set(grid.axes["fast"]))
    assert [type(value) for value in grid.params(0).values()][:2] == [int, float]


def test_fewer_sets_come_where_a_distribution_has_no_more() -> None:
    grid = make_grid({"n": scipy.stats.randint(0, 7)}, samples=100)
    assert sorted(grid.columns["n"]) == list(range(7))


@pytest.mark.parametrize(
    ("values", "dtype", "kind"),
    [
        (range(3), np.int64, int),
        (np.arange(3, dtype=np.uint8), np.int64, int),
        (np.array([0.5, 1.5]), np.float64, float),
        ([1, 2.5], np.float64, float),
        ([True, False], bool, bool),
        (pd.Series([1.0, 2.0]), np.float64, float),
        (pd.Index(["x", "y"]), object, str),
        ([2**70, 1], object, int),
        ([(1, 2), (3, 4)], object, tuple),
        (np.array(["2024-01-01"], "M8[ns]"), object, pd.Timestamp),
        ("one text", object, str),
        (np.float64(2.5), np.float64, float),
        (None, object, type(None)),
    ],
)
def test_values_are_plain_and_columns_typed(values: Any, dtype: Any, kind: type) -> None:
    grid = make_grid({"p": values})
    assert grid.columns["p"].dtype == dtype
    assert isinstance(grid.params(len(grid) - 1)["p"], kind)
    assert all(isinstance(value, kind) for value in grid.axes["p"])


def test_a_grid_cannot_be_changed_and_travels() -> None:
    grid = make_grid({"a": range(3), "b": ["x", None]})
    with pytest.raises(ValueError, match="read-only"):
        grid.columns["a"][0] = 5
    assert sets(pickle.loads(pickle.dumps(grid))) == sets(grid)
    assert repr(grid) == "Grid(6 sets: a 3 x b 2)"


@given(grids, st.lists(st.sampled_from([None, 0.1, 0.2]), min_size=1, unique=True))
def test_two_grids_multiply(axes: dict[str, list[Any]], stops: list[Any]) -> None:
    together = product_with(make_grid(axes), make_grid({"stop_loss": stops}))
    assert sets(together) == product({**axes, "stop_loss": stops})
    with pytest.raises(InputError, match="'fast' twice"):
        product_with(together, make_grid({"fast": [1]}))


def test_a_million_sets_take_a_moment() -> None:
    axes = {"a": range(100), "b": range(100), "c": [None, *(value / 100 for value in range(1, 100))]}
    begin = time.perf_counter()
    grid = make_grid(axes, where="a <= b")
    codes = [grid.codes(name) for name in grid.columns]
    assert time.perf_counter() - begin < 3  # a loop in Python over sets takes longer by itself
    assert len(grid) == 505_000
    assert all(len(code) == len(grid) for code in codes)


@pytest.mark.parametrize(
    ("grid", "options", "sentence"),
    [
        ([("a", 1)], {}, "grid: received a list; give names"),
        ({}, {}, "grid: received no names; give names"),
        ({1: [2]}, {}, "grid: received the name 1"),
        ({"a": []}, {}, "grid 'a': received no values; give at least one"),
        ({"a": range(0)}, {}, "grid 'a': received no values"),
        ({"a": {1, 2}}, {}, "grid 'a': received a set; give a list"),
        ({"a": iter([1])}, {}, "grid 'a': received a list_iterator; give a list"),
        ({"a": [1, 2, 1]}, {}, "grid 'a': received 1 twice"),
        ({"a": [1, True]}, {}, "grid 'a': received True twice"),
        ({"a": [1.0, float("nan")]}, {}, "grid 'a': received nan; leave it out"),
        ({"a": [[1], [2]]}, {}, "grid 'a': received a list as one of the values"),
        ({"a": np.ones((2, 2))}, {}, "grid 'a': received an array of 2 dimensions"),
        ({"a": scipy.stats.randint(0, 5)}, {}, "grid 'a': received a distribution without samples="),
        ({"a": scipy.stats.dirichlet([1, 2])}, {"samples": 3}, "grid 'a': received draws of shape"),
        ({"a": [1]}, {"samples": 0}, "samples: received 0"),
        ({"a": [1]}, {"seed": -1}, "seed: received -1"),
        ({"a": [1]}, {"where": 5}, "where: received an int; write a text"),
        ({"a": [1]}, {"where": "a = 1"}, "where 'a = 1': received invalid syntax"),
        ({"a": [1]}, {"where": "a + 1"}, "where 'a + 1': received values of int64; write a comparison"),
        ({"a": [1]}, {"where": "1 < 2"}, "received no name of the grid; write a comparison of them (a)"),
        ({"a": [1]}, {"where": "a.max() < 2"}, "received a Python Attribute"),
        ({"a": ["x"]}, {"where": "a * a < 2"}, "give a callable where values are not all numbers"),
        ({"a": [1]}, {"where": lambda a: None}, "where, called with a=1: received a NoneType; return True or False"),
        ({"a": [1]}, {"where": lambda a: 1 / (a - 1) > 0}, "called with a=1: received ZeroDivisionError"),
        ({"a": [1]}, {"where": lambda *a: True}, "received the argument *a; take the grid's names by name"),
        ({"a": [1, 2]}, {"where": "a > 5"}, "where: received conditions that hold for none of 2 sets"),
        ({"a": [1, 2]}, {"where": "a > 5", "samples": 1}, "none of 2 sets drawn from 2"),
        (
            {"a": range(10**6), "b": range(10**6)},
            {"limit_bytes": 10**9},
            "1,000,000,000,000 sets (1,000,000 x 1,000,000), whose parameters alone take 16.00 TB of 1.00 GB; give",
        ),
        ({"a": range(10**9), "b": range(10**9)}, {}, "a product of 1,000,000,000,000,000,000 sets"),
        ({"a": range(10**9)}, {"samples": 10**8, "limit_bytes": 10**8}, "100,000,000 samples, whose parameters"),
    ],
)
def test_what_cannot_be_a_grid_is_refused_in_one_sentence(grid: Any, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as refusal:
        make_grid(grid, **options)
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("where", ["fast < slo", lambda fast, slo: fast < slo])
def test_a_name_that_the_grid_does_not_have_is_refused_with_the_nearest(where: Any) -> None:
    with pytest.raises(
        UnknownNameError, match=r"the name 'slo'; did you mean 'slow' \(a parameter left at its default"
    ):
        make_grid({"fast": [1], "slow": [2]}, where=where)


@pytest.mark.parametrize(
    "where", ["not a < 1 and (b == 0.5 or abs(b) > 1)", "1 <= a < 9 & b in [0.5, 2.0]", "sqrt(a) >= 1 and b != 1.0"]
)
def test_conditions_speak_pandas(where: str) -> None:
    grid = make_grid({"a": [-1, 1, 2], "b": [0.5, 1.0, 2.0]}, where="a > 0")
    assert sets(make_grid({"a": [0, 1, 2], "b": [0.5, 1.0, 2.0]}, where=where)) == [
        values for values in sets(grid) if values["b"] != 1.0
    ]


def test_a_condition_sees_only_what_those_before_it_let_pass() -> None:
    grid = make_grid({"a": [0, 1, 2]}, where=["a > 0", lambda a: 2 / a > 1])
    assert grid.columns["a"].tolist() == [1]
