"""Every strategy of the catalogue swept: each row is the engine's result for its set, and a set has its own numbers."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryptolab.backtesting import BacktestEngine, Costs, Risk
from cryptolab.backtesting.metrics import Metrics
from cryptolab.optimization import sweep
from cryptolab.signal_generator import STRATEGIES, Strategy
from tests.laws import strategy_laws
from tests.laws.markets import stress_frame
from tests.optimization.beside_engine import LENGTHS_OF_TIME, daily_sums, near

CASES = [
    pytest.param(strategy, params, id=f"{name}({', '.join(f'{k}={v}' for k, v in params.items())})")
    for name, strategy in STRATEGIES.items()
    for params in strategy_laws.settings(strategy)
]
RULES: dict[str, list[Any]] = {"stop_loss": [None, 0.02], "allow_short": [False, True], "fill": ["next_open", "worst"]}


@pytest.mark.parametrize(("strategy", "params"), CASES)
def test_its_rows_are_the_engines_numbers(strategy: Strategy, params: dict[str, Any]) -> None:
    """On the stress market with rows that have no prices: all metrics and the sums of daily returns."""
    frame = stress_frame()
    frame.iloc[[7, 8, 100, 500], :4] = np.nan
    results = sweep(strategy, frame, {**{k: [v] for k, v in params.items()}, **RULES}, blocks=3, progress=False)
    rows = list(product(*RULES.values()))
    assert len(results) == len(rows)
    trades = 0
    for place, (stop_loss, allow_short, fill) in enumerate(rows):
        engine = BacktestEngine(costs=Costs(fill=fill), risk=Risk(stop_loss=stop_loss, allow_short=allow_short))
        result = engine.run(frame, strategy(frame, **params))
        row = results.table.iloc[place]
        for name in Metrics._fields:
            a, b = row[name], result[name]
            if name in LENGTHS_OF_TIME:
                assert (pd.isna(a) and pd.isna(b)) or a == b, (name, rows[place])
            else:
                assert near(a, b), (name, rows[place], a, b)
        np.testing.assert_allclose(results.blocks[place], daily_sums(result, 3), rtol=1e-9, atol=1e-9)
        trades += result.n_trades
    assert trades > 0


@pytest.mark.parametrize(
    ("name", "grid"),
    [
        ("vwap_trend", {"period": [5, 20, 80]}),
        ("vwap_trend", {"anchor": ["rolling", "day", "week"]}),
        ("bollinger_breakout", {"period": [10, 40], "std": [1.0, 2.0]}),
        ("ensemble", {"vwap": [0.0, 2.0], "ichimoku": [0.5, 3.0]}),
        ("ensemble", {"threshold": [0.2, 0.4, 0.6]}),
        ("ensemble", {"method": ["weighted_average", "majority_vote", "unanimous"], "rsi": [0.0], "donchian": [0.0]}),
        ("ensemble", {"rsi": [0.5, 3.0], "macd": [0.0, 2.0]}),
        ("ensemble", {"donchian": [0.0, 3.0, 6.0], "threshold": [0.6]}),
        ("ensemble", {"donchian_period": [5, 30], "donchian": [3.0]}),
        *(("ensemble", {name: [5, 30]}) for name in ("vwap_period", "rsi_period")),
        ("ensemble", {"fast_period": [4, 20], "slow_period": [15, 40], "threshold": [0.3]}),
    ],
    ids=str,
)
def test_each_of_its_parameters_matters(name: str, grid: dict[str, Any]) -> None:
    """Where two sets of one name gave the same equity, a sweep over it would be a sweep over nothing."""
    table = sweep(name, stress_frame(), grid, progress=False).table
    assert table["total_return"].nunique() == len(table)
