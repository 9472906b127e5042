"""Opens a file: looks at its head, then reads the columns that are wanted."""

from __future__ import annotations

import csv
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from cryptolab.checks import refuse
from cryptolab.database.importing.layout import headerless, is_header, plain
from cryptolab.database.importing.names import shown_name
from cryptolab.database.importing.sheet import Head, Sheet, Stamp
from cryptolab.database.importing.unpacking import PARQUETS, broken_file, path_of, unpacked, utf8
from cryptolab.errors import DataError

_DELIMITERS = (",", ";", "\t", "|")
_LOOK = 40
"""Lines in which a header is looked for."""


class Source(ABC):
    """An opened file: its head, and its rows on demand."""

    head: Head

    @abstractmethod
    def load(self, positions: Sequence[int], numbers: Collection[int]) -> Sheet:
        """Return the columns at these positions; `numbers` may come as float64, the others as they are."""

    def texts(self, lines: np.ndarray, positions: Sequence[int]) -> list[pa.ChunkedArray]:
        """Return the columns of these lines alone, as they are written."""
        sheet = self.load(positions, ())
        rows = pa.array(np.searchsorted(sheet.lines, lines))
        return [sheet.columns[position].take(rows) for position in positions]


def opened(file: str | os.PathLike[str], chosen: Mapping[str, str]) -> Source:
    """Open a .parquet, .csv, .txt or .tsv file, the latter also inside .zip and .gz; chosen: columns the user named.

    Raises InputError for a path that leads to no such file, DataError for one that cannot be read as what it says.
    """
    path = path_of(file)
    written = pd.Timestamp(path.stat().st_mtime_ns, tz="UTC")
    name = shown_name(path)
    if path.suffix.lower() in PARQUETS:
        return _Parquet(path, name, written)
    content, written, entry = unpacked(path, name, written)
    return _Text(name, content, written, chosen, entry)


class _Text(Source):
    """Delimited text, in memory."""

    def __init__(self, name: str, content: bytes, written: pd.Timestamp, chosen: Mapping[str, str], entry: str) -> None:
        self._content = utf8(name, content)
        if not self._content.strip():
            refuse(name, "a file without text", "download or write it again", DataError)
        self.head = replace(_head(name, self._content, written, chosen), entry=entry)

    def load(self, positions: Sequence[int], numbers: Collection[int]) -> Sheet:
        """Return the columns; where one of `numbers` does not read as such, all of them come as texts."""
        head = self.head
        body, start = _after(self._content, head.skip), head.skip + 1
        if not body.strip():
            refuse(head.name, "a header and no rows", "give at least one bar", DataError)
        texts = {str(position): pa.string() for position in positions}
        asked = texts | {str(position): pa.float64() for position in numbers}
        for types in (asked, texts):
            try:
                table = self._read(body, types, None)
            except pa.ArrowInvalid:
                continue
            return self._sheet(positions, table, body, start, [])
        try:
            broken: list[Any] = []
            table = self._read(body, texts, broken)
            if trailing := [row.number for row in broken if _ends_empty(row, head.delimiter)]:
                body, broken = _without_ends(body, trailing, head.delimiter), []
                table = self._read(body, texts, broken)
        except pa.ArrowInvalid as error:
            broken_file(head.name, "delimited text", error)
        return self._sheet(positions, table, body, start, broken)

    def _sheet(self, positions: Sequence[int], table: pa.Table, body: bytes, start: int, broken: list[Any]) -> Sheet:
        """Return the columns with each row's line, after making sure that each line became a row."""
        name, width = self.head.name, len(self.head.names)
        lines, aside = _lines(name, body, start, table.num_rows, broken)
        if not table.num_rows:
            received = f"rows of {broken[0].actual_columns} fields below {width} names, first line {aside[0][0]}"
            refuse(name, received, "give each row a field for each name", DataError)
        return Sheet({position: table.column(str(position)) for position in positions}, lines, aside)

    def _read(self, body: bytes, types: dict[str, pa.DataType], broken: list[Any] | None) -> pa.Table:
        """Read the rows; with a list for `broken`, rows of another length go there instead of raising."""
        from pyarrow import csv as arrow

        def note(row: Any) -> str:
            cast("list[Any]", broken).append(row)
            return "skip"

        names = [str(position) for position in range(len(self.head.names))]
        return arrow.read_csv(
            pa.BufferReader(body),
            # a row's number is known to a single thread only
            read_options=arrow.ReadOptions(column_names=names, use_threads=broken is None),
            parse_options=arrow.ParseOptions(
                delimiter=self.head.delimiter, invalid_row_handler=None if broken is None else note
            ),
            convert_options=arrow.ConvertOptions(include_columns=list(types), column_types=types),
        )


def _head(name: str, content: bytes, written: pd.Timestamp, chosen: Mapping[str, str]) -> Head:
    """Return what the first lines show: where the header stands and what separates its names."""
    lines = content[: 2**18].decode(errors="replace").split("\n")[:_LOOK]  # as Arrow: other marks end no line
    for delimiter in _DELIMITERS:
        rows = [_cells(line, delimiter) for line in lines]
        for number, cells in enumerate(rows):
            if is_header(cells, chosen):
                return _with_header(name, rows, number, delimiter, written)
    for delimiter in _DELIMITERS:
        rows = [_cells(line, delimiter) for line in lines if line.strip()]
        if names := headerless(rows, chosen):
            return Head(name, "CSV", names, written, tuple(map(tuple, rows[:10])), delimiter, 0, header=False)
    first = next((line for line in lines if line.strip()), "")
    shown = first if len(first) <= 80 else first[:77] + "..."
    instead = "give a first line that names them, as in time,open,high,low,close,volume, or their numbers from 1"
    instead += ", each as in columns={'open': '2'}"
    refuse(f"{name}, columns", f"no line that names open, high, low and close, first {shown!r}", instead, DataError)


