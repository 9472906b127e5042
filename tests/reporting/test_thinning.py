"""Thinned lines keep what an eye would see: the extremes, the ends, the order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptolab.reporting.thinning import thin


@pytest.mark.parametrize("n", [1, 2, 2999, 3000])
def test_few_values_are_all_kept(n: int) -> None:
    assert np.array_equal(thin(np.arange(n, dtype=float)), np.arange(n))


@given(st.integers(4, 400), st.integers(1, 5000), st.integers(0, 2**32 - 1))
def test_extremes_ends_and_limit(limit: int, n: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=n).cumsum()
    kept = thin(values, limit)
    assert len(kept) <= max(limit, 1)
    assert (np.diff(kept) > 0).all()
    assert kept[0] == 0
    assert kept[-1] == n - 1
    assert values[kept].max() == values.max()
    assert values[kept].min() == values.min()


def test_each_stretch_keeps_its_spikes() -> None:
    values = np.zeros(100_000)
    spikes = np.arange(500, 100_000, 1000)
    values[spikes] = np.where(np.arange(len(spikes)) % 2, 1.0, -1.0)
    assert set(spikes) <= set(thin(values, 3000))


def test_nan_does_not_hide_an_extreme() -> None:
    values = np.full(10_000, np.nan)
    values[1234], values[8765] = -3.0, 5.0
    kept = thin(values, 100)
    assert {1234, 8765} <= set(kept)
