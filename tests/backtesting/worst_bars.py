"""Hypothesis strategies for the worst bars a market can print, and one `World` to run them through both engines.

A World holds frame rows (unpriced ones included), one set of flags per row, the rules and the capital. `by_reference`
and `by_engine` simulate it and give the same plain `Run`, so that a test compares two lists and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from cryptolab.bars import TIMEFRAMES, Bars

from .reference import NAN, Bar, Flags, Order, Rules, Run, Trade, simulate

MIDNIGHT = 1_704_067_200_000_000_000  # 2024-01-01 00:00 UTC, a Monday
ALL = Flags(True, True, True, True)
LONG, SHORT = {"long": +1, "short": -1}, {+1: "long", -1: "short"}
COSTS = ("commission", "slippage", "fill", "max_wait", "lot_step", "min_order_size")


class Row(NamedTuple):
    """One row of the frame; unpriced when one of the four prices is NaN or 0."""

    time: int
    open: float
    high: float
    low: float
    close: float

    @property
    def priced(self) -> bool:
        return all(price > 0 for price in self[1:])


@dataclass(frozen=True)
class World:
    """A market, what a strategy said on it, and the rules of the account."""

    rows: tuple[Row, ...]
    flags: tuple[Flags, ...]
    timeframe: str = "1h"
    rules: Rules = field(default_factory=Rules)
    capital: float = 10_000.0

    @property
    def interval(self) -> int:
        return TIMEFRAMES[self.timeframe]

    @property
    def bars(self) -> list[Bar]:
        """The real bars."""
        return [Bar(*row) for row in self.rows if row.priced]

    def head(self, rows: int) -> World:
        """The same world before the row `rows` was known."""
        return replace(self, rows=self.rows[:rows], flags=self.flags[:rows])

    def frame(self) -> pd.DataFrame:
        """The rows as a user's DataFrame."""
        index = pd.DatetimeIndex(np.array([row.time for row in self.rows]), tz="UTC")
        columns = np.array([row[1:] for row in self.rows], dtype=float)
        frame = pd.DataFrame(columns, index=index, columns=["open", "high", "low", "close"])
        frame["volume"] = 1.0
        return frame


# ---- the two engines ------------------------------------------------------------------------------------------


def by_reference(world: World) -> Run:
    """Simulate the real bars in plain Python; `equity` has one value per BAR, plus the first (`on_rows` expands it)."""
    pairs = [(row, flags) for row, flags in zip(world.rows, world.flags, strict=True) if row.priced]
    return simulate(world.bars, [flags for _, flags in pairs], world.interval, world.rules, world.capital)


def on_rows(world: World, equity: list[float]) -> list[float]:
    """Carry the equity of the real bars forward over the unpriced rows: one value per row, plus the first."""
    later = iter(equity[1:])
    out = equity[:1]
    for row in world.rows:
        out.append(next(later) if row.priced else out[-1])
    return out


def engine_result(world: World) -> Any:
    """The engine's own result."""
    from cryptolab.backtesting import BacktestEngine, Costs, Risk
    from cryptolab.signal_generator import Signals

    costs = {name: value for name, value in vars(world.rules).items() if name in COSTS}
    risk = {name: value for name, value in vars(world.rules).items() if name not in COSTS}
    engine = BacktestEngine(costs=Costs(**costs), risk=Risk(**risk), initial_capital=world.capital)
    bars = Bars.from_frame(world.frame(), timeframe=world.timeframe)
    columns = [np.array(column, dtype=bool) for column in zip(*world.flags, strict=True)]
    return engine.run(bars, Signals(*columns))


def by_engine(world: World, result: Any = None) -> Run:
    """Simulate with the engine and take the labels off again; `equity` has one value per ROW, plus the first."""
    result = engine_result(world) if result is None else result
    place = {bar.time: t for t, bar in enumerate(world.bars)}
    run = Run(equity=[float(value) for value in result.equity_curve])
    for row in result.orders.to_dict("records"):
        run.orders.append(
            Order(int(row["bar"]), row["side"], row["size"], row["price"], row["fee"], row["reason"])
        )  # fmt: skip
        assert place[row["time"].value] == row["bar"]
    for row in result.trades.to_dict("records"):
        run.trades.append(
            Trade(
                LONG[row["direction"]], row["size"], place[row["entry_time"].value], row["entry_price"],
                row["entry_fee"], None if pd.isna(row["exit_time"]) else place[row["exit_time"].value],
                row["exit_price"], row["exit_fee"], row["pnl"], row["return"], row["exit_reason"],
                bool(row["ambiguous"]), bool(row["spans_gap"]),
            )
        )  # fmt: skip
    run.dropped.update({reason: count for reason, count in result.dropped.items() if count})
    return run


