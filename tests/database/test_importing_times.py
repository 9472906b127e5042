"""Whatever way a time is written in, it is read as the instant it means, or the file is refused."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptolab.database.importing.dates import from_texts
from cryptolab.database.importing.sheet import NO_TIME
from cryptolab.errors import DataError
from tests.database import importing_files as files
from tests.database.importing_files import numbers, rows, same, table, written
from tests.database.test_importing import ISO, brought, refused, said

TRUE = files.market(400)  # sixteen days: the day of the month passes 12

WRITTEN = {
    "ISO": "%Y-%m-%d %H:%M:%S",
    "ISO T": "%Y-%m-%dT%H:%M",
    "slashes": "%Y/%m/%d %H:%M:%S",
    "points": "%Y.%m.%d %H:%M",
    "fractions": "%Y-%m-%d %H:%M:%S.000",
    "digits": "%Y%m%d %H%M%S",
    "digits T": "%Y%m%dT%H%M",
    "day first": "%d/%m/%Y %H:%M",
    "day first, points": "%d.%m.%Y %H:%M:%S.000",
    "day first, dashes": "%d-%m-%y %H:%M",
    "month first": "%m/%d/%Y %H:%M",
    "month first, AM": "%m/%d/%Y %I:%M:%S %p",
    "CryptoDataDownload": "%Y-%m-%d %I-%p",
    "month by name": "%b %d, %Y %H:%M",
    "month in full": "%B %d, %Y %I:%M %p",
    "year first, short": "%y-%m-%d %H:%M",
    "year first, points": "%y.%m.%d %H:%M",
    "day and name": "%d-%b-%y %H:%M",
    "day and name in full": "%d %B %Y %H:%M",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_dates_without_a_zone_are_taken_for_utc_and_that_is_shown(tmp_path: Path, name: str) -> None:
    head = "timestamp;open;high;low;close;volume\n"
    lines = [f"{when.strftime(WRITTEN[name])};{numbers(row, ';')}" for when, row in rows(TRUE)]
    found = brought(written(tmp_path, "BTCUSDT.csv", lines, head))
    assert same(found.bars, TRUE)
    assert said(found)["zone"] == "UTC, assumed: the file names none (say zone='...' where it is another)"


@pytest.mark.parametrize(
    "zoned", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S%z", "%Y-%m-%d %H:%M:%S UTC", "%d.%m.%Y %H:%M:%S.000 GMT%z"]
)
def test_dates_with_a_zone_need_no_assumption(tmp_path: Path, zoned: str) -> None:
    found = brought(table(tmp_path, TRUE, lambda when: when.strftime(zoned)))
    assert same(found.bars, TRUE)
    assert said(found)["zone"] == "as each time says"


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/St_Johns", "America/New_York"])  # +05:45, -03:30, -05:00
@pytest.mark.parametrize("form", ["%d.%m.%Y %H:%M GMT%z", "%Y-%m-%d %H:%M:%S%z"])
def test_an_offset_is_taken_off(tmp_path: Path, zone: str, form: str) -> None:
    def local(when: pd.Timestamp) -> str:
        return when.tz_convert(zone).strftime(form)

    assert same(brought(table(tmp_path, TRUE, local)).bars, TRUE)


INSTANTS = st.datetimes(pd.Timestamp("2009-01-03").to_pydatetime(), pd.Timestamp("2025-12-31").to_pydatetime())


@given(st.lists(INSTANTS, min_size=1, max_size=8), st.sampled_from(sorted(WRITTEN)))
def test_any_date_is_read_as_strptime_reads_it(instants: list[Any], name: str) -> None:
    # the last ones show which number is the day and which the year; one of two digits is of this century
    shown = [pd.Timestamp("2021-01-31"), pd.Timestamp("2021-01-05")]
    stamps = [pd.Timestamp(each).floor("s") for each in [*instants, *shown]]
    texts = [stamp.strftime(WRITTEN[name]) for stamp in stamps]
    form = WRITTEN[name].replace(".000", ".%f")
    utc = datetime.UTC
    expected = [int(datetime.datetime.strptime(text, form).replace(tzinfo=utc).timestamp()) * 10**9 for text in texts]
    found = from_texts("times", pa.chunked_array([texts]), None)
    assert found.ns.tolist() == expected
    assert found.naive.all()


@pytest.mark.parametrize(
    "text",
    [
        "2021-02-29", "2021-13-01", "2021-00-10", "2021-04-31 10:00", "2021-01-01 24:00", "2021-01-01 10:60",
        "31/31/2021", "00/01/2021", "Foo 31, 2021", "2021-01-01 13-PM", "2021-01-01 00-AM", "yesterday", "20211301",
    ],
)  # fmt: skip
def test_what_no_calendar_shows_is_no_time(text: str) -> None:
    found = from_texts("times", pa.chunked_array([[text, "2021-01-30 10:00", "30/12/2021 10:00"]]), None)
    assert (found.ns == NO_TIME).tolist() == [True, False, False]


@given(st.lists(st.text(max_size=24), max_size=5))
def test_no_text_breaks_the_reader(texts: list[str]) -> None:
    try:
        found = from_texts("times", pa.chunked_array([[*texts, None, "2021-01-30"]], pa.string()), None)
    except DataError:
        return  # such as 1/2/03 alone
    assert len(found.ns) == len(texts) + 2
    assert found.ns[-2] == NO_TIME


# which number is the day


def test_dates_that_do_not_show_which_number_is_the_day_are_refused(tmp_path: Path) -> None:
    bars = TRUE[:200]  # eight days
    path = table(tmp_path, bars, lambda when: when.strftime("%m/%d/%Y %H:%M"))
    sentence = refused(path)
    assert (
        "column 'timestamp': received '01/01/2020 00:00', and no date that shows which number is the month" in sentence
    )
    assert sentence.endswith("say which: date_format='day-first' or date_format='month-first'.")
    assert same(brought(path, date_format="month-first").bars, bars)
    assert same(brought(path, date_format="%m/%d/%Y %H:%M").bars, bars)
    assert not same(brought(path, date_format="day-first", timeframe="1h").bars, bars)


def test_dates_in_both_orders_are_refused(tmp_path: Path) -> None:
    def both(when: pd.Timestamp) -> str:
        return when.strftime("%d/%m/%Y %H:%M" if when.day < 15 else "%m/%d/%Y %H:%M")

    assert "received '13/01/2020 00:00' and '01/15/2020 00:00', days and months in both orders" in refused(
        table(tmp_path, TRUE, both)
    )


def test_points_say_that_the_day_is_first_where_all_dates_have_them(tmp_path: Path) -> None:
    ten = files.market(10, "1d")
    assert same(brought(table(tmp_path, ten, lambda when: when.strftime("%d.%m.%Y"))).bars, ten)
    some = table(tmp_path, ten, lambda when: when.strftime("%d/%m/%Y" if when.day == 9 else "%d.%m.%Y"))
    assert "say which: date_format='day-first' or date_format='month-first'." in refused(some)


def short(path: Path, form: str, first: str, days: int) -> tuple[Path, Any]:
    bars = files.market(days, "1d").frame()
    bars.index = bars.index + (pd.Timestamp(first, tz="UTC") - bars.index[0])
    true = type(TRUE).from_frame(bars, "BTC/USDT", "1d")
    return table(path, true, lambda when: when.strftime(form)), true


def test_a_short_year_may_stand_in_front(tmp_path: Path) -> None:
    for form in ("%y-%m-%d", "%d/%m/%y", "%m-%d-%y"):
        path, true = short(tmp_path, form, "2021-01-01", 400)
        assert same(brought(path).bars, true)
    path, true = short(tmp_path, "%y-%m-%d", "2012-10-10", 3)
    sentence = refused(path, timeframe="1d")
    assert "'12-10-10', and no date that shows which number is the month; say which: date_format='day-first' or" in (
        sentence
    )
    assert sentence.endswith("date_format='month-first' or date_format='year-first'.")
    assert same(brought(path, date_format="year-first").bars, true)
    path, true = short(tmp_path, "%d-%m-%y", "2012-10-10", 3)
    assert same(brought(path, date_format="day-first").bars, true)


@pytest.mark.parametrize("days", [("05", "20"), ("20", "31")])  # as years 2005 and 2031: before any coin, and to come
def test_a_reading_that_leads_to_no_time_of_any_coin_is_none(days: tuple[str, str]) -> None:
    found = from_texts("times", pa.chunked_array([[f"{day}-01-21" for day in days]]), None)
    assert found.ns.tolist() == [pd.Timestamp(f"2021-01-{day}").value for day in days]


def test_a_format_that_fits_no_row_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, TRUE, lambda when: when.strftime("%d.%m.%Y %H:%M"))
    assert "'01.01.2020 00:00' in the first row, no time" in refused(path, date_format="%Y-%m-%d")


# epoch numbers


@given(st.lists(st.sampled_from(["s", "ms", "us", "ns"]), min_size=48, max_size=48), st.booleans())
def test_epoch_numbers_of_mixed_units(tmp_path_factory: pytest.TempPathFactory, units: list[str], point: bool) -> None:
    bars = TRUE[:48]
    by_time = dict(zip(bars.index, units, strict=True))

    def number(when: pd.Timestamp) -> str:
        unit = by_time[when]
        return f"{files.epoch(when, unit)}{'.0' if point and unit != 'ns' else ''}"

    found = brought(table(tmp_path_factory.mktemp("epoch"), bars, number))
    assert same(found.bars, bars)
    told = said(found)["time"]
    for unit in set(units):
        assert f"{unit} ({units.count(unit)} rows)" in told or set(units) == {unit}


@pytest.mark.parametrize("form", ["%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d%H"])
def test_dates_in_digits_are_named_as_such(tmp_path: Path, form: str) -> None:
    path = table(tmp_path, TRUE, lambda when: when.strftime(form))
    assert f"a date in digits; say so: date_format='{form}'." in refused(path)
    assert same(brought(path, date_format=form).bars, TRUE)
    frame = TRUE.frame().reset_index()
    frame["timestamp"] = frame["timestamp"].dt.strftime(form).astype("int64")
    frame.to_parquet(tmp_path / "BTCUSDT.parquet")
    assert same(brought(tmp_path / "BTCUSDT.parquet", date_format=form).bars, TRUE)


def test_a_time_before_any_coin_has_lost_a_digit(tmp_path: Path) -> None:
    text = str(files.epoch(TRUE.index[30]))
    path = table(tmp_path, TRUE, files.epoch)
    path.write_text(path.read_text().replace(text, text[:-1]))
    found = brought(path)
    assert found.counts == {"before any coin": 1}
    assert len(found.bars) == 399
    old = table(tmp_path, TRUE, lambda when: ISO(when - pd.Timedelta("15000D")))
    assert "400 of 400 rows that are before any coin (2009-01-03), first line 2 at 1978-12-07" in refused(old)


def test_times_newer_than_now_are_a_sign_of_a_wrong_file(tmp_path: Path) -> None:
    path = table(tmp_path, TRUE, lambda when: files.epoch(when + pd.Timedelta("9000D")))
    assert "received 400 of 400 rows that are newer than now, first line 2 at 2044-08-22 00:00" in refused(path)


# zones


def year(zone: str, frame: str = "1h") -> tuple[Any, Any]:
    """The bars of 2021, and how an open reads on a clock of the zone."""
    bars = files.market(24 * 365 if frame == "1h" else 48 * 365, frame)
    shift = pd.Timestamp("2021-01-01", tz="UTC") - bars.index[0]
    moved = bars.frame()
    moved.index = moved.index + shift
    return type(bars).from_frame(moved, "BTC/USDT", frame), lambda when: when.tz_convert(zone).strftime(
        "%Y-%m-%d %H:%M"
    )


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe"])
@pytest.mark.parametrize("newest_first", [False, True])
def test_a_year_of_local_times(tmp_path: Path, zone: str, newest_first: bool) -> None:
    bars, local = year(zone, "30m")
    lines = [f"{local(when)},{numbers(row)}" for when, row in rows(bars)]
    head = "timestamp,open,high,low,close,volume\n"
    path = written(tmp_path, "BTCUSDT.csv", lines[::-1] if newest_first else lines, head)
    found = brought(path, zone=zone)
    assert same(found.bars, bars)
    assert said(found)["zone"] == f"{zone}, as you say: the file names none"


def test_local_times_that_are_taken_for_utc_contradict_themselves_in_autumn(tmp_path: Path) -> None:
    bars, local = year("Europe/Berlin")
    sentence = refused(table(tmp_path, bars, local))
    assert "received a bar more than once and with different numbers, 2021-10-31 02:00: open " in sentence
    assert (
        "say the zone of its times, as in zone='Europe/Paris': these are hours in which clocks are put back" in sentence
    )


def test_an_hour_that_a_clock_shows_twice_and_the_file_once_is_set_aside(tmp_path: Path) -> None:
    bars, local = year("Europe/Berlin")
    lines = {local(when): f"{local(when)},{numbers(row)}" for when, row in rows(bars)}
    lines["2021-03-28 02:30"] = f"2021-03-28 02:00,{numbers(rows(bars)[0][1])}"  # no clock of Berlin showed it
    path = written(tmp_path, "BTCUSDT.csv", lines.values(), "timestamp,open,high,low,close,volume\n")
    found = brought(path, zone="Europe/Berlin")
    assert found.counts == {"clock change": 2}
    assert len(found.bars) == len(bars) - 2


def in_autumn(folder: Path, change: Any) -> tuple[Path, Any]:
    """A file of Berlin's October and November 2021; change: the lines and the places of the hour shown twice."""
    bars, local = year("Europe/Berlin")
    bars = bars[24 * 273 : 24 * 330]
    lines = [f"{local(when)},{numbers(row)}" for when, row in rows(bars)]
    places = [place for place, line in enumerate(lines) if line.startswith("2021-10-31 02:00")]
    return written(folder, "BTCUSDT.csv", change(lines, *places), "timestamp,open,high,low,close,volume\n"), bars


