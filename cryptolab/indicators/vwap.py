"""Volume-weighted average price, from an anchor on or over a moving window."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.bars import DAY, MINUTE, MONDAY, TIMEFRAMES
from cryptolab.checks import number, refuse
from cryptolab.indicators.declaration import indicator
from cryptolab.kernels.volume import vwap_rolling, vwap_since

_HOUR = 60 * MINUTE
_LENGTHS = {"day": DAY, "session": DAY, "week": 7 * DAY, "month": 31 * DAY}
"""The longest stretch from one anchor to the next, ns."""


def _lookback(anchor: Any, period: int) -> int:
    return period - 1 if anchor == "rolling" else 0


def _memory(anchor: Any, period: int, timeframe: str) -> int | None:
    if anchor == "rolling":
        return period - 1
    if anchor not in _LENGTHS:
        return None  # anchored once: each bar since then counts for ever
    return max(_LENGTHS[anchor] // TIMEFRAMES[timeframe] - 1, 0)


@indicator(lookback=_lookback, memory=_memory, panel="price")
def VWAP(
    time: np.ndarray,
    high: np.ndarray,
    low: np.ndarray,
    close: np.ndarray,
    volume: np.ndarray,
    anchor: Any = "day",
    period: int = 20,
    session_start: float = 8.0,
) -> np.ndarray:
    """Mean of the typical price (high + low + close) / 3 weighted by volume, in quote currency.

    anchor: where the sums begin anew. "day" (00:00 UTC), "week" (Monday), "month", "session" (each day at
    `session_start`, an hour UTC: 13.5 is 13:30), a timestamp (once, UTC unless it says otherwise), or "rolling" (the
    last `period` bars). A bar belongs to the stretch in which it opens. NaN before a timestamp, and until volume has
    traded since the anchor. An anchor no longer than one bar is refused: it would give each bar's typical price.
    """
    typical = (high + low + close) / 3
    if anchor == "rolling":
        return vwap_rolling(typical, volume, period)
    return vwap_since(_stretches(time, anchor, session_start), typical, volume)


@VWAP.rules
def _rules(timeframe: str | None, anchor: Any, period: int, session_start: float) -> dict[str, Any]:
    """Turn a timestamp into one of pandas, UTC, and refuse what is no anchor for these bars."""
    number("session_start", session_start, low=0, below=24)
    if anchor not in (*_LENGTHS, "rolling"):
        anchor = _timestamp(anchor)
    elif timeframe is not None and TIMEFRAMES[timeframe] >= _LENGTHS.get(anchor, np.inf):
        refuse("anchor", f"{anchor!r} for bars of {timeframe}", "give shorter bars, a longer anchor or 'rolling'")
    return {"anchor": anchor, "period": period, "session_start": session_start}


@VWAP.signals
def _signal(close: np.ndarray, vwap: np.ndarray) -> np.ndarray:
    """The sign of close - vwap."""
    return np.sign(close - vwap)


def _timestamp(anchor: Any) -> pd.Timestamp:
    """Return a moment in UTC, in nanoseconds as the bars count them."""
    try:
        moment = pd.NaT if isinstance(anchor, Number) else pd.Timestamp(anchor)
        if not pd.isna(moment):
            moment = (moment.tz_localize("UTC") if moment.tz is None else moment.tz_convert("UTC")).as_unit("ns")
    except (TypeError, ValueError):  # no date, or one beyond what nanoseconds reach
        moment = pd.NaT
    if pd.isna(moment):
        refuse("anchor", repr(anchor), f"write {' | '.join([*_LENGTHS, 'rolling'])}, or a timestamp as in '2024-03-01'")
    return moment


def _stretches(time: np.ndarray, anchor: Any, session_start: float) -> np.ndarray:
    """Return the number of the stretch each bar opens in, int64 (n,); negative is before the only anchor."""
    if anchor == "day":
        return time // DAY
    if anchor == "session":
        return (time - int(session_start * _HOUR)) // DAY + 1
    if anchor == "week":
        return (time - MONDAY) // (7 * DAY) + 1
    if anchor == "month":
        return time.view("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    return np.where(time >= anchor.value, 0, -1).astype(np.int64)
