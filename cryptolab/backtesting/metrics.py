"""The numbers of one run. What is undefined is NaN: never 0, never infinite. A year has 365 days; no risk-free rate.

Returns are simple, one per real bar, the first against the initial capital. Trades are the closed ones.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cryptolab.bars import DAY, Bars, nanoseconds
from cryptolab.checks import refuse
from cryptolab.kernels.scoring import SCORE, summarise_curve

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


class DailyMetrics(NamedTuple):
    """The metrics of daily returns, in the order they are shown: where the name is that of a metric of `Metrics`, the
    formula is too, over days instead of bars. A fall within a day is not seen."""

    total_return: float
    """(1 + r1) × (1 + r2) × ... - 1"""
    cagr: float
    """compound growth a year, by calendar time from the first day to the end of the last"""
    sharpe_ratio: float
    """mean / std(ddof=1) of the returns, times sqrt(365)"""
    sortino_ratio: float
    """mean / sqrt(sum(min(r, 0)²) / N), times sqrt(365)"""
    calmar_ratio: float
    """cagr / |max_drawdown|"""
    max_drawdown: float
    """lowest value of the compounded returns / earlier peak - 1, the start included; negative"""
    longest_drawdown: pd.Timedelta
    """longest time from the end of a day at a peak until it is reached again, or until the end"""
    volatility: float
    """std(ddof=1) of the returns times sqrt(365)"""
    alpha: float
    """intercept of the returns on those of the market, times 365; NaN without a market"""
    beta: float
    """slope of the returns on those of the market; NaN without a market"""
    best_day: float
    """highest return"""
    worst_day: float
    """lowest return"""
    win_days: float
    """share of days with a gain among those with a gain or a loss"""


def daily_metrics(returns: pd.Series, market: pd.Series | None = None) -> DailyMetrics:
    """Return the metrics of daily returns, as `BacktestResult.daily_returns` gives them; a year has 365 of them.

    returns: simple returns on an index of days (midnights, ascending; days without a return may be left out). market:
    what alpha and beta are measured against, on the same days. A NaN among the returns makes NaN of what rests on it.
    Raises InputError for another index.
    """
    days = _days("returns", returns)
    if market is not None and not np.array_equal(_days("market", market), days):
        refuse("market", f"other days ({len(market)}) than the returns ({len(returns)})", "give the same days")
    moves = returns.to_numpy(np.float64)
    start, price = np.ones(1), np.ones(len(days)) if market is None else np.cumprod(1.0 + market.to_numpy(np.float64))
    for array in (days, start, price):
        array.flags.writeable = False  # as those of Bars: the kernel is compiled once
    score = np.zeros(1, SCORE)
    summarise_curve(score, 0, 1.0, np.cumprod(1.0 + moves), days, start, price, DAY)
    years = float(days[-1] + DAY - days[0]) / (365 * DAY)
    changed = int((moves != 0).sum())
    return DailyMetrics(
        **_single(_of_curve(score, len(days), 365.0, years)),
        best_day=float(moves.max()),
        worst_day=float(moves.min()),
        win_days=float((moves > 0).sum() / changed) if changed else NAN,
    )


def sharpe_of(returns: np.ndarray, periods_per_year: float) -> float:
    """Return the Sharpe ratio of simple returns, NaN where it is undefined."""
    if not len(returns):
        return NAN
    mean = np.array([returns.mean()])
    with np.errstate(all="ignore"):
        deviation = _deviation(np.array([((returns - mean) ** 2).sum()]), len(returns) - 1, mean)
        return float(_ratio(mean, deviation)[0]) * math.sqrt(periods_per_year)


def metrics_of(scores: np.ndarray, bars: Bars) -> dict[str, np.ndarray]:
    """Return each metric as an array, one value per record of sums (kernels.scoring.SCORE) of runs on `bars`.

    longest_drawdown and average_holding_time are timedelta64[ns], n_trades int64, the others float64.
    """
    n = len(bars)
    years = float(bars.time[-1] + bars.interval - bars.time[0]) / (365 * DAY)
    closed = scores["n_trades"]
    with np.errstate(all="ignore"):  # what has no answer is NaN
        holding = np.where(closed > 0, scores["held"] // np.maximum(closed, 1), np.iinfo(np.int64).min)
        return {
            **_of_curve(scores, n, bars.periods_per_year, years),
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
    return Metrics(**_single(metrics_of(scores, bars)))


def _single(values: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return the metrics of one run as plain values."""
    return {
        name: pd.Timedelta(value[0]) if value.dtype.kind == "m" else value[0].item() for name, value in values.items()
    }


def _of_curve(scores: np.ndarray, n: int, year: float, years: float) -> dict[str, np.ndarray]:
    """Return the metrics of curves of n returns, `year` of them a year, over `years` years of calendar time."""
    with np.errstate(all="ignore"):
        growth = scores["growth"]
        deviation = _deviation(scores["squares"], n - 1, scores["mean"])
        downside = _deviation(scores["downside"], n, scores["mean"])
        cagr = _growth_a_year(growth, years)
        moves = _deviation(scores["market_squares"], n - 1, scores["market_mean"]) > 0
        beta = np.where(moves, scores["products"] / scores["market_squares"], NAN)
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
        }


def _days(name: str, returns: pd.Series) -> np.ndarray:
    """Return the days of daily returns as int64 nanoseconds; refuse what is no such series."""
    if not isinstance(returns, pd.Series) or not len(returns):
        kind = "an empty series" if isinstance(returns, pd.Series) else f"a {type(returns).__name__}"
        refuse(name, kind, "give daily returns, as in result.daily_returns")
    index = returns.index
    if not isinstance(index, pd.DatetimeIndex):
        refuse(name, f"an index of {type(index).__name__}", "give one of days, as in result.daily_returns")
    days = nanoseconds(index.tz_localize("UTC") if index.tz is None else index.tz_convert("UTC")).asi8
    if index.hasnans or (days % DAY).any() or (np.diff(days) <= 0).any():
        refuse(name, "an index that is not one midnight (UTC) after the other", "give one return per day, in order")
    return days.copy()


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
