"""The door and the record behind it: what becomes bars, what is refused, and that nothing changes afterwards."""

from __future__ import annotations

import dataclasses
import pickle
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptolab.bars import COLUMNS, TIMEFRAMES, Bars, Memo, as_bars, symbol_name
from cryptolab.data_fetchers import simulate
from cryptolab.errors import DataError, InputError
from tests.conftest import REAL_DATA

ARRAYS = ("time", *COLUMNS)
HOUR = TIMEFRAMES["1h"]


def hours(count: int = 10, start: str = "2024-01-01", timeframe: str = "1h") -> pd.DataFrame:
    """A frame of its own memory, whose row t has the prices 100 + t and the volume t + 1."""
    base = 100.0 + np.arange(count)
    columns = {"open": base, "high": base + 2, "low": base - 2, "close": base + 1, "volume": base - 99}
    unit = pd.Timedelta(TIMEFRAMES[timeframe])
    index = pd.date_range(start, periods=count, freq=unit, tz="UTC", unit="ns")
    return pd.DataFrame({name: values.copy() for name, values in columns.items()}, index=index)


def with_value(row: int, column: str, value: float, count: int = 10) -> pd.DataFrame:
    frame = hours(count)
    frame.loc[frame.index[row], column] = value
    return frame


def refusal(data: Any, error: type[Exception] = DataError, **named: Any) -> str:
    with pytest.raises(error) as caught:
        as_bars(data, **named)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert ": received " in text
    return text


# the door: what comes in


def test_a_frame_becomes_bars() -> None:
    frame = hours()
    bars = as_bars(frame)
    assert (bars.symbol, bars.timeframe, bars.source, len(bars)) == ("unknown", "1h", "frame", 10)
    assert bars.interval == HOUR
    assert bars.periods_per_year == 8760
    assert bars.where is None
    assert bars.rows.equals(frame.index)
    assert bars.index.equals(frame.index)
    assert np.array_equal(bars.time, frame.index.asi8)
    for name in COLUMNS:
        assert np.array_equal(getattr(bars, name), frame[name])


def test_bars_pass_the_door_as_they_are() -> None:
    bars = as_bars(hours())
    assert as_bars(bars) is bars


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_the_timeframe_is_the_smallest_spacing(timeframe: str) -> None:
    frame = hours(12, "2024-01-01", timeframe)  # a Monday
    assert as_bars(frame).timeframe == timeframe
    assert as_bars(frame.drop(frame.index[[2, 3, 7]])).timeframe == timeframe
    assert as_bars(frame[:1], timeframe=timeframe).timeframe == timeframe
    assert as_bars(frame).periods_per_year == pytest.approx(365 * 86400e9 / TIMEFRAMES[timeframe])


def test_a_finer_timeframe_may_be_said() -> None:
    assert as_bars(hours(), timeframe="30m").timeframe == "30m"


@pytest.mark.parametrize("change", [str.upper, str.title, lambda name: name])
def test_letter_case_order_and_further_columns_do_not_matter(change: Any) -> None:
    frame = hours()[["volume", "close", "low", "high", "open"]].rename(columns=change)
    frame.insert(0, "trades", "some")
    frame[7] = 1.0
    assert as_bars(frame).fingerprint == as_bars(hours()).fingerprint


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_units_and_zones_come_to_nanoseconds_utc(unit: str, zone: str) -> None:
    frame = hours(24 * 9, "2024-03-05")  # over New York's clock change
    frame.index = frame.index.as_unit(unit).tz_convert(zone)
    bars = as_bars(frame)
    assert bars.fingerprint == as_bars(hours(24 * 9, "2024-03-05")).fingerprint
    assert bars.rows.unit == "ns"
    assert str(bars.rows.tz) == "UTC"


@pytest.mark.parametrize(
    "dtype", ["float32", "int64", "uint16", "Float64", "Int32", "float64[pyarrow]", "int8[pyarrow]"]
)
def test_numbers_of_any_kind_become_float64(dtype: str) -> None:
    frame = hours().astype(dtype)
    bars = as_bars(frame)
    assert bars.fingerprint == as_bars(hours()).fingerprint
    assert all(getattr(bars, name).dtype == np.float64 for name in COLUMNS)


@pytest.mark.parametrize("dtype", ["Float64", "float64[pyarrow]"])
def test_a_missing_value_is_nan(dtype: str) -> None:
    frame = hours().astype(dtype)
    frame.iloc[4, :4] = pd.NA
    assert as_bars(frame).where.tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("part", [slice(None, None, 2), slice(1, None, 3)])
