"""The simulated market: bars that behave as hourly Bitcoin does, for a first study offline and for tests.

Fat tails, jumps, volatility that clusters over hours, days and weeks, volume that moves with it, the day and the week
of a real exchange. Direction cannot be foreseen: log returns are symmetric and independent of the past, so that no
rule has an edge here. The parameters were set on Binance's BTC/USDT hours of 2017 to 2026; the test beside this file
holds the figures. Other timeframes scale volatility by the square root of time.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.bars import COLUMNS, MONDAY, SIMULATED, TIMEFRAMES, Bars, symbol_name
from cryptolab.checks import number, one_of, refuse, whole
from cryptolab.kernels import market

_HOUR = TIMEFRAMES["1h"]
_DEVIATION = 0.0079  # of an hourly log return; 74 % a year
_TURNOVER = 15e6  # quote currency an hour, the median at average volatility
_TAIL = 6.0  # degrees of freedom of the hourly Student-t returns, given their volatility
_JUMPS_A_DAY, _JUMP = 0.02, 0.04  # how often, and the standard deviation of one in log price
_OFF_CLOSE = 0.5  # share of the bars that do not open exactly at the last close

# (half-life in hours, standard deviation): three of log volatility, two of log volume alone
_FACTORS = np.array([(2.0, 0.37), (72.0, 0.39), (2200.0, 0.52), (12.0, 0.27), (2500.0, 0.70)])

# volatility and volume by hour of the UTC day, then by day of the week from Monday: mean 1
_HOURLY_SWING = (
    1.15, 1.04, 0.94, 0.86, 0.83, 0.82, 0.85, 0.90, 0.95, 0.91, 0.93, 0.91,
    1.04, 1.18, 1.30, 1.23, 1.14, 1.04, 0.97, 0.99, 1.05, 0.99, 1.01, 0.98,
)  # fmt: skip
_HOURLY_VOLUME = (
    1.03, 0.93, 0.88, 0.83, 0.81, 0.80, 0.86, 0.96, 1.02, 0.99, 0.99, 1.00,
    1.17, 1.35, 1.53, 1.47, 1.38, 1.14, 1.02, 0.98, 0.93, 0.79, 0.81, 0.83,
)  # fmt: skip
_DAILY_SWING = (1.08, 1.08, 1.08, 1.08, 1.08, 0.76, 0.86)
_DAILY_VOLUME = (1.14, 1.14, 1.14, 1.14, 1.14, 0.69, 0.75)

_CHUNK = 65_536  # bars drawn at a time: memory stays small at any length


def simulate(
    bars: int = 26_280,
    timeframe: str = "1h",
    seed: int = 7,
    symbol: str = "SIM/USDT",
    start: Any = "2020-01-01",
    price: float = 10_000.0,
) -> Bars:
    """Return `bars` simulated bars, the same ones for the same arguments; more bars leave the earlier ones unchanged.

    The first opens at the first point of the timeframe's grid at or after `start` (UTC where it has no zone), near
    `price`. Prices have 7 significant digits. Volume is in coins and moves with a turnover in quote currency that
    does not follow the price. Raises InputError for what cannot be simulated.
    """
    count = whole("bars", bars, low=1)
    interval = TIMEFRAMES[one_of("timeframe", timeframe, TIMEFRAMES)]
    seed = whole("seed", seed, low=0)
    price = number("price", price, low=1e-9, high=1e12)
    symbol = symbol_name(symbol)
    time = _opens(start, timeframe, interval, count)
    hours = interval / _HOUR
    swing, activity = _season(hours)
    hour = (time // _HOUR - MONDAY // _HOUR) % 168  # of the week from Monday
    half_life, spread = _FACTORS.T
    decay = 0.5 ** (hours / half_life)
    shock = spread * np.sqrt(1.0 - decay**2)
    streams = [np.random.Generator(np.random.PCG64(part)) for part in np.random.SeedSequence(seed).spawn(6)]
    state = np.append(spread * streams[0].standard_normal(len(spread)), price)
    candles = np.empty((len(COLUMNS), count))
    for begin in range(0, count, _CHUNK):
        part = slice(begin, min(begin + _CHUNK, count))
        draws = _draws(streams[1:], part.stop - begin, hours)
        rows, state = market.candles(
            *draws, swing[hour[part]], activity[hour[part]] - math.log(price), decay, shock, state
        )
        candles[:, part] = rows
    frame = pd.DataFrame(dict(zip(COLUMNS, candles, strict=True)), index=pd.DatetimeIndex(time, tz="UTC"), copy=False)
    return Bars.from_frame(frame, symbol, timeframe, SIMULATED)


def _opens(start: Any, timeframe: str, interval: int, count: int) -> np.ndarray:
    """Return the bars' opens (int64 ns), from the first grid point at or after `start`."""
    try:
        stamp = pd.Timestamp(start)
        stamp = (stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")).as_unit("ns")
    except (TypeError, ValueError):
        refuse("start", repr(start), "write a date, as in '2020-01-01'")
    if pd.isna(stamp):
        refuse("start", repr(start), "write a date, as in '2020-01-01'")
    offset = MONDAY if timeframe == "1w" else 0
    first = int(stamp.value) + (offset - int(stamp.value)) % interval
    if first + interval * count > np.iinfo(np.int64).max:
        refuse("bars", f"{count:,} bars of {timeframe} from {start}", "end before the year 2262, where time in ns does")
    return first + interval * np.arange(count)


def _season(hours: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (standard deviation, log turnover) of a bar of `hours` at average volatility, by its hour of the week."""
    variance = np.outer(_DAILY_SWING, _HOURLY_SWING).ravel() ** 2
    turnover = np.outer(_DAILY_VOLUME, _HOURLY_VOLUME).ravel()
    # a longer bar has the season of all hours it covers
    covered = (np.arange(168)[:, None] + np.arange(max(1, round(hours)))) % 168
    variance, turnover = variance[covered].mean(axis=1), turnover[covered].mean(axis=1)
    variance, turnover = variance / variance.mean(), turnover / turnover.mean()
    return _DEVIATION * np.sqrt(hours * variance), np.log(_TURNOVER * hours * turnover)


def _draws(streams: list[np.random.Generator], count: int, hours: float) -> tuple[np.ndarray, ...]:
    """Return the random input of `count` bars for `market.candles`.

    Each kind has a stream of its own, which gives one bar after the other: how many bars are asked for never changes
    an earlier one. Below an hour a jump shrinks with the bar (it takes its time); above, a bar has more of them.
    """
    normal, exponential, gamma, poisson, uniform = streams
    mixing = (_TAIL - 2.0) / (2.0 * gamma.standard_gamma(_TAIL / 2.0, count))  # inverse gamma: returns are Student-t
    jumps = poisson.poisson(_JUMPS_A_DAY / 24.0 * max(1.0, hours), count)
    return (
        normal.standard_normal((count, market.NORMALS)),
        exponential.standard_exponential((count, market.EXPONENTIALS)),
        mixing,
        _JUMP * min(1.0, math.sqrt(hours)) * np.sqrt(jumps),
        uniform.random(count) < _OFF_CLOSE,
    )
