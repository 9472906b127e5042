"""From a file's columns to one instant per row: epoch units, zones, and columns that should agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cryptolab.checks import refuse
from cryptolab.database.importing.choices import Choices
from cryptolab.database.importing.dates import Read, from_texts
from cryptolab.database.importing.sheet import NO_TIME, as_texts
from cryptolab.errors import DataError

_UNITS = (("ns", 1e17, 1), ("us", 1e14, 10**3), ("ms", 1e11, 10**6), ("s", 1e8, 10**9))
"""Unit, the least number that is one (each covers 1973 to 5138), its nanoseconds."""

_DAYS_IN_DIGITS = (19000101, 21001231)
_DAY = 86_400 * 10**9
_QUARTER = 900 * 10**9
_NO_EPOCH = "epoch numbers that lie before 1973"


@dataclass(frozen=True)
class Times:
    """One instant per row.

    ns: (n,) int64 ns UTC, NO_TIME where unreadable. apart: rows whose columns name different instants; details: what
    to say of such a row. clock: rows whose naive time their zone's clock never showed, or showed twice. assumed:
    whether UTC was assumed of times without a zone. told: (what, found) to be shown.
    """

    ns: np.ndarray
    apart: np.ndarray
    details: str
    clock: np.ndarray
    assumed: bool
    told: tuple[tuple[str, str], ...]


def instants(
    name: str, columns: Sequence[tuple[str, pa.ChunkedArray]], choices: Choices, utc: str, needs_zone: str,
    values: np.ndarray | None = None,
) -> Times:  # fmt: skip
    """Return the rows' instants from one or several columns (title, values) that should agree.

    utc: why times without a zone are UTC, where the format says so. needs_zone: why they must not be taken for UTC.
    values: (n, 5), the rows' numbers, by which an hour that a clock shows twice is told from a row given twice.
    Raises DataError where nothing says what the times are, or where the columns contradict each other in many rows.
    """
    found, notes = _all_read(name, columns, choices)
    found = [(title, each) for title, each in found if each.read.mean() > 0.5] or found[:1]
    found.sort(key=lambda pair: pair[1].naive.mean())  # epoch numbers and zones first: they need no assumption
    first = min(found, key=lambda pair: (pair[1].naive.mean(), bool((pair[1].ns[pair[1].read] % _DAY == 0).all())))
    (title, main), others = first, [pair for pair in found if pair is not first]
    if not main.read.any():
        shown = columns[0][1][0].as_py()
        instead = "name the column with the bars' opens, or its format: date_format='%Y/%m/%d %H:%M'"
        refuse(f"{name}, column {columns[0][0]!r}", f"{shown!r} in the first row, no time", instead, DataError)
    told = [("time", f"{title}: {main.told}")]
    ns, clock = main.ns, np.zeros(len(main.ns), dtype=bool)
    naive = bool((main.naive & main.read).any())
    if naive:
        if needs_zone and choices.zone is None:
            refuse(f"{name}, column {title!r}", needs_zone, "name their zone, as in zone='Europe/Athens'", DataError)
        ns, clock = _localised(ns, main.naive, choices.zone or "UTC", values)
        told.append(("zone", _zone_told(choices.zone, utc)))
    else:
        told.append(("zone", "UTC: epoch numbers count from it" if "epoch" in main.told else "as each time says"))
    apart = np.zeros(len(ns), dtype=bool)
    details = []
    for other_title, other in others:
        same_clock = naive and bool(other.naive.all())  # then they are compared as that clock shows them
        rows, note, detail = _compared(
            name, (title, main.ns if same_clock else ns, naive), (other_title, other), choices
        )
        apart |= rows
        notes.append(note)
        details += [detail] if detail else []
    if notes:
        told.append(("beside it", "; ".join(notes)))
    return Times(ns, apart, "; ".join(details), clock, naive and choices.zone is None and not utc, tuple(told))


def _all_read(
    name: str, columns: Sequence[tuple[str, pa.ChunkedArray]], choices: Choices
) -> tuple[list[tuple[str, Read]], list[str]]:
    """Return what the columns say, and a note on each that says nothing clear, where another one does."""
    found, unclear = [], {}
    for title, values in columns:
        try:
            found.append((title, _read(f"{name}, column {title!r}", values, choices)))
        except DataError as problem:
            unclear[title] = problem
    if unclear and not any(not each.naive.any() and each.read.mean() > 0.5 for _, each in found):
        raise next(iter(unclear.values()))
    return found, [f"{title} is not used: it shows no clear times" for title in unclear]


def _zone_told(zone: str | None, utc: str) -> str:
    """Return why times without a zone are taken for what they are taken for."""
    if zone is not None:
        return f"{zone}, as you say: the file names none"
    return f"UTC: {utc}" if utc else "UTC, assumed: the file names none (say zone='...' where it is another)"


def _read(what: str, values: pa.ChunkedArray, choices: Choices) -> Read:
    """Return what one column says."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        values, kind = values.cast(kind.value_type), kind.value_type
    formatted = choices.date_format is not None and "%" in choices.date_format
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _from_stamps(values)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        numbers = values.to_pandas()
        if not formatted and not numbers.dropna().between(*_DAYS_IN_DIGITS).all():
            return _from_numbers(what, numbers)
        values = values.cast(pa.int64(), safe=False)  # 20210131 is a day
    texts = pc.utf8_trim_whitespace(as_texts(values))
    if formatted:
        read = from_texts(what, texts, choices.date_format)
        if read.read.mean() > 0.5:
            return read
    counted = pc.fill_null(pc.match_substring_regex(texts, r"^\d+(\.0*)?$"), False)
    if pc.mean(counted).as_py() <= 0.5:
        return from_texts(what, texts, choices.date_format)
    texts = pc.if_else(counted, texts, pa.scalar(None, pa.string()))
    try:
        numbers = texts.cast(pa.int64()).to_pandas()
    except pa.ArrowInvalid:  # 1605855600.0
        numbers = texts.cast(pa.float64()).to_pandas()
    if numbers.dropna().between(*_DAYS_IN_DIGITS).all():
        return from_texts(what, texts, choices.date_format)
    return _from_numbers(what, numbers)


