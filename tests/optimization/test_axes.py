"""What the texts of a grid say, and what is said of those that say nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptolab.errors import InputError
from cryptolab.optimization.axes import axes_from_texts, axis_from_text
from cryptolab.optimization.grid import make_grid


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
    found = axis_from_text(text)
    assert found == values
    assert list(map(type, found)) == list(map(type, values))


@given(st.integers(-500, 500), st.integers(0, 60), st.integers(1, 40), st.integers(1, 6))
def test_a_range_of_floats_has_the_floats_that_one_would_write(first: int, count: int, step: int, digits: int) -> None:
    unit = 10**digits
    text = f"{first / unit:.{digits}f}:{(first + count * step) / unit:.{digits}f}:{step / unit:.{digits}f}"
    assert axis_from_text(text) == [float(f"{(first + place * step) / unit:.{digits}f}") for place in range(count + 1)]


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
    drawn = axis_from_text(text).rvs(size=2000, random_state=np.random.default_rng(1))
    assert low <= drawn.min() < low + 0.01 * (high - low) + whole
    assert high >= drawn.max() > high - 0.01 * (high - low) - 2 * whole
    assert (drawn.dtype.kind == "i") == whole


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
        axis_from_text(text, "--grid x")
    assert said.rstrip("?") in str(refused.value)
    assert "--grid x" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_params_files_texts_are_read_and_all_else_stays() -> None:
    slow = [20, 30]
    found = axes_from_texts({"fast": "4:8:2", "slow": slow, "stop_loss": None, "mode": "ema", "delay": "randint(0, 3)"})
    assert found["fast"] == range(4, 9, 2)
    assert found["slow"] is slow
    assert found["stop_loss"] is None
    assert found["mode"] == ["ema"]
    grid = make_grid(found, samples=4, seed=1)
    assert set(grid.axes["delay"]) <= {0, 1, 2}
    assert set(grid.axes["fast"]) <= {4, 6, 8}
    with pytest.raises(InputError, match=r"^grid 'fast': received '8:4'"):
        axes_from_texts({"fast": "8:4"})
