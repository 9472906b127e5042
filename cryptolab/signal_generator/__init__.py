"""Signals, and the strategies that make them."""

from cryptolab.signal_generator.catalogue import STRATEGIES, Strategy, get_strategy, strategy
from cryptolab.signal_generator.signals import Signals, as_signals, long_while
from cryptolab.signal_generator.strategies import ema_cross, ichimoku_trend, rsi_reversion

__all__ = [
    "STRATEGIES",
    "Signals",
    "Strategy",
    "as_signals",
    "ema_cross",
    "get_strategy",
    "ichimoku_trend",
    "long_while",
    "rsi_reversion",
    "strategy",
]
