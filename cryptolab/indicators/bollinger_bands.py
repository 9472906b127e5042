"""Bollinger Bands."""

from __future__ import annotations

from typing import Any

import numpy as np

from cryptolab.checks import number
from cryptolab.indicators.declaration import indicator
from cryptolab.kernels.volatility import bollinger


@indicator(
    lookback=lambda period: period - 1,
    memory=lambda period: period - 1,
    outputs=("upper", "middle", "lower"),
    panel="price",
    bands=(("upper", "lower"),),
)
def BollingerBands(close: np.ndarray, period: int = 20, std: float = 2.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Plain mean of the last `period` closes and `std` population standard deviations to either side.

    John Bollinger, Bollinger on Bollinger Bands (2001). Quote currency; a flat market has bands of width exactly 0.
    """
    return bollinger(close, period, std)


@BollingerBands.rules
def _rules(timeframe: str | None, period: int, std: float) -> dict[str, Any]:
    """Refuse what would draw the upper band below the lower one, or both as one line."""
    number("std", std, above=0)
    return {"period": period, "std": std}
