"""Storing bars and removing them: one writer's turn at a data set.

A save is put into a new file together with the small files before it, so that there are never more than three of a
year: one of up to 1,024 rows, one of up to 65,536, one of any size.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa

from cryptolab.bars import Bars
from cryptolab.checks import refuse
from cryptolab.database import moments, revisions, segments
from cryptolab.database.dataset import Dataset
from cryptolab.database.folders import ALL, settle
from cryptolab.database.healing import AWAY
from cryptolab.database.rows import arrivals, arriving, common, equal, in_order, rows_of
from cryptolab.database.segments import DRAFT, SCHEMA, DamagedFile, Segment
from cryptolab.database.spans import FOREVER
from cryptolab.errors import DataError
from cryptolab.locks import alone

LEVELS = (1_024, 65_536)


class Saved(NamedTuple):
    """What saving came to, in bars."""

    added: int
    unchanged: int
    revised: int
    """stored before with other numbers: the newer ones are read from now on, the older ones with `as_of`"""

    def __str__(self) -> str:
        return f"{self.added:,} added, {self.revised:,} revised, {self.unchanged:,} unchanged"


class _Change(NamedTuple):
    """What is about to happen to one year: a draft that gets its name, files that go, and what that means."""

    folder: Path
    saved: Saved = Saved(0, 0, 0)
    removed: int = 0
    draft: Path | None = None
    path: Path | None = None
    gone: Sequence[Path] = ()
    replaced: Sequence[pa.Table] = ()


def save(dataset: Dataset, bars: Bars, source: str) -> Saved:
    """Store bars: new ones are added, equal ones left alone, others revised.

    Raises DataError where the disk is full or cannot be written to, and says then whether some years may be stored;
    and where the clock was put back by more than a minute (see `moments`).
    """
    with _on_disk(dataset.said, "stored"), _turn(dataset) as number:
        arrived = moments.arrival(dataset.writing, number, dataset.said)
        new = rows_of(bars, arrived, source)
        year = pd.DatetimeIndex(bars.time).year.to_numpy()

        def changes() -> Iterator[_Change]:
            for each in np.unique(year).tolist():
                first, end = np.searchsorted(year, [each, each + 1])
                yield _merged(dataset.year(each), new.slice(first, end - first))

        with _prepared(dataset, changes) as made:
            # first: should this process die behind it, revisions are noted that never were, which no reading shows
            revisions.note(dataset.revisions, (table for change in made for table in change.replaced))
            _commit(dataset, made, "stored")
        for each in np.unique(year).tolist():
            dataset.heal(each, bars, arrived)
    added, unchanged, revised = (sum(counts) for counts in zip(*(change.saved for change in made), strict=True))
    return Saved(added, unchanged, revised)


def delete(dataset: Dataset, begin: int = -FOREVER, end: int = FOREVER) -> int:
    """Remove the bars that open from `begin` to `end`, ns, with what they were before; return how many there were.

    It is as if they had never been: states of before it have lost them too.
    """
    with _on_disk(dataset.said, "removed"), _turn(dataset):

        def changes() -> Iterator[_Change]:
            for year in dataset.years():
                yield _without(dataset.year(year), begin, end)

        with _prepared(dataset, changes) as made:
            _commit(dataset, made, "removed")
        if not dataset.exists:
            shutil.rmtree(dataset.folder / "revisions", ignore_errors=True)
            shutil.rmtree(dataset.folder / AWAY, ignore_errors=True)
        elif any(change.removed for change in made):
            with suppress(OSError):  # no reading shows what is left of bars that are not there, or are others
                dataset.revisions.remove(lambda record: begin <= record["timestamp"] <= end)
    return sum(change.removed for change in made)


def _merged(folder: Path, new: pa.Table) -> _Change:
    """Return what saving `new` rows of one year comes to."""
    live, _ = segments.listed(folder)
    time, arrived = segments.stamps(new), arrivals(new).copy()
    fresh, place = np.ones(len(time), bool), len(live)
    replaced: list[pa.Table] = []
    for number, segment in enumerate(live):
        if segment.damaged or not segment.meets(int(time[0]), int(time[-1])):
            continue
        stored = _rows(segment, int(time[0]), int(time[-1]))
        ours, theirs = common(time, segments.stamps(stored))
        same = equal(new.take(pa.array(ours)), stored.take(pa.array(theirs)))
        fresh[ours[same]] = False
        if not same.all():
            place = min(place, number)
            before = stored.take(pa.array(theirs[~same]))
            # what takes another's place arrived after it, even where the mark was lost and the clock is behind
            arrived[ours[~same]] = np.maximum(arrived[ours[~same]], arrivals(before) + 1)
            replaced.append(revisions.replaced(before, arrived[ours[~same]]))
    count, revised = int(fresh.sum()), sum(map(len, replaced))
    saved = Saved(count - revised, len(time) - count, revised)
    if not count:
        return _Change(folder, saved)
    if replaced:
        new = arriving(new, arrived)
    if count < len(time):
        new = new.filter(pa.array(fresh))
    place = _from(live, place, count)
    before = in_order([_rows(segment) for segment in live[place:]])
    stay = np.ones(len(before), bool)
    stay[common(segments.stamps(new), segments.stamps(before))[1]] = False
    table = in_order([before.filter(pa.array(stay)), new])
    gone = [segment for segment in live[place:] if not segment.damaged]
    return _change(folder, gone, table, live)._replace(saved=saved, replaced=replaced)


def _without(folder: Path, begin: int, end: int) -> _Change:
    """Return what removing the bars from `begin` to `end` comes to in one year."""
    live, _ = segments.listed(folder)
    met = [number for number, segment in enumerate(live) if segment.meets(begin, end)]
    holes = [segment for segment in live if segment.damaged and begin <= segment.begin and segment.end <= end]
    rest = live[met[0] :] if met else []
    table = in_order([_rows(segment) for segment in rest])
    time = segments.stamps(table)
    stay = (time < begin) | (time > end)
    removed = int((~stay).sum())
    if not removed:
        return _Change(folder, gone=[segment.path for segment in holes])
    place = _from(live, met[0], int(stay.sum()) - sum(segment.rows for segment in rest))
    earlier = [_rows(segment) for segment in live[place : met[0]]]
    table = in_order([*earlier, table.filter(pa.array(stay))])
    gone = [segment for segment in live[place:] if not segment.damaged]
    return _change(folder, [*gone, *holes], table, live)._replace(removed=removed)


def _from(live: list[Segment], place: int, rows: int) -> int:
    """Return from which file on they are put into one, with `rows` more: from `place`, or before it those that are no
    larger than what comes of it, so that each file is a level below the one before it."""
    rows += sum(segment.rows for segment in live[place:])
    while place > 0 and not live[place - 1].damaged and _level(live[place - 1].rows) <= _level(rows):
        place -= 1
        rows += live[place].rows
    return place


def _change(folder: Path, gone: list[Segment], table: pa.Table, live: list[Segment]) -> _Change:
    """Write the draft of a file that takes the place of those that go, as one more save."""
    paths = [segment.path for segment in gone]
    if not len(table):
        return _Change(folder, gone=paths)
    last = max((segment.last for segment in live), default=-1) + 1
    first = min((segment.first for segment in gone), default=last)
    draft = folder / f"{last:06d}{DRAFT}"
    try:
        folder.mkdir(exist_ok=True)
        check = segments.write(draft, table)
        if not live:
            settle(folder.parent, above=ALL)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    path = folder / segments.name_of(first, last, segments.stamps(table), check)
    return _Change(folder, draft=draft, path=path, gone=paths)


def _commit(dataset: Dataset, changes: list[_Change], done: str) -> None:
    """Give drafts their names; then the files that they replace may go. Raises OSError where nothing was `done`,
    DataError where some of it may be."""
    begun = False
    try:
        with dataset.changing():
            for change in changes:
                if change.draft and change.path:
                    change.draft.replace(change.path)
                    begun = True
                    settle(change.folder)
            for change in changes:
                for path in change.gone:
                    if change.draft:  # superseded: should it stay, the next writer removes it
                        with suppress(OSError):
                            path.unlink()
                    else:
                        path.unlink(missing_ok=True)
                        begun = True
                if change.gone and not change.draft:
                    settle(change.folder)
                    with suppress(OSError):
                        change.folder.rmdir()
    except OSError as problem:
        if begun:
            _refuse(dataset.said, problem, f"this may be {done} in part", "do it again")
        raise


def _rows(segment: Segment, begin: int = -FOREVER, end: int = FOREVER) -> pa.Table:
    """Return a segment's rows, none of one that was set aside. Raises DamagedFile."""
    if segment.damaged:
        return SCHEMA.empty_table()
    (opened,) = segments.opened([segment])
    return segments.read(*opened, begin, end)


