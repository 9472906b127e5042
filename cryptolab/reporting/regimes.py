"""Market regimes: which way and how wildly prices moved, as it was known at the time, and what a run made in each.

Two values per bar, known at its close, over the last 30 days of bars (and never fewer than 20 bars):

- trend: log(close / close then), in units of its volatility, sqrt(sum of the squared log returns between them);
- volatility: the root of the mean squared log return, a year.

Each is compared with its own past: with the terciles of what it was at the ends of the UTC days before the bar's, the
last 365 of them with bars, and at least 60. No later bar plays a part: a regime is known while it lasts, and the nine
have no equal shares of the time. Before that, and where prices do not move at all, it is unknown.

What a bar brought is put down to the regime known at the close BEFORE it, and a trade to that of the bar it was
entered on: a rule that trades by regime could have done no better.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from cryptolab.backtesting import BacktestResult
from cryptolab.backtesting.metrics import sharpe_of
from cryptolab.bars import DAY, Bars
from cryptolab.reporting.tables import closed, drawdown

TRENDS = ("falling", "sideways", "rising")
VOLATILITIES = ("calm", "usual", "wild")
ALL, UNKNOWN = "all", "unknown"

WINDOW, FEWEST = 30, 20
"""Days that trend and volatility look back, and bars that they do at least."""
YEAR, HISTORY = 365, 60
"""Days that a value is compared with, at most and at least."""
_NOT_KNOWN = -1


class Regimes(NamedTuple):
    """One value per bar, known at its close."""

    trend: np.ndarray
    """int8: place in TRENDS, -1 where unknown"""
    volatility: np.ndarray
    """int8: place in VOLATILITIES, -1 where unknown"""
    strength: np.ndarray
    """what trend was judged by: the log return over the window in units of its volatility; NaN where unknown"""
    realised: np.ndarray
    """what volatility was judged by: a year, as a fraction; NaN where unknown"""


def regimes_of(bars: Bars) -> Regimes:
    """Return the regimes of these bars; nothing in a row changes with later bars."""
    strength, realised = _moves(bars)
    return Regimes(_terciles(strength, bars), _terciles(realised, bars), strength, realised)


def window_of(bars: Bars) -> int:
    """Return how many bars trend and volatility look back."""
    return max(FEWEST, round(WINDOW * DAY / bars.interval))


def _moves(bars: Bars) -> tuple[np.ndarray, np.ndarray]:
    """Return (strength, realised) per bar; NaN before the first full window."""
    n, level = window_of(bars), np.log(bars.close)
    strength, realised = np.full(len(bars), np.nan), np.full(len(bars), np.nan)
    if len(bars) > n:
        squares = np.concatenate([[0.0], np.cumsum(np.diff(level) ** 2)])
        spread = np.sqrt(squares[n:] - squares[:-n])
        realised[n:] = spread * math.sqrt(bars.periods_per_year / n)
        strength[n:] = np.divide(level[n:] - level[:-n], spread, where=spread > 0, out=np.full(len(spread), np.nan))
    return strength, realised


def _terciles(values: np.ndarray, bars: Bars) -> np.ndarray:
    """Return in which third of its own past each value lies: 0, 1, 2, or -1 where that is unknown."""
    day = bars.time // DAY
    last = np.append(np.flatnonzero(np.diff(day)), len(day) - 1)
    number = np.concatenate([[0], np.cumsum(np.diff(day) > 0)])
    past = pd.Series(values[last]).rolling(YEAR, HISTORY)
    low, high = (past.quantile(share).shift().to_numpy()[number] for share in (1 / 3, 2 / 3))
    place = (values > low).astype(np.int8) + (values > high)
    return np.where(np.isnan(values) | np.isnan(high), _NOT_KNOWN, place).astype(np.int8)


def by_regime(result: BacktestResult, regimes: Regimes | None = None) -> pd.DataFrame:
    """Return what a run made in each regime: one row per (trend, volatility), "all" for a margin, then "unknown".

    bars, share: of the bars. total_return, market_return: of the run and of the price, the cell's bars chained; those
    of the nine cells and of "unknown" compound to the whole. sharpe_ratio: over the cell's bars. deepest_fall: return
    of the cell's bars between peak and trough of the maximum drawdown, which these compound to. exposure: share of the
    cell's bars at whose close a position is held. n_trades, win_rate: closed trades entered there. What is undefined,
    as in a cell without bars, is NaN.
    """
    found = regimes_of(result.bars) if regimes is None else regimes
    known = (found.trend != _NOT_KNOWN) & (found.volatility != _NOT_KNOWN)
    before = np.where(known, found.trend * len(VOLATILITIES) + found.volatility, _NOT_KNOWN)
    cell = np.concatenate([[_NOT_KNOWN], before[:-1]])  # what was known when each bar began
    columns = _per_bar(result)
    ended = closed(result.trades)
    entered = cell[result.orders["bar"].to_numpy()[0::2][: len(ended)]]
    won = ended["pnl"].to_numpy() > 0
    year = result.bars.periods_per_year
    rows = {}
    for label, cells in _cells().items():
        inside, trades = np.isin(cell, cells), won[np.isin(entered, cells)]
        part = {name: values[inside] for name, values in columns.items()}
        count = int(inside.sum())
        rows[label] = {
            "bars": count,
            "share": count / len(cell),
            "total_return": _chained(part["moves"]),
            "market_return": _chained(part["market"]),
            "sharpe_ratio": sharpe_of(part["moves"], year),
            "deepest_fall": _chained(part["falling"]),
            "exposure": float(part["held"].mean()) if count else math.nan,
            "n_trades": len(trades),
            "win_rate": float(trades.mean()) if len(trades) else math.nan,
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.set_axis(pd.MultiIndex.from_tuples(list(rows), names=["trend", "volatility"]))


def _cells() -> dict[tuple[str, str], list[int]]:
    """Return each row of the table with the cells it covers: all, the margins, the nine, unknown."""
    wide = len(VOLATILITIES)
    nine = {(t, v): [i * wide + j] for i, t in enumerate(TRENDS) for j, v in enumerate(VOLATILITIES)}
    trends = {(t, ALL): [i * wide + j for j in range(wide)] for i, t in enumerate(TRENDS)}
    others = {(ALL, v): [i * wide + j for i in range(len(TRENDS))] for j, v in enumerate(VOLATILITIES)}
    whole = [_NOT_KNOWN, *range(len(nine))]
    return {(ALL, ALL): whole, **trends, **others, **nine, (UNKNOWN, UNKNOWN): [_NOT_KNOWN]}


def _per_bar(result: BacktestResult) -> dict[str, np.ndarray]:
    """Return per bar: the run's and the price's return, the run's in its deepest fall (else 0), and what is held."""
    bars = result.bars
    equity = np.concatenate([[result.initial_capital], result.equity_curve.to_numpy()[1:][_real(bars)]])
    price = np.concatenate([bars.open[:1], bars.close])
    moves = np.divide(equity[1:], equity[:-1], where=equity[:-1] > 0, out=np.full(len(bars), np.nan)) - 1.0
    falls = drawdown(equity)
    trough = int(falls.argmin())
    peak = trough - int(equity[trough::-1].argmax())
    inside = (np.arange(len(bars)) >= peak) & (np.arange(len(bars)) < trough)
    fills = result.orders["bar"].to_numpy()
    steps = np.bincount(fills[0::2], minlength=len(bars)) - np.bincount(fills[1::2], minlength=len(bars))
    held = np.cumsum(steps) > 0
    return {"moves": moves, "market": price[1:] / price[:-1] - 1.0, "falling": moves * inside, "held": held}


def _real(bars: Bars) -> slice | np.ndarray:
    """Return which of the frame's rows are bars."""
    return slice(None) if bars.where is None else bars.where


def _chained(moves: np.ndarray) -> float:
    """Return what simple returns compound to, those after everything was lost (NaN) left out; NaN without any."""
    return float(np.nanprod(1.0 + moves)) - 1.0 if len(moves) else math.nan
