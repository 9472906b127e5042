"""A run folded trade by trade: the record of sums of `scoring.summarise` without an equity for each bar.

For one kind of account only, which most sweeps have: longs alone, all of the cash in each (so that between two fills
equity is proportional to the close), filled at the next bar, with or without a fixed stop and target. Fill prices,
sizes, levels and touches come from the functions of kernels/fills.py; what an order or a flag leads to is docs/fills.md
again, stated once more because here no bar is visited where nothing happens. tests/optimization hold the two equal.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cryptolab.kernels.compiler import kernel
from cryptolab.kernels.falls import DIPS, Falls, deepest, fall, ride, set_aside
from cryptolab.kernels.fills import entry_size, levels, market, slipped, watch
from cryptolab.kernels.prefetch import prefetch
from cryptolab.kernels.scoring import change, fold_days
from cryptolab.kernels.terrain import SMALL, extremes, first_touch
from cryptolab.kernels.turns import turns_of_condition, turns_of_flags

ROUNDING = 1e-2
"""Where the variance is a smaller share than this of the mean square, sums of r and r² do not hold its last digits."""
FALLEN = 1e-4
"""Share of the money put in below which the rounding of the cash beside a position is no longer small beside it."""
FADED, SWOLLEN = 1e-200, 1e200
"""Money below and above which products leave the range of doubles."""
AHEAD = 10
"""Trades by which memory is asked for early."""


class Room(NamedTuple):
    """Arrays that one thread works in: up to k runs on the same bars."""

    entries: np.ndarray
    """(k, words) bits of the entry flags, see kernels/turns.py; or of the condition that a run follows"""
    exits: np.ndarray
    """(k, words) bits of the exit flags"""
    follows: np.ndarray
    """(k) whether a run follows a condition"""
    rules: np.ndarray
    """(k) RULES"""
    rows: np.ndarray
    """(k) where their scores go"""
    done: np.ndarray
    """(k) whether they could be folded"""
    enter: np.ndarray
    """(n + 1) int32, bars of the entries of the run at hand"""
    leave: np.ndarray
    """(n + 1) int32, of its exits"""
    day_equity: np.ndarray
    dips: np.ndarray
    """(DIPS) records DIP"""


class Sums(NamedTuple):
    """Over the bars so far: of the returns r, r², min(r, 0)², r × the market's, and of equity, the capital included."""

    returns: float
    squares: float
    downside: float
    products: float
    equity: float


class Tally(NamedTuple):
    """Over the trades so far, as in SCORE."""

    n_trades: int
    n_won: int
    won: float
    lost: float
    pnl: float
    held: int
    bars_held: int
    value_traded: float
    fees: float


@kernel
def one_bar(sums, before, equity, market_return):
    """Return the Sums after a bar that took the money from `before` to `equity`."""
    r = change(before, equity)
    return Sums(
        sums.returns + r, sums.squares + r * r, sums.downside + min(r, 0.0) ** 2, sums.products + r * market_return,
        sums.equity + equity,
    )  # fmt: skip


@kernel
def between(total, rest, total_before, rest_before):
    """Return a sum over a stretch: a difference of totals, and of what each of them lacks."""
    return (total - total_before) + (rest - rest_before)


@kernel
def many_bars(sums, before, last, count, rest, size):
    """Return the Sums after `count` bars of a position: its returns are the market's. before, last: the PLACE of the
    bar before them and of the last of them."""
    squares = between(last.squares, last.squares_rest, before.squares, before.squares_rest)
    closes = between(last.closes, last.closes_rest, before.closes, before.closes_rest)
    return Sums(
        sums.returns + between(last.returns, last.returns_rest, before.returns, before.returns_rest),
        sums.squares + squares,
        sums.downside + between(last.downside, last.downside_rest, before.downside, before.downside_rest),
        sums.products + squares,
        sums.equity + rest * count + size * closes,
    )


@kernel
def days_until(day, end, days, close, rest, size, day_equity):
    """Write the equity rest + size × close of the days that end before the bar `end`; return the day after them."""
    while day < days.size and days[day] < end:
        day_equity[day] = rest + size * close[days[day]]
        day += 1
    return day


