"""Dates as people write them, turned into instants or into times of an unnamed clock."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cryptolab.checks import refuse
from cryptolab.database.importing.choices import DAY_FIRST, MONTH_FIRST, YEAR_FIRST
from cryptolab.database.importing.sheet import NO_TIME
from cryptolab.errors import DataError

_CLOCK = (
    r"(?:[T ,]+(?P<H>\d{1,2})(?::?(?P<M>\d\d))?(?::?(?P<S>\d\d))?(?:[.,](?P<f>\d{1,9}))?(?:[ -]?(?P<p>[AaPp][Mm]))?"
    r"(?: ?(?P<z>Z|z|(?:UTC|GMT)?(?:[+-]\d\d(?::?\d\d)?)?))?)?"
)
_DAYS = {
    "year first": r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})",
    "digits": r"(?P<y>(?:19|20)\d\d)(?P<m>\d\d)(?P<d>\d\d)",
    "number first": r"(?P<a>\d{1,2})(?P<s>[-/.])(?P<b>\d{1,2})[-/.](?P<c>\d{4})",
    "short year": r"(?P<a>\d{1,2})(?P<s>[-/.])(?P<b>\d{1,2})[-/.](?P<c>\d\d)",
    "month by name": r"(?P<m>[A-Za-z]{3,9})\.? (?P<d>\d{1,2}),? (?P<y>\d{4})",
    "day and name": r"(?P<d>\d{1,2})[- ](?P<m>[A-Za-z]{3,9})\.?[- ](?P<y>\d{4}|\d\d)",
}
_ORDERS = {
    "number first": {DAY_FIRST: "dmy", MONTH_FIRST: "mdy"},
    "short year": {DAY_FIRST: "dmy", MONTH_FIRST: "mdy", YEAR_FIRST: "ymd"},
}
"""What the three numbers may be where a day or a short year stands in front."""
_ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?)?$"
_ISO_ZONED = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)$"
_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: place for place, name in enumerate(_NAMES, 1)}
_SECOND = 10**9
Fields = dict[str, pa.Array]
"""The parts of dates, each as texts."""


@dataclass(frozen=True)
class Read:
    """Times read from one column.

    ns: (n,) int64, nanoseconds, NO_TIME where nothing could be read; of the unnamed clock's own day where `naive`.
    naive: (n,) whether the row names no zone. told: how the times are written.
    """

    ns: np.ndarray
    naive: np.ndarray
    told: str

    @property
    def read(self) -> np.ndarray:
        """Which rows have a time."""
        return self.ns != NO_TIME


def from_texts(what: str, texts: pa.ChunkedArray, date_format: str | None) -> Read:
    """Return the times of a column of texts; each row may be written in another of the known ways.

    Raises DataError for dates such as 01/02/2021, where neither the file nor the user says which is the month.
    """
    texts = pc.utf8_trim_whitespace(texts.cast(pa.string()))
    if date_format is not None and "%" in date_format:
        return _formatted(texts, date_format)
    plain = pc.fill_null(pc.match_substring_regex(texts, _ISO), False)
    if pc.all(plain).as_py():  # the usual case, a hundred times as fast as what follows
        try:
            ns = pc.cast(texts, pa.timestamp("ns")).to_numpy().astype("M8[ns]").view(np.int64)
            return Read(ns, np.ones(len(ns), dtype=bool), "dates")
        except pa.ArrowInvalid:
            pass
    zoned = pc.fill_null(pc.match_substring_regex(texts, _ISO_ZONED), False)
    if pc.all(zoned).as_py():
        index = pd.to_datetime(texts.to_pandas(), utc=True, format="ISO8601", errors="coerce")
        ns = pd.DatetimeIndex(index).as_unit("ns").asi8.copy()
        return Read(ns, np.zeros(len(ns), dtype=bool), "dates with a zone")
    return _piece_by_piece(what, texts, date_format)


def _formatted(texts: pa.ChunkedArray, date_format: str) -> Read:
    """Return the times of texts in the one format that the user gave."""
    try:
        index = pd.DatetimeIndex(pd.to_datetime(texts.to_pandas(), format=date_format, errors="coerce", utc=True))
    except ValueError as error:
        refuse("date_format", f"{date_format!r} ({error})", "write a format of strptime, as in %d/%m/%Y %H:%M")
    naive = np.full(len(index), "%z" not in date_format and "%Z" not in date_format)
    return Read(index.as_unit("ns").asi8.copy(), naive, f"dates as {date_format}")


def _piece_by_piece(what: str, texts: pa.ChunkedArray, date_format: str | None) -> Read:
    """Return the times of texts by taking each apart; the first pattern that fits a row counts."""
    ns = np.full(len(texts), NO_TIME)
    naive = np.ones(len(texts), dtype=bool)
    left = np.ones(len(texts), dtype=bool)
    told = []
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    for name, days in _DAYS.items():
        places = np.flatnonzero(left)
        if not len(places):
            break
        found = pc.extract_regex(whole.take(pa.array(places)), f"^{days}{_CLOCK}$")
        fits = pc.is_valid(found).to_numpy(zero_copy_only=False)
        if not fits.any():
            continue
        parts = found.filter(pc.is_valid(found))
        fields = {each.name: parts.field(each.name) for each in parts.type}
        rows = places[fits]
        if name in _ORDERS:
            said = _order(what, name, fields, whole.take(pa.array(rows)), date_format)
            fields |= {part: fields[place] for part, place in zip(_ORDERS[name][said], "abc", strict=True)}
            told.append(f"dates with the {said.removesuffix('-first')} first")
        ns[rows], naive[rows] = _instants(fields)
        left[rows] = False
    return Read(ns, naive, "; ".join(told) or "dates")


def _order(what: str, name: str, fields: Fields, texts: pa.Array, date_format: str | None) -> str:
    """Return what the first of three numbers is: as the user says, else the one reading that no date contradicts.

    Of dates with a short year a reading that leads to years before any coin, or to come, is none where others are left.
    """
    orders = _ORDERS[name]
    if date_format in orders:
        return str(date_format)
    numbers = {place: _whole(fields[place]) for place in "abc"}
    parts = {
        said: {part: numbers[place] for part, place in zip(order, "abc", strict=True)} for said, order in orders.items()
    }
    fits = {
        said: (each["m"] - 1 < 12) & (each["m"] > 0) & (each["d"] - 1 < 31) & (each["d"] > 0)
        for said, each in parts.items()
    }
    some = np.any(list(fits.values()), axis=0)  # what is a date in no order speaks for none
    left = [said for said in orders if fits[said][some].all()]
    if not left:
        one, other = (int(np.argmin(fits[said] | ~some)) for said in (MONTH_FIRST, DAY_FIRST))
        received = f"{texts[one].as_py()!r} and {texts[other].as_py()!r}, days and months in both orders"
        refuse(what, received, "write all dates in one way", DataError)
    if pc.all(pc.equal(fields["s"], ".")).as_py() and len(left) > 1:
        left = [said for said in left if said != MONTH_FIRST]  # whoever writes points puts no month first
    if len(left) > 1 and name == "short year":
        last = pd.Timestamp.now("UTC").year % 100
        left = [
            said for said in left if (parts[said]["y"][some] >= 9).all() and (parts[said]["y"][some] <= last).all()
        ] or left
    if len(left) == 1:
        return left[0]
    instead = "say which: " + " or ".join(f"date_format='{said}'" for said in left)
    refuse(what, f"{texts[0].as_py()!r}, and no date that shows which number is the month", instead, DataError)


def _instants(fields: Fields) -> tuple[np.ndarray, np.ndarray]:
    """Return the ns of dates taken apart (y, m, d, H, M, S, f, p, z as texts, "" for none), and which are naive."""
    year, day, hour, minute, second = (_whole(fields[name]) for name in "ydHMS")
    year = np.where(year < 100, year + 2000, year)
    month = _months(fields["m"])
    half = pc.utf8_lower(fields["p"])
    halved, noon = (pc.not_equal(half, "").to_numpy(zero_copy_only=False), pc.equal(half, "pm").to_numpy(False))
    sane = (month >= 1) & (month <= 12) & (day >= 1) & (year >= 1700) & (year <= 2200)
    sane &= (hour < 24) & (minute < 60) & (second < 60) & (~halved | ((hour >= 1) & (hour <= 12)))
    hour = np.where(halved, hour % 12 + 12 * noon, hour)
    months = np.where(sane, (year - 1970) * 12 + month - 1, 0).astype("M8[M]")
    first = months.astype("M8[D]")
    sane &= day <= ((months + 1).astype("M8[D]") - first).astype(np.int64)
    days = first.astype(np.int64) + day - 1
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
    fraction = _whole(pc.utf8_rpad(fields["f"], 9, "0"))
    away, naive = _offsets(fields["z"])
    return np.where(sane, (seconds - away) * _SECOND + fraction, NO_TIME), naive


def _whole(texts: pa.Array) -> np.ndarray:
    """Return texts of digits as int64, "" as 0."""
    filled = pc.if_else(pc.equal(texts, ""), "0", texts)
    return np.asarray(pc.cast(filled, pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)


def _months(texts: pa.Array) -> np.ndarray:
    """Return months by number or by name as 1 to 12, 0 for what is none; there are few different ones."""
    coded = pc.dictionary_encode(texts)
    names = coded.dictionary.to_pylist()
    numbers = [int(text) if text.isdigit() else _MONTHS.get(text[:3].lower(), 0) for text in names]
    return np.asarray(np.array(numbers, dtype=np.int64)[coded.indices.to_numpy()])


def _offsets(zones: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return each zone's seconds ahead of UTC, and which rows name none; there are few different ones."""
    coded = pc.dictionary_encode(zones)
    texts = coded.dictionary.to_pylist()
    known = np.zeros(len(texts), dtype=np.int64)
    for place, text in enumerate(texts):
        found = re.search(r"([+-])(\d\d):?(\d\d)?$", text)
        if found:
            known[place] = (int(found[2]) * 3600 + int(found[3] or 0) * 60) * (-1 if found[1] == "-" else 1)
    codes = coded.indices.to_numpy()
    return known[codes], np.array([text == "" for text in texts])[codes]
