"""Worked by hand: each scenario's numbers stand in its comments, and both engines must give them.

Prices, fees and fractions are chosen so that the arithmetic can be checked in the head. Unless a scenario says so,
there are no costs, the capital is 10,000 and the bars are hourly from 2024-01-01 00:00.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd
import pytest

from cryptolab.bars import TIMEFRAMES
from cryptolab.signal_generator import long_while

from .reference import NAN, Flags, Rules, Run
from .reference_metrics import metrics as reference_metrics
from .worst_bars import MIDNIGHT, Row, World, by_engine, by_reference, engine_result, on_rows

HOUR = TIMEFRAMES["1h"]
FLAT = (100, 100, 100, 100)
HOLE = (NAN, NAN, NAN, NAN)
MISSING = None


def world(
    prices: Iterable[Any],
    *,
    buy: Iterable[int] = (),
    sell: Iterable[int] = (),
    short: Iterable[int] = (),
    cover: Iterable[int] = (),
    start: int = 0,
    **rules: Any,
) -> World:
    """Lay out (open, high, low, close) hour by hour from `start`; None is a missing row. Flags by row number."""
    rows = []
    for hour, bar in enumerate(prices):
        if bar is not MISSING:
            rows.append(Row(MIDNIGHT + (start + hour) * HOUR, *map(float, bar)))
    flags = tuple(Flags(i in buy, i in sell, i in short, i in cover) for i in range(len(rows)))
    rules = {"commission": 0.0, "slippage": 0.0, "allow_short": bool(short), **rules}
    return World(tuple(rows), flags, "1h", Rules(**rules))


def reference_on_rows(world: World) -> Run:
    run = by_reference(world)
    run.equity = on_rows(world, run.equity)
    return run


@pytest.fixture(params=["reference", "engine"])
def simulate(request: pytest.FixtureRequest) -> Callable[[World], Run]:
    """Each scenario runs through the plain reference and through the engine."""
    return reference_on_rows if request.param == "reference" else by_engine


def fills(run: Run) -> list[tuple[int, str, float, float]]:
    """(bar, side, size, price) of each order."""
    return [(o.bar, o.side, pytest.approx(o.size), pytest.approx(o.price)) for o in run.orders]


def exits(run: Run) -> list[tuple[int | None, str]]:
    """(exit bar, reason) of each trade."""
    return [(trade.exit_bar, trade.reason) for trade in run.trades]


# ---- market orders --------------------------------------------------------------------------------------------


def test_a_signal_fills_at_the_next_open_with_slippage_and_fee(simulate):
    # slippage 25%: buy 80 x 1.25 = 100. fee 25%: size = min(10000, 10000 / 1.25) / 100 = 80, fee 0.25 x 8000 = 2000.
    # close 110: equity 0 + 80 x 110 = 8800. Sell 160 x 0.75 = 120: 9600 - 2400 = 7200.
    bars = [FLAT, (80, 110, 80, 110), (160, 160, 160, 160)]
    run = simulate(world(bars, buy=[0], sell=[1], commission=0.25, slippage=0.25))
    assert fills(run) == [(1, "buy", 80, 100), (2, "sell", 80, 120)]
    assert [order.fee for order in run.orders] == pytest.approx([2000, 2400])
    assert run.equity == pytest.approx([10_000, 10_000, 8_800, 7_200])
    # pnl = 80 x (120 - 100) - 2000 - 2400 = -2800; return = -2800 / (100 x 80) = -0.35
    assert run.trades[0].pnl == pytest.approx(-2800)
    assert run.trades[0].ret == pytest.approx(-0.35)
    assert exits(run) == [(2, "signal")]


def test_a_signal_on_the_last_bar_never_fills(simulate):
    run = simulate(world([FLAT, FLAT], buy=[1]))
    assert run.orders == []
    assert run.trades == []
    assert not run.dropped  # it waits for a bar that never comes; nothing was dropped


def test_an_exit_on_the_last_bar_leaves_the_trade_open(simulate):
    # bought 100 at 100, marked at the last close of 130: pnl 3000
    run = simulate(world([FLAT, (100, 130, 100, 130)], buy=[0], sell=[1]))
    (trade,) = run.trades
    assert (trade.exit_bar, trade.reason) == (None, "open")
    assert math.isnan(trade.exit_price)
    assert math.isnan(trade.exit_fee)
    assert trade.pnl == pytest.approx(3000)


def test_an_open_trade_is_marked_net_of_its_entry_fee(simulate):
    # f 0.5, fee 10%: size 5000 / 100 = 50, fee 500. Marked at 120: 50 x 20 - 500 = 500; return 500 / 5000 = 0.1.
    run = simulate(world([FLAT, (100, 120, 100, 120)], buy=[0], max_position_size=0.5, commission=0.1))
    assert run.trades[0].pnl == pytest.approx(500)
    assert run.trades[0].ret == pytest.approx(0.1)
    assert run.equity[-1] == pytest.approx(10_500)


def test_a_fraction_below_the_fee_bound_is_not_reduced(simulate):
    # fee 25%: cash / 1.25 = 8000 bounds f = 1, but f = 0.6 buys its full 6000: 60 at 100, fee 1500, cash 2500
    run = simulate(world([FLAT, FLAT], buy=[0], max_position_size=0.6, commission=0.25))
    assert fills(run) == [(1, "buy", 60, 100)]
    assert run.equity[-1] == pytest.approx(2500 + 6000)


def test_an_entry_in_the_direction_held_does_nothing(simulate):
    run = simulate(world([FLAT] * 4, buy=[0, 1, 2]))
    assert fills(run) == [(1, "buy", 100, 100)]
    assert not run.dropped


def test_entry_and_exit_on_one_bar(simulate):
    # flat at bar 0: nothing. In a position at bar 2: exit at bar 3's open, and no re-entry.
    run = simulate(world([FLAT] * 5, buy=[0, 1, 2], sell=[0, 2]))
    assert fills(run) == [(2, "buy", 100, 100), (3, "sell", 100, 100)]
    assert not run.dropped


def test_exits_close_longs_only_and_short_exits_shorts_only(simulate):
    run = simulate(world([FLAT] * 6, buy=[0], cover=[1], sell=[2]))
    assert exits(run) == [(3, "signal")]
    run = simulate(world([FLAT] * 6, short=[0], sell=[1], cover=[2]))
    assert exits(run) == [(3, "signal")]


# ---- waiting over missing bars --------------------------------------------------------------------------------


def test_an_entry_waits_for_one_missing_bar_and_not_for_two(simulate):
    run = simulate(world([FLAT, MISSING, (90, 90, 90, 90)], buy=[0]))
    assert fills(run) == [(1, "buy", pytest.approx(10_000 / 90), 90)]
    run = simulate(world([FLAT, MISSING, MISSING, (90, 90, 90, 90)], buy=[0]))
    assert run.orders == []
    assert run.dropped == {"waited_too_long": 1}


def test_max_wait_of_none_and_of_two(simulate):
    assert simulate(world([FLAT, MISSING, FLAT], buy=[0], max_wait=0)).dropped == {"waited_too_long": 1}
    assert len(simulate(world([FLAT, MISSING, MISSING, FLAT], buy=[0], max_wait=2)).orders) == 1
    assert len(simulate(world([FLAT, FLAT], buy=[0], max_wait=0)).orders) == 1


def test_an_unpriced_row_is_a_missing_bar(simulate):
    # rows 1 and 2 have no prices: the entry would wait for two bars. The equity has a value for each row.
    run = simulate(world([FLAT, HOLE, (100, 0, 100, 100), FLAT], buy=[0]))
    assert run.dropped == {"waited_too_long": 1}
    assert run.equity == [10_000] * 5


def test_equity_is_carried_forward_over_unpriced_rows(simulate):
    # 100 bought at 100, close 90; the unpriced row repeats 9000
    run = simulate(world([HOLE, FLAT, (100, 100, 90, 90), HOLE, (80, 80, 80, 80)], buy=[1]))
    assert run.equity == [10_000, 10_000, 10_000, 9_000, 9_000, 8_000]


def test_an_exit_waits_as_long_as_it_must_and_the_trade_spans_the_gap(simulate):
    run = simulate(world([FLAT, FLAT] + [MISSING] * 30 + [(70, 70, 70, 70)], buy=[0], sell=[1]))
    assert fills(run) == [(1, "buy", 100, 100), (2, "sell", 100, 70)]
    assert run.trades[0].spans_gap


def test_a_gap_before_the_entry_is_not_spanned(simulate):
    run = simulate(world([FLAT, MISSING, FLAT, FLAT], buy=[0], sell=[1]))
    assert not run.trades[0].spans_gap


def test_a_waiting_exit_comes_before_the_stop_of_that_bar(simulate):
    # the stop at 90 is gapped through as well, but the order was there first: its reason is the signal
    run = simulate(world([FLAT, FLAT, (70, 70, 70, 70)], buy=[0], sell=[1], stop_loss=0.1))
    assert fills(run)[1] == (2, "sell", 100, 70)
    assert exits(run) == [(2, "signal")]


# ---- stops and targets ----------------------------------------------------------------------------------------


def test_a_stop_is_watched_on_the_entry_bar(simulate):
    # filled at 100, stop 90, low 85 in the same bar: sold at 90. cash 9000.
    run = simulate(world([FLAT, (100, 100, 85, 95)], buy=[0], stop_loss=0.1))
    assert fills(run) == [(1, "buy", 100, 100), (1, "sell", 100, 90)]
    assert exits(run) == [(1, "stop_loss")]
    assert run.equity == pytest.approx([10_000, 10_000, 9_000])


def test_a_stop_is_hit_when_price_touches_it(simulate):
    # stop 100 x (1 - 0.25) = 75 exactly; a low of 75.5 does not touch it, a low of 75 does
    bars = [FLAT, (100, 100, 75.5, 80), (80, 80, 75, 80)]
    assert exits(simulate(world(bars, buy=[0], stop_loss=0.25))) == [(2, "stop_loss")]


def test_a_stop_gapped_through_fills_at_the_open(simulate):
    run = simulate(world([FLAT, FLAT, (80, 95, 78, 92)], buy=[0], stop_loss=0.1))
    assert fills(run)[1] == (2, "sell", 100, 80)
    assert not run.trades[0].ambiguous


def test_a_stop_slips_and_is_measured_from_the_fill(simulate):
    # buy 80 x 1.25 = 100; stop 50% below the FILL = 50 (below the open it would be 40); sold at 50 x 0.75 = 37.5
    bars = [FLAT, (80, 80, 80, 80), (80, 80, 48, 60)]
    run = simulate(world(bars, buy=[0], stop_loss=0.5, slippage=0.25))
    assert fills(run) == [(1, "buy", 100, 100), (2, "sell", 100, 37.5)]


def test_a_stop_beyond_the_entry_bars_open_fills_at_that_open(simulate):
    # buy 80 x 1.25 = 100, stop 90 lies above the open of 80: out at once at 80 x 0.75 = 60
    run = simulate(world([FLAT, (80, 120, 80, 120)], buy=[0], stop_loss=0.1, slippage=0.25))
    assert fills(run) == [(1, "buy", 100, 100), (1, "sell", 100, 60)]


def test_a_target_fills_only_when_price_trades_through_it(simulate):
    # target 125: a high of 125 is not through; 125.5 is; no slippage on the target
    bars = [FLAT, (80, 125, 80, 90), (90, 125.5, 90, 91)]
    run = simulate(world(bars, buy=[0], take_profit=0.25, slippage=0.25))
    assert fills(run) == [(1, "buy", 100, 100), (2, "sell", 100, 125)]
    assert exits(run) == [(2, "take_profit")]


def test_both_levels_in_one_bar_are_the_stop(simulate):
    run = simulate(world([FLAT, FLAT, (100, 120, 80, 100)], buy=[0], stop_loss=0.1, take_profit=0.1))
    assert fills(run)[1] == (2, "sell", 100, 90)
    assert run.trades[0].ambiguous


def test_an_open_beyond_the_target_comes_before_the_stop(simulate):
    # opens at 130, beyond the target of 110, then falls to 80: sold at the open
    run = simulate(world([FLAT, FLAT, (130, 130, 80, 85)], buy=[0], stop_loss=0.1, take_profit=0.1))
    assert fills(run)[1] == (2, "sell", 100, 130)
    assert exits(run) == [(2, "take_profit")]
    assert not run.trades[0].ambiguous


def test_an_open_exactly_at_the_target_is_not_beyond_it(simulate):
    # opens at the target of 125 and falls through the stop of 75 without trading above 125: the stop
    run = simulate(world([FLAT, FLAT, (125, 125, 70, 75)], buy=[0], stop_loss=0.25, take_profit=0.25))
    assert fills(run)[1] == (2, "sell", 100, 75)


def test_a_trailing_stop_uses_the_highs_of_earlier_bars_only(simulate):
    # d 0.25. Entry bar: peak 100, level 75; its own high of 120 would give 90 and its low is 89: not hit.
    # Next bar: peak 120, level 90, low 89: sold at 90.
    run = simulate(world([FLAT, (100, 120, 89, 100), (100, 140, 89, 100)], buy=[0], trailing_stop=0.25))
    assert fills(run)[1] == (2, "sell", 100, 90)
    assert exits(run) == [(2, "trailing_stop")]


def test_of_several_stops_the_nearest_rules_and_a_tie_is_the_stop_loss(simulate):
    # at the fill both stand at 75: stop_loss
    run = simulate(world([FLAT, (100, 100, 75, 80)], buy=[0], stop_loss=0.25, trailing_stop=0.25))
    assert exits(run) == [(1, "stop_loss")]
    # after a high of 120 the trail stands at 90 and is nearer
    bars = [FLAT, (100, 120, 100, 100), (100, 100, 70, 80)]
    run = simulate(world(bars, buy=[0], stop_loss=0.25, trailing_stop=0.25))
    assert exits(run) == [(2, "trailing_stop")]
    assert run.orders[1].price == pytest.approx(90)
    # a trail of 50% stands at 60 and is farther than 75
    run = simulate(world(bars, buy=[0], stop_loss=0.25, trailing_stop=0.5))
    assert exits(run) == [(2, "stop_loss")]


def test_an_atr_stop_is_that_of_the_signal_bar_and_fixed(simulate):
    # 15 bars with a range of 4: ATR(14) of bar 14 is 4, so 2 ATR below 100 is 92. Bar 15 (high 120, low 93) would
    # raise the ATR to (4 x 13 + 27) / 14 = 5.64 and move the stop to 88.7, which bar 16's low of 92 does not reach.
    quiet = [(100, 102, 98, 100)] * 15
    bars = [*quiet, (100, 120, 93, 100), (100, 100, 92, 95)]
    run = simulate(world(bars, buy=[14], stop_loss_atr_multiplier=2.0))
    assert fills(run) == [(15, "buy", 100, 100), (16, "sell", 100, 92)]
    assert exits(run) == [(16, "stop_loss")]
    # and a target 5 ATR away stands at 120, which the high of 120 only touches
    run = simulate(world([*bars, (100, 121, 100, 100)], buy=[14], take_profit_atr_multiplier=5.0))
    assert fills(run)[1] == (17, "sell", 100, 120)


def test_an_entry_without_an_atr_is_dropped(simulate):
    # bar 13 has only 13 true ranges before it
    run = simulate(world([(100, 102, 98, 100)] * 16, buy=[13], stop_loss_atr_multiplier=2.0))
    assert run.orders == []
    assert run.dropped == {"atr_unknown": 1}


def test_after_a_stop_the_condition_must_turn_false_and_true_again(simulate):
    # long while the condition holds: bought at bar 1 and stopped there at 90; still true at bars 1 and 2; false at
    # bar 3; true at bar 4: bought again at bar 5
    signals = long_while([True, True, True, False, True, True])
    bars = [FLAT, (100, 100, 85, 100), FLAT, FLAT, FLAT, FLAT]
    buy, sell = signals.entries.nonzero()[0].tolist(), signals.exits.nonzero()[0].tolist()
    run = simulate(world(bars, buy=buy, sell=sell, stop_loss=0.1))
    assert [(order.bar, order.side) for order in run.orders] == [(1, "buy"), (1, "sell"), (5, "buy")]
    assert run.orders[2].size == pytest.approx(90)


# ---- shorts ---------------------------------------------------------------------------------------------------


def test_a_short_is_mirrored(simulate):
    # sold short 100 at 100; stop at 125 touched by a high of 125: bought back there, loss 2500
    run = simulate(world([FLAT, FLAT, (100, 125, 100, 110)], short=[0], stop_loss=0.25))
    assert fills(run) == [(1, "sell", 100, 100), (2, "buy", 100, 125)]
    assert run.equity[-1] == pytest.approx(7_500)
    # target at 75: a low of 75 only touches; 74 goes through; profit 2500
    bars = [FLAT, (100, 100, 75, 90), (90, 90, 74, 80)]
    run = simulate(world(bars, short=[0], take_profit=0.25))
    assert fills(run)[1] == (2, "buy", 100, 75)
    assert run.trades[0].pnl == pytest.approx(2500)
    # opened at 60, beyond the target, before rising through the stop: at 60
    run = simulate(world([FLAT, FLAT, (60, 130, 60, 120)], short=[0], take_profit=0.25, stop_loss=0.25))
    assert fills(run)[1] == (2, "buy", 100, 60)
    # trailing: trough 80 after the entry bar, level 80 x 1.25 = 100
    bars = [FLAT, (100, 110, 80, 90), (90, 100, 90, 90)]
    run = simulate(world(bars, short=[0], trailing_stop=0.25))
    assert (*fills(run)[1], exits(run)) == (2, "buy", 100, 100, [(2, "trailing_stop")])


def test_a_short_pays_slippage_and_fees_on_both_sides(simulate):
    # slippage 25%, fee 10%: sell 80 x 0.75 = 60, size 10000 / 60, proceeds 10000, fee 1000: cash 19000.
    # Cover 40 x 1.25 = 50: 10000 / 60 x 50 = 8333.33, fee 833.33: cash 9833.33.
    bars = [FLAT, (80, 80, 80, 80), (40, 40, 40, 40)]
    run = simulate(world(bars, short=[0], cover=[1], slippage=0.25, commission=0.1))
    assert fills(run) == [(1, "sell", 10_000 / 60, 60), (2, "buy", 10_000 / 60, 50)]
    assert run.equity[-1] == pytest.approx(19_000 - 8_333.3333333 - 833.3333333)


def test_a_reversal_is_two_orders_and_the_second_is_sized_after_the_firsts_costs(simulate):
    # f 0.5, fee 1%. Buy 50 at 100 (fee 50, cash 4950). Sell 50 at 120 (fee 60): cash 10890.
    # Short 0.5 x 10890 / 120 = 45.375 (fee 54.45). Equity at 120: 10890 - 54.45.
    bars = [FLAT, FLAT, (120, 120, 120, 120)]
    run = simulate(world(bars, buy=[0], short=[1], max_position_size=0.5, commission=0.01))
    assert fills(run) == [(1, "buy", 50, 100), (2, "sell", 50, 120), (2, "sell", 45.375, 120)]
    assert run.equity[-1] == pytest.approx(10_835.55)
    assert exits(run) == [(2, "reversal"), (None, "open")]
    assert [trade.direction for trade in run.trades] == [1, -1]


def test_a_reversal_back_to_long(simulate):
    # short 100 at 100, cash 20000; at 50: cover for 5000, cash 15000, buy 300
    run = simulate(world([FLAT, FLAT, (50, 50, 50, 50)], short=[0], buy=[1]))
    assert fills(run) == [(1, "sell", 100, 100), (2, "buy", 100, 50), (2, "buy", 300, 50)]


def test_a_reversal_whose_entry_is_dropped_still_closes(simulate):
    run = simulate(world([FLAT, FLAT, MISSING, MISSING, FLAT], buy=[0], short=[1]))
    assert exits(run) == [(2, "reversal")]
    assert run.dropped == {"waited_too_long": 1}


def test_both_entries_while_flat_are_contradictory(simulate):
    run = simulate(world([FLAT] * 3, buy=[0], short=[0]))
    assert run.orders == []
    assert run.dropped == {"contradictory": 1}


def test_a_short_whose_equity_reaches_zero_ends_the_run(simulate):
    # sold 100 at 100, cash 20000: equity is 0 at 200, touched by the high. Nothing is taken afterwards.
    bars = [FLAT, FLAT, (150, 200, 150, 160), FLAT, FLAT]
    run = simulate(world(bars, short=[0], buy=[3]))
    assert fills(run)[1] == (2, "buy", 100, 200)
    assert exits(run) == [(2, "ruin")]
    assert run.equity == pytest.approx([10_000, 10_000, 10_000, 0, 0, 0])
    assert run.dropped == {"ended": 1}


@pytest.mark.parametrize(("price", "fraction"), [(139, 1.0), (278, 1.0), (119, 0.3), (121, 0.3)])
def test_what_rounding_leaves_after_a_ruin_is_no_capital(price, fraction, simulate):
    # bought back with all the cash, of which rounding leaves 4e-12: that is no capital to enter with again
    bars = [(price,) * 4, (price,) * 4, (price, 9 * price, price, price), (price,) * 4, (price,) * 4]
    run = simulate(world(bars, short=[0], buy=[2], max_position_size=fraction))
    assert exits(run) == [(2, "ruin")]
    assert run.equity[-1] == pytest.approx(0.0, abs=1e-9)
    assert run.dropped == {"ended": 1}


def test_a_ruined_short_gapped_through_owes_money(simulate):
    # opens at 250: bought back for 25000 with 20000 in hand
    run = simulate(world([FLAT, FLAT, (250, 250, 250, 250)], short=[0]))
    assert exits(run) == [(2, "ruin")]
    assert run.equity[-1] == pytest.approx(-5_000)


def test_a_stop_nearer_than_ruin_rules(simulate):
    # stop 150 before ruin at 200: cash 20000 - 15000 = 5000 and the run goes on: 50 bought at 100
    bars = [FLAT, FLAT, (120, 210, 120, 120), FLAT]
    run = simulate(world(bars, short=[0], buy=[2], stop_loss=0.5))
    assert fills(run)[1:] == [(2, "buy", 100, 150), (3, "buy", 50, 100)]
    assert exits(run)[0] == (2, "stop_loss")


def test_a_stop_gapped_beyond_ruin_ends_the_run_too(simulate):
    # the stop at 150 is the nearest, but the bar opens at 250: cash 20000 - 25000 < 0
    run = simulate(world([FLAT, FLAT, (250, 250, 250, 250), FLAT], short=[0], buy=[2], stop_loss=0.5))
    assert exits(run) == [(2, "stop_loss")]
    assert run.dropped == {"ended": 1}


# ---- sizes ----------------------------------------------------------------------------------------------------


def test_the_lot_step_rounds_down(simulate):
    # 10000 / 300 = 33.33: three lots of 10; cash 1000
    run = simulate(world([FLAT, (300, 300, 300, 300)], buy=[0], lot_step=10.0))
    assert fills(run) == [(1, "buy", 30, 300)]
    # 0.3 / 0.1 is three lots, although in binary it is 2.9999999999999996
    bars = [FLAT, (10_000, 10_000, 10_000, 10_000)]
    run = simulate(world(bars, buy=[0], lot_step=0.1, max_position_size=0.3))
    assert fills(run) == [(1, "buy", 0.3, 10_000)]


def test_below_the_minimum_nothing_is_traded_and_it_is_counted(simulate):
    bars = [FLAT, (300, 300, 300, 300)]
    run = simulate(world(bars, buy=[0], lot_step=1.0, min_order_size=34.0))
    assert run.orders == []
    assert run.dropped == {"below_minimum": 1}
    # 33 lots of 1 are not below 33
    assert fills(simulate(world(bars, buy=[0], lot_step=1.0, min_order_size=33.0))) == [(1, "buy", 33, 300)]
    # a lot larger than the order leaves nothing
    assert simulate(world(bars, buy=[0], lot_step=50.0)).dropped == {"below_minimum": 1}


# ---- daily loss -----------------------------------------------------------------------------------------------


def test_the_daily_loss_is_measured_from_the_close_before_midnight(simulate):
    # limit 10%. 22:00 signal, 23:00 bought 100 at 100, close 95: 9500. From 00:00 the baseline is 9500, the limit 8550:
    # 00:00 close 88 (8800) holds, though it is below 9000; 01:00 close 85 (8500) breaches; sold at 02:00's open, 84.
    # The entry of 02:00 is dropped; the one of the next day's 00:00 (row 26) fills at 01:00: 8400 / 84 = 100.
    later = [(84, 84, 84, 84)] * 24
    bars = [FLAT, (100, 100, 95, 95), (95, 95, 88, 88), (88, 88, 85, 85), *later]
    run = simulate(world(bars, buy=[0, 4, 26], start=22, max_daily_loss=0.1))
    assert fills(run) == [(1, "buy", 100, 100), (4, "sell", 100, 84), (27, "buy", 100, 84)]
    assert exits(run) == [(4, "daily_loss"), (None, "open")]
    assert run.dropped == {"daily_loss": 1}


def test_the_day_one_baseline_is_the_initial_capital_and_the_limit_counts_when_met(simulate):
    # limit 25%: a close of 75 gives 7500 = 0.75 x 10000: breached, flattened at the next open, which is tomorrow's.
    # The entry raised with the breach is of the locked day; that of 00:00 is not.
    bars = [FLAT, (100, 100, 75, 75), (80, 80, 80, 80), (80, 80, 80, 80)]
    run = simulate(world(bars, buy=[0, 2], start=22, max_daily_loss=0.25))
    assert fills(run) == [(1, "buy", 100, 100), (2, "sell", 100, 80), (3, "buy", 100, 80)]
    assert exits(run)[0] == (2, "daily_loss")


def test_flatten_and_exit_together_are_one_order_of_the_daily_loss(simulate):
    bars = [FLAT, (100, 100, 75, 75), (80, 80, 80, 80)]
    run = simulate(world(bars, buy=[0], sell=[1], max_daily_loss=0.25))
    assert len(run.orders) == 2
    assert exits(run) == [(2, "daily_loss")]


def test_a_breach_after_a_stop_locks_the_day_without_an_order(simulate):
    # stopped at 70 within the bar: 7000 at the close breaches 7500; the entries of bars 1 and 2 are dropped
    bars = [FLAT, (100, 100, 70, 80), (80, 80, 80, 80), (80, 80, 80, 80)]
    run = simulate(world(bars, buy=[0, 1, 2], stop_loss=0.3, max_daily_loss=0.25))
    assert len(run.orders) == 2
    assert run.dropped == {"daily_loss": 2}


# ---- the other fills ------------------------------------------------------------------------------------------


def test_same_close_fills_at_its_own_close_and_on_the_last_bar_too(simulate):
    # sold at the last bar's close 60 less 25%: 45. Bought at 50 x 1.25 = 62.5: 160 coins.
    bars = [(100, 100, 50, 50), (50, 60, 50, 60)]
    run = simulate(world(bars, buy=[0], sell=[1], fill="same_close", slippage=0.25))
    assert fills(run) == [(0, "buy", 160, 62.5), (1, "sell", 160, 45)]
    assert run.equity == pytest.approx([10_000, 8_000, 7_200])
    run = simulate(world(bars, buy=[1], fill="same_close"))
    assert fills(run) == [(1, "buy", pytest.approx(10_000 / 60), 60)]


def test_same_close_watches_stops_from_the_next_bar(simulate):
    # bought at the close of 100 of a bar that had been at 50 and at 200: neither stop nor trail knows of it.
    # Next bar: the trail stands at 75 (from 200 it would be 150): a low of 76 holds. Bar 2: peak 104, level 78.
    bars = [(100, 200, 50, 100), (100, 104, 76, 100), (100, 100, 78, 90)]
    run = simulate(world(bars, buy=[0], fill="same_close", trailing_stop=0.25))
    assert fills(run) == [(0, "buy", 100, 100), (2, "sell", 100, 78)]


def test_same_close_does_not_wait_for_missing_bars(simulate):
    run = simulate(world([FLAT, MISSING, MISSING, FLAT], buy=[0], fill="same_close"))
    assert fills(run) == [(0, "buy", 100, 100)]


def test_same_close_flattens_a_daily_loss_at_the_next_open(simulate):
    # bar 1 closes at 75: breach before its fills; no exit was flagged: flattened at bar 2's open of 70
    bars = [FLAT, (100, 100, 75, 75), (70, 90, 70, 90), FLAT]
    run = simulate(world(bars, buy=[0, 2], fill="same_close", max_daily_loss=0.25))
    assert fills(run) == [(0, "buy", 100, 100), (2, "sell", 100, 70)]
    assert exits(run) == [(2, "daily_loss")]
    assert run.dropped == {"daily_loss": 1}


def test_same_close_checks_the_daily_loss_again_after_its_fills(simulate):
    # slippage 50%: 100 a coin become 150, equity at the close 10000 / 150 x 100 = 6667: breached by the fill itself
    run = simulate(world([FLAT, FLAT], buy=[0], fill="same_close", slippage=0.5, max_daily_loss=0.25))
    assert exits(run) == [(1, "daily_loss")]


def test_same_close_counts_a_loss_on_the_first_bar(simulate):
    # fee 25%: 80 bought at 100, equity 8000 at the first close; sold at 100: 6000
    run = simulate(world([FLAT, FLAT], buy=[0], sell=[1], fill="same_close", commission=0.25))
    assert run.equity == pytest.approx([10_000, 8_000, 6_000])


def test_worst_buys_the_high_and_sells_the_low(simulate):
    bars = [FLAT, (100, 125, 90, 100), (100, 110, 80, 100)]
    run = simulate(world(bars, buy=[0], sell=[1], fill="worst"))
    assert fills(run) == [(1, "buy", 80, 125), (2, "sell", 80, 80)]
    run = simulate(world(bars, short=[0], cover=[1], fill="worst", max_position_size=0.9))
    assert fills(run) == [(1, "sell", 100, 90), (2, "buy", 100, 110)]


def test_worst_watches_the_entry_bar_with_its_open(simulate):
    # bought at the high of 125; the stop of 112.5 lies above the open of 100: out at 100
    run = simulate(world([FLAT, (100, 125, 90, 120)], buy=[0], fill="worst", stop_loss=0.1))
    assert fills(run) == [(1, "buy", 80, 125), (1, "sell", 80, 100)]


def test_worst_flattens_a_daily_loss_at_the_worst_price(simulate):
    bars = [FLAT, (100, 100, 75, 75), (80, 90, 60, 80)]
    run = simulate(world(bars, buy=[0], fill="worst", max_daily_loss=0.25))
    assert fills(run)[1] == (2, "sell", 100, 60)


# ---- metrics --------------------------------------------------------------------------------------------------

METRICS_WORLD = world(
    # bought 100 at 100: 10000, 12000, 9000; sold at 90: 9000 for ever. Equity 10000 10000 12000 9000 9000.
    [FLAT, (100, 120, 100, 120), (120, 120, 90, 90), (90, 90, 90, 90)],
    buy=[0],
    sell=[2],
)


def hand_computed() -> dict[str, float]:
    """The metrics of METRICS_WORLD, from the definitions, in numbers."""
    returns = [0.0, 0.2, -0.25, 0.0]
    mean = -0.05 / 4  # -0.0125
    # squares about the mean: 0.0125^2 x 2 + 0.2125^2 + 0.2375^2 = 0.101875; / 3
    deviation = math.sqrt(0.101875 / 3)
    years = 4 / 8760
    market = [0.0, 0.2, -0.25, 0.0]  # buy-and-hold from the first open is the same series here
    assert returns == market
    return {
        "total_return": -0.1,
        "cagr": 0.9 ** (1 / years) - 1,
        "volatility": deviation * math.sqrt(8760),
        "sharpe_ratio": mean / deviation * math.sqrt(8760),
        "sortino_ratio": mean / math.sqrt(0.25**2 / 4) * math.sqrt(8760),
        "max_drawdown": -0.25,
        "calmar_ratio": (0.9 ** (1 / years) - 1) / 0.25,
        "win_rate": 0.0,
        "profit_factor": 0.0,  # nothing won, 1000 lost: 0 / 1000
        "expectancy": -1000.0,
        "exposure": 2 / 4,  # held at the closes of bars 1 and 2
        "turnover": (10_000 + 9_000) / 10_000 / years,  # mean equity (10000 + 10000 + 12000 + 9000 + 9000) / 5
        "average_holding_time": 2 * HOUR,
        "longest_drawdown": 2 * HOUR,  # from the close of bar 1 to the end
        "alpha": 0.0,
        "beta": 1.0,
        "n_trades": 1,
        "fees_paid": 0.0,
    }


def plain(value: Any) -> float:
    """A metric as a float; times in ns."""
    if value is pd.NaT:
        return NAN
    return float(value.value) if isinstance(value, pd.Timedelta) else float(value)


@pytest.mark.parametrize("source", ["reference", "engine"])
@pytest.mark.parametrize("name", hand_computed())
def test_metrics_by_hand(name, source):
    if source == "reference":
        got = reference_metrics(by_reference(METRICS_WORLD), METRICS_WORLD.bars, HOUR)[name]
    else:
        result = engine_result(METRICS_WORLD)
        got = plain(result[name])
        assert plain(getattr(result, name)) == got
    assert got == pytest.approx(hand_computed()[name], rel=1e-9, abs=1e-9)


def test_a_loss_on_the_first_bar_counts_in_drawdown_and_returns():
    # fee 25%, bought at the first close: 10000, 8000, then 8000: down 20% from the initial capital, for two hours,
    # and returns of -0.2 and 0: mean -0.1, std 0.1 x sqrt(2)
    result = engine_result(world([FLAT, FLAT], buy=[0], fill="same_close", commission=0.25))
    assert result.max_drawdown == pytest.approx(-0.2)
    assert result.longest_drawdown == pd.Timedelta(hours=2)
    assert result.sharpe_ratio == pytest.approx(-0.1 / (0.1 * math.sqrt(2)) * math.sqrt(8760))


UNDEFINED = ["sharpe_ratio", "sortino_ratio", "calmar_ratio", "win_rate", "profit_factor", "expectancy", "alpha",
             "beta", "average_holding_time"]  # fmt: skip


@pytest.mark.parametrize("source", ["reference", "engine"])
def test_what_is_undefined_is_nan(source):
    # no trade on a market that never moves: no ratio has a meaning, a return of 0 and a drawdown of 0 do
    idle = world([FLAT] * 3)
    if source == "reference":
        got = reference_metrics(by_reference(idle), idle.bars, HOUR)
    else:
        result = engine_result(idle)
        got = {name: plain(result[name]) for name in hand_computed()}
    assert {name for name, value in got.items() if math.isnan(value)} == set(UNDEFINED)
    zero = ("total_return", "cagr", "volatility", "max_drawdown", "exposure", "turnover", "n_trades", "fees_paid")
    assert [got[name] for name in (*zero, "longest_drawdown")] == [0.0] * 9


def test_the_result_is_labelled_as_the_guide_and_the_rules_say():
    # the equity is stamped by closes and begins with the capital at the first open; the open trade stands last
    result = engine_result(world([FLAT, HOLE, FLAT, FLAT, FLAT], buy=[0, 3], sell=[2]))
    hours = pd.date_range("2024-01-01", periods=6, freq="h", tz="UTC")
    assert list(result.equity_curve.index) == list(hours)
    assert list(result.trades.columns) == [
        "entry_time", "exit_time", "direction", "size", "entry_price", "exit_price", "entry_fee", "exit_fee", "pnl",
        "return", "exit_reason", "spans_gap", "ambiguous",
    ]  # fmt: skip
    assert list(result.orders.columns) == ["bar", "time", "side", "size", "price", "fee", "reason"]
    assert list(result.trades["exit_reason"]) == ["signal", "open"]
    assert list(result.trades["entry_time"]) == [hours[2], hours[4]]
    assert result.trades["exit_time"].isna().tolist() == [False, True]
    assert result.n_trades == result["n_trades"] == 1
