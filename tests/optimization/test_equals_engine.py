"""A sweep's rows are the engine's numbers: all eighteen metrics and the sums of daily returns, under every rule.

Most of these runs are folded trade by trade (kernels/trades.py) where the engine steps bar by bar, so that equal
numbers are two ways to one result. `beside_engine` says what is compared; nothing is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from cryptolab.backtesting import BacktestEngine, Costs, Risk
from cryptolab.backtesting.metrics import Metrics
from cryptolab.bars import Bars
from cryptolab.optimization import sweep
from cryptolab.signal_generator import Signals, as_signals, long_while
from tests.backtesting.worst_bars import COSTS, World, worlds
from tests.optimization.beside_engine import (
    BY_BARS,
    BY_TRADES,
    LENGTHS_OF_TIME,
    REFUSED,
    Run,
    assert_equal,
    daily_sums,
    engine_run,
    near,
)
from tests.optimization.markets import EDGES, LONG, MARKETS, Case, cases, frame_of, run_of, walk

PATIENT: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}


# ---- the worst bars, every rule ----------------------------------------------------------------------------------


def bars_of(world: World) -> Bars:
    return Bars.from_frame(world.frame(), timeframe=world.timeframe)


def records_of(world: World) -> tuple[Costs, Risk]:
    given = vars(world.rules)
    costs = {name: value for name, value in given.items() if name in COSTS}
    return Costs(**costs), Risk(**{name: value for name, value in given.items() if name not in COSTS})


def plain(costs: Costs, risk: Risk) -> tuple[Costs, Risk]:
    """The same rules without those that kernels.trades does not know."""
    fill = "worst" if costs.fill == "same_close" else costs.fill
    return replace(costs, fill=fill, lot_step=0.0), replace(
        risk, max_position_size=1.0, trailing_stop=None, max_daily_loss=None, allow_short=False
    )


def said_of(world: World, bars: Bars, shorts: bool) -> list[Signals]:
    """What strategies could say of these bars: flags, directions, and conditions that begin true and false."""
    entries, exits, short_entries, short_exits = (np.array(column) for column in zip(*world.flags, strict=True))
    directions = entries.astype(int) - (exits & ~entries)
    given = [directions, Signals(entries, exits), long_while(entries), long_while(~entries)]
    if shorts:
        given.append(Signals(entries, exits, short_entries, short_exits))
    return [as_signals(signals, bars) for signals in given]


def runs_of(world: World) -> tuple[Bars, list[Run]]:
    """Each of a world's signals under its rules and under plain ones: kinds of runs by turns, in one chunk."""
    bars, rules = bars_of(world), records_of(world)
    runs = []
    for signals in said_of(world, bars, world.rules.allow_short):
        runs.append(Run(signals, *rules))
        if not signals.any_short or signals.from_directions:
            runs.append(Run(signals, *plain(*rules)))
    return bars, runs


@settings(max_examples=250, **PATIENT)
@given(worlds(max_bars=80))
def test_the_worst_bars(world: World) -> None:
    bars, runs = runs_of(world)
    for way in assert_equal(bars, runs, world.capital):
        event(way)


@pytest.mark.slow
@settings(max_examples=2_000, **PATIENT)
@given(worlds(max_bars=200))
def test_the_worst_bars_of_many_worlds(world: World) -> None:
    bars, runs = runs_of(world)
    assert_equal(bars, runs, world.capital)


@settings(max_examples=12, **PATIENT)
@given(worlds(max_bars=60, shorts=False), st.sampled_from((None, 0.0213)))
def test_a_sweep_over_signals_costs_and_risk(world: World, stop: float | None) -> None:
    """Through the front door: names of the strategy, of Costs and of Risk in one grid."""
    bars, (costs, risk) = bars_of(world), records_of(world)
    risk = replace(risk, stop_loss_atr_multiplier=None)
    said = said_of(world, bars, shorts=False)

    def told(bars: Bars, which: int = 0) -> Signals:
        return said[which]

    grid: dict[str, Any] = {
        "fill": ["next_open", "same_close", "worst"],
        "stop_loss": [None, 0.0671] if stop is None else [stop],
        "which": range(len(said)),
        "max_position_size": [1.0, 0.3717],
    }
    results = sweep(told, bars, grid, costs=costs, risk=risk, n_jobs=2, blocks=3, progress=False)
    assert list(results.table.index.names) == list(grid)
    rows = list(product(*grid.values()))
    assert len(results) == len(rows)
    for place, (fill, stop_loss, which, size) in enumerate(rows):
        here = replace(costs, fill=fill), replace(risk, stop_loss=stop_loss, max_position_size=size)
        result = BacktestEngine(costs=here[0], risk=here[1]).run(bars, said[which])
        row = results.table.iloc[place]
        for name in Metrics._fields:
            a, b = row[name], result[name]
            if name in LENGTHS_OF_TIME:
                assert (a != a and b != b) or a == b, (name, rows[place])
            else:
                assert near(a, b), (name, rows[place], a, b)
        np.testing.assert_allclose(results.blocks[place], daily_sums(result, 3), rtol=1e-9, atol=1e-9)


