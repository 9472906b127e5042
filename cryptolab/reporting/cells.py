"""How numbers look in the tables of a report: written by `wording`, losses and gains in their colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cryptolab.reporting.sheet import Cell
from cryptolab.reporting.wording import FORMATS, count, duration, money, percent, plain

_SIGNED = ("total_return", "cagr", "max_drawdown", "expectancy", "difference", "mean_return", "profit",
           "median_return", "mean_winner", "mean_loser", "best_trade", "worst_trade")  # fmt: skip
"""What was won or lost. Ratios, alpha and beta stay plain: a Sharpe ratio of 0.18 in green would be praise."""
MONEY = ("final_equity", "expectancy", "fees_paid", "profit")
"""Metrics and statistics in the quote currency."""


def _look(value: Any, shown: str) -> str:
    """Return "gain" or "loss" by the sign of a number, "" for what is undefined or written as 0."""
    if value is None or pd.isna(value) or not any(digit in shown for digit in "123456789"):
        return ""
    return "gain" if value > 0 else "loss"


def number_cell(name: str, value: Any) -> Cell:
    """Return a metric or statistic as it is written, losses and gains in their colours."""
    shown = {**FORMATS, **_STATISTICS}.get(name, str)(value)
    return Cell(shown, look=_look(value, shown) if name in _SIGNED else "")


def _held(value: Any) -> str:
    """Return how long a trade was held; one that ended in the bar it began in has no length that bars could tell."""
    return "within one bar" if value == pd.Timedelta(0) else duration(value)


_STATISTICS = {
    **dict.fromkeys(("mean_return", "median_return", "mean_winner", "mean_loser", "best_trade", "worst_trade"),
                    lambda value: percent(value, 2)),
    **dict.fromkeys(("win_rate", "share", "ambiguous_exits"), percent),
    **dict.fromkeys(("mean_time_held", "shortest_time_held", "longest_time_held"), _held),
    **dict.fromkeys(("closed_trades", "winners", "losers", "longest_losing_streak", "across_a_gap", "count"), count),
    "profit": money,
}  # fmt: skip


def heat_cell(value: float, full: float) -> Cell:
    """Return a return in per cent, shaded up to `full`."""
    if np.isnan(value):
        return Cell("")
    return Cell(plain(value * 100, 1), shade=float(np.clip(value / full, -1, 1)))
