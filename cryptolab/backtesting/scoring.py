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
from cryptolab.kernels.account import SAME_CLOSE, Columns, Flags, new_account
from cryptolab.kernels.falls import DIP, DIPS
from cryptolab.kernels.scoring import curve, fold_days, summarise
from cryptolab.kernels.terrain import Terrain, survey
from cryptolab.signal_generator import Signals

BYTES_PER_BAR = 96
"""What a Scorer's tables take: eleven numbers per bar, and six per block of 64."""
WORKING_BYTES_PER_BAR = 16
"""What scoring one run takes at its peak: two lists of bars, or an equity of one number per bar and its fills."""


class _Order(NamedTuple):
    """Costs and risk as the kernels take them."""

    rules: np.ndarray
    columns: Columns
    by_trades: bool
    """whether trades.visit knows such an account"""


class Scorer:
    """Scores runs on one symbol's bars, each from the same capital. Safe to use from several threads.

    blocks: into how many stretches of consecutive UTC days the daily returns are summed.
    """

    def __init__(self, bars: Bars, initial_capital: float, blocks: int) -> None:
        self.bars, self.initial_capital, self.blocks = bars, initial_capital, blocks
        tables = survey(bars.open[0], bars.low, bars.high, bars.close, bars.time // DAY)
        self._ground = Terrain(*tables)
        idle = np.full(len(bars), initial_capital)
        market = curve(initial_capital, idle, bars.open[0], bars.close, bars.time, bars.interval)
        self._market = market.market_mean, market.market_squares
        self._rooms = threading.local()
        self._orders: dict[tuple[Costs, Risk], _Order] = {}
        # sums of products hold their digits only where the market's variance is not small beside its mean square
        self._smooth = market.market_squares < trades.ROUNDING * float(self._ground.change @ self._ground.change)

    def score(self, signals: Signals, costs: Costs, risk: Risk, scores: np.ndarray, days: np.ndarray, row: int) -> None:
        """Write the run's record into scores[row] and its daily returns' sums into days[row] (blocks, 3).

        signals: of these bars, one row per bar. Raises InputError for what BacktestEngine would refuse.
        """
        signals = allowed(signals, self.bars, risk)
        order = self._orders.get((costs, risk))
        if order is None:
            order = self._orders[costs, risk] = self._made(costs, risk)
        visited = order.by_trades and not signals.any_short and self._visit(signals, order, scores, days[row], row)
        if not visited:
            self._simulate(signals, order, scores, days[row], row)

    def _made(self, costs: Costs, risk: Risk) -> _Order:
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
            and not self._smooth
        )
        columns = Columns(bars.time, bars.open, bars.high, bars.low, bars.close, atr_of(bars, risk.needs_atr))
        return _Order(record, columns, bool(by_trades))

    def _visit(self, signals: Signals, order: _Order, scores: np.ndarray, out: np.ndarray, row: int) -> bool:
        n = len(self.bars)
        whole = n - n % 8
        room = getattr(self._rooms, "room", None)
        if room is None:
            days = len(self._ground.days)
            room = trades.Room(
                np.empty(n + 1, np.int32), np.empty(n + 1, np.int32), np.empty(days), np.empty(DIPS, DIP)
            )
            self._rooms.room = room
        given = scores, row, out, self.initial_capital, order.rules, order.columns, self._ground, self._market
        if signals.condition is not None:
            condition = signals.condition
            return bool(trades.visit_condition(*given, (condition[:whole].view(np.uint64), condition[whole:]), room))
        entries, exits = signals.entries, signals.exits
        words = entries[:whole].view(np.uint64), exits[:whole].view(np.uint64)
        return bool(trades.visit_flags(*given, (*words, entries, exits), room))

    def _simulate(self, signals: Signals, order: _Order, scores: np.ndarray, out: np.ndarray, row: int) -> None:
        flags = Flags(signals.entries, signals.exits, signals.short_entries, signals.short_exits)
        bars, capital = self.bars, self.initial_capital
        equity, done = fills.simulate(new_account(capital), order.rules, order.columns, flags)
        summarise(scores, row, capital, equity, done, bars.time, bars.open, bars.close, bars.interval)
        fold_days(capital, equity[self._ground.days], out)
