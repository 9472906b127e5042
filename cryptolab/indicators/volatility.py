"""Rolling volatility of returns."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from cryptolab.bars import DAY, TIMEFRAMES
from cryptolab.checks import number, one_of, whole
from cryptolab.indicators.declaration import indicator
from cryptolab.kernels.volatility import deviation

_LENGTHS = {"day": DAY, "year": 365 * DAY}
"""The stretches of time by name that a deviation can be scaled to, ns."""


@indicator(lookback=lambda period: period, memory=lambda period: period)
def Volatility(
    close: np.ndarray, period: int = 20, returns: Literal["simple", "log"] = "simple", horizon: Any = "year"
) -> np.ndarray:
    """Sample standard deviation (ddof=1) of the last `period` returns of the close, scaled by the root of time.

    returns: "simple" (close[t] / close[t - 1] - 1) or "log" (its logarithm). horizon: the stretch of time that the
    deviation is scaled to: "year" (365 days of 24 hours), "day", "bar" (as it is), or a number of bars. A fraction:
    0.6 is 60 %. By default it is what a report calls volatility, of the price over a moving window; flat prices give 0.
    """
    moves = np.diff(np.log(close)) if returns == "log" else close[1:] / close[:-1] - 1
    out = np.full(close.size, np.nan)
    out[1:] = deviation(moves, period) * math.sqrt(horizon)
    return out


@Volatility.rules
def _rules(timeframe: str | None, period: int, returns: str, horizon: Any) -> dict[str, Any]:
    """Turn the horizon into a number of bars, and refuse one return alone, which has no deviation."""
    whole("period", period, low=2)
    if not isinstance(horizon, str):
        horizon = number("horizon", horizon, above=0)
    else:
        one_of("horizon", horizon, ("bar", *_LENGTHS))
        if timeframe is not None:
            bar = TIMEFRAMES[timeframe]
            horizon = _LENGTHS.get(horizon, bar) / bar
    return {"period": period, "returns": returns, "horizon": horizon}