# ---- comparing ------------------------------------------------------------------------------------------------


def agree(ours: float, theirs: float, scale: float = 0.0) -> bool:
    """ "agrees when |a - b| <= 1e-9 x max(1, |b|)"; a difference of amounts of size `scale` adds their rounding."""
    if np.isnan(theirs):
        return bool(np.isnan(ours))
    return abs(ours - theirs) <= 1e-9 * max(1.0, abs(theirs)) + 1e-13 * scale


def assert_same_orders(ours: list[Order], theirs: list[Order]) -> None:
    """Same bars, sides and reasons; same sizes, prices and fees within the agreement."""
    assert [(order.bar, order.side) for order in ours] == [(order.bar, order.side) for order in theirs]
    for a, b in zip(ours, theirs, strict=True):
        assert agree(a.size, b.size), ("size", a, b)
        assert agree(a.price, b.price), ("price", a, b)
        assert agree(a.fee, b.fee), ("fee", a, b)


def assert_same_trades(ours: list[Trade], theirs: list[Trade]) -> None:
    """Every field of every trade."""
    assert [(t.entry_bar, t.exit_bar, t.direction) for t in ours] == [
        (t.entry_bar, t.exit_bar, t.direction) for t in theirs
    ]
    for a, b in zip(ours, theirs, strict=True):
        assert (a.reason, a.ambiguous, a.spans_gap) == (b.reason, b.ambiguous, b.spans_gap), (a, b)
        for name in ("size", "entry_price", "entry_fee", "exit_price", "exit_fee", "ret"):
            assert agree(getattr(a, name), getattr(b, name)), (name, a, b)
        assert agree(a.pnl, b.pnl, scale=b.size * b.entry_price), ("pnl", a, b)


def assert_same_equity(ours: list[float], theirs: list[float]) -> None:
    """Value by value."""
    assert len(ours) == len(theirs)
    for place, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert agree(a, b), ("equity", place, a, b)


def assert_same_run(world: World, ours: Run, reference: Run) -> None:
    """Orders, trades, equity on rows, and what was dropped."""
    assert_same_orders(ours.orders, reference.orders)
    assert_same_trades(ours.trades, reference.trades)
    assert dict(ours.dropped) == dict(reference.dropped)
    assert_same_equity(ours.equity, on_rows(world, reference.equity))


# ---- strategies -----------------------------------------------------------------------------------------------

# Most fractions are no round numbers: a level that is only nearly touched would hang on the last bit of a product.
MOVES = (0.0, 0.00313, -0.00291, 0.0213, -0.0197, 0.0671, -0.0713, 0.311, -0.271)
# The exact worlds have prices, moves and levels that are exact in binary, so that touching means touching.
EXACT_MOVES = (0.0, 1 / 16, -1 / 16, 1 / 8, -1 / 8, 1 / 4, -1 / 4, 1 / 2, -1 / 2)
SHAPES = ("plain", "plain", "jump", "back", "back", "flat", "tick", "wide", "spike", "hole", "limit", "double", "crash")
BEFORE = ("",) * 12 + (
    "missing 1",
    "missing 1",
    "missing 2",
    "missing 3",
    "missing 30",
    "nan",
    "zero",
    "nan nan",
    "part",
)
FLAGS = (0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 4, 4, 8, 3, 5, 6, 9, 12, 10, 15)


def shaped(shape: str, before: float, move: float, exact: bool) -> tuple[float, float, float, float]:
    """One bar after a close of `before`: open, high, low, close."""
    tick = 2.0 if exact else before * 0.00011
    size = abs(move)
    if shape == "plain":  # opens where the last closed
        bar = (before, before * (1 + max(move, 0)) + tick, before * (1 + min(move, 0)), before * (1 + move))
    elif shape == "jump":  # opens elsewhere: beyond levels
        start = before * (1 + move)
        bar = (start, start + tick, start, start)
    elif shape == "back":  # opens beyond one level and comes back through the other
        start = before * (1 + move)
        bar = (start, start, before * (1 - move), before)
    elif shape == "flat":
        bar = (before, before, before, before)
    elif shape == "tick":
        bar = (before, before + tick, before, before + tick)
    elif shape == "wide":  # stop and target within one bar
        bar = (before, before * (1 + size), before * (1 - size), before)
    elif shape == "spike":
        bar = (before, before * (1 + size), before, before)
    elif shape == "hole":
        bar = (before, before, before * (1 - size), before)
    elif shape == "limit":  # locked at the day's limit, one price
        start = before * (1.125 if move >= 0 else 0.875)
        bar = (start, start, start, start)
    elif shape == "double":
        bar = (before, before * 2.0313, before, before * 1.97)
    else:  # crash
        bar = (before, before, before * 0.413, before * 0.47)
    if exact:
        bar = tuple(max(2.0, 2.0 * round(price / 2.0)) for price in bar)
    start, close = bar[0], bar[3]
    return start, max(bar), min(bar), close


