"""The markets on which the laws are tried: one with everything that makes careless code look ahead, remember or mix."""

from __future__ import annotations

import numpy as np
import pandas as pd


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


def clean_frame(rows: int = 400) -> pd.DataFrame:
    """Return hourly bars without a hole, all traded: values are NaN in the warm-up alone."""
    random = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, rows)))
    open_ = np.concatenate(([100.0], close[:-1]))
    index = pd.date_range("2024-02-20", periods=rows, freq="h", tz="UTC")
    columns = {"open": open_, "high": np.maximum(open_, close) * 1.001, "low": np.minimum(open_, close) * 0.999}
    return pd.DataFrame({**columns, "close": close, "volume": random.lognormal(3, 1, rows)}, index=index)
