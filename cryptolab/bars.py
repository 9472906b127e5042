"""The record that flows through the house: one symbol's bars, checked once at the door.

A bar's timestamp is its OPEN, UTC; it is known at its close = open + timeframe. A bar without prices (absent, or one
of its four prices NaN or 0) is no bar: it is taken out here, and indicators, signals and fills see the next real bar
as following the last. `Bars.rows` remembers the frame's rows, so that results can be put back on them.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.checks import one_of, refuse
from cryptolab.errors import DataError
from cryptolab.kernels import door

MINUTE = 60_000_000_000
DAY = 1440 * MINUTE
TIMEFRAMES: dict[str, int] = {
    name: minutes * MINUTE
    for name, minutes in {
        "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240,
        "6h": 360, "8h": 480, "12h": 720, "1d": 1440, "1w": 10080,
    }.items()
}  # fmt: skip
"""Every timeframe by name, in nanoseconds."""

COLUMNS = ("open", "high", "low", "close", "volume")
UNKNOWN = "unknown"
SIMULATED = "simulated"
QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD", "EUR", "GBP", "TRY", "BTC", "ETH", "BNB")
"""Quote currencies that a symbol written in one word is split at."""
MONDAY = 4 * DAY
"""The first Monday after the epoch (a Thursday): weeks begin at multiples of seven days from it."""
_MEMO_BYTES = 256 * 2**20

_FAULTS = {
    door.INFINITE: ("an infinite price", "leave the row out or give its real prices"),
    door.NEGATIVE: ("a negative price", "leave the row out or give its real prices"),
    door.HIGH_LOW: ("a high below or a low above one of the bar's other prices", "correct the row or leave it out"),
    door.OFF_GRID: ("a bar off the {timeframe} grid", "give bars that open at multiples of the timeframe"),
    door.VOLUME: ("a volume that is NaN, negative or infinite", "write 0 where nothing was traded"),
}


class Memo:
    """A bounded memory of what was computed from one Bars; the least recently used goes first. Thread-safe.

    Threads that ask for the same value at once wait for the one that computes it.
    """

    def __init__(self, limit: int = _MEMO_BYTES) -> None:
        self._limit, self._bytes = limit, 0
        self._values: OrderedDict[Any, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._turns: dict[Any, threading.RLock] = {}

    def __len__(self) -> int:
        return len(self._values)

    @property
    def nbytes(self) -> int:
        """What is held."""
        return self._bytes

    def __reduce__(self) -> tuple[Any, ...]:
        return Memo, (self._limit,)  # a copy sent elsewhere starts empty: a lock cannot travel, and values need not

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
            self._bytes = 0

    def get(self, key: Any, compute: Callable[[], Any]) -> Any:
        """Return the value under `key`, computed at the first call, without holding up other keys."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][0]
            turn = self._turns.setdefault(key, threading.RLock())
        with turn:
            with self._lock:
                if key in self._values:  # computed by another thread while this one waited
                    return self._values[key][0]
            try:
                value = compute()
                self._keep(key, value)  # before the turn ends: who comes after it finds the value
            finally:
                with self._lock:
                    self._turns.pop(key, None)
        return value

    def _keep(self, key: Any, value: Any) -> None:
        size = self._size(value, set())
        with self._lock:
            if key not in self._values and size <= self._limit:
                self._values[key] = (value, size)
                self._bytes += size
                while self._bytes > self._limit:
                    self._bytes -= self._values.popitem(last=False)[1][1]

    def _size(self, value: Any, seen: set[int]) -> int:
        """Return the bytes of a value and of all that it holds, each object once; seen: the ids of those counted."""
        if id(value) in seen:
            return 0
        seen.add(id(value))
        if isinstance(value, np.ndarray | np.generic):
            inside = value.ravel().tolist() if value.dtype == object else []
            return value.nbytes + sum(self._size(part, seen) for part in inside)
        if isinstance(value, pd.DataFrame | pd.Series | pd.Index):
            return int(np.sum(value.memory_usage(deep=True)))
        parts: list[Any] = []
        if isinstance(value, dict):
            parts = [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset | deque):
            parts = list(value)
        elif hasattr(value, "__dict__") and not isinstance(value, type | ModuleType | FunctionType):
            parts = list(vars(value).values())
        own = 0 if isinstance(value, tuple) else sys.getsizeof(value)
        return own + sum(self._size(part, seen) for part in parts)


