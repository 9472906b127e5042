"""What each metric is like, declared once: which way is better, where its neutral point lies, how it is written.

The numbers themselves are defined in `cryptolab.backtesting.metrics`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cryptolab.bars import DAY

NONE = "n/a"
_THIN = "\u202f"  # narrow no-break space before a unit


class Scale(NamedTuple):
    """One metric: name as a reader has it, whether the smaller value is the better one, and how it is drawn."""

    name: str
    smaller: bool = False
    centre: float | None = None
    """the value that is neither good nor bad; None where there is none"""
    unit: str = ""
    """"%" for shares, "days" for lengths of time, "n" for counts, "" for plain numbers"""


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
    "expectancy": Scale("Expectancy", centre=0.0),
    "average_holding_time": Scale("Average holding time", unit="days"),
    "exposure": Scale("Exposure", unit="%"),
    "turnover": Scale("Turnover a year", smaller=True),
    "fees_paid": Scale("Commissions paid", smaller=True),
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


def written(metric: str, value: Any) -> str:
    """Return a metric's value (lengths of time: Timedelta, or days) as a reader wants it; n/a for what is undefined."""
    if value is None or pd.isna(value):
        return NONE
    unit = SCALES[metric].unit
    if unit == "days":
        days = value / pd.Timedelta(1, unit="D") if isinstance(value, pd.Timedelta | np.timedelta64) else float(value)
        return f"{_digits(days, 1)} days" if days >= 2 else f"{_digits(days * 24, 1)} hours"
    if unit == "%":
        return percent(value)
    return _digits(value, 0 if unit == "n" else 2)


def percent(value: float, digits: int = 1) -> str:
    """Return a share as per cent: 0.341 is 34.1 %."""
    return f"{_digits(value * 100, digits)}{_THIN}%"


def _digits(value: float, digits: int) -> str:
    """Return a number with thousands and a real minus sign, which a zero never has."""
    if not math.isfinite(value):
        return NONE
    shown = f"{abs(value):,.{digits}f}"
    return f"−{shown}" if value < 0 and any(digit in "123456789" for digit in shown) else shown


def shown(value: Any) -> str:
    """Return a parameter's value as it is written: six significant digits, texts as they are."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def listed(params: dict[str, Any]) -> str:
    """Return parameters in one line: fast=12, slow=120."""
    return ", ".join(f"{name}={shown(value)}" for name, value in params.items())
