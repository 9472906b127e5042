"""A Scorer: which runs are folded by trades and which are not, daily returns per block, and threads that share it."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryptolab.backtesting import Costs, Risk, scoring
from cryptolab.backtesting.metrics import Metrics, measure, metrics_of
from cryptolab.backtesting.scoring import Scorer
from cryptolab.bars import Bars, as_bars
from cryptolab.errors import InputError
from cryptolab.kernels.scoring import SCORE, fold_days
from cryptolab.signal_generator import Signals, as_signals, long_while
from tests.optimization.beside_engine import BY_BARS, BY_TRADES, REFUSED, Run, assert_equal, engine_run, scored
from tests.optimization.markets import frame_of, walk

N = 3000


@pytest.fixture(scope="module")
def bars() -> Bars:
    random = np.random.default_rng(5)
    return Bars.from_frame(frame_of(random, 100 * walk(random, N), "15m", True), "A/B", "15m")


CONDITION = np.arange(N) % 97 > 40
FLAGS = Signals(CONDITION, np.arange(N) % 89 == 3)
SHORT = Signals(CONDITION, ~CONDITION, np.arange(N) % 71 == 5, CONDITION)


@pytest.mark.parametrize(
    ("run", "way"),
    [
        (Run(long_while(CONDITION)), BY_TRADES),
        (Run(FLAGS), BY_TRADES),
        (Run(long_while(~CONDITION & CONDITION)), BY_TRADES),
        (Run(FLAGS, Costs(fill="worst", commission=0.0, slippage=0.01, max_wait=0)), BY_TRADES),
        (Run(FLAGS, Costs(min_order_size=5.0)), BY_TRADES),
        (Run(FLAGS, risk=Risk(stop_loss=0.01, take_profit=0.02)), BY_TRADES),
        (Run(FLAGS, risk=Risk(stop_loss_atr_multiplier=2.0, take_profit_atr_multiplier=3.0)), BY_TRADES),
        (Run(FLAGS, risk=Risk(allow_short=True)), BY_TRADES),
        (Run(FLAGS, Costs(commission=0.01), Risk(max_position_size=0.995)), BY_TRADES),
        (Run(FLAGS, Costs(commission=0.01), Risk(max_position_size=0.98)), BY_BARS),
        (Run(FLAGS, Costs(commission=0.0), Risk(max_position_size=0.999)), BY_BARS),
        (Run(FLAGS, Costs(fill="same_close")), BY_BARS),
        (Run(FLAGS, Costs(lot_step=0.01)), BY_BARS),
        (Run(FLAGS, risk=Risk(trailing_stop=0.05)), BY_BARS),
        (Run(FLAGS, risk=Risk(max_daily_loss=0.05)), BY_BARS),
        (Run(SHORT, risk=Risk(allow_short=True)), BY_BARS),
        (Run(Signals(np.ones(N), np.zeros(N)), Costs(commission=0.9), Risk(stop_loss=1e-9)), REFUSED),
    ],
)
def test_the_way_of_a_run(bars: Bars, run: Run, way: str) -> None:
    assert assert_equal(bars, [run]) == [way]


def test_a_refusal_leaves_no_trace(bars: Bars) -> None:
    """Runs before and after one that the trades could not hold are as they are alone."""
    faded = Run(Signals(np.ones(N), np.zeros(N)), Costs(commission=0.9), Risk(stop_loss=1e-9))
    runs = [Run(FLAGS), faded, Run(long_while(CONDITION)), faded, Run(FLAGS, risk=Risk(stop_loss=0.01))]
    assert assert_equal(bars, runs) == [BY_TRADES, REFUSED, BY_TRADES, REFUSED, BY_TRADES]


def test_a_condition_and_its_flags_are_one_run(bars: Bars) -> None:
    held = long_while(CONDITION)
    one, other = scored(bars, [Run(held), Run(Signals(held.entries, held.exits))])
    assert one.way == other.way == BY_TRADES
    assert all(one.metrics[name] == other.metrics[name] for name in Metrics._fields)
    np.testing.assert_array_equal(one.days, other.days)


def test_directions_only_close_where_shorts_are_off(bars: Bars) -> None:
    directions = as_signals(np.where(CONDITION, 1, -1), bars)
    runs = [Run(directions), Run(directions, risk=Risk(allow_short=True))]
    assert assert_equal(bars, runs) == [BY_TRADES, BY_BARS]


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (Run(SHORT), "short_entries: received a short entry at"),
        (Run(FLAGS, risk=Risk(max_daily_loss=0.1)), "max_daily_loss: received bars of 1d"),
    ],
)
def test_what_the_engine_refuses_is_refused(run: Run, message: str) -> None:
    random = np.random.default_rng(1)
    days = Bars.from_frame(frame_of(random, walk(random, N), "1d", False), "A/B", "1d")
    with pytest.raises(InputError, match=message):
        scored(days, [run])
    with pytest.raises(InputError, match=message):
        engine_run(days, run)


def test_threads_share_a_scorer(bars: Bars) -> None:
    """Each works in arrays of its own."""
    runs = [
        Run(long_while(np.arange(N) % (40 + k) > 15), risk=Risk(stop_loss=0.01 * (1 + k % 3)) if k % 2 else Risk())
        for k in range(24)
    ]
    scorer = Scorer(bars, 10_000.0, 4)
    tables = [(np.zeros(len(runs), SCORE), np.zeros((len(runs), 4, 3))) for _ in range(6)]
    start = threading.Barrier(6)

    def work(table: tuple[np.ndarray, np.ndarray], seed: int) -> None:
        start.wait()
        for _ in range(5):
            for row in np.random.default_rng(seed).permutation(len(runs)).tolist():
                scorer.score(runs[row].signals, runs[row].costs, runs[row].risk, *table, row)

    threads = [threading.Thread(target=work, args=(table, seed)) for seed, table in enumerate(tables)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for scores, days in tables[1:]:
        assert scores.tobytes() == tables[0][0].tobytes()
        assert days.tobytes() == tables[0][1].tobytes()
    for row, ours in enumerate(scored(bars, runs)):
        assert metrics_of(tables[0][0][row : row + 1], bars)["sharpe_ratio"][0] == ours.metrics["sharpe_ratio"]


def test_orders_share_one_atr_whatever_the_memo_forgets(bars: Bars) -> None:
    scorer = Scorer(bars, 10_000.0, 4)
    scores, days = np.zeros(1, SCORE), np.zeros((1, 4, 3))
    for k in range(20):
        bars.memo.clear()
        risk = Risk(stop_loss_atr_multiplier=1.0 + k) if k % 2 else Risk(stop_loss=0.01 * k or None)
        scorer.score(FLAGS, Costs(), risk, scores, days, 0)
        known = scorer.columns(True).atr
        assert scorer.columns(True).atr is known
    assert len(scorer._orders) == 20
    assert [len(scorer.columns(needed).atr) for needed in (False, True)] == [0, N]


def test_runs_scored_together_are_those_scored_alone(bars: Bars) -> None:
    """More than are folded at once: rare flags and a flag at each bar, with and without an ATR, and those that are
    simulated bar by bar in between."""
    every = np.ones(N, bool)
    risks = [Risk(), Risk(stop_loss_atr_multiplier=1.5), Risk(trailing_stop=0.02), Risk(max_position_size=0.4)]
    signals = [FLAGS, long_while(CONDITION), Signals(every), Signals(every, np.arange(N) % 2 == 0)]
    runs = [Run(signals[k % 4], risk=risks[k // 4 % 4]) for k in range(3 * scoring.together(N) + 5)]
    scorer = Scorer(bars, 10_000.0, 4)
    together, alone = [(np.zeros(len(runs), SCORE), np.zeros((len(runs), 4, 3))) for _ in range(2)]
    session = scorer.scoring(*together)
    for row, run in enumerate(runs):
        session.add(run.signals, run.costs, run.risk, row)
        scorer.score(run.signals, run.costs, run.risk, *alone, row)
    session.finish()
    assert together[0].tobytes() == alone[0].tobytes()
    assert together[1].tobytes() == alone[1].tobytes()


@pytest.mark.parametrize("at_once", [3, 4, 5, 7, 64])
@pytest.mark.parametrize("held", [1, 2])
def test_fills_are_counted_as_they_come(
    bars: Bars, at_once: int, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Trades that lie across two handfuls, reversals, several fills in a bar, and an open one at the end."""
    monkeypatch.setattr(scoring, "FILLS_AT_ONCE", at_once + 1)
    long = np.arange(N) % (2 * held) < held
    risk = Risk(allow_short=True, stop_loss=0.002, max_position_size=0.5)
    runs = [
        Run(Signals(long, ~long, ~long, long), Costs(commission=1e-6, slippage=0.0), risk),
        Run(Signals(long, ~long), Costs(fill="same_close", commission=1e-6), replace(risk, stop_loss=None)),
        Run(Signals(np.arange(N) == N - 2, np.zeros(N)), risk=risk),
    ]
    assert assert_equal(bars, runs) == [BY_BARS] * 3


