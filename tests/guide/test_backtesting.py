"""The guide's block on backtesting, word for word but for `cryptolab.` in front of the module."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest

BLOCK = """
from cryptolab.backtesting.backtest_engine import BacktestEngine

engine = BacktestEngine({
    'initial_capital': 10000,
    'commission': 0.001,
    'slippage': 0.0005
})

results = engine.run(df, signals)

print(f"Total Return: {results['total_return']:.2%}")
print(f"Sharpe Ratio: {results['sharpe_ratio']:.2f}")
print(f"Max Drawdown: {results['max_drawdown']:.2%}")
"""


def test_the_block_prints_the_three_numbers(hourly_frame: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    momentum = hourly_frame["close"].pct_change(24).fillna(0.0)
    names = {"df": hourly_frame, "signals": pd.Series(np.sign(momentum), hourly_frame.index)}
    exec(BLOCK, names)
    said = capsys.readouterr().out
    pattern = r"Total Return: -?[\d.]+%\nSharpe Ratio: -?[\d.]+\nMax Drawdown: -[\d.]+%\n"
    assert re.fullmatch(pattern, said)
    results = names["results"]
    equity = results["equity_curve"]
    assert math.isclose(results["total_return"], equity.iloc[-1] / 10000 - 1, rel_tol=1e-12)
    assert math.isclose(results["max_drawdown"], (equity / equity.cummax() - 1).min(), rel_tol=1e-9)


def test_every_metric_the_guide_lists_is_there(hourly_frame: pd.DataFrame) -> None:
    names = {"df": hourly_frame, "signals": pd.Series(1, hourly_frame.index)}
    exec(BLOCK, names)
    listed = "Total Return, Sharpe Ratio, Sortino Ratio, Maximum Drawdown, Win Rate, Profit Factor, Calmar Ratio"
    for metric in listed.split(", "):
        key = metric.lower().replace("maximum", "max").replace(" ", "_")
        assert key in names["results"]
        assert isinstance(names["results"][key], float)
