"""One run as one record of sums, without its orders: what a sweep keeps of each of its backtests.

`Scorer` holds what all runs on the same bars share. A run that kernels/trades.py can fold is visited trade by trade;
any other is simulated bar by bar, as the engine does.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np

from cryptolab.backtesting.backtest_engine import allowed, atr_of
from cryptolab.backtesting.records import Costs, Risk, rules
from cryptolab.bars import DAY, Bars
from cryptolab.kernels import fills, trades
from cryptolab.kernels.account import FILL, RULES, SAME_CLOSE, Columns, Flags, new_account
from cryptolab.kernels.falls import DIP, DIPS
from cryptolab.kernels.scoring import begin_trades, count_trades, curve, end_trades, fold_days, summarise_curve
from cryptolab.kernels.terrain import Terrain, survey
from cryptolab.kernels.turns import turns_of_condition, turns_of_flags
from cryptolab.signal_generator import Signals

BYTES_PER_BAR = 104
"""What a Scorer keeps: eleven numbers per bar, six per block of 64, and an ATR; or what it needs while it is made."""
PLACES = 2
"""For how many runs with a flag at each bar there is room. Mostly flags are few: a run that might find none does not
wait."""


def together(bars: int) -> int:
    """Return how many runs of that many bars a thread folds at once: enough for a millisecond and more, which is what
    another thread may need to wake up."""
    return min(256, max(16, 4_000_000 // bars))


def working_bytes(bars: int) -> int:
    """Return what one thread's runs take at their peak: their lists of bars (16 bytes each), an equity (8), flags that
    are made of a condition when they are asked for (8), and those of the runs that wait (4 each). However often a run
    trades: its fills are counted as they come."""
    return (8 * PLACES + 8 + 8 + 4 * together(bars)) * bars


FILLS_AT_ONCE = 2048
"""Fills that a run has in hand before they are counted."""

MOST_ORDERS = 1024
"""Costs and risks that are kept as the kernels take them."""


class Order(NamedTuple):
    """Costs and risk as the kernels take them."""

    rules: np.ndarray
    needs_atr: bool
    by_trades: bool
    """whether trades.visit knows such an account"""


class Scorer:
    """Scores runs on one symbol's bars, each from the same capital. Safe to use from several threads.

    blocks: into how many stretches of consecutive UTC days the daily returns are summed.
    """

    def __init__(self, bars: Bars, initial_capital: float, blocks: int) -> None:
        self.bars, self.initial_capital, self.blocks = bars, initial_capital, blocks
        self.ground = Terrain(*survey(bars.open[0], bars.low, bars.high, bars.close, bars.time // DAY))
        idle = np.full(len(bars), initial_capital)
        market = curve(initial_capital, idle, bars.open[0], bars.close, bars.time, bars.interval)
        self.market = market.market_mean, market.market_squares
        self._columns: dict[bool, Columns] = {}
        self._lock = threading.Lock()
        self._orders: dict[tuple[Costs, Risk], Order] = {}
        # sums of products hold their digits where the market's variance is not small beside its mean square; NaN, of
        # prices whose returns leave the range of doubles, is not
        self._rough = market.market_squares >= trades.ROUNDING * float(self.ground.totals[-1, 2])

    def score(self, signals: Signals, costs: Costs, risk: Risk, scores: np.ndarray, days: np.ndarray, row: int) -> None:
        """Score one run alone; see `Scoring`."""
        scoring = self.scoring(scores, days)
        scoring.add(signals, costs, risk, row)
        scoring.finish()

    def scoring(self, scores: np.ndarray, days: np.ndarray) -> Scoring:
        """Return what scores runs into rows of these tables, on one thread."""
        return Scoring(self, scores, days)

    def order(self, costs: Costs, risk: Risk) -> Order:
        """Return costs and risk as the kernels take them."""
        made = self._orders.get((costs, risk))
        if made is None:
            if len(self._orders) >= MOST_ORDERS:  # drawn at random, they hardly come back
                self._orders.clear()
            made = self._orders[costs, risk] = self._made(costs, risk)
        return made

    def _made(self, costs: Costs, risk: Risk) -> Order:
        """Return costs and risk as the kernels take them."""
        bars = self.bars
        record = rules(costs, risk, bars.interval)
        known = record[0]
        by_trades = (
            known["mode"] != SAME_CLOSE
            and known["trailing_stop"] == 0.0
            and known["daily_limit"] == 0.0
            and known["lot_step"] == 0.0
            and known["fraction"] * (1.0 + known["commission"]) >= 1.0
            and self._rough
        )
        return Order(record, risk.needs_atr, bool(by_trades))

    def columns(self, with_atr: bool) -> Columns:
        """Return the bars as the kernels take them. The memo may forget its ATR and compute another: here it is one for
        all orders."""
        bars = self.bars
        with self._lock:
            if with_atr not in self._columns:
                atr = atr_of(bars, with_atr)
                self._columns[with_atr] = Columns(bars.time, bars.open, bars.high, bars.low, bars.close, atr)
            return self._columns[with_atr]


class Scoring:
    """Scores runs into rows of two tables: scores, records SCORE, and days, (rows, blocks, 3) sums of daily returns.

    Runs that kernels/trades.py can fold wait until there are several: Python's threads hinder one another least when
    each is away in one long kernel instead of in many short ones. Rows are filled when `finish` returns.
    """

    def __init__(self, scorer: Scorer, scores: np.ndarray, days: np.ndarray) -> None:
        self._scorer, self._scores, self._days = scorer, scores, days
        places, runs = PLACES * (len(scorer.bars) + 1), together(len(scorer.bars))
        self._room = trades.Room(
            np.empty(places, np.int32), np.empty(places, np.int32), np.zeros(runs + 1, np.int64),
            np.zeros(runs + 1, np.int64), np.empty(runs, RULES), np.empty(runs, np.int64), np.empty(runs, bool),
            np.empty(len(scorer.ground.days)), np.empty(DIPS, DIP),
        )  # fmt: skip
        self._waiting: list[tuple[Signals, Order]] = []

    def add(self, signals: Signals, costs: Costs, risk: Risk, row: int) -> None:
        """Score a run into `row`; signals: of the scorer's bars. Raises InputError for what BacktestEngine refuses."""
        signals = allowed(signals, self._scorer.bars, risk)
        order = self._scorer.order(costs, risk)
        if not order.by_trades or signals.any_short:
            self._simulate(signals, order, row)
            return
        room, place = self._room, len(self._waiting)
        entered, left = self._turns(signals, room.enter[room.entered[place] :], room.leave[room.left[place] :])
        room.entered[place + 1], room.left[place + 1] = room.entered[place] + entered, room.left[place] + left
        room.rules[place], room.rows[place] = order.rules[0], row
        self._waiting.append((signals, order))
        free = len(room.enter) - max(room.entered[place + 1], room.left[place + 1])
        if free <= len(self._scorer.bars) or place + 1 == len(room.rows):
            self.finish()

    def _turns(self, signals: Signals, enter: np.ndarray, leave: np.ndarray) -> tuple[int, int]:
        """Write the bars of the flags, and return how many there are."""
        n = len(self._scorer.bars)
        whole = n - n % 8
        if signals.condition is not None:
            held = signals.condition
            entered, left = turns_of_condition(held[:whole].view(np.uint64), held[whole:], enter, leave)
        else:
            entries, exits = signals.entries, signals.exits
            words = entries[:whole].view(np.uint64), exits[:whole].view(np.uint64)
            entered, left = turns_of_flags(*words, entries, exits, enter, leave)
        return entered, left

    def finish(self) -> None:
        """Score the runs that wait."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        scorer, room = self._scorer, self._room
        columns = scorer.columns(any(order.needs_atr for _, order in waiting))
        trades.visit_all(
            self._scores, self._days, len(waiting), scorer.initial_capital, columns, scorer.ground, scorer.market, room
        )
        for place, (signals, order) in enumerate(waiting):
            if not room.done[place]:
                self._simulate(signals, order, int(room.rows[place]))

    def _simulate(self, signals: Signals, order: Order, row: int) -> None:
        """Score a run bar by bar."""
        scorer, scores = self._scorer, self._scores
        flags = Flags(signals.entries, signals.exits, signals.short_entries, signals.short_exits)
        bars, capital = scorer.bars, scorer.initial_capital
        account, n = new_account(capital), len(bars)
        equity, hand = np.empty(n), np.empty(FILLS_AT_ONCE, FILL)
        columns = scorer.columns(order.needs_atr)
        begin_trades(scores, row)
        bar = left = 0
        while bar < n:
            bar, count = fills.advance(account, order.rules, columns, flags, bar, equity, hand[left:])
            count += left
            left = count_trades(scores, row, hand[:count], bars.time)
            hand[:left] = hand[count - left : count]  # an entry whose exit is still to come
        end_trades(scores, row, hand[:left], n)
        summarise_curve(scores, row, capital, equity, bars.time, bars.open, bars.close, bars.interval)
        fold_days(capital, equity[scorer.ground.days], self._days[row])