@pytest.mark.parametrize(
    "change",
    [
        lambda lines, one, other: [*lines[other:], *lines[:other]],
        lambda lines, one, other: [lines[other], *lines[:other], *lines[other + 1 :]],
        lambda lines, one, other: [*lines[:other], lines[one], *lines[other + 1 :]],
    ],
    ids=["two pieces", "shuffled", "the same row twice"],
)
def test_an_hour_shown_twice_is_not_guessed(tmp_path: Path, change: Any) -> None:
    path, bars = in_autumn(tmp_path, change)
    found = brought(path, zone="Europe/Berlin")
    assert found.counts == {"clock change": 2}
    kept = np.isin(bars.time, found.bars.time)
    assert kept.sum() == len(found.bars) == len(bars) - 2
    assert np.array_equal(found.bars.close, bars.close[kept])


def test_two_columns_of_one_clock_are_compared_as_it_shows_them(tmp_path: Path) -> None:
    bars, local = year("Europe/Berlin")
    head = "date,timestamp,open,high,low,close,volume\n"
    lines = [f"{local(when)[:10]},{local(when)},{numbers(row)}" for when, row in rows(bars)]
    found = brought(written(tmp_path, "BTCUSDT.csv", lines, head), zone="Europe/Berlin")
    assert same(found.bars, bars)
    assert said(found)["beside it"] == "date agrees in every row"


