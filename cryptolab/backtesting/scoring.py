"""One run as one record of sums, without its orders: what a sweep keeps of each of its backtests.

`Scorer` holds what all runs on the same bars share. A run that kernels/trades.py can fold is visited trade by trade;
any other is simulated bar by bar, as the engine does.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np

from cryptolab.backtesting.backtest_engine import allowed, atr_of
from cryptolab.backtesting.records import Costs, Risk, rules
from cryptolab.bars import DAY, Bars
from cryptolab.kernels import fills, trades
from cryptolab.kernels.account import FILL, RULES, SAME_CLOSE, Columns, Flags, new_account
from cryptolab.kernels.falls import DIP, DIPS
from cryptolab.kernels.scoring import begin_trades, count_trades, curve, end_trades, fold_days, summarise_curve
from cryptolab.kernels.terrain import survey
from cryptolab.signal_generator import Signals

BYTES_PER_BAR = 144
"""What a Scorer keeps: sixteen numbers per bar, six per block of 64, and an ATR; or what it needs while it is made."""


def together(bars: int) -> int:
    """Return how many runs of that many bars a thread folds at once: enough for a millisecond and more, which is what
    another thread may need to wake up."""
    return min(256, max(16, 1_600_000 // bars))


def waiting_bytes(bars: int) -> int:
    """Return what the signals of the runs that wait may take: 128 of long_while, or 4 with all four flags; more of
    short series, of which many are little anyway."""
    return min(max(16 * bars, 2**22), 4 * bars * together(bars))


def working_bytes(bars: int) -> int:
    """Return what one thread's runs take at their peak: the bars of one's flags (8 bytes each), an equity (8), flags
    that are made of a condition when they are asked for (8), the bits of those that wait and their signals. However
    often a run trades: its fills are counted as they come."""
    return (8 + 8 + 8) * bars + together(bars) * bars // 4 + waiting_bytes(bars)


FILLS_AT_ONCE = 2048
"""Fills that a run has in hand before they are counted."""

MOST_ORDERS = 1024
"""Costs and risks that are kept as the kernels take them."""


Away = Callable[[], AbstractContextManager[None]]


class Order(NamedTuple):
    """Costs and risk as the kernels take them."""

    rules: np.ndarray
    needs_atr: bool
    by_trades: bool
    """whether trades.visit knows such an account"""


class _Run(NamedTuple):
    """A run that waits."""

    signals: Signals
    order: Order
    row: int


class Scorer:
    """Scores runs on one symbol's bars, each from the same capital. Safe to use from several threads.

    blocks: into how many stretches of consecutive UTC days the daily returns are summed.
    """

    def __init__(self, bars: Bars, initial_capital: float, blocks: int) -> None:
        self.bars, self.initial_capital, self.blocks = bars, initial_capital, blocks
        self.ground = survey(bars.time, bars.open, bars.high, bars.low, bars.close, bars.time // DAY)
        idle = np.full(len(bars), initial_capital)
        market = curve(initial_capital, idle, bars.open[0], bars.close, bars.time, bars.interval)
        self.market = market.market_mean, market.market_squares
        self._columns: dict[bool, Columns] = {}
        self._lock = threading.Lock()
        self._orders: dict[tuple[Costs, Risk], Order] = {}
        # sums of products hold their digits where the market's variance is not small beside its mean square; NaN, of
        # prices whose returns leave the range of doubles, is not
        self._rough = market.market_squares >= trades.ROUNDING * float(self.ground.places["squares"][-1])

    def score(self, signals: Signals, costs: Costs, risk: Risk, scores: np.ndarray, days: np.ndarray, row: int) -> None:
        """Score one run alone; see `Scoring`."""
        scoring = self.scoring(scores, days)
        scoring.add(signals, costs, risk, row)
        scoring.finish()

    def scoring(self, scores: np.ndarray, days: np.ndarray, away: Away = nullcontext) -> Scoring:
        """Return what scores runs into rows of these tables, on one thread. away: entered around long kernels."""
        return Scoring(self, scores, days, away)

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

    def __init__(self, scorer: Scorer, scores: np.ndarray, days: np.ndarray, away: Away) -> None:
        self._scorer, self._scores, self._days, self._away = scorer, scores, days, away
        bars, days_there = len(scorer.bars), len(scorer.ground.days)
        batches = math.ceil(len(scores) / together(bars))
        runs, words = math.ceil(len(scores) / batches), math.ceil(bars / 64)  # batches alike, no few runs in the last
        self._room = trades.Room(
            np.zeros((runs, words), np.uint64), np.zeros((runs, words), np.uint64), np.empty(runs, bool),
            np.empty(runs, RULES), np.empty(runs, np.int64), np.empty(runs, bool), np.empty(bars + 1, np.int32),
            np.empty(bars + 1, np.int32), np.empty(days_there), np.empty(DIPS, DIP),
        )  # fmt: skip
        self._entries, self._exits = self._room.entries.view(np.uint8), self._room.exits.view(np.uint8)
        self._waiting: list[_Run] = []
        self._held = 0  # bytes of the signals that wait
        self._costs, self._risk = Costs(), Risk()
        self._order = scorer.order(self._costs, self._risk)

    def add(self, signals: Signals, costs: Costs, risk: Risk, row: int) -> None:
        """Score a run into `row`; signals: of the scorer's bars. Raises InputError for what BacktestEngine refuses."""
        signals = allowed(signals, self._scorer.bars, risk)
        if costs is not self._costs or risk is not self._risk:  # mostly the same for all: hashing them takes its time
            self._costs, self._risk, self._order = costs, risk, self._scorer.order(costs, risk)
        order = self._order
        if not order.by_trades or signals.any_short:
            self._simulate(signals, order, row)
            return
        place, bits = len(self._waiting), math.ceil(len(signals) / 8)
        self._room.follows[place] = signals.held is not None
        if signals.held is not None:
            self._entries[place, :bits] = signals.held
        else:
            self._entries[place, :bits] = np.packbits(signals.entries, bitorder="little")
            self._exits[place, :bits] = np.packbits(signals.exits, bitorder="little")
        self._waiting.append(_Run(signals, order, row))
        self._held += signals.nbytes
        if self._held >= waiting_bytes(len(signals)) or len(self._waiting) == len(self._room.rows):
            self.finish()

    def finish(self) -> None:
        """Score the runs that wait."""
        waiting, self._waiting = self._waiting, []
        self._held = 0
        if not waiting:
            return
        scorer, room, count = self._scorer, self._room, len(waiting)
        room.rows[:count] = [run.row for run in waiting]
        np.concatenate([run.order.rules for run in waiting], out=room.rules[:count])
        columns = scorer.columns(any(run.order.needs_atr for run in waiting))
        scores, days, capital = self._scores, self._days, scorer.initial_capital
        with self._away():
            trades.visit_all(scores, days, count, capital, columns, scorer.ground, scorer.market, room)
        for place, run in enumerate(waiting):
            if not room.done[place]:
                self._simulate(run.signals, run.order, run.row)

    def _simulate(self, signals: Signals, order: Order, row: int) -> None:
        """Score a run bar by bar."""
        flags = Flags(signals.entries, signals.exits, signals.short_entries, signals.short_exits)
        with self._away():
            self._step(flags, order, row)

    def _step(self, flags: Flags, order: Order, row: int) -> None:
        scorer, scores = self._scorer, self._scores
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