@kernel
def one_trade(tally, profit, held, traded, fees):
    """Return the Tally after one more closed trade; bars_held is counted apart, open trades have them too."""
    return Tally(
        tally.n_trades + 1, tally.n_won + (profit > 0.0), tally.won + max(profit, 0.0), tally.lost - min(profit, 0.0),
        tally.pnl + profit, tally.held + held, tally.bars_held, tally.value_traded + traded, tally.fees + fees,
    )  # fmt: skip


@kernel
def visit(score, out, capital, record, bars, ground, moves, enter, leave, room):
    """Fold a run into its record SCORE and its daily returns into out (blocks, 3). Returns whether it could be done.

    record: 1 record RULES. bars: Columns. ground: Terrain. moves: mean and squares of the closes' returns. enter,
    leave: bars of the flags, as kernels/turns.py gives them. room: what this thread works in.
    """
    rules = record[0]
    # taken out of their records here: each look into one inside the loop counts references
    time, highs, lows, close = bars.time, bars.high, bars.low, bars.close
    places, days, small, wide = ground.places, ground.days, ground.small, ground.wide
    small_reach, wide_reach = ground.small_reach, ground.wide_reach
    day_equity, dips = room.day_equity, room.dips
    n, interval = close.size, rules.interval
    watched = rules.stop_loss + rules.stop_atr + rules.take_profit + rules.target_atr > 0.0
    in_atr = rules.stop_atr + rules.target_atr > 0.0
    falls = Falls(capital, time[0], False, 0.0, 0)
    sums = Sums(0.0, 0.0, 0.0, 0.0, capital)
    tally = Tally(0, 0, 0.0, 0.0, 0.0, 0, 0, 0.0, 0.0)
    cash = capital
    done = day = after = waiting = 0  # bars and days that are accounted for; exits passed; dips set aside
    for i in range(enter.size):
        signal = enter[i]
        entry = signal + 1
        if i + AHEAD < enter.size:
            prefetch(places, enter[i + AHEAD] + 1)
            if after + AHEAD < leave.size:
                prefetch(places, leave[after + AHEAD])
                prefetch(places, leave[after + AHEAD] + 1)
        if signal < done - 1:
            continue  # raised while a position was held
        if entry == n:
            break
        atr = bars.atr[signal] if in_atr else np.nan
        if (in_atr and np.isnan(atr)) or places[entry].time - (places[signal].time + interval) > rules.patience:
            continue
        here = places[entry]
        price = slipped(market(rules.mode, 1, here.open, here.high, here.low), 1, rules.slippage)
        size = entry_size(cash, 1, price, rules)
        if size == 0.0:
            continue
        fee = rules.commission * price * size
        before, rest = cash, max(cash - (size * price + fee), 0.0)

        # where the position ends: at the open after the first exit flag, or inside a bar up to there
        while after < leave.size and leave[after] < entry:
            after += 1
        exit, inside = min((leave[after] if after < leave.size else n) + 1, n), False
        stop, target = levels(rules, 1, price, atr)
        if watched:
            touched = first_touch(lows, highs, small_reach, wide_reach, entry, exit, stop, target)
            if touched < exit:
                exit, inside = touched, True

        # the bars without a position before it
        sums = Sums(sums.returns, sums.squares, sums.downside, sums.products, sums.equity + cash * (entry - done))
        day = days_until(day, entry, days, close, cash, 0.0, day_equity)
        if entry > done and cash >= falls.peak:
            falls = fall(falls, cash, places[signal].time + interval)

        # the closes at which it is held; the first one's return is the fill's, the others are the market's
        low = high = 0.0
        if exit > entry:
            if exit - entry <= SMALL:
                low, high = here.lowest, here.highest  # of 64 bars: beyond these at most
            else:
                low, high = extremes(places, small, wide, entry, exit)
            if size * low < FALLEN * before:
                return False
            sums = one_bar(sums, before, rest + size * here.close, here.change)
            sums = many_bars(sums, here, places[exit - 1], exit - entry - 1, rest, size)
            day = days_until(day, exit, days, close, rest, size, day_equity)
            before = rest + size * places[exit - 1].close
        tally = Tally(*tally[:6], tally.bars_held + exit - entry, *tally[7:])
        cash, outcome = before, np.inf

        # the bar of the exit
        if exit < n:
            there = places[exit]
            hit, level = 0, market(rules.mode, -1, there.open, there.high, there.low)
            if inside:
                hit, level, _ = watch(1, there.open, there.high, there.low, stop, target)
            paid = level if hit > 0 else slipped(level, -1, rules.slippage)
            exit_fee = rules.commission * paid * size
            cash = outcome = rest + (size * paid - exit_fee)
            if cash < FADED or cash > SWOLLEN:
                return False
            sums = one_bar(sums, before, cash, there.change)
            day = days_until(day, exit + 1, days, close, cash, 0.0, day_equity)
            profit = size * (paid - price) - fee - exit_fee
            tally = one_trade(tally, profit, there.time - here.time, size * (price + paid), fee + exit_fee)
        else:
            tally = Tally(*tally[:7], tally.value_traded + size * price, tally.fees + fee)

        # the fall from the peak
        if rest + size * high < falls.peak and cash < falls.peak:
            if waiting == DIPS:
                worst = deepest(falls.worst, dips, waiting, close)
                falls = Falls(falls.peak, falls.peak_time, True, worst, falls.longest)
                waiting = 0
            set_aside(dips[waiting], falls, (rest, size, low), (entry, exit), outcome)
            waiting += 1
            falls = Falls(falls.peak, falls.peak_time, True, falls.worst, falls.longest)
        else:
            falls = ride(falls, rest, size, time, close, ground, interval, entry, exit)
            if exit < n:
                falls = fall(falls, cash, there.time + interval)
        done = min(exit + 1, n)
        if done == n:
            break

    # the bars without a position after the last
    sums = Sums(sums.returns, sums.squares, sums.downside, sums.products, sums.equity + cash * (n - done))
    days_until(day, n, days, close, cash, 0.0, day_equity)
    if done < n and cash >= falls.peak:
        falls = fall(falls, cash, time[n - 1] + interval)
    worst = deepest(falls.worst, dips, waiting, close)
    longest = max(falls.longest, time[n - 1] + interval - falls.peak_time) if falls.below else falls.longest
    fold_days(capital, day_equity, out)
    return written(score, cash / capital, sums, tally, moves, (worst, longest), n)