def test_every_second_row_of_a_frame_makes_arrays_in_one_piece(part: slice) -> None:
    bars = as_bars(hours(40).iloc[part], timeframe="1h")
    assert len(bars) == len(hours(40).iloc[part])
    assert all(getattr(bars, name).flags.c_contiguous for name in ARRAYS)


def test_weeks_begin_on_monday() -> None:
    assert as_bars(hours(3, "2024-01-01", "1w")).timeframe == "1w"
    assert "bar 2024-01-04 00:00:00+00:00: received a bar off the 1w grid" in refusal(hours(3, "2024-01-04", "1w"))


def test_bars_before_1970_lie_on_the_same_grid() -> None:
    assert len(as_bars(hours(30, "1969-12-31 12:00"))) == 30
    assert len(as_bars(hours(3, "1969-12-22", "1w"))) == 3
    assert "bar 1969-12-31 12:30:00+00:00: received a bar off the 1h grid" in refusal(hours(3, "1969-12-31 12:30"))


# the door: views, and what the owner of the frame does later


@pytest.mark.parametrize("name", COLUMNS)
def test_arrays_are_views_of_the_frame(name: str) -> None:
    frame = hours()
    assert np.shares_memory(getattr(as_bars(frame), name), frame[name].to_numpy())
    block = pd.DataFrame(np.asfortranarray(hours().to_numpy()), columns=list(COLUMNS), index=frame.index)
    assert np.shares_memory(getattr(as_bars(block), name), block[name].to_numpy())


def test_arrays_are_read_only_and_in_one_piece() -> None:
    for bars in (
        as_bars(hours()),
        as_bars(with_value(3, "close", 0.0)),
        as_bars(hours())[2:5],
        hours_of_4().resample("4h"),
    ):
        for name in ARRAYS:
            array = getattr(bars, name)
            assert array.flags.c_contiguous
            assert not array.flags.writeable
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1


def hours_of_4() -> Bars:
    return as_bars(hours(16))


def test_the_record_is_frozen() -> None:
    bars = as_bars(hours())
    with pytest.raises(dataclasses.FrozenInstanceError):
        bars.symbol = "X"  # type: ignore[misc]


