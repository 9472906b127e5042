"""Signals of a condition: the four flags are there when they are asked for, and not before."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptolab.bars import Bars, as_bars
from cryptolab.signal_generator import Signals, as_signals, long_while
from cryptolab.signal_generator import signals as module

FLAGS = ("entries", "exits", "short_entries", "short_exits")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often flags were computed from a condition."""
    calls: list[int] = []
    turns = module._turns

    def count(condition: np.ndarray) -> dict[str, np.ndarray]:
        calls.append(1)
        return turns(condition)

    monkeypatch.setattr(module, "_turns", count)
    return calls


@pytest.fixture
def bars(hourly_frame: pd.DataFrame) -> Bars:
    return as_bars(hourly_frame[:8])


CONDITION = np.array([True, False, False, True, True, False, True, True])


def test_flags_are_computed_once_when_they_are_asked_for(counted: list[int], bars: Bars) -> None:
    signals = long_while(CONDITION).on(bars).labelled(bars.index)
    assert len(signals) == 8
    assert not signals.any_short
    assert counted == []
    assert np.flatnonzero(signals.entries).tolist() == [0, 3, 6]
    assert np.flatnonzero(signals.exits).tolist() == [1, 5]
    assert signals.entries is signals.entries
    assert not signals.short_entries.any()
    assert not signals.short_exits.any()
    assert counted == [1]


def test_the_condition_is_there_and_nobody_can_change_it() -> None:
    given = CONDITION.copy()
    signals = long_while(given)
    given[:] = False
    assert signals.condition is not None
    assert signals.condition.tolist() == CONDITION.tolist()
    for array in (signals.condition, *(getattr(signals, name) for name in FLAGS)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = True
    with pytest.raises(AttributeError, match="signals are not changed"):
        signals.condition = None  # type: ignore[misc]


def test_flags_that_were_given_have_no_condition() -> None:
    for signals in (Signals(CONDITION), Signals(CONDITION, ~CONDITION), Signals(CONDITION, short_entries=CONDITION)):
        assert signals.condition is None
    assert Signals(CONDITION, short_entries=CONDITION).any_short
    assert not Signals(CONDITION, short_entries=~CONDITION & CONDITION).any_short


def test_what_changes_the_flags_drops_the_condition(bars: Bars, hourly_frame: pd.DataFrame) -> None:
    """Else a sweep, which reads the condition, would follow something else than the engine."""
    signals = long_while(CONDITION)
    assert signals.long_only().condition is None
    np.testing.assert_array_equal(signals.long_only().entries, signals.entries)
    frame = hourly_frame[:8].copy()
    frame.iloc[2, :4] = np.nan
    holed = as_bars(frame)
    spread = signals.on(holed).expand(holed)
    assert spread.condition is None
    assert np.flatnonzero(spread.entries).tolist() == [0, 3, 6]
    again = as_signals(spread, holed)
    np.testing.assert_array_equal(again.entries, signals.on(holed).entries)
    assert as_signals([1, 0, -1, 0, 1, 1, 0, 0], bars).condition is None


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.data())
def test_a_condition_on_bars_says_the_same_as_its_flags(condition: list[bool], data: st.DataObject) -> None:
    """On rows of which some have no price: entries and exits follow the condition from real bar to real bar."""
    rows = len(condition)
    unpriced = data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
    unpriced[data.draw(st.integers(0, rows - 1))] = False
    price = np.where(unpriced, np.nan, 100.0)
    stamps = pd.date_range("2024-01-01", periods=rows, freq="h", tz="UTC")
    frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), price), stamps).assign(volume=1.0)
    bars = Bars.from_frame(frame, timeframe="1h")
    left = [holds for holds, gone in zip(condition, unpriced, strict=True) if not gone]
    before = [False, *left[:-1]]
    labelled = data.draw(st.booleans())
    signals = long_while(pd.Series(condition, stamps) if labelled else condition).on(bars)
    assert len(signals) == len(bars)
    assert signals.entries.tolist() == [now and not last for now, last in zip(left, before, strict=True)]
    assert signals.exits.tolist() == [last and not now for now, last in zip(left, before, strict=True)]
    if signals.condition is not None:
        assert signals.condition.tolist() == left
        assert signals.condition.flags.c_contiguous
