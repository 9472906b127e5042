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
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from cryptolab.bars import SIMULATED, UNKNOWN, Bars, as_bars
from cryptolab.checks import refuse, suggestion
from cryptolab.database import writing
from cryptolab.database.dataset import Dataset
from cryptolab.database.journal import Journal
from cryptolab.database.overview import ROW, counted, described, is_simulated, name_damage
from cryptolab.database.places import all_of, dataset_of, encodes
from cryptolab.database.queries import query
from cryptolab.database.records import SIGNAL, signal_of, signals_frame, symbol_of
from cryptolab.database.segments import PRICES
from cryptolab.database.spans import FOREVER, instant, moment_before, span
from cryptolab.database.views import is_shown, show
from cryptolab.database.writing import Saved
from cryptolab.errors import DataError

log = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]


class DuckDBManager:
    """The store in `parquet_dir`. Processes and threads share it: any number read, writers take turns.

    Nothing is held open between calls. `exchange` is "binance" unless said. Symbols are BASE/QUOTE or an alias of it.
    """

    def __init__(self, path: PathLike, parquet_dir: PathLike) -> None:
        self.path = _place("path", path, "name a file, as in 'data/market.duckdb'")
        self.parquet_dir = _place("parquet_dir", parquet_dir, "name a folder, as in 'data/parquet'")
        self._signals = Journal(self.parquet_dir / "signals", SIGNAL)
        try:
            self.parquet_dir.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            refuse("parquet_dir", f"{self.parquet_dir} ({problem.strerror})", "name a folder that can be made")
        if self.path.is_dir():
            refuse("path", f"the folder {self.path}", "name a file in it, as in 'data/market.duckdb'")
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
        exchange: str = "binance", source: str | None = None,
    ) -> Saved:  # fmt: skip
        """Store bars and return how many were added, left unchanged, and revised.

        df: Bars, or a DataFrame as `Bars.from_frame` takes it; rows without prices are no bars and are not stored.
        source: where they are from, kept with each bar; that of Bars by default. Bars of the simulated market stay
        marked as such, and are stored beside none that traded. What this returns for is on the disk: the process may be
        killed behind it. Of a save over several years that is killed under way, whole years may be there.
        Raises DataError for a bar that is still forming, InputError without a symbol.
        """
        bars = as_bars(df, symbol, timeframe)
        if bars.symbol == UNKNOWN:
            refuse("symbol", "none", "name it, as in save_ohlcv(df, symbol='BTC/USDT', timeframe='1h')")
        if source is None:
            source = df.source if isinstance(df, Bars) else ""
        if not isinstance(source, str) or not encodes(source):
            refuse("source", repr(source), "write a text")
        if bars.simulated and source != SIMULATED:
            refuse("source", f"{source!r} for bars of the simulated market", "leave it out")
        close = int(bars.time[-1]) + bars.interval
        if close > time.time_ns():
            until = pd.Timestamp(min(close, FOREVER), tz="UTC")
            refuse(
                f"bar {bars.index[-1]}", f"a bar that closes at {until} and is still forming", "leave it out", DataError
            )
        dataset = self._dataset(bars.symbol, bars.timeframe, exchange)
        stored = is_simulated(dataset)
        if stored is not None and stored != (source == SIMULATED):
            kinds = ("bars that traded", "bars of the simulated market")
            refuse(
                dataset.said, f"{kinds[not stored]}, where {kinds[stored]} are stored",
                "give them another symbol or exchange, or delete those first", DataError,
            )  # fmt: skip
        return writing.save(dataset, bars, source)

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
        """Return the same as Bars, of which `source` is the exchange, or says that they are simulated."""
        frame = self.load_ohlcv(
            symbol, timeframe, start, end, exchange=exchange, as_of=as_of, allow_holes=allow_holes
        )  # fmt: skip
        simulated = is_simulated(self._dataset(symbol, timeframe, exchange))
        return Bars.from_frame(frame, symbol, timeframe, source=SIMULATED if simulated else exchange)

    def datasets(self) -> pd.DataFrame:
        """Return what is stored, a row each: exchange, symbol, timeframe, bars, first, last, files, damaged, bytes."""
        rows = [described(key, dataset) for key, dataset in all_of(self.parquet_dir).items()]
        frame = pd.DataFrame([row for row in rows if row], columns=list(ROW))
        for name in ("first", "last"):
            frame[name] = pd.to_datetime(frame[name], utc=True)
        return frame

    def gaps(
        self, symbol: str, timeframe: str, start: Any = None, end: Any = None, *, exchange: str = "binance"
    ) -> pd.DataFrame:  # fmt: skip
        """Return the stretches without bars between the first and the last stored one: start, end (UTC), missing.

        Bars in a damaged file are missing as well; each such file is named in the log.
        """
        gaps = self.load_bars(symbol, timeframe, start, end, exchange=exchange, allow_holes=True).gaps
        name_damage(self._dataset(symbol, timeframe, exchange), *span(start, end))
        return gaps

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
        in "730d"), damaged files without a later bar, and those kept aside whose bars were stored again. Returns which
        bars were removed: exchange, symbol, timeframe, bars. dry_run: only say which would be, and change nothing."""
        until = moment_before(older_than) - 1
        rows = []
        for (exchange, symbol, timeframe), dataset in all_of(self.parquet_dir).items():
            if dry_run:
                count = counted(dataset, until)
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
        name = None if symbol is None else symbol_of(symbol)
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
        """Return what a query gives over the views ohlcv, signals and revisions. It can do nothing but ask: it reaches
        no file but the store's, which it cannot change, no network, and no variable of Python.

            db.sql("SELECT symbol, max(high) FROM ohlcv WHERE timestamp >= $1 GROUP BY symbol", ["2024-01-01"])

        Times are to the microsecond. allow_holes: ask past a file that is found to be damaged; what was set aside
        before is left out with a warning. Raises InputError with DuckDB's own reason, DataError at a damaged file.
        """
        return query(all_of(self.parquet_dir), self._signals, text, parameters, allow_holes=allow_holes)

    def close(self) -> None:
        """Be done with the store. Nothing is held open between calls, so that it can be used again afterwards."""

    def __enter__(self) -> DuckDBManager:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"DuckDBManager({os.fspath(self.path)!r}, {os.fspath(self.parquet_dir)!r})"

    def _dataset(self, symbol: str, timeframe: str, exchange: str) -> Dataset:
        return dataset_of(self.parquet_dir, symbol_of(symbol), timeframe, exchange)

    def _refuse_absent(self, dataset: Dataset, begin: int, end: int, as_of: Any) -> None:
        """Say what is stored instead."""
        listed = dataset.segments()
        files = [file for file in listed if not file.damaged]
        if listed and not files:
            count = f"{len(listed)} damaged files" if len(listed) > 1 else "a damaged file"
            refuse(dataset.said, f"no bars but those in {count}", "store these bars again", DataError)
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
        """Have a file with the views of this place, for whoever opens it; without it `sql` works all the same."""
        if is_shown(self.path, self.parquet_dir):
            return
        import duckdb

        try:
            show(self.path, self.parquet_dir)
        except (OSError, duckdb.Error) as problem:
            reason = str(problem).strip().splitlines()[0]
            log.warning("%s cannot be made (%s); the store works without it", self.path, reason)


def _place(what: str, given: Any, instead: str) -> Path:
    """Return a path, refused where it can be none."""
    with suppress(TypeError, ValueError, RuntimeError):  # no path, half a surrogate pair, the home of nobody
        path = Path(given).expanduser()
        if b"\0" not in os.fsencode(path) and str(path) != ":memory:":
            return path
    refuse(what, repr(given), instead)


def _writable(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column of eight bytes a value, in one piece, as an array that may be written to: it is nobody else's."""
    if not len(column):
        return np.empty(0)
    (chunk,) = column.chunks
    buffer = chunk.buffers()[1]
    kind = np.int64 if pa.types.is_timestamp(column.type) else np.float64
    values = np.frombuffer(buffer, kind)[chunk.offset : chunk.offset + len(chunk)]
    return values if values.flags.writeable else values.copy()
