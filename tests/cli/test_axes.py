"""`--grid NAME=VALUES`: what the texts say, and what is said of those that say nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptolab.cli.axes import axes, axis
from cryptolab.errors import InputError


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("5:44", range(5, 45)),
        ("7:7", range(7, 8)),
        ("100:199:10", range(100, 200, 10)),
        ("44:5:-3", range(44, 4, -3)),
        ("-5:1_000", range(-5, 1001)),
        ("0.01:0.05:0.01", [0.01, 0.02, 0.03, 0.04, 0.05]),
        ("0.1:0.7:0.1", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]),
        ("1:2:0.5", [1.0, 1.5, 2.0]),
        ("1:2:0.4", [1.0, 1.4, 1.8]),
        ("1e-3:3e-3:1e-3", [0.001, 0.002, 0.003]),
        (".02:-.02:-.02", [0.02, 0.0, -0.02]),
        ("9,12,21", [9, 12, 21]),
        ("9, 12 ,1e-3", [9, 12, 0.001]),
        ("5:7,20,30:40:5", [5, 6, 7, 20, 30, 35, 40]),
        ("none,0.02", [None, 0.02]),
        ("None, null, ~, 'none', \"5:44\"", [None, None, None, "none", "5:44"]),
        ("true,false", [True, False]),
        ("ema", ["ema"]),
        ("[9, 12, a b]", [9, 12, "a b"]),
        ("['a,b', c]", ["a,b", "c"]),
    ],
)
def test_ranges_and_lists(text: str, values: object) -> None:
    found = axis("fast", text)
    assert found == values
    assert list(map(type, found)) == list(map(type, values))


@given(st.integers(-500, 500), st.integers(0, 60), st.integers(1, 40), st.integers(1, 6))
def test_a_range_of_floats_has_the_floats_that_one_would_write(first: int, count: int, step: int, digits: int) -> None:
    unit = 10**digits
    text = f"{first / unit:.{digits}f}:{(first + count * step) / unit:.{digits}f}:{step / unit:.{digits}f}"
    assert axis("x", text) == [float(f"{(first + place * step) / unit:.{digits}f}") for place in range(count + 1)]


@pytest.mark.parametrize(
    ("text", "low", "high", "whole"),
    [
        ("randint(5,45)", 5, 44, True),
        (" uniform ( 0.01 , scale = 0.04 ) ", 0.01, 0.05, False),
        ("loguniform(1e-3, 0.1)", 0.001, 0.1, False),
        ("randint(-5, +5)", -5, 4, True),
    ],
)
def test_a_distribution_is_scipys(text: str, low: float, high: float, whole: bool) -> None:
    drawn = axis("x", text).rvs(size=2000, random_state=np.random.default_rng(1))
    assert low <= drawn.min() < low + 0.01 * (high - low) + whole
    assert high >= drawn.max() > high - 0.01 * (high - low) - 2 * whole
    assert (drawn.dtype.kind == "i") == whole


def test_the_grid_keeps_the_order_it_is_given_in() -> None:
    assert list(axes(["slow=50", "fast=5:9", "stop_loss=none"])) == ["slow", "fast", "stop_loss"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "received no values"),
        ("9,,21", "where a value is missing"),
        ("9,12,", "where a value is missing"),
        ("44:5", "'44:5', which has no values; write 5:44"),
        ("5:44:-1", "which has no values; turn the sign"),
        ("5:44:0", "whose step is 0"),
        ("0.01:0.05", "without a step; write the step too, as in 0.01:0.05:0.01"),
        ("0:1:1e-9", "more than 1,000,000 values"),
        ("09:30", "write a range as START:STOP"),
        ("5:44:1:2", "write a range as START:STOP"),
        ("a:b", "write a range as START:STOP"),
        ("5..44:2", "write a range as START:STOP"),
        ("[9, 12", "close the list"),
        ("[5:44]", "write ranges without the brackets"),
        ("randit(5,45)", "unknown distribution of scipy.stats in --grid x: 'randit': did you mean 'randint'?"),
        ("describe(5)", "unknown distribution of scipy.stats"),
        ("randint(5)", "give what scipy.stats.randint takes"),
        ("randint(45,5)", "give what scipy.stats.randint takes"),
        ("randint(5,45,wide=2)", "give what scipy.stats.randint takes"),
        ("randint(5,45),50", "write one distribution by itself"),
        ("randint(a,45)", "write a distribution with numbers"),
        ("randint(*[5,45])", "write a distribution with numbers"),
        ("randint(**{'low':5})", "write a distribution with numbers"),
        ("randint('5',45)", "write a distribution with numbers"),
        ("randint(True,45)", "write a distribution with numbers"),
        ("randint(5,45))", "write a distribution with numbers"),
        ("__import__('os').getcwd()", "write a distribution with numbers"),
        ("randint(" + "(" * 500 + "5" + ")" * 500 + ",9)", "write a distribution with numbers"),
    ],
)
def test_what_says_nothing_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        axes([f"x={text}"])
    assert said.rstrip("?") in str(refused.value)
    assert "--grid x" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "--grid: received nothing to vary; write NAME=VALUES"),
        (["fast"], "write NAME=VALUES"),
        (["=5:44"], "write NAME=VALUES"),
        (["fast=5", "fast=6"], "'fast' twice"),
    ],
)
def test_a_grid_needs_names(given: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        axes(given)
