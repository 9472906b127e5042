"""Signals, the strategies that make them, and what makes one signal of several."""

from cryptolab.signal_generator.catalogue import STRATEGIES, Strategy, get_strategy, strategy
from cryptolab.signal_generator.signal_aggregator import SignalAggregator
from cryptolab.signal_generator.signals import Signals, as_signals, long_while
from cryptolab.signal_generator.strategies import (
    bollinger_breakout,
    ema_cross,
    ensemble,
    ichimoku_trend,
    rsi_reversion,
    vwap_trend,
)

__all__ = [
    "STRATEGIES",
    "SignalAggregator",
    "Signals",
    "Strategy",
    "as_signals",
    "bollinger_breakout",
    "ema_cross",
    "ensemble",
    "get_strategy",
    "ichimoku_trend",
    "long_while",
    "rsi_reversion",
    "strategy",
    "vwap_trend",
]