def test_metrics_of_many_records_are_those_of_each(bars: Bars) -> None:
    """One by one, as Python values, and all at once, as arrays."""
    runs = [Run(long_while(np.arange(N) % (40 + k) > 15)) for k in range(5)] + [Run(long_while(CONDITION & ~CONDITION))]
    scorer = Scorer(bars, 10_000.0, 4)
    scores, days = np.zeros(len(runs), SCORE), np.zeros((len(runs), 4, 3))
    for row, run in enumerate(runs):
        scorer.score(run.signals, run.costs, run.risk, scores, days, row)
    columns = metrics_of(scores, bars)
    assert list(columns) == list(Metrics._fields)
    assert columns["n_trades"].dtype == np.int64
    for row in range(len(runs)):
        single = measure(scores[row : row + 1], bars)
        for name, value in single._asdict().items():
            assert (pd.isna(value) and pd.isna(columns[name][row])) or value == columns[name][row], name
    assert pd.isna(columns["average_holding_time"][-1])
    assert columns["n_trades"][-1] == 0


@pytest.mark.parametrize("days", [1, 2, 7, 16, 17, 100])
@pytest.mark.parametrize("blocks", [1, 3, 16])
def test_days_fold_into_blocks(days: int, blocks: int) -> None:
    random = np.random.default_rng(days)
    equity = 100 * np.exp(np.cumsum(random.normal(0, 0.1, days)))
    out = np.full((blocks, 3), -7.0)
    fold_days(90.0, equity, out)
    returns = equity / np.concatenate([[90.0], equity[:-1]]) - 1.0
    for part, (count, total, squares) in zip(np.array_split(returns, blocks), out, strict=True):
        assert count == len(part)
        assert total == pytest.approx(part.sum(), rel=1e-13, abs=1e-13)
        assert squares == pytest.approx((part**2).sum(), rel=1e-13)


def test_days_after_a_ruin_are_unknown() -> None:
    out = np.zeros((3, 3))
    fold_days(10.0, np.array([5.0, -1.0, -1.0]), out)
    assert out[:, 0].tolist() == [1, 1, 1]
    assert out[:2, 1].tolist() == [-0.5, -1.2]
    assert np.isnan(out[2, 1:]).all()


def test_a_day_is_the_utc_day_of_its_bars_opens(hourly_frame: pd.DataFrame) -> None:
    """A bar that opens at 23:00 closes at midnight and belongs to the day before; days without bars are none."""
    frame = hourly_frame[5:100].drop(hourly_frame.index[30:72])
    bars = as_bars(frame)
    hours = bars.index.hour.to_numpy()
    run = Run(long_while(hours % 5 < 3))
    (ours,) = scored(bars, [run], blocks=3)
    assert ours.days[:, 0].tolist() == [2, 1, 1]  # the 1st and 2nd of January, the 4th, and four hours of the 5th
    assert ours.days[:, 0].sum() == len(set(bars.index.date))
    assert_equal(bars, [run, replace_costs(run, commission=0.0)], blocks=3)


def replace_costs(run: Run, **fields: Any) -> Run:
    return run._replace(costs=replace(run.costs, **fields))
