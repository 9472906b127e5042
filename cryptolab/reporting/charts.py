"""What the figures of a study are given: thinned lines, candles few enough to draw, stretches worth a closer look."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cryptolab.backtesting import BacktestResult
from cryptolab.bars import TIMEFRAMES, Bars
from cryptolab.errors import DataError
from cryptolab.figures.study import Drawing, Line, Stretch, candles, distribution, equity, with_scales
from cryptolab.reporting import tables
from cryptolab.reporting.thinning import thin
from cryptolab.reporting.wording import moment, money, percent, price, quote

OVERVIEW, CLOSE_UP = 1500, 500
"""The most candles of the overview and of a close-up."""
MARKED = 1500
"""The most trades marked on the overview; of more, those of the largest returns either way, not of the largest
amounts: while an account grows or decays, these all lie at one of its ends."""
LOG_FROM = 5.0
"""A curve whose highest value is this many times its lowest starts on a log axis."""


def equity_drawing(result: BacktestResult, market: BacktestResult, name: str, mark: str) -> Drawing:
    """Return equity and drawdown of both runs, thinned."""
    lines = [_line(name, result), _line("buy-and-hold", market)]
    return equity(lines, any(wide(line.values) for line in lines), mark, quote(result.bars.symbol))


def _line(name: str, run: BacktestResult) -> Line:
    curve = run.equity_curve
    values = curve.to_numpy()
    fall = tables.drawdown(values)
    kept, low = thin(values), thin(fall)
    assert isinstance(curve.index, pd.DatetimeIndex)
    return Line(name, curve.index[kept], values[kept], curve.index[low], fall[low])


def wide(values: np.ndarray) -> bool:
    return bool(values.min() > 0 and values.max() / values.min() >= LOG_FROM)


def coarser(bars: Bars, limit: int) -> Bars:
    """Return the bars of the finest timeframe that has at most `limit` of them (of the coarsest, where none has)."""
    if len(bars) <= limit:
        return bars
    length = int(bars.time[-1] - bars.time[0]) + bars.interval
    fitting = [name for name, interval in TIMEFRAMES.items() if interval % bars.interval == 0]
    for name in fitting:
        if length / TIMEFRAMES[name] <= limit:
            try:
                return bars.resample(name)
            except DataError:  # no whole period inside: a stretch of a few weeks has no whole week
                return bars
    return bars.resample(fitting[-1])


def overview(result: BacktestResult, mark: str) -> tuple[Drawing, str]:
    """Return candles of the whole history with the trades, and what was done to make them few."""
    bars = coarser(result.bars, OVERVIEW)
    trades = result.trades
    notes = []
    if bars.timeframe != result.bars.timeframe:
        notes.append(f"Candles of {bars.timeframe}, whole periods only, made from the bars of {result.bars.timeframe}.")
    if len(trades) > MARKED:
        notes.append(f"Marked are the {MARKED:,} of {len(trades):,} trades of the largest gain or loss in per cent.")
        trades = trades.loc[trades["return"].abs().nlargest(MARKED).index].sort_index()
    drawing = candles([Stretch("all", bars, said(trades, quote(bars.symbol)))], mark, 9 if len(trades) < 60 else 6)
    return with_scales(drawing, wide(bars.close)), " ".join(notes)


def close_ups(result: BacktestResult, mark: str) -> Drawing:
    """Return the latest bars, and the best, the worst and the longest trade, on bars as fine as can be drawn."""
    trades, last = result.trades, len(result.bars)
    ended = tables.closed(trades)
    recent = result.bars.index.searchsorted(trades["entry_time"].iloc[-3:].min()) if len(trades) else last
    stretches = [_stretch(result, "latest bars", min(last - 300, int(recent) - 30), last)]
    if len(ended):
        rows = {
            "best trade": ended["return"].idxmax(),
            "worst trade": ended["return"].idxmin(),
            "longest trade": (ended["exit_time"] - ended["entry_time"]).idxmax(),
        }
        ends = ("entry_time", "exit_time")
        for label, row in rows.items():
            begin, end = result.bars.index.get_indexer(pd.DatetimeIndex([ended.at[row, name] for name in ends]))
            margin = max(30, int(end - begin) // 3)
            stretches.append(_stretch(result, label, int(begin) - margin, int(end) + margin))
    return candles(stretches, mark)


def _stretch(result: BacktestResult, label: str, begin: int, end: int) -> Stretch:
    bars = result.bars[max(0, begin) : max(1, end)]
    trades = result.trades
    inside = trades[
        (trades["entry_time"] <= bars.index[-1]) & ~(trades["exit_time"] < bars.index[0])  # NaT: still open
    ]
    return Stretch(label, coarser(bars, CLOSE_UP), said(inside, quote(bars.symbol)))


def said(trades: pd.DataFrame, unit: str = "") -> pd.DataFrame:
    """Return the trades with a column `said`: each in words, for the pointer. unit: the currency of its profit."""
    words = []
    for trade in trades.to_dict("records"):
        entry = f"{trade['direction']} at {price(trade['entry_price'])}, {moment(trade['entry_time'])}"
        if pd.isna(trade["exit_time"]):
            words.append(f"{entry}; still open, {percent(trade['return'], 2)} so far")
            continue
        reason = trade["exit_reason"].replace("_", " ")
        leave = f"out at {price(trade['exit_price'])}, {moment(trade['exit_time'])} ({reason})"
        gap = "; spans missing bars" if trade["spans_gap"] else ""
        words.append(f"{entry}; {leave}: {percent(trade['return'], 2)}, {money(trade['pnl'], unit)}{gap}")
    return trades.assign(said=words)


def returns_drawing(result: BacktestResult, mark: str) -> Drawing | None:
    """Return the distribution of the closed trades' returns, None without any."""
    returns = tables.closed(result.trades)["return"].to_numpy()
    if not len(returns):
        return None
    average = float(returns.mean())
    return distribution(*tables.distribution(returns), (average, f"mean {percent(average, 2)}"), mark)
