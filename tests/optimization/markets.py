"""Long markets and the conditions, flags and accounts of their strategies, by a seed: thousands of bars, blocks and
blocks of blocks, with the shapes on which numbers that were added up in another order come apart."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from cryptolab.backtesting import Costs, Risk
from cryptolab.bars import MONDAY, TIMEFRAMES, Bars
from cryptolab.signal_generator import Signals, long_while
from tests.optimization.beside_engine import Run

START = 1_704_067_200_000_000_000  # 2024-01-01 00:00 UTC, a Monday
EDGES = (1, 2, 7, 8, 9, 16, 63, 64, 65, 128, 255, 256, 257, 4095, 4096, 4097)
LENGTHS = (*EDGES, 100, 1000, 5000, 8192, 12_289)
LONG = (16_383, 16_384, 16_385, 20_000, 33_000)
"""Lengths around a stretch of kernels.trades and beyond."""


class Case(NamedTuple):
    """Some runs on one market; the arguments of `assert_equal`."""

    bars: Bars
    runs: list[Run]
    capital: float


def walk(random: np.random.Generator, n: int) -> np.ndarray:
    return np.exp(np.cumsum(random.standard_t(3, n) * 0.004))


def quiet_then_wild(random: np.random.Generator, n: int) -> np.ndarray:
    return np.exp(np.cumsum(random.normal(0, np.where(np.arange(n) < n // 2, 1e-6, 0.02))))


def wild_then_quiet(random: np.random.Generator, n: int) -> np.ndarray:
    """Beside what came before, the returns at the end are nothing: running totals lose them."""
    return np.exp(np.cumsum(random.normal(0, np.where(np.arange(n) < n // 3, 0.3, 1e-6), n)))


def shock(random: np.random.Generator, n: int) -> np.ndarray:
    """Quiet, but for one bar that multiplies the price by a million."""
    close = np.exp(np.cumsum(random.normal(0, 1e-4, n)))
    close[random.integers(n) :] *= random.choice([1e3, 1e6])
    return close


def growth(random: np.random.Generator, n: int) -> np.ndarray:
    """The same return at each bar: its variance is rounding."""
    return (1.0 + random.choice([1e-4, -1e-4, 1e-3])) ** np.arange(min(n, 10_000)).repeat(-(-n // 10_000))[:n]


def flat(random: np.random.Generator, n: int) -> np.ndarray:
    return np.ones(n)


def steps(random: np.random.Generator, n: int) -> np.ndarray:
    """Few different prices, exact in binary: peaks are reached again to the last bit."""
    return random.choice([0.5, 0.75, 1.0, 1.0, 1.25, 1.25], n)


def plateaus(random: np.random.Generator, n: int) -> np.ndarray:
    """Long stretches at one of a few prices."""
    return random.choice([0.5, 1.0, 1.5], n // 50 + 1).repeat(50)[:n]


def teeth(random: np.random.Generator, n: int) -> np.ndarray:
    """The same way up and down over and over: each top is the last one's equal."""
    period = int(random.choice([3, 64, 100, 128, 1000, 4096]))
    return 1.0 + np.abs(np.arange(n) % period - period // 2) / 64


def decay(random: np.random.Generator, n: int) -> np.ndarray:
    """Down by nine orders of magnitude, or up by as many."""
    return 10.0 ** (random.choice([-9, 9]) * np.arange(n) / n) * np.exp(random.normal(0, 0.01, n))


def ticks(random: np.random.Generator, n: int) -> np.ndarray:
    """A walk on a grid of decimal ticks, as exchanges have them."""
    return np.maximum(np.round(walk(random, n), 2), 0.01)


MARKETS = (walk, walk, quiet_then_wild, wild_then_quiet, shock, growth, flat, steps, plateaus, teeth, decay, ticks)


def frame_of(random: np.random.Generator, close: np.ndarray, timeframe: str, holes: bool) -> pd.DataFrame:
    """Return bars with these closes: most open at the close before, wicks of any length, some rows absent."""
    n = len(close)
    opens = np.concatenate([close[:1], close[:-1]])
    jump = random.random(n) < 0.05
    opens = np.where(jump, close * random.choice([1.0, 0.97, 1.04], n), opens)
    reach = np.where(random.random(n) < 0.5, 0.0, np.abs(random.standard_t(2, n)) * 0.003)
    high = np.maximum(opens, close) * (1 + reach)
    low = np.minimum(opens, close) / (1 + reach[::-1])
    interval = TIMEFRAMES[timeframe]
    apart = np.where(random.random(n) < 0.01, random.choice([2, 3, 40], n), 1) if holes else np.ones(n, np.int64)
    begin = MONDAY if timeframe == "1w" else START + 5 * interval
    index = pd.DatetimeIndex(begin + interval * np.cumsum(apart), tz="UTC")
    return pd.DataFrame({"open": opens, "high": high, "low": low, "close": close, "volume": 1.0}, index)


def held(random: np.random.Generator, n: int) -> np.ndarray:
    """Return a condition: stretches of random lengths, or one of the shapes at the edges."""
    kind = random.integers(8)
    if kind == 0:
        return np.ones(n, bool)
    if kind == 1:
        return np.zeros(n, bool)
    if kind == 2:
        return np.arange(n) % 2 == random.integers(2)
    if kind == 3:  # turns true at the last bar but `left`
        return np.arange(n) >= n - random.integers(1, 4)
    if kind == 4:  # turns false at the last bar but `left`
        return np.arange(n) < n - random.integers(1, 4)
    change = random.random(n) < random.choice([0.5, 0.1, 0.01, 0.0005])
    return (np.cumsum(change) + random.integers(2)) % 2 == 1


def signals_of(random: np.random.Generator, n: int) -> Signals:
    """Return a condition's signals, or entries and exits that know nothing of one another."""
    if random.random() < 0.5:
        return long_while(held(random, n))
    often = [0.0, 0.0005, 0.01, 0.2, 1.0]
    entries, exits = random.random(n) < random.choice(often[1:]), random.random(n) < random.choice(often[:4])
    if random.random() < 0.3:
        entries[-1] = True
    if random.random() < 0.3:
        exits[-1] = True
    return Signals(entries, exits)


def case_of(
    seed: int, n: int, accounts: list[dict[str, Any]], timeframe: str, holes: bool, capital: float
) -> Case:  # fmt: skip
    """Return the case of this seed: one run for each of the accounts."""
    random = np.random.default_rng(seed)
    timeframe = "1d" if timeframe == "1w" and n > 5000 else timeframe  # int64 nanoseconds end in 2262
    close = MARKETS[random.integers(len(MARKETS))](random, n) * 10.0 ** random.integers(-8, 11)
    bars = Bars.from_frame(frame_of(random, close, timeframe, holes), "A/B", timeframe)
    return Case(bars, [run_of(signals_of(random, n), settings) for settings in accounts], capital)


def run_of(signals: Signals, settings: dict[str, Any]) -> Run:
    """Return the run of these signals and fields of Costs and Risk."""
    costs = {name: value for name, value in settings.items() if name in Costs.__dataclass_fields__}
    risk = {name: value for name, value in settings.items() if name in Risk.__dataclass_fields__}
    return Run(signals, Costs(**costs), Risk(**risk))


@st.composite
def plain_accounts(draw: st.DrawFn) -> dict[str, Any]:
    """Draw settings that a run by trades may have."""
    pick = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    stop = pick({}, {}, {"stop_loss": pick(0.0213, 0.00313, 0.25)}, {"stop_loss_atr_multiplier": pick(1.37, 0.2131)})
    target = pick({}, {}, {"take_profit": pick(0.0371, 0.0029, 0.5)}, {"take_profit_atr_multiplier": pick(2.3, 0.41)})
    return {
        "commission": pick(0.001, 0.0, 0.0, 0.0177, 0.3),
        "slippage": pick(0.0005, 0.0, 0.0, 0.0131, 0.3),
        "fill": pick("next_open", "worst"),
        "max_wait": pick(1, 0, 2, 1000),
        "min_order_size": pick(0.0, 0.0, 0.0, 1.0),
        **stop,
        **target,
    }


def cases(lengths: tuple[int, ...] = LENGTHS, most: int = 10) -> st.SearchStrategy[Case]:
    """Draw runs whose accounts kernels.trades knows, up to `most` of them on one market."""
    return st.builds(
        case_of,
        st.integers(0, 2**32 - 1),
        st.sampled_from(lengths),
        st.lists(plain_accounts(), min_size=1, max_size=most),
        st.sampled_from(("1h", "1m", "4h", "1d", "1w")),
        st.booleans(),
        st.sampled_from((10_000.0, 1.0, 3e-7, 7e13)),
    )
