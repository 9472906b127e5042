"""On-balance volume."""

from __future__ import annotations

import numpy as np

from cryptolab.indicators.declaration import indicator
from cryptolab.kernels.volume import obv


@indicator(memory=None)
def OBV(close: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """Running total of volume, in coins: added at a higher close, taken off at a lower one, 0 at an equal one.

    Joseph Granville, New Key to Stock Market Profits (1963). It begins with the first bar's volume, as TA-Lib's: its
    level depends on where the data begins, its changes do not.
    """
    return obv(close, volume)
