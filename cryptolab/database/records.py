"""Signals as they are stored, and as they are read again."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.bars import symbol_name
from cryptolab.checks import known_keys, number, refuse

FIELDS = ("timestamp", "symbol", "signal_type", "strength", "source", "metadata")
_NEEDED = ("timestamp", "symbol", "signal_type")


def signal_of(signal: Mapping[str, Any]) -> dict[str, Any]:
    """Return a signal as it is stored: times in ns UTC, a naive one taken as local time."""
    if not isinstance(signal, Mapping):
        refuse("signal", f"a {type(signal).__name__}", f"give a mapping of {', '.join(FIELDS)}")
    known_keys("field of a signal", signal, FIELDS)
    for name in _NEEDED:
        if signal.get(name) is None:
            refuse("signal", f"no {name}", f"give {', '.join(_NEEDED)}")
    strength = signal.get("strength")
    metadata = signal.get("metadata") or {}
    try:
        json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError) as problem:
        refuse("signal 'metadata'", str(problem), "give texts, numbers, lists and mappings of them")
    return {
        "timestamp": _moment(signal["timestamp"]),
        "symbol": symbol_name(signal["symbol"]),
        "signal_type": _word("signal_type", signal["signal_type"]),
        "strength": None if strength is None else number("signal 'strength'", strength),
        "source": _word("source", signal.get("source") or ""),
        "metadata": metadata,
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
    try:
        if isinstance(value, bool | int | float | np.number):
            raise ValueError
        stamp = pd.Timestamp(value)
        if stamp.tzinfo is None:
            local = stamp.to_pydatetime(warn=False).astimezone()
            stamp = pd.Timestamp(local) + pd.Timedelta(stamp.nanosecond, "ns")
        return int(stamp.tz_convert("UTC").as_unit("ns").value)
    except (ValueError, TypeError, OverflowError):
        refuse("signal 'timestamp'", repr(value), f"give a time, as in {datetime(2024, 12, 31, 18)!r}")


def _word(name: str, value: Any) -> str:
    if not isinstance(value, str):
        refuse(f"signal {name!r}", repr(value), "write a text")
    return value
