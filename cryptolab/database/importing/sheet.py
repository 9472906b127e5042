"""The records that pass through an import: a file's columns, its rows as bars to be, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from cryptolab.bars import COLUMNS, Bars

NO_TIME = np.iinfo(np.int64).min
"""Stands for the time of a row that has none that can be read."""
FOREVER = int(np.iinfo(np.int64).max)


@dataclass(frozen=True)
class Stamp:
    """What a Parquet file of `files.write` says of itself; closed_until: ns UTC, bars that close by then are closed."""

    symbol: str
    timeframe: str
    exchange: str | None
    closed_until: int


@dataclass(frozen=True)
class Head:
    """What a file shows before its rows are read.

    name: of the file. kind: "CSV" or "Parquet". names: the columns', "" where one has none; without a header those of
    the archive that has such columns, or their numbers from 1. sample: the first rows as texts. delimiter: "" for
    Parquet. skip: lines before the first row. banner: lines before the header. stored: columns that pandas wrote as a
    DatetimeIndex. ticker: the symbol yfinance wrote on top. written: when the file was last written (its entry, in a
    zip archive). entry: the name inside an archive. stamp: what `cryptolab data export` wrote into it.
    """

    name: str
    kind: str
    names: tuple[str, ...]
    written: pd.Timestamp
    sample: tuple[tuple[str, ...], ...] = ()
    delimiter: str = ""
    skip: int = 0
    header: bool = True
    banner: tuple[str, ...] = ()
    stored: tuple[int, ...] = ()
    ticker: str | None = None
    entry: str = ""
    stamp: Stamp | None = None


@dataclass(frozen=True)
class Sheet:
    """The columns that were asked for, by position, and where each row stands.

    lines: (n,) int64, the line of a text file or the row of a Parquet file, from 1. broken: (line, text) of lines that
    have another number of fields than the rest.
    """

    columns: dict[int, pa.ChunkedArray]
    lines: np.ndarray
    broken: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Aside:
    """Rows that will not be stored, and the one reason why: n of each.

    lines: int64. time: int64 ns UTC, NO_TIME where there is none. values: (n, 5) float64. details: what to say of each.
    faulty: whether they count as faults of the file.
    """

    reason: str
    faulty: bool
    file: str
    lines: np.ndarray
    time: np.ndarray
    values: np.ndarray
    details: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.lines)


@dataclass(frozen=True)
class Rows:
    """The rows of one file that could be bars: in the file's order, each readable, priced, on the grid and closed.

    time: (n,) int64 ns UTC. values: (n, 5) float64, open to volume. lines: (n,) int64. aside: what was set aside so
    far. total: rows in the file. written: when the file was. closed_until: ns UTC, bars that close by then are known
    to be closed: FOREVER where its format never holds another. local: whether its times named no zone and were taken
    for UTC. decimals: lines -> (k, 5) int64, how many decimals the numbers of these lines are written with.
    """

    name: str
    symbol: str
    timeframe: str
    exchange: str
    time: np.ndarray
    values: np.ndarray
    lines: np.ndarray
    aside: tuple[Aside, ...]
    understood: tuple[tuple[str, str], ...]
    total: int
    written: pd.Timestamp
    closed_until: int
    local: bool
    decimals: Callable[[np.ndarray], np.ndarray]

    @property
    def market(self) -> tuple[str, str, str]:
        """exchange, symbol, timeframe: files that agree in them go together."""
        return self.exchange, self.symbol, self.timeframe


@dataclass(frozen=True)
class Imported:
    """Bars ready to be stored, and everything that was understood, assumed and set aside on the way.

    understood: (what, what was found), in the order to show it. set_aside: a row for each row of the files that is not
    stored: file, row (line in a text file), time (UTC, NaT where unreadable), reason, detail, open ... volume.
    """

    bars: Bars
    exchange: str
    files: tuple[str, ...]
    rows: int
    understood: tuple[tuple[str, str], ...]
    set_aside: pd.DataFrame = field(repr=False)

    @property
    def source(self) -> str:
        """What the store keeps as the origin of the bars."""
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        return f"import:{self.files[0]}{more}"

    @property
    def counts(self) -> dict[str, int]:
        """Rows set aside, by reason, in the order in which the reasons were looked for."""
        reasons = self.set_aside["reason"]
        return {str(reason): int((reasons == reason).sum()) for reason in dict.fromkeys(reasons)}


def as_texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of any kind as texts; where Arrow knows none for it, as Python shows its values."""
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return pa.chunked_array([[None if value is None else str(value) for value in column.to_pylist()]], pa.string())


def where(file: str, number: int) -> str:
    """Return where in a file a row stands, as a sentence says it."""
    return f"row {number}" if file.lower().endswith((".parquet", ".pq")) else f"line {number}"


def as_frame(aside: Iterable[Aside]) -> pd.DataFrame:
    """Return rows set aside as the frame that `Imported.set_aside` is."""
    parts = []
    for each in aside:
        columns = {
            "file": each.file,
            "row": each.lines,
            "time": pd.DatetimeIndex(each.time.view("M8[ns]")).tz_localize("UTC"),
            "reason": each.reason,
            "detail": each.details or "",
            **{name: each.values[:, column] for column, name in enumerate(COLUMNS)},
        }
        parts.append(pd.DataFrame(columns))
    if parts:
        return pd.concat(parts, ignore_index=True)
    frame = pd.DataFrame({name: [] for name in ("file", "row", "time", "reason", "detail", *COLUMNS)})
    return frame.astype({"row": "int64", "time": "datetime64[ns, UTC]"})
