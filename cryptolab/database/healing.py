"""Damaged files whose bars have been stored again: they are put away into `damaged/`, with the moment of it.

A state of before that moment has lost those bars: when they had arrived is known no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cryptolab.bars import Bars
from cryptolab.database import segments
from cryptolab.database.segments import DAMAGED, Segment
from cryptolab.database.spans import FOREVER

AWAY = "damaged"
_NAME = re.compile(r"(?:(\d+)_)?year=\d+_(\d+-\d+_(\d{8}T\d{4})_(\d{8}T\d{4})_(\d+)_[0-9a-f]{8}\.parquet).*", re.ASCII)


class PutAway(NamedTuple):
    """A damaged file whose bars were all there again at `moment`, ns. name, begin, end, rows: as `Segment` has them."""

    name: str
    begin: int
    end: int
    rows: int
    moment: int


def put_away(folder: Path) -> list[PutAway]:
    """Return the damaged files that were put away in the folder of a data set."""
    found = []
    for path in sorted((folder / AWAY).glob(f"*{DAMAGED}")):
        if match := _NAME.fullmatch(path.name):
            moment, name, begin, end, rows = match.groups()
            first, last = (pd.Timestamp(text, tz="UTC").as_unit("ns").value for text in (begin, end))
            found.append(PutAway(name, first, last, int(rows), int(moment) if moment else FOREVER))
    return found


def away(folder: Path, segment: Segment, moment: int) -> Path:
    """Return where a damaged file of a year's folder is put."""
    return folder.parent / AWAY / f"{moment}_{folder.name}_{segment.path.name}"


def groups(folder: Path) -> Iterator[list[Segment]]:
    """Yield the damaged files of a year, those together whose spans overlap."""
    lost = sorted((each for each in segments.listed(folder)[0] if each.damaged), key=lambda each: each.begin)
    group: list[Segment] = []
    for segment in lost:
        if group and segment.begin > max(each.end for each in group):
            yield group
            group = []
        group.append(segment)
    if group:
        yield group


def is_back(segment: Segment, held: int, bars: Bars, *, others: bool) -> bool:
    """Return whether the bars of a damaged file are there again, now that `bars` were stored.

    held: how many bars the sound files hold in its span. There must be as many as there were, or no bar missing.
    others: whether other damaged files meet its span. Counting does not tell then whose bars are there, as it is not
    known which they had in common: the bars just stored must include its first and its last one, and no fewer than it
    had.
    """
    full = (segment.end - segment.begin) // bars.interval + 1
    if held >= full:
        return True
    if segment.needed is None or held < segment.needed:
        return False
    first, end = np.searchsorted(bars.time, [segment.begin, segment.end + 1]).tolist()
    ends = end > first and (bars.time[first], bars.time[end - 1]) == (segment.begin, segment.end)
    return not others or (ends and end - first >= segment.rows)
