"""SQL over the store. DuckDB asks, Arrow reads: page by page under the files' checksums, from files that are held open,
so that a query sees one state of each data set whatever is stored meanwhile, and nobody waits for it.

DuckDB itself is fenced in: it opens no file and no connection, and knows nothing but what is handed to it here.
"""

from __future__ import annotations

import json
import logging
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pandas as pd
import pyarrow as pa

from cryptolab.checks import refuse
from cryptolab.database import segments, views
from cryptolab.database.dataset import Dataset
from cryptolab.database.journal import Journal
from cryptolab.database.places import Key
from cryptolab.database.segments import SCHEMA, DamagedFile, Segment
from cryptolab.database.spans import FOREVER
from cryptolab.database.views import KEYS

log = logging.getLogger(__name__)

_ATTEMPTS = 20
_MICROSECONDS = pa.timestamp("us", "UTC")  # what DuckDB reckons with; bars open at whole minutes
_FENCE: dict[str, Any] = {
    "enable_external_access": False, "python_enable_replacements": False, "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}  # fmt: skip
_UNREAD = re.compile(r"reading the stream registered as '_files' failed")
"""In what DuckDB says where Arrow could not read the files."""
_ARROW = {"BIGINT": pa.int64(), "DOUBLE": pa.float64(), "VARCHAR": pa.string(), "JSON": pa.string()}
_SEEN = pa.schema(
    [(name, pa.string()) for name in KEYS]
    + [pa.field(field.name, _MICROSECONDS) if field.name == "timestamp" else field for field in SCHEMA]
)
_BARS = "SELECT * REPLACE (CAST(arrived AS TIMESTAMPTZ) AS arrived, CAST(source AS VARCHAR) AS source) FROM _files"


class _File(NamedTuple):
    """A file to be asked. source: what it is open as; None where too many would be open, so that it may be gone."""

    key: Key
    dataset: Dataset
    segment: Segment
    source: Any


class _Lines:
    """Records as DuckDB takes a stream of them: read when it asks for them, once."""

    def __init__(self, kinds: Mapping[str, str], records: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
        self._schema = pa.schema([(name, _ARROW[kind]) for name, kind in kinds.items()])
        self._records = records

    @cached_property
    def _table(self) -> pa.Table:
        return pa.Table.from_pylist(list(self._records()), self._schema)

    def __arrow_c_schema__(self) -> Any:
        return self._schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        batches = (batch for part in (self,) for batch in part._table.to_batches())  # nothing is read before the first
        return pa.RecordBatchReader.from_batches(self._schema, batches).__arrow_c_stream__(requested_schema)


def query(
    datasets: Mapping[Key, Dataset], signals: Journal, text: str, parameters: Any, *, allow_holes: bool
) -> pd.DataFrame:  # fmt: skip
    """Return the DataFrame that a query gives over ohlcv, revisions and signals. It can write and fetch nothing.

    Raises InputError with DuckDB's own reason, DataError at a file that is found to be damaged: it is set aside. What
    was set aside before is warned of and left out.
    """
    import duckdb

    _check(text)
    lines = {
        "revisions": _Lines(dict.fromkeys(KEYS, "VARCHAR") | views.REVISION, lambda: _revisions(datasets)),
        "signals": _Lines(views.SIGNAL, lambda: _signals(signals)),
    }
    broken: set[Path] = set()
    for attempts_left in range(_ATTEMPTS - 1, -1, -1):
        files = _files(datasets, broken, allow_holes=allow_holes)
        try:
            return _asked(files, lines, text, parameters)
        except (duckdb.Error, OSError) as problem:
            if isinstance(problem, duckdb.Error) and not _UNREAD.search(str(problem)):
                _refuse(problem)
            gone = any(file.source is None and not file.segment.path.exists() for file in files)
            if gone and attempts_left:  # replaced by a writer before it could be opened
                continue
            found = len(broken)
            _look_for_damage(files, broken, allow_holes=allow_holes)
            if len(broken) == found or not attempts_left:
                _refuse(problem)
    raise AssertionError  # each attempt returns or raises but for those that are followed by another


def _refuse(problem: Exception) -> NoReturn:
    refuse("sql", str(problem).strip().splitlines()[0].rstrip("."), "correct the query")


def _check(text: str) -> None:
    """Refuse what is not one query that only asks, or EXPLAIN of one."""
    if not isinstance(text, str):
        refuse("sql", repr(text), "write a query, as in 'SELECT count(*) FROM ohlcv'")
    kinds = _kinds(text)
    if len(kinds) != 1:
        refuse("sql", f"{len(kinds)} statements", "write one query, as in 'SELECT count(*) FROM ohlcv'")
    explained = kinds == ["EXPLAIN"]
    if explained:
        kinds = _kinds(_behind_first_word(text), "EXPLAIN")
    if kinds != ["SELECT"]:
        said = f"EXPLAIN of the kind {kinds[0]}" if explained else f"a statement of the kind {kinds[0]}"
        refuse("sql", said, "write a query: SELECT, FROM, DESCRIBE, or EXPLAIN of one")


def _kinds(text: str, otherwise: str = "") -> list[str]:
    """Return the kinds of the statements in a text; `otherwise` where it is none."""
    import duckdb

    try:
        return [statement.type.name for statement in duckdb.extract_statements(text)]
    except duckdb.Error as problem:
        if otherwise:
            return [otherwise]
        _refuse(problem)


def _behind_first_word(text: str) -> str:
    import duckdb

    encoded = text.encode()
    words = [place for place, kind in duckdb.tokenize(text) if kind != duckdb.token_type.comment]
    return encoded[words[1] :].decode()


def _asked(files: list[_File], lines: Mapping[str, _Lines], text: str, parameters: Any) -> pd.DataFrame:
    import duckdb

    queries = {
        "ohlcv": _BARS,
        "revisions": views.revisions("_revisions", "_files"),
        "signals": views.signals("(SELECT * REPLACE (CAST(metadata AS JSON) AS metadata) FROM _signals)"),
    }
    with duckdb.connect(config=_FENCE) as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # DuckDB 2.0 calls pandas 3.1 in an old way
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("_files", _seen(files))
        for name, each in lines.items():
            connection.register(f"_{name}", each)
        for name, view in queries.items():
            connection.execute(f"CREATE TEMP VIEW {name} AS {view}")
        connection.execute("SET lock_configuration = true")
        found: pd.DataFrame = connection.execute(text, parameters).df()
    return found


def _revisions(datasets: Mapping[Key, Dataset]) -> Iterator[dict[str, Any]]:
    for key, dataset in datasets.items():
        for record in dataset.revisions.read():
            yield record | dict(zip(KEYS, key, strict=True))


def _signals(journal: Journal) -> Iterator[dict[str, Any]]:
    for record in journal.read():
        yield record | {"metadata": json.dumps(record.get("metadata"))}


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
        for name, value in zip(KEYS, key, strict=True):
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
        said = "1 damaged file was set aside; its" if holes == 1 else f"{holes} damaged files were set aside; their"
        log.warning("sql: %s bars are not among those asked", said)
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
