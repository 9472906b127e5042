"""Which bars a start and an end mean."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from cryptolab.bars import DAY
from cryptolab.database.spans import instant, moment_before, span
from cryptolab.errors import InputError

NEW_YEAR = pd.Timestamp("2024-01-01", tz="UTC").value


@pytest.mark.parametrize("day", ["2024-01-01", " 2024-01-01 ", dt.date(2024, 1, 1), np.datetime64("2024-01-01")])
def test_a_day_is_all_of_it_on_either_side(day: Any) -> None:
    assert span(day, day) == (NEW_YEAR, NEW_YEAR + DAY - 1)


@pytest.mark.parametrize(
    "moment",
    [
        "2024-01-01T00:00",
        "2024-01-01 00:00:00",
        "2024-01-01T00:00:00.000000000Z",
        "2024-01-01T01:00+01:00",
        "2023-12-31 19:00-0500",
        "2024-01-01 00:00 UTC",
        "2024-01-01 00:00:00+00:00",
        dt.datetime(2024, 1, 1),
        dt.datetime(2024, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))),
        pd.Timestamp("2024-01-01"),
        pd.Timestamp("2024-01-01", tz="UTC"),
        pd.Timestamp("2024-01-01 01:00", tz="Europe/Berlin"),
        np.datetime64("2024-01-01T00"),
    ],
)
def test_a_time_is_the_instant_without_a_zone_in_utc(moment: Any) -> None:
    assert span(moment, moment) == (NEW_YEAR, NEW_YEAR)
    assert instant("as_of", moment) == NEW_YEAR


def test_what_is_left_out_is_open() -> None:
    first, last = span(None, None)
    assert first == -last == -(2**63 - 1)
    assert span("2262-04-11", "2262-04-11") == (pd.Timestamp("2262-04-11").value, 2**63 - 1)


@given(st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2260, 1, 1)))
def test_what_pandas_writes_is_read(moment: dt.datetime) -> None:
    stamp = pd.Timestamp(moment, tz="UTC")
    assert (
        instant("x", str(stamp)) == instant("x", stamp.isoformat()) == instant("x", stamp) == stamp.as_unit("ns").value
    )


GUESSES = [
    "2024", "2024-1-5", "20240105", "01/05/2024", "5 Jan 2024", "now", "today", "", "24:00", "2024-01-01T24:00",
    "2024-02-30", "2024-01-01T10", "٢٠٢٤-٠١-٠١", 2024, 1704067200000, 0.5, True, np.int64(5), pd.NaT,
    np.datetime64("NaT"), dt.date(1066, 10, 14), "9999-12-31", dt.time(5), pd.Period("2024-01-01"), ["2024-01-01"],
]  # fmt: skip


@pytest.mark.parametrize("value", GUESSES, ids=repr)
def test_what_would_have_to_be_guessed_is_refused(value: Any) -> None:
    for side in ((value, None), (None, value)):
        with pytest.raises(InputError, match=r"^(start|end): received .*; write a day, as in '2024-12-31', or a time"):
            span(*side)


def test_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"^start: received 2024-02-01 after the end 2024-01-01; write the earlier one"
    ):
        span("2024-02-01", "2024-01-01")
    with pytest.raises(InputError, match="write the earlier one first"):
        span("2024-01-01T00:01", "2024-01-01T00:00")


def test_a_span_back_from_now() -> None:
    day = 24 * 3600 * 10**9
    for back in ("1000d", "1000 days", pd.Timedelta(1000, "D"), dt.timedelta(1000)):
        assert abs(time.time_ns() - 1000 * day - moment_before(back)) < 60 * 10**9
    assert abs(time.time_ns() - 1.5 * 3600e9 - moment_before("1.5h")) < 60e9
    assert abs(time.time_ns() - 14 * day - moment_before("2 weeks")) < 60e9
    assert abs(time.time_ns() - moment_before("0d")) < 60e9
    assert abs(time.time_ns() - moment_before(dt.timedelta(0))) < 60e9
    assert moment_before("2024-01-01") == NEW_YEAR


@pytest.mark.parametrize(
    "value", [
        "6m", "1M", "2y", "-5d", "d", "1e9d", "99999999d", "5", 730, None, pd.NaT, dt.timedelta(-1), "1000D",
        np.timedelta64(5, "D"), "2024-02-30",
    ],
)  # fmt: skip
def test_a_span_that_may_mean_two_things_is_refused(value: Any) -> None:
    with pytest.raises(
        InputError, match=r"^older_than: received .*; write a time, or a span back from now, as in '730d'"
    ):
        moment_before(value)
