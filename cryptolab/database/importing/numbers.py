"""Prices and volumes as people write them: 1234.5, 1,234.5, 1.234,5, $42,265.90, 45.49K."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cryptolab.checks import refuse
from cryptolab.errors import DataError

_MISSING = pa.array(["", "-", "--", "nan", "null", "none", "n/a", "na", "#n/a"])
"""What is written where there is no number, in lower case."""

_NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
_SUFFIX = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
_CLUTTER = r"[\s\x{00A0}\x{202F}'’$€£₮]"
"""Spaces and apostrophes between thousands, and signs of currencies."""


def as_numbers(
    what: str, columns: Sequence[pa.ChunkedArray], decimal: str | None
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the columns as (n, k) float64, NaN where there is none; which rows hold what is no number; what was told.

    decimal: "point" or "comma" where the user settled it. All columns are taken to be written in one way.
    Raises DataError where a comma may be either a decimal one or one between thousands.
    """
    values = np.full((len(columns[0]), len(columns)), np.nan)
    wrong = np.zeros(len(values), dtype=bool)
    odd: dict[int, pa.ChunkedArray] = {}
    for place, column in enumerate(columns):
        done = _plain(column) if decimal != "comma" else None
        if done is not None:
            values[:, place] = done
        else:
            odd[place] = _texts(column)
    if not odd:
        return values, wrong, ""
    comma = decimal == "comma" or (decimal is None and _comma_is_decimal(what, list(odd.values())))
    told = set()
    for place, texts in odd.items():
        values[:, place], notes = _written(texts, comma)
        told |= notes
        missing = pc.is_in(pc.utf8_lower(texts), value_set=_MISSING).to_numpy()
        wrong |= np.isnan(values[:, place]) & ~missing
    return values, wrong, ", ".join(sorted(told))


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
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        column = pa.chunked_array([[str(value) for value in column.to_pylist()]])
    texts = pc.fill_null(column.cast(pa.string()), "")
    return pc.replace_substring_regex(texts, _CLUTTER, "")


def _comma_is_decimal(what: str, columns: Sequence[pa.ChunkedArray]) -> bool:
    """Return whether commas are decimal ones; refuse where nothing shows it."""
    texts = pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string())
    texts = texts.filter(pc.match_substring(texts, ","))
    if not len(texts):
        return False
    both = texts.filter(pc.match_substring(texts, "."))
    if len(both):  # the later of the two is the decimal one
        later = pc.match_substring_regex(both, r",[^.]*$")
        if pc.any(later).as_py() != pc.all(later).as_py():
            one, other = (both.filter(each)[0].as_py() for each in (later, pc.invert(later)))
            refuse(f"{what}, numbers", f"{one!r} beside {other!r}", "write them all in one way", DataError)
        return bool(later[0].as_py())
    if not pc.all(pc.match_substring_regex(texts, r"^[-+]?\d{1,3}(,\d{3})+[KMBT]?$")).as_py():
        return True
    if pc.any(pc.match_substring_regex(texts, ",.*,")).as_py():
        return False
    instead = "say what the comma is: decimal='comma', or decimal='point' where it stands between thousands"
    refuse(f"{what}, numbers", f"{texts[0].as_py()!r}, which may be either", instead, DataError)


def _written(texts: pa.ChunkedArray, comma: bool) -> tuple[np.ndarray, set[str]]:
    """Return the numbers of texts, NaN for what is none, and how they are written."""
    notes = set()
    if pc.any(pc.match_substring(texts, ",")).as_py():
        notes.add("a decimal comma" if comma else "commas between thousands")
    thousands, point = (".", ",") if comma else (",", ".")
    clean = pc.replace_substring(pc.replace_substring(texts, thousands, ""), point, ".")
    factor = np.ones(len(texts))
    if pc.any(pc.match_substring_regex(clean, r"\d[KMBT]$")).as_py():
        notes.add("K, M, B for thousands, millions, billions")
        for letter, size in _SUFFIX.items():
            factor[pc.match_substring_regex(clean, rf"\d{letter}$").to_numpy()] = size
        clean = pc.replace_substring_regex(clean, r"(\d)[KMBT]$", r"\1")
    fits = pc.match_substring_regex(clean, _NUMBER)
    numbers = pc.cast(pc.if_else(fits, clean, pa.scalar(None, pa.string())), pa.float64()).to_numpy()
    return np.where(factor == 1.0, numbers, numbers * factor), notes
