"""`cryptolab sweep` as a user meets it: what it prints and writes, and what it refuses."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pytest

from cryptolab.backtesting import Costs, Risk
from cryptolab.cli.printing import plain
from cryptolab.data_fetchers import simulate
from cryptolab.optimization import SweepResult
from cryptolab.optimization import sweep as sweep_of
from cryptolab.optimization.scales import written
from tests.cli.calls import sentence

Called = Callable[..., subprocess.CompletedProcess[str]]

MARKET = ("sweep", "ema_cross", "--simulated", "--bars", "1500")
SMALL = (*MARKET, "--grid", "fast=4:12:2", "--grid", "slow=10:40:10")
GRID = {"fast": range(4, 13, 2), "slow": range(10, 41, 10)}


@pytest.fixture(scope="module")
def expected() -> SweepResult:
    """What the small sweep gives when it is called from Python."""
    return sweep_of("ema_cross", simulate(1500, "1h", 7), GRID, where="fast < slow", progress=False)


def strict(text: str) -> Any:
    """Return what JSON says, NaN and the like refused: no other language reads them."""

    def refused(name: str) -> NoReturn:
        raise AssertionError(name)

    return json.loads(text, parse_constant=refused)


def test_the_best_rows_are_those_of_the_sweep(called: Called, expected: SweepResult) -> None:
    done = called(*SMALL, "--where", "fast < slow", "--top", "3")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    simulated, said, head, *rows, hill = done.stdout.splitlines()
    assert simulated == "SIMULATED market"
    assert said.startswith("ema_cross on SIM/USDT: 18 sets over 1,500 bars of 1h in ")
    assert said.endswith("bar-simulations a second.")
    assert head.split()[:4] == ["fast", "slow", "Sharpe", "ratio"]
    best = expected.best()
    shown = [str(best.params["fast"]), str(best.params["slow"])]
    shown += [plain(written(name, best.metrics[name])) for name in ("sharpe_ratio", "total_return", "max_drawdown")]
    assert done.stdout.isascii()
    assert re.split(" {2,}", rows[0])[:5] == shown
    table = expected.top(count=3)
    assert [tuple(map(int, row.split()[:2])) for row in rows] == list(table.index)
    assert hill == plain(str(expected.plateau()))


def test_another_metric_comes_first_and_its_smallest_is_the_best(called: Called, expected: SweepResult) -> None:
    done = called(*SMALL, "--where", "fast < slow", "--metric", "longest_drawdown", "--top", "1")
    head, row, hill = done.stdout.splitlines()[2:]
    assert head.split()[2:4] == ["Longest", "drawdown"]
    best = expected.best("longest_drawdown")
    assert row.split()[:2] == [str(value) for value in best.params.values()]
    assert written("longest_drawdown", best.metrics["longest_drawdown"]) in row
    assert hill == plain(str(expected.plateau("longest_drawdown")))


def test_the_json_is_strict_and_complete(called: Called, expected: SweepResult, tmp_path: Path) -> None:
    file = tmp_path / "table.parquet"
    done = called(*SMALL, "--where", "fast < slow", "--json", "--top", "2", "--output", file)
    assert done.returncode == 0, done.stderr
    found = strict(done.stdout)
    best = expected.best()
    assert found["strategy"] == "ema_cross"
    assert found["grid"] == {"fast": [4, 6, 8, 10, 12], "slow": [10, 20, 30, 40]}
    assert (found["sets"], found["rows"], found["rows_wanted"], found["complete"]) == (18, 18, 18, True)
    assert found["symbols"][0]["fingerprint"] == expected.task.bars[0].fingerprint
    assert found["metric"] == "sharpe_ratio"
    assert len(found["best"]) == 2
    assert found["best"][0]["params"] == best.params
    numbers = found["best"][0]["metrics"]
    lengths = ("longest_drawdown", "average_holding_time")
    assert numbers.keys() == {f"{name}_seconds" if name in lengths else name for name in best.metrics}
    assert numbers["sharpe_ratio"] == best.metrics["sharpe_ratio"]
    assert numbers["longest_drawdown_seconds"] == best.metrics["longest_drawdown"].total_seconds()
    hill = expected.plateau()
    assert found["plateau"]["verdict"] == hill.verdict
    assert found["plateau"]["sentence"] == str(hill)
    steadiest = found["plateau"]["steadiest"]
    assert (steadiest and steadiest["params"]) == (hill.steadiest and hill.steadiest.params)
    assert found["failed"] == {"rows": 0, "first": None}
    assert found["output"] == str(file)


def test_the_table_is_written_for_pandas(called: Called, expected: SweepResult, tmp_path: Path) -> None:
    file = tmp_path / "table.parquet"
    done = called(*SMALL, "--where", "fast < slow", "--output", file)
    assert done.stdout.splitlines()[-1] == f"Table: {file}"
    pd.testing.assert_frame_equal(pd.read_parquet(file)[list(expected.table)], expected.table)


def test_a_table_that_cannot_be_written_takes_nothing_from_the_screen(
    called: Called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.write_table", full)
    done = called(*SMALL, "--output", tmp_path / "table.parquet")
    assert done.returncode == 2
    assert "Sharpe ratio" in done.stdout
    assert "Table:" not in done.stdout
    (line,) = done.stderr.splitlines()
    assert "No space left on device" in line
    assert list(tmp_path.glob("*.p*")) == []


def test_costs_risk_and_capital_are_fixed_or_varied(called: Called) -> None:
    done = called(
        *MARKET, "--grid", "fast=5", "--grid", "slow=20", "--grid", "stop_loss=none,0.02", "--grid",
        "commission=0.001:0.002:0.0005", "--set", "slippage=0", "--set", "initial_capital=500",
        "--set", "allow_short=false", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = strict(done.stdout)
    assert found["sets"] == 6
    assert found["costs"]["slippage"] == 0.0
    assert found["initial_capital"] == 500.0
    results = sweep_of(
        "ema_cross", simulate(1500, "1h", 7), {"fast": [5], "slow": [20], "stop_loss": [None, 0.02]},
        costs=Costs(commission=0.001, slippage=0.0), risk=Risk(), initial_capital=500.0, progress=False,
    )  # fmt: skip
    for row in found["best"]:
        if row["params"]["commission"] == 0.001:
            same = results.row({"stop_loss": row["params"]["stop_loss"]})
            assert row["metrics"]["total_return"] == same.metrics["total_return"]
    assert {row["params"]["stop_loss"] for row in found["best"]} == {None, 0.02}


def test_a_random_search_is_repeatable(called: Called) -> None:
    def drawn(seed: int) -> list[Any]:
        done = called(
            *MARKET, "--grid", "fast=randint(3,12)", "--grid", "slow=15:60", "--grid", "stop_loss=uniform(0.01,0.04)",
            "--samples", "12", "--search-seed", str(seed), "--json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = strict(done.stdout)
        assert found["sets"] == 12
        return [row["params"] for row in found["best"]]

    first = drawn(1)
    assert first == drawn(1)
    assert first != drawn(2)
    assert all(3 <= params["fast"] < 12 and 0.01 <= params["stop_loss"] <= 0.05 for params in first)


def test_several_files_are_several_symbols(called: Called, tmp_path: Path, hourly_frame: pd.DataFrame) -> None:
    (tmp_path / "SOLUSDT").mkdir()
    files = [tmp_path / "BTCUSDT_1h.parquet", tmp_path / "eth-usd.parquet", tmp_path / "SOLUSDT" / "1h.parquet"]
    for place, file in enumerate(files):
        (hourly_frame * (1 + place)).rename_axis("timestamp").to_parquet(file)
    words = [word for file in files for word in ("--file", file)]
    done = called("sweep", "ema_cross", *words, "--grid", "fast=4,8", "--grid", "slow=20,30", "--json")
    assert done.returncode == 0, done.stderr
    found = strict(done.stdout)
    assert [each["symbol"] for each in found["symbols"]] == ["BTC/USDT", "ETH/USD", "SOL/USDT"]
    assert (found["sets"], found["rows"]) == (4, 12)
    assert {row["params"]["symbol"] for row in found["best"]} == {"BTC/USDT", "ETH/USD", "SOL/USDT"}
    named = called(
        "sweep", "ema_cross", *words[:4], "--symbol", "A/B", "--symbol", "C/D", "--grid", "fast=4,8", "--json"
    )
    assert [each["symbol"] for each in strict(named.stdout)["symbols"]] == ["A/B", "C/D"]
    alike = called("sweep", "ema_cross", *words[:2], *words[:2], "--grid", "fast=4,8")
    assert "BTC/USDT twice" in sentence(alike, 2)
    files[0].rename(tmp_path / "prices.parquet")
    nameless = called("sweep", "ema_cross", "--file", tmp_path / "prices.parquet", *words[2:4], "--grid", "fast=4,8")
    assert "prices.parquet, whose name says no symbol; give --symbol for each file" in sentence(nameless, 2)
    fewer = called("sweep", "ema_cross", *words[2:], "--symbol", "A/B", "--grid", "fast=4,8")
    assert "symbol: received 1 for 2 files" in sentence(fewer, 2)


def test_sets_that_fail_are_counted_and_the_first_is_told(called: Called) -> None:
    done = called(*MARKET, "--grid", "fast=-1:5")
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("Failed: 2 of 7 sets, the first: strategy 'ema_cross', fast=-1: ")
    assert done.stderr == ""  # said once
    found = strict(called(*MARKET, "--grid", "fast=-1:5", "--json").stdout)
    assert found["failed"]["rows"] == 2
    assert found["failed"]["first"].startswith("strategy 'ema_cross', fast=-1: ")
    assert [row["params"]["fast"] for row in found["best"] if row["metrics"]["sharpe_ratio"] is None] == []
    one = called(*MARKET, "--grid", "fast=0:5").stdout.splitlines()[-1]
    assert one.startswith("Failed: 1 of 6 sets: strategy 'ema_cross', fast=0: ")


def test_a_run_that_fails_is_one_whatever_is_asked_of_errors(called: Called, tmp_path: Path) -> None:
    assert "period: received" in sentence(called(*MARKET, "--grid", "fast=-1:5", "--on-error", "raise"), 1)
    assert "all 3 sets failed, the first: strategy 'ema_cross', fast=-3" in sentence(
        called(*MARKET, "--grid", "fast=-3:-1"), 1
    )
    idea = tmp_path / "idea.py"
    idea.write_text("def breaks(bars, level=1):\n    return 1 / (level - 2) * (bars.close > level)\n")
    options = ("--simulated", "--bars", "300", "--grid", "level=2", "--on-error", "raise")
    broken = sentence(called("sweep", f"{idea}:breaks", *options), 1)
    assert broken.endswith("raised ZeroDivisionError: division by zero.")
    # what is refused at the door is wrong use, also then
    assert "did you mean 'fast'" in sentence(called(*MARKET, "--grid", "fats=1:5", "--on-error", "raise"), 2)
    assert "write --memory" in sentence(
        called(*MARKET, "--grid", "fast=1:5", "--memory", "9KB", "--on-error", "raise"), 2
    )


def test_a_strategy_of_the_users_own_file(called: Called, tmp_path: Path) -> None:
    idea = tmp_path / "idea.py"
    idea.write_text("""
