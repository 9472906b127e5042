"""The files of one year of one data set. A file is never changed: a new one takes the place of those it holds.

    000000-000057_20240101T0000_20241231T2359_527040_1b2c3d4e.parquet

says: the saves 0 to 57, bars from .. to .., so many rows, and the checksum of the file's end, where Parquet says what
is where (the pages have checksums of their own). A file whose saves include those of others has superseded them,
whether or not they have been removed yet: the folder's listing is all there is to know, and renaming one file into it
is the whole of a commit. One that cannot be read is set aside under its name and `.damaged`; what its name says of it
stays known.
"""

from __future__ import annotations

import os
import re
import time
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from cryptolab.bars import COLUMNS, MINUTE, SIMULATED

DAMAGED = ".damaged"
DRAFT = ".part"
ROW_GROUP = 16_384
"""Rows that are read together: a month of minutes is three of these."""
_STAMP = "%Y%m%dT%H%M"
_NAME = re.compile(
    r"(\d+)-(\d+)_(\d{8}T\d{4})_(\d{8}T\d{4})_(\d+)_([0-9a-f]{8})\.parquet(?:(?:\.(\d+))?(\.damaged))?", re.ASCII
)
_MAGIC = b"PAR1"

_JUST_NOW = 2_000_000_000
_sound: set[tuple[str, int, int, int]] = set()

TIME = pa.timestamp("ns", "UTC")
SCHEMA = pa.schema(
    [
        ("timestamp", TIME),  # the bar's open
        *((name, pa.float64()) for name in COLUMNS),
        ("arrived", TIME),  # when the bar was stored
        ("source", pa.dictionary(pa.int32(), pa.string())),  # where it is from
    ],
    metadata={"cryptolab_schema": "1"},
)
PRICES = ("timestamp", *COLUMNS)


class Segment(NamedTuple):
    """A file, as its name says. first, last: saves; begin, end: opens of its first and last bar, ns; check: the
    checksum of its end; needed: of a damaged one, how many bars from begin to end there were with those of others."""

    path: Path
    first: int
    last: int
    begin: int
    end: int
    rows: int
    check: int
    damaged: bool = False
    needed: int | None = None

    def meets(self, begin: int, end: int) -> bool:
        """Return whether it may hold bars that open from `begin` to `end`, both included."""
        return self.begin <= end and begin <= self.end


class DamagedFile(Exception):
    """A segment whose bytes are not what was written."""

    def __init__(self, segment: Segment, reason: str) -> None:
        super().__init__(reason)
        self.segment, self.reason = segment, reason


def name_of(first: int, last: int, opens: np.ndarray, check: int) -> str:
    """Return the name of a file with these saves and bars."""
    return f"{first:06d}-{last:06d}_{_text(opens[0])}_{_text(opens[-1])}_{len(opens)}_{check:08x}.parquet"


def _text(stamp: int) -> str:
    return pd.Timestamp(int(stamp), tz="UTC").strftime(_STAMP)


def _minute(text: str) -> int:
    days = np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:8]}", "D").astype(np.int64)
    return int(days * 1440 + int(text[9:11]) * 60 + int(text[11:13])) * MINUTE


