"""SQL over the store. DuckDB asks, Arrow reads: page by page under the files' checksums, from files that are held open,
so that a query sees one state of each data set whatever is stored meanwhile, and nobody waits for it."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from cryptolab.checks import refuse
from cryptolab.database import segments
from cryptolab.database.dataset import FOREVER, Dataset
from cryptolab.database.places import Key
from cryptolab.database.segments import SCHEMA, DamagedFile, Segment
from cryptolab.database.views import journals

log = logging.getLogger(__name__)

_ATTEMPTS = 20
_MICROSECONDS = pa.timestamp("us", "UTC")  # what DuckDB reckons with; bars open at whole minutes
_KEYS = ("exchange", "symbol", "timeframe")
_SEEN = pa.schema(
    [(name, pa.string()) for name in _KEYS]
    + [pa.field(field.name, _MICROSECONDS) if field.name == "timestamp" else field for field in SCHEMA]
)
_BARS = "SELECT * REPLACE (CAST(arrived AS TIMESTAMPTZ) AS arrived, CAST(source AS VARCHAR) AS source) FROM _files"


class _File(NamedTuple):
    """A file to be asked. source: what it is open as; None where too many would be open, so that it may be gone."""

    key: Key
    dataset: Dataset
    segment: Segment
    source: Any


def query(
    root: Path, datasets: Mapping[Key, Dataset], text: str, parameters: Any, *, allow_holes: bool
) -> pd.DataFrame:  # fmt: skip
    """Return the DataFrame that a query gives over ohlcv, revisions and signals. Nothing can be written by it.

    Raises InputError with DuckDB's own reason, DataError at a file that is found to be damaged: it is set aside. What
    was set aside before is warned of and left out.
    """
    import duckdb

    _check(text)
    broken: set[Path] = set()
    for attempts_left in range(_ATTEMPTS - 1, -1, -1):
        files = _files(datasets, broken, allow_holes=allow_holes)
        try:
            return _asked(root, files, text, parameters)
        except (duckdb.Error, OSError) as problem:
            gone = any(file.source is None and not file.segment.path.exists() for file in files)
            if gone and attempts_left:  # replaced by a writer before it could be opened
                continue
            found = len(broken)
            _look_for_damage(files, broken, allow_holes=allow_holes)
            if len(broken) == found or not attempts_left:
                refuse("sql", str(problem).strip().splitlines()[0].rstrip("."), "correct the query")
    raise AssertionError  # each attempt returns or raises but for those that are followed by another


def _check(text: str) -> None:
    """Refuse what is not one query that only reads."""
    import duckdb

    if not isinstance(text, str):
        refuse("sql", repr(text), "write a query, as in 'SELECT count(*) FROM ohlcv'")
    try:
        statements = duckdb.extract_statements(text)
    except duckdb.Error as problem:
        refuse("sql", str(problem).strip().splitlines()[0].rstrip("."), "correct the query")
    kinds = [statement.type.name for statement in statements]
    if len(kinds) != 1:
        refuse("sql", f"{len(kinds)} statements", "write one query, as in 'SELECT count(*) FROM ohlcv'")
    if kinds[0] not in ("SELECT", "EXPLAIN"):
        refuse("sql", f"a statement of the kind {kinds[0]}", "write a query: SELECT, FROM, DESCRIBE or EXPLAIN")


def _asked(root: Path, files: list[_File], text: str, parameters: Any) -> pd.DataFrame:
    import duckdb

    with duckdb.connect() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # DuckDB 2.0 calls pandas 3.1 in an old way
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("_files", _seen(files))
        for name, view in {"ohlcv": _BARS, **journals(root.resolve())}.items():
            connection.execute(f"CREATE TEMP VIEW {name} AS {view}")
        found: pd.DataFrame = connection.execute(text, parameters).df()
    return found


def _seen(files: list[_File]) -> Any:
    """Return the files as one Arrow data set, in which each says whose bars it has and from when to when."""
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    from pyarrow.fs import LocalFileSystem

    form = ds.ParquetFileFormat(
        default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    )
    disk = LocalFileSystem()
    fragments = []
    for key, _, segment, source in files:
        begin, end = (pa.scalar(stamp // 1000, _MICROSECONDS) for stamp in (segment.begin, segment.end))
        within = (pc.field("timestamp") >= begin) & (pc.field("timestamp") <= end)
        for name, value in zip(_KEYS, key, strict=True):
            within &= pc.field(name) == value
        if source is None:
            fragments.append(form.make_fragment(os.fspath(segment.path), disk, partition_expression=within))
        else:
            fragments.append(form.make_fragment(source, partition_expression=within))
    return ds.FileSystemDataset(fragments, _SEEN, form, disk)


def _files(datasets: Mapping[Key, Dataset], broken: set[Path], *, allow_holes: bool) -> list[_File]:
    """Return the files that count now, open as far as a process may have so many."""
    files: list[_File] = []
    most, holes = _most_open(), 0
    for key, dataset in datasets.items():
        met, sound = dataset.held()
        holes += len(met) - len(sound)
        for segment, source in reversed(sound):  # what was stored last is replaced first
            if segment.path in broken:
                continue
            try:
                segments.check_end(segment, source)
            except DamagedFile as problem:
                _put_away(dataset, problem, allow_holes=allow_holes)
                continue
            if len(files) >= most:
                source.close()
            files.append(_File(key, dataset, segment, None if source.closed else source))
    if holes:
        log.warning("sql: %d damaged files were set aside; their bars are not among those asked", holes)
    return files


def _look_for_damage(files: list[_File], broken: set[Path], *, allow_holes: bool) -> None:
    """Read all that was asked, and set aside what cannot be read."""
    for file in files:
        try:
            (opened,) = segments.opened([file.segment])
            segments.read(*opened, -FOREVER, FOREVER)
        except DamagedFile as problem:
            broken.add(file.segment.path)
            _put_away(file.dataset, problem, allow_holes=allow_holes)
        except FileNotFoundError:
            continue


def _put_away(dataset: Dataset, problem: DamagedFile, *, allow_holes: bool) -> None:
    dataset.put_away(problem)
    if not allow_holes:
        dataset.refuse_hole(problem.segment, problem.reason)


def _most_open() -> int:
    """Return how many files may be held open: a third of what the process may have."""
    try:
        import resource
    except ImportError:  # Windows
        return 100
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(soft // 3, 1000) if soft > 0 else 1000