def test_an_epoch_settles_what_a_date_beside_it_leaves_open(tmp_path: Path) -> None:
    head = "unix,date,open,high,low,close,volume\n"
    lines = [f"{files.epoch(when)},{when:%d/%m/%Y %H:%M},{numbers(row)}" for when, row in rows(TRUE[:96])]
    found = brought(written(tmp_path, "BTCUSDT.csv", lines, head))
    assert same(found.bars, TRUE[:96])
    assert said(found)["beside it"] == "date is not used: it shows no clear times"


def test_a_column_of_few_times_is_not_asked(tmp_path: Path) -> None:
    head = "date,timestamp,open,high,low,close,volume\n"
    few = [f"{when:%Y-%m-%d}" if when.hour == 7 and when.day < 9 else "-" for when in TRUE.index]
    lines = [f"{day},{files.epoch(when)},{numbers(row)}" for day, (when, row) in zip(few, rows(TRUE), strict=True)]
    assert "beside it" not in said(brought(written(tmp_path, "BTCUSDT.csv", lines, head)))


def test_columns_that_differ_by_whole_hours_in_many_ways_are_no_zone(tmp_path: Path) -> None:
    head = "date,timestamp,open,high,low,close,volume\n"
    lines = [
        f"{when + pd.Timedelta(hours=1 + when.day % 7):%Y-%m-%d %H:%M},{files.epoch(when)},{numbers(row)}"
        for when, row in rows(TRUE)
    ]
    assert "400 of 400 rows in which they disagree" in refused(written(tmp_path, "BTCUSDT.csv", lines, head))