CHANGES: dict[str, Any] = {
    "a cell": lambda frame: frame.__setitem__("close", frame["close"].where(frame.index != frame.index[3], 1.0)),
    "loc": lambda frame: frame.loc.__setitem__((frame.index[3], "close"), 1.0),
    "iloc": lambda frame: frame.iloc.__setitem__((slice(None), slice(None)), 7.0),
    "at": lambda frame: frame.at.__setitem__((frame.index[0], "open"), 7.0),
    "in place": lambda frame: frame.mul(0, axis=0).pipe(lambda zero: frame.update(zero)),
    "operator": lambda frame: frame.__imul__(3.0),
    "column": lambda frame: frame.__setitem__("open", -1.0),
    "fill": lambda frame: frame.where(frame > 1e9, 0.0, inplace=True),
    "drop": lambda frame: frame.__delitem__("high"),
    "index": lambda frame: frame.__setattr__("index", frame.index + pd.Timedelta("1h")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_done_to_the_frame_later_does_not_reach_the_bars(name: str) -> None:
    frame = hours()
    bars = as_bars(frame)
    part = bars[2:8]
    CHANGES[name](frame)
    assert not frame.equals(hours()), "the change changes the frame"
    assert bars.fingerprint == as_bars(hours()).fingerprint
    assert part.fingerprint == as_bars(hours())[2:8].fingerprint


def test_what_is_done_to_the_frame_of_bars_does_not_reach_them() -> None:
    bars = as_bars(hours())
    frame = bars.frame()
    frame.loc[frame.index[0], "open"] = 1.0
    frame["close"] *= 2
    assert bars.fingerprint == as_bars(hours()).fingerprint


def test_bars_outlive_their_frame() -> None:
    frame = hours(5000)
    bars = as_bars(frame)
    del frame
    rubbish = [np.full(5000, float(value)) for value in range(50)]
    assert bars.fingerprint == as_bars(hours(5000)).fingerprint
    assert len(rubbish) == 50


# the door: what is refused

NAMED = "(1m | 3m | 5m | 15m | 30m | 1h | 2h | 4h | 6h | 8h | 12h | 1d | 1w)"
LIKE = hours().index


@pytest.mark.parametrize("name", COLUMNS)
def test_a_missing_column_is_refused(name: str) -> None:
    others = ", ".join(column for column in COLUMNS if column != name)
    expected = f"column {name!r} (first row 2024-01-01 00:00:00+00:00): received {others}; give one column {name!r}."
    assert refusal(hours().drop(columns=name)) == expected


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_twice_is_refused(name: str) -> None:
    frame = hours()
    frame[name.upper()] = 1.0
    assert refusal(frame).startswith(f"column {name!r} (first row 2024-01-01 00:00:00+00:00): received it twice;")
    twice = pd.concat([hours(), hours()[[name]]], axis=1)
    assert "received it twice" in refusal(twice)


WRONG_KINDS: dict[str, Any] = {
    "text": lambda column: column.astype(str),
    "objects": lambda column: column.astype(object),
    "booleans": lambda column: column > 0,
    "complex": lambda column: column.astype(complex),
    "dates": lambda column: pd.to_datetime(column),
    "durations": lambda column: pd.to_timedelta(column),
    "categories": lambda column: column.astype("category"),
    "nullable booleans": lambda column: (column > 0).astype("boolean"),
}


@pytest.mark.parametrize("kind", WRONG_KINDS)
@pytest.mark.parametrize("name", ["open", "volume"])
def test_a_wrong_dtype_is_refused(kind: str, name: str) -> None:
    frame = hours().assign(**{name: WRONG_KINDS[kind](hours()[name])})
    message = refusal(frame)
    assert message.startswith(f"column {name!r}: received dtype ")
    assert message.endswith(" at 2024-01-01 00:00:00+00:00; give numbers (float64).")


def test_a_naive_index_is_refused() -> None:
    message = refusal(hours().tz_localize(None))
    assert message == (
        "the index: received timestamps without a time zone, first 2024-01-01 00:00:00; say it: df.tz_localize('UTC')."
    )


@pytest.mark.parametrize(
    ("index", "received"),
    [
        (pd.RangeIndex(10), "RangeIndex at 0"),
        (LIKE.strftime("%Y-%m-%dT%H:%M:%SZ"), "Index at '2024-01-01T00:00:00Z'"),
        (LIKE.tz_localize(None).to_period("h"), "PeriodIndex at Period('2024-01-01 00:00', 'h')"),
        (LIKE.astype(object), "Index at Timestamp('2024-01-01 00:00:00+0000', tz='UTC')"),
    ],
)
def test_an_index_of_no_times_is_refused(index: pd.Index, received: str) -> None:
    frame = hours()
    frame.index = index
    assert refusal(frame) == f"the index: received {received}; give a UTC DatetimeIndex of bar opens."


def test_a_row_without_a_time_is_refused() -> None:
    frame = hours()
    frame.index = frame.index.where(np.arange(10) != 4)
    assert refusal(frame) == "the index: received no timestamp in row 4; leave the row out."


def test_a_time_beyond_nanoseconds_is_refused() -> None:
    frame = hours()
    frame.index = frame.index.as_unit("s") + pd.to_timedelta(400 * 365 * (np.arange(10) > 3), unit="D")
    assert refusal(frame).startswith("bar 2423-09-26 04:00:00+00:00: received a time beyond int64 nanoseconds;")


@pytest.mark.parametrize("rows", [[0, 1, 2, 2, 3], [0, 0, 1], [0, 1, 2, 3, 3, 3, 2]])
def test_the_first_duplicate_is_named(rows: list[int]) -> None:
    first = next(row for row, before in zip(rows[1:], rows, strict=False) if row == before)
    expected = (
        f"bar 2024-01-01 0{first}:00:00+00:00: received a duplicate; sort the rows and keep one of each timestamp."
    )
    assert refusal(hours().iloc[rows]) == expected


@pytest.mark.parametrize("rows", [[0, 2, 1], [3, 2, 1, 0], [0, 1, 5, 4, 4]])
def test_the_first_row_out_of_order_is_named(rows: list[int]) -> None:
    row, before = next((row, before) for row, before in zip(rows[1:], rows, strict=False) if row < before)
    expected = (
        f"bar 2024-01-01 0{row}:00:00+00:00: received a bar after 2024-01-01 0{before}:00:00+00:00; sort the rows"
    )
    assert refusal(hours().iloc[rows]).startswith(expected)


PRICES = COLUMNS[:4]
NEAR = {name: hours()[name].iloc[5] for name in COLUMNS}
BAD_VALUES = [
    *((name, value, "an infinite price") for name in PRICES for value in (np.inf, -np.inf)),
    *((name, -1.0, "a negative price") for name in PRICES),
    ("high", NEAR["open"] - 0.5, "a high below or a low above one of the bar's other prices"),  # below close as well
    ("high", NEAR["close"] - 0.5, "a high below or a low above one of the bar's other prices"),
    ("high", NEAR["low"] - 0.5, "a high below or a low above one of the bar's other prices"),
    ("low", NEAR["open"] + 0.5, "a high below or a low above one of the bar's other prices"),
    ("low", NEAR["close"] + 0.5, "a high below or a low above one of the bar's other prices"),
    ("open", NEAR["high"] + 0.5, "a high below or a low above one of the bar's other prices"),
    ("close", NEAR["low"] - 0.5, "a high below or a low above one of the bar's other prices"),
    ("volume", -1.0, "a volume that is NaN, negative or infinite"),
    ("volume", np.nan, "a volume that is NaN, negative or infinite"),
    ("volume", np.inf, "a volume that is NaN, negative or infinite"),
]


@pytest.mark.parametrize(("name", "value", "received"), BAD_VALUES)
def test_the_first_row_no_market_made_is_named(name: str, value: float, received: str) -> None:
    frame = with_value(5, name, value)
    frame.loc[frame.index[8], "high"] = np.inf  # a later fault is not the first
    assert refusal(frame).startswith(f"bar 2024-01-01 05:00:00+00:00: received {received}; ")


@pytest.mark.parametrize("row", [0, 9])
def test_the_first_and_the_last_row_are_looked_at(row: int) -> None:
    assert refusal(with_value(row, "high", 1.0)).startswith(f"bar 2024-01-01 0{row}:00:00+00:00: received a high below")


@pytest.mark.parametrize("price", [np.nan, 0.0])
def test_a_fault_beside_a_missing_price_is_still_one(price: float) -> None:
    frame = with_value(5, "open", price)
    frame.loc[frame.index[5], "close"] = -np.inf
    assert refusal(frame).startswith("bar 2024-01-01 05:00:00+00:00: received an infinite price; ")
    frame.loc[frame.index[5], "close"] = -3.0
    assert refusal(frame).startswith("bar 2024-01-01 05:00:00+00:00: received a negative price; ")


def test_the_first_bar_off_the_grid_is_named() -> None:
    frame = hours()
    stamps = frame.index.tz_localize(None).to_numpy().copy()
    stamps[6:8] += np.timedelta64(17, "m")
    frame.index = pd.DatetimeIndex(stamps, tz="UTC")
    expected = "bar 2024-01-01 06:17:00+00:00: received a bar off the 1h grid; "
    assert refusal(frame, timeframe="1h").startswith(expected + "give bars that open at multiples")
    assert refusal(frame).startswith(expected + "leave it out")  # 43 minutes are no timeframe: the usual spacing is


def test_one_stray_row_does_not_make_all_others_gaps_of_a_smaller_timeframe() -> None:
    frame = hours(100)
    stray = frame[50:51].set_axis(frame.index[50:51] + pd.Timedelta("45min"))
    mixed = pd.concat([frame, stray]).sort_index()
    assert refusal(mixed).startswith("bar 2024-01-03 02:45:00+00:00: received a bar off the 1h grid; leave it out")
    assert as_bars(mixed, timeframe="15m").timeframe == "15m"


def test_a_column_of_texts_names_the_first_that_is_no_number() -> None:
    frame = hours().astype({"close": object})
    frame.iloc[7, 3] = "abc"
    assert refusal(frame) == (
        "column 'close': received dtype object, 'abc' at 2024-01-01 07:00:00+00:00; give numbers (float64)."
    )


def test_columns_in_another_order_are_views_too() -> None:
    frame = hours()[["volume", "close", "low", "high", "open"]]
    assert np.shares_memory(as_bars(frame).close, frame["close"].to_numpy())


def test_bars_travel_read_only_and_as_frames_keep_the_name_of_their_index() -> None:
    bars = as_bars(hours(), symbol="A/B")
    again = pickle.loads(pickle.dumps(bars))
    assert again.fingerprint == bars.fingerprint
    assert not again.close.flags.writeable
    assert bars.frame().index.name == "timestamp"
    assert not bars.simulated


def test_a_whole_series_off_the_grid_is_refused() -> None:
    frame = hours(start="2024-01-01 00:00:01")
    assert refusal(frame).startswith("bar 2024-01-01 00:00:01+00:00: received a bar off the 1h grid;")
    assert refusal(hours(), timeframe="4h").startswith("bar 2024-01-01 01:00:00+00:00: received a bar off the 4h grid;")


def test_a_spacing_that_is_no_timeframe_is_refused() -> None:
    frame = hours()
    frame.index = pd.date_range("2024-01-01", periods=10, freq="7min", tz="UTC", unit="ns")
    assert refusal(frame) == (
        "bar 2024-01-01 00:07:00+00:00: received a spacing of 0 days 00:07:00 to the bar before; "
        f"give bars of one timeframe {NAMED}, or say timeframe=."
    )


def test_frames_without_bars_are_refused() -> None:
    assert refusal(hours()[:0]) == "the frame: received no rows; give at least one bar."
    assert refusal(pd.DataFrame()) == "the frame: received no rows; give at least one bar."
    expected = "the frame: received 10 rows without prices; give at least one row with four prices."
    assert refusal(hours().assign(close=np.nan)) == expected
    expected = (
        "the frame: received one row (2024-01-01 00:00:00+00:00); say timeframe= in read(...) or Bars.from_frame(...)."
    )
    assert refusal(hours()[:1]) == expected


@pytest.mark.parametrize("data", [None, 3, [1.0], "bars.csv", np.ones(3), hours()["close"], {"open": 1}])
def test_what_is_neither_frame_nor_bars_is_refused(data: object) -> None:
    article = "an" if isinstance(data, int) else "a"
    expected = (
        f"bars: received {article} {type(data).__name__}; give Bars or a DataFrame of open, high, low, close, volume."
    )
    assert refusal(data) == expected


@pytest.mark.parametrize("timeframe", ["1H", "60m", "", 3600, ["1h"]])
def test_an_unknown_timeframe_is_refused(timeframe: Any) -> None:
    message = refusal(hours(), InputError, timeframe=timeframe)
    assert message.startswith(f"timeframe: received {timeframe!r}; ")
    assert message.endswith(f"{NAMED}.")


# names


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("BTC/USDT", "BTC/USDT"), ("btc/usdt", "BTC/USDT"), ("BTCUSDT", "BTC/USDT"), ("BTC-USDT", "BTC/USDT"),
        ("BTC-USD", "BTC/USD"), ("ethbtc", "ETH/BTC"), (" SOL-EUR ", "SOL/EUR"), ("BTC_USDT", "BTC/USDT"),
            ("BNBUSD", "BNBUSD"), ("DOTUSD", "DOTUSD"), ("BTCFDUSD", "BTCFDUSD"),  # BNB/USD or BN/BUSD: not guessed

        ("unknown", "unknown"), ("USDT", "USDT"), ("SPX", "SPX"),
    ],
)  # fmt: skip
def test_symbols_are_base_and_quote(given_name: str, name: str) -> None:
    assert symbol_name(given_name) == name
    assert as_bars(hours(), symbol=given_name).symbol == name


