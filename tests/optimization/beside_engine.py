"""A sweep's numbers beside the engine's: one run scored both ways, and what has to be equal.

`scored` gives what a sweep keeps of a run and which way it went; `differences` holds it against a BacktestResult, whose
daily returns are taken from its equity curve by pandas, not by the kernels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pandas as pd

from cryptolab.backtesting import BacktestEngine, BacktestResult, Costs, Risk, scoring
from cryptolab.backtesting.metrics import Metrics, metrics_of
from cryptolab.backtesting.scoring import Scorer
from cryptolab.bars import Bars
from cryptolab.kernels import fills
from cryptolab.kernels.scoring import SCORE
from cryptolab.signal_generator import Signals

BY_TRADES, REFUSED, BY_BARS = "by trades", "refused", "by bars"
"""How a run was scored: by trades; bar by bar because kernels.trades could not hold its digits; bar by bar at once."""

LENGTHS_OF_TIME = ("longest_drawdown", "average_holding_time")


class Run(NamedTuple):
    """What is backtested on some bars."""

    signals: Signals
    costs: Costs = Costs()
    risk: Risk = Risk()


class Scored(NamedTuple):
    """What a sweep keeps of one run."""

    metrics: dict[str, Any]
    days: np.ndarray
    """(blocks, 3)"""
    way: str


def scored(bars: Bars, runs: Sequence[Run], capital: float = 10_000.0, blocks: int = 4) -> list[Scored]:
    """Score runs with one Scorer. The tables are full of rubbish before: every field has to be written, and no other
    row."""
    count = len(runs)
    scores, days = np.full(count + 2, -7, SCORE), np.full((count + 2, blocks, 3), -7.0)
    scorer = Scorer(bars, capital, blocks)
    ways = []
    for row, run in enumerate(runs, 1):
        with mock.patch.object(scoring.fills, "advance", side_effect=fills.advance) as simulate:
            scorer.score(run.signals, run.costs, run.risk, scores, days, row)
        ways.append(BY_TRADES if not simulate.called else REFUSED if known_by_trades(run) else BY_BARS)
    assert (scores[[0, -1]] == np.full(2, -7, SCORE)).all()
    assert (days[[0, -1]] == -7.0).all()
    columns = metrics_of(scores[1:-1], bars)
    metrics = [{name: values[row] for name, values in columns.items()} for row in range(count)]
    return [Scored(*parts) for parts in zip(metrics, days[1:-1], ways, strict=True)]


def known_by_trades(run: Run) -> bool:
    """Whether the account is of the kind that kernels.trades is for: longs alone, all in, at the next bar."""
    costs, risk = run.costs, run.risk
    return (
        costs.fill != "same_close"
        and costs.lot_step == 0.0
        and risk.max_position_size * (1.0 + costs.commission) >= 1.0
        and risk.trailing_stop is None
        and risk.max_daily_loss is None
        and not (risk.allow_short and run.signals.any_short)
    )


def engine_run(bars: Bars, run: Run, capital: float = 10_000.0) -> BacktestResult:
    """Backtest the same."""
    return BacktestEngine(costs=run.costs, risk=run.risk, initial_capital=capital).run(bars, run.signals)


def assert_equal(bars: Bars, runs: Sequence[Run], capital: float = 10_000.0, blocks: int = 4) -> list[str]:
    """Score the runs together and hold each to the engine; return the ways they went."""
    found = scored(bars, runs, capital, blocks)
    for run, ours in zip(runs, found, strict=True):
        differing = differences(ours, engine_run(bars, run, capital))
        assert not differing, f"{ours.way}, {run.costs}, {run.risk}: " + "; ".join(differing)
    return [ours.way for ours in found]


def daily_sums(result: BacktestResult, blocks: int) -> np.ndarray:
    """Count, sum and sum of squares of the daily returns per block (blocks, 3), from the equity curve alone.

    A day's return is measured at the last close of the bars that opened in the UTC day, the first one's against the
    capital; blocks are those of `numpy.array_split`.
    """
    curve = result.equity_curve
    opens = curve.index[1:] - pd.Timedelta(result.bars.interval)
    equity = pd.Series(curve.to_numpy()[1:], opens)[opens.isin(result.bars.index)]
    closes = equity.groupby(equity.index.floor("D")).last()
    before = closes.shift(fill_value=curve.iloc[0])
    returns = (closes / before.where(before > 0) - 1).to_numpy()
    parts = np.array_split(returns, blocks)
    return np.array([[len(part), part.sum(), (part**2).sum()] for part in parts])


def near(ours: float, theirs: float, scale: float = 0.0) -> bool:
    """Whether |a - b| <= 1e-9 x max(1, |b|), or both are NaN; a difference of amounts of size `scale` has their
    rounding too. An infinity is no metric, so that it is near nothing, itself included."""
    if math.isnan(theirs) or math.isnan(ours):
        return math.isnan(theirs) and math.isnan(ours)
    if math.isinf(theirs) or math.isinf(ours):
        return False
    return abs(ours - theirs) <= 1e-9 * max(1.0, abs(theirs)) + 1e-13 * scale


def differences(ours: Scored, result: BacktestResult, without: frozenset[str] = frozenset()) -> list[str]:
    """Return a line for each number that differs: the metrics but those named, and the sums of daily returns."""
    found = []
    for name in Metrics._fields:
        a, b = ours.metrics[name], result[name]
        if name in LENGTHS_OF_TIME:
            same = (pd.isna(a) and pd.isna(b)) or pd.Timedelta(a) == b
        else:
            same = near(float(a), float(b), scale=_scale(result, name))
        if not same and name not in without:
            found.append(f"{name}: {a!r} is not the engine's {b!r}")
    expected = daily_sums(result, len(ours.days))
    if not np.allclose(ours.days, expected, rtol=1e-9, atol=1e-9, equal_nan=True):
        found.append(f"daily returns: {ours.days.tolist()} are not {expected.tolist()}")
    return found


def _scale(result: BacktestResult, name: str) -> float:
    """Return the size of the amounts that a metric is the difference of, 0 for those that are none.

    alpha is what is left of a year's mean return without the market's: on minutes, of half a million returns each, one
    of them times beta, which is a quotient of such sums.
    expectancy is what is left of the profits without the losses, each a difference of values traded.
    """
    if name == "alpha":
        equity = result.equity_curve.to_numpy()
        with np.errstate(all="ignore"):
            mean = np.nanmean(equity[1:] / equity[:-1] - 1.0)
        return 10 * abs(mean * result.bars.periods_per_year) if np.isfinite(mean) else 0.0
    if name == "expectancy" and result.n_trades:
        return float((result.orders["size"] * result.orders["price"]).sum() / result.n_trades)
    return 0.0
