"""Which bars a start and an end mean."""

from __future__ import annotations

import datetime as dt
import re
import time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.bars import DAY, MINUTE
from cryptolab.checks import refuse

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(rf"{_DAY.pattern}[T ]\d\d:\d\d(:\d\d(\.\d{{1,9}})?)? ?(Z|UTC|[+-]\d\d(:?\d\d)?)?", re.ASCII)
_SPAN = re.compile(r"(\d+(?:\.\d+)?) ?([hdw])(?:ours?|ays?|eeks?)?", re.ASCII)  # "6m" may mean minutes or months
_HOURS = {"h": 1, "d": 24, "w": 168}
_HOUR = 60 * MINUTE
FOREVER = 2**63 - 1
"""The last instant that there is, ns; the first is minus it."""
_INSTEAD = "write a day, as in '2024-12-31', or a time, as in '2024-12-31T18:00Z'"
_BACK = "write a time, or a span back from now, as in '730d'"


def span(start: Any, end: Any) -> tuple[int, int]:
    """Return the first and the last instant, ns UTC, that a bar may open at.

    A bare date ("2024-12-31", a date object) means the whole UTC day, on either side; anything else the instant itself,
    without a zone UTC. None is open. Raises InputError where they are no times, or the wrong way round.
    """
    first = -FOREVER if start is None else instant("start", start)
    last = FOREVER if end is None else min(instant("end", end) + (DAY - 1 if _is_day(end) else 0), FOREVER)
    if first > last:
        refuse("start", f"{start} after the end {end}", "write the earlier one first")
    return first, last


def instant(what: str, value: Any, instead: str = _INSTEAD) -> int:
    """Return a time in ns UTC; one without a zone is UTC, a bare date its first instant (as `as_of`: what had arrived
    when that day began). Texts are taken in ISO's form alone: a guess would be one. instead: what a refusal advises."""
    text = value.strip() if isinstance(value, str) else None
    if text is not None and not (_DAY.fullmatch(text) or _TIME.fullmatch(text)):
        refuse(what, repr(value), instead)
    if not isinstance(value, str | dt.date | np.datetime64):
        refuse(what, repr(value), instead)
    try:
        found = pd.Timestamp(value if text is None else text)
        if not isinstance(found, pd.Timestamp):  # NaT
            raise ValueError
        found = found.tz_localize("UTC") if found.tzinfo is None else found.tz_convert("UTC")
        return int(found.as_unit("ns").value)
    except (ValueError, TypeError, OverflowError):
        refuse(what, repr(value), instead)


def moment_before(older_than: Any) -> int:
    """Return the moment, ns UTC, that a time means, or a span back from now in hours, days or weeks ("730d")."""
    match = _SPAN.fullmatch(older_than.strip()) if isinstance(older_than, str) else None
    if match:
        back = int(Decimal(match[1]) * _HOURS[match[2]] * _HOUR)
    elif isinstance(older_than, dt.timedelta) and older_than is not pd.NaT:
        back = older_than // dt.timedelta(microseconds=1) * 1000
    else:
        return instant("older_than", older_than, _BACK)
    if not 0 <= back < time.time_ns() + FOREVER:
        refuse("older_than", repr(older_than), _BACK)
    return time.time_ns() - back


def _is_day(value: Any) -> bool:
    if isinstance(value, str):
        return _DAY.fullmatch(value.strip()) is not None
    if isinstance(value, np.datetime64):
        return np.datetime_data(value.dtype)[0] == "D"
    return isinstance(value, dt.date) and not isinstance(value, dt.datetime)