def _with_header(name: str, rows: list[list[str]], number: int, delimiter: str, written: pd.Timestamp) -> Head:
    """Return the head of a file whose header stands in line `number` (from 0)."""
    cells, banner = rows[number], [delimiter.join(row).strip() for row in rows[:number]]
    skip, ticker = number + 1, None
    below = [row[0].strip().lower() if row else "" for row in rows[number + 1 : number + 3]]
    if plain(cells[0]) == "price" and below[:1] == ["ticker"]:  # yfinance writes the levels of its columns below
        ticker = rows[number + 1][1] if len(rows[number + 1]) > 1 else None
        cells = [rows[number + 2][0] if below[1:] and rows[number + 2] else "Date", *cells[1:]]
        skip = number + 3
    sample = tuple(tuple(row) for row in rows[skip : skip + 10] if row)
    shown = tuple(line for line in banner if line)
    return Head(name, "CSV", tuple(cells), written, sample, delimiter, skip, banner=shown, ticker=ticker)


def _cells(line: str, delimiter: str) -> list[str]:
    """Return the fields of a line; one that is too long for a field of any table is none."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _after(content: bytes, skip: int) -> bytes:
    """Return what follows the first `skip` lines."""
    begin = 0
    for _ in range(skip):
        end = content.find(b"\n", begin)
        if end < 0:
            return b""
        begin = end + 1
    return content[begin:]


def _ends_empty(row: Any, delimiter: str) -> bool:
    """Whether a row has one field more than it should, and that one empty: a delimiter behind the last value."""
    return bool(row.actual_columns == row.expected_columns + 1) and not row.text.rpartition(delimiter)[2].strip()


def _without_ends(body: bytes, numbers: Sequence[int], delimiter: str) -> bytes:
    """Return the lines without what begins with the last delimiter in these rows, which count from 1."""
    lines = body.split(b"\n")
    filled = [place for place, line in enumerate(lines) if line]
    for number in numbers:
        place = filled[number - 1]
        lines[place] = lines[place].rpartition(delimiter.encode())[0]
    return b"\n".join(lines)


def _lines(
    name: str, body: bytes, start: int, rows: int, broken: list[Any]
) -> tuple[np.ndarray, tuple[tuple[int, str], ...]]:
    """Return each row's line in the file, and the broken rows with theirs; empty lines are no rows.

    Raises DataError where lines are more or fewer than rows, as below a quotation mark that is never closed.
    """
    if not broken and body.count(b"\n") + (not body.endswith(b"\n")) == rows:
        return np.arange(start, start + rows), ()
    every = body.split(b"\n")
    lines = start + np.flatnonzero([bool(line) for line in every])
    if len(lines) != rows + len(broken):
        odd = next((place for place, line in enumerate(every) if line.count(b'"') % 2 or b"\r" in line), 0)
        what = "a line's end within it" if b"\r" in every[odd] else "a quotation mark that nothing closes"
        refuse(f"{name}, line {start + odd}", what, "correct that line", DataError)
    numbers = [row.number - 1 for row in broken]
    aside = tuple((int(lines[row.number - 1]), row.text) for row in broken)
    return np.delete(lines, numbers), aside


class _Parquet(Source):
    """A Parquet file; its rows count from 1."""

    def __init__(self, path: Path, name: str, written: pd.Timestamp) -> None:
        import pyarrow.parquet as pq

        self._path = path
        try:
            with pq.ParquetFile(path) as file:
                schema, rows = file.schema_arrow, file.metadata.num_rows
                first = next(file.iter_batches(10), None)
        except (pa.ArrowException, OSError) as error:
            broken_file(name, "Parquet", error)
        if not rows:
            refuse(name, "columns and no rows", "give at least one bar", DataError)
        # pandas names the columns of a stored index in the schema; a RangeIndex stands there as a dict
        stored = [name for name in (schema.pandas_metadata or {}).get("index_columns", []) if isinstance(name, str)]
        times = tuple(
            place for place, name in enumerate(schema.names)
            if name in stored and pa.types.is_timestamp(schema.field(place).type)
        )  # fmt: skip
        columns = () if first is None else first.columns
        texts = [["" if cell is None else str(cell) for cell in column.to_pylist()] for column in columns]
        sample = tuple(zip(*texts, strict=True))
        self.head = Head(name, "Parquet", tuple(schema.names), written, sample, stored=times, stamp=_stamp(schema))

    def load(self, positions: Sequence[int], numbers: Collection[int]) -> Sheet:
        """Return the columns as they are stored."""
        import pyarrow.parquet as pq

        names = [self.head.names[position] for position in positions]
        for name in names:
            if self.head.names.count(name) > 1:
                refuse(f"{self.head.name}, column {name!r}", "it twice", "keep one", DataError)
        try:
            with pq.ParquetFile(self._path) as file:
                table = file.read(columns=names)
        except (pa.ArrowException, OSError) as error:
            broken_file(self.head.name, "Parquet", error)
        columns = {position: table.column(name) for position, name in zip(positions, names, strict=True)}
        return Sheet(columns, np.arange(1, table.num_rows + 1))


def _stamp(schema: pa.Schema) -> Stamp | None:
    """Return what `files.write` wrote into the file, None where it is not its own."""
    try:
        return Stamp(**json.loads((schema.metadata or {})[b"cryptolab"]))
    except (KeyError, ValueError, TypeError):
        return None