def _from_stamps(values: pa.ChunkedArray) -> Read:
    """Return the times of a Parquet column that holds times already."""
    index = pd.DatetimeIndex(values.to_pandas().to_numpy() if pa.types.is_date(values.type) else values.to_pandas())
    naive = index.tz is None
    index = index if naive else index.tz_convert("UTC").tz_localize(None)
    far = (index.year < 1700) | (index.year > 2200)
    ns = pd.DatetimeIndex(index.where(~far)).as_unit("ns").asi8.copy()
    return Read(ns, np.full(len(ns), naive), "timestamps" if naive else "timestamps with a zone")


def _from_numbers(what: str, numbers: pd.Series) -> Read:
    """Return the times of epoch numbers; the size of each tells its unit, and a file may mix them."""
    given = numbers.notna().to_numpy()
    whole = numbers.fillna(0)
    counts = whole.to_numpy()
    ns = np.full(len(counts), NO_TIME)
    told = []
    sound = given & (np.floor(counts) == counts) & (counts < 2.0**63)
    for unit, least, factor in _UNITS:
        rows = sound & (counts >= least) & (ns == NO_TIME)
        rows &= counts < 2.0**63 / factor
        if rows.any():
            ns[rows] = counts[rows].astype(np.int64) * factor
            told.append((unit, int(rows.sum())))
    _refuse_digits(what, counts[given])
    if not told:
        shown = numbers[given].iloc[0] if given.any() else "nothing"
        refuse(what, f"{shown}, among {_NO_EPOCH}", "give epoch numbers in s, ms, us or ns, or dates", DataError)
    text = f"epoch numbers in {told[0][0]}"
    if len(told) > 1:
        text = "epoch numbers in " + ", ".join(f"{unit} ({count:,} rows)" for unit, count in told)
    return Read(ns, np.zeros(len(ns), dtype=bool), text)


def _refuse_digits(what: str, counts: np.ndarray) -> None:
    """Refuse 202101051300: dates in digits, which are no epoch numbers of any time that has been."""
    for digits, form in ((14, "%Y%m%d%H%M%S"), (12, "%Y%m%d%H%M"), (10, "%Y%m%d%H")):
        year, month, day = (
            counts // 10.0 ** (digits - behind) % 10.0**width for behind, width in ((4, 4), (6, 2), (8, 2))
        )
        dates = (
            (counts < 10.0**digits) & (year >= 2009) & (year < 2100) & (month - 1 < 12) & (month * day > 0) & (day < 32)
        )
        if len(counts) and dates.all():
            refuse(what, f"{int(counts[0])}, a date in digits", f"say so: date_format='{form}'", DataError)