@pytest.mark.parametrize("symbol", ["", "  ", 7, 0, ["BTC"]])
def test_a_symbol_that_is_no_name_is_refused(symbol: Any) -> None:
    assert (
        refusal(hours(), InputError, symbol=symbol)
        == f"symbol: received {symbol!r}; write BASE/QUOTE, as in 'BTC/USDT'."
    )


# rows without bars


@pytest.mark.parametrize("name", PRICES)
@pytest.mark.parametrize("price", [np.nan, 0.0, -0.0])
@pytest.mark.parametrize("row", [0, 4, 9])
def test_a_row_without_one_price_is_no_bar(name: str, price: float, row: int) -> None:
    frame = with_value(row, name, price)
    frame.loc[frame.index[row], "volume"] = np.nan  # of no interest where there is no bar
    bars = as_bars(frame)
    kept = [other for other in range(10) if other != row]
    assert bars.where.tolist() == kept
    assert bars.rows.equals(frame.index)
    assert bars.index.equals(frame.index[kept])
    assert bars.fingerprint == as_bars(hours().iloc[kept]).fingerprint


def test_values_go_back_on_the_rows() -> None:
    bars = as_bars(with_value(4, "close", np.nan))
    values = bars.expand(bars.close, np.nan)
    assert np.isnan(values[4])
    assert np.array_equal(np.delete(values, 4), bars.close)
    flags = bars.expand(np.ones(9, bool), False)
    assert flags.dtype == bool
    assert flags.tolist() == [row != 4 for row in range(10)]
    assert bars.expand(np.ones(9, np.int64), 0).tolist() == [int(row != 4) for row in range(10)]
    whole = as_bars(hours())
    assert np.array_equal(whole.expand(whole.close, np.nan), whole.close)


