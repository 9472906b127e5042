"""Opens a file, whatever it is packed in: looks at its head, then reads the columns that are wanted."""

from __future__ import annotations

import csv
import gzip
import os
import re
import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa

from cryptolab.checks import refuse
from cryptolab.database.importing.layout import ARCHIVES, is_header, plain
from cryptolab.database.importing.names import shown_name
from cryptolab.database.importing.sheet import Head, Sheet
from cryptolab.errors import DataError

_TEXTS = (".csv", ".txt", ".tsv")
_PARQUETS = (".parquet", ".pq")
_DELIMITERS = (",", ";", "\t", "|")
_LOOK = 40
"""Lines in which a header is looked for."""


class Source:
    """An opened file: its head, and its rows on demand."""

    head: Head

    def load(self, positions: Sequence[int], numbers: Collection[int]) -> Sheet:
        """Return the columns at these positions; `numbers` may come as float64, the others as they are."""
        raise NotImplementedError

    def decimals(self, lines: np.ndarray, positions: Sequence[int]) -> np.ndarray:
        """Return with how many decimals the numbers of these lines and columns are written."""
        raise NotImplementedError


def opened(file: str | os.PathLike[str], chosen: Mapping[str, str]) -> Source:
    """Open a .parquet, .csv, .txt or .tsv file, the latter also inside .zip and .gz; chosen: columns the user named.

    Raises InputError for a path that leads to no such file, DataError for one that cannot be read as what it says.
    """
    path = _path(file)
    written = pd.Timestamp(path.stat().st_mtime_ns, tz="UTC")
    name = shown_name(path)
    if path.suffix.lower() in _PARQUETS:
        return _Parquet(path, name, written)
    content, written = _unpacked(path, name, written)
    return _Text(name, content, written, chosen)


def _path(file: Any) -> Path:
    """Return the path of a file that is there, has bytes in it and a known ending."""
    kinds = ".parquet, .csv, .txt, .tsv, .zip or .gz"
    if not isinstance(file, str | os.PathLike) or not str(file):
        refuse("file", repr(file), f"give the path of a {kinds} file")
    path = Path(file).expanduser()
    if path.is_dir():
        refuse("file", f"the folder {path}", "give the files in it")
    if not path.exists():
        refuse("file", f"{path.absolute()}, where there is no file", "check the path")
    if path.suffix.lower() not in (*_PARQUETS, *_TEXTS, ".zip", ".gz"):
        refuse("file", path.name, f"give a file that ends in {kinds}")
    if path.stat().st_size == 0:
        refuse(path.name, "an empty file", "download or write it again", DataError)
    return path


def _unpacked(path: Path, name: str, written: pd.Timestamp) -> tuple[bytes, pd.Timestamp]:
    """Return the bytes and the age of the text that a file is or holds."""
    try:
        if path.suffix.lower() == ".gz":
            return gzip.decompress(path.read_bytes()), written
        if path.suffix.lower() != ".zip":
            return path.read_bytes(), written
        with zipfile.ZipFile(path) as archive:
            inside = [
                entry for entry in archive.infolist()
                if Path(entry.filename).suffix.lower() in _TEXTS and not entry.filename.startswith("__MACOSX")
            ]  # fmt: skip
            if len(inside) != 1:
                found = ", ".join(entry.filename for entry in inside[:3]) or "no .csv, .txt or .tsv file"
                refuse(name, f"an archive with {found}", "unpack it and give the files one by one", DataError)
            age = pd.Timestamp(*inside[0].date_time, tz="UTC")
            return archive.read(inside[0]), min(age, written)
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        _broken(name, f"a {path.suffix.lower()[1:]} archive", error)


class _Text(Source):
    """Delimited text, in memory."""

    def __init__(self, name: str, content: bytes, written: pd.Timestamp, chosen: Mapping[str, str]) -> None:
        self._content = _utf8(content)
        if not self._content.strip():
            refuse(name, "a file without text", "download or write it again", DataError)
        self.head = _head(name, self._content, written, chosen)

    def load(self, positions: Sequence[int], numbers: Collection[int]) -> Sheet:
        """Return the columns; where one of `numbers` does not read as such, all of them come as texts."""
        head = self.head
        body, start = _after(self._content, head.skip), head.skip + 1
        if not body.strip():
            refuse(head.name, "a header and no rows", "give at least one bar", DataError)
        texts = {str(position): pa.string() for position in positions}
        asked = texts | {str(position): pa.float64() for position in numbers}
        for types, strict in ((asked, True), (texts, True), (texts, False)):
            broken: list[tuple[int, str]] = []
            try:
                table = self._read(body, types, None if strict else broken)
            except pa.ArrowInvalid as error:
                if not strict:
                    _broken(head.name, "delimited text", error)
                continue
            lines, aside = _lines(body, start, table.num_rows, broken)
            columns = {position: table.column(str(position)) for position in positions}
            return Sheet(columns, lines, aside)
        raise AssertionError

    def decimals(self, lines: np.ndarray, positions: Sequence[int]) -> np.ndarray:
        """Return the digits behind the point as they stand in the text, trailing zeros included."""
        every = self._content.split(b"\n")
        texts = [every[line - 1].decode() for line in lines]
        cells = csv.reader(texts, delimiter=self.head.delimiter)
        found = [[_written(row[each]) for each in positions] for row in cells]
        return np.array(found, dtype=np.int64).reshape(-1, len(positions))

    def _read(self, body: bytes, types: dict[str, pa.DataType], broken: list[tuple[int, str]] | None) -> pa.Table:
        """Read the rows; with a list for `broken`, rows of another length go there instead of raising."""
        from pyarrow import csv as arrow

        def note(row: Any) -> str:
            broken.append((row.number, row.text))  # type: ignore[union-attr]
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


