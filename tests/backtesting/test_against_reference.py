"""The engine against the slow reference, on everything: the same orders, trades, equity, drops and metrics."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .reference import Rules, average_true_range
from .reference_metrics import deepest_drawdown, metrics, simple_returns
from .test_scenarios import hand_computed, plain
from .worst_bars import World, agree, assert_same_run, by_engine, by_reference, engine_result, worlds

PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}


def same_run(world: World) -> None:
    """Orders, trades, equity and dropped orders."""
    assert_same_run(world, by_engine(world), by_reference(world))


def same_metrics(world: World) -> None:
    """Every metric, the reference computing its own from the engine's equity, orders and trades.

    The two simulations agree to rounding (tested above); a ratio of two roundings, such as the Sharpe ratio of a free
    trade on a flat market, has no meaning to compare, so that each metric is left out where its base is only that.
    """
    result = engine_result(world)
    run, reference = by_engine(world, result), by_reference(world)
    priced = [0] + [row + 1 for row, bar in enumerate(world.rows) if bar.priced]
    run.equity, run.quantity = [run.equity[row] for row in priced], reference.quantity
    if min(run.equity) <= 0:  # after a ruin a return has no base: what can be said is tested below
        return
    expected = metrics(run, world.bars, world.interval)
    returns = simple_returns(run.equity)
    moves = math.sqrt(sum(r * r for r in returns) / len(returns))
    falls = math.sqrt(sum(min(r, 0.0) ** 2 for r in returns) / len(returns))
    lost = sum(-trade.pnl for trade in run.trades if trade.exit_bar is not None and trade.pnl < 0)
    noise = set()
    if 0 < moves < 1e-9:
        noise |= {"sharpe_ratio", "longest_drawdown"}
    if 0 < falls < 1e-9 or 0 > deepest_drawdown(run.equity) > -1e-9:
        noise |= {"sortino_ratio", "calmar_ratio", "longest_drawdown"}
    if 0 < lost < 1e-5:
        noise |= {"profit_factor"}
    got = result.metrics
    assert set(got) >= set(expected) - {"average_holding_time", "longest_drawdown"}
    for name in set(expected) - noise:
        value = plain(result[name])
        assert plain(getattr(result, name)) == value or math.isnan(value), name
        assert not math.isinf(value), name
        if name in ("average_holding_time", "longest_drawdown"):
            assert math.isnan(value) == math.isnan(expected[name])
            assert math.isnan(value) or abs(value - expected[name]) <= 1_000, (name, value, expected[name])
        else:
            assert agree(value, expected[name]), (name, value, expected[name])


@settings(max_examples=800, **PATIENT)
@given(worlds())
def test_engine_equals_reference(world):
    same_run(world)


@pytest.mark.slow
@settings(max_examples=10_000, **PATIENT)
@given(worlds(max_bars=120))
def test_engine_equals_reference_on_many(world):
    same_run(world)


@pytest.mark.parametrize("fill", ["next_open", "same_close", "worst"])
@settings(max_examples=60, **PATIENT)
@given(world=worlds(), data=st.data())
def test_bare_shorts_and_their_ruin(world, data, fill):
    """No stops and no targets, so that shorts live long enough to be ruined by a market that doubles."""
    bare = Rules(
        fill=fill, allow_short=True, max_position_size=data.draw(st.sampled_from((1.0, 0.3717))), commission=0.00113
    )
    flags = tuple(f._replace(short_entry=f.short_entry or f.entry, entry=False, short_exit=False) for f in world.flags)
    same_run(replace(world, rules=bare, flags=flags))


@pytest.mark.parametrize("fill", ["next_open", "same_close", "worst"])
@settings(max_examples=60, **PATIENT)
@given(world=worlds(shorts=True), limit=st.sampled_from((0.0071, 0.0317, 0.2113)))
def test_daily_loss_without_other_stops(world, limit, fill):
    """The lock, its flatten and its end over midnight, which stops would otherwise forestall."""
    rules = Rules(fill=fill, allow_short=True, max_daily_loss=limit, commission=0.00113)
    timeframe = "4h" if world.timeframe == "1d" else world.timeframe
    if timeframe == world.timeframe:
        same_run(replace(world, rules=rules))


@settings(max_examples=200, **PATIENT)
@given(worlds())
def test_metrics_equal_their_definitions(world):
    same_metrics(world)


@pytest.mark.slow
@settings(max_examples=5_000, **PATIENT)
@given(worlds(max_bars=120))
def test_metrics_equal_their_definitions_on_many(world):
    same_metrics(world)


@settings(max_examples=60, **PATIENT)
@given(worlds(shorts=True))
def test_metrics_after_a_ruin_are_never_infinite(world):
    """Whatever the account came to: no metric is infinite, and what needs no return agrees."""
    result = engine_result(replace(world, rules=Rules(allow_short=True)))
    values = {name: plain(result[name]) for name in hand_computed()}
    assert not any(math.isinf(value) for value in values.values())
    run = by_reference(replace(world, rules=Rules(allow_short=True)))
    expected = metrics(run, world.bars, world.interval) if min(run.equity) > 0 else {}
    for name in ("total_return", "n_trades", "fees_paid", "exposure", "win_rate"):
        if name in expected:
            assert agree(values[name], expected[name]), name


def check_ambiguous_share(result: Any, world: World) -> None:
    closed = [trade for trade in by_engine(world, result).trades if trade.exit_bar is not None]
    share = float(result.ambiguous_exits)
    if not closed:
        assert math.isnan(share)
    else:
        assert share == pytest.approx(sum(trade.ambiguous for trade in closed) / len(closed))


@settings(max_examples=40, **PATIENT)
@given(worlds())
def test_ambiguous_share(world):
    """ "The share of exits with both levels inside one bar is reported.\""""
    check_ambiguous_share(engine_result(world), world)


@settings(max_examples=30, **PATIENT)
@given(worlds())
def test_the_references_atr_is_talibs(world):
    talib = pytest.importorskip("talib")
    bars = world.bars
    columns = [np.array([bar[i] for bar in bars], dtype=float) for i in (2, 3, 4)]
    ours = average_true_range(bars)
    theirs = talib.ATR(*columns, timeperiod=14) if len(bars) > 14 else [math.nan] * len(bars)
    assert all(agree(a, float(b)) for a, b in zip(ours, theirs, strict=True))