@kernel
def written(score, growth, sums, tally, moves, drawdown, n):
    """Write a run's record. Returns False where its sums do not hold the digits of its variance."""
    mean = sums.returns / n
    squares = sums.squares - n * mean * mean
    if squares < ROUNDING * sums.squares:
        return False
    score.growth = growth
    score.mean, score.squares, score.downside = mean, squares, sums.downside
    score.market_mean, score.market_squares = moves
    score.products = sums.products - n * mean * score.market_mean
    score.equity_mean = sums.equity / (n + 1)
    score.max_drawdown, score.longest_drawdown = drawdown
    score.n_trades, score.n_won, score.held, score.bars_held = tally.n_trades, tally.n_won, tally.held, tally.bars_held
    score.won, score.lost, score.pnl = tally.won, tally.lost, tally.pnl
    score.value_traded, score.fees = tally.value_traded, tally.fees
    return True


@kernel
def visit_all(scores, blocks, count, capital, bars, ground, moves, room):
    """Fold the first `count` runs of `room` into scores and blocks, at its rows; room.done says which could be."""
    for k in range(count):
        row = room.rows[k]
        if room.follows[k]:
            entered, left = turns_of_condition(room.entries[k], bars.close.size, room.enter, room.leave)
        else:
            entered, left = turns_of_flags(room.entries[k], room.exits[k], room.enter, room.leave)
        enter, leave, record = room.enter[:entered], room.leave[:left], room.rules[k : k + 1]
        room.done[k] = visit(scores[row], blocks[row], capital, record, bars, ground, moves, enter, leave, room)