UNPRICED = {
    "nan": [(NAN, NAN, NAN, NAN)],
    "zero": [(0.0, 0.0, 0.0, 0.0)],
    "nan nan": [(NAN, NAN, NAN, NAN)] * 2,
    "part": [(100.0, NAN, 100.0, 100.0)],
}


def build_rows(plan: list[tuple[str, str, float]], start: int, interval: int, exact: bool) -> tuple[Row, ...]:
    """Lay the planned bars out in time, with what is missing or unpriced before each of them."""
    rows: list[Row] = []
    time, last = start, 1024.0 if exact else 103.7
    for before, shape, move in plan:
        if before.startswith("missing"):
            time += int(before.split()[1]) * interval
        for prices in UNPRICED.get(before, ()):
            rows.append(Row(time, *prices))
            time += interval
        if last > 1e5:  # prices stay where floats are dense
            shape = "crash"
        if last < 10:
            shape = "double"
        prices = shaped(shape, last, move, exact)
        rows.append(Row(time, *prices))
        time, last = time + interval, prices[3]
    return tuple(rows)


def flags_of(code: int, shorts: bool) -> Flags:
    """Decode four bits; no short entries where they are not allowed (they would be refused at the door)."""
    return Flags(bool(code & 1), bool(code & 2), bool(code & 4) and shorts, bool(code & 8))


@st.composite
def rules(draw: st.DrawFn, exact: bool = False, daily: bool = True, shorts: bool | None = None) -> Rules:
    """Random costs and risk settings."""
    pick = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    out = Rules(
        commission=pick(0.00113, 0.0, 0.0177) if not exact else 0.00113,
        slippage=0.0 if exact else pick(0.00053, 0.0, 0.0131),
        fill=pick("next_open", "next_open", "same_close", "worst"),
        max_wait=pick(1, 1, 0, 2),
        lot_step=pick(0.0, 0.0, 0.0, 0.01, 1.0, 7.0),
        min_order_size=pick(0.0, 0.0, 0.0, 9.7131),
        max_position_size=pick(1.0, 1.0, 0.3717, 0.9113),
        allow_short=draw(st.booleans()) if shorts is None else shorts,
    )
    levels = (None, 1 / 8, 1 / 4, 1 / 16) if exact else (None, 0.0213, 0.0671, 0.00313, 0.00091)
    multiples = (None, None, None, 1.3717, 0.2131)
    out.stop_loss = pick(*levels)
    out.take_profit = pick(*levels)
    out.trailing_stop = pick(None, None, *levels[1:])
    if out.stop_loss is None:
        out.stop_loss_atr_multiplier = pick(*multiples)
    if out.take_profit is None:
        out.take_profit_atr_multiplier = pick(*multiples)
    if daily:
        out.max_daily_loss = pick(None, None, 0.0317, 0.0071)
    return out


@st.composite
def worlds(
    draw: st.DrawFn, max_bars: int = 50, exact: bool | None = None, shorts: bool | None = None, holes: bool = True
) -> World:
    """A random market of the worst bars with random flags and rules."""
    exact = draw(st.booleans()) if exact is None else exact
    timeframe = draw(st.sampled_from(("1h", "15m", "4h", "1d") if holes else ("1h", "4h")))
    interval = TIMEFRAMES[timeframe]
    bar = st.tuples(
        st.sampled_from(BEFORE) if holes else st.just(""),
        st.sampled_from(SHAPES),
        st.sampled_from(EXACT_MOVES if exact else MOVES),
        st.sampled_from(FLAGS),
    )
    # long enough, half of the time, for an ATR of 14 to exist
    plan = draw(st.lists(bar, min_size=draw(st.sampled_from((1, 20))), max_size=max_bars))
    settings = draw(rules(exact=exact, daily=timeframe != "1d", shorts=shorts))
    start = MIDNIGHT + draw(st.integers(0, 23)) * TIMEFRAMES["1h"] if timeframe != "1d" else MIDNIGHT
    start -= start % interval
    rows = build_rows([entry[:3] for entry in plan], start, interval, exact)
    codes = iter(entry[3] for entry in plan)
    # a flag on an unpriced row is ignored: such rows get all of them
    noise = ALL if settings.allow_short else ALL._replace(short_entry=False)
    flags = tuple(flags_of(next(codes), settings.allow_short) if row.priced else noise for row in rows)
    return World(rows, flags, timeframe, settings)
