"""Drawdowns over blocks and over trades against `scoring.drawdown`, which looks at each close."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptolab.kernels.falls import DIP, DIPS, Falls, deepest, fall, ride, set_aside
from cryptolab.kernels.scoring import drawdown
from cryptolab.kernels.terrain import Terrain, survey

HOUR = 3_600_000_000_000


def ground_of(close: np.ndarray) -> Terrain:
    return survey(HOUR * np.arange(len(close)), close, close, close, close, np.arange(len(close)))


def answer(falls: Falls, end: int) -> tuple[float, int]:
    """The two numbers that a run's record gets."""
    return falls.worst, max(falls.longest, end - falls.peak_time) if falls.below else falls.longest


def shape(kind: str, n: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    bar = np.arange(n)
    return {
        "walk": lambda: 100 * np.exp(np.cumsum(random.normal(0, 0.01, n))),
        "few prices": lambda: random.choice([64.0, 96.0, 96.0, 128.0], n),
        "up": lambda: 1.0 + bar / 8,
        "down": lambda: 20_000.0 - bar,
        "flat": lambda: np.full(n, 8.0),
        "teeth": lambda: 1.0 + np.abs(bar % 160 - 80.0),
        "long teeth": lambda: 1.0 + np.abs(bar % 4500 - 2250.0),
        "one peak": lambda: np.where(bar == random.integers(n), 16.0, 8.0),
        "late peak": lambda: np.where(bar > n - 70, 16.0, 8.0 - bar / n),
    }[kind]()


KINDS = ["walk", "few prices", "up", "down", "flat", "teeth", "long teeth", "one peak", "late peak"]


@settings(max_examples=200)
@given(st.sampled_from(KINDS), st.sampled_from([1, 2, 63, 64, 65, 500, 4096, 9000]), st.integers(0, 50), st.data())
def test_a_ride_is_each_of_its_closes(kind: str, n: int, seed: int, data: st.DataObject) -> None:
    """In one go and cut anywhere, with hours missing, from capital above, at and below the first close."""
    close = shape(kind, n, seed)
    random = np.random.default_rng(seed)
    time = HOUR * np.cumsum(np.where(random.random(n) < 0.01, 50, 1))
    capital = float(close[0]) * data.draw(st.sampled_from([0.5, 1.0, 1.0, 2.0]))
    cuts = sorted({0, n, *data.draw(st.lists(st.integers(0, n), max_size=3))})
    falls = Falls(capital, time[0], False, 0.0, 0)
    ground = ground_of(close)
    for first, end in pairwise(cuts):
        falls = ride(falls, 0.0, 1.0, time, close, ground, HOUR, first, end)
    worst, longest = drawdown(capital, close, time, HOUR)
    assert answer(falls, time[-1] + HOUR) == (worst, longest)


def test_a_peak_inside_a_block_that_is_reached_again_after_an_outage() -> None:
    """The block is passed over, since nothing in it lasts as long as what was before; the outage behind it does."""
    close = np.full(300, 9.0)
    close[0], close[128], close[191], close[200], close[256] = 10.0, 11.0, 11.5, 12.0, 13.0
    time = HOUR * np.arange(300)
    time[256:] += 1000 * HOUR
    falls = ride(Falls(10.0, time[0], False, 0.0, 0), 0.0, 1.0, time, close, ground_of(close), HOUR, 0, 300)
    assert falls.longest == (1000 + 56) * HOUR
    assert answer(falls, time[-1] + HOUR) == drawdown(10.0, close, time, HOUR)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fall_is_the_next_close(kind: str) -> None:
    close = shape(kind, 300, 1)
    time = HOUR * np.arange(300)
    falls = Falls(90.0, time[0], False, 0.0, 0)
    for t in range(300):
        falls = fall(falls, close[t], time[t] + HOUR)
        assert answer(falls, time[t] + HOUR) == drawdown(90.0, close[: t + 1], time[: t + 1], HOUR)


def test_the_deepest_of_trades_that_were_set_aside() -> None:
    """Whatever the bound, which may be lower than what was held: the closes decide."""
    random = np.random.default_rng(2)
    close = 50 * np.exp(np.cumsum(random.normal(0, 0.02, 2000)))
    dips: Any = np.zeros(DIPS, DIP)
    expected, count, peak = -0.001, 0, 120.0
    for entry in range(0, 1900, 20):
        exit, rest, size = entry + int(random.integers(0, 30)), random.random(), random.random() * 2
        after = random.choice([np.inf, 100 * random.random()])
        low = close[entry : exit + 5].min()
        falls = Falls(peak, 0, True, -0.001, 0)
        set_aside(dips[count : count + 1].view(np.recarray)[0], falls, (rest, size, low), (entry, exit), after)
        count += 1
        held = rest + size * close[entry:exit]
        expected = min([expected, after / peak - 1.0, *(held / peak - 1.0)])
        assert deepest(-0.001, dips, count, close) == pytest.approx(expected, rel=1e-12)
    assert deepest(-0.9999, dips, count, close) == -0.9999
    assert deepest(-0.5, dips, 0, close) == -0.5
