"""One symbol's bars of one timeframe from one exchange, at rest: a folder, in it a folder for each year.

Writers take turns (see `writing`); readers wait for nobody but while names change, and for a state as of now until a
writer who began before is done. Each timestamp is in one file only, so that reading is putting files one behind the
other.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from cryptolab.checks import refuse
from cryptolab.database import segments
from cryptolab.database.folders import settle
from cryptolab.database.journal import Journal
from cryptolab.database.rows import arrivals, in_order
from cryptolab.database.segments import DAMAGED, PRICES, SCHEMA, DamagedFile, Segment
from cryptolab.errors import DataError, RunError
from cryptolab.locks import WRITERS_WITHIN, alone, beside_others, is_free

log = logging.getLogger(__name__)
_Found = TypeVar("_Found")

FOREVER = 2**63 - 1
_GLANCE = 0.002


class Dataset:
    """The stored bars in `folder`."""

    def __init__(self, folder: Path, said: str) -> None:
        self.folder, self.said = folder, said
        self.revisions = Journal(folder / "revisions")
        self.writing, self.names = folder / ".writing", folder / ".names"

    @property
    def exists(self) -> bool:
        """Whether anything is stored."""
        return bool(self.years())

    def year(self, year: int) -> Path:
        """Return the folder of a year."""
        return self.folder / f"year={year}"

    def years(self) -> list[int]:
        """Return the years with bars, ascending."""
        try:
            names = [entry.name for entry in os.scandir(self.folder)]
        except OSError:
            return []
        return sorted(int(name[5:]) for name in names if name.startswith("year=") and name[5:].isdecimal())

    def segments(self, begin: int = -FOREVER, end: int = FOREVER) -> list[Segment]:
        """Return the files that count now and have bars from `begin` to `end`, year by year."""
        return self._unchanging(lambda: self._listed(begin, end))

    def held(self, begin: int = -FOREVER, end: int = FOREVER) -> tuple[list[Segment], list[tuple[Segment, Any]]]:
        """Return the same, and those that can be read opened, so that they stay readable whatever is stored."""

        def look() -> tuple[list[Segment], list[tuple[Segment, Any]]]:
            met = self._listed(begin, end)
            return met, segments.opened(segment for segment in met if not segment.damaged)

        return self._unchanging(look)

    def read(
        self, begin: int, end: int, columns: Sequence[str] = PRICES, *, allow_holes: bool = False
    ) -> pa.Table:  # fmt: skip
        """Return the rows of bars that open from `begin` to `end`, ns, in order. Raises DataError at a damaged file."""
        tables = []
        try:
            met, sound = self.held(begin, end)
            for segment in met:
                if segment.damaged and not allow_holes:
                    self.refuse_hole(segment)
            for segment, source in sound:
                try:
                    tables.append(segments.read(segment, source, begin, end, columns))
                except DamagedFile as problem:
                    self.put_away(problem)
                    if not allow_holes:
                        self.refuse_hole(segment, problem.reason)
        except OSError as problem:
            refuse(f"reading {self.said}", repr(problem.strerror or str(problem)), "mend that and try again", DataError)
        return in_order(tables, columns)

    def read_as_of(self, begin: int, end: int, moment: int, *, allow_holes: bool = False) -> pa.Table:
        """Return what `read` would have at that moment, ns: later bars left out, revised ones as they were.

        What it gives of a moment that is past, it gives ever after.
        """
        self._await_writers(moment)
        table = self.read(begin, end, SCHEMA.names, allow_holes=allow_holes)
        late = arrivals(table) > moment
        if not late.any():
            return table.select(PRICES)
        later = set(segments.stamps(table)[late].tolist())
        earlier = {
            record["timestamp"]: record
            for record in self.revisions.read()
            if record["timestamp"] in later and record["arrived"] <= moment < record["replaced"]
        }
        rows = [earlier[stamp] for stamp in sorted(earlier)]
        before = pa.table(
            {name: [row[name] for row in rows] for name in PRICES}, schema=pa.schema(map(SCHEMA.field, PRICES))
        )
        return in_order([table.filter(pa.array(~late)).select(PRICES), before], PRICES)

    def put_away(self, problem: DamagedFile) -> None:
        """Set a damaged file aside where that can be done; where nothing can be written it stays, refused each time."""
        with suppress(OSError, RunError):
            self.set_aside(problem)

    def set_aside(self, problem: DamagedFile) -> None:
        """Take a damaged file out of the way, so that it is known without being read. Raises OSError."""
        segment = problem.segment
        with alone(self.names):
            if self._whole(segment):  # gone meanwhile, or it was not the file's fault
                return
            needed = segment.rows + self.beside(segment, at_most=True)
            segment.path.rename(segment.path.with_name(f"{segment.path.name}.{needed}{DAMAGED}"))
        settle(segment.path.parent)
        log.warning("%s: %s cannot be read (%s): it is set aside", self.said, segment.path.name, problem.reason)

    def refuse_hole(self, segment: Segment, reason: str = "") -> NoReturn:
        """Say what is missing because of a damaged file."""
        name = segment.path.name.partition(".parquet")[0] + ".parquet"
        begin, end = pd.Timestamp(segment.begin, tz="UTC"), pd.Timestamp(segment.end, tz="UTC")
        aside = ", set aside" if segment.damaged or not segment.path.exists() else ""
        refuse(
            f"{self.said}, {segment.path.parent.name}",
            f"a damaged file {name}{f' ({reason})' if reason else ''}{aside}: {segment.rows:,} bars from "
            f"{begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} are missing",
            "store these bars again, load others, or say allow_holes=True", DataError,
        )  # fmt: skip

    def beside(self, segment: Segment, *, at_most: bool = False) -> int:
        """Return how many bars the other files hold in the span of a segment, or at the most held, damaged ones
        included. Raises DamagedFile at one that cannot be counted, without at_most."""
        count = 0
        for other in segments.listed(segment.path.parent)[0]:
            if other.path == segment.path or not other.meets(segment.begin, segment.end):
                continue
            try:
                count += 0 if other.damaged and not at_most else other.rows if other.damaged else _count(other, segment)
            except DamagedFile:
                if not at_most:
                    raise
                count += other.rows
        return count

    def _whole(self, segment: Segment) -> bool:
        """Return whether nothing is wrong with a segment, gone ones included."""
        try:
            _count(segment, None)
        except DamagedFile:
            return False
        except FileNotFoundError:
            return True
        return True

    def _listed(self, begin: int, end: int) -> list[Segment]:
        first, last = _year_of(begin), _year_of(end)
        years = [year for year in self.years() if first <= year <= last]
        found = [segment for year in years for segment in segments.listed(self.year(year))[0]]
        return [segment for segment in found if segment.meets(begin, end)]

    def _unchanging(self, look: Callable[[], _Found]) -> _Found:
        """Return what `look` finds while no names change."""
        with beside_others(self.names) as held, suppress(FileNotFoundError):
            found = look()
            if held or not self.names.exists():
                return found
        with beside_others(self.names):  # its first writer came in between
            return look()

    def _await_writers(self, moment: int) -> None:
        """Wait for a writer who began before `moment`: what he stores will be of an earlier time.

        Each writer leaves the time of his turn with the lock.
        """
        deadline = time.monotonic() + WRITERS_WITHIN
        while not is_free(self.writing):
            with suppress(FileNotFoundError):
                if self.writing.stat().st_mtime_ns > moment:
                    return
            if time.monotonic() > deadline:
                raise RunError(
                    f"{self.said}: received another process that has been writing there for {WRITERS_WITHIN:.0f} s; "
                    "end it if it hangs, then try again."
                )
            time.sleep(_GLANCE)


def _count(segment: Segment, within: Segment | None) -> int:
    """Return how many bars of a segment are in another's span; all of it is read where there is none."""
    (opened,) = segments.opened([segment])
    if within is None:
        return len(segments.read(*opened, -FOREVER, FOREVER))
    return len(segments.read(*opened, within.begin, within.end, ["timestamp"]))


def _year_of(stamp: int) -> int:
    return int(np.datetime64(int(stamp), "ns").astype("M8[Y]").astype(np.int64)) + 1970