# ---- long markets ------------------------------------------------------------------------------------------------


@settings(max_examples=150, **PATIENT)
@given(cases())
def test_long_markets(case: Case) -> None:
    for way in assert_equal(*case):
        event(way)


@settings(max_examples=12, **PATIENT)
@given(cases(LONG, most=10))
def test_markets_of_several_stretches(case: Case) -> None:
    assert_equal(*case)


@pytest.mark.slow
@settings(max_examples=1_200, **PATIENT)
@given(cases())
def test_many_long_markets(case: Case) -> None:
    assert_equal(*case)


@pytest.mark.slow
@settings(max_examples=150, **PATIENT)
@given(cases(LONG))
def test_many_markets_of_several_stretches(case: Case) -> None:
    assert_equal(*case)


def test_most_of_these_markets_are_folded_by_trades() -> None:
    """Else the tests above would hold the engine equal to itself."""
    ways: Counter[str] = Counter()

    @settings(max_examples=60, database=None, derandomize=True, phases=[Phase.generate], **PATIENT)
    @given(cases())
    def count(case: Case) -> None:
        ways.update(assert_equal(*case))

    count()
    assert ways[BY_TRADES] > ways.total() / 2
    assert ways[REFUSED] > 0


# ---- shapes at the edges -----------------------------------------------------------------------------------------

ACCOUNTS: list[dict[str, Any]] = [
    {},
    {"commission": 0.0, "slippage": 0.0},
    {"fill": "worst", "stop_loss": 0.004, "take_profit": 0.006},
    {"stop_loss_atr_multiplier": 1.1, "take_profit_atr_multiplier": 1.3},
    {"stop_loss": 0.03},
    {"take_profit": 0.03, "commission": 0.0},
    {"commission": 0.02, "slippage": 0.03},
]


