"""The slow reference: the fill rules read aloud in plain Python, one float at a time.

It was written from the rules (docs/fills.md has them in a reader's words), before the kernel could be read, so that a
mistake in one is not repeated in the other. Nothing here is clever: a list of bars goes in, one loop, lists of orders,
trades and equities come out. Each sentence in quotation marks is the rule that the lines below it carry out. Bars are
real bars only; unpriced rows are gone before this file sees them.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

DAY = 86_400_000_000_000
NAN = float("nan")


class Bar(NamedTuple):
    """One real bar: time is its open in ns UTC."""

    time: int
    open: float
    high: float
    low: float
    close: float


class Flags(NamedTuple):
    """What the strategy says at the close of one bar."""

    entry: bool = False
    exit: bool = False
    short_entry: bool = False
    short_exit: bool = False


@dataclass
class Rules:
    """Costs and risk in one record, with the engine's names and defaults."""

    commission: float = 0.001
    slippage: float = 0.0005
    fill: str = "next_open"
    max_wait: int = 1
    lot_step: float = 0.0
    min_order_size: float = 0.0
    max_position_size: float = 1.0
    stop_loss: float | None = None
    take_profit: float | None = None
    trailing_stop: float | None = None
    stop_loss_atr_multiplier: float | None = None
    take_profit_atr_multiplier: float | None = None
    max_daily_loss: float | None = None
    allow_short: bool = False


@dataclass
class Order:
    """One fill."""

    bar: int
    side: str
    size: float
    price: float
    fee: float
    reason: str


@dataclass
class Trade:
    """From an entry fill to the fill that closed it; an open one has exit_bar None and is marked at the last close."""

    direction: int
    size: float
    entry_bar: int
    entry_price: float
    entry_fee: float
    exit_bar: int | None
    exit_price: float
    exit_fee: float
    pnl: float
    ret: float
    reason: str
    ambiguous: bool
    spans_gap: bool


@dataclass
class Position:
    """What is held: `size` is positive, `direction` is +1 or -1. `extreme` is the peak (long) or trough (short)."""

    direction: int
    size: float
    price: float
    fee: float
    bar: int
    stop: float | None
    target: float | None
    extreme: float


@dataclass
class Run:
    """Everything a run leaves behind. equity has one value more than there are bars; held[t] is at the close of t."""

    orders: list[Order] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    equity: list[float] = field(default_factory=list)
    cash: list[float] = field(default_factory=list)
    quantity: list[float] = field(default_factory=list)
    dropped: Counter = field(default_factory=Counter)

    @property
    def held(self) -> list[bool]:
        """Whether a position is held at the close of each bar."""
        return [quantity != 0 for quantity in self.quantity]


def average_true_range(bars: list[Bar], period: int = 14) -> list[float]:
    """TA-Lib's ATR: the mean of the first `period` true ranges (the first bar has none), then Wilder's smoothing."""
    out = [NAN] * len(bars)
    ranges = []
    for t in range(1, len(bars)):
        before = bars[t - 1].close
        ranges.append(max(bars[t].high - bars[t].low, abs(bars[t].high - before), abs(bars[t].low - before)))
        if t == period:
            out[t] = sum(ranges) / period
        elif t > period:
            out[t] = (out[t - 1] * (period - 1) + ranges[-1]) / period
    return out


