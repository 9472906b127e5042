"""The markets on which the laws are tried: one with everything that makes careless code look ahead, remember or mix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from cryptolab.bars import COLUMNS, Bars, Memo


def stress_frame(rows: int = 900) -> pd.DataFrame:
    """Return hourly bars with a crash by nine tenths, a flat stretch, holes, silent hours and one huge volume.

    From 2024-02-20, so that days, weeks and a month change inside. 25 rows are absent, and none is unpriced.
    """
    random = np.random.default_rng(20240220)
    moves = random.standard_t(3, rows) * 0.006
    moves[300] = np.log(0.1)
    moves[305:310] = 0.08
    close = 40_000 * np.exp(np.cumsum(moves))
    open_ = np.concatenate(([40_000.0], close[:-1]))
    high = np.maximum(open_, close) * (1 + np.abs(random.normal(0, 0.002, rows)))
    low = np.minimum(open_, close) * (1 - np.abs(random.normal(0, 0.002, rows)))
    volume = random.lognormal(3, 1, rows)
    flat = slice(400, 460)
    for prices in (open_, high, low, close):
        prices[flat] = close[399]
    open_[460] = close[399]
    high[460], low[460] = max(high[460], open_[460]), min(low[460], open_[460])
    volume[420:450] = 0
    volume[600:610] = 0
    volume[520] = 1e9
    index = pd.date_range("2024-02-20", periods=rows, freq="h", tz="UTC")
    frame = pd.DataFrame({"open": open_, "high": high, "low": low, "close": close, "volume": volume}, index=index)
    absent = [*range(200, 220), 330, 331, 415, 700, 870]
    return frame.drop(frame.index[absent])


def tiny_frame() -> pd.DataFrame:
    """Return the stress market at prices of a millionth: whoever counts small numbers as none is found out here."""
    frame = stress_frame()
    frame[list(COLUMNS[:4])] *= 1e-6 / 40_000  # the first price
    return frame


def other_presents(bars: Bars) -> Iterator[tuple[int, Bars, str]]:
    """Yield (n, bars, what was done) for every n: cut off after n bars, and with another future after n bars.

    The other future is the given one seven times as high or as low by turns, its volumes in reverse: what looks for a
    rise or a fall that the market does not have finds one.
    """
    for end in range(1, len(bars)):
        yield end, bars[:end], f"cut off after {end} bars"
        columns = {name: np.array(getattr(bars, name)) for name in COLUMNS}
        for name in COLUMNS[:4]:
            columns[name][end:] *= 7.0 if end % 2 else 1 / 7
        columns["volume"][end:] = columns["volume"][end:][::-1] + 3.0
        for array in columns.values():
            array.flags.writeable = False
        yield end, replace(bars, memo=Memo(), **columns), f"another future after {end} bars"


def writable(bars: Bars) -> Bars:
    """Return a copy of the bars in arrays that can be written, as the door never gives them."""
    columns = {name: np.array(getattr(bars, name)) for name in ("time", *COLUMNS)}
    return replace(bars, memo=Memo(), **columns)


def with_holes(bars: Bars) -> tuple[pd.DatetimeIndex, Bars, list[pd.DataFrame]]:
    """Return (rows that are gone, bars without them, frames that have them without prices: NaN, and 0)."""
    frame = bars.frame()
    gone = frame.index[[0, 5, 6, 90, len(frame) // 2, len(frame) - 3]]
    shorter = Bars.from_frame(frame.drop(gone), bars.symbol, bars.timeframe)
    blanked = [frame.copy(), frame.copy()]
    blanked[0].loc[gone, list(COLUMNS[:4])] = np.nan
    blanked[1].loc[gone, list(COLUMNS[:4])] = 0.0
    return gone, shorter, blanked


def clean_frame(rows: int = 400) -> pd.DataFrame:
    """Return hourly bars without a hole, all traded: values are NaN in the warm-up alone."""
    random = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, rows)))
    open_ = np.concatenate(([100.0], close[:-1]))
    index = pd.date_range("2024-02-20", periods=rows, freq="h", tz="UTC")
    columns = {"open": open_, "high": np.maximum(open_, close) * 1.001, "low": np.minimum(open_, close) * 0.999}
    return pd.DataFrame({**columns, "close": close, "volume": random.lognormal(3, 1, rows)}, index=index)
