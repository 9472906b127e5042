"""Moving average convergence/divergence."""

from __future__ import annotations

import numpy as np

from cryptolab.indicators.declaration import forgotten, indicator
from cryptolab.kernels.moving import macd


def _lookback(fast_period: int, slow_period: int, signal_period: int) -> int:
    return max(fast_period, slow_period) + signal_period - 2


def _memory(fast_period: int, slow_period: int, signal_period: int) -> int:
    # first the averages forget their seeds; what the signal took in meanwhile it forgets after that
    longer = max(fast_period, slow_period)
    forgetting = forgotten(1 - 2 / (longer + 1)) + forgotten(1 - 2 / (signal_period + 1))
    return _lookback(fast_period, slow_period, signal_period) + forgetting


@indicator(lookback=_lookback, memory=_memory, outputs=("macd", "signal", "histogram"), levels=(0,))
def MACD(
    close: np.ndarray, fast_period: int = 12, slow_period: int = 26, signal_period: int = 9
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fast minus slow exponential average of the close, its own average `signal`, and their difference `histogram`.

    In quote currency; Gerald Appel (1979). TA-Lib's seed: both averages begin in row slow_period - 1, each with the
    plain mean of the rows just before, and all three outputs with the signal. A fast_period above slow_period turns
    the sign around, where TA-Lib swaps the two.
    """
    return macd(close, fast_period, slow_period, signal_period)


@MACD.signals
def _signal(histogram: np.ndarray) -> np.ndarray:
    """The sign of the histogram: +1 while macd is above its signal line, -1 while it is below."""
    return np.sign(histogram)
