"""The engine against vectorbt, wherever vectorbt can express the case; and the Portfolio made from our orders.

vectorbt fills at the close that made the signal unless told otherwise, so that the flags are shifted by one bar and
the price is the open. It has one order per bar and no waiting: no reversals, no missing bars, no stops here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .reference import Rules
from .test_scenarios import METRICS_WORLD
from .worst_bars import World, agree, by_engine, engine_result, worlds

PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def vbt() -> Any:
    """vectorbt without widgets, as everywhere in the house."""
    vectorbt = pytest.importorskip("vectorbt")
    vectorbt.settings.plotting["use_widgets"] = False
    return vectorbt


def shifted(values: list[bool]) -> np.ndarray:
    """A flag of bar t stands on bar t + 1, where it fills."""
    return np.array([False, *values[:-1]])


def from_signals(vbt: Any, world: World, short: bool) -> Any:
    """The same world in vectorbt: market orders at the open after the signal, a percentage of the cash.

    A long of fraction f of the equity is, in vectorbt's words, f x (1 + fee) of what the cash can buy with its fee
    (and all of it where that is more than 1); a short of f x (1 + fee) of what it lets one sell.
    """
    frame, rules = world.frame(), world.rules
    enter = [f.short_entry and not f.short_exit if short else f.entry and not f.exit for f in world.flags]
    leave = [f.short_exit if short else f.exit for f in world.flags]
    return vbt.Portfolio.from_signals(
        frame["close"],
        entries=shifted(enter),
        exits=shifted(leave),
        price=frame["open"],
        size=min(rules.max_position_size * (1 + rules.commission), 1.0 if not short else np.inf),
        size_type="percent",
        direction="shortonly" if short else "longonly",
        fees=rules.commission,
        slippage=rules.slippage,
        init_cash=world.capital,
        freq=pd.Timedelta(world.interval),
    )


def assert_same_records(portfolio: Any, world: World, scale: float = 1.0) -> None:
    """Orders, trades, value and total return of a Portfolio are those of our run."""
    result = engine_result(world)
    run = by_engine(world, result)
    records = portfolio.orders.records
    assert [(int(r["idx"]), "buy" if r["side"] == 0 else "sell") for _, r in records.iterrows()] == [
        (order.bar, order.side) for order in run.orders
    ]
    for (_, row), order in zip(records.iterrows(), run.orders, strict=True):
        assert agree(order.size, row["size"])
        assert agree(order.price, row["price"])
        assert agree(order.fee, row["fees"])
    for ours, theirs in zip(run.equity[1:], portfolio.value().to_numpy(), strict=True):
        assert agree(ours, float(theirs), scale=100 * scale)
    trades = portfolio.trades.records
    assert len(trades) == len(run.trades)
    for (_, row), trade in zip(trades.iterrows(), run.trades, strict=True):
        turned = trade.size * trade.entry_price
        assert (int(row["entry_idx"]), row["direction"] == 0) == (trade.entry_bar, trade.direction > 0)
        assert agree(trade.pnl, row["pnl"], scale=100 * turned)
        assert agree(trade.ret, row["return"])
    assert agree(float(result.total_return), float(portfolio.total_return()))


def clean(world: World, rules: Rules) -> World:
    """The world with these rules, and without what vectorbt cannot say."""
    return replace(world, rules=rules)


simple_costs = st.builds(
    Rules,
    commission=st.sampled_from((0.0, 0.001, 0.0177)),
    slippage=st.sampled_from((0.0, 0.0005, 0.0131)),
    max_position_size=st.sampled_from((1.0, 0.3717, 0.9113)),
)


@settings(max_examples=80, **PATIENT)
@given(world=worlds(holes=False, shorts=False), rules=simple_costs)
def test_longs_equal_vectorbts_from_signals(vbt, world, rules):
    world = clean(world, rules)
    assert_same_records(from_signals(vbt, world, short=False), world)


@settings(max_examples=60, **PATIENT)
@given(world=worlds(holes=False, shorts=True, max_bars=30), rules=simple_costs)
def test_shorts_equal_vectorbts_from_signals(vbt, world, rules):
    """Until the short is ruined, or bought back with more than there is: vectorbt lets it live on, or buys less."""
    flags = tuple(f._replace(entry=False, exit=False) for f in world.flags)
    world = clean(replace(world, flags=flags), replace(rules, allow_short=True, max_position_size=0.3717))
    run = by_engine(world)
    ruins = [order.bar for order in run.orders if order.reason == "ruin"]
    ruins += [row for row, equity in enumerate(run.equity[1:]) if equity <= 0]
    if ruins:
        world = world.head(min(ruins))
    if world.rows:
        assert_same_records(from_signals(vbt, world, short=True), world)


@pytest.mark.slow
@settings(max_examples=1_000, **PATIENT)
@given(world=worlds(holes=False, shorts=False, max_bars=120), rules=simple_costs)
def test_longs_equal_vectorbts_from_signals_on_many(vbt, world, rules):
    world = clean(world, rules)
    assert_same_records(from_signals(vbt, world, short=False), world)


def test_a_long_random_run_equals_vectorbts(vbt):
    """One long walk, all in, with the flags of a coin: thousands of trades, one after the other."""
    from .worst_bars import Flags, Row

    rng = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 5_000)))
    start = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0, 0.001, 5_000))
    high, low = np.maximum(start, close) * 1.001, np.minimum(start, close) * 0.999
    flags = tuple(Flags(bool(a), bool(b)) for a, b in rng.random((5_000, 2)) < 0.3)
    rows = tuple(
        Row(METRICS_WORLD.rows[0].time + i * METRICS_WORLD.interval, *map(float, bar))
        for i, bar in enumerate(zip(start, high, low, close, strict=True))
    )
    world = World(rows, flags, "1h", Rules(commission=0.0001, slippage=0.0001))
    assert len(by_engine(world).trades) > 500
    assert_same_records(from_signals(vbt, world, short=False), world)


# ---- result.portfolio -----------------------------------------------------------------------------------------


@settings(max_examples=60, **PATIENT)
@given(worlds(max_bars=30))
def test_the_portfolio_of_a_result_says_the_same_as_the_result(vbt, world):
    """Whatever the rules: reversals, stops on the entry bar, unpriced rows. vectorbt reads our records as we do."""
    result = engine_result(world)
    run = by_engine(world, result)
    portfolio = result.portfolio
    assert len(portfolio.orders.records) == len(run.orders)
    for (_, row), order in zip(portfolio.orders.records.iterrows(), run.orders, strict=True):
        assert (row["side"] == 0) == (order.side == "buy")
        assert agree(order.size, row["size"])
        assert agree(order.price, row["price"])
        assert agree(order.fee, row["fees"])
    turned = sum(order.size * order.price for order in run.orders)
    assert agree(float(portfolio.total_return()), float(result.total_return), scale=100 * turned / world.capital)
    assert agree(float(portfolio.value().iloc[-1]), run.equity[-1], scale=100 * turned)
    trades = portfolio.trades.records
    assert len(trades) == len(run.trades)
    for (_, row), trade in zip(trades.iterrows(), run.trades, strict=True):
        assert agree(trade.pnl, row["pnl"], scale=100 * turned)


def test_vectorbts_analysis_works_on_the_portfolio(vbt):
    result = engine_result(METRICS_WORLD)
    portfolio = result.portfolio
    stats = portfolio.stats()
    assert stats["Total Return [%]"] == pytest.approx(-10.0)
    assert stats["Total Closed Trades"] == 1
    assert portfolio.drawdowns.records["valley_val"].tolist() == [9000.0]
    assert portfolio.trades.records["pnl"].tolist() == [pytest.approx(-1000.0)]
    figure = portfolio.plot()
    assert "Widget" not in type(figure).__name__
    assert len(figure.data) > 0
    assert result.portfolio is portfolio  # built once, when asked for
