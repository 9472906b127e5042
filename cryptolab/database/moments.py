"""When bars arrive: by the computer's clock, but after all that was stored or read before, whatever the clock does.

The file that a data set's writers take turns at holds a mark, a moment in eight bytes: what is stored from now on
arrives later. Each save raises it, and so does who reads the state of a moment, so that he can read it again.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pandas as pd

from cryptolab.checks import refuse
from cryptolab.errors import DataError, RunError
from cryptolab.locks import alone, is_free

AHEAD = 60_000_000_000
"""How far the mark may be ahead of the clock, ns; until the clock is there, what is stored is not seen "as of now"."""


def arrival(file: Path, number: int, said: str) -> int:
    """Return the moment at which arrives what is stored in this turn, ns. number: what `file` is open under and held.

    Raises DataError where the clock is behind the mark by more than a minute.
    """
    mark, now = _mark(number), time.time_ns()
    if mark > now + AHEAD:
        there, here = (pd.Timestamp(moment, tz="UTC") for moment in (mark, now))
        refuse(
            said, f"the time {here:%Y-%m-%d %H:%M:%S} UTC from this computer's clock, though bars were stored or read "
            f"there at {there:%Y-%m-%d %H:%M:%S}", f"set the clock right; was it wrong then, remove {file}", DataError,
        )  # fmt: skip
    moment = max(now, mark + 1)
    _raise(number, moment)
    return moment


def has_passed(file: Path, moment: int) -> bool:
    """Return whether a moment has passed, by the clock or because it had before the clock was put back."""
    return moment <= time.time_ns() or moment <= mark_of(file)


def is_settled(file: Path, moment: int) -> bool:
    """Return whether all that is still stored arrives after `moment`, which has passed; False while somebody writes who
    may have begun before.

    Where nobody may write, the mark cannot be raised: should the clock be put back then, more may arrive.
    """
    if mark_of(file) > moment:
        return True
    try:
        with alone(file, within=0.0) as number:
            if _mark(number) < moment:
                _raise(number, moment)
        return True
    except RunError:
        return False
    except OSError:
        return is_free(file)


def mark_of(file: Path) -> int:
    """Return the mark in a file, 0 where there is none."""
    try:
        with file.open("rb") as opened:
            return _mark(opened.fileno())
    except OSError:
        return 0


def _mark(number: int) -> int:
    found = os.pread(number, 8, 0)
    return int.from_bytes(found, "little") if len(found) == 8 else 0


def _raise(number: int, moment: int) -> None:
    os.pwrite(number, moment.to_bytes(8, "little"), 0)