import sys
def prints(bars, level=100.0):
    print("thinking")
    return 1 * (bars.close > level)
def ends(bars, level=100.0): sys.exit(3)
def never(bars, level=100.0): return 0 * bars.close
def holds(bars, level=100.0): return 1 + 0 * bars.close
""")
    options = ("--simulated", "--bars", "300", "--grid", "level=90.0:110.0:5")
    done = called("sweep", f"{idea}:prints", *options, "--json")
    assert done.returncode == 0, done.stderr
    assert set(done.stderr.splitlines()) == {"thinking"}
    assert strict(done.stdout)["sets"] == 5
    ended = sentence(called("sweep", f"{idea}:ends", *options), 1)
    assert ended.endswith("idea.py:ends': it called sys.exit(3); return signals instead.")
    done = called("sweep", f"{idea}:never", *options, "--metric", "win_rate")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "No set traded, so there is nothing to order by Win rate."
    done = called("sweep", f"{idea}:holds", *options, "--metric", "win_rate")
    assert done.stdout.splitlines()[-1] == "No set closed a trade, and none has a value of Win rate."
    found = strict(called("sweep", f"{idea}:never", *options, "--metric", "win_rate", "--json").stdout)
    assert (found["best"], found["plateau"], found["complete"]) == ([], None, True)
    assert found["no_best"] == "No set traded, so there is nothing to order by Win rate."


def test_a_run_can_be_repeated_from_its_json(called: Called, tmp_path: Path) -> None:
    def again(asked: dict[str, Any]) -> list[str]:
        words = [asked.pop("strategy"), "--simulated"]
        assert asked.pop("simulated") is True
        for name, given in asked.items():
            for each in given if isinstance(given, list) else [given]:
                words += [] if each is None else [f"--{name.replace('_', '-')}", str(each)]
        return words

    words = (
        "sweep", "ema_cross", "--simulated", "--bars", "900", "--timeframe", "4h", "--grid", "fast=randint(3,12)",
        "--grid", "stop_loss=none,0.05", "--where", "fast < 11", "--where", "fast > 3", "--set", "slippage=0",
        "--samples", "8", "--search-seed", "5", "--memory", "300MB", "--jobs", "1", "--metric", "cagr", "--top", "4",
        "--checkpoint", str(tmp_path / "kept.sweep"), "--json",
    )  # fmt: skip
    first = strict(called(*words).stdout)
    assert first["parameters"] == {"slow": 21}
    asked = first["asked"]
    assert asked["seed"] == 7
    assert asked["grid"] == ["fast=randint(3,12)", "stop_loss=none,0.05"]
    assert asked["where"] == ["fast < 11", "fast > 3"]
    assert asked["set"] == ["slippage=0"]
    (tmp_path / "kept.sweep").unlink()
    second = strict(called("sweep", *again(dict(asked)), "--json").stdout)
    assert second["asked"] == asked
    for name in ("best", "plateau", "grid", "costs", "risk", "symbols", "parameters", "rows_from_checkpoint"):
        assert second[name] == first[name]


def test_one_file_is_called_after_its_folder_too(called: Called, tmp_path: Path, hourly_frame: pd.DataFrame) -> None:
    (tmp_path / "SOLUSDT").mkdir()
    files = [tmp_path / "SOLUSDT" / "1h.parquet", tmp_path / "prices.parquet"]
    for file in files:
        hourly_frame.rename_axis("timestamp").to_parquet(file)
    done = called("sweep", "ema_cross", "--file", files[0], "--grid", "fast=4,8")
    assert done.stdout.startswith("ema_cross on SOL/USDT: 2 sets ")
    assert called("backtest", "ema_cross", "--file", files[0]).stdout.startswith("Bars(SOL/USDT 1h, ")
    assert called("backtest", "ema_cross", "--file", files[0], "--symbol", "A/B").stdout.startswith("Bars(A/B 1h, ")
    assert called("backtest", "ema_cross", "--file", files[1]).stdout.startswith("Bars(unknown 1h, ")


def test_a_checkpoint_is_gone_on_from_and_says_whose_it_is(called: Called, tmp_path: Path) -> None:
    kept = ("--checkpoint", tmp_path / "kept.sweep")
    first = strict(called(*SMALL, *kept, "--json").stdout)
    again = strict(called(*SMALL, *kept, "--json").stdout)
    assert (first["rows_from_checkpoint"], again["rows_from_checkpoint"]) == (0, 20)
    assert again["best"] == first["best"]
    assert "checkpoint" in sentence(called(*SMALL, *kept, "--set", "commission=0.002"), 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sweep",), "STRATEGY"),
        (("sweep", "ema_cross", "--grid", "fast=5:9"), "with --timeframe for stored ones; give one"),
        (("sweep", "ema_cross", "--file", "x.csv", "--bars", "9"), "--bars and --seed: received with --file"),
        (("sweep", "ema_cross", "--file", "nowhere.parquet", "--grid", "fast=5:9"), "nowhere.parquet"),
        (("sweep", "ema_crss", "--simulated", "--grid", "fast=5:9"), "did you mean 'ema_cross'"),
        (MARKET, "--grid: received nothing to vary; write NAME=VALUES, as in --grid fast=5:44"),
        ((*MARKET, "--grid", "fast"), "--grid: received 'fast'; write NAME=VALUES"),
        ((*MARKET, "--grid", "fast=9:5"), "--grid fast: received '9:5', which has no values; write 5:9"),
        ((*MARKET, "--grid", "fast=randit(5,9)"), "did you mean 'randint'"),
        ((*MARKET, "--grid", "fast=randint(5,9)"), "--grid fast: received a distribution without --samples;"),
        ((*MARKET, "--grid", "fast=randint(5,9)"), "say how many sets to draw: --samples 1000."),
        ((*MARKET, "--grid", "fats=5:9"), "did you mean 'fast'"),
        ((*MARKET, "--grid", "stop_los=0.05"), "did you mean 'stop_loss'"),
        ((*MARKET, "--grid", "fast=5,5"), "5 twice"),
        ((*MARKET, "--grid", "fast=5:9", "--grid", "fast=5:9"), "'fast' twice; give it once"),
        ((*MARKET, "--grid", "fast=5:9", "--where", "fats < 5"), "did you mean 'fast'"),
        (
            (*MARKET, "--grid", "fast=5:9", "--where", "fast < 5"),
            "--where: received conditions that hold for none of 5 sets",
        ),
        ((*MARKET, "--grid", "fast=5:9", "--set", "stop_los=0.1"), "did you mean 'stop_loss'"),
        ((*MARKET, "--grid", "stop_loss=0.1", "--set", "stop_loss=0.1"), "give it in one of the two"),
        ((*MARKET, "--grid", "stop_loss=0.1,5"), "leave such sets out with --where."),
        ((*MARKET, "--grid", "fast=5:9", "--metric", "sharpe"), "did you mean 'sharpe_ratio'"),
        ((*MARKET, "--grid", "fast=5:9", "--top", "0"), "--top: received 0; write 1 or more"),
        ((*MARKET, "--grid", "fast=5:9", "--jobs", "0"), "--jobs"),
        ((*MARKET, "--grid", "fast=5:9", "--samples", "0"), "--samples"),
        ((*MARKET, "--grid", "fast=5:9", "--memory", "lots"), "write bytes or a size"),
        ((*MARKET, "--grid", "fast=5:9", "--memory", "9KB"), "; write --memory "),
        (
            (*MARKET, "--grid", "fast=5:9", "--executor", "nowhere"),
            "'nowhere'; give dask://host:port or tls://host:port.",
        ),
        ((*MARKET, "--grid", "fast=5:9", "--on-error", "ignore"), "record | raise"),
        (
            (*MARKET, "--grid", "fast=5:9", "--output", "nowhere/x.parquet"),
            "--output: received nowhere/x.parquet, whose folder is not there",
        ),
        ((*MARKET, "--grid", "fast=5:9", "--output", "."), "the folder ."),
        ((*MARKET, "--grid", "fast=5:9", "--checkpoint", "."), "checkpoint"),
        ((*MARKET, "--grid", "fast=5:9", "--symbol", "A/B", "--symbol", "C/D"), "--symbol: received 2 for one market"),
        ((*MARKET, "--grid", "fast=5:9", "--bars", "0"), "--bars: received 0"),
        ((*MARKET, "--grid", "fast=5:9", "--search-seed", "-1"), "--search-seed: received -1; write 0 or more"),
        ((*MARKET, "--grid", "fast=5:9", "--where", "fast.x > 3"), "write names, numbers and comparisons."),
    ],
)
def test_wrong_use_is_one_sentence_and_two(called: Called, arguments: tuple[str, ...], said: str) -> None:
    assert said in sentence(called(*arguments), 2)
