"""What is declared of each metric, and how its values are written."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryptolab.backtesting import Metrics
from cryptolab.optimization.scales import SCALES, better, listed, numbers, written


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
        ("profit_factor", math.nan, "n/a"),
        ("sharpe_ratio", None, "n/a"),
        ("sharpe_ratio", math.inf, "n/a"),
    ],
)
def test_values_as_they_are_written(metric: str, value: Any, shown: str) -> None:
    assert written(metric, value) == shown


def test_parameters_in_one_line() -> None:
    assert listed({"fast": 5, "stop": 0.1 + 0.2, "kind": "x", "off": None}) == "fast=5, stop=0.3, kind=x, off=None"
