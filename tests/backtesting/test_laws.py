"""What holds for every run, whatever the rules: no outside judge is needed to see it broken."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cryptolab.errors import InputError

from .reference import Order, Rules, Run
from .worst_bars import Row, World, agree, by_engine, engine_result, worlds

PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
NAN_ROW = (math.nan,) * 4


def of_bars(world: World, run: Run) -> list[float]:
    """The equity of the real bars, the first included."""
    return run.equity[:1] + [value for value, row in zip(run.equity[1:], world.rows, strict=True) if row.priced]


def books(world: World, orders: list[Order]) -> list[tuple[float, float]]:
    """Cash and quantity after the orders of each bar, from the orders alone."""
    cash, quantity, out = world.capital, 0.0, []
    for t in range(len(world.bars)):
        for order in orders:
            if order.bar == t:
                sign = 1 if order.side == "buy" else -1
                cash -= sign * order.size * order.price + order.fee
                quantity += sign * order.size
        out.append((cash, quantity))
    return out


@settings(max_examples=120, **PATIENT)
@given(worlds())
def test_fills_lie_within_the_bars_range_plus_slippage(world):
    slip = world.rules.slippage
    for order in by_engine(world).orders:
        bar = world.bars[order.bar]
        worse = slip if order.reason != "take_profit" else 0.0
        low = bar.low * (1 - worse) if order.side == "sell" else bar.low
        high = bar.high * (1 + worse) if order.side == "buy" else bar.high
        assert low * (1 - 1e-12) <= order.price <= high * (1 + 1e-12)


@settings(max_examples=80, **PATIENT)
@given(worlds())
def test_slippage_is_always_against_the_trader(world):
    """Market orders of the default fill: the open, dearer for the buyer and cheaper for the seller."""
    slip = 0.0131
    world = replace(world, rules=replace(world.rules, fill="next_open", slippage=slip))
    for order in by_engine(world).orders:
        if order.reason in ("signal", "reversal", "daily_loss", "entry"):
            opened = world.bars[order.bar].open
            assert order.price == pytest.approx(opened * (1 + slip if order.side == "buy" else 1 - slip), rel=1e-12)


@settings(max_examples=80, **PATIENT)
@given(worlds(shorts=False))
def test_cash_is_never_negative_in_long_only_runs(world):
    scale = max(by_engine(world).equity)
    for cash, quantity in books(world, by_engine(world).orders):
        assert cash >= -1e-12 * scale
        assert quantity >= 0


@settings(max_examples=120, **PATIENT)
@given(worlds())
def test_equity_is_cash_plus_position(world):
    run = by_engine(world)
    held = books(world, run.orders)
    for (cash, quantity), bar, equity in zip(held, world.bars, of_bars(world, run)[1:], strict=True):
        assert agree(equity, cash + quantity * bar.close, scale=10 * (abs(cash) + abs(quantity) * bar.close))


@settings(max_examples=80, **PATIENT)
@given(worlds())
def test_nothing_is_made_or_lost(world):
    """The trades' profits add up to what the account gained; the orders' fees are the trades' fees."""
    run = by_engine(world)
    gained = run.equity[-1] - world.capital
    turned = sum(order.size * order.price for order in run.orders)
    assert agree(sum(trade.pnl for trade in run.trades), gained, scale=100 * turned)
    fees = sum(trade.entry_fee + (0.0 if trade.exit_bar is None else trade.exit_fee) for trade in run.trades)
    assert agree(fees, sum(order.fee for order in run.orders))
    closed = sum(trade.exit_bar is not None for trade in run.trades)
    assert len(run.orders) == 2 * closed + (len(run.trades) - closed)


@settings(max_examples=80, **PATIENT)
@given(worlds(), st.data())
def test_the_past_never_changes(world, data):
    """Cut after any row: earlier fills, closed trades and equity are the same to the last bit."""
    cut = data.draw(st.integers(1, len(world.rows)))
    part = world.head(cut)
    assume(part.bars)
    whole, early = by_engine(world), by_engine(part)
    known = len(part.bars)
    assert early.orders == [order for order in whole.orders if order.bar < known]
    assert early.equity == whole.equity[: cut + 1]
    done = [trade for trade in early.trades if trade.exit_bar is not None]
    assert done == [trade for trade in whole.trades if trade.exit_bar is not None and trade.exit_bar < known]
    assert all(early.dropped[reason] <= whole.dropped[reason] for reason in early.dropped)


@settings(max_examples=20, **PATIENT)
@given(worlds(max_bars=25))
def test_the_past_never_changes_at_any_row(world):
    whole = by_engine(world)
    for cut in range(1, len(world.rows)):
        part = world.head(cut)
        if part.bars:
            early = by_engine(part)
            assert early.orders == [order for order in whole.orders if order.bar < len(part.bars)]
            assert early.equity == whole.equity[: cut + 1]