def _named(folder: str | os.PathLike[str], name: str) -> Segment | None:
    """Return what a name says, None where it says nothing: it is nobody's, and passed over."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    first, last, begin, end, rows, check, needed, damaged = match.groups()
    try:
        span = _minute(begin), _minute(end)
    except ValueError:
        return None
    numbers = int(first), int(last), *span, int(rows), int(check, 16)
    return Segment(Path(folder, name), *numbers, damaged is not None, int(needed) if needed else None)


def listed(folder: Path) -> tuple[list[Segment], list[Path]]:
    """Return the segments that count, in the order of their saves, and the files that do not: superseded, or drafts.

    Damaged ones count: they say what is missing.
    """
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    found = [segment for segment in (_named(folder, name) for name in names) if segment]
    useless = [folder / name for name in names if name.endswith(DRAFT)]
    live = [segment for segment in found if segment.damaged]
    reach = -1
    for segment in sorted(set(found) - set(live), key=lambda each: (each.first, -each.last)):
        if segment.last <= reach:
            useless.append(segment.path)
        else:
            reach = segment.last
            live.append(segment)
    return sorted(live, key=lambda each: each.first), useless


def opened(segments: Iterable[Segment]) -> list[tuple[Segment, Any]]:
    """Open segments, so that they can be read even when their names are gone.

    No memory maps: a file that is cut off while it is read would end the process.
    """
    return [(segment, pa.OSFile(os.fspath(segment.path))) for segment in segments]


def read(segment: Segment, source: Any, begin: int, end: int, columns: Sequence[str] = SCHEMA.names) -> pa.Table:
    """Return the rows of a segment whose bars open from `begin` to `end`, ns, both included; `source` is closed then.

    Where the prices were read whole once, this process looks no more at their checksums, until the file is touched. Who
    wants more than prices, as a writer does, has all of them looked at each time: what is wrong must not be stored
    again as right. Raises DamagedFile where the bytes are not what was written, OSError where the system does not let
    them be read.
    """
    import pyarrow.parquet as pq

    with source:
        check_end(segment, source)
        mark = _mark(segment)
        try:
            known = mark in _sound and set(columns) <= set(PRICES)
            file = pq.ParquetFile(source, page_checksum_verification=not known)
            whole = begin <= segment.begin and segment.end <= end
            groups = range(file.metadata.num_row_groups) if whole else _groups(file, begin, end)
            table = file.read_row_groups(groups, columns=list(columns))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowIndexError, OSError) as problem:
            if getattr(problem, "errno", None):
                raise
            raise DamagedFile(segment, str(problem).strip().splitlines()[0].rstrip(".")) from problem
    if whole:
        if mark and set(columns) >= set(PRICES):
            _sound.add(mark)
        return table
    opens = stamps(table)
    first, last = int(np.searchsorted(opens, begin)), int(np.searchsorted(opens, end, "right"))
    return table.slice(first, last - first)


def is_simulated(segment: Segment, source: Any) -> bool:
    """Return whether a segment's bars are of the simulated market, as its end says of their sources; `source` is closed
    then. Raises DamagedFile."""
    import pyarrow.parquet as pq

    with source:
        check_end(segment, source)
        metadata = pq.read_metadata(source)
        place = SCHEMA.names.index("source")
        said = [metadata.row_group(group).column(place).statistics for group in range(metadata.num_row_groups)]
        return any(each is not None and each.has_min_max and SIMULATED in (each.min, each.max) for each in said)


def _mark(segment: Segment) -> tuple[str, int, int, int] | None:
    """Return what changes when a file does; None of one that was written just now, which a clock might not show."""
    try:
        stat = segment.path.stat()
    except OSError:
        return None
    settled = time.time_ns() - stat.st_mtime_ns > _JUST_NOW
    return (os.fspath(segment.path), stat.st_ino, stat.st_size, stat.st_mtime_ns) if settled else None


def check_end(segment: Segment, source: Any) -> None:
    """Raise DamagedFile where the end of a file is not what was written: Arrow would abort the process at some."""
    size = source.size()
    tail = source.read_at(8, max(size - 8, 0))
    length = int.from_bytes(tail[:4], "little") + 8
    if len(tail) < 8 or tail[4:] != _MAGIC or length > size:
        raise DamagedFile(segment, "cut off, or no Parquet file" if size else "empty")
    if zlib.crc32(source.read_at(length, size - length)) != segment.check:
        raise DamagedFile(segment, "its end is not what was written")


def _groups(file: Any, begin: int, end: int) -> list[int]:
    """Return the row groups that hold bars from `begin` to `end`; the rows are in order."""
    metadata = file.metadata
    count = metadata.num_row_groups

    def opens(group: int) -> int:
        return int(metadata.row_group(group).column(0).statistics.min_raw)

    first = _bisected(count, lambda group: opens(group) > begin) - 1
    last = _bisected(count, lambda group: opens(group) > end)
    return list(range(max(first, 0), last))


def _bisected(count: int, beyond: Any) -> int:
    """Return the first of `count` numbers for which `beyond` holds, which then holds for all after it."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if beyond(middle):
            high = middle
        else:
            low = middle + 1
    return low


def stamps(table: pa.Table) -> np.ndarray:
    """Return a table's bar opens, int64 ns."""
    return table.column("timestamp").cast(pa.int64()).to_numpy()


def stamp_at(table: pa.Table, row: int) -> int:
    """Return the open of one bar."""
    return int(table.column("timestamp")[row].value)


def written(columns: Iterable[str]) -> dict[str, Any]:
    """Return how a file with these columns is written, as pyarrow's write_table takes it.

    Measured on a year of minutes: read three times, written twice as fast as by its defaults, and smaller. Texts are
    stored plain: the header of a dictionary's page is under no checksum, and a bit turned in that of texts ended the
    process that read it.
    """
    kinds = {"timestamp": "DELTA_BINARY_PACKED", **dict.fromkeys(COLUMNS, "BYTE_STREAM_SPLIT")}
    return {
        "compression": "lz4",
        "use_dictionary": [name for name in columns if name == "arrived"],
        "column_encoding": {name: kind for name, kind in kinds.items() if name in columns},
        "write_page_checksum": True,
        "row_group_size": ROW_GROUP,
    }


def write(path: Path, table: pa.Table) -> int:
    """Write a whole file, have it on the disk, and return the checksum of its end."""
    import pyarrow.parquet as pq

    with path.open("w+b") as handle:
        pq.write_table(table.cast(SCHEMA), handle, **written(SCHEMA.names))
        handle.flush()
        os.fsync(handle.fileno())
        size = handle.seek(-8, os.SEEK_END)
        length = int.from_bytes(handle.read(4), "little")
        handle.seek(size - length)
        return zlib.crc32(handle.read())