class Reference:
    """One account, one symbol, one pass over the bars."""

    def __init__(self, bars: list[Bar], flags: list[Flags], interval: int, rules: Rules, capital: float) -> None:
        self.bars, self.flags, self.interval, self.rules, self.capital = bars, flags, interval, rules, capital
        self.atr = average_true_range(bars)
        self.cash = capital
        self.position: Position | None = None
        self.waiting_exit: str | None = None  # the reason of the exit (or flatten) that waits for an open
        self.waiting_entry: tuple[int, int] | None = None  # direction and signal bar of the entry that waits
        self.ended = False
        self.locked_day: int | None = None
        self.day: int | None = None
        self.baseline = capital
        self.out = Run(equity=[capital])

    # ---- the loop ---------------------------------------------------------------------------------------------

    def run(self) -> Run:
        """Visit each bar: its open, its inside, its close."""
        for t in range(len(self.bars)):
            self.at_open(t)
            self.inside(t)
            self.at_close(t)
        if self.position is not None:
            self.list_open_trade()
        return self.out

    def at_open(self, t: int) -> None:
        """ "The waiting orders made at the close of t-1 are executed at open[t]: first the exit (or flatten), then
        the entry." "Orders waiting for an open come before that bar's stops and targets."
        """
        bar = self.bars[t]
        today = bar.time // DAY
        # "baseline = equity at the close of the last bar that opened before 00:00 UTC (initial capital on day one)"
        if self.day is not None and today != self.day:
            self.baseline = self.out.equity[-1]
        self.day = today
        # "A lock ends with the first bar that opens in a later day."
        if self.locked_day is not None and today > self.locked_day:
            self.locked_day = None

        # "Exits always go."
        if self.waiting_exit is not None and self.position is not None:
            self.leave(t, self.market_price(bar, buys=self.position.direction < 0), self.waiting_exit)
        self.waiting_exit = None

        if self.waiting_entry is not None:
            direction, signal_bar = self.waiting_entry
            self.waiting_entry = None
            # "gap = (time[t+1] - (time[t] + interval)) / interval missing intervals between signal bar t and the next
            # bar. An entry with gap > max_wait is dropped and counted."
            gap = (bar.time - (self.bars[signal_bar].time + self.interval)) // self.interval
            if gap > self.rules.max_wait:
                self.out.dropped["waited_too_long"] += 1
            else:
                self.enter(t, direction, self.market_price(bar, buys=direction > 0), self.atr[signal_bar])

    def inside(self, t: int) -> None:
        """ "If a position is held, its stops and target are watched on bar t (also when entered at this open)." """
        if self.position is None:
            return
        bar, held = self.bars[t], self.position
        self.watch(t, bar, held)
        # "peak = max(F, highs of bars from the entry bar up to t-1)": this bar's high counts from the next bar on
        held.extreme = max(held.extreme, bar.high) if held.direction > 0 else min(held.extreme, bar.low)

    def at_close(self, t: int) -> None:
        """ "equity[t] = cash + quantity*close[t]. Daily-loss check. Then the signals of bar t become waiting orders."

        same_close: "the check comes first with the equity marked at close before this bar's fills, then fills, then
        the check again on the equity after them."
        """
        self.check_account(t)
        if self.rules.fill == "same_close":
            self.fill_signals_now(t)
            self.check_account(t)
        else:
            self.queue_signals(t)
        self.out.equity.append(self.equity_at(self.bars[t].close))
        self.out.cash.append(self.cash)
        self.out.quantity.append(0.0 if self.position is None else self.position.direction * self.position.size)

    # ---- at the close -----------------------------------------------------------------------------------------

    def equity_at(self, price: float) -> float:
        """ "Equity at a close = cash + quantity x close." """
        if self.position is None:
            return self.cash
        return self.cash + self.position.direction * self.position.size * price

    def check_account(self, t: int) -> None:
        """Ruin and the daily loss, as seen at the close of bar t."""
        equity = self.equity_at(self.bars[t].close)
        # "whenever equity at a close or cash when flat is <= 0, the run has ended: an open position is closed at the
        # next open (reason "ruin"), no entry is ever taken again"
        if equity <= 0:
            self.ended = True
            if self.position is not None:
                self.waiting_exit = "ruin"
        # "breach at equity <= (1 - limit) x baseline, seen at a close, flattened at the next open"
        limit = self.rules.max_daily_loss
        if limit is not None and equity <= (1 - limit) * self.baseline:
            self.locked_day = self.bars[t].time // DAY
            if self.position is not None and self.waiting_exit is None:
                self.waiting_exit = "daily_loss"

    def wanted(self, t: int) -> tuple[str | None, int]:
        """Which orders the flags of bar t make: (reason of an exit or None, direction of an entry or 0)."""
        flags = self.flags[t]
        # "le = entries & ~exits ; se = short_entries & ~short_exits (an entry flagged together with its own exit is no
        # entry). se only where shorts are allowed."
        long_entry = flags.entry and not flags.exit
        short_entry = flags.short_entry and not flags.short_exit and self.rules.allow_short
        if self.position is None:
            # "flat: le and se both -> nothing, counted"
            if long_entry and short_entry:
                self.out.dropped["contradictory"] += 1
                return None, 0
            return None, int(long_entry) - int(short_entry)
        if self.position.direction > 0:
            # "long: exits -> exit; se -> exit AND enter short (two orders); le does nothing."
            # The rules do not say which reason stands where an exit flag meets an opposite entry: the exit's own.
            if short_entry:
                return ("signal" if flags.exit else "reversal"), -1
            return ("signal", 0) if flags.exit else (None, 0)
        # "short: mirrored (short_exits -> exit; le -> exit and enter long)."
        if long_entry:
            return ("signal" if flags.short_exit else "reversal"), +1
        return ("signal", 0) if flags.short_exit else (None, 0)

    def allowed(self, t: int, direction: int) -> bool:
        """Judge an entry at its signal's close: "contradictory, ended, daily_loss, atr_unknown", the first counts."""
        rules = self.rules
        needs_atr = rules.stop_loss_atr_multiplier is not None or rules.take_profit_atr_multiplier is not None
        if direction == 0:
            return False
        if self.ended:
            self.out.dropped["ended"] += 1
        elif self.locked_day is not None:
            # "entries raised on bars of that day from the breaching bar on are dropped and counted"
            self.out.dropped["daily_loss"] += 1
        elif needs_atr and math.isnan(self.atr[t]):
            # "an entry whose ATR is not yet known is dropped and counted"
            self.out.dropped["atr_unknown"] += 1
        else:
            return True
        return False

    def queue_signals(self, t: int) -> None:
        """ "A signal at the close of bar t is a market order at the open of the next real bar." """
        reason, direction = self.wanted(t)
        # "If flatten and an exit wait together: one exit order, reason "daily_loss"."
        if reason is not None and self.waiting_exit is None:
            self.waiting_exit = reason
        # "A reversal whose entry part is dropped still closes the position (reason "reversal")."
        if self.allowed(t, direction):
            self.waiting_entry = (direction, t)

    def fill_signals_now(self, t: int) -> None:
        """ "With same_close a signal fills at its own bar's close (the last bar too)." """
        close = self.bars[t].close
        reason, direction = self.wanted(t)
        go = self.allowed(t, direction)
        if reason is not None and self.position is not None:
            self.leave(t, close, reason)
            self.waiting_exit = None
        if go:
            self.enter(t, direction, close, self.atr[t])

    # ---- fills ------------------------------------------------------------------------------------------------

    def market_price(self, bar: Bar, buys: bool) -> float:
        """ "next_open: p = open; worst: p = high for buys, low for sells (of the same next bar)".

        same_close: "the daily-loss flatten ... is a market order at the next OPEN in every mode but worst".
        """
        if self.rules.fill == "worst":
            return bar.high if buys else bar.low
        return bar.open

    def slipped(self, price: float, buys: bool) -> float:
        """ "Slippage: buy p*(1+s), sell p*(1-s)." """
        return price * (1 + self.rules.slippage) if buys else price * (1 - self.rules.slippage)

    def enter(self, t: int, direction: int, price: float, atr: float) -> None:
        """Open a position at `price`, slippage still to come."""
        rules = self.rules
        fill = self.slipped(price, buys=direction > 0)
        equity = self.cash  # an entry is only ever made when flat
        # "If E <= 0: nothing traded and the run has ended"
        if equity <= 0:
            self.ended = True
            self.out.dropped["ended"] += 1
            return
        # "long: min(f*E, cash/(1+fee))/fill ... short: f*E/fill"
        money = rules.max_position_size * equity
        if direction > 0:
            money = min(money, self.cash / (1 + rules.commission))
        size = money / fill
        # "Lots: floor(q/lot_step + 1e-9)*lot_step when lot_step > 0."
        if rules.lot_step > 0:
            size = math.floor(size / rules.lot_step + 1e-9) * rules.lot_step
        # "q < min_order_size or q <= 0 -> nothing traded, counted"
        if size < rules.min_order_size or size <= 0:
            self.out.dropped["below_minimum"] += 1
            return
        # "Fee = rate x fill x quantity per side"
        fee = rules.commission * fill * size
        if direction > 0:
            self.cash = max(0.0, self.cash - (fill * size + fee))  # "clipped at 0 from below for a long (rounding)"
        else:
            self.cash += fill * size - fee
        stop, target = self.levels(direction, fill, atr)
        self.position = Position(direction, size, fill, fee, t, stop, target, extreme=fill)
        self.out.orders.append(Order(t, "buy" if direction > 0 else "sell", size, fill, fee, "entry"))

    def levels(self, direction: int, fill: float, atr: float) -> tuple[float | None, float | None]:
        """ "long: stop = F*(1-stop_loss) or F - k*ATR; target = F*(1+take_profit) or F + k*ATR. short: mirrored" """
        rules = self.rules
        stop = target = None
        if rules.stop_loss is not None:
            stop = fill * (1 - direction * rules.stop_loss)
        if rules.stop_loss_atr_multiplier is not None:
            stop = fill - direction * rules.stop_loss_atr_multiplier * atr
        if rules.take_profit is not None:
            target = fill * (1 + direction * rules.take_profit)
        if rules.take_profit_atr_multiplier is not None:
            target = fill + direction * rules.take_profit_atr_multiplier * atr
        return stop, target

    def nearest_stop(self, held: Position) -> tuple[float | None, str]:
        """ "Of several stops the nearest rules": the highest of a long's, the lowest of a short's, and its reason.

        "(ties: stop_loss)": the candidates stand in that order and a later one must be strictly nearer.
        """
        candidates = []
        if held.stop is not None:
            candidates.append((held.stop, "stop_loss"))
        if self.rules.trailing_stop is not None:
            # "level = peak*(1-d)", mirrored "trail = trough*(1+d)"
            candidates.append((held.extreme * (1 - held.direction * self.rules.trailing_stop), "trailing_stop"))
        if held.direction < 0:
            # "p0 = cash/|q|. p0 is one more stop: the nearest rules"
            candidates.append((self.cash / held.size, "ruin"))
        level, reason = None, ""
        for candidate, name in candidates:
            if level is None or (candidate - level) * held.direction > 0:
                level, reason = candidate, name
        return level, reason

    def watch(self, t: int, bar: Bar, held: Position) -> None:
        """Stops and targets inside bar t."""
        stop, reason = self.nearest_stop(held)
        target = held.target
        long = held.direction > 0
        # "hit_stop = low <= S ; hit_target = high > T"; "short: hit_stop = high >= S ... hit_target = low < T"
        hit_stop = stop is not None and (bar.low <= stop if long else bar.high >= stop)
        hit_target = target is not None and (bar.high > target if long else bar.low < target)
        opens_beyond_target = target is not None and (bar.open > target if long else bar.open < target)
        opens_beyond_stop = stop is not None and (bar.open <= stop if long else bar.open >= stop)
        # "ambiguous = hit_stop and hit_target and not open > T and not open <= S"
        ambiguous = hit_stop and hit_target and not opens_beyond_target and not opens_beyond_stop
        if opens_beyond_target:
            # "If open > T: target fills at the open."
            self.close_position(t, bar.open, "take_profit", ambiguous)
        elif hit_stop:
            # "stop price = min(S, open)*(1-s)"; "short: price = max(S, open)*(1+s)"
            level = min(stop, bar.open) if long else max(stop, bar.open)
            self.close_position(t, self.slipped(level, buys=not long), reason, ambiguous)
        elif hit_target:
            # "Else if hit_target: target at T.", "no slippage"
            self.close_position(t, target, "take_profit", ambiguous)

    def leave(self, t: int, price: float, reason: str) -> None:
        """Close at the market: `price` before slippage."""
        self.close_position(t, self.slipped(price, buys=self.position.direction < 0), reason, ambiguous=False)

    def close_position(self, t: int, fill: float, reason: str, ambiguous: bool) -> None:
        """Close the whole position at `fill` and write the trade down."""
        held = self.position
        fee = self.rules.commission * fill * held.size
        if held.direction > 0:
            self.cash += fill * held.size - fee
        else:
            self.cash -= fill * held.size + fee  # "Cover: cash -= q*fill + fee"
        self.position = None
        self.out.orders.append(Order(t, "sell" if held.direction > 0 else "buy", held.size, fill, fee, reason))
        # "pnl = direction*size*(exit_price-entry_price) - entry_fee - exit_fee, return = pnl/(entry_price*size)"
        pnl = held.direction * held.size * (fill - held.price) - held.fee - fee
        self.write_trade(held, t, fill, fee, pnl, reason, ambiguous)
        # "After a ruin, or whenever ... cash when flat is <= 0, the run has ended"
        if reason == "ruin" or self.cash <= 0:
            self.ended = True

    def list_open_trade(self) -> None:
        """ "Positions open at the end stay open: listed with exit NaT, marked, not counted as trades." """
        held = self.position
        pnl = held.direction * held.size * (self.bars[-1].close - held.price) - held.fee
        self.write_trade(held, None, NAN, NAN, pnl, "open", ambiguous=False)

    def write_trade(
        self, held: Position, t: int | None, price: float, fee: float, pnl: float, reason: str, ambiguous: bool
    ) -> None:
        """ "spans_gap: some bars are missing between entry_bar and exit_bar" (the last bar for an open trade)."""
        last = len(self.bars) - 1 if t is None else t
        elapsed = self.bars[last].time - self.bars[held.bar].time
        self.out.trades.append(
            Trade(
                held.direction, held.size, held.bar, held.price, held.fee, t, price, fee, pnl,
                pnl / (held.price * held.size), reason, ambiguous,
                spans_gap=elapsed != (last - held.bar) * self.interval,
            )
        )  # fmt: skip


def simulate(bars: list[Bar], flags: list[Flags], interval: int, rules: Rules, capital: float = 10_000.0) -> Run:
    """Run the reference over real bars; `interval` is the timeframe in ns."""
    return Reference(bars, flags, interval, rules, capital).run()
