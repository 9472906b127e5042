"""The door of `sweep`: the same table however it is computed, what fails is noted, what cannot run is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryptolab.backtesting import BacktestEngine, Costs, Risk
from cryptolab.backtesting.metrics import Metrics
from cryptolab.bars import Bars
from cryptolab.errors import InputError, RunError, SetError, UnknownNameError
from cryptolab.indicators import EMA
from cryptolab.optimization import SweepResult, planning, sweep, sweeping
from cryptolab.signal_generator import Signals, ema_cross, long_while
from tests.optimization.broken_off_sweep import market

ROOT = Path(__file__).resolve().parents[2]
BARS = market()
GRID: dict[str, Any] = {"fast": [3, 5, 8], "slow": [10, 20, 30], "stop_loss": [None, 0.02], "commission": [0.0, 0.002]}


def swept(grid: dict[str, Any] | None = None, **options: Any) -> SweepResult:
    return sweep(ema_cross, options.pop("data", BARS), grid or GRID, **{"progress": False, "n_jobs": 2, **options})


@pytest.fixture(scope="module")
def whole() -> SweepResult:
    """The sweep on one thread, all at once."""
    return swept(n_jobs=1)


def assert_identical(ours: SweepResult, theirs: SweepResult) -> None:
    """Each bit of each row."""
    for name in ("numbers", "scores", "days"):
        assert getattr(ours.rows, name).tobytes() == getattr(theirs.rows, name).tobytes(), name
    assert ours.rows.errors == theirs.rows.errors
    pd.testing.assert_frame_equal(ours.table, theirs.table, check_exact=True)
    assert ours.complete
    assert theirs.complete


# ---- the same table ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [2, 3, 7, None])
def test_any_number_of_threads_gives_the_same_table(whole: SweepResult, threads: int | None) -> None:
    assert_identical(swept(n_jobs=threads), whole)


@pytest.mark.parametrize("memory", ["700 kB", 2_000_000, "1 GB"])
def test_any_budget_gives_the_same_table(whole: SweepResult, memory: Any) -> None:
    assert_identical(swept(memory=memory), whole)


@pytest.mark.parametrize("seed", range(6))
def test_any_chunks_in_any_order_give_the_same_table(
    whole: SweepResult, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shuffled(*given: Any, **options: Any) -> planning.Plan:
        plan = planning.make_plan(*given, **options)
        random = np.random.default_rng(seed)
        rows = random.permutation(np.concatenate(plan.chunks))
        cuts = np.sort(random.choice(np.arange(1, len(rows)), 5 * seed, replace=False))
        return replace(plan, chunks=tuple(np.split(rows, cuts)), memo=int(random.choice([0, 10_000, 10**7])))

    monkeypatch.setattr(sweeping, "make_plan", shuffled)
    assert_identical(swept(), whole)


def test_a_row_does_not_depend_on_the_rest_of_the_grid(whole: SweepResult) -> None:
    for fast, slow, stop, commission in [(5, 20, None, 0.002), (8, 30, 0.02, 0.0)]:
        alone = swept({"fast": fast, "slow": slow, "stop_loss": [stop], "commission": commission})
        named = {"fast": fast, "slow": slow, "stop_loss": stop, "commission": commission}
        place = whole.row(named).number
        assert alone.rows.scores.tobytes() == whole.rows.scores[[place]].tobytes()
        assert alone.rows.days.tobytes() == whole.rows.days[[place]].tobytes()


def test_costs_in_the_grid_are_costs_outside_of_it(whole: SweepResult) -> None:
    inside = whole.table.xs(0.002, level="commission")
    outside = swept({name: GRID[name] for name in ("fast", "slow", "stop_loss")}, costs=Costs(commission=0.002))
    pd.testing.assert_frame_equal(outside.table, inside, check_exact=True)


@pytest.mark.parametrize("as_mapping", [True, False])
def test_symbols_are_swept_as_each_alone(whole: SweepResult, as_mapping: bool) -> None:
    """Of other lengths and timeframes too."""
    others = [
        replace(market(800, seed=8), symbol="ETH/USDT"),
        replace(market(700, seed=9).resample("4h"), symbol="SOL/USDT"),
    ]
    data: Any = [BARS, *others]
    results = swept(data={bars.symbol: bars for bars in data} if as_mapping else data)
    assert len(results) == 3 * len(whole)
    pd.testing.assert_frame_equal(results.table.loc["BTC/USDT"], whole.table, check_exact=True)
    for bars in others:
        alone = swept(data=bars)
        pd.testing.assert_frame_equal(results.table.loc[bars.symbol], alone.table, check_exact=True)


def test_a_frame_with_unpriced_rows_is_swept_as_the_engine_takes_it() -> None:
    frame = BARS.frame()
    frame.iloc[[7, 8, 100], :4] = np.nan
    table = swept({"fast": [3, 5], "slow": 20}, data=frame).table
    for fast, (_, row) in zip((3, 5), table.iterrows(), strict=True):
        result = BacktestEngine().run(frame, ema_cross(frame, fast=fast, slow=20))
        np.testing.assert_allclose(row["cagr":"longest_drawdown"].iloc[:5].astype(float), [
            result.cagr, result.sharpe_ratio, result.sortino_ratio, result.calmar_ratio, result.max_drawdown
        ], rtol=1e-9)  # fmt: skip
        assert row["longest_drawdown"] == result.longest_drawdown


def test_the_capital_is_what_is_said() -> None:
    grid = {"fast": [3, 5], "slow": 20}
    small, large = swept(grid, initial_capital=1.0).table, swept(grid, initial_capital=1e6).table
    np.testing.assert_allclose(large["fees_paid"], 1e6 * small["fees_paid"], rtol=1e-9)
    np.testing.assert_allclose(large["total_return"], small["total_return"], rtol=1e-9)


def test_a_name_of_the_catalogue_and_a_plain_function_are_strategies(whole: SweepResult) -> None:
    def crossing(bars: Bars, fast: int = 9, slow: int = 21) -> Signals:
        return long_while(EMA(bars, period=fast) > EMA(bars, period=slow))

    for strategy in ("ema_cross", crossing):
        found = sweep(strategy, BARS, GRID, progress=False)
        pd.testing.assert_frame_equal(found.table, whole.table, check_exact=True)


def test_it_may_be_called_from_another_thread(whole: SweepResult) -> None:
    """Where no signal can be caught."""
    found: list[SweepResult] = []
    thread = threading.Thread(target=lambda: found.append(swept()))
    thread.start()
    thread.join()
    assert_identical(found[0], whole)


def test_metrics_choose_and_order_the_columns() -> None:
    grid = {"fast": [3, 5]}
    assert list(swept(grid, metrics=["n_trades", "cagr", "n_trades"]).table.columns) == ["n_trades", "cagr"]
    assert list(swept(grid, metrics="calmar_ratio").table.columns) == ["calmar_ratio"]
    assert list(swept(grid).table.columns) == list(Metrics._fields)


# ---- sets that fail ----------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[Callable[[Bars], Any], str]] = {
    "raises": (lambda bars: 1 / 0, "ZeroDivisionError: division by zero"),
    "wrong length": (lambda bars: np.ones(len(bars) - 1), "499 rows for 500 bars"),
    "wrong type": (lambda bars: "buy", "a str"),
    "nothing": (lambda bars: None, "a NoneType"),
    "no directions": (lambda bars: np.full(len(bars), 2), "received 2 at"),
    "bare booleans": (lambda bars: np.ones(len(bars), bool), r"write long_while"),
    "a foreign index": (lambda bars: pd.Series(0, bars.index + pd.Timedelta("1h")), "that differs"),
    "a short": (lambda bars: Signals(np.zeros(500), short_entries=np.arange(500) == 9), "a short entry at 2024-01-01"),
    "NaN": (lambda bars: {"entries": np.full(500, np.nan)}, "NaN in row 0"),
}


def failing(wrong: Callable[[Bars], Any]) -> Callable[..., Any]:
    def idea(bars: Bars, period: int = 10) -> Any:
        return wrong(bars) if period == 12 else long_while(bars.close > EMA(bars, period=period))

    return idea


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("at", [0, 2, 4])
def test_a_set_that_fails_is_noted_in_its_row_and_the_rest_goes_on(kind: str, at: int) -> None:
    """The first one too, which is the one that is measured before."""
    wrong, sentence = WRONG[kind]
    periods = [5, 7, 9, 11]
    good = sweep(failing(wrong), BARS, {"period": periods, "slippage": [0.0, 0.001]}, progress=False)
    assert "error" not in good.table
    asked = [*periods[:at], 12, *periods[at:]]
    results = sweep(failing(wrong), BARS, {"period": asked, "slippage": [0.0, 0.001]}, progress=False)
    assert results.complete
    table = results.table
    assert table["error"].notna().sum() == len(results.errors) == 2
    for slippage in (0.0, 0.001):
        said = table.loc[(12, slippage), "error"]
        assert pd.Series([said]).str.contains(sentence).all(), said
        assert "period=12" in said
        assert table.loc[(12, slippage), list(Metrics._fields)].isna().all()
    assert np.isnan(results.blocks[2 * at : 2 * at + 2]).all()
    rest = table.drop(index=12, level="period").drop(columns="error")
    np.testing.assert_array_equal(rest["sharpe_ratio"], good.table["sharpe_ratio"])
    kept = np.delete(results.blocks, [2 * at, 2 * at + 1], axis=0)
    np.testing.assert_array_equal(kept, good.blocks)


@pytest.mark.parametrize("kind", WRONG)
def test_a_set_that_fails_stops_the_sweep_where_that_is_wanted(kind: str) -> None:
    wrong, sentence = WRONG[kind]
    for periods in ([12, 5], [5, 7, 9, 12]):
        with pytest.raises(SetError, match=sentence) as caught:
            sweep(failing(wrong), BARS, {"period": periods}, on_error="raise", progress=False)
        assert "period=12" in str(caught.value)


def test_what_the_strategy_raised_is_the_cause() -> None:
    with pytest.raises(RunError) as caught:
        sweep(failing(WRONG["raises"][0]), BARS, {"period": [5, 12]}, on_error="raise", progress=False)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("data", [BARS, [BARS, replace(BARS, symbol="ETH/USDT")]], ids=["one", "two"])
def test_a_sweep_of_which_all_sets_fail_is_an_error(data: Any) -> None:
    with pytest.raises(RunError, match=r"^sweep: all \d sets failed, the first: .*period=12.*ZeroDivisionError"):
        sweep(failing(WRONG["raises"][0]), data, {"period": [12], "slippage": [0.0, 0.1]}, progress=False)


def test_a_set_that_fails_on_one_symbol_is_a_row_of_the_other() -> None:
    def picky(bars: Bars, period: int = 10) -> Signals:
        if bars.symbol == "ETH/USDT" and period == 5:
            raise ValueError("not this one")
        return long_while(bars.close > EMA(bars, period=period))

    results = sweep(picky, [BARS, replace(BARS, symbol="ETH/USDT")], {"period": [4, 5]}, progress=False)
    assert results.errors.index.tolist() == [("ETH/USDT", 5)]
    assert "ETH/USDT, period=5" in results.errors.iloc[0]
    assert results.table["total_return"].notna().tolist() == [True, True, True, False]


def test_a_keyboard_interrupt_in_the_strategy_is_not_noted_as_a_failure() -> None:
    def stopped(bars: Bars, period: int = 1) -> Signals:
        if period == 3:
            raise KeyboardInterrupt
        return long_while(bars.close > 0)

    with pytest.raises(KeyboardInterrupt):
        sweep(stopped, BARS, {"period": [1, 2, 3]}, progress=False)


# ---- refused before anything runs --------------------------------------------------------------------------------


def never(bars: Bars, fast: int = 9, slow: int = 21, stop_loss: float = 0.1) -> Signals:
    raise AssertionError("the strategy was called")


def refused(message: str, grid: Any, error: type[Exception] = InputError, **options: Any) -> None:
    def untouched(bars: Bars, fast: int = 9, slow: int = 21) -> Signals:
        pytest.fail("the strategy was called")

    strategy = options.pop("strategy", untouched)
    with pytest.raises(error, match=message):
        sweep(strategy, options.pop("data", BARS), grid, progress=False, **options)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({}, r"grid: received no names"),
        (None, r"grid: received none; give one, as in \{'fast'"),
        ([1, 2], r"grid: received a list"),
        ({"fast": []}, r"grid 'fast': received no values"),
        ({"fast": [1, 1]}, r"1 twice"),
        ({"fasst": [1]}, r"unknown parameter of untouched, Costs or Risk 'fasst': did you mean 'fast'"),
        ({"comission": [0.1]}, r"did you mean 'commission'"),
        ({"stop_los": [0.1]}, r"did you mean 'stop_loss'"),
        ({"fast": [1], "initial_capital": [5.0]}, r"unknown parameter of untouched, Costs or Risk 'initial_capital'"),
    ],
)
def test_names_that_cannot_be_are_refused(grid: Any, message: str) -> None:
    refused(message, grid, UnknownNameError if "unknown" in message or "did you" in message else InputError)


def test_a_name_that_is_both_the_strategys_and_a_rules_is_refused() -> None:
    refused(r"received a name that both never and Risk have; rename", {"stop_loss": [0.1]}, strategy=never)

    def costly(bars: Bars, commission: float = 0.1) -> Signals:
        pytest.fail("the strategy was called")

    refused(r"received a name that both costly and Costs have", {"commission": [0.1]}, strategy=costly)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"commission": [0.0, -0.1]}, r"commission: received -0.1"),
        ({"commission": [0.0, 1.0]}, r"commission: received 1"),
        ({"slippage": [0.0, "much"]}, r"slippage: received 'much'"),
        ({"fill": ["next_open", "nextopen"]}, r"fill: received 'nextopen'; did you mean 'next_open'"),
        ({"max_wait": [0, 1.5]}, r"max_wait: received 1.5"),
        ({"lot_step": [0.1, -1]}, r"lot_step: received -1"),
        ({"max_position_size": [0.0, 1.0]}, r"max_position_size: received 0"),
        ({"max_position_size": [0.5, 1.1]}, r"max_position_size: received 1.1"),
        ({"stop_loss": [None, 1.0]}, r"stop_loss: received 1"),
        ({"take_profit": [None, 0.0]}, r"take_profit: received 0"),
        ({"trailing_stop": [True, 0.5]}, r"trailing_stop: received (True|1.0)"),
        ({"allow_short": [True, "no"]}, r"allow_short: received 'no'"),
        (
            {"stop_loss": [None, 0.1], "stop_loss_atr_multiplier": [None, 2.0]},
            r"stop_loss: received 0.1 together with stop_loss_atr_multiplier",
        ),
    ],
)
def test_rules_that_cannot_be_are_refused(grid: dict[str, Any], message: str) -> None:
    """However far back in the grid they are."""
    refused(message, {"fast": range(1, 6), **grid})


def test_a_daily_loss_on_daily_bars_is_refused() -> None:
    days = market(24 * 30).resample("1d")
    refused("max_daily_loss: received bars of 1d", {"fast": [1, 2], "max_daily_loss": [None, 0.1]}, data=days)
    refused("max_daily_loss: received bars of 1d", {"fast": [1, 2]}, data=days, risk=Risk(max_daily_loss=0.1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["sharp_ratio"]}, "unknown metric 'sharp_ratio': did you mean 'sharpe_ratio'"),
        ({"metrics": []}, "metrics: received no names"),
        ({"n_jobs": 0}, "n_jobs: received 0"),
        ({"n_jobs": 1.5}, "n_jobs: received 1.5"),
        ({"blocks": 0}, "blocks: received 0"),
        ({"initial_capital": 0}, "initial_capital: received 0"),
        ({"initial_capital": float("nan")}, "initial_capital: received nan"),
        ({"on_error": "ignore"}, r"on_error: received 'ignore'; .*\(record \| raise\)"),
        ({"memory": "much"}, "memory: received 'much'"),
        ({"where": "fast > 9"}, "where: received conditions that hold for none of 2 sets"),
        ({"where": "fsat > 1"}, "did you mean 'fast'"),
        ({"data": []}, "data: received no symbols"),
        ({"data": {}}, "data: received no symbols"),
        ({"data": [BARS, BARS]}, "data: received BTC/USDT twice"),
        ({"data": "BTC/USDT"}, "bars: received a str"),
        ({"data": {"ETH/USDT": BARS}}, "symbol: received 'ETH/USDT' for bars of BTC/USDT"),
        ({"checkpoint": 5}, "checkpoint: received an int; name a file"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    refused(message, {"fast": [1, 2]}, **options)


def test_a_budget_too_small_is_refused_with_the_numbers() -> None:
    with pytest.raises(InputError, match=r"memory: received 20 KB for .* needs .* \(results .*, market tables"):
        swept(memory="20 kB")


def test_what_is_no_strategy_is_refused() -> None:
    for strategy, message in (
        (5, "strategy: received an int; give a strategy, its name, a function"),
        (None, "strategy: received a NoneType; give a strategy"),
        (Signals([True]), "strategy: received a Signals; give a strategy"),
        ({"entries": 1}, "matrix 'entries': received 0 dimensions; give one row per bar"),
    ):
        with pytest.raises(InputError, match=message):
            sweep(strategy, BARS, {"fast": [1]}, progress=False)
    with pytest.raises(UnknownNameError, match="did you mean 'ema_cross'"):
        sweep("ema_cros", BARS, {"fast": [1]}, progress=False)


# ---- checkpoints and Ctrl-C --------------------------------------------------------------------------------------


def counted(calls: list[int]) -> Callable[..., Signals]:
    def idea(bars: Bars, period: int = 10) -> Signals:
        calls.append(period)
        return long_while(bars.close > EMA(bars, period=period))

    return idea


def test_a_finished_checkpoint_gives_the_table_without_a_call(tmp_path: Path) -> None:
    calls: list[int] = []
    first = sweep(counted(calls), BARS, {"period": range(5, 15)}, checkpoint=tmp_path / "file", progress=False)
    calls.clear()
    again = sweep(counted(calls), BARS, {"period": range(5, 15)}, checkpoint=tmp_path / "file", progress=False)
    assert calls == []
    assert_identical(again, first)


def test_a_checkpoint_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"checkpoint: received .*absent.*, in a folder that is not there"):
        swept({"fast": [3, 5]}, checkpoint=tmp_path / "absent" / "file")


def test_the_checkpoint_of_another_sweep_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    swept({"fast": [3, 5]}, checkpoint=path)
    for differs, options in {
        r"grid \(2 sets \w+ there, 2 sets \w+ here\); ": {"grid": {"fast": [3, 6]}},
        r"costs \(commission=\S+ there, commission=0.5 here\); ": {"costs": Costs(commission=0.5)},
        r"costs \(max_wait=1 there, max_wait=2 here\), risk \(stop_loss=None there, stop_loss=0.5 here\); ": {
            "costs": Costs(max_wait=2), "risk": Risk(stop_loss=0.5),
        },
        r"risk \(allow_short=False there, allow_short=True here\); ": {"risk": Risk(allow_short=True)},
        "data": {"data": BARS[:400]},
        r"initial_capital \(10000.0 there, 5.0 here\); ": {"initial_capital": 5.0},
        r"blocks \(16 there, 3 here\); ": {"blocks": 3},
    }.items():  # fmt: skip
        with pytest.raises(InputError, match=f"the file of a sweep with other {differs}"):
            swept(**{"grid": {"fast": [3, 5]}, "checkpoint": path, **options})
    with pytest.raises(InputError, match="the file of a sweep with other strategy"):
        sweep(counted([]), BARS, {"period": [3, 5]}, checkpoint=path, progress=False)


def test_an_error_in_the_middle_leaves_what_was_finished(tmp_path: Path) -> None:
    """With on_error="raise" too: mended, the sweep goes on from there."""
    broken = threading.Event()  # the strategy's own state is no part of the sweep's identity, a number would be
    broken.set()

    def idea(bars: Bars, period: int = 10) -> Signals:
        time.sleep(0.002)
        if broken.is_set() and period == 25:
            raise OSError("the disk is full")
        return long_while(bars.close > EMA(bars, period=period))

    sets, path = {"period": range(5, 30)}, tmp_path / "file"
    with pytest.raises(RunError, match="OSError: the disk is full"):
        sweep(idea, BARS, sets, n_jobs=1, on_error="raise", checkpoint=path, progress=False)
    broken.clear()
    assert path.stat().st_size > 5_000
    went_on = sweep(idea, BARS, sets, n_jobs=1, on_error="raise", checkpoint=path, progress=False)
    assert_identical(went_on, sweep(idea, BARS, sets, progress=False))


def interrupting(at: int, times: int) -> Callable[..., Signals]:
    """A strategy at whose set `at` somebody presses Ctrl-C, so many times; not in the calls that measure."""
    pressed = threading.Event()

    def idea(bars: Bars, period: int = 10) -> Signals:
        if period == at and not pressed.is_set():
            for _ in range(times):
                pressed.set()
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.1)
        return long_while(bars.close > EMA(bars, period=period))

    return idea


def test_ctrl_c_gives_the_finished_part(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    sets, path = {"period": range(5, 105)}, tmp_path / "file"
    strategy = interrupting(50, 1)
    part = sweep(strategy, BARS, sets, n_jobs=1, checkpoint=path, progress=False)
    assert signal.getsignal(signal.SIGINT) is before
    assert not part.complete
    assert 0 < len(part) < 100
    assert part.best().metrics["sharpe_ratio"] == part.table["sharpe_ratio"].max()
    all_of_it = sweep(strategy, BARS, sets, n_jobs=2, checkpoint=path, progress=False)
    assert_identical(all_of_it, sweep(strategy, BARS, sets, progress=False))
    pd.testing.assert_frame_equal(all_of_it.table.loc[part.table.index], part.table, check_exact=True)


def test_a_second_ctrl_c_interrupts() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        sweep(interrupting(50, 2), BARS, {"period": range(5, 105)}, n_jobs=1, progress=False)
    assert signal.getsignal(signal.SIGINT) is before


def check_broken_off(folder: Path, kills: int, seed: int) -> None:
    command = [sys.executable, "-m", "tests.optimization.broken_off_sweep", str(folder), str(kills), str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    whole = {"rows": report["wanted"], "complete": True, "part": True, "table": True}
    interrupted = report["interrupted"]
    assert 0 < interrupted["rows"] < report["wanted"]
    assert not interrupted["complete"]
    assert interrupted["part"]
    assert report["went on"] == whole
    assert report["failed"] == 2
    assert sum("killed" in kill for kill in report["kills"]) > kills / 2
    assert sum(kill.get("killed", 0) > 0 for kill in report["kills"]) >= 2
    assert report["ended"] == whole


def test_a_sweep_broken_off_goes_on_and_ends_with_the_same_table(tmp_path: Path) -> None:
    check_broken_off(tmp_path, kills=6, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_sweeps_broken_off_again_and_again(tmp_path: Path, seed: int) -> None:
    check_broken_off(tmp_path, kills=10, seed=seed)
