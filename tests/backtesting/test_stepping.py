"""One bar at a time is the whole run: `step`, which a daemon calls, against the loop that passes over quiet bars."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from cryptolab.backtesting.records import rules as rules_record
from cryptolab.kernels import account as records
from cryptolab.kernels import fills

from .reference import Order, average_true_range
from .worst_bars import World, agree, by_engine, engine_result, on_rows, worlds

PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}


def step_by_step(world: World) -> tuple[list[Order], list[float], dict[str, int]]:
    """Feed `step` the real bars one by one. Returns orders, equity (the first included) and dropped entries."""
    result = engine_result(world)
    account, rules = records.new_account(world.capital), rules_record(result.costs, result.risk, world.interval)
    written = np.empty(records.MOST_FILLS, records.FILL)
    flags = [flags for flags, row in zip(world.flags, world.rows, strict=True) if row.priced]
    orders, equity = [], [world.capital]
    atr = average_true_range(world.bars)
    for t, bar in enumerate(world.bars):
        count = fills.step(account, rules, records.Bar(t, *bar, atr[t]), records.Flags(*flags[t]), written)
        for fill in written[:count]:
            side, reason = "buy" if fill["side"] > 0 else "sell", records.REASONS[fill["reason"]]
            orders.append(
                Order(int(fill["bar"]), side, *map(float, (fill["size"], fill["price"], fill["fee"])), reason)
            )
        equity.append(float(account["equity"][0]))
    dropped = {name: int(n) for name, n in zip(records.DROPPED, account["dropped"][0], strict=True) if n}
    return orders, equity, dropped


def same_stepped(world: World) -> None:
    """Same fills and drops; the equity may differ in the last bit, where a product and a sum are fused or not."""
    orders, equity, dropped = step_by_step(world)
    whole = by_engine(world)
    assert [(o.bar, o.side, o.reason) for o in orders] == [(o.bar, o.side, o.reason) for o in whole.orders]
    for a, b in zip(orders, whole.orders, strict=True):
        assert agree(a.size, b.size)
        assert agree(a.price, b.price)
        assert agree(a.fee, b.fee)
    assert dropped == dict(whole.dropped)
    assert all(agree(a, b) for a, b in zip(on_rows(world, equity), whole.equity, strict=True))


@settings(max_examples=100, **PATIENT)
@given(worlds())
def test_stepping_bar_by_bar_gives_the_run(world):
    same_stepped(world)


@pytest.mark.slow
@settings(max_examples=2_000, **PATIENT)
@given(worlds(max_bars=120))
def test_stepping_bar_by_bar_gives_the_run_on_many(world):
    same_stepped(world)
