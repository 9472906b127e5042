"""Refusals have one shape: what, what was received, what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptolab import checks
from cryptolab.errors import CryptolabError, DataError, InputError, RunError, SetError, UnknownNameError


def refusal(call: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments, **named)
    assert caught.value.__suppress_context__, "a refusal shows no traceback of what was caught on the way"
    return str(caught.value)


def test_the_tree_of_errors() -> None:
    assert issubclass(InputError, CryptolabError)
    assert issubclass(InputError, ValueError)  # what a caller who knows nothing of cryptolab would catch
    assert issubclass(DataError, InputError)
    assert issubclass(UnknownNameError, InputError)
    assert issubclass(RunError, CryptolabError)
    assert not issubclass(RunError, InputError)
    assert issubclass(SetError, RunError)


def test_the_sentence() -> None:
    assert refusal(checks.refuse, "period", 0, "write 1 or more") == "period: received 0; write 1 or more."
    with pytest.raises(DataError):
        checks.refuse("bars", "none", "give some", DataError)


@pytest.mark.parametrize(
    ("name", "known", "tail"),
    [
        ("priod", ["period", "signal"], "did you mean 'period'"),
        ("period ", ["period"], "did you mean 'period'"),
        ("zzz", ["b", "a"], "known are a, b"),
        ("zzz", [], "none are known here"),
    ],
)
def test_a_name_nobody_knows_gets_the_nearest(name: str, known: list[str], tail: str) -> None:
    message = refusal(checks.unknown_name, "parameter", name, known)
    assert message == f"unknown parameter {name!r}: {tail}."
    with pytest.raises(UnknownNameError):
        checks.unknown_name("parameter", name, known)


def test_known_keys_names_the_first_unknown_one() -> None:
    checks.known_keys("key", [], ["a"])
    checks.known_keys("key", {"a": 1, "b": 2}, (name for name in "abc"))
    message = refusal(checks.known_keys, "key", ["fast", "slwo", "other"], ["fast", "slow"])
    assert message == "unknown key 'slwo': did you mean 'slow'."


@pytest.mark.parametrize("value", ["next", "NEXT_OPEN", "", None, 3, ["next_open"], b"next_open", {"next_open"}])
def test_one_of(value: object) -> None:
    options = {"next_open": 1, "same_close": 2}
    assert checks.one_of("fill", "next_open", options) == "next_open"
    message = refusal(checks.one_of, "fill", value, options)
    assert message.startswith(f"fill: received {value!r}; ")
    assert message.endswith("(next_open | same_close).")


@pytest.mark.parametrize("value", [0, 1, -3, 2.5, Fraction(1, 2), Decimal("0.25"), np.float32(0.5), np.int64(3)])
def test_number_takes_what_is_one(value: Any) -> None:
    result = checks.number("x", value)
    assert type(result) is float
    assert result == float(value)


@pytest.mark.parametrize(
    "value",
    [True, False, np.True_, "1", b"1", None, "one", [], [1.0], {}, float("nan"), float("inf"), -np.inf, 1j, object],
)
def test_number_refuses_what_is_none(value: object) -> None:
    message = refusal(checks.number, "x", value)
    assert message.startswith("x: received ")
    assert message.endswith("; write a number.")


@given(st.floats(-10, 10), st.floats(-10, 10), st.floats(-10, 10))
def test_number_keeps_to_its_bounds(value: float, low: float, high: float) -> None:
    checks_of = {
        "above": (low, value > low, f"> {low:g}"),
        "low": (low, value >= low, f">= {low:g}"),
        "below": (high, value < high, f"< {high:g}"),
        "high": (high, value <= high, f"<= {high:g}"),
    }
    for name, (bound, allowed, said) in checks_of.items():
        if allowed:
            assert checks.number("x", value, **{name: bound}) == value
        else:
            assert refusal(checks.number, "x", value, **{name: bound}) == f"x: received {value}; write a number {said}."


def test_number_says_both_bounds() -> None:
    assert refusal(checks.number, "x", 2, above=0, high=1) == "x: received 2; write a number > 0 and <= 1."


@given(st.integers())
def test_whole_keeps_every_digit(value: int) -> None:
    if abs(value) < 2**1000:
        assert checks.whole("x", value) == value
        assert type(checks.whole("x", value)) is int


@pytest.mark.parametrize("value", [3, 3.0, np.int8(3), np.float32(3), Fraction(6, 2), Decimal("3.0")])
def test_whole_takes_a_whole_float(value: Any) -> None:
    result = checks.whole("x", value, low=3, high=3)
    assert result == 3
    assert type(result) is int


@pytest.mark.parametrize("value", [2.5, np.float64(1e-9), Fraction(1, 2)])
def test_whole_refuses_fractions(value: Any) -> None:
    assert refusal(checks.whole, "x", value) == f"x: received {value}; write a whole number."


def test_whole_refuses_what_is_outside_or_no_number() -> None:
    assert refusal(checks.whole, "x", 0, low=1) == "x: received 0; write a number >= 1."
    assert refusal(checks.whole, "x", 9, low=1, high=8) == "x: received 9; write a number >= 1 and <= 8."
    assert refusal(checks.whole, "x", True).startswith("x: received True;")
    assert refusal(checks.whole, "x", "3").startswith("x: received '3';")
    assert refusal(checks.whole, "x", float("nan")).startswith("x: received nan;")


def test_a_number_too_large_for_a_float_is_refused() -> None:
    assert refusal(checks.number, "x", 10**400).startswith("x: received ")
    assert refusal(checks.whole, "x", -(10**400)).startswith("x: received ")


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_flag_takes_booleans(value: Any) -> None:
    assert checks.flag("x", value) is bool(value)


@pytest.mark.parametrize("value", [0, 1, "yes", "no", "", None, [], 0.0])
def test_flag_refuses_what_only_counts_as_one(value: object) -> None:
    assert refusal(checks.flag, "x", value) == f"x: received {value!r}; write True or False."
