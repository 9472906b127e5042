"""The numbers of one run. What is undefined is NaN: never 0, never infinite. A year has 365 days; no risk-free rate.

Returns are simple, one per real bar, the first against the initial capital. Trades are the closed ones.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cryptolab.bars import DAY, Bars
from cryptolab.kernels.scoring import Curve, curve

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


class Ledger(NamedTuple):
    """What the metrics need of a run's trades: arrays over closed trades, sums over all fills."""

    pnl: np.ndarray
    held_ns: np.ndarray
    bars_held: int
    """closes at which a position was held, the open one included"""
    value_traded: float
    fees: float


def measure(bars: Bars, capital: float, equity: np.ndarray, ledger: Ledger) -> Metrics:
    """Return the Metrics of an equity curve (one value per bar's close) and its trades."""
    n = len(equity)
    sums = curve(capital, equity, bars.open[0], bars.close, bars.time, bars.interval)
    year = bars.periods_per_year
    years = float(bars.time[-1] + bars.interval - bars.time[0]) / (365 * DAY)
    growth = float(equity[-1]) / capital
    deviation = _deviation(sums.squares, n - 1, sums.mean)
    downside = _deviation(sums.downside, n, sums.mean)
    cagr = _growth_a_year(growth, years)
    alpha, beta = _regression(sums, n)
    pnl = ledger.pnl
    closed = len(pnl)
    won, lost = float(pnl[pnl > 0].sum()), float(-pnl[pnl < 0].sum())
    return Metrics(
        total_return=growth - 1.0,
        cagr=cagr,
        sharpe_ratio=_ratio(sums.mean, deviation) * math.sqrt(year),
        sortino_ratio=_ratio(sums.mean, downside) * math.sqrt(year),
        calmar_ratio=_ratio(cagr, -sums.max_drawdown),
        max_drawdown=sums.max_drawdown,
        longest_drawdown=pd.Timedelta(sums.longest_drawdown, unit="ns"),
        volatility=deviation * math.sqrt(year),
        alpha=alpha * year,
        beta=beta,
        n_trades=closed,
        win_rate=_ratio(int((pnl > 0).sum()), closed),
        profit_factor=_ratio(won, lost),
        expectancy=_ratio(float(pnl.sum()), closed),
        average_holding_time=pd.Timedelta(int(ledger.held_ns.mean()), unit="ns") if closed else pd.NaT,
        exposure=ledger.bars_held / n,
        turnover=_ratio(ledger.value_traded, sums.equity_mean) / years,
        fees_paid=ledger.fees,
    )


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else NAN


def _deviation(squares: float, count: int, mean: float) -> float:
    """Return sqrt(squares / count), NaN when that is undefined and 0.0 when it is only rounding."""
    if count < 1:
        return NAN
    variance = squares / count
    return 0.0 if variance <= _ZERO_VARIANCE * mean * mean else math.sqrt(variance)


def _growth_a_year(growth: float, years: float) -> float:
    """Return growth^(1 / years) - 1; NaN below nothing, and where a short run's growth leaves the floats."""
    if growth < 0:
        return NAN
    try:
        return growth ** (1.0 / years) - 1.0
    except OverflowError:
        return NAN


def _regression(sums: Curve, n: int) -> tuple[float, float]:
    """Return (intercept per period, slope) of the least-squares line of returns on the market's."""
    if _deviation(sums.market_squares, n - 1, sums.market_mean) > 0:
        beta = sums.products / sums.market_squares
        return sums.mean - beta * sums.market_mean, beta
    return NAN, NAN
