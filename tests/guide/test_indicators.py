"""The guide's usage example for indicators, as it stands there, from the guide's own module paths."""

from __future__ import annotations

import pandas as pd

BLOCK = """
from cryptolab.indicators.vwap import VWAP
from cryptolab.indicators.ema import EMA
from cryptolab.indicators.rsi import RSI

# Calculate indicators
vwap = VWAP.calculate(df)
ema_9 = EMA.calculate(df, period=9)
rsi = RSI.calculate(df, period=14)

# Generate signals
vwap_signal = VWAP.signal(df, vwap)
rsi_signal = RSI.signal(rsi, overbought=70, oversold=30)
"""


def test_usage_example(hourly_frame: pd.DataFrame) -> None:
    names: dict[str, pd.Series] = {"df": hourly_frame}  # type: ignore[dict-item]
    exec(BLOCK, names)
    for name in ("vwap", "ema_9", "rsi", "vwap_signal", "rsi_signal"):
        assert isinstance(names[name], pd.Series)
        assert names[name].index.equals(hourly_frame.index)
    assert set(names["vwap_signal"]) == {-1, 1}
    assert {-1, 0, 1} >= set(names["rsi_signal"])


def test_the_other_files_of_the_list() -> None:
    from cryptolab.indicators.atr import ATR
    from cryptolab.indicators.bollinger_bands import BollingerBands
    from cryptolab.indicators.ichimoku import Ichimoku
    from cryptolab.indicators.sma import SMA

    assert [one.name for one in (ATR, BollingerBands, Ichimoku, SMA)] == ["ATR", "BollingerBands", "Ichimoku", "SMA"]


def test_the_signal_of_ichimoku_reads_like_the_others(hourly_frame: pd.DataFrame) -> None:
    from cryptolab.indicators.ichimoku import Ichimoku

    ichimoku = Ichimoku.calculate(hourly_frame)
    assert len(Ichimoku.signal(hourly_frame, ichimoku)) == len(hourly_frame)
