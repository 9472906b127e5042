"""What each metric is like, declared once: which way is better, where its neutral point lies, how it is written.

The numbers themselves are defined in `cryptolab.backtesting.metrics`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cryptolab.bars import DAY
from cryptolab.figures.sweep import shown

__all__ = ["SCALES", "amount", "better", "count", "duration", "listed", "numbers", "percent", "plain", "shown", "wide",
           "written"]  # fmt: skip

NONE = "n/a"
_THIN = "\u202f"  # narrow no-break space before a unit


class Scale(NamedTuple):
    """One metric: name as a reader has it, whether the smaller value is the better one, and how it is drawn."""

    name: str
    smaller: bool = False
    centre: float | None = None
    """the value that is neither good nor bad; None where there is none"""
    unit: str = ""
    """"%" for shares, "days" for lengths of time, "n" for counts, "money", "" for plain numbers"""


# max_drawdown is negative, so that the larger one is the better. Where neither way is better (beta, exposure, n_trades,
# average_holding_time) "best" is the largest.
SCALES: dict[str, Scale] = {
    "total_return": Scale("Total return", centre=0.0, unit="%"),
    "cagr": Scale("Growth a year", centre=0.0, unit="%"),
    "sharpe_ratio": Scale("Sharpe ratio", centre=0.0),
    "sortino_ratio": Scale("Sortino ratio", centre=0.0),
    "calmar_ratio": Scale("Calmar ratio", centre=0.0),
    "max_drawdown": Scale("Maximum drawdown", unit="%"),
    "longest_drawdown": Scale("Longest drawdown", smaller=True, unit="days"),
    "volatility": Scale("Volatility", smaller=True, unit="%"),
    "alpha": Scale("Alpha", centre=0.0, unit="%"),
    "beta": Scale("Beta"),
    "n_trades": Scale("Closed trades", unit="n"),
    "win_rate": Scale("Win rate", unit="%"),
    "profit_factor": Scale("Profit factor", centre=1.0),
    "expectancy": Scale("Expectancy", centre=0.0, unit="money"),
    "average_holding_time": Scale("Average holding time", unit="days"),
    "exposure": Scale("Exposure", unit="%"),
    "turnover": Scale("Turnover a year", smaller=True),
    "fees_paid": Scale("Commissions paid", smaller=True, unit="money"),
}
"""Every metric of `Metrics`, in its order."""


def better(metric: str, smallest: bool | None) -> float:
    """Return the factor that makes larger better: -1 where the smaller value is (or `smallest` says so), else 1."""
    return -1.0 if (SCALES[metric].smaller if smallest is None else smallest) else 1.0


def numbers(values: Any) -> np.ndarray:
    """Return a metric's values as float64; lengths of time in days, NaT as NaN."""
    array = np.asarray(values)
    if array.dtype.kind != "m":
        return array.astype(np.float64)
    days = array.astype("m8[ns]").astype(np.int64) / DAY
    days[np.isnat(array)] = np.nan
    return days


def wide(values: Any) -> bool:
    """Return whether logarithms tell numbers apart better: positive, over more than two decades, most of them small.

    Even steps from 1 to 1,000, or draws between 0 and 1, span decades as well, but half of them are in the upper half.
    """
    array = np.asarray(values, np.float64)
    return bool(array.min() > 0 and array.max() > 100 * array.min() and np.median(array) < array.max() / 5)


def written(metric: str, value: Any) -> str:
    """Return a metric's value (lengths of time: Timedelta, or days) as a reader wants it; n/a for what is undefined."""
    return _WRITTEN[SCALES[metric].unit](value)


def plain(value: Any, digits: int = 2) -> str:
    """Return a number with `digits` decimals, thousands and a real minus sign, which a zero never has; n/a for NaN."""
    if value is None or not math.isfinite(value):
        return NONE
    said = f"{abs(value):,.{digits}f}"
    return f"−{said}" if value < 0 and any(digit in "123456789" for digit in said) else said


def count(value: Any) -> str:
    """Return a whole number with thousands."""
    return plain(value, 0)


def percent(value: Any, digits: int = 1) -> str:
    """Return a share as per cent: 0.341 is 34.1 %."""
    said = plain(None if value is None else value * 100, digits)
    return said if said == NONE else f"{said}{_THIN}%"


def amount(value: Any) -> str:
    """Return an amount of money: two decimals, five digits below 1 (coin-quoted markets)."""
    if value is None or not math.isfinite(value):
        return NONE
    size = abs(value)
    return plain(value, min(10, 4 - math.floor(math.log10(size))) if 0 < size < 1 else 2)


def duration(value: Any) -> str:
    """Return a length of time (Timedelta, or a number of days) in its largest fitting unit; n/a for NaT."""
    if value is None or pd.isna(value) or (isinstance(value, float) and math.isinf(value)):
        return NONE
    days = float(value) if isinstance(value, int | float | np.floating) else pd.Timedelta(value) / _DAY
    for unit, size in (("years", 365.0), ("days", 1.0), ("hours", 1 / 24)):
        if days >= 2 * size:
            return f"{days / size:,.1f} {unit}"
    minutes = round(days * 1440)
    return f"{minutes} minute{'s' if minutes != 1 else ''}"


_DAY = pd.Timedelta(1, unit="D")
_WRITTEN: dict[str, Callable[[Any], str]] = {
    "": plain, "n": count, "%": percent, "days": duration, "money": amount,
}  # fmt: skip


def listed(params: dict[str, Any]) -> str:
    """Return parameters in one line: fast=12, slow=120."""
    return ", ".join(f"{name}={shown(value)}" for name, value in params.items())
