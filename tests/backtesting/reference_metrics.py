"""The metrics of a reference run, each from its definition, in plain Python. The rules' sentences are quoted."""

from __future__ import annotations

import math
from itertools import pairwise

from .reference import DAY, NAN, Bar, Run

YEAR = 365 * DAY


def metrics(run: Run, bars: list[Bar], interval: int) -> dict[str, float]:
    """Every metric of a run from its definition. Times (average_holding_time, longest_drawdown) are in ns.

    "What is undefined is NaN: never 0, never infinity."
    """
    equity = run.equity
    returns = simple_returns(equity)
    periods = YEAR / interval
    years = (bars[-1].time + interval - bars[0].time) / YEAR
    closed = [trade for trade in run.trades if trade.exit_bar is not None]
    out = {"total_return": equity[-1] / equity[0] - 1, "n_trades": len(closed)}
    out["cagr"] = growth_per_year(equity[-1] / equity[0], years)
    mean, deviation = mean_and_deviation(returns)
    out["volatility"] = deviation * math.sqrt(periods)
    # "Sharpe = mean / std(ddof=1) x sqrt(periods a year)"
    out["sharpe_ratio"] = ratio(mean, deviation) * math.sqrt(periods)
    # "Sortino = mean / sqrt(sum(min(r, 0)^2) / N) x sqrt(periods a year)"
    downside = math.sqrt(sum(min(r, 0.0) ** 2 for r in returns) / len(returns))
    out["sortino_ratio"] = ratio(mean, downside) * math.sqrt(periods)
    out["max_drawdown"] = deepest_drawdown(equity)
    # "Calmar = CAGR / |max drawdown|"
    out["calmar_ratio"] = ratio(out["cagr"], abs(out["max_drawdown"]))
    out["alpha"], out["beta"] = alpha_beta(returns, bars, periods)
    # "win rate and profit factor over closed trades, in money"; "a trade of zero profit is no win"
    out["win_rate"] = ratio(sum(trade.pnl > 0 for trade in closed), len(closed))
    won = sum(trade.pnl for trade in closed if trade.pnl > 0)
    lost = sum(-trade.pnl for trade in closed if trade.pnl < 0)
    out["profit_factor"] = ratio(won, lost)
    out["expectancy"] = ratio(sum(trade.pnl for trade in closed), len(closed))
    out["average_holding_time"] = ratio(
        sum(bars[trade.exit_bar].time - bars[trade.entry_bar].time for trade in closed), len(closed)
    )
    out["longest_drawdown"] = longest_drawdown(equity, bars, interval)
    out["exposure"] = sum(run.held) / len(bars)
    traded = sum(abs(order.size * order.price) for order in run.orders)
    out["turnover"] = traded / (sum(equity) / len(equity)) / years
    out["fees_paid"] = sum(order.fee for order in run.orders)
    return out


def ratio(a: float, b: float) -> float:
    """Return a / b, NaN where b is 0 or unknown, and where the figure would be infinite."""
    if b == 0 or math.isnan(b):
        return NAN
    return a / b if math.isfinite(a / b) else NAN


def simple_returns(values: list[float]) -> list[float]:
    """ "Simple returns, one per bar, the first against the initial capital: a first-bar loss counts." """
    return [after / before - 1 if before > 0 else NAN for before, after in pairwise(values)]


def mean_and_deviation(values: list[float]) -> tuple[float, float]:
    """Mean and standard deviation (ddof 1); "a variance below 1e-14 x mean^2 counts as zero"."""
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, NAN
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, 0.0 if variance < 1e-14 * mean**2 else math.sqrt(variance)


def growth_per_year(growth: float, years: float) -> float:
    """CAGR by calendar time; NaN below a growth of 0 and where the figure would be infinite."""
    if growth < 0:
        return NAN
    try:
        return growth ** (1 / years) - 1
    except OverflowError:
        return NAN


def deepest_drawdown(equity: list[float]) -> float:
    """The lowest equity against the peak before it, as a fraction below 0; the initial capital is a peak too."""
    peak, deepest = equity[0], 0.0
    for value in equity:
        peak = max(peak, value)
        deepest = min(deepest, value / peak - 1)
    return deepest


def longest_drawdown(equity: list[float], bars: list[Bar], interval: int) -> float:
    """The longest time from a peak until it is reached again, or until the end; 0 if equity never falls below one."""
    stamps = [bars[0].time] + [bar.time + interval for bar in bars]
    peak, since, below, longest = equity[0], stamps[0], False, 0
    for value, stamp in zip(equity, stamps, strict=True):
        if value >= peak:
            if below:
                longest = max(longest, stamp - since)
            peak, since, below = value, stamp, False
        else:
            below = True
            longest = max(longest, stamp - since)
    return longest


def alpha_beta(returns: list[float], bars: list[Bar], periods: float) -> tuple[float, float]:
    """Least squares of the strategy's returns on buy-and-hold's ("the first against the first OPEN")."""
    market = simple_returns([bars[0].open] + [bar.close for bar in bars])
    mean_market, deviation = mean_and_deviation(market)
    if math.isnan(deviation) or deviation == 0:
        return NAN, NAN
    mean = math.fsum(returns) / len(returns)
    shared = math.fsum((x - mean_market) * (y - mean) for x, y in zip(market, returns, strict=True))
    beta = shared / math.fsum((x - mean_market) ** 2 for x in market)
    return (mean - beta * mean_market) * periods, beta
