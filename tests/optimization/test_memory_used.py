"""Memory that a sweep really takes, beside the budget it was given: a process of its own each, its peak above before.

The predictions themselves are in test_planning; here are the shapes of sweeps that once took more than they said.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryptolab.backtesting import Costs, Risk
from cryptolab.backtesting.scoring import Scorer
from cryptolab.bars import Bars
from cryptolab.optimization.grid import make_grid
from cryptolab.optimization.local import run_local
from cryptolab.optimization.planning import Plan
from cryptolab.optimization.task import StrategySource, Task
from cryptolab.signal_generator import Signals, Strategy, long_while
from tests.optimization.markets import frame_of, walk

measured = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the peak of a process is known on Linux"
)

ROOT = Path(__file__).resolve().parents[2]

PREPARE = """
    import re
    import numpy as np
    import pandas as pd
    from cryptolab.backtesting import Costs, Risk
    from cryptolab.bars import Bars
    from cryptolab.indicators import EMA
    from cryptolab.optimization import sweep
    from cryptolab.signal_generator import Signals, long_while, strategy

    def market(n, symbol="A/B", seed=0):
        close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 1e-3, n)))
        open_ = np.concatenate([[100.0], close[:-1]])
        high, low = np.maximum(open_, close) * 1.0005, np.minimum(open_, close) * 0.9995
        columns = {"open": open_, "high": high, "low": low, "close": close, "volume": np.ones(n)}
        return Bars.from_frame(pd.DataFrame(columns, pd.date_range("2024", periods=n, freq="1min", tz="UTC")), symbol)

    def cross(bars, fast=9, slow=21):
        return long_while(EMA(bars, period=fast) > EMA(bars, period=slow))

    def memory(key):
        return int(re.search(key + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
"""

MEASURE = """
    run({small})  # kernels and modules are there
    data = {data}
    open("/proc/self/clear_refs", "w").write("5")  # the peak starts anew
    before = memory("VmRSS")
    result = run(data)
    print("added", memory("VmHWM") - before, "rows", len(result.table), "failed", len(result.errors))
"""


def added(run: str, data: str, small: str = "market(3000)") -> tuple[float, int]:
    """Return (MB that `run(data)` added at its peak, rows of its table)."""
    parts = (PREPARE, run, MEASURE.format(data=data, small=small))
    program = "\n".join(textwrap.dedent(part) for part in parts)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = re.search(r"added (-?\d+) rows (\d+) failed 0", done.stdout)
    assert found is not None, done.stdout
    return int(found[1]) / 1e6, int(found[2])


@measured
def test_many_stops_share_one_atr() -> None:
    """Of a strategy with so many columns that the memo forgets the ATR now and then."""
    run = """
    def ribbon(bars, period=10):
        return long_while(np.mean([EMA(bars, period=period + k) for k in range(6)], axis=0) > bars.close)

    def run(data):
        grid = {
            "period": range(10, 1800, 6), "stop_loss_atr_multiplier": [1 + k / 100 for k in range(400)],
        }
        return sweep(ribbon, data, grid, samples=700, n_jobs=1, memory="75MB")
    """
    used, rows = added(run, "market(200_000)")
    assert rows == 700
    assert used <= 75


@measured
def test_a_trade_on_every_bar_takes_no_more_than_a_trade_a_day() -> None:
    """Accounts that are simulated bar by bar, the orders of a run being many times its bars."""
    run = """
    def often(bars, shift=0):
        held = (np.arange(len(bars)) + shift) % 2 == 0
        return Signals(held, ~held, ~held, held)

    def run(data):
        risk = Risk(max_position_size=0.1, allow_short=True)
        return sweep(often, data, {"shift": range(8)}, costs=Costs(commission=0, slippage=0), risk=risk, n_jobs=2,
                     memory="90MB")
    """
    used, rows = added(run, "market(400_000)")
    assert rows == 8
    assert used <= 90


@measured
def test_many_symbols_and_threads() -> None:
    """A chunk or two each: as many symbols as threads are under way at once."""
    run = """
    def run(data):
        return sweep(cross, data, {"fast": [5, 6], "slow": [20, 30]}, n_jobs=8, memory="100MB")
    """
    used, rows = added(
        run,
        "[market(150_000, f'S{k}/USDT', k) for k in range(12)]",
        "[market(3000, f'S{k}/USDT', k) for k in range(2)]",
    )
    assert rows == 48
    assert used <= 100


@measured
def test_short_symbols_behind_a_long_one_are_left_as_they_are_done() -> None:
    run = """
    import time

    def slow_at_first(bars, period=9):
        if len(bars) > 100_000:
            time.sleep(0.3)
        return long_while(EMA(bars, period=period) > bars.close)

    def run(data):
        return sweep(slow_at_first, data, {"period": [9, 10, 11]}, n_jobs=2, memory="90MB")
    """
    used, rows = added(
        run, "[market(150_000 if k == 0 else 60_000, f'S{k}/USDT', k) for k in range(25)]",
        "[market(3000, f'S{k}/USDT', k) for k in range(2)]",
    )  # fmt: skip
    assert rows == 75
    assert used <= 90


@measured
def test_frames_that_an_indicator_gives_are_counted() -> None:
    run = """
    from cryptolab.indicators import indicator

    def bands(close, period=20):
        mean = pd.Series(close).rolling(period).mean()
        return pd.DataFrame({"low": mean * 0.99, "mean": mean, "high": mean * 1.01})

    def band_break(bars, period=20):
        found = bars.remember(("bands", period), lambda: bands(bars.close, period))
        return long_while(bars.close > found["mean"].to_numpy())

    def run(data):
        return sweep(band_break, data, {"period": range(10, 60)}, n_jobs=1, memory="60MB")
    """
    used, rows = added(run, "market(100_000)")
    assert rows == 50
    assert used <= 60


@pytest.mark.parametrize("threads", [1, 3])
def test_no_more_symbols_have_tables_than_there_are_threads(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads the rows may be slow; and each symbol is left with its last chunk, not before."""
    random = np.random.default_rng(0)
    symbols = tuple(
        Bars.from_frame(frame_of(random, 100 * walk(random, 500), "1h", False), f"S{k}/USDT", "1h") for k in range(12)
    )
    task = Task(
        StrategySource(Strategy(held_for)), symbols, make_grid({"bars_held": [3, 4, 5]}), ("bars_held",), (), (),
        Costs(), Risk(), 10_000.0, 4,
    )  # fmt: skip
    under_way, made, most = set(), [], []
    leave = Task.leave

    class Counted(Scorer):
        def __init__(self, bars: Bars, *options: Any) -> None:
            made.append(bars.symbol)
            under_way.add(bars.symbol)
            most.append(len(under_way))
            super().__init__(bars, *options)

    def left(task: Task, numbers: Sequence[int]) -> None:
        under_way.difference_update(task.bars[number].symbol for number in numbers)
        leave(task, numbers)

    monkeypatch.setattr("cryptolab.optimization.task.Scorer", Counted)
    monkeypatch.setattr(Task, "leave", left)
    chunks = tuple(np.arange(3 * symbol + a, 3 * symbol + b) for symbol in range(12) for a, b in ((0, 2), (2, 3)))
    rows = 0
    for part in run_local(task, Plan(threads, 10**6, chunks, {}, 10**9), threading.Event()):
        time.sleep(0.02)
        rows += len(part.numbers)
    assert rows == 36
    assert sorted(made) == sorted(bars.symbol for bars in symbols)  # once each
    assert max(most) <= threads
    assert under_way == set()


def held_for(bars: Bars, bars_held: int = 3) -> Signals:
    return long_while(np.arange(len(bars)) % 7 < bars_held)