def unpriced_where(frame: pd.DataFrame, keep: np.ndarray) -> pd.DataFrame:
    return frame.assign(**{name: frame[name].where(keep) for name in PRICES})


@given(st.lists(st.booleans(), min_size=2, max_size=60).filter(any))
def test_taken_out_or_unpriced_is_the_same(priced: list[bool]) -> None:
    frame, keep = hours(len(priced)), np.array(priced)
    unpriced = as_bars(unpriced_where(frame, keep), timeframe="1h")
    absent = as_bars(frame[keep], timeframe="1h")
    assert unpriced.fingerprint == absent.fingerprint
    assert unpriced.gaps.equals(absent.gaps)
    assert unpriced.index.equals(absent.index)
    assert unpriced.expand(unpriced.time, 0)[keep].tolist() == absent.time.tolist()
    assert (unpriced.expand(np.ones(len(absent)), np.nan) == 1).tolist() == priced


# gaps


def test_gaps_name_start_end_and_count() -> None:
    frame = hours(20)
    bars = as_bars(
        frame.drop(frame.index[[0, 3, 4, 5, 9, 19]]).assign(open=lambda f: f["open"].where(f.index.hour != 11))
    )
    assert bars.gaps["start"].dt.hour.tolist() == [3, 9, 11]
    assert bars.gaps["end"].dt.hour.tolist() == [6, 10, 12]
    assert bars.gaps["missing"].tolist() == [3, 1, 1]  # neither before the first bar nor after the last
    assert "14 bars" not in repr(as_bars(frame))
    assert "13 bars" in repr(bars)
    assert "5 missing" in repr(bars)


