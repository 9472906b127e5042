"""The store: candles as Parquet files, signals as lines of JSON, DuckDB's SQL over both.

    db = DuckDBManager("./data/market.duckdb", "./data/parquet")
    db.save_ohlcv(df, symbol="BTC/USDT", timeframe="1h")
    df = db.load_ohlcv("BTC/USDT", "1h", "2024-01-01", "2024-12-31")

The files below `parquet_dir` are the truth; `market.duckdb` holds views of them and may be removed at any time.
    ohlcv/exchange=binance/symbol=BTC-USDT/timeframe=1h/year=2024/*.parquet
    signals/*.jsonl
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from cryptolab.bars import UNKNOWN, Bars, as_bars, symbol_name
from cryptolab.checks import refuse, suggestion
from cryptolab.database import writing
from cryptolab.database.dataset import FOREVER, Dataset
from cryptolab.database.journal import Journal
from cryptolab.database.places import all_of, dataset_of, encodes
from cryptolab.database.queries import query
from cryptolab.database.records import signal_of, signals_frame
from cryptolab.database.segments import PRICES, Segment
from cryptolab.database.spans import instant, moment_before, span
from cryptolab.database.views import write_views
from cryptolab.database.writing import Saved
from cryptolab.errors import DataError

log = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]


class DuckDBManager:
    """The store in `parquet_dir`. Processes and threads share it: any number read, writers take turns.

    Nothing is held open between calls. `exchange` is "binance" unless said. Symbols are BASE/QUOTE or an alias of it.
    """

    def __init__(self, path: PathLike, parquet_dir: PathLike) -> None:
        self.path, self.parquet_dir = Path(path).expanduser(), Path(parquet_dir).expanduser()
        self._signals = Journal(self.parquet_dir / "signals")
        try:
            self.parquet_dir.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            refuse("parquet_dir", f"{self.parquet_dir} ({problem.strerror})", "name a folder that can be made")
        if self.path.is_dir():
            refuse("path", f"the folder {self.path}", "name a file in it, as in 'data/market.duckdb'")
        if not self.path.exists():
            self._show()

    @classmethod
    def at_home(cls) -> DuckDBManager:
        """Return the store of the project: `market.duckdb` and `parquet/` in its data folder (see settings)."""
        from cryptolab.settings import load_settings

        data = load_settings().data_dir
        return cls(data / "market.duckdb", data / "parquet")

    # ---- candles ---------------------------------------------------------------------------------------------------

    def save_ohlcv(
        self, df: Bars | pd.DataFrame, symbol: str | None = None, timeframe: str | None = None, *,
        exchange: str = "binance", source: str = "",
    ) -> Saved:  # fmt: skip
        """Store bars and return how many were added, left unchanged, and revised.

        df: Bars, or a DataFrame as `Bars.from_frame` takes it; rows without prices are no bars and are not stored.
        source: where they are from, kept with each bar. What this returns for is on the disk: the process may be
        killed behind it. Of a save over several years that is killed under way, whole years may be there.
        Raises DataError for a bar that is still forming, InputError without a symbol.
        """
        bars = as_bars(df, symbol, timeframe)
        if bars.symbol == UNKNOWN:
            refuse("symbol", "none", "name it, as in save_ohlcv(df, symbol='BTC/USDT', timeframe='1h')")
        if not isinstance(source, str) or not encodes(source):
            refuse("source", repr(source), "write a text")
        close = int(bars.time[-1]) + bars.interval
        if close > time.time_ns():
            until = pd.Timestamp(min(close, FOREVER), tz="UTC")
            refuse(
                f"bar {bars.index[-1]}", f"a bar that closes at {until} and is still forming", "leave it out", DataError
            )
        return writing.save(self._dataset(bars.symbol, bars.timeframe, exchange), bars, source)

    def load_ohlcv(
        self, symbol: str, timeframe: str, start_date: Any = None, end_date: Any = None, *, exchange: str = "binance",
        as_of: Any = None, allow_holes: bool = False,
    ) -> pd.DataFrame:  # fmt: skip
        """Return the bars that open from start_date to end_date: open, high, low, close, volume by UTC timestamps.

        A bare date means its whole UTC day, on either side; a time without a zone is UTC. as_of: the state at an
        earlier moment: bars that were stored later are left out, revised ones are as they were. allow_holes: read past
        a damaged file. Raises DataError where there are no such bars, or some of them are in a damaged file.
        """
        begin, end = span(start_date, end_date)
        dataset = self._dataset(symbol, timeframe, exchange)
        if as_of is None:
            table = dataset.read(begin, end, allow_holes=allow_holes)
        else:
            table = dataset.read_as_of(begin, end, instant("as_of", as_of), allow_holes=allow_holes)
        if not len(table):
            self._refuse_absent(dataset, begin, end, as_of)
        columns = {name: _writable(table.column(name)) for name in PRICES}
        index = pd.DatetimeIndex(columns.pop("timestamp"), dtype="datetime64[ns, UTC]", name="timestamp", copy=False)
        return pd.DataFrame(columns, index=index, copy=False)

    def load_bars(
        self, symbol: str, timeframe: str, start: Any = None, end: Any = None, *, exchange: str = "binance",
        as_of: Any = None, allow_holes: bool = False,
    ) -> Bars:  # fmt: skip
        """Return the same as Bars."""
        frame = self.load_ohlcv(
            symbol, timeframe, start, end, exchange=exchange, as_of=as_of, allow_holes=allow_holes
        )  # fmt: skip
        return Bars.from_frame(frame, symbol, timeframe, source=exchange)

    def datasets(self) -> pd.DataFrame:
        """Return what is stored, a row each: exchange, symbol, timeframe, bars, first, last, files, damaged, bytes."""
        rows = []
        for (exchange, symbol, timeframe), dataset in all_of(self.parquet_dir).items():
            files = dataset.segments()
            sound = [file for file in files if not file.damaged]
            if files:
                rows.append(
                    {
                        "exchange": exchange,
                        "symbol": symbol,
                        "timeframe": timeframe,
                        "bars": sum(file.rows for file in sound),
                        "first": min((file.begin for file in sound), default=None),
                        "last": max((file.end for file in sound), default=None),
                        "files": len(sound),
                        "damaged": len(files) - len(sound),
                        "bytes": sum(map(_size, sound)),
                    }
                )
        columns = ["exchange", "symbol", "timeframe", "bars", "first", "last", "files", "damaged", "bytes"]
        frame = pd.DataFrame(rows, columns=columns)
        for name in ("first", "last"):
            frame[name] = pd.to_datetime(frame[name], utc=True)
        return frame

    def gaps(
        self, symbol: str, timeframe: str, start: Any = None, end: Any = None, *, exchange: str = "binance"
    ) -> pd.DataFrame:  # fmt: skip
        """Return the stretches without bars between the first and the last stored one: start, end (UTC), missing."""
        return self.load_bars(symbol, timeframe, start, end, exchange=exchange, allow_holes=True).gaps

    def delete(
        self, symbol: str, timeframe: str, start: Any = None, end: Any = None, *, exchange: str = "binance"
    ) -> int:  # fmt: skip
        """Remove bars, by default all of a data set with its revisions, and return how many there were."""
        begin, until = span(start, end)
        dataset = self._dataset(symbol, timeframe, exchange)
        if not dataset.exists:
            self._refuse_absent(dataset, begin, until, None)
        return writing.delete(dataset, begin, until)

    def prune(self, older_than: Any, *, dry_run: bool = False) -> pd.DataFrame:
        """Remove the bars and signals before `older_than` (a time, or a span back from now in hours, days or weeks, as
        in "730d"), and files that were set aside. Returns what was removed, or with dry_run would be: exchange, symbol,
        timeframe, bars."""
        until = moment_before(older_than) - 1
        rows = []
        for (exchange, symbol, timeframe), dataset in all_of(self.parquet_dir).items():
            if dry_run:
                count = len(dataset.read(-FOREVER, until, ("timestamp",), allow_holes=True))
            else:
                count = writing.delete(dataset, end=until)
                shutil.rmtree(dataset.folder / "damaged", ignore_errors=True)
            if count:
                rows.append((exchange, symbol, timeframe, count))
        if not dry_run:
            try:
                self._signals.remove(lambda record: record["timestamp"] <= until)
            except OSError as problem:
                refuse("prune", f"{problem.strerror!r} from the disk, so that signals are left", "try again", DataError)
        return pd.DataFrame(rows, columns=["exchange", "symbol", "timeframe", "bars"])

    # ---- signals ---------------------------------------------------------------------------------------------------

    def save_signal(self, signal: Mapping[str, Any]) -> None:
        """Store one signal: timestamp, symbol, signal_type, strength, source, metadata (whatever JSON can hold).

        A timestamp without a zone is local time, as `datetime.now()` gives it. Raises InputError for what is missing,
        unknown, or no JSON.
        """
        record = signal_of(signal)
        try:
            self._signals.append([record])
        except OSError as problem:
            refuse("save_signal", f"{problem.strerror!r} from the disk", "make room, then save it again", DataError)

    def load_signals(
        self, symbol: str | None = None, start: Any = None, end: Any = None, *, source: str | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return the stored signals in the order of their timestamps (UTC); bare dates are whole days."""
        begin, until = span(start, end)
        name = None if symbol is None else symbol_name(symbol)
        records = [
            record
            for record in self._signals.read()
            if begin <= record["timestamp"] <= until
            and name in (None, record["symbol"])
            and source in (None, record["source"])
        ]
        return signals_frame(records)

    # ---- SQL -------------------------------------------------------------------------------------------------------

    def sql(self, text: str, parameters: Any = None, *, allow_holes: bool = False) -> pd.DataFrame:
        """Return what a query gives over the views ohlcv, signals and revisions. The store is not changed by it.

            db.sql("SELECT symbol, max(high) FROM ohlcv WHERE timestamp >= $1 GROUP BY symbol", ["2024-01-01"])

        Times are to the microsecond. allow_holes: ask past a file that is found to be damaged; what was set aside
        before is left out with a warning. Raises InputError with DuckDB's own reason, DataError at a damaged file.
        """
        return query(self.parquet_dir, all_of(self.parquet_dir), text, parameters, allow_holes=allow_holes)

    def close(self) -> None:
        """Be done with the store. Nothing is held open between calls, so that it can be used again afterwards."""

    def __enter__(self) -> DuckDBManager:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"DuckDBManager({os.fspath(self.path)!r}, {os.fspath(self.parquet_dir)!r})"

    def _dataset(self, symbol: str, timeframe: str, exchange: str) -> Dataset:
        return dataset_of(self.parquet_dir, symbol, timeframe, exchange)

    def _refuse_absent(self, dataset: Dataset, begin: int, end: int, as_of: Any) -> None:
        """Say what is stored instead."""
        files = [file for file in dataset.segments() if not file.damaged]
        if not files:
            known = [each.said for each in all_of(self.parquet_dir).values()]
            refuse(dataset.said, "no stored bars", suggestion(dataset.said, known), DataError)
        ends = min(file.begin for file in files), max(file.end for file in files)
        first, last = (pd.Timestamp(stamp, tz="UTC") for stamp in ends)
        moment = "" if as_of is None else f" as of {as_of}"
        refuse(
            dataset.said, f"a span{moment} without stored bars",
            f"ask for a part of {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}", DataError,
        )  # fmt: skip

    def _show(self) -> None:
        """Make the file with the views, for whoever opens it; where it cannot be made, `sql` works all the same."""
        import duckdb

        try:
            write_views(self.path, self.parquet_dir)
        except (OSError, duckdb.Error) as problem:
            reason = str(problem).strip().splitlines()[0]
            log.warning("%s cannot be made (%s); the store works without it", self.path, reason)


def _writable(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column of eight bytes a value, in one piece, as an array that may be written to: it is nobody else's."""
    if not len(column):
        return np.empty(0)
    (chunk,) = column.chunks
    buffer = chunk.buffers()[1]
    kind = np.int64 if pa.types.is_timestamp(column.type) else np.float64
    values = np.frombuffer(buffer, kind)[chunk.offset : chunk.offset + len(chunk)]
    return values if values.flags.writeable else values.copy()


def _size(file: Segment) -> int:
    try:
        return file.path.stat().st_size
    except FileNotFoundError:  # replaced by a writer in this moment
        return 0
