"""What is declared of each metric, and how its values are written."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryptolab.backtesting import Metrics
from cryptolab.optimization.scales import SCALES, better, duration, listed, numbers, wide, written


def test_every_metric_has_a_scale() -> None:
    assert tuple(SCALES) == Metrics._fields


def test_which_way_is_better_is_the_metrics_unless_said() -> None:
    assert better("sharpe_ratio", None) == better("max_drawdown", None) == 1.0
    assert better("volatility", None) == better("longest_drawdown", None) == -1.0
    assert better("volatility", False) == 1.0
    assert better("sharpe_ratio", True) == -1.0


def test_lengths_of_time_become_days() -> None:
    days = numbers(np.array([86_400 * 10**9, -(2**63)], "m8[ns]"))
    assert days[0] == 1.0
    assert math.isnan(days[1])
    assert numbers(np.array([3, 4])).dtype == np.float64


@pytest.mark.parametrize(
    ("metric", "value", "shown"),
    [
        ("sharpe_ratio", -1.234, "−1.23"),
        ("sharpe_ratio", -0.001, "0.00"),
        ("total_return", 12.345, "1,234.5\u202f%"),
        ("n_trades", 1234.0, "1,234"),
        ("n_trades", 5, "5"),
        ("longest_drawdown", pd.Timedelta(days=3, hours=12), "3.5 days"),
        ("longest_drawdown", 3.5, "3.5 days"),
        ("average_holding_time", pd.Timedelta(hours=5), "5.0 hours"),
        ("average_holding_time", pd.NaT, "n/a"),
        ("average_holding_time", np.timedelta64(90, "m"), "90 minutes"),
        ("average_holding_time", math.inf, "n/a"),
        ("longest_drawdown", 1000.0, "2.7 years"),
        ("fees_paid", 0.000123456, "0.00012346"),
        ("expectancy", -1234.5, "−1,234.50"),
        ("profit_factor", math.nan, "n/a"),
        ("sharpe_ratio", None, "n/a"),
        ("sharpe_ratio", math.inf, "n/a"),
    ],
)
def test_values_as_they_are_written(metric: str, value: Any, shown: str) -> None:
    assert written(metric, value) == shown


def test_one_minute_is_singular() -> None:
    assert duration(1 / 1440) == "1 minute"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 9, 100], False),
        ([1, 10, 101], True),
        ([0, 1000], False),
        ([-1, 1000], False),
        ([5], False),
        (range(1, 1001), False),
        (np.geomspace(1e-6, 1, 9), True),
    ],
)
def test_numbers_over_more_than_two_decades_are_wide_unless_at_even_steps(values: Any, expected: bool) -> None:
    assert wide(values) is expected


def test_parameters_are_written_without_exponents() -> None:
    values = {"a": 84.23456789e-6, "b": 5000.0, "c": 1234567.8, "d": 0.0, "e": -2.5, "f": 1e20, "g": math.inf}
    assert listed(values) == "a=0.0000842346, b=5000, c=1234568, d=0, e=-2.5, f=1e+20, g=inf"


def test_parameters_in_one_line() -> None:
    assert listed({"fast": 5, "stop": 0.1 + 0.2, "kind": "x", "off": None}) == "fast=5, stop=0.3, kind=x, off=None"
