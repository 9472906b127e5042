"""Indicators: each declared once, everything else derived from the declaration.

EMA.calculate(df, period=9)      a Series, or a DataFrame for several outputs
EMA(bars, period=9)              arrays, remembered on the bars
EMA.run(df, period=[9, 21, 50])  a vectorbt indicator over the grid
EMA.plot(df, period=9)           a plotly figure
RSI.signal(rsi)                  +1, 0, -1 where a rule is declared
"""

from cryptolab.indicators.atr import ATR
from cryptolab.indicators.bollinger_bands import BollingerBands
from cryptolab.indicators.declaration import INDICATORS, Indicator, indicator
from cryptolab.indicators.donchian import Donchian
from cryptolab.indicators.ema import EMA
from cryptolab.indicators.ichimoku import Ichimoku
from cryptolab.indicators.macd import MACD
from cryptolab.indicators.obv import OBV
from cryptolab.indicators.rsi import RSI
from cryptolab.indicators.sma import SMA
from cryptolab.indicators.volatility import Volatility
from cryptolab.indicators.vwap import VWAP

__all__ = [
    "ATR",
    "EMA",
    "INDICATORS",
    "MACD",
    "OBV",
    "RSI",
    "SMA",
    "VWAP",
    "BollingerBands",
    "Donchian",
    "Ichimoku",
    "Indicator",
    "Volatility",
    "indicator",
]
