"""Numbers as they are written, and the verdict in words."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from cryptolab.backtesting import BacktestEngine, Metrics
from cryptolab.data_fetchers import simulate
from cryptolab.reporting import tables, wording
from cryptolab.signal_generator import Signals


@pytest.mark.parametrize(
    ("write", "value", "written"),
    [
        (wording.percent, 0.341, "34.1\u202f%"),
        (wording.percent, -0.341, "−34.1\u202f%"),
        (wording.percent, -0.0001, "0.0\u202f%"),
        (wording.percent, 13.792, "1,379.2\u202f%"),
        (wording.percent, math.nan, "n/a"),
        (wording.percent, math.inf, "n/a"),
        (wording.points, 0.02, "+2.0 points"),
        (wording.points, -0.02, "−2.0 points"),
        (wording.points, 0.0, "0.0 points"),
        (wording.plain, -1.005, "−1.00"),
        (wording.plain, 1234.5, "1,234.50"),
        (wording.money, 53834.178, "53,834.18"),
        (wording.money, 1_053_834.178, "1,053,834.18"),
        (wording.money, 0.000123456, "0.00012346"),
        (wording.money, 0.0, "0.00"),
        (wording.price, 64762.41, "64,762.4"),
        (wording.price, 0.08123456, "0.0812346"),
        (wording.price, 0.0, "0"),
        (wording.price, math.nan, "n/a"),
        (wording.count, 78013, "78,013"),
        (wording.duration, pd.Timedelta(days=1000), "2.7 years"),
        (wording.duration, pd.Timedelta(hours=50), "2.1 days"),
        (wording.duration, pd.Timedelta(minutes=125), "2.1 hours"),
        (wording.duration, pd.Timedelta(minutes=90), "90 minutes"),
        (wording.duration, pd.NaT, "n/a"),
        (wording.moment, pd.Timestamp("2024-01-02 03:04", tz="UTC"), "2024-01-02 03:04"),
        (wording.moment, pd.NaT, "–"),
        (wording.words, "max_drawdown", "Maximum drawdown"),
        (wording.words, "profit_factor", "Profit factor"),
        (wording.words, "turnover", "Turnover a year"),
        (wording.quote, "BTC/USDT", "USDT"),
        (wording.quote, "unknown", ""),
        (lambda value: wording.money(value, "USDT"), 10_000, "10,000.00\u00a0USDT"),
        (lambda value: wording.money(value, "USDT"), math.nan, "n/a"),
        (lambda unit: wording.priced("Profit", unit), "USDT", "Profit, USDT"),
        (lambda unit: wording.priced("Profit", unit), "", "Profit"),
        (lambda value: wording.counted(value, "bar"), 1, "1 bar"),
        (lambda value: wording.counted(value, "entry", "entries"), 2000, "2,000 entries"),
        (wording.duration, pd.Timedelta(minutes=1), "1 minute"),
        (wording.outcome, 0.12, "made 12.0\u202f%"),
        (wording.outcome, -0.341, "lost 34.1\u202f%"),
        (wording.outcome, 0.0001, "ended where it began"),
        (wording.outcome, math.nan, "has no defined return"),
    ],
)
def test_written(write: object, value: object, written: str) -> None:
    assert write(value) == written  # type: ignore[operator]


def test_every_metric_is_written() -> None:
    assert set(Metrics._fields) <= set(wording.FORMATS)


def _verdict(entries: np.ndarray, **config: float) -> str:
    bars = simulate(2000, seed=4)
    run = BacktestEngine(config).run(bars, Signals(entries))
    return " ".join(wording.verdict(run, tables.buy_and_hold(bars, run.costs, run.initial_capital)))


def test_the_verdict_says_what_was_won_or_lost() -> None:
    entries = np.zeros(2000, bool)
    entries[100] = True
    said = _verdict(entries)
    assert said.startswith("Over 83.3 days the strategy ")
    assert "while buy-and-hold" in said
    assert "closed 0 trades" in said


def test_the_verdict_of_no_trade() -> None:
    assert "the strategy never traded, while buy-and-hold" in _verdict(np.zeros(2000, bool))


def test_the_verdict_gives_no_advice() -> None:
    entries = np.zeros(2000, bool)
    entries[::50] = True
    said = _verdict(entries, stop_loss=0.01).lower()
    assert not any(word in said for word in ("should", "recommend", "good", "bad", "promising"))
