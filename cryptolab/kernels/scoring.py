"""What a run comes to, as one record of sums: those of its equity curve against the market, and those of its trades.

Metrics are arithmetic on this record (backtesting/metrics.py), whether it was folded from the equity of each bar, as
here, or trade by trade (kernels/trades.py).

Returns are simple, one per bar, the first against the capital before the first bar. Means and squares are kept per
block of 4,096 bars and joined by Chan, Golub and LeVeque's pairwise update (1979): one pass over memory, no
cancellation, and no additions whose order the processor would choose.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cryptolab.kernels.compiler import kernel

BLOCK = 4096

SCORE = np.dtype(
    [
        ("growth", "f8"),  # equity at the last close / capital
        ("mean", "f8"),  # of the returns
        ("squares", "f8"),  # sum((r - mean)²)
        ("downside", "f8"),  # sum(min(r, 0)²)
        ("market_mean", "f8"),
        ("market_squares", "f8"),
        ("products", "f8"),  # sum((r - mean) × (b - market_mean))
        ("equity_mean", "f8"),  # over the capital and the n values of equity
        ("max_drawdown", "f8"),
        ("longest_drawdown", "i8"),  # ns
        ("n_trades", "i8"),  # closed ones
        ("n_won", "i8"),
        ("won", "f8"),  # money of the trades with a profit, net of fees
        ("lost", "f8"),  # money of those with a loss, positive
        ("pnl", "f8"),  # money of all, net of fees
        ("held", "i8"),  # ns between the bars of entry and exit, over the closed trades
        ("bars_held", "i8"),  # closes at which a position was held, the open one included
        ("value_traded", "f8"),
        ("fees", "f8"),
    ]
)


class Curve(NamedTuple):
    """Sums over the n returns r of an equity curve and b of its market."""

    mean: float
    squares: float
    """sum((r - mean)²)"""
    downside: float
    """sum(min(r, 0)²)"""
    market_mean: float
    market_squares: float
    products: float
    """sum((r - mean) * (b - market_mean))"""
    equity_mean: float
    """mean over the capital and the n values of equity"""
    max_drawdown: float
    """lowest equity / earlier peak - 1, at most 0"""
    longest_drawdown: int
    """ns from a peak to the close that reaches it again, or to the last close"""


@kernel
def change(before, after):
    """Simple return; NaN where there is nothing left to measure it against."""
    return after / before - 1.0 if before > 0.0 else np.nan


@kernel
def drawdown(capital, equity, time, interval):
    """Return (deepest drawdown, longest drawdown in ns) of a curve that begins with `capital` at time[0]."""
    peak, worst = capital, 0.0
    peak_time = time[0]
    longest = np.int64(0)
    below = False
    for t in range(equity.size):
        value = equity[t]
        if value >= peak:
            if below:
                longest = max(longest, time[t] + interval - peak_time)
                below = False
            peak, peak_time = value, time[t] + interval
        else:
            below = True
            # the product spares a division on every bar that makes no new low
            if value < peak * (1.0 + worst):
                worst = min(worst, value / peak - 1.0)
    if below:
        longest = max(longest, time[-1] + interval - peak_time)
    return worst, longest


@kernel
def curve(capital, equity, first_open, close, time, interval):
    """Return the Curve of n closes; the first return is measured from `capital` and `first_open`."""
    n = equity.size
    r, b = np.empty(BLOCK), np.empty(BLOCK)
    count = 0
    mean = squares = downside = market_mean = market_squares = products = 0.0
    total = capital
    for begin in range(0, n, BLOCK):
        size = min(BLOCK, n - begin)
        sum_r = sum_b = 0.0
        for i in range(size):
            t = begin + i
            r[i] = change(equity[t - 1] if t > 0 else capital, equity[t])
            b[i] = change(close[t - 1] if t > 0 else first_open, close[t])
            sum_r += r[i]
            sum_b += b[i]
            total += equity[t]
        mean_r, mean_b = sum_r / size, sum_b / size
        for i in range(size):
            squares += (r[i] - mean_r) ** 2
            market_squares += (b[i] - mean_b) ** 2
            products += (r[i] - mean_r) * (b[i] - mean_b)
            downside += min(r[i], 0.0) ** 2
        joint = count * size / (count + size)
        dr, db = mean_r - mean, mean_b - market_mean
        squares += dr * dr * joint
        market_squares += db * db * joint
        products += dr * db * joint
        count += size
        mean += dr * size / count
        market_mean += db * size / count
    worst, longest = drawdown(capital, equity, time, interval)
    return Curve(
        mean, squares, downside, market_mean, market_squares, products, total / (n + 1), worst, longest
    )  # fmt: skip


@kernel
def summarise(scores, row, capital, equity, fills, time, open, close, interval):
    """Write the record of a run into scores[row]: n values of equity, and its fills (records FILL)."""
    begin_trades(scores, row)
    left = count_trades(scores, row, fills, time)
    end_trades(scores, row, fills[fills.size - left :], close.size)
    summarise_curve(scores, row, capital, equity, time, open, close, interval)


@kernel
def summarise_curve(scores, row, capital, equity, time, open, close, interval):
    """Write what a record says of the n values of equity into scores[row]."""
    score = scores[row]
    sums = curve(capital, equity, open[0], close, time, interval)
    score.growth = equity[-1] / capital
    score.mean, score.squares, score.downside = sums.mean, sums.squares, sums.downside
    score.market_mean, score.market_squares, score.products = sums.market_mean, sums.market_squares, sums.products
    score.equity_mean = sums.equity_mean
    score.max_drawdown, score.longest_drawdown = sums.max_drawdown, sums.longest_drawdown


@kernel
def count_trades(scores, row, fills, time):
    """Add the closed trades of these fills to scores[row]; they begin with an entry. Returns how many fills are left:
    1 where the last is the entry of a trade that goes on, else 0."""
    score = scores[row]
    # fills alternate: an entry, then the exit that ends it
    for i in range(0, fills.size - 1, 2):
        entry, exit = fills[i], fills[i + 1]
        score.value_traded += entry.size * entry.price
        score.fees += entry.fee
        score.value_traded += exit.size * exit.price
        score.fees += exit.fee
        score.bars_held += exit.bar - entry.bar
        score.held += time[exit.bar] - time[entry.bar]
        count_trade(score, entry.side * entry.size * (exit.price - entry.price) - entry.fee - exit.fee)
    return fills.size % 2


@kernel
def end_trades(scores, row, left, n):
    """Add to scores[row] the entry of a trade that is open after n bars, if one is left (0 or 1 fills)."""
    score = scores[row]
    for i in range(left.size):
        score.value_traded += left[i].size * left[i].price
        score.fees += left[i].fee
        score.bars_held += n - left[i].bar


@kernel
def begin_trades(scores, row):
    """Set the sums over trades in scores[row] to nothing."""
    score = scores[row]
    score.n_trades = score.n_won = score.held = score.bars_held = 0
    score.won = score.lost = score.pnl = score.value_traded = score.fees = 0.0


@kernel
def count_trade(score, pnl):
    """Add one closed trade's money; one of zero profit is no win."""
    score.n_trades += 1
    score.pnl += pnl
    if pnl > 0.0:
        score.n_won += 1
        score.won += pnl
    elif pnl < 0.0:
        score.lost -= pnl


@kernel
def fold_days(capital, day_equity, out):
    """Write count, sum and sum of squares of the daily returns into out (blocks, 3).

    day_equity: equity at the last close of each UTC day with bars, the first return against `capital`. Blocks are
    consecutive days whose numbers differ by at most one, the longer ones first.
    """
    blocks = out.shape[0]
    days = day_equity.size
    size, longer = days // blocks, days % blocks
    day = 0
    before = capital
    for block in range(blocks):
        count = size + 1 if block < longer else size
        total = squares = 0.0
        for _ in range(count):
            r = change(before, day_equity[day])
            total += r
            squares += r * r
            before = day_equity[day]
            day += 1
        out[block, 0], out[block, 1], out[block, 2] = count, total, squares