def _localised(
    ns: np.ndarray, naive: np.ndarray, zone: str, values: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the instants of a clock's times, and the rows that its clock never showed, or showed twice.

    An hour shown twice is told apart where the file has it twice, with different numbers, and stands in the order of
    time, oldest or newest first: only then is it known which of the two rows is the summer's.
    """
    out, clock = ns.copy(), np.zeros(len(ns), dtype=bool)
    rows = np.flatnonzero(naive & (ns != NO_TIME))
    if zone == "UTC" or not len(rows):
        return out, clock
    local = pd.DatetimeIndex(ns[rows].view("M8[ns]"))
    plain = local.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    known = ~np.asarray(plain.isna())
    out[rows[known]] = plain[known].tz_convert("UTC").tz_localize(None).as_unit("ns").asi8
    clock[rows[~known]] = True
    counts = local.value_counts()
    twice = ~known & np.asarray(local.isin(counts[counts == 2].index))
    if values is not None:
        places = np.flatnonzero(twice)
        again = pd.DataFrame(values[rows[places]]).assign(time=local[places]).duplicated(keep=False)
        twice[places[again]] = False
    orders: tuple[tuple[Literal["first", "last"], int], ...] = (("first", 1), ("last", -1))
    for keep, sign in orders:
        summer = ~np.asarray(local.duplicated(keep=keep))
        guess = local.tz_localize(zone, ambiguous=summer, nonexistent="NaT")
        twice &= ~np.asarray(guess.isna())  # an hour that never was may stand in a file twice as well
        found = out[rows]
        found[twice] = guess[twice].tz_convert("UTC").tz_localize(None).as_unit("ns").asi8
        settled = known | twice
        if (sign * np.diff(found[settled]) >= 0).all():
            out[rows[twice]] = found[twice]
            clock[rows[twice]] = False
            break
    return out, clock


def _compared(
    name: str, main: tuple[str, np.ndarray, bool], other: tuple[str, Read], choices: Choices
) -> tuple[np.ndarray, str, str]:
    """Return the rows in which a second column names another instant, what to show of it, and of such a row."""
    title, ns, assumed = main
    called, read = other
    both = (ns != NO_TIME) & read.read
    away = np.where(both, read.ns - ns, 0)
    if (read.ns[both] % _DAY == 0).all() and (ns[both] % _DAY != 0).any():  # a column of days
        away = np.where(both, read.ns - ns // _DAY * _DAY, 0)
    rows = away != 0
    count, total = int(rows.sum()), int(both.sum())
    none = np.zeros(len(ns), dtype=bool)
    if not count:
        agrees = f"{called} agrees in every row"
        return none, agrees + (", read as UTC" if read.naive.any() and not assumed else ""), ""
    steps = np.unique(away[both])
    zone = len(steps) <= 4 and (steps % _QUARTER == 0).all() and np.abs(steps).max() <= 14 * 3600 * 10**9
    if zone and count > 0.5 * total and read.naive.all() and not assumed:
        hours = " or ".join(f"{step / 3.6e12:+g} h" for step in steps)
        return none, f"{called} is the time of another zone ({hours}) and not used", ""
    first = int(np.argmax(rows))
    shown = f"{_shown(ns[first])} in {title!r} and {_shown(read.ns[first])} in {called!r}"
    if count > choices.allowed(total):
        instead = f"say which one holds the opens: columns={{'time': '{title}'}} or columns={{'time': '{called}'}}"
        received = f"{count:,} of {total:,} rows in which they disagree, the first {shown}"
        refuse(f"{name}, columns {title!r} and {called!r}", received, instead, DataError)
    note = f"{called} disagrees in {count:,} rows, which are set aside (say columns={{'time': '{title}'}} to take them)"
    detail = f"{title} and {called} differ"
    if len(steps) == 2:
        detail += f" by {abs(int(steps[steps != 0][0])) / 3.6e12:g} h"
    return rows, note, detail


def _shown(ns: int) -> str:
    """Return a time as it is shown in a sentence."""
    return f"{pd.Timestamp(int(ns)):%Y-%m-%d %H:%M}"
