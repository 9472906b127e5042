"""The strategies that come with cryptolab. They are examples of how one is written, not advice."""

from __future__ import annotations

from cryptolab.bars import Bars
from cryptolab.indicators import EMA, RSI, Ichimoku
from cryptolab.signal_generator.catalogue import strategy
from cryptolab.signal_generator.signals import Signals, as_signals, long_while


@strategy
def ema_cross(bars: Bars, fast: int = 9, slow: int = 21) -> Signals:
    """Long while the fast exponential average of the close is above the slow one."""
    return long_while(EMA(bars, period=fast) > EMA(bars, period=slow))


@strategy
def rsi_reversion(bars: Bars, period: int = 14, oversold: float = 30.0, overbought: float = 70.0) -> Signals:
    """Buy when the RSI falls below `oversold`; sell, and sell short where allowed, when it rises above `overbought`.

    A position that a stop has closed comes back only after the RSI has left the zone and fallen into it again.
    """
    zones = RSI.signal(RSI(bars, period=period), overbought=overbought, oversold=oversold)
    return as_signals(zones, bars)


@strategy
def ichimoku_trend(bars: Bars, tenkan_period: int = 9, kijun_period: int = 26, senkou_period: int = 52) -> Signals:
    """Long while the close is above the cloud and the conversion line (tenkan) above the base line (kijun)."""
    lines = Ichimoku(bars, tenkan_period=tenkan_period, kijun_period=kijun_period, senkou_period=senkou_period)
    above = (bars.close > lines.senkou_a) & (bars.close > lines.senkou_b)
    return long_while(above & (lines.tenkan > lines.kijun))