@contextmanager
def _turn(dataset: Dataset) -> Iterator[int]:
    """Be the one who writes, and give the number that the lock is open under (see `moments`); what a killed writer left
    behind is removed first."""
    dataset.folder.mkdir(parents=True, exist_ok=True)
    for file in (dataset.names, dataset.gate):
        if not file.exists():
            file.touch()
    with alone(dataset.writing) as number:
        for year in dataset.years():
            live, useless = segments.listed(dataset.year(year))
            if useless:
                settle(dataset.year(year))
            for path in useless:
                path.unlink(missing_ok=True)
            if not live:
                with suppress(OSError):
                    dataset.year(year).rmdir()
        yield number


@contextmanager
def _prepared(dataset: Dataset, changes: Callable[[], Iterator[_Change]]) -> Iterator[list[_Change]]:
    """Give the changes, their drafts written; a damaged file that is met on the way is set aside, then all begins anew.

    The drafts of changes that do not come about are removed.
    """
    made: list[_Change] = []
    for attempts_left in range(99, -1, -1):
        try:
            for change in changes():
                made.append(change)  # noqa: PERF402 (what was made before one fails is to be known)
            break
        except (DamagedFile, FileNotFoundError) as problem:
            _drop(made)
            if isinstance(problem, DamagedFile):
                dataset.set_aside(problem)
            if not attempts_left:  # a file that is gone was set aside by a reader, but not each time
                raise
        except BaseException:
            _drop(made)
            raise
    try:
        yield made
    except BaseException:
        _drop(made)
        raise


def _drop(changes: list[_Change]) -> None:
    for change in changes:
        if change.draft:
            with suppress(OSError):
                change.draft.unlink(missing_ok=True)
    changes.clear()


@contextmanager
def _on_disk(said: str, done: str) -> Iterator[None]:
    """Say in one sentence what the disk refused; nothing that was stored before is touched."""
    try:
        yield
    except OSError as problem:
        _refuse(said, problem, f"nothing of this was {done}", "try again")


def _refuse(said: str, problem: OSError, so: str, again: str) -> NoReturn:
    reason = problem.strerror or str(problem).strip().splitlines()[0].rstrip(".")
    refuse(
        said, f"{reason!r} from the disk, so that {so}", f"make room or check the folder's permissions, then {again}",
        DataError,
    )  # fmt: skip


def _level(rows: int) -> int:
    return next((level for level, most in enumerate(LEVELS) if rows <= most), len(LEVELS))
