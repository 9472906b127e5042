"""The tables of a market against numpy and loops over each bar, at every length around a block."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptolab.kernels.terrain import Terrain, extremes, first_touch, survey
from cryptolab.kernels.trades import between

HOUR = 3_600_000_000_000
LENGTHS = [1, 2, 63, 64, 65, 127, 128, 129, 200, 4095, 4096, 4097, 4160, 8191, 8192, 8193, 12_400]


def market(n: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Return first open, low, high, close and day: ticks, so that levels are touched and highest closes come twice."""
    random = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(random.normal(0, 0.004, n))), 1)
    low, high = close - random.integers(0, 4, n) / 10, close + random.integers(0, 4, n) / 10
    return np.float64(99.0), low, high, close, np.cumsum(random.random(n) < 0.05)


def seen(first_open: float, low: np.ndarray, high: np.ndarray, close: np.ndarray, day: np.ndarray) -> Terrain:
    """Return the tables; opens but the first do not matter to them."""
    return survey(HOUR * np.arange(len(close)), np.full(len(close), first_open), high, low, close, day)


def terrain(n: int, seed: int = 0) -> Terrain:
    return seen(*market(n, seed))


@pytest.mark.parametrize("n", LENGTHS)
def test_the_tables_of_bars(n: int) -> None:
    first_open, low, high, close, day = market(n)
    ground = terrain(n)
    places = ground.places
    for name, value in {"time": HOUR * np.arange(n), "low": low, "high": high, "close": close}.items():
        np.testing.assert_array_equal(places[name], value)
    assert (places["open"] == first_open).all()
    np.testing.assert_array_equal(places["change"], close / np.concatenate([[first_open], close[:-1]]) - 1.0)
    for t in range(n):
        assert places["lowest"][t] == close[t : t + 64].min()
        assert places["highest"][t] == close[t : t + 64].max()
    ends = [t for t in range(n) if t + 1 == n or day[t + 1] != day[t]]
    assert ground.days.tolist() == ends


@pytest.mark.parametrize("n", LENGTHS)
def test_the_tables_of_blocks(n: int) -> None:
    _, low, high, close, _ = market(n)
    ground = terrain(n)
    for size, table, reach in ((64, ground.small, ground.small_reach), (4096, ground.wide, ground.wide_reach)):
        assert len(table) == len(reach) == n // size
        for b in range(n // size):
            part = slice(b * size, (b + 1) * size)
            top = close[part].max()
            last = b * size + max(i for i, value in enumerate(close[part]) if value == top)
            fall = (close[part] / np.maximum.accumulate(close[part]) - 1.0).min()
            assert table[b].tolist() == [top, close[part].min(), fall, last]
            assert reach[b].tolist() == [low[part].min(), high[part].max()]


@pytest.mark.parametrize("n", [70, 200, 5000, 12_400])
@pytest.mark.parametrize("seed", range(3))
def test_extremes_of_any_stretch(n: int, seed: int) -> None:
    """Of up to 64 bars the window answers that begins at the first."""
    close, ground = market(n, seed)[3], terrain(n, seed)
    random = np.random.default_rng(seed)
    for length in [*range(1, min(n, 200)), *random.integers(1, n + 1, 400).tolist()]:
        first = int(random.integers(0, n - length + 1))
        end = first + length
        found = extremes(ground.places, ground.small, ground.wide, first, end)
        until = min(first + 64, n) if length <= 64 else end
        assert found == (close[first:until].min(), close[first:until].max())


@pytest.mark.parametrize("seed", range(5))
def test_sums_of_any_stretch_have_their_digits(seed: int) -> None:
    """Ten of them even of the squares of a quiet stretch behind one whose squares were larger by 17 orders."""
    random = np.random.default_rng(seed)
    n = 3000
    moves = random.normal(0, np.where(np.arange(n) < 1000, 0.5, 1e-9), n)
    close = 10.0 ** random.integers(-8, 8) * np.exp(np.cumsum(moves))
    ground = seen(close[0], close, close, close, np.arange(n))
    change = ground.places["change"]
    values = {
        "returns": change, "squares": change * change, "downside": np.minimum(change, 0.0) ** 2, "closes": close
    }  # fmt: skip
    for _ in range(100):
        first, end = np.sort(random.integers(1, n + 1, 2))
        before, last = ground.places[first - 1], ground.places[end - 1]
        for name, value in values.items():
            exact = math.fsum(value[first:end].tolist())
            scale = math.fsum(np.abs(value[first:end]).tolist())
            found = between(last[name], last[f"{name}_rest"], before[name], before[f"{name}_rest"])
            assert abs(found - exact) <= 1e-10 * scale


def slow_touch(low: np.ndarray, high: np.ndarray, first: int, end: int, stop: float, target: float) -> int:
    for t in range(first, end):
        if low[t] <= stop or high[t] > target:
            return t
    return end


@given(st.sampled_from([1, 63, 65, 300, 5000, 12_400]), st.data())
def test_the_first_touch_of_two_levels(n: int, data: st.DataObject) -> None:
    """Levels lie on prices of the market: a stop is hit by a touch, a target only by a trade through it."""
    _, low, high, _, _ = market(n)
    ground = terrain(n)
    first = data.draw(st.integers(0, n - 1))
    end = data.draw(st.integers(first, n))
    stops, targets = [-np.inf, low.min(), low[-1], np.sort(low)[n // 50]], [np.inf, high.max(), np.sort(high)[-n // 50]]
    stop, target = data.draw(st.sampled_from(stops)), data.draw(st.sampled_from(targets))
    found = first_touch(low, high, ground.small_reach, ground.wide_reach, first, end, stop, target)
    assert found == slow_touch(low, high, first, end, stop, target)


@pytest.mark.parametrize("at", [0, 1, 63, 64, 4095, 4096, 8191, 8192, 12_287, 12_399])
@pytest.mark.parametrize("side", ["stop", "target"])
def test_a_single_touch_is_found_in_any_block(at: int, side: str) -> None:
    n = 12_400
    low, high = np.full(n, 10.0), np.full(n, 11.0)
    if side == "stop":
        low[at] = 9.0
    else:
        high[at] = 12.0
    ground = seen(10.0, low, high, np.full(n, 10.5), np.zeros(n, np.int64))
    for first in (0, 1, 64, 4096, at):
        for end in (end for end in (at, at + 1, n) if end >= first):
            stop, target = (9.0, 99.0) if side == "stop" else (1.0, 11.0)
            found = first_touch(low, high, ground.small_reach, ground.wide_reach, first, end, stop, target)
            assert found == (at if first <= at < end else end)
            if side == "target":  # reached, not passed
                found = first_touch(low, high, ground.small_reach, ground.wide_reach, first, end, 1.0, 12.0)
                assert found == end
