"""Prices and volumes as people write them: 1234.5, 1,234.5, 1.234,5, $42,265.90, 45.49K.

A file writes all its numbers in one way: what stands between thousands stands before each three digits, and what
separates decimals separates nothing else. A text that fits both ways, as 42,265 does, is settled by those that fit one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cryptolab.checks import refuse
from cryptolab.database.importing.sheet import as_texts
from cryptolab.errors import DataError

_MISSING = pa.array(["", "-", "--", "nan", "null", "none", "n/a", "na", "#n/a"])
"""What is written where there is no number, in lower case."""

_POWERS = {"K": 3, "M": 6, "B": 9, "T": 12}
_CLUTTER = r"[\s\x{00A0}\x{202F}'’$€£₮]"
"""Spaces and apostrophes between thousands, and signs of currencies."""
_SAY = "say what separates the decimals: decimal='point' or decimal='comma'"


def _shape(thousands: str, point: str) -> str:
    """Return the pattern of a number."""
    grouped = rf"[1-9]\d{{0,2}}(?:\{thousands}\d{{3}})+"
    return rf"^[-+]?(?:(?:{grouped}|\d+)(?:\{point}\d*)?|\{point}\d+)(?:[eE][-+]?\d+)?[KMBT]?$"


_BY_POINT, _BY_COMMA = _shape(",", "."), _shape(".", ",")


def as_numbers(
    what: str, columns: Sequence[pa.ChunkedArray], decimal: str | None
) -> tuple[np.ndarray, np.ndarray, str, bool]:
    """Return the columns as (n, k) float64, NaN where there is none; which rows hold what is no number; what was told
    of how they are written; and whether a comma separates the decimals.

    decimal: "point" or "comma" where the user settled it. Columns that hold numbers already are taken as they are.
    Raises DataError where a comma or a point may be either a decimal one or one between thousands.
    """
    values = np.full((len(columns[0]), len(columns)), np.nan)
    wrong = np.zeros(len(values), dtype=bool)
    odd = set()
    for place, column in enumerate(columns):
        done = _plain(column) if decimal != "comma" or not _is_text(column) else None
        if done is None:
            odd.add(place)
        else:
            values[:, place] = done
    if not odd:
        return values, wrong, "", False
    texts = {place: _texts(column) for place, column in enumerate(columns) if place in odd or _is_text(column)}
    comma = decimal == "comma"
    if decimal is None and any(pc.any(pc.match_substring(texts[place], ",")).as_py() for place in odd):
        comma = _comma_is_decimal(f"{what}, numbers", list(texts.values()))
    told = set()
    for place in texts if comma else odd:
        values[:, place], notes = _written(texts[place], comma)
        told |= notes
        missing = pc.is_in(pc.utf8_lower(texts[place]), value_set=_MISSING).to_numpy()
        wrong |= np.isnan(values[:, place]) & ~missing
    return values, wrong, ", ".join(sorted(told)), comma


def decimals(columns: Sequence[pa.ChunkedArray], comma: bool) -> np.ndarray:
    """Return with how many decimals numbers are written, (n, k) int64: 2 for 7305.10, 5 for 1e-05, -2 for 1.2K.

    Columns that hold numbers already are taken as their shortest texts.
    """
    found = np.zeros((len(columns[0]), len(columns)), dtype=np.int64)
    for place, column in enumerate(columns):
        clean, powers = _cleaned(_texts(column), comma and _is_text(column))
        parts = pc.extract_regex(clean, r"^[^.eE]*(?:\.(?P<behind>\d*))?(?:[eE]\+?(?P<power>-?\d+))?$")
        behind, power = (
            pc.fill_null(pc.struct_field(parts, name), "").combine_chunks() for name in ("behind", "power")
        )
        power = pc.cast(pc.if_else(pc.equal(power, ""), "0", power), pa.int64()).to_numpy()
        found[:, place] = pc.utf8_length(behind).to_numpy() - power - powers
    return found


def _is_text(column: pa.ChunkedArray) -> bool:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind))


def _plain(column: pa.ChunkedArray) -> np.ndarray | None:
    """Return a column of numbers, or of texts that all read as such; None where one does not."""
    kind = column.type
    if pa.types.is_decimal(kind):
        column = column.cast(pa.string())  # by way of text: Arrow's own cast is off by a last digit
    elif pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    if pa.types.is_boolean(column.type) or pa.types.is_temporal(column.type) or pa.types.is_nested(column.type):
        return None
    try:
        return np.asarray(pc.cast(column, pa.float64()).to_numpy(), dtype=np.float64)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as texts without what only pleases the eye."""
    return pc.replace_substring_regex(pc.fill_null(as_texts(column), ""), _CLUTTER, "")