@dataclass(frozen=True, eq=False)
class Bars:
    """One symbol's real bars: m rows, ascending, unique, on the timeframe's grid.

    time: int64, nanoseconds UTC of each bar's open. open, high, low, close (quote currency), volume (coins): float64,
    contiguous, read-only. rows: the index of the frame these came from, unpriced rows included. where: positions of
    the bars in `rows`, None when each row is a bar. Slices (`bars[:500]`) share the arrays, never the memo.
    """

    symbol: str
    timeframe: str
    time: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    rows: pd.DatetimeIndex
    where: np.ndarray | None = None
    source: str = "frame"
    memo: Memo = field(default_factory=Memo, repr=False)
    _owner: Any = field(default=None, repr=False)

    @classmethod
    def from_frame(
        cls, df: pd.DataFrame, symbol: str | None = None, timeframe: str | None = None, source: str = "frame"
    ) -> Bars:
        """Check a frame (open, high, low, close, volume in any letter case; UTC DatetimeIndex) and view it as bars.

        Without `timeframe` it is the frame's smallest spacing. Raises DataError naming the first offending timestamp.
        """
        rows = _utc_index(df)
        columns, owner = _columns(df)
        name, interval = _timeframe(rows, timeframe)
        time = rows.asi8
        offset = MONDAY if name == "1w" else 0
        kind, row, unpriced = door.faults(time, *columns, interval, offset)
        if kind != door.SOUND:
            received, instead = _FAULTS[kind]
            refuse(f"bar {rows[row]}", received.format(timeframe=name), instead, DataError)
        if unpriced == len(rows):
            refuse("the frame", f"{len(rows)} rows without prices", "give at least one row with four prices", DataError)
        where = None
        if unpriced:
            prices = np.array(columns[:4])
            where = np.flatnonzero((prices > 0).all(axis=0))
            time = time[where]
            columns, owner = [column[where] for column in columns], None
        known = symbol_name(UNKNOWN if symbol is None else symbol)
        return _sealed(known, name, (time, *columns), rows, where, source, owner)

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, part: slice) -> Bars:
        """Return consecutive bars as Bars of their own, with an empty memo."""
        if not isinstance(part, slice) or part.step not in (None, 1):
            refuse("bars[...]", f"a {type(part).__name__}", "write a slice without a step, as in bars[100:200]")
        begin, end, _ = part.indices(len(self))
        if begin >= end:
            refuse(
                "bars[...]", f"the empty slice {begin}:{end} of {len(self)} bars", "keep at least one bar", DataError
            )
        arrays = [array[begin:end] for array in self.arrays]
        if self.where is None:
            rows, where = self.rows[begin:end], None
        else:
            first = 0 if begin == 0 else int(self.where[begin])
            last = len(self.rows) if end == len(self) else int(self.where[end - 1]) + 1
            rows, where = self.rows[first:last], self.where[begin:end] - first
        return _sealed(self.symbol, self.timeframe, arrays, rows, where, self.source, self._owner)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to other processes as arrays, to be read-only there too; memo and the user's frame stay behind."""
        return _sealed, (self.symbol, self.timeframe, self.arrays, self.rows, self.where, self.source)

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """time, open, high, low, close, volume."""
        return self.time, self.open, self.high, self.low, self.close, self.volume

    @property
    def interval(self) -> int:
        """The timeframe in nanoseconds."""
        return TIMEFRAMES[self.timeframe]

    @property
    def simulated(self) -> bool:
        """Whether these bars come from the simulated market and never traded."""
        return self.source == SIMULATED

    @property
    def periods_per_year(self) -> float:
        """Bars in a year of 365 days of 24 hours."""
        return 365 * DAY / self.interval

    @cached_property
    def index(self) -> pd.DatetimeIndex:
        """The opens of the real bars (ns, UTC)."""
        return self.rows if self.where is None else self.rows[self.where]

    @cached_property
    def gaps(self) -> pd.DataFrame:
        """The stretches without bars between the first and the last: start, end (UTC), missing (count)."""
        after = np.flatnonzero(np.diff(self.time) > self.interval)
        start, end = self.time[after] + self.interval, self.time[after + 1]
        return pd.DataFrame(
            {
                "start": pd.to_datetime(start, utc=True),
                "end": pd.to_datetime(end, utc=True),
                "missing": (end - start) // self.interval,
            }
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over symbol, timeframe and the arrays: equal bars have equal fingerprints, whatever their source."""
        digest = hashlib.sha256(f"{self.symbol} {self.timeframe}".encode())
        for array in self.arrays:
            digest.update(array.data)
        return digest.hexdigest()

    def facts(self) -> dict[str, Any]:
        """Return what these bars are, as JSON can hold it: symbol, timeframe, bars, start, end, fingerprint."""
        return {
            "symbol": self.symbol,
            "timeframe": self.timeframe,
            "bars": len(self),
            "start": self.index[0].isoformat(),
            "end": self.index[-1].isoformat(),
            "fingerprint": self.fingerprint,
        }

    def remember(self, key: Any, compute: Callable[[], Any]) -> Any:
        """Return what `compute` gave for `key` on these bars, computing it once while it is among the recent ones."""
        return self.memo.get(key, compute)

    def expand(self, values: np.ndarray, fill: Any) -> np.ndarray:
        """Put one value per bar back on the rows of the frame; rows without a bar get `fill`."""
        if self.where is None:
            return values
        out = np.full(len(self.rows), fill, dtype=np.result_type(values.dtype, type(fill)))
        out[self.where] = values
        return out

    def frame(self) -> pd.DataFrame:
        """Return the real bars as a DataFrame."""
        return pd.DataFrame({name: getattr(self, name) for name in COLUMNS}, index=self.index.rename("timestamp"))

    def resample(self, timeframe: str) -> Bars:
        """Return higher bars, whole periods only: a first period that began before the data, and a last one that they
        do not reach the end of, are left out. A bar missing inside a period was a shut market, as on the exchange.

        Raises DataError when `timeframe` is not a multiple of this one or no period is whole.
        """
        interval = TIMEFRAMES[one_of("timeframe", timeframe, TIMEFRAMES)]
        if interval % self.interval or interval < self.interval:
            refuse("timeframe", f"{timeframe!r} for bars of {self.timeframe}", "give a multiple of it", DataError)
        if interval == self.interval:
            return self
        offset = MONDAY if timeframe == "1w" else 0
        count, time, *columns = door.resample(*self.arrays, interval, offset)
        first = int(time[0] < self.time[0])
        last = count - int(time[count - 1] + interval > self.time[-1] + self.interval)
        if first >= last:
            refuse(
                "resample", f"{len(self)} bars of {self.timeframe}", f"give one whole period of {timeframe}", DataError
            )
        arrays = [array[first:last].copy() for array in (time, *columns)]
        return _sealed(self.symbol, timeframe, arrays, pd.DatetimeIndex(arrays[0], tz="UTC"), None, self.source)

    def __repr__(self) -> str:
        missing = int(self.gaps["missing"].sum())
        span = f"{self.index[0]:%Y-%m-%d %H:%M} to {self.index[-1]:%Y-%m-%d %H:%M}"
        return f"Bars({self.symbol} {self.timeframe}, {len(self):,} bars, {span} UTC, {missing:,} missing)"


def as_bars(data: Bars | pd.DataFrame, symbol: str | None = None, timeframe: str | None = None) -> Bars:
    """The door of every public function: Bars pass, a DataFrame is checked and viewed as Bars."""
    if isinstance(data, pd.DataFrame):
        return Bars.from_frame(data, symbol, timeframe)
    if isinstance(data, Bars):
        if timeframe not in (None, data.timeframe):
            refuse("timeframe", f"{timeframe!r} for bars of {data.timeframe}", f"write bars.resample({timeframe!r})")
        if symbol is not None and symbol_name(symbol) != data.symbol:
            refuse("symbol", f"{symbol!r} for bars of {data.symbol}", "name it where the bars are made")
        return data
    refuse("bars", f"a {type(data).__name__}", "give Bars or a DataFrame of open, high, low, close, volume", DataError)


def symbol_name(symbol: str) -> str:
    """Return BASE/QUOTE for its aliases (`BTCUSDT`, `BTC-USD`, `btc/usdt`); what is ambiguous stays as written.

    Raises InputError when it is no text, or empty.
    """
    if not isinstance(symbol, str) or not symbol.strip():
        refuse("symbol", repr(symbol), "write BASE/QUOTE, as in 'BTC/USDT'")
    if symbol == UNKNOWN:
        return symbol
    name = symbol.strip().upper().replace("-", "/").replace("_", "/")
    if len(name.split()) > 1:
        refuse("symbol", repr(symbol), "write BASE/QUOTE, as in 'BTC/USDT'")
    if "/" in name:
        return name
    # BNBUSD may be BNB/USD or BN/BUSD: split only where one quote currency fits
    quotes = [quote for quote in QUOTES if name.endswith(quote) and len(name) > len(quote)]
    return f"{name[: -len(quotes[0])]}/{quotes[0]}" if len(quotes) == 1 else name


def _utc_index(df: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the frame's index in nanoseconds UTC, checked for kind, zone and order."""
    index = df.index
    if len(df) == 0:
        refuse("the frame", "no rows", "give at least one bar", DataError)
    if not isinstance(index, pd.DatetimeIndex):
        refuse(
            "the index", f"{type(index).__name__} at {index[0]!r}", "give a UTC DatetimeIndex of bar opens", DataError
        )
    if index.tz is None:
        refuse(
            "the index", f"timestamps without a time zone, first {index[0]}", "say it: df.tz_localize('UTC')", DataError
        )
    if index.hasnans:
        refuse("the index", f"no timestamp in row {int(np.argmax(index.isna()))}", "leave the row out", DataError)
    index = nanoseconds(index.tz_convert("UTC"))
    _, _, row = door.spacing(index.asi8)
    if row >= 0:
        kind = "a duplicate" if index[row] == index[row - 1] else f"a bar after {index[row - 1]}"
        refuse(f"bar {index[row]}", kind, "sort the rows and keep one of each timestamp", DataError)
    return index


def nanoseconds(index: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return the index in nanoseconds and in one piece (every second row of a frame is not): kernels want it so."""
    stamps = index.asi8
    if index.unit == "ns" and stamps.flags.c_contiguous:
        return index
    factor = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}[index.unit]
    limit = np.iinfo(np.int64).max // factor
    far = (stamps > limit) | (stamps < -limit)
    if far.any():
        refuse(
            f"bar {index[int(np.argmax(far))]}", "a time beyond int64 nanoseconds", "give years 1678 to 2261", DataError
        )
    return pd.DatetimeIndex((stamps * factor).view("M8[ns]")).tz_localize("UTC")


def _columns(df: pd.DataFrame) -> tuple[list[np.ndarray], Any]:
    """Return the five float64 arrays, as views where the frame allows it, and what keeps those views safe."""
    names: dict[str, list[Any]] = {}
    for column in df.columns:
        names.setdefault(str(column).lower(), []).append(column)
    for name in COLUMNS:
        if len(names.get(name, [])) != 1:
            found = "it twice" if name in names else ", ".join(map(str, df.columns)) or "no columns"
            refuse(f"column {name!r} (first row {df.index[0]})", found, f"give one column {name!r}", DataError)
    # while these are held, pandas copies before it writes to df, so that views of it never change under us
    owner = [df[names[name][0]] for name in COLUMNS]
    kinds = pd.api.types
    columns = []
    for name, series in zip(COLUMNS, owner, strict=True):
        real = kinds.is_numeric_dtype(series.dtype) and not kinds.is_complex_dtype(series.dtype)
        if not real or kinds.is_bool_dtype(series.dtype):
            row = next((i for i, value in enumerate(series) if not isinstance(value, int | float)), 0)
            found = f"dtype {series.dtype}, {series.iloc[row]!r} at {df.index[row]}"
            refuse(f"column {name!r}", found, "give numbers (float64)", DataError)
        columns.append(np.ascontiguousarray(series.to_numpy(dtype=np.float64, na_value=np.nan)))
    return columns, owner


def _timeframe(rows: pd.DatetimeIndex, timeframe: str | None) -> tuple[str, int]:
    """Return the timeframe's name and length; without a name, the smallest spacing of the rows."""
    if timeframe is not None:
        return timeframe, TIMEFRAMES[one_of("timeframe", timeframe, TIMEFRAMES)]
    if len(rows) == 1:
        refuse("the frame", f"one row ({rows[0]})", "say timeframe= in read(...) or Bars.from_frame(...)", DataError)
    smallest, row, _ = door.spacing(rows.asi8)
    for name, interval in TIMEFRAMES.items():
        if interval == smallest:
            if (rows.asi8[-1] - rows.asi8[0]) // interval >= 2 * len(rows):
                _off_usual_grid(rows)  # one stray row would make nearly all others look like gaps
            return name, interval
    _off_usual_grid(rows)
    refuse(
        f"bar {rows[row]}", f"a spacing of {pd.Timedelta(smallest)} to the bar before",
        f"give bars of one timeframe ({' | '.join(TIMEFRAMES)}), or say timeframe=", DataError,
    )  # fmt: skip


def _off_usual_grid(rows: pd.DatetimeIndex) -> None:
    """Refuse the first bar off the grid of the spacing that most bars have, where that is a timeframe."""
    steps, counts = np.unique(np.diff(rows.asi8), return_counts=True)
    usual = steps[np.argmax(counts)]
    for name, interval in TIMEFRAMES.items():
        off = (rows.asi8 - (MONDAY if name == "1w" else 0)) % interval != 0
        if interval == usual and off.any():
            received, _ = _FAULTS[door.OFF_GRID]
            instead = f"leave it out, or say timeframe= if most bars are missing on purpose ({' | '.join(TIMEFRAMES)})"
            refuse(f"bar {rows[int(np.argmax(off))]}", received.format(timeframe=name), instead, DataError)


def _sealed(
    symbol: str, timeframe: str, arrays: Iterable[np.ndarray], rows: pd.DatetimeIndex, where: np.ndarray | None,
    source: str, owner: Any = None,
) -> Bars:  # fmt: skip
    """Return Bars over read-only views of the arrays."""
    views: dict[str, Any] = {}
    for name, array in zip(("time", *COLUMNS), arrays, strict=True):
        views[name] = array.view()
        views[name].flags.writeable = False
    return Bars(symbol=symbol, timeframe=timeframe, rows=rows, where=where, source=source, _owner=owner, **views)