@settings(max_examples=80, **PATIENT)
@given(worlds(), st.data())
def test_a_bar_taken_out_and_a_bar_without_prices_are_the_same(world, data):
    """Set a row's prices to NaN, to 0, or leave the row out: the same fills and the same metrics."""
    assume(len(world.bars) > 1)
    place = data.draw(st.sampled_from([i for i, row in enumerate(world.rows) if row.priced]))
    time = world.rows[place].time
    unpriced = data.draw(st.sampled_from((NAN_ROW, (0.0,) * 4)))
    blank = replace(world, rows=(*world.rows[:place], Row(time, *unpriced), *world.rows[place + 1 :]))
    keep = [i for i, row in enumerate(blank.rows) if row.priced]
    absent = replace(world, rows=tuple(world.rows[i] for i in keep), flags=tuple(world.flags[i] for i in keep))
    with_blank, without = engine_result(blank), engine_result(absent)
    a, b = by_engine(blank, with_blank), by_engine(absent, without)
    assert (a.orders, str(a.trades), a.dropped) == (b.orders, str(b.trades), b.dropped)  # NaN is not NaN, 'nan' is
    assert of_bars(blank, a) == b.equity
    one, two = with_blank.metrics, without.metrics
    assert {name: str(value) for name, value in one.items()} == {name: str(value) for name, value in two.items()}


def times(world: World, factor: float) -> World:
    """The same market quoted in another unit: prices times `factor`, quantities divided by it."""
    rows = tuple(Row(row.time, *(price * factor for price in row[1:])) for row in world.rows)
    rules = replace(
        world.rules, lot_step=world.rules.lot_step / factor, min_order_size=world.rules.min_order_size / factor
    )
    return replace(world, rows=rows, rules=rules)


@settings(max_examples=80, **PATIENT)
@given(worlds(), st.sampled_from((2.0, 0.25, 1024.0, 2.0**-20)))
def test_the_unit_of_the_price_does_not_matter(world, factor):
    """A power of two changes no digit of anything: the equity is the same to the last bit."""
    a, b = by_engine(world), by_engine(times(world, factor))
    assert b.equity == a.equity
    assert [(o.bar, o.side, o.price, o.size, o.fee, o.reason) for o in b.orders] == [
        (o.bar, o.side, o.price * factor, o.size / factor, o.fee, o.reason) for o in a.orders
    ]


@settings(max_examples=60, **PATIENT)
@given(worlds(), st.sampled_from((2.0, 0.5, 64.0)))
def test_the_unit_of_the_account_does_not_matter(world, factor):
    rules = replace(
        world.rules, lot_step=world.rules.lot_step * factor, min_order_size=world.rules.min_order_size * factor
    )
    a, b = by_engine(world), by_engine(replace(world, rules=rules, capital=world.capital * factor))
    assert b.equity == [value * factor for value in a.equity]


@settings(max_examples=40, **PATIENT)
@given(worlds())
def test_the_same_run_twice_is_the_same(world):
    a, b = by_engine(world), by_engine(world)
    assert (a.orders, a.equity, a.dropped) == (b.orders, b.equity, b.dropped)


@settings(max_examples=40, **PATIENT)
@given(worlds())
def test_without_entries_nothing_happens(world):
    quiet = tuple(flags._replace(entry=False, short_entry=False) for flags in world.flags)
    run = by_engine(replace(world, flags=quiet))
    assert (run.orders, run.trades, dict(run.dropped)) == ([], [], {})
    assert set(run.equity) == {world.capital}


@settings(max_examples=60, **PATIENT)
@given(worlds())
def test_more_commission_never_helps(world):
    """The same all-in longs without levels: the account with the higher fee never stands higher."""
    plain = Rules(commission=0.001, slippage=0.0, fill=world.rules.fill, max_wait=world.rules.max_wait)
    flags = tuple(flags._replace(short_entry=False) for flags in world.flags)
    cheap = by_engine(replace(world, flags=flags, rules=plain))
    dear = by_engine(replace(world, flags=flags, rules=replace(plain, commission=0.01)))
    assert [(o.bar, o.side) for o in cheap.orders] == [(o.bar, o.side) for o in dear.orders]
    assert all(b <= a * (1 + 1e-12) for a, b in zip(cheap.equity, dear.equity, strict=True))


REFUSED = [
    {"max_position_size": 1.5},
    {"stop_loss": 0.1, "stop_loss_atr_multiplier": 2.0},
    {"take_profit": 0.1, "take_profit_atr_multiplier": 2.0},
    {"fill": "mid"},
    {"commission": -0.1},
    {"slippage": math.nan},
]


def quiet_world(timeframe: str = "1h", **rules: object) -> World:
    from .test_scenarios import FLAT, world
    from .worst_bars import MIDNIGHT

    hourly = world([FLAT] * 3, buy=[0], **rules)
    made = replace(hourly, timeframe=timeframe)
    return replace(made, rows=tuple(Row(MIDNIGHT + i * made.interval, *row[1:]) for i, row in enumerate(made.rows)))


@pytest.mark.parametrize("rules", REFUSED, ids=lambda rules: "+".join(rules))
def test_rules_without_meaning_are_refused(rules):
    with pytest.raises(InputError):
        engine_result(quiet_world(**rules))


def test_a_daily_loss_is_refused_for_daily_bars():
    with pytest.raises(InputError):
        engine_result(quiet_world("1d", max_daily_loss=0.1))
    assert engine_result(quiet_world("12h", max_daily_loss=0.1)).n_trades == 0


def test_a_short_entry_is_refused_where_shorts_are_not_allowed():
    from .test_scenarios import FLAT, world

    with pytest.raises(InputError):
        engine_result(world([FLAT] * 3, short=[0], allow_short=False))
    engine_result(world([FLAT] * 3, buy=[0], cover=[1], allow_short=False))
