"""The guide's block on signal aggregation, word for word but for `cryptolab.` in front of the module."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryptolab.backtesting import BacktestEngine
from cryptolab.indicators import RSI, VWAP, Ichimoku

BLOCK = """
from cryptolab.signal_generator.signal_aggregator import SignalAggregator

# Define signal weights
weights = {
    'vwap': 1.0,
    'rsi': 1.5,
    'ichimoku': 2.0,
    'ml': 2.5
}

aggregator = SignalAggregator(weights)

# Combine signals
signals = {
    'vwap': vwap_signal,
    'rsi': rsi_signal,
    'ichimoku': ichimoku_signal,
    'ml': ml_signal
}

# Methods: 'weighted_average', 'majority_vote', 'unanimous'
final_signal = aggregator.aggregate(signals, method='weighted_average')
"""


@pytest.fixture
def sources(hourly_frame: pd.DataFrame) -> dict[str, Any]:
    """The three indicators' signals as the guide makes them, and a model's scores, which begin at bar 100."""
    scores = pd.Series(np.random.default_rng(2).uniform(-1, 1, len(hourly_frame)), hourly_frame.index)
    return {
        "vwap_signal": VWAP.signal(hourly_frame, VWAP.calculate(hourly_frame)),
        "rsi_signal": RSI.signal(RSI.calculate(hourly_frame, period=14), overbought=70, oversold=30),
        "ichimoku_signal": Ichimoku.signal(hourly_frame, Ichimoku.calculate(hourly_frame)),
        "ml_signal": scores.where(np.arange(len(scores)) >= 100),
    }


def test_the_block_gives_one_signal_per_bar(hourly_frame: pd.DataFrame, sources: dict[str, Any]) -> None:
    names = dict(sources)
    exec(BLOCK, names)
    final = names["final_signal"]
    table = pd.DataFrame(sources).rename(columns=lambda name: name.removesuffix("_signal"))
    weights = pd.DataFrame(names["weights"], index=table.index).where(table.notna())
    mean = (table * weights).sum(axis=1) / weights.sum(axis=1)
    assert final.equals((np.sign(mean) * (mean.abs() >= 0.5)).astype(np.int8).rename("signal"))
    assert set(final) == {-1, 0, 1}
    assert set(final[:100]) == {-1, 0, 1}
    assert BacktestEngine().run(hourly_frame, final).n_trades > 3


@pytest.mark.parametrize("method", ["weighted_average", "majority_vote", "unanimous"])
def test_every_method_of_the_guide_on_the_latest_signals_gives_an_int(method: str, sources: dict[str, Any]) -> None:
    """As the daemon has them: one number a source, None from one that is out of order."""
    block = BLOCK.replace("'weighted_average')", f"'{method}')")
    whole: dict[str, Any] = {name: np.sign(series) for name, series in sources.items()} | {"rsi_signal": None}
    exec(block, whole)
    seen = set()
    for row in range(0, 500, 7):
        names = {name: None if whole[name] is None else whole[name].iloc[row] for name in sources}
        exec(block, names)
        assert type(names["final_signal"]) is int
        assert names["final_signal"] == whole["final_signal"].iloc[row]
        seen.add(names["final_signal"])
    assert seen == {-1, 0, 1}
