"""The numbers of a report as DataFrames; what they look like is the sheet's business, what they mean stands here."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.backtesting import BacktestEngine, BacktestResult, Costs, Metrics, Risk
from cryptolab.bars import Bars
from cryptolab.signal_generator import Signals

COMPARED = (
    "total_return", "cagr", "sharpe_ratio", "max_drawdown", "n_trades", "win_rate", "profit_factor", "fees_paid",
)  # fmt: skip
"""The metrics of the fill-sensitivity table."""


def definitions() -> dict[str, str]:
    """Return what each metric means, by name: the sentences that stand below the fields of `Metrics`.

    Written for readers of a report, to whom pandas' names say nothing. Empty where the source cannot be read.
    """
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(Metrics))).body[0].body  # type: ignore[attr-defined]
    except (OSError, TypeError):
        return {}
    found = {}
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            sentence = str(below.value.value).replace(" (Timedelta)", "").replace("NaT", "n/a").replace("NaN", "n/a")
            found[field.target.id] = sentence  # type: ignore[union-attr]
    return found


def buy_and_hold(bars: Bars, costs: Costs, capital: float) -> BacktestResult:
    """Return the run that buys with all its capital at the first possible fill and never sells.

    Same engine, commission, slippage, fill rule, lots and minimum order as the strategy; none of its stops. The wish
    to be long stands on every bar, so that a first order which cannot fill (a gap, a minimum) is tried again.
    """
    always = Signals(entries=np.ones(len(bars), bool))
    return BacktestEngine(costs=costs, risk=Risk(), initial_capital=capital).run(bars, always)


def comparison(result: BacktestResult, market: BacktestResult) -> pd.DataFrame:
    """Return every metric (rows) of the strategy and of buy-and-hold (columns), with the money at the end first."""
    columns = {
        name: {"final_equity": float(run.equity_curve.iloc[-1]), **run.metrics}
        for name, run in (("strategy", result), ("buy_and_hold", market))
    }
    return pd.DataFrame(columns, dtype=object)


def sensitivity(result: BacktestResult) -> pd.DataFrame:
    """Return the same signals under other fills and costs, one row each: `COMPARED` metrics and the difference.

    Rows: next_open, same_close, worst (fill rules, all else as configured), twice_the_costs (commission and slippage
    doubled, the configured fill rule). configured: whether the row is the run itself; difference: its total return
    less that of the run itself.
    """
    costs = result.costs
    cases = {name: replace(costs, fill=name) for name in ("next_open", "same_close", "worst")}
    commission, slippage = 2 * costs.commission, 2 * costs.slippage
    if max(commission, slippage) < 1:  # twice a commission of half the trade is no commission any more
        cases["twice_the_costs"] = replace(costs, commission=commission, slippage=slippage)
    rows = {}
    for name, case in cases.items():
        engine = BacktestEngine(costs=case, risk=result.risk, initial_capital=result.initial_capital)
        run = result if case == costs else engine.run(result.bars, result.signals)
        rows[name] = {
            "configured": name == costs.fill,
            **{metric: run[metric] for metric in COMPARED},
            "difference": run.total_return - result.total_return,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def months(result: BacktestResult) -> pd.DataFrame:
    """Return the return of each UTC month: one row per year, columns 1 to 12 and "year"; NaN where there are no rows.

    A bar belongs to the month of its open. A month's return is its last equity over that of the month before (the
    first: over the initial capital), so that all of them compound to the total return.
    """
    opens = result.bars.rows
    equity = result.equity_curve.to_numpy()[1:]
    period = pd.Series(equity).groupby([opens.year, opens.month]).last()
    before = period.shift(fill_value=result.initial_capital)
    monthly = (period / before.where(before > 0) - 1).unstack()
    yearly = pd.Series(equity).groupby(opens.year).last()
    before = yearly.shift(fill_value=result.initial_capital)
    table = monthly.reindex(columns=range(1, 13))
    table["year"] = yearly / before.where(before > 0) - 1
    table.index.name = table.columns.name = None
    return table


def drawdown(equity: np.ndarray) -> np.ndarray:
    """Return each value over the highest so far, minus 1."""
    return equity / np.maximum.accumulate(equity) - 1.0


def closed(trades: pd.DataFrame) -> pd.DataFrame:
    """Return the trades that have ended."""
    return trades[trades["exit_time"].notna()]


def growth(result: BacktestResult) -> np.ndarray:
    """Return what each trade, the open one included, multiplied the equity by: 1 + pnl / the equity at its entry.

    One position at a time: an entry begins with what the trades before it left, so the product is that of the run.
    """
    pnl = result.trades["pnl"].to_numpy(float)
    before = result.initial_capital + np.concatenate([[0.0], np.cumsum(pnl)[:-1]]) if len(pnl) else np.empty(0)
    return 1 + pnl / before


def across_gaps(result: BacktestResult) -> np.ndarray:
    """Return per trade the money that prices moved across missing bars while it was held, before costs.

    Direction × size × (first open after each hole - last close before it), summed over the holes between its bars.
    """
    bars, trades = result.bars, result.trades
    jumps = np.where(np.diff(bars.time) > bars.interval, bars.open[1:] - bars.close[:-1], 0.0)
    moved = np.concatenate([[0.0], np.cumsum(jumps)])
    begin = bars.index.get_indexer(pd.DatetimeIndex(trades["entry_time"]))
    end = bars.index.get_indexer(pd.DatetimeIndex(trades["exit_time"].fillna(bars.index[-1])))
    direction = np.where(trades["direction"] == "long", 1.0, -1.0)
    return direction * trades["size"].to_numpy(float) * (moved[end] - moved[begin])


def trade_statistics(trades: pd.DataFrame) -> pd.DataFrame:
    """Return statistics of the closed trades (rows) for all of them and, where there are shorts, each side."""
    ended = closed(trades)
    parts = {"all": ended}
    if (ended["direction"] == "short").any():
        parts |= {side: ended[ended["direction"] == side] for side in ("long", "short")}
    return pd.DataFrame({name: _statistics(part) for name, part in parts.items()}, dtype=object)


def _statistics(trades: pd.DataFrame) -> dict[str, Any]:
    """Return name -> value; shares and returns as fractions, undefined ones NaN (lengths: NaT).

    A trade of zero profit is no winner and no loser, and ends a losing streak.
    """
    won, lost = trades["pnl"] > 0, trades["pnl"] < 0
    returns = trades["return"]
    held = trades["exit_time"] - trades["entry_time"]
    n = len(trades)
    return {
        "closed_trades": n,
        "winners": int(won.sum()),
        "losers": int(lost.sum()),
        "win_rate": float(won.mean()) if n else math.nan,
        "mean_return": float(returns.mean()),
        "median_return": float(returns.median()),
        "mean_winner": float(returns[won].mean()),
        "mean_loser": float(returns[lost].mean()),
        "best_trade": float(returns.max()),
        "worst_trade": float(returns.min()),
        "longest_losing_streak": _longest_run(lost.to_numpy()),
        "mean_time_held": held.mean(),
        "shortest_time_held": held.min(),
        "longest_time_held": held.max(),
        "across_a_gap": int(trades["spans_gap"].sum()),
        "ambiguous_exits": float(trades["ambiguous"].mean()) if n else math.nan,
        "profit": float(trades["pnl"].sum()),
    }


def _longest_run(flags: np.ndarray) -> int:
    """Return the length of the longest stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def by_reason(trades: pd.DataFrame) -> pd.DataFrame:
    """Return count, share, win_rate, mean_return and profit of the closed trades per reason, commonest first."""
    ended = closed(trades)
    groups = ended.assign(won=ended["pnl"] > 0).groupby("exit_reason")
    table = pd.DataFrame(
        {
            "count": groups.size(),
            "share": groups.size() / max(1, len(ended)),
            "win_rate": groups["won"].mean(),
            "mean_return": groups["return"].mean(),
            "profit": groups["pnl"].sum(),
        }
    )
    return table.sort_values("count", ascending=False, kind="stable")


def distribution(returns: np.ndarray, bins: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Return (edges, counts) of trade returns in about `bins` equal steps.

    0 is an edge, so that no step mixes wins and losses. A return of exactly 0 counts in the step above it.
    """
    low, high = min(0.0, float(returns.min())), max(0.0, float(returns.max()))
    rough = max(high - low, 1e-6) / bins
    power = 10.0 ** math.floor(math.log10(rough))
    width = next(power * step for step in (1, 2, 5, 10) if power * step >= rough)
    first, last = math.floor(low / width), max(math.ceil(high / width), math.floor(high / width) + 1)
    edges = np.arange(first, last + 1) * width
    return edges, np.histogram(returns, edges)[0]
