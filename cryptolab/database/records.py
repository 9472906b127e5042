"""Signals as they are stored, and as they are read again."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pandas as pd

from cryptolab.bars import symbol_name
from cryptolab.checks import known_keys, number, refuse
from cryptolab.database.places import encodes
from cryptolab.database.spans import instant

FIELDS = ("timestamp", "symbol", "signal_type", "strength", "source", "metadata")
SIGNAL: dict[str, type] = {"timestamp": int, "symbol": str, "signal_type": str, "source": str, "saved": int}
"""What each stored signal has."""
_NEEDED = ("timestamp", "symbol", "signal_type")
_DEEPEST = 100
"""Lists and mappings within each other that a signal's metadata may have: Python and DuckDB read only so deep."""


def symbol_of(symbol: str) -> str:
    """Return a symbol's name, with something on either side of each stroke."""
    name = symbol_name(symbol)
    if not encodes(name) or not all(name.split("/")):
        refuse("symbol", repr(symbol), "write BASE/QUOTE, as in 'BTC/USDT'")
    return name


def signal_of(signal: Mapping[str, Any]) -> dict[str, Any]:
    """Return a signal as it is stored: times in ns UTC, a naive one taken as local time."""
    if not isinstance(signal, Mapping):
        refuse("signal", f"a {type(signal).__name__}", f"give a mapping of {', '.join(FIELDS)}")
    known_keys("field of a signal", signal, FIELDS)
    for name in _NEEDED:
        if signal.get(name) is None:
            refuse("signal", f"no {name}", f"give {', '.join(_NEEDED)}")
    strength = signal.get("strength")
    return {
        "timestamp": _moment(signal["timestamp"]),
        "symbol": symbol_of(signal["symbol"]),
        "signal_type": _word("signal_type", signal["signal_type"]),
        "strength": None if strength is None else number("signal 'strength'", strength),
        "source": _word("source", "" if signal.get("source") is None else signal["source"]),
        "metadata": _metadata(signal.get("metadata")),
        "saved": time.time_ns(),
    }


def signals_frame(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Return stored signals as a DataFrame, by their timestamps, those of one moment as they were saved."""
    ordered = sorted(records, key=lambda record: (record["timestamp"], record["saved"]))
    frame = pd.DataFrame(ordered, columns=[*FIELDS, "saved"])
    for name in ("timestamp", "saved"):
        frame[name] = pd.to_datetime(frame[name], unit="ns", utc=True)
    frame["strength"] = frame["strength"].astype(float)
    return frame


def _moment(value: Any) -> int:
    """Return a time in ns UTC; one without a zone is local time, as `datetime.now()` gives it."""
    what = "signal 'timestamp'"
    as_utc = instant(what, value)
    stamp = pd.Timestamp(value.strip() if isinstance(value, str) else value)
    if stamp.tzinfo is not None:
        return as_utc
    try:
        local = pd.Timestamp(stamp.to_pydatetime(warn=False).astimezone()) + pd.Timedelta(stamp.nanosecond, "ns")
        return int(local.tz_convert("UTC").as_unit("ns").value)
    except (ValueError, OverflowError):
        refuse(what, repr(value), "give a time between the years 1678 and 2261")


def _word(name: str, value: Any) -> str:
    if not isinstance(value, str) or not encodes(value):
        refuse(f"signal {name!r}", repr(value), "write a text")
    return value


def _metadata(value: Any) -> Any:
    """Return what JSON can hold and give back, {} for none."""
    if value is None:
        return {}
    what, instead = "signal 'metadata'", "give texts, numbers, lists and mappings of them"
    if _is_deeper(value, _DEEPEST):
        refuse(what, f"more than {_DEEPEST} lists and mappings within each other", instead)
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as problem:
        refuse(what, str(problem), instead)
    if not encodes(text):
        refuse(what, "half a surrogate pair in a text", instead)
    return value


def _is_deeper(value: Any, limit: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return limit < 0 or any(_is_deeper(each, limit - 1) for each in inside)
