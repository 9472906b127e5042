"""Clean candle files, Parquet and CSV, become bars; anything else is refused in one sentence and never guessed at."""

from __future__ import annotations

import csv
import json
import os
import time
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cryptolab.bars import COLUMNS, Bars
from cryptolab.checks import refuse
from cryptolab.errors import DataError

TIME_COLUMNS = ("timestamp", "time", "date", "datetime", "open_time")
"""What a column of bar opens may be called, in any letter case, with a space or an underscore."""

_PER_UNIT = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_EPOCH_UNITS = ((10**17, "ns"), (10**14, "us"), (10**11, "ms"), (10**8, "s"))
_ZONED = r"^\d{4}-\d\d-\d\d[T ]\d\d(:?\d\d(:?\d\d([.,]\d{1,9})?)?)? ?(Z|z|UTC|[+-]\d\d(:?\d\d)?)$"
_SAY_ZONE = "write the zone, as in 2020-01-01T00:00:00Z, or the epoch time in ms"


def read(file: str | os.PathLike[str], symbol: str | None = None, timeframe: str | None = None) -> Bars:
    """Read a clean .parquet or .csv file of bars, ascending, one symbol.

    Columns open, high, low, close, volume and one of `TIME_COLUMNS`, in any letter case; further ones are ignored. A
    DatetimeIndex that pandas stored in Parquet serves too. A time is the bar's OPEN: a timestamp or ISO text with a
    zone, or an epoch integer in s, ms, us or ns, told apart by magnitude (each unit covers the years 1973 to 5138, so
    that no number fits two). A time without a zone is refused: nothing in the file says that it is UTC.

    Without `timeframe` it is the smallest spacing, without `symbol` it is unknown. `Bars.source` is the file's name.
    Raises DataError naming the file, and the first offending timestamp or row.
    """
    path = _path(file)
    table, time = _csv(path) if path.suffix.lower() == ".csv" else _parquet(path)
    if not table.num_rows:
        refuse(path.name, "columns and no rows", "give at least one bar", DataError)
    index = pd.DatetimeIndex(_nanoseconds(path.name, time, table.column(time)), tz="UTC")
    columns = {_plain(name): _values(table.column(name)) for name in table.column_names if name != time}
    try:
        return Bars.from_frame(pd.DataFrame(columns, index=index, copy=False), symbol, timeframe, path.name)
    except DataError as error:
        raise DataError(f"{path.name}, {error}") from None


def write(bars: Bars, file: str | os.PathLike[str], *, over: bool = False, exchange: str | None = None) -> None:
    """Write bars as a .parquet or .csv file that `read` takes, whole or not at all; over: one that exists is replaced.

    Columns: timestamp (UTC; in CSV as ISO text), open, high, low, close, volume. A Parquet file also keeps symbol,
    timeframe, exchange and until when its bars are closed, in its schema's metadata: `cryptolab import` reads them.
    """
    path = Path(file).expanduser()
    if path.suffix.lower() not in (".parquet", ".csv"):
        refuse("file", path.name, "name a .parquet or .csv file")
    if path.exists() and not over:
        refuse("file", f"{path}, which exists", "name another, or say over=True to replace it")
    import pyarrow.parquet as pq

    draft = path.with_name(f".{path.name}.part")
    try:
        if path.suffix.lower() == ".parquet":
            pq.write_table(_stamped(bars, exchange), draft)
        else:
            bars.frame().to_csv(draft, date_format="%Y-%m-%dT%H:%M:%SZ")
        draft.replace(path)
    except OSError as problem:
        reason = problem.strerror or str(problem).strip().splitlines()[0]
        refuse("file", f"{path} ({reason})", "name a file in a folder that can be written to")
    finally:
        draft.unlink(missing_ok=True)


def _stamped(bars: Bars, exchange: str | None) -> pa.Table:
    """Return bars as a table that says what they are; one that is forming yet is none of those said to be closed."""
    table = pa.Table.from_pandas(bars.frame().reset_index(), preserve_index=False)
    closed_until = min(int(bars.time[-1]) + bars.interval, time.time_ns())
    said = {"symbol": bars.symbol, "timeframe": bars.timeframe, "exchange": exchange, "closed_until": closed_until}
    return table.replace_schema_metadata({**(table.schema.metadata or {}), "cryptolab": json.dumps(said)})


