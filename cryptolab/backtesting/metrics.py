"""The numbers of one run. What is undefined is NaN: never 0, never infinite. A year has 365 days; no risk-free rate.

Returns are simple, one per real bar, the first against the initial capital. Trades are the closed ones.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cryptolab.bars import DAY, Bars

NAN = float("nan")
_ZERO_VARIANCE = 1e-14  # of mean²: below it a variance is rounding


class Metrics(NamedTuple):
    """The metrics of one run, in the order they are shown."""

    total_return: float
    """final equity / initial capital - 1"""
    cagr: float
    """compound growth a year, by calendar time from the first open to the last close"""
    sharpe_ratio: float
    """mean / std(ddof=1) of the returns, times sqrt(periods a year)"""
    sortino_ratio: float
    """mean / sqrt(sum(min(r, 0)²) / N), times sqrt(periods a year)"""
    calmar_ratio: float
    """cagr / |max_drawdown|"""
    max_drawdown: float
    """lowest equity / earlier peak - 1, negative"""
    longest_drawdown: pd.Timedelta
    """longest time from a peak until it is reached again, or until the end"""
    volatility: float
    """std(ddof=1) of the returns times sqrt(periods a year)"""
    alpha: float
    """intercept of the returns on those of buy-and-hold, times periods a year"""
    beta: float
    """slope of the returns on those of buy-and-hold"""
    n_trades: int
    """closed trades"""
    win_rate: float
    """share of closed trades with a profit; a trade of zero profit is no win"""
    profit_factor: float
    """money won / money lost"""
    expectancy: float
    """mean profit of a closed trade, in money"""
    average_holding_time: Any
    """mean time (Timedelta) between the bars of entry and exit; NaT without closed trades"""
    exposure: float
    """share of bars at whose close a position is held"""
    turnover: float
    """value traded / mean equity, a year"""
    fees_paid: float
    """all commissions, in money"""


def metrics_of(scores: np.ndarray, bars: Bars) -> dict[str, np.ndarray]:
    """Return each metric as an array, one value per record of sums (kernels.scoring.SCORE) of runs on `bars`.

    longest_drawdown and average_holding_time are timedelta64[ns], n_trades int64, the others float64.
    """
    n = len(bars)
    year = bars.periods_per_year
    years = float(bars.time[-1] + bars.interval - bars.time[0]) / (365 * DAY)
    with np.errstate(all="ignore"):  # what has no answer is NaN
        growth = scores["growth"]
        deviation = _deviation(scores["squares"], n - 1, scores["mean"])
        downside = _deviation(scores["downside"], n, scores["mean"])
        cagr = _growth_a_year(growth, years)
        moves = _deviation(scores["market_squares"], n - 1, scores["market_mean"]) > 0
        beta = np.where(moves, scores["products"] / scores["market_squares"], NAN)
        closed = scores["n_trades"]
        holding = np.where(closed > 0, scores["held"] // np.maximum(closed, 1), np.iinfo(np.int64).min)
        return {
            "total_return": growth - 1.0,
            "cagr": cagr,
            "sharpe_ratio": _ratio(scores["mean"], deviation) * math.sqrt(year),
            "sortino_ratio": _ratio(scores["mean"], downside) * math.sqrt(year),
            "calmar_ratio": _ratio(cagr, -scores["max_drawdown"]),
            "max_drawdown": scores["max_drawdown"],
            "longest_drawdown": scores["longest_drawdown"].astype("m8[ns]"),
            "volatility": deviation * math.sqrt(year),
            "alpha": (scores["mean"] - beta * scores["market_mean"]) * year,
            "beta": beta,
            "n_trades": closed,
            "win_rate": _ratio(scores["n_won"], closed),
            "profit_factor": _ratio(scores["won"], scores["lost"]),
            "expectancy": _ratio(scores["pnl"], closed),
            "average_holding_time": holding.astype("m8[ns]"),  # the least integer is NaT
            "exposure": scores["bars_held"] / n,
            "turnover": _ratio(scores["value_traded"], scores["equity_mean"]) / years,
            "fees_paid": scores["fees"],
        }


def measure(scores: np.ndarray, bars: Bars) -> Metrics:
    """Return the Metrics of one run, given as one record of its sums."""
    values: dict[str, Any] = {
        name: pd.Timedelta(value[0]) if value.dtype.kind == "m" else value[0].item()
        for name, value in metrics_of(scores, bars).items()
    }
    return Metrics(**values)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return above / below; NaN where that is undefined or leaves the floats."""
    ratio = np.where(below > 0, above / below, NAN)
    return np.where(np.isinf(ratio), NAN, ratio)


def _deviation(squares: np.ndarray, count: int, mean: np.ndarray) -> np.ndarray:
    """Return sqrt(squares / count), NaN when that is undefined and 0.0 when it is only rounding."""
    if count < 1:
        return np.full(len(squares), NAN)
    variance = squares / count
    return np.where(variance <= _ZERO_VARIANCE * mean * mean, 0.0, np.sqrt(variance))


def _growth_a_year(growth: np.ndarray, years: float) -> np.ndarray:
    """Return growth^(1 / years) - 1; NaN below nothing, and where a short run's growth leaves the floats."""
    yearly = np.where(growth >= 0, growth, NAN) ** (1.0 / years) - 1.0
    return np.where(np.isinf(yearly), NAN, yearly)