@dataclass(frozen=True)
class _Seen:
    """The first text of a column, None where there is none, that fits the one way alone, or both: with what in it.

    long: a text of four digits or more before the decimals and nothing between them.
    """

    by_point: str | None
    by_comma: str | None
    either: dict[str, str | None]
    grouped: str | None
    long: str | None


def _seen(column: pa.ChunkedArray) -> _Seen:
    marked = column.filter(pc.match_substring_regex(column, "[.,]"))
    by_point, by_comma = (pc.match_substring_regex(marked, shape) for shape in (_BY_POINT, _BY_COMMA))
    both, comma = pc.and_(by_point, by_comma), pc.match_substring(marked, ",")
    only_point = pc.and_not(by_point, by_comma)
    long = pc.match_substring_regex(column, r"^[-+]?\d{4}")
    return _Seen(
        _first(marked, only_point),
        _first(marked, pc.and_not(by_comma, by_point)),
        {",": _first(marked, pc.and_(both, comma)), ".": _first(marked, pc.and_not(both, comma))},
        _first(marked, pc.and_(only_point, comma)),
        _first(column, long),
    )


def _first(texts: pa.ChunkedArray, which: pa.ChunkedArray) -> str | None:
    place = pc.index(which, True).as_py()
    return None if place < 0 else str(texts[place].as_py())


def _comma_is_decimal(what: str, columns: Sequence[pa.ChunkedArray]) -> bool:
    """Return whether commas are decimal ones; refuse where nothing shows it, or texts contradict each other."""
    seen = [_seen(column) for column in columns]
    by_point, by_comma, either, grouped = (
        next((text for text in texts if text is not None), None)
        for texts in zip(
            *((each.by_point, each.by_comma, each.either[","], each.grouped) for each in seen), strict=True
        )
    )
    if by_comma is not None and by_point is not None:
        _contradict(what, by_comma, by_point)
    if by_comma is None and grouped is None and either is not None:
        refuse(
            what, f"{either!r}, which may be either", _SAY.replace("separates the decimals", "the comma is"), DataError
        )
    comma = by_comma is not None
    for each in seen:
        open_ = each.either["." if comma else ","]
        if open_ is not None and each.long is not None:  # 736,271 beside 5193.58: nothing stands between its thousands
            _contradict(what, open_, each.long)
        if comma and open_ is not None and each.by_comma is None:
            refuse(what, f"{open_!r} beside {by_comma!r}, where the point may be either", _SAY, DataError)
    return comma


def _contradict(what: str, one: str, other: str) -> None:
    instead = "write them all in one way, or say decimal='point' or decimal='comma' to set aside what does not fit"
    refuse(what, f"{one!r} beside {other!r}", instead, DataError)


def _cleaned(texts: pa.ChunkedArray, comma: bool) -> tuple[pa.ChunkedArray, np.ndarray]:
    """Return numbers as Arrow reads them, null for what is none, and the powers of ten that letters stood for."""
    fits = pc.match_substring_regex(texts, _BY_COMMA if comma else _BY_POINT)
    clean = pc.if_else(fits, texts, pa.scalar(None, pa.string()))
    thousands, point = (".", ",") if comma else (",", ".")
    clean = pc.replace_substring(pc.replace_substring(clean, thousands, ""), point, ".")
    powers = np.zeros(len(texts), dtype=np.int64)
    if pc.any(pc.match_substring_regex(clean, "[KMBT]$")).as_py():
        for letter, power in _POWERS.items():
            powers[pc.fill_null(pc.ends_with(clean, letter), False).to_numpy()] = power
        clean = pc.replace_substring_regex(clean, "[KMBT]$", "")
    return clean, powers


def _written(texts: pa.ChunkedArray, comma: bool) -> tuple[np.ndarray, set[str]]:
    """Return the numbers of texts, NaN for what is none, and how they are written."""
    notes = set()
    if pc.any(pc.match_substring(texts, ",")).as_py():
        notes.add("a decimal comma" if comma else "commas between thousands")
    clean, powers = _cleaned(texts, comma)
    if powers.any():
        notes.add("K, M, B for thousands, millions, billions")
    numbers = pc.cast(clean, pa.float64()).to_numpy()
    return np.where(powers == 0, numbers, numbers * 10.0**powers), notes
