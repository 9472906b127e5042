"""The command line as a user meets it: a process, its streams, its exit code."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pandas as pd
import pytest

from cryptolab import __version__
from cryptolab.cli import main
from tests.jobs.notebooks import alive, write_job

COMMANDS = ("indicators", "strategies", "backtest", "run", "doctor")
CRYPTOLAB = (sys.executable, "-m", "cryptolab")
HEAVY = (
    "numpy", "pandas", "numba", "vectorbt", "pydantic", "structlog", "plotly", "papermill", "pyarrow", "rich.table",
    "yaml", "cryptolab.settings", "cryptolab.jobs", "cryptolab.bars",
)  # fmt: skip


def cryptolab(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one command and return what it wrote and how it ended."""
    return subprocess.run([*CRYPTOLAB, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)


def on_a_terminal(*arguments: str) -> tuple[int, str]:
    """Run one command with all streams on a terminal of 100 columns; return its exit code and what was shown."""
    pid, screen = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        os.execv(sys.executable, [*CRYPTOLAB, *arguments])
    shown = b""
    while True:
        try:
            chunk = os.read(screen, 65536)
        except OSError:  # how Linux says that the other side is gone
            break
        if not chunk:
            break
        shown += chunk
    os.close(screen)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def sentence(done: subprocess.CompletedProcess[str], code: int) -> str:
    """Return the one line of an error, after checking that it is one."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("cryptolab: ")
    assert line.endswith(".")
    return line


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


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_an_example(command: str) -> None:
    done = cryptolab(command, "--help")
    assert done.returncode == 0
    assert f"Usage: cryptolab {command}" in done.stdout
    assert "Example" in done.stdout
    assert f"  cryptolab {command}" in done.stdout or f"Example: cryptolab {command}" in done.stdout


def test_every_summary_fits_its_line() -> None:
    listed = cryptolab("--help").stdout.split("Commands:")[1]
    assert "..." not in listed
    assert [line.split()[0] for line in listed.strip().splitlines()] == list(COMMANDS)


def test_lists_are_plain_lines_in_a_pipe_and_json_on_request(home: Path) -> None:
    lines = cryptolab("indicators").stdout.splitlines()
    assert lines[0].split() == ["name", "inputs", "parameters", "outputs", "lookback"]
    (ema,) = [line for line in lines if line.startswith("EMA ")]
    assert ema.split() == ["EMA", "close", "period=14", "ema", "13"]
    assert not any(mark in "".join(lines) for mark in "│┃━\x1b")
    listed = json.loads(cryptolab("strategies", "--json").stdout)
    assert {"name": "ema_cross", "parameters": {"fast": 9, "slow": 21}}.items() <= listed[0].items()
    assert all(each["description"] for each in listed)


def test_a_terminal_gets_a_drawn_table_and_a_progress_bar(home: Path) -> None:
    code, shown = on_a_terminal("strategies")
    assert code == 0
    assert "ema_cross" in shown
    assert "│" in shown
    write_job(home, "print(1)", job="notebook: notebooks/small.ipynb\noutputs: []\n")
    code, shown = on_a_terminal("run", "small")
    assert code == 0
    assert "Part 1" in shown
    assert "2/3" in shown  # the parameters, what papermill adds below them, the one cell
    assert "event=" not in shown  # no log lines where a person watches
    assert shown.rstrip().endswith("small.ipynb")


def test_a_backtest_of_the_simulated_market(home: Path) -> None:
    done = cryptolab("backtest", "ema_cross", "--simulated", "--bars", "500", "--param", "fast=5", "--param", "slow=20")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "SIMULATED" in done.stdout.splitlines()[0]
    assert "Sharpe ratio" in done.stdout


def test_a_backtest_of_a_file_as_json_equals_the_engine(home: Path, tmp_path: Path, hourly_frame: pd.DataFrame) -> None:
    from cryptolab.backtesting import BacktestEngine
    from cryptolab.signal_generator import ema_cross

    file = tmp_path / "it's $5.parquet"
    hourly_frame.rename_axis("timestamp").to_parquet(file)
    done = cryptolab(
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
        (("backtest", "ema_cross"), "give --file FILE or --simulated"),
        ((*SIMULATED, "--file", "x"), "give --file FILE or --simulated"),
        ((*SIMULATED, "--bars", "many"), "--bars"),
        ((*SIMULATED, "--param", "fsat=9"), "did you mean 'fast'"),
        ((*SIMULATED, "--param", "fast=[1"), "received '[1'"),
        ((*SIMULATED, "--set", "stop_los=0.05"), "did you mean 'stop_loss'"),
        ((*SIMULATED, "--set", "stop_loss=5"), "stop_loss: received 5"),
        (("backtest", "ema_crss", "--simulated"), "did you mean 'ema_cross'"),
        (("backtest", "ema_cross", "--file", "nowhere.parquet"), "nowhere.parquet"),
        ((*SIMULATED, "--timeframe", "1hour"), "timeframe"),
    ],
)
def test_wrong_use_is_one_sentence_and_two(
    home: Path, arguments: tuple[str, ...], said: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["cryptolab", *arguments])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:  # in this process: the imports are paid once
        main()
    shown = capsys.readouterr()
    assert said in sentence(subprocess.CompletedProcess(arguments, int(ended.value.code or 0), shown.out, shown.err), 2)
    assert not (home / "reports").exists()


def test_wrong_use_in_a_process_of_its_own(home: Path) -> None:
    assert "did you mean 'ema_cross'" in sentence(cryptolab("backtest", "ema_crss", "--simulated"), 2)


def test_a_failed_run_is_one_and_debug_shows_the_traceback(home: Path) -> None:
    write_job(home, "1 / 0")
    done = cryptolab("run", "small", "--debug")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback (most recent call last)" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("cryptolab: small failed in cell 3: ZeroDivisionError: division by zero; see ")


def test_what_nobody_foresaw_is_one_sentence_too(home: Path, tmp_path: Path) -> None:
    idea = tmp_path / "idea.py"
    idea.write_text("def bad(bars, x=1):\n    raise KeyError('gone')\n")
    done = cryptolab("backtest", f"{idea}:bad", "--simulated", "--bars", "50")
    assert "KeyError: 'gone'; run again with --debug for the traceback." in sentence(done, 1)


def test_the_doctor_exits_with_one_when_something_required_is_broken(home: Path) -> None:
    done = cryptolab("doctor")
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    with (home / "config.yaml").open("a") as file:
        file.write("\nnonsense: 1\n")
    done = cryptolab("doctor", "--json")
    assert done.returncode == 1
    assert [each["what"] for each in json.loads(done.stdout) if each["state"] == "broken"] == ["settings"]


def test_a_reader_that_has_seen_enough(home: Path) -> None:
    process = subprocess.Popen([*CRYPTOLAB, "indicators"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(60) == 1
    process.stderr.close()


@pytest.mark.parametrize(
    ("sent", "code", "said"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_stopped_run_is_one_line_and_leaves_no_kernel(home: Path, sent: int, code: int, said: str) -> None:
    mark = home / "kernel.pid"
    write_job(home, f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)")
    process = subprocess.Popen([*CRYPTOLAB, "run", "small"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not (mark.is_file() and mark.read_text()):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(sent)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert out == ""
    ours = [line for line in err.splitlines() if not line.startswith("timestamp=")]
    assert ours == [f"cryptolab: {said}."]
    pid = int(mark.read_text())
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive(pid)
    (folder,) = (home / "reports").iterdir()
    assert json.loads((folder / "manifest.json").read_text())["run"]["status"] == "interrupted"