def test_bars_without_gaps_have_an_empty_table() -> None:
    gaps = as_bars(hours()).gaps
    assert list(gaps.columns) == ["start", "end", "missing"]
    assert len(gaps) == 0
    assert len(as_bars(hours()[:1], timeframe="1h").gaps) == 0


# slices


@given(
    st.lists(st.booleans(), min_size=3, max_size=30).filter(lambda priced: sum(priced) > 1),
    st.integers(-35, 35),
    st.integers(-35, 35),
)
def test_a_slice_is_the_bars_of_the_sliced_arrays(priced: list[bool], begin: int, end: int) -> None:
    frame = unpriced_where(hours(len(priced)), np.array(priced))
    bars = as_bars(frame, symbol="A/B", timeframe="1h")
    if not len(bars.close[begin:end]):
        with pytest.raises(DataError, match="received the empty slice"):
            bars[begin:end]
        return
    part = bars[begin:end]
    for name in ARRAYS:
        assert np.array_equal(getattr(part, name), getattr(bars, name)[begin:end])
        assert np.shares_memory(getattr(part, name), getattr(bars, name))
    assert part.index.equals(bars.index[begin:end])
    assert (part.symbol, part.timeframe, part.source) == (bars.symbol, bars.timeframe, bars.source)
    # its rows are consecutive rows of the frame, and hold no bar of a neighbour
    first = frame.index.get_loc(part.rows[0])
    assert part.rows.equals(frame.index[first : first + len(part.rows)])
    assert sum(priced[first : first + len(part.rows)]) == len(part)
    assert part.expand(part.time, 0)[np.array(priced[first : first + len(part.rows)])].tolist() == part.time.tolist()


def test_a_whole_slice_keeps_all_rows() -> None:
    frame = hours().assign(close=lambda f: f["close"].where((f.index.hour > 1) & (f.index.hour < 8)))
    bars = as_bars(frame)
    assert bars[:].rows.equals(frame.index)
    assert bars[:2].rows.equals(frame.index[:4])
    assert bars[3:].rows.equals(frame.index[5:])


def test_a_slice_has_a_memory_of_its_own() -> None:
    bars = as_bars(hours())
    bars.remember("key", lambda: bars.close)
    part = bars[:5]
    assert len(part.memo) == 0
    assert part.remember("key", lambda: part.close).size == 5
    assert bars.remember("key", lambda: part.close).size == 10


@pytest.mark.parametrize("part", [3, "a", slice(None, None, 2), slice(None, None, -1), None, (1, 2)])
def test_only_consecutive_bars_are_a_slice(part: Any) -> None:
    with pytest.raises(InputError, match="write a slice without a step"):
        as_bars(hours())[part]


# fingerprint


