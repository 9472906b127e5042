"""Ichimoku Kinko Hyo, with nothing in it that was not known at the bar."""

from __future__ import annotations

import numpy as np

from cryptolab.indicators.declaration import indicator
from cryptolab.kernels.moving import midprice


def _lookback(tenkan_period: int, kijun_period: int, senkou_period: int, displacement: int) -> tuple[int, ...]:
    tenkan, kijun, senkou, shift = tenkan_period - 1, kijun_period - 1, senkou_period - 1, displacement - 1
    return tenkan, kijun, max(tenkan, kijun) + shift, senkou + shift, shift


def _memory(tenkan_period: int, kijun_period: int, senkou_period: int, displacement: int) -> int:
    return max(_lookback(tenkan_period, kijun_period, senkou_period, displacement))


@indicator(
    lookback=_lookback,
    memory=_memory,
    outputs=("tenkan", "kijun", "senkou_a", "senkou_b", "lagging"),
    panel="price",
    bands=(("senkou_a", "senkou_b"),),
)
def Ichimoku(
    high: np.ndarray,
    low: np.ndarray,
    close: np.ndarray,
    tenkan_period: int = 9,
    kijun_period: int = 26,
    senkou_period: int = 52,
    displacement: int = 26,
) -> tuple[np.ndarray, ...]:
    """Conversion line, base line, the cloud as it stands at the bar, and the lagging line told causally.

    tenkan, kijun: middle of the high-low range of their periods. senkou_a, senkou_b: the cloud displayed AT the bar,
    computed displacement - 1 bars before it (TradingView counts so: 26 shifts by 25). lagging: close[t] minus
    close[t - 25]; the line drawn back in time exists in the plot alone. All in quote currency. Goichi Hosoda (1969).
    """
    tenkan = midprice(high, low, tenkan_period)
    kijun = midprice(high, low, kijun_period)
    shift = displacement - 1
    senkou_a = _delayed((tenkan + kijun) / 2, shift)
    senkou_b = _delayed(midprice(high, low, senkou_period), shift)
    return tenkan, kijun, senkou_a, senkou_b, close - _delayed(close, shift)


@Ichimoku.signals
def _signal(
    close: np.ndarray, tenkan: np.ndarray, kijun: np.ndarray, senkou_a: np.ndarray, senkou_b: np.ndarray
) -> np.ndarray:
    """+1 when the close is above the cloud and tenkan above kijun, -1 when below and below."""
    above = (close > np.maximum(senkou_a, senkou_b)) & (tenkan > kijun)
    below = (close < np.minimum(senkou_a, senkou_b)) & (tenkan < kijun)
    return above.astype(np.int8) - below.astype(np.int8)


@Ichimoku.lines
def _lines(
    close: np.ndarray,
    tenkan: np.ndarray,
    kijun: np.ndarray,
    senkou_a: np.ndarray,
    senkou_b: np.ndarray,
    displacement: int,
) -> dict[str, np.ndarray]:
    """Draw the lagging line where tradition puts it: the close, displacement - 1 bars back in time."""
    drawn_back = np.full(close.size, np.nan)
    drawn_back[: max(close.size - displacement + 1, 0)] = close[displacement - 1 :]
    return {
        "tenkan": tenkan,
        "kijun": kijun,
        "senkou_a": senkou_a,
        "senkou_b": senkou_b,
        "close, drawn back": drawn_back,
    }


def _delayed(values: np.ndarray, shift: int) -> np.ndarray:
    """Return `values` as they were `shift` rows before; NaN where there were none."""
    out = np.full(values.size, np.nan)
    out[shift:] = values[: max(values.size - shift, 0)]
    return out