def _written(text: str) -> int:
    """Return how many digits stand behind the last point or comma of a number."""
    found = re.search(r"[.,](\d+)\D*$", text)
    return len(found[1]) if found else 0


def _utf8(content: bytes) -> bytes:
    """Return text as UTF-8 without a byte order mark, its lines ended by a line feed."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        content = content.decode("utf-16", errors="replace").encode()
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        content.decode()
    except UnicodeDecodeError:
        content = content.decode("latin-1").encode()
    return content if b"\n" in content else content.replace(b"\r", b"\n")


def _head(name: str, content: bytes, written: pd.Timestamp, chosen: Mapping[str, str]) -> Head:
    """Return what the first lines show: where the header stands and what separates its names."""
    lines = content[: 2**18].decode(errors="replace").splitlines()[:_LOOK]
    for delimiter in _DELIMITERS:
        rows = [next(csv.reader([line], delimiter=delimiter), []) for line in lines]
        for number, cells in enumerate(rows):
            if is_header(cells, chosen):
                return _with_header(name, rows, number, delimiter, written)
    for delimiter in _DELIMITERS:
        rows = [next(csv.reader([line], delimiter=delimiter), []) for line in lines if line.strip()]
        width = len(rows[0]) if rows else 0
        if width in ARCHIVES and all(_number(cell) for cell in rows[0]):
            sample = tuple(map(tuple, rows[:10]))
            return Head(name, "CSV", ARCHIVES[width][1], written, sample, delimiter, 0, header=False)
    first = next((line for line in lines if line.strip()), "")
    shown = first if len(first) <= 80 else first[:77] + "..."
    instead = "give a first line that names them, as in time,open,high,low,close,volume"
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


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _after(content: bytes, skip: int) -> bytes:
    """Return what follows the first `skip` lines."""
    begin = 0
    for _ in range(skip):
        end = content.find(b"\n", begin)
        if end < 0:
            return b""
        begin = end + 1
    return content[begin:]


def _lines(
    body: bytes, start: int, rows: int, broken: list[tuple[int, str]]
) -> tuple[np.ndarray, tuple[tuple[int, str], ...]]:
    """Return each row's line in the file, and the broken rows with theirs; empty lines are no rows."""
    if not broken and b"\n\n" not in body and b"\n\r" not in body and not body.startswith((b"\n", b"\r")):
        return np.arange(start, start + rows), ()
    filled = np.array([bool(line.rstrip(b"\r")) for line in body.split(b"\n")])
    lines = start + np.flatnonzero(filled)
    numbers = [number - 1 for number, _ in broken]
    aside = tuple((int(lines[number]), text) for number, (_, text) in zip(numbers, broken, strict=True))
    return np.delete(lines, numbers)[:rows], aside


class _Parquet(Source):
    """A Parquet file; its rows count from 1."""

    def __init__(self, path: Path, name: str, written: pd.Timestamp) -> None:
        import pyarrow.parquet as pq

        self._path = path
        try:
            with pq.ParquetFile(path) as file:
                schema, rows = file.schema_arrow, file.metadata.num_rows
        except (pa.ArrowException, OSError) as error:
            _broken(name, "Parquet", error)
        if not rows:
            refuse(name, "columns and no rows", "give at least one bar", DataError)
        # pandas names the columns of a stored index in the schema; a RangeIndex stands there as a dict
        stored = [name for name in (schema.pandas_metadata or {}).get("index_columns", []) if isinstance(name, str)]
        times = tuple(
            place for place, name in enumerate(schema.names)
            if name in stored and pa.types.is_timestamp(schema.field(place).type)
        )  # fmt: skip
        self.head = Head(name, "Parquet", tuple(schema.names), written, stored=times)

    def load(self, positions: Sequence[int], numbers: Collection[int]) -> Sheet:
        """Return the columns as they are stored."""
        import pyarrow.parquet as pq

        names = [self.head.names[position] for position in positions]
        try:
            with pq.ParquetFile(self._path) as file:
                table = file.read(columns=names)
        except (pa.ArrowException, OSError) as error:
            _broken(self.head.name, "Parquet", error)
        columns = {position: table.column(name) for position, name in zip(positions, names, strict=True)}
        return Sheet(columns, np.arange(1, table.num_rows + 1))

    def decimals(self, lines: np.ndarray, positions: Sequence[int]) -> np.ndarray:
        """Return the decimals of the shortest texts that mean these numbers."""
        sheet = self.load(positions, ())
        found = [
            [_shortest(text) for text in sheet.columns[each].take(pa.array(lines - 1)).to_pylist()]
            for each in positions
        ]
        return np.array(found, dtype=np.int64).T.reshape(-1, len(positions))


def _shortest(value: Any) -> int:
    """Return the decimals of the shortest text that means a number."""
    text = f"{value:.17f}" if "e" in repr(value) else str(value)
    return len(text.partition(".")[2].rstrip("0"))


def _broken(name: str, kind: str, error: Exception) -> NoReturn:
    """Refuse a file that could not be read, with the reader's own first line as the reason."""
    reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
    refuse(name, f"a file that cannot be read as {kind} ({reason})", "download or write it again", DataError)