def test_timestamps_far_from_now_are_no_times(tmp_path: Path) -> None:
    frame = TRUE.frame().reset_index()
    for value in ("1500-01-01", "9999-12-31"):
        frame["timestamp"] = frame["timestamp"].astype("datetime64[us, UTC]")
        frame.loc[7, "timestamp"] = pd.Timestamp(value, tz="UTC")
        frame.to_parquet(tmp_path / "BTCUSDT.parquet")
        found = brought(tmp_path / "BTCUSDT.parquet")
        assert found.counts == {"unreadable": 1}
        assert len(found.bars) == 399


def test_days_that_begin_elsewhere_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path, files.market(40, "1d"), lambda when: f"{when:%Y-%m-%d}T00:00:00+02:00")
    sentence = refused(path)
    assert "received 40 of 40 rows that are off the grid of the timeframe, first line 2 at 2019-12-31 22:00" in sentence
    assert sentence.endswith("give bars that open at multiples of 1d, UTC.")
    path = table(tmp_path, files.market(40, "1d"), lambda when: f"{when:%Y-%m-%d} 05:00")
    assert "say zone='...' if its times are not UTC, or give bars" in refused(path)


# several columns


def test_a_column_of_days_beside_the_times_agrees(tmp_path: Path) -> None:
    head = "date,timestamp,open,high,low,close,volume\n"
    lines = [f"{when:%d.%m.%Y},{files.epoch(when)},{numbers(row)}" for when, row in rows(TRUE)]
    found = brought(written(tmp_path, "BTCUSDT.csv", lines, head))
    assert same(found.bars, TRUE)
    assert said(found)["beside it"] == "date agrees in every row, read as UTC"