def test_equal_bars_have_equal_fingerprints_whatever_their_source() -> None:
    one = Bars.from_frame(hours(), "BTC/USDT", "1h", "a.csv")
    two = Bars.from_frame(hours().tz_convert("Asia/Tokyo").rename(columns=str.upper), "btcusdt", source="b.parquet")
    assert one.fingerprint == two.fingerprint
    assert one.fingerprint == one[:].fingerprint
    assert one.fingerprint == pickle.loads(pickle.dumps(one)).fingerprint


@pytest.mark.parametrize("name", COLUMNS)
def test_any_change_changes_the_fingerprint(name: str) -> None:
    base = as_bars(hours()).fingerprint
    frame = hours()
    frame.loc[frame.index[5], name] = np.nextafter(frame[name].iloc[5], np.inf)
    assert as_bars(frame).fingerprint != base
    assert as_bars(hours(), symbol="A/B").fingerprint != base
    assert as_bars(hours(), timeframe="30m").fingerprint != base
    assert as_bars(hours(start="2024-01-02")).fingerprint != base
    assert as_bars(hours())[1:].fingerprint != base


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    assert as_bars(hours(), symbol="BTC/USDT").fingerprint == (
        "8d0c2cd54eefdb5cb297880edad894479c3f464dc3094e4c5d7f2351b2a2469a"
    )


# memo


def test_a_value_is_computed_once() -> None:
    bars, calls = as_bars(hours()), []

    def compute() -> np.ndarray:
        calls.append(1)
        return np.arange(3.0)

    first = bars.remember(("EMA", 9), compute)
    assert bars.remember(("EMA", 9), compute) is first
    assert len(calls) == 1
    bars.remember(("EMA", 10), compute)
    assert len(calls) == 2


def test_what_fails_is_not_remembered() -> None:
    memo = Memo()
    with pytest.raises(ZeroDivisionError):
        memo.get("key", lambda: 1 / 0)
    assert memo.get("key", lambda: np.zeros(1)).size == 1


def test_the_least_recently_used_goes_first() -> None:
    memo = Memo(limit=3 * 80)
    for key in "abc":
        memo.get(key, lambda: np.zeros(10))
    memo.get("a", lambda: pytest.fail("a is remembered"))
    memo.get("d", lambda: np.zeros(10))
    assert len(memo) == 3
    for key in "acd":
        memo.get(key, lambda: pytest.fail("still remembered"))
    assert memo.get("b", lambda: np.ones(10)).sum() == 10


def test_the_bytes_of_all_arrays_count_and_one_too_large_is_not_kept() -> None:
    memo = Memo(limit=1000)
    memo.get("pair", lambda: (np.zeros(50), np.zeros(50)))
    memo.get("other", lambda: np.zeros(50))
    assert len(memo) == 1
    large = memo.get("large", lambda: np.zeros(1000))
    assert large.size == 1000
    assert len(memo) == 1
    memo.get("other", lambda: pytest.fail("a large value drives nothing out"))


def test_threads_share_one_memory() -> None:
    memo, wrong = Memo(limit=40 * 80), []
    start = threading.Barrier(8)

    def work(seed: int) -> None:
        start.wait()
        keys = np.random.default_rng(seed).integers(0, 100, 2000).tolist()
        values = [memo.get(key, lambda key=key: np.full(10, float(key)))[0] for key in keys]
        wrong.extend(key for key, value in zip(keys, values, strict=True) if key != value)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(memo) == 40
    assert memo._bytes == sum(size for _, size in memo._values.values()) == 40 * 80


def test_a_computation_may_ask_for_another() -> None:
    memo = Memo()
    value = memo.get("outer", lambda: memo.get("inner", lambda: np.ones(2)) + 1)
    assert value.tolist() == [2, 2]
    assert len(memo) == 2


# resample


def slow_resample(bars: Bars, timeframe: str) -> pd.DataFrame:
    """pandas' own folding, then the periods that begin before the first bar or end after the last are left out."""
    # weeks as spans of seven days from a Monday
    groups = bars.frame().resample(pd.Timedelta(TIMEFRAMES[timeframe]), origin=pd.Timestamp("1970-01-05", tz="UTC"))
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    out = groups.agg(how).dropna()
    length, end = pd.Timedelta(TIMEFRAMES[timeframe]), bars.index[-1] + pd.Timedelta(bars.interval)
    return out[(out.index >= bars.index[0]) & (out.index + length <= end)]


PAIRS = [
    (low, high) for low in TIMEFRAMES for high in TIMEFRAMES if TIMEFRAMES[high] % TIMEFRAMES[low] == 0 and low != high
]


