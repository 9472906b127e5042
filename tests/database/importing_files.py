"""Files as people have them, written by hand in the formats that their publishers document; none is anyone's data.

Binance: README of binance-public-data (12 columns without a header, microseconds for spot since 2025-01-01).
CryptoDataDownload: a banner, newest first, `unix` and `date`, hours as 05-PM in older rows. Kraken: headerless OHLCVT.
Yahoo, Investing.com, CoinMarketCap, MetaTrader: what their download buttons give.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.bars import COLUMNS, Bars
from cryptolab.data_fetchers import simulate

NOW = pd.Timestamp("2030-01-01", tz="UTC")
"""Long after every bar of these files."""

Row = tuple[pd.Timestamp, Any]


def market(bars: int = 96, timeframe: str = "1h", seed: int = 3, symbol: str = "BTC/USDT") -> Bars:
    """The true bars: prices with four decimals, volumes with six, from 2020-01-01 on."""
    frame = simulate(bars, timeframe, seed, symbol).frame().round(4)
    frame["volume"] = (frame["volume"] + 1e-6).round(6)
    return Bars.from_frame(frame, symbol, timeframe)


def rows(bars: Bars) -> list[Row]:
    """The bars as (open in UTC, named values)."""
    return list(zip(bars.index, bars.frame().itertuples(index=False), strict=True))


def written(folder: Path, name: str, lines: Iterable[str], head: str = "", encoding: str = "utf-8") -> Path:
    """Write lines below a head and return the path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((head + "".join(f"{line}\n" for line in lines)).encode(encoding))
    return path


def numbers(row: Any, mark: str = ",") -> str:
    """open, high, low, close, volume in their shortest digits."""
    return mark.join(repr(float(getattr(row, name))) for name in COLUMNS)


def table(
    folder: Path, bars: Bars, time: Callable[[pd.Timestamp], Any], name: str = "BTCUSDT.csv", title: str = "timestamp"
) -> Path:
    """A plain CSV file; time: how an open is written."""
    head = f"{title},open,high,low,close,volume\n"
    return written(folder, name, [f"{time(when)},{numbers(row)}" for when, row in rows(bars)], head)


def epoch(when: pd.Timestamp, unit: str = "ms") -> int:
    """An open as an epoch number."""
    return int(when.as_unit("ns").value // {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit])


BINANCE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)  # fmt: skip


def binance_lines(bars: Bars, unit: str = "ms") -> list[str]:
    """Rows of Binance's public archive: eight decimals, close time one unit before the next open."""
    after = bars.interval // {"ms": 10**6, "us": 10**3}[unit] - 1
    return [
        ",".join(
            [
                str(epoch(when, unit)),
                *(f"{getattr(row, name):.8f}" for name in COLUMNS),
                str(epoch(when, unit) + after),
                "1234.50000000", "17", "0.50000000", "617.25000000", "0",
            ]
        )
        for when, row in rows(bars)
    ]  # fmt: skip


def binance_zip(folder: Path, bars: Bars, name: str = "BTCUSDT-1h-2020-01.zip", unit: str = "ms") -> Path:
    """An archive as Binance publishes it, one CSV file inside."""
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name.replace(".zip", ".csv"), "\n".join(binance_lines(bars, unit)) + "\n")
    return path


CDD_HEAD = (
    "https://www.CryptoDataDownload.com\n"
    "unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT,tradecount\n"
)  # fmt: skip


def cdd_new(when: pd.Timestamp, row: Any) -> str:
    """A recent row of CryptoDataDownload: ms, ISO date, all digits, the count of trades."""
    values = ",".join(f"{getattr(row, name):.8f}" for name in COLUMNS)
    return f"{epoch(when)},{when:%Y-%m-%d %H:%M:%S},BTC/USDT,{values},5000.1,321"


def cdd_old(when: pd.Timestamp, row: Any) -> str:
    """An older row: s with a decimal point, hours with AM and PM, two decimals, trailing zeros left out."""
    values = ",".join(f"{getattr(row, name):.2f}".rstrip("0").rstrip(".") for name in COLUMNS)
    return f"{epoch(when, 's')}.0,{when:%Y-%m-%d %I-%p},BTC/USDT,{values},5000.1,NULL"


def cdd(folder: Path, bars: Bars, old: Bars | None = None, name: str = "Binance_BTCUSDT_1h.csv") -> Path:
    """A file of CryptoDataDownload, newest first; `old` rows stand right below the recent row of the same hour."""
    lines = [(when, 0, cdd_new(when, row)) for when, row in rows(bars)]
    if old is not None:
        lines += [(when, -1, cdd_old(when, row)) for when, row in rows(old)]
    return written(folder, name, [line for _, _, line in sorted(lines, reverse=True)], CDD_HEAD)


def same(found: Bars, true: Bars) -> bool:
    """Whether both are the same bars to the last bit."""
    return found.symbol == true.symbol and all(
        np.array_equal(one, other) for one, other in zip(found.arrays, true.arrays, strict=True)
    )