def test_three_columns_are_all_asked(tmp_path: Path) -> None:
    head = "date,timestamp,unix,open,high,low,close,volume\n"
    lines = [f"{when:%Y%m%d},{when:%d.%m.%Y %H:%M},{files.epoch(when, 's')},{numbers(row)}" for when, row in rows(TRUE)]
    path = written(tmp_path, "BTCUSDT.csv", lines, head)
    found = brought(path)
    assert (
        said(found)["beside it"] == "date agrees in every row, read as UTC; timestamp agrees in every row, read as UTC"
    )
    path.write_text(path.read_text().replace("20200110", "20200111").replace("12.01.2020 1", "13.01.2020 1"))
    assert "columns 'unix' and 'date': received 24 of 400 rows in which they disagree" in refused(path)
    found = brought(path, limit=0.1)
    assert found.counts == {"times disagree": 34}
    assert found.set_aside["detail"][0] == "unix and date differ by 24 h; unix and timestamp differ by 24 h"


@pytest.mark.parametrize("kind", ["int", "text"])
def test_days_in_digits(tmp_path: Path, kind: str) -> None:
    days = files.market(40, "1d")
    frame = days.frame().reset_index()
    frame["timestamp"] = frame["timestamp"].dt.strftime("%Y%m%d").astype("int64" if kind == "int" else "str")
    frame.to_csv(tmp_path / "BTCUSDT.csv", index=False)
    frame.to_parquet(tmp_path / "BTCUSDT.parquet")
    assert same(brought(tmp_path / "BTCUSDT.csv").bars, days)
    assert same(brought(tmp_path / "BTCUSDT.parquet").bars, days)


