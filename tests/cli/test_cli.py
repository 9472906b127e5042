"""The commands as a user meets them: what they print, their sentences, their exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cryptolab import __version__
from tests.cli.calls import cryptolab, sentence
from tests.jobs.notebooks import write_job

Called = Callable[..., subprocess.CompletedProcess[str]]
COMMANDS = ("indicators", "strategies", "backtest", "sweep", "run", "runs", "rerun", "doctor", "import", "data")
ON_DATA = ("list", "gaps", "export", "delete", "prune")
HEAVY = (
    "numpy", "pandas", "numba", "vectorbt", "pydantic", "structlog", "plotly", "papermill", "pyarrow", "rich.table",
    "scipy", "yaml", "cryptolab.settings", "cryptolab.jobs", "cryptolab.bars", "cryptolab.optimization",
)  # fmt: skip


def test_help_loads_nothing_heavy() -> None:
    code = f"""
import sys
sys.argv = ["cryptolab", "--help"]
from cryptolab.cli import main
try:
    main()
except SystemExit as done:
    print([name for name in {HEAVY!r} if name in sys.modules], done.code, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[] 0"
    assert all(command in done.stdout for command in COMMANDS)


def test_version_and_no_arguments(home: Path) -> None:
    assert cryptolab("--version").stdout == f"cryptolab {__version__}\n"
    done = cryptolab()
    assert done.returncode == 0
    assert "Usage: cryptolab" in done.stdout


@pytest.mark.parametrize("command", [*COMMANDS, *(f"data {command}" for command in ON_DATA)])
def test_every_command_has_help_and_an_example(command: str) -> None:
    done = cryptolab(*command.split(), "--help")
    assert done.returncode == 0
    assert f"Usage: cryptolab {command}" in done.stdout
    assert "Example" in done.stdout
    assert f"  cryptolab {command}" in done.stdout or f"Example: cryptolab {command}" in done.stdout


def test_every_summary_fits_its_line() -> None:
    listed = cryptolab("--help").stdout.split("Commands:")[1]
    assert "..." not in listed
    assert [line.split()[0] for line in listed.strip().splitlines()] == list(COMMANDS)
    listed = cryptolab("data", "--help").stdout.split("Commands:")[1]
    assert "..." not in listed
    assert [line.split()[0] for line in listed.strip().splitlines()] == list(ON_DATA)


def test_lists_are_plain_lines_in_a_pipe_and_json_on_request(called: Called) -> None:
    lines = called("indicators").stdout.splitlines()
    assert lines[0].split() == ["name", "inputs", "parameters", "outputs", "lookback"]
    (ema,) = [line for line in lines if line.startswith("EMA ")]
    assert ema.split() == ["EMA", "close", "period=14", "ema", "13"]
    assert not any(mark in "".join(lines) for mark in "│┃━\x1b")
    listed = json.loads(called("strategies", "--json").stdout)
    assert {"name": "ema_cross", "parameters": {"fast": 9, "slow": 21}}.items() <= listed[0].items()
    assert all(each["description"] for each in listed)


def test_the_list_shows_the_indicators_of_a_users_file(home: Path) -> None:
    (home / "mine.py").write_text(
        "from cryptolab import indicator\n\n@indicator(lookback=1)\ndef Gap(open, close, scale=1.0):\n"
        "    out = open * float('nan')\n    out[1:] = (open[1:] - close[:-1]) * scale\n    return out\n"
    )
    done = cryptolab("indicators", "--file", home / "mine.py", "--json")
    assert done.returncode == 0, done.stderr
    mine = [each for each in json.loads(done.stdout) if each["name"] == "Gap"]
    assert mine == [
        {"name": "Gap", "inputs": ["open", "close"], "parameters": {"scale": 1.0}, "outputs": ["gap"], "lookback": 1}
    ]


def test_a_backtest_of_the_simulated_market(called: Called) -> None:
    done = called("backtest", "ema_cross", "--simulated", "--bars", "500", "--param", "fast=5", "--param", "slow=20")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "SIMULATED" in done.stdout.splitlines()[0]
    assert "Sharpe ratio" in done.stdout


def test_a_backtest_of_a_file_as_json_equals_the_engine(
    called: Called, tmp_path: Path, hourly_frame: pd.DataFrame
) -> None:
    from cryptolab.backtesting import BacktestEngine
    from cryptolab.signal_generator import ema_cross

    file = tmp_path / "it's $5.parquet"
    hourly_frame.rename_axis("timestamp").to_parquet(file)
    done = called(
        "backtest", "ema_cross", "--file", file, "--symbol", "BTCUSDT", "--timeframe", "1h",
        "--param", "fast=5", "--set", "stop_loss=0.05", "--set", "commission=1e-3", "--set", "allow_short=false",
        "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    engine = BacktestEngine({"stop_loss": 0.05, "commission": 0.001})
    expected = engine.run(hourly_frame, ema_cross(hourly_frame, fast=5))
    assert found["symbol"] == "BTC/USDT"
    assert found["risk"]["stop_loss"] == 0.05
    assert found["parameters"] == {"fast": 5}
    for name in ("total_return", "sharpe_ratio", "max_drawdown", "n_trades"):
        assert found["metrics"][name] == pytest.approx(expected[name], rel=1e-12)


SIMULATED = ("backtest", "ema_cross", "--simulated")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nope",), "No such command 'nope'"),
        (("run",), "JOB"),
        (("run", "study", "--parms", "x"), "--params"),
        (("run", "studdy"), "did you mean 'study'"),
        (("run", "study", "--params", "nowhere.yaml"), "nowhere.yaml"),
        (("run", "study", "--set", "sed=1"), "unknown parameter 'sed': did you mean 'seed'"),
        (("run", "study", "--set", "seed"), "write NAME=VALUE"),
        (("run", "study", "--set", "seed=1", "--set", "seed=2"), "twice"),
        (("run", "study", "--params", "/dev/null"), "/dev/null is a device or a pipe; name a file"),
        (("backtest", "ema_cross"), "with --timeframe for stored ones; give one"),
        ((*SIMULATED, "--file", "x"), "give --file FILE or --simulated"),
        ((*SIMULATED, "--bars", "many"), "--bars"),
        ((*SIMULATED, "--bars", "0"), "received 0"),
        (("backtest", "ema_cross", "--file", "x.csv", "--bars", "9"), "--bars and --seed: received with --file"),
        (("backtest", "ema_cross", "--file", "x.csv", "--seed", "7"), "--bars and --seed: received with --file"),
        ((*SIMULATED, "--param", "fast=abc"), "strategy 'ema_cross', fast='abc': period: received 'abc'"),
        ((*SIMULATED, "--param", "fsat=9"), "did you mean 'fast'"),
        ((*SIMULATED, "--param", "fast=[1"), "received '[1'"),
        ((*SIMULATED, "--set", "stop_los=0.05"), "did you mean 'stop_loss'"),
        ((*SIMULATED, "--set", "stop_loss=5"), "stop_loss: received 5"),
        (("backtest", "ema_crss", "--simulated"), "did you mean 'ema_cross'"),
        (("backtest", "ema_cross", "--file", "nowhere.parquet"), "nowhere.parquet"),
        ((*SIMULATED, "--timeframe", "1hour"), "timeframe"),
    ],
)
def test_wrong_use_is_one_sentence_and_two(called: Called, home: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in sentence(called(*arguments), 2)
    assert not (home / "reports").exists()


def test_wrong_use_in_a_process_of_its_own(home: Path) -> None:
    assert "did you mean 'ema_cross'" in sentence(cryptolab("backtest", "ema_crss", "--simulated"), 2)


def test_wrong_use_that_the_notebook_finds_is_two_as_well(called: Called, home: Path) -> None:
    refused = sentence(called(*SIMULATED, "--set", "stop_los=0.5"), 2)
    done = called("run", "study", "--set", "backtest.stop_los=0.5")
    assert done.returncode == 2
    (folder,) = (home / "reports").iterdir()
    assert (folder / "study.html").is_file()
    assert done.stderr.splitlines()[-1] == f"{refused.removesuffix('.')}; see {folder / 'study.html'}."


def test_a_failed_run_is_one_and_debug_shows_the_traceback(called: Called, home: Path) -> None:
    write_job(home, "1 / 0")
    done = called("run", "small", "--debug")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback (most recent call last)" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("cryptolab: small failed in cell 3: ZeroDivisionError: division by zero; see ")


def test_a_strategy_that_breaks_ends_or_prints(called: Called, tmp_path: Path) -> None:
    idea = tmp_path / "idea.py"
    idea.write_text("""
import sys
def breaks(bars): raise KeyError("gone")
def ends(bars): sys.exit(3)
def prints(bars):
    print("thinking")
    return 1 * (bars.close > 100)
""")
    options = ("--simulated", "--bars", "50", "--json")
    broken = sentence(called("backtest", f"{idea}:breaks", *options), 1)
    assert "KeyError: 'gone'; run again with --debug for the traceback." in broken
    ended = sentence(called("backtest", f"{idea}:ends", *options), 1)
    assert ended.endswith("idea.py:ends': it called sys.exit(3); return signals instead.")
    done = called("backtest", f"{idea}:prints", *options)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "thinking\n"
    assert json.loads(done.stdout)["bars"] == 50


def test_the_numbers_have_the_schema_of_a_study(called: Called) -> None:
    from cryptolab.reporting import Study

    found = json.loads(called(*SIMULATED, "--bars", "500", "--json").stdout)["metrics"]
    study = Study.load({"simulated": {"bars": 500, "timeframe": "1h"}}, "ema_cross", seed=7)
    assert found == study.metrics()["strategy"]
    assert found["longest_drawdown_seconds"] > 0


def test_the_doctor_exits_with_one_when_something_required_is_broken(called: Called, home: Path) -> None:
    done = called("doctor")
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    with (home / "config.yaml").open("a") as file:
        file.write("\nnonsense: 1\n")
    done = called("doctor", "--json")
    assert done.returncode == 1
    assert [each["what"] for each in json.loads(done.stdout) if each["state"] == "broken"] == ["settings"]
