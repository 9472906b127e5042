"""One symbol's bars of one timeframe from one exchange, at rest: a folder, in it a folder for each year.

Writers take turns (see `writing`); readers wait for nobody but while names change, and for a state as of now until a
writer who began before is done. Each timestamp is in one file only, so that reading is putting files one behind the
other.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from cryptolab.bars import Bars
from cryptolab.checks import refuse
from cryptolab.database import healing, moments, revisions, segments
from cryptolab.database.folders import settle
from cryptolab.database.healing import PutAway
from cryptolab.database.journal import Journal
from cryptolab.database.rows import arrivals, in_order
from cryptolab.database.segments import DAMAGED, PRICES, SCHEMA, DamagedFile, Segment
from cryptolab.database.spans import FOREVER as FOREVER
from cryptolab.errors import DataError, RunError
from cryptolab.locks import GLANCE, WRITERS_WITHIN, changing, looking, waited

log = logging.getLogger(__name__)
_Found = TypeVar("_Found")
_YEAR = re.compile(r"year=[1-9]\d{3}", re.ASCII)
"""One spelling of each: "year=02023" beside it would double its bars."""


class Dataset:
    """The stored bars in `folder`."""

    def __init__(self, folder: Path, said: str) -> None:
        self.folder, self.said = folder, said
        self.revisions = Journal(folder / "revisions", revisions.NEEDED)
        self.writing, self.names, self.gate = folder / ".writing", folder / ".names", folder / ".gate"

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
        return sorted(int(name[5:]) for name in names if _YEAR.fullmatch(name))

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

        What it gives of a moment it gives ever after, whatever is stored and whatever becomes of the clock; not of
        what `delete` and `prune` remove: that was never there. Raises InputError for a moment to come, DataError where
        bars of that time were lost with a damaged file, though stored again since.
        """
        if not moments.has_passed(self.writing, moment):
            to_come = pd.Timestamp(moment, tz="UTC")
            refuse("as_of", to_come, "name a moment that has passed, or leave it out for now")
        self._await_writers(moment)
        table = self.read(begin, end, SCHEMA.names, allow_holes=allow_holes)
        if not allow_holes:
            self._refuse_lost(begin, end, moment)
        late = arrivals(table) > moment
        if not late.any():
            return table.select(PRICES)
        before, damaged = revisions.as_they_were(self.revisions, table.filter(pa.array(late)), moment)
        if damaged and not allow_holes:
            said = f"a line that is not what was written ({len(damaged)} of them, the first in {damaged[0]})"
            instead = "name a moment since they were noted, or say allow_holes=True"
            refuse(f"revisions of {self.said}", said, instead, DataError)
        return in_order([table.filter(pa.array(~late)).select(PRICES), before], PRICES)

    def put_away(self, problem: DamagedFile) -> None:
        """Set a damaged file aside where that can be done; where nothing can be written it stays, refused each time."""
        with suppress(OSError, RunError):
            self.set_aside(problem)

    def set_aside(self, problem: DamagedFile) -> None:
        """Take a damaged file out of the way, so that it is known without being read. Raises OSError."""
        segment = problem.segment
        with self.changing():
            if self._whole(segment):  # gone meanwhile, or it was not the file's fault
                return
            needed = segment.rows + self.beside(segment, sound_alone=True)
            segment.path.rename(segment.path.with_name(f"{segment.path.name}.{needed}{DAMAGED}"))
        settle(segment.path.parent)
        log.warning("%s: %s cannot be read (%s): it is set aside", self.said, segment.path.name, problem.reason)

    def refuse_hole(self, segment: Segment, reason: str = "") -> NoReturn:
        """Say what is missing because of a damaged file."""
        name = segment.path.name.partition(".parquet")[0] + ".parquet"
        aside = ", set aside" if segment.damaged or not segment.path.exists() else ""
        group = next((each for each in healing.groups(segment.path.parent) if segment in each), [])
        again = "again in one go" if len(group) > 1 else "again"
        refuse(
            f"{self.said}, {segment.path.parent.name}",
            f"a damaged file {name}{f' ({reason})' if reason else ''}{aside}: {_missing(segment)}",
            f"store these bars {again}, load others, or say allow_holes=True", DataError,
        )  # fmt: skip

    def beside(self, segment: Segment, *, sound_alone: bool = False) -> int:
        """Return how many bars the other files hold in the span of a segment, without those that were set aside.

        Raises DamagedFile at one that cannot be counted; sound_alone: leaves it out.
        """
        count = 0
        for other in segments.listed(segment.path.parent)[0]:
            if other.damaged or other.path == segment.path or not other.meets(segment.begin, segment.end):
                continue
            try:
                count += _count(other, segment)
            except DamagedFile:
                if not sound_alone:
                    raise
        return count

    def heal(self, year: int, bars: Bars, moment: int) -> None:
        """Put the damaged files of a year away whose bars are all there again, now that `bars` were stored."""
        folder = self.year(year)
        try:
            for group in healing.groups(folder):
                others = len(group) > 1
                if all(healing.is_back(each, self.beside(each), bars, others=others) for each in group):
                    with self.changing():
                        for each in group:
                            place = healing.away(folder, each, moment)
                            place.parent.mkdir(exist_ok=True)
                            each.path.rename(place)
        except DamagedFile as problem:
            self.put_away(problem)
        except (OSError, RunError):  # what was to be stored is stored
            return

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Let no reader look at the names while they change."""
        with changing(self.names, self.gate):
            yield

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
        with looking(self.names, self.gate) as held, suppress(FileNotFoundError):
            found = look()
            if held or not self.names.exists():
                return found
        with looking(self.names, self.gate):  # its first writer came in between
            return look()

    def _await_writers(self, moment: int) -> None:
        """Wait for a writer who began before `moment`: what he stores may be of an earlier time."""
        deadline = time.monotonic() + WRITERS_WITHIN
        while not moments.is_settled(self.writing, moment):
            if time.monotonic() > deadline:
                raise waited(self.said, WRITERS_WITHIN)
            time.sleep(GLANCE)

    def _refuse_lost(self, begin: int, end: int, moment: int) -> None:
        """Refuse a moment of which bars were lost: stored again later, they are not what was there."""
        for lost in healing.put_away(self.folder):
            if lost.moment > moment and lost.begin <= end and begin <= lost.end:
                when = "later" if lost.moment == FOREVER else f"{pd.Timestamp(lost.moment, tz='UTC'):%Y-%m-%d %H:%M:%S}"
                refuse(
                    f"{self.said} as of {pd.Timestamp(moment, tz='UTC'):%Y-%m-%d %H:%M:%S}",
                    f"a damaged file {lost.name}, whose bars were stored again {when}: {_missing(lost)}",
                    "name a moment after that, load others, or say allow_holes=True", DataError,
                )  # fmt: skip


def _missing(lost: Segment | PutAway) -> str:
    begin, end = pd.Timestamp(lost.begin, tz="UTC"), pd.Timestamp(lost.end, tz="UTC")
    return f"{lost.rows:,} bars from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} are missing"


def _count(segment: Segment, within: Segment | None) -> int:
    """Return how many bars of a segment are in another's span; all of it is read where there is none."""
    (opened,) = segments.opened([segment])
    if within is None:
        return len(segments.read(*opened, -FOREVER, FOREVER))
    return len(segments.read(*opened, within.begin, within.end, ["timestamp"]))


def _year_of(stamp: int) -> int:
    return int(np.datetime64(int(stamp), "ns").astype("M8[Y]").astype(np.int64)) + 1970
