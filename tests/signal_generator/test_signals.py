"""Signals and the doors through which flags come in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cryptolab.bars import as_bars
from cryptolab.errors import InputError, UnknownNameError
from cryptolab.signal_generator import Signals, as_signals, long_while


def flags(signals: Signals) -> list[list[int]]:
    names = ("entries", "exits", "short_entries", "short_exits")
    return [np.flatnonzero(getattr(signals, name)).tolist() for name in names]


def test_long_while_enters_where_true_begins_and_exits_where_it_ends() -> None:
    assert flags(long_while([False, True, True, False, True, False])) == [[1, 4], [3, 5], [], []]


def test_long_while_counts_true_at_the_first_bar_as_turning_true() -> None:
    assert flags(long_while([True, True, False]))[:2] == [[0], [2]]


def test_long_while_is_false_where_a_comparison_met_nan() -> None:
    with np.errstate(invalid="ignore"):
        assert flags(long_while(np.array([np.nan, np.nan, 2.0, 0.0]) > 1.0))[:2] == [[2], [3]]


def test_directions_enter_at_a_one_whose_predecessor_was_not_one(hourly_frame: pd.DataFrame) -> None:
    bars = as_bars(hourly_frame[:8])
    given = [1, 1, 0, 1, -1, -1, 0, 1]
    assert flags(as_signals(given, bars)) == [[0, 3, 7], [4], [4], [0, 3, 7]]


def test_directions_other_than_one_zero_minus_one_are_refused_with_their_timestamp(hourly_frame: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=r"received 2 at 2024-01-01 03:00.*give \+1, 0 or -1"):
        as_signals(np.array([0, 1, 0, 2, 0]), as_bars(hourly_frame[:5]))


def test_an_array_of_booleans_is_no_series_of_directions(hourly_frame: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=r"long_while\(condition\)"):
        as_signals(np.ones(5, bool), as_bars(hourly_frame[:5]))


def test_nan_in_flags_is_refused() -> None:
    with pytest.raises(InputError, match="NaN in row 1"):
        Signals([1.0, np.nan, 0.0])


def test_nan_in_directions_is_refused(hourly_frame: pd.DataFrame) -> None:
    bars = as_bars(hourly_frame[:3])
    with pytest.raises(InputError, match="nan at 2024-01-01 01:00"):
        as_signals(pd.Series([0.0, np.nan, 1.0], hourly_frame.index[:3]), bars)


def test_numbers_that_are_no_flags_are_refused() -> None:
    with pytest.raises(InputError, match="values other than True and False"):
        Signals([0, 2, 1])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (np.array(["1", "0"]), "dtype <U1; give True or False"),
        (pd.Series([True, None, False], dtype="boolean"), "NaN in row 1"),
        (np.array(["2024-01-01"], "M8[ns]"), r"dtype datetime64\[ns\]"),
        (np.ones((2, 2), bool), "2 dimensions"),
    ],
)
def test_what_is_no_flag_is_refused(given: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Signals(given)


def test_a_later_field_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="unknown field of Signals 'limit'"):
        Signals([True], limit=[1.0])  # type: ignore[call-arg]


def test_signals_do_not_change_with_the_array_they_came_from_and_cannot_be_written() -> None:
    given = np.zeros(5, bool)
    signals, held = Signals(given), long_while(given)
    given[2] = True
    assert not signals.entries.any()
    assert not held.entries.any()
    for name in ("entries", "exits", "short_entries", "short_exits"):
        assert not getattr(signals, name).flags.writeable
        assert not getattr(held, name).flags.writeable


def test_flags_of_different_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="entries 3, exits 2"):
        Signals([True, False, True], [False, True])


def test_an_index_that_differs_is_refused(hourly_frame: pd.DataFrame) -> None:
    bars = as_bars(hourly_frame[:4])
    moved = pd.Series([1, 0, -1, 0], hourly_frame.index[1:5])
    with pytest.raises(InputError, match=r"an index of 4 rows .* that differs"):
        as_signals(moved, bars)
    with pytest.raises(InputError, match="that differs"):
        as_signals(moved.tz_convert(None), bars)


def test_the_same_instants_in_another_zone_or_unit_are_the_same_index(hourly_frame: pd.DataFrame) -> None:
    bars = as_bars(hourly_frame[:4])
    index = hourly_frame.index[:4].tz_convert("Asia/Tokyo").as_unit("s")
    assert flags(as_signals(pd.Series([1, 0, -1, 0], index), bars))[:2] == [[0], [2]]


def test_a_wrong_length_is_refused(hourly_frame: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="3 rows for 5 bars"):
        as_signals(np.array([0, 1, 0]), as_bars(hourly_frame[:5]))


def test_columns_of_flags_are_taken_and_unknown_ones_refused(hourly_frame: pd.DataFrame) -> None:
    bars = as_bars(hourly_frame[:3])
    frame = pd.DataFrame({"entries": [True, False, False], "exits": [False, False, True]}, hourly_frame.index[:3])
    assert flags(as_signals(frame, bars)) == [[0], [2], [], []]
    with pytest.raises(UnknownNameError, match=r"'entry': did you mean 'entries'"):
        as_signals({"entry": [True, False, False]}, bars)


def holed(frame: pd.DataFrame, rows: list[int]) -> pd.DataFrame:
    """Return the frame with rows whose prices are NaN."""
    out = frame.copy()
    out.iloc[rows, :4] = np.nan
    return out


def test_flags_on_rows_without_prices_are_ignored(hourly_frame: pd.DataFrame) -> None:
    bars = as_bars(holed(hourly_frame[:6], [2, 3]))
    given = np.array([False, False, True, False, False, True])
    assert flags(as_signals({"entries": given}, bars))[0] == [3]


def test_directions_follow_the_real_bar_before(hourly_frame: pd.DataFrame) -> None:
    bars = as_bars(holed(hourly_frame[:6], [2]))
    assert flags(as_signals(np.array([0, 1, 0, 1, -1, -1]), bars))[:2] == [[1], [3]]


@pytest.mark.parametrize("labelled", [False, True])
def test_a_condition_that_turns_false_in_an_outage_exits_at_the_next_real_bar(
    hourly_frame: pd.DataFrame, labelled: bool
) -> None:
    frame = holed(hourly_frame[:6], [2])
    condition = np.array([False, True, False, False, False, False])
    given = long_while(pd.Series(condition, frame.index) if labelled else condition)
    assert flags(as_signals(given, as_bars(frame)))[:2] == [[1], [2]]


def test_a_condition_that_holds_across_an_outage_stays_in(hourly_frame: pd.DataFrame) -> None:
    frame = holed(hourly_frame[:6], [2])
    given = long_while(np.array([False, True, False, True, True, False]))
    assert flags(as_signals(given, as_bars(frame)))[:2] == [[1], [4]]