def _path(file: Any) -> Path:
    """Return the path of a file that is there, has bytes in it and a known extension."""
    if not isinstance(file, str | os.PathLike) or not str(file):
        refuse("file", repr(file), "give the path of a .parquet or .csv file", DataError)
    path = Path(file).expanduser()
    if path.is_dir():
        refuse("file", f"the folder {path}", "give one file in it", DataError)
    if not path.exists():
        refuse("file", f"{path.absolute()}, where there is no file", "check the path", DataError)
    if path.suffix.lower() not in (".parquet", ".csv"):
        refuse("file", path.name, "give a file that ends in .parquet or .csv", DataError)
    if path.stat().st_size == 0:
        refuse(path.name, "an empty file", "give one with a header and bars", DataError)
    return path


def _parquet(path: Path) -> tuple[pa.Table, str]:
    """Return the needed columns and the name of the one with the times."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            # pandas names the columns of a stored index in the schema; a RangeIndex stands there as a dict
            stored = [name for name in (schema.pandas_metadata or {}).get("index_columns", []) if isinstance(name, str)]
            stored = [name for name in stored if pa.types.is_timestamp(schema.field(name).type)]
            columns, time = _needed(path.name, schema.names, stored)
            return file.read(columns=columns), time
    except (pa.ArrowException, OSError) as error:
        _broken(path, "Parquet", error)


def _csv(path: Path) -> tuple[pa.Table, str]:
    """Return the needed columns, prices and volume as float64, and the name of the one with the times."""
    from pyarrow.csv import ConvertOptions, read_csv

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
        columns, time = _needed(path.name, header, [])
        types = {name: pa.float64() for name in columns if name != time}
        try:
            options = ConvertOptions(include_columns=columns, column_types=types)
            return read_csv(path, convert_options=options), time
        except pa.ArrowInvalid as error:
            if "conversion error" not in str(error):
                raise
            texts = ConvertOptions(include_columns=columns, column_types=dict.fromkeys(columns, pa.string()))
            _not_a_number(path.name, read_csv(path, convert_options=texts), time, error)
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        _broken(path, "comma-separated UTF-8 text", error)


def _needed(name: str, header: list[str], stored: list[str]) -> tuple[list[str], str]:
    """Return the columns to read and which of them holds the times; `stored` are the index columns pandas wrote."""
    times = stored or [column for column in header if _plain(column) in TIME_COLUMNS]
    listed = ", ".join(map(str, header))
    shown = listed if len(listed) <= 120 else listed[:117] + "..."
    wanted = [(column, [given for given in header if _plain(given) == column]) for column in COLUMNS]
    for column, found in wanted:
        if len(found) > 1:
            refuse(f"{name}, column {column!r}", "it twice", "keep one", DataError)
    missing = [column for column, found in wanted if not found]
    if missing:
        instead = f"give a header with a time and {', '.join(COLUMNS)} in the first line, separated by commas"
        refuse(f"{name}, column {missing[0]!r}", f"the columns {shown}", instead, DataError)
    if not times:
        refuse(f"{name}, time", f"the columns {shown}", f"name one of them {' | '.join(TIME_COLUMNS)}", DataError)
    if len(times) > 1:
        refuse(f"{name}, time", f"the columns {', '.join(times)}", "keep the one with the bars' opens", DataError)
    return [times[0], *(found[0] for _, found in wanted)], times[0]


def _plain(name: str) -> str:
    """Return a column's name as it is compared: `Open time` is open_time."""
    return name.strip().lower().replace(" ", "_")


def _nanoseconds(name: str, column: str, times: pa.ChunkedArray) -> np.ndarray:
    """Return the times as int64 nanoseconds since the epoch, UTC; refuse what does not say which instant it is."""
    what = f"{name}, column {column!r}"
    if times.null_count:
        row = pc.index(pc.is_null(times), True).as_py()
        refuse(what, f"no time in row {row + 1}", "leave the row out", DataError)
    kind = times.type
    if pa.types.is_dictionary(kind):
        times, kind = times.cast(kind.value_type), kind.value_type
    first = times[0].as_py()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _from_text(what, times)
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return _scaled(what, times.cast(pa.int64()).to_numpy(), kind.unit)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _from_epoch(what, times.to_numpy())
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        refuse(what, f"times without a zone, first {first}", _SAY_ZONE, DataError)
    refuse(what, f"{kind}, first {first!r}", _SAY_ZONE, DataError)


