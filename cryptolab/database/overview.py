"""What a data set is, told without its prices: how much there is, what of it is damaged, whether it ever traded."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

import pandas as pd

from cryptolab.database import segments
from cryptolab.database.dataset import Dataset
from cryptolab.database.places import Key
from cryptolab.database.segments import DamagedFile, Segment
from cryptolab.database.spans import FOREVER

log = logging.getLogger(__name__)

ROW = ("exchange", "symbol", "timeframe", "bars", "first", "last", "files", "damaged", "bytes")
_LOOKS = 20


def described(key: Key, dataset: Dataset) -> dict[str, Any] | None:
    """Return a data set's line, first and last in ns; None where there is nothing."""
    files = dataset.segments()
    if not files:
        return None
    sound = [file for file in files if not file.damaged]
    first, last = min((file.begin for file in sound), default=None), max((file.end for file in sound), default=None)
    count, size = sum(file.rows for file in sound), sum(map(_size, sound))
    return dict(zip(ROW, (*key, count, first, last, len(sound), len(files) - len(sound), size), strict=True))


def is_simulated(dataset: Dataset) -> bool | None:
    """Return whether the bars of a data set are of the simulated market: all are or none. None where there are none."""
    for _ in range(_LOOKS):
        sound = [file for file in dataset.segments() if not file.damaged]
        for file in sorted(sound, key=lambda file: -file.rows):  # the largest stays longest
            try:
                return _is_simulated(file)
            except FileNotFoundError:  # replaced by a writer in this moment
                break
            except (DamagedFile, OSError):  # whoever reads its bars says so
                continue
        else:
            return None
    return None


@lru_cache(maxsize=1024)
def _is_simulated(file: Segment) -> bool:
    """Look once at each file: under its name, in which a checksum is, there is never another."""
    return segments.is_simulated(*segments.opened([file])[0])


def counted(dataset: Dataset, until: int) -> int:
    """Return how many bars that can be read open up to a moment, ns, and leave all as it is."""
    count = 0
    for file, source in dataset.held(end=until)[1]:
        try:
            count += len(segments.read(file, source, -FOREVER, until))  # all of it, as who removes them does
        except DamagedFile as problem:
            log.warning("%s: %s cannot be read (%s)", dataset.said, file.path.name, problem.reason)
    return count


def name_damage(dataset: Dataset, begin: int, end: int) -> None:
    """Name in the log the damaged files that have bars from `begin` to `end`, ns."""
    for file in dataset.segments(begin, end):
        if file.damaged:
            name = file.path.name.partition(".parquet")[0] + ".parquet"
            first, last = (f"{pd.Timestamp(stamp, tz='UTC'):%Y-%m-%d %H:%M}" for stamp in (file.begin, file.end))
            said = "%s: the damaged file %s has %d bars from %s to %s, which are missing though there was a market"
            log.warning(said, dataset.said, name, file.rows, first, last)


def _size(file: Segment) -> int:
    try:
        return file.path.stat().st_size
    except FileNotFoundError:  # replaced by a writer in this moment
        return 0