@pytest.mark.parametrize(("low", "high"), PAIRS)
def test_resampling_equals_pandas(low: str, high: str) -> None:
    count = min(40_000, 5 * TIMEFRAMES[high] // TIMEFRAMES[low] + 17)
    frame = simulate(count, low, seed=4, start="2024-02-27 05:00").frame()
    keep = np.random.default_rng(1).random(count) < 0.8
    keep[[0, -1]] = True
    bars = as_bars(frame[keep], symbol="A/B", timeframe=low)
    expected = slow_resample(bars, high)
    got = bars.resample(high)
    assert (got.symbol, got.timeframe, got.where) == ("A/B", high, None)
    assert np.array_equal(got.time, expected.index.as_unit("ns").asi8)
    for name in PRICES:
        assert np.array_equal(getattr(got, name), expected[name])
    assert np.allclose(got.volume, expected["volume"], rtol=1e-12)
    assert as_bars(got.frame(), symbol="A/B", timeframe=high).fingerprint == got.fingerprint  # it passes the door


def test_only_whole_periods_are_given() -> None:
    frame = hours(11, "2024-01-01 03:00")  # 03:00 to 13:00
    assert as_bars(frame).resample("4h").index.hour.tolist() == [4, 8]
    assert as_bars(frame[1:]).resample("4h").index.hour.tolist() == [4, 8]
    assert as_bars(frame[2:]).resample("4h").index.hour.tolist() == [8]
    assert as_bars(frame[:9]).resample("4h").index.hour.tolist() == [4, 8]
    assert as_bars(frame[:8]).resample("4h").index.hour.tolist() == [4]


def test_a_missing_bar_inside_a_period_was_a_shut_market() -> None:
    frame = hours(12).drop(hours(12).index[[5, 6]])
    assert as_bars(frame).resample("4h").volume.tolist() == [10.0, 5.0 + 8.0, 42.0]


def test_resampling_to_itself_gives_the_same_bars() -> None:
    bars = as_bars(hours())
    assert bars.resample("1h") is bars


@pytest.mark.parametrize(
    ("low", "high", "error", "message"),
    [
        ("1h", "30m", DataError, "timeframe: received '30m' for bars of 1h; give a multiple of it."),
        ("3m", "5m", DataError, "timeframe: received '5m' for bars of 3m; give a multiple of it."),
        ("8h", "12h", DataError, "timeframe: received '12h' for bars of 8h; give a multiple of it."),
        ("1h", "1d", DataError, "resample: received 10 bars of 1h; give one whole period of 1d."),
        ("1h", "4H", InputError, "timeframe: received '4H'; did you mean"),
    ],
)
def test_what_cannot_be_resampled_is_refused(low: str, high: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        as_bars(hours(10, timeframe=low)).resample(high)
    assert str(caught.value).startswith(message)


@pytest.mark.real_data
@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
@pytest.mark.parametrize("timeframe", ["4h", "1d"])
def test_resampled_hours_are_the_exchange_s_own_bars(symbol: str, timeframe: str) -> None:
    def recorded(name: str) -> Bars:
        frame = pd.read_parquet(REAL_DATA / "ohlcv" / symbol / f"{name}.parquet")
        return as_bars(frame.set_index("timestamp") if "timestamp" in frame else frame)

    ours, theirs = recorded("1h").resample(timeframe).frame(), recorded(timeframe).frame()
    both = ours.index.intersection(theirs.index)
    assert len(both) >= len(ours) - 1
    ours, theirs = ours.loc[both], theirs.loc[both]
    apart = (~np.isclose(ours, theirs, rtol=1e-6)).any(axis=1)
    assert apart.mean() < 0.001, ours[apart].compare(theirs[apart])


@given(
    timeframe=st.sampled_from(list(TIMEFRAMES)),
    length=st.integers(2, 200),
    seed=st.integers(0, 10**6),
    drop=st.floats(0, 0.6),
)
def test_bars_to_frame_to_bars(timeframe: str, length: int, seed: int, drop: float) -> None:
    frame = simulate(length, timeframe, seed).frame()
    keep = np.random.default_rng(seed).random(length) >= drop
    keep[0] = True
    bars = as_bars(frame[keep], symbol="SIM/USDT", timeframe=timeframe)
    again = as_bars(bars.frame(), symbol="SIM/USDT", timeframe=timeframe)
    assert again.fingerprint == bars.fingerprint
    assert int(bars.gaps["missing"].sum()) == (bars.time[-1] - bars.time[0]) // bars.interval + 1 - len(bars)