def _from_text(what: str, times: pa.ChunkedArray) -> np.ndarray:
    """Return nanoseconds of ISO text with a zone."""
    fits = pc.match_substring_regex(times, _ZONED)
    row = pc.index(fits, False).as_py()
    if row >= 0:
        refuse(what, f"{times[row].as_py()!r} in row {row + 1}, no ISO time with a zone", _SAY_ZONE, DataError)
    # spellings of the standard that Arrow's own reader left as text, and days that no calendar has
    texts = times.to_pandas().str.replace(" ?(?:UTC|z)$", "Z", regex=True)
    index = pd.DatetimeIndex(pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce"))
    if index.hasnans:
        row = int(np.argmax(index.isna()))
        refuse(what, f"{times[row].as_py()!r} in row {row + 1}, which no clock shows", "correct the row", DataError)
    return index.as_unit("ns").asi8


def _from_epoch(what: str, numbers: np.ndarray) -> np.ndarray:
    """Return nanoseconds of epoch numbers, all in the one unit that their magnitude tells."""
    whole = np.isfinite(numbers) & (numbers == np.floor(numbers)) & (np.abs(numbers) < 2.0**63)
    if not whole.all():
        row = int(np.argmin(whole))
        refuse(what, f"{numbers[row]} in row {row + 1}", "write whole epoch numbers in s, ms, us or ns", DataError)
    counts = numbers.astype(np.int64)
    low, unit = next(((bound, unit) for bound, unit in _EPOCH_UNITS if counts[0] >= bound), (0, ""))
    if not unit:
        received = f"{counts[0]} in row 1, no epoch time after 1973"
        refuse(what, received, "write epoch numbers in s, ms, us or ns", DataError)
    other = (counts < low) | ((counts >= low * 1000) & (unit != "ns"))
    if other.any():
        row = int(np.argmax(other))
        refuse(what, f"{counts[row]} in row {row + 1} after times in {unit}", "write all times in one unit", DataError)
    return _scaled(what, counts, unit)


def _scaled(what: str, counts: np.ndarray, unit: str) -> np.ndarray:
    """Return counts of `unit` as nanoseconds; an int64 of them ends in the year 2262."""
    factor = _PER_UNIT[unit]
    limit = np.iinfo(np.int64).max // factor
    far = (counts > limit) | (counts < -limit)
    if far.any():
        row = int(np.argmax(far))
        refuse(what, f"{counts[row]} {unit} in row {row + 1}", "give times from 1678 to 2262", DataError)
    return counts if factor == 1 else counts * factor


def _values(column: pa.ChunkedArray) -> Any:
    """Return a column as numpy, a view of Arrow's memory where it is in one piece; texts are refused by `Bars`."""
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.string()).cast(pa.float64())  # by way of text: Arrow's own cast is off by a last digit
    return column.to_numpy()


def _not_a_number(name: str, table: pa.Table, time: str, error: Exception) -> NoReturn:
    """Refuse the first row whose price or volume is no number; `table` holds the file as text."""
    for column in table.column_names:
        if column == time:
            continue
        texts = table.column(column).to_pandas()
        wrong = (texts.notna() & pd.to_numeric(texts, errors="coerce").isna()).to_numpy()
        wrong = wrong & ~texts.str.lower().isin(("nan", "null", "", "n/a", "na")).to_numpy()
        if wrong.any():
            row = int(np.argmax(wrong))
            when = table.column(time)[row].as_py()
            refuse(f"{name}, column {column!r}", f"{texts[row]!r} at {when}", "write a number, 1234.5", DataError)
    refuse(name, str(error), "correct the row or leave it out", DataError)


def _broken(path: Path, kind: str, error: Exception) -> NoReturn:
    """Refuse a file that could not be read, with the reader's own first line as the reason."""
    reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
    refuse(path.name, f"a file that cannot be read as {kind} ({reason})", "write it again", DataError)
