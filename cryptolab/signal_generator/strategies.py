"""The strategies that come with cryptolab. They are examples of how one is written, not advice."""

from __future__ import annotations

import numpy as np

from cryptolab.bars import Bars
from cryptolab.indicators import EMA, MACD, RSI, VWAP, BollingerBands, Donchian, Ichimoku
from cryptolab.signal_generator.catalogue import strategy
from cryptolab.signal_generator.signal_aggregator import SignalAggregator
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


@strategy
def vwap_trend(bars: Bars, period: int = 50, anchor: str = "rolling") -> Signals:
    """Long while the close is above the volume-weighted average price of the last `period` bars.

    With another anchor ("day", "week", "month", "session") above the average since then, whatever the period.
    """
    return long_while(bars.close > VWAP(bars, anchor=anchor, period=period))


@strategy
def bollinger_breakout(bars: Bars, period: int = 20, std: float = 2.0) -> Signals:
    """Buy when the close rises above the upper Bollinger band; sell when it is below the middle one.

    To rise above it, the close before must not have been above it: a position that a stop has closed comes back only
    with the next breakout. None of `period` closes is further than sqrt(period - 1) deviations from their mean: a
    wider `std` never buys.
    """
    bands = BollingerBands(bars, period=period, std=std)
    beyond = bars.close > bands.upper
    return Signals(beyond & np.diff(beyond, prepend=False), bars.close < bands.middle)


@strategy
def ensemble(
    bars: Bars,
    vwap: float = 1.0,
    rsi: float = 1.5,
    ichimoku: float = 2.0,
    macd: float = 1.0,
    donchian: float = 1.0,
    threshold: float = 0.5,
    method: str = "weighted_average",
    vwap_period: int = 50,
    rsi_period: int = 14,
    fast_period: int = 12,
    slow_period: int = 26,
    donchian_period: int = 20,
) -> Signals:
    """Buy when the weighted signals of five indicators turn to up; sell, and sell short where allowed, when to down.

    vwap, rsi, ichimoku, macd, donchian: the weights of what each indicator's `signal` says at a bar, 0 to leave it out;
    VWAP is the rolling one, fast_period and slow_period are MACD's, what is not named has its usual value. method,
    threshold: how SignalAggregator makes +1, 0 or -1 of the five. A 0 changes nothing. An indicator that has no value
    yet says 0, as one without an opinion does.
    """
    aggregator = SignalAggregator({"vwap": vwap, "rsi": rsi, "ichimoku": ichimoku, "macd": macd, "donchian": donchian})
    signals = {
        "vwap": VWAP.signal(bars, anchor="rolling", period=vwap_period),
        "rsi": RSI.signal(bars, period=rsi_period),
        "ichimoku": Ichimoku.signal(bars),
        "macd": MACD.signal(bars, fast_period=fast_period, slow_period=slow_period),
        "donchian": Donchian.signal(bars, period=donchian_period),
    }
    return as_signals(aggregator.aggregate(signals, method=method, threshold=threshold), bars)
