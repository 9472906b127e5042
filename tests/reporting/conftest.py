"""Runs that the tests of reports look at: small, simulated, one of them with shorts and stops."""

from __future__ import annotations

import numpy as np
import pytest

from cryptolab.backtesting import BacktestEngine, BacktestResult
from cryptolab.bars import Bars
from cryptolab.data_fetchers import simulate
from cryptolab.reporting import Study
from cryptolab.signal_generator import Signals, get_strategy


@pytest.fixture(scope="session")
def bars() -> Bars:
    """A thousand hours with two gaps: 30 hours and 1 hour long."""
    frame = simulate(1100, seed=3).frame()
    gone = np.zeros(len(frame), bool)
    gone[400:430] = gone[700] = True
    return Bars.from_frame(frame[~gone], "SIM/USDT")


@pytest.fixture(scope="session")
def result(bars: Bars) -> BacktestResult:
    """A long-only run of many trades."""
    engine = BacktestEngine({"max_wait": 100})
    return engine.run(bars, get_strategy("ema_cross")(bars, fast=3, slow=8))


@pytest.fixture(scope="session")
def both_ways(bars: Bars) -> BacktestResult:
    """A run with shorts, stops and targets."""
    random = np.random.default_rng(5)
    flags = [random.random(len(bars)) < 0.05 for _ in range(4)]
    config = {"allow_short": True, "stop_loss": 0.01, "take_profit": 0.01, "max_position_size": 0.5}
    return BacktestEngine(config).run(bars, Signals(*flags))


@pytest.fixture(scope="session")
def study() -> Study:
    """A study of the simulated market."""
    return Study.load({"simulated": {"bars": 3000, "seed": 5}}, "ema_cross", {"fast": 5, "slow": 20})