def shapes(n: int) -> Iterator[Signals]:
    """Signals that begin, end and turn where a loop does."""
    bar, none = np.arange(n), np.zeros(n, bool)
    yield long_while(~none)  # true from the first bar, held to the end
    yield long_while(none)
    yield long_while(bar == n - 1)  # raised on the last bar: never filled
    yield long_while(bar >= n - 2)  # filled at the last bar
    yield long_while(bar == n - 2)  # its exit is raised on the last bar: never filled
    yield long_while(bar == n - 3)  # entered and left, the exit at the last bar
    yield long_while(bar == 0)
    yield long_while(bar != n - 1)
    yield long_while(bar % 2 == 0)  # flags at every bar
    yield long_while(bar % 2 == 1)
    yield long_while(bar // 8 % 2 == 0)  # turns between words of eight flags
    yield long_while(bar // 64 % 2 == 0)  # and between blocks
    yield long_while((bar + 1) // 64 % 2 == 0)
    yield Signals(~none, bar == n - 1)
    yield Signals(~none, none)
    yield Signals(~none, ~none)  # contradictory at every bar
    yield Signals(~none, bar % 5 == 0)
    yield Signals(bar == n - 1, ~none)
    yield Signals(bar % 3 == 0, bar % 7 == 0)


@pytest.mark.parametrize("n", EDGES)
def test_shapes_at_the_edges(n: int) -> None:
    random = np.random.default_rng(n)
    bars = Bars.from_frame(frame_of(random, 100 * walk(random, n), "1h", n > 4), "A/B", "1h")
    runs = [run_of(signals, account) for signals in shapes(n) for account in ACCOUNTS]
    assert REFUSED not in set(assert_equal(bars, runs)) or n < 64  # few returns may be all alike


@pytest.mark.parametrize("power", range(-9, 13, 3))
@pytest.mark.parametrize("market", MARKETS, ids=lambda market: market.__name__)
def test_every_market_at_prices_from_a_billionth_to_a_trillion(market: Any, power: int) -> None:
    random = np.random.default_rng(power + 100)
    n = 4_300
    bars = Bars.from_frame(frame_of(random, market(random, n) * 10.0**power, "15m", True), "A/B", "15m")
    bar = np.arange(n)
    said = [long_while(bar >= 0), long_while(bar // 100 % 2 == 0), long_while(bar // 700 % 3 > 0), next(shapes(n))]
    runs = [run_of(signals, account) for signals in said for account in ACCOUNTS]
    ways = set(assert_equal(bars, runs, blocks=7))
    assert BY_BARS not in ways
    if market.__name__ not in ("growth", "decay"):
        assert BY_TRADES in ways


def bars_between(opens: np.ndarray, close: np.ndarray) -> Bars:
    stamps = pd.date_range("2024-01-01", periods=len(close), freq="h", tz="UTC")
    columns = {"open": opens, "high": np.maximum(opens, close), "low": np.minimum(opens, close), "close": close}
    return Bars.from_frame(pd.DataFrame({**columns, "volume": 1.0}, stamps), "A/B", "1h")


@pytest.mark.parametrize("length", [1, 2, 3, 63, 64, 65, 66, 127, 128, 129, 130, 200, 4100])
@pytest.mark.parametrize("spike", [1.1, 0.9, 1.3])
def test_one_close_above_or_below_all_others_wherever_it_is(length: int, spike: float) -> None:
    """Beside and inside a position of any length: it may be the peak, or the deepest fall from it."""
    for begin in (0, 1, 40, 63):
        n = begin + length + 80
        for at in {begin, begin + 1, begin + length // 2, begin + length - 1, begin + length, begin + length + 1}:
            quiet = 100.0 + np.sin(np.arange(n)) / 50
            close = quiet.copy()
            close[at + 1] *= spike
            bars = bars_between(np.concatenate([[100.0], quiet[:-1]]), close)
            held = (np.arange(n) >= begin) & (np.arange(n) < begin + length)
            said = [long_while(held), long_while(held | (np.arange(n) == n - 40))]
            ways = assert_equal(bars, [run_of(signals, account) for signals in said for account in ACCOUNTS[:2]])
            assert set(ways) == {BY_TRADES}


@pytest.mark.parametrize("at", [10, 2000, 2047, 2049, 2051, 4500])
def test_the_deepest_fall_among_thousands_of_trades_below_the_peak(at: int) -> None:
    """More of them than wait at once for a look at their closes."""
    bar = np.arange(5000)
    quiet = 100.0 + np.sin(bar) / 50
    close = quiet.copy()
    close[at + 1] *= 0.4
    bars = bars_between(np.concatenate([[100.0], quiet[:-1]]), close)
    said = [long_while(bar % 2 == at % 2), long_while((bar % 2 == at % 2) & (bar < 4600))]
    runs = [run_of(signals, {"commission": 1e-6, "slippage": slippage}) for signals in said for slippage in (0.0, 1e-6)]
    assert set(assert_equal(bars, runs)) == {BY_TRADES}
    assert engine_run(bars, runs[0]).max_drawdown < -0.5


# ---- where sums over trades would not hold their digits ----------------------------------------------------------


def refused(bars: Bars, signals: Signals, account: dict[str, Any], capital: float = 10_000.0) -> None:
    """Hold one run to the engine, that kernels.trades has to leave to the plain loop."""
    assert assert_equal(bars, [run_of(signals, account)], capital) == [REFUSED]


@pytest.mark.parametrize("growth", [1e-5, 1e-3, -1e-3, 0.2, -0.2])
@pytest.mark.parametrize("n", [2, 70, 700])
def test_a_market_of_constant_growth(growth: float, n: int) -> None:
    """The variance of its returns is rounding."""
    close = 100.0 * (1.0 + growth) ** np.arange(1, n + 1)
    opens = close / (1.0 + growth)
    refused(bars_between(opens, close), long_while(np.arange(n) % 50 > 3), {})


def test_an_account_of_constant_returns() -> None:
    """It is stopped in each bar at the same loss: the variance of its own returns is rounding."""
    bars = bars_between(np.full(500, 101.0), np.full(500, 100.0))
    always = Signals(np.ones(500, bool), np.zeros(500, bool))
    for commission in (0.0, 0.01):
        refused(bars, always, {"stop_loss": 1e-5, "commission": commission, "slippage": 0.0})


@pytest.mark.parametrize("decades", [6, 9, 15])
def test_a_position_that_is_held_while_it_loses_nearly_all(decades: int) -> None:
    """The rounding that is left in cash becomes what the account is worth."""
    close = 100.0 * 10.0 ** np.linspace(0, -decades, 600)
    close *= np.exp(np.random.default_rng(decades).normal(0, 0.05, 600))
    for account in ({}, {"commission": 0.0177}, {"commission": 0.3, "slippage": 0.3}):
        refused(bars_between(np.concatenate([close[:1], close[:-1]]), close), long_while(np.ones(600, bool)), account)


@pytest.mark.parametrize("factor", [0.5, 2.0])
@pytest.mark.parametrize("capital", [1e-190, 1e190, 10_000.0])
def test_an_account_that_leaves_the_range_of_doubles(factor: float, capital: float) -> None:
    """It halves, or doubles, in each of a thousand trades."""
    bar = np.arange(8000)
    close = np.array([1.0, 1.0, factor, 1.01 * factor])[bar % 4]
    bars = bars_between(np.concatenate([[1.0], close[:-1]]), close)
    signals = Signals(bar % 4 == 0, bar % 4 == 2)
    with np.errstate(over="ignore"):
        refused(bars, signals, {"commission": 0.0, "slippage": 0.0}, capital)


@pytest.mark.parametrize("blocks", [1, 2, 16, 500])
def test_blocks_are_those_of_array_split(blocks: int) -> None:
    """More blocks than days too: the last ones are empty."""
    random = np.random.default_rng(3)
    bars = Bars.from_frame(frame_of(random, 100 * walk(random, 5000), "1h", True), "A/B", "1h")
    runs = [run_of(long_while(np.arange(5000) // 90 % 2 == 0), account) for account in ACCOUNTS]
    runs.append(replace_risk(runs[0], max_position_size=0.5))
    assert BY_BARS in assert_equal(bars, runs, blocks=blocks)


def replace_risk(run: Run, **fields: Any) -> Run:
    return run._replace(risk=replace(run.risk, **fields))