def test_a_second_column_without_times_is_not_asked(tmp_path: Path) -> None:
    head = "date,timestamp,open,high,low,close,volume\n"
    lines = [f"a day,{files.epoch(when)},{numbers(row)}" for when, row in rows(TRUE)]
    found = brought(written(tmp_path, "BTCUSDT.csv", lines, head))
    assert same(found.bars, TRUE)
    assert "beside it" not in said(found)


def test_a_date_and_a_time_of_day_apart(tmp_path: Path) -> None:
    head = "Date,Time,Open,High,Low,Close,Volume\n"
    lines = [f"{when:%Y-%m-%d},{when:%H:%M},{numbers(row)}" for when, row in rows(TRUE)]
    found = brought(written(tmp_path, "BTCUSDT.csv", lines, head))
    assert same(found.bars, TRUE)
    assert said(found)["time"] == "Date and Time: dates"


@pytest.mark.parametrize(
    ("title", "clock"), [("Time", "%I:%M:%S %p"), ("Time", "%H%M"), ("Time", "%H%M%S"), ("hour", "%H"), ("Hour", "%-H")]
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_times_of_day_as_people_write_them(tmp_path: Path, title: str, clock: str, kind: str) -> None:
    frame = TRUE.frame().reset_index()
    frame.insert(0, "Date", frame["timestamp"].dt.tz_localize(None).dt.normalize())
    frame.insert(1, title, frame.pop("timestamp").dt.strftime(clock))
    path = tmp_path / f"BTCUSDT.{kind}"
    frame.to_parquet(path) if kind == "parquet" else frame.to_csv(path, index=False)
    found = brought(path)
    assert same(found.bars, TRUE)
    assert said(found)["time"] == f"Date and {title}: dates"


def test_a_column_that_calls_itself_local_needs_its_zone(tmp_path: Path) -> None:
    path = table(tmp_path, TRUE, lambda when: f"{when:%Y-%m-%d %H:%M}", title="Local time")
    assert "column 'Local time': received local times; name their zone" in refused(path)
    assert same(brought(path, zone="UTC").bars, TRUE)


def test_parquet_times_without_a_zone_in_a_named_one(tmp_path: Path) -> None:
    bars, _ = year("Europe/Berlin")
    frame = bars.frame()
    frame.index = frame.index.tz_convert("Europe/Berlin").tz_localize(None)
    frame.to_parquet(tmp_path / "BTCUSDT.parquet")
    assert same(brought(tmp_path / "BTCUSDT.parquet", zone="Europe/Berlin").bars, bars)
    assert np.array_equal(brought(tmp_path / "BTCUSDT.parquet", zone="Europe/Berlin").bars.time, bars.time)
