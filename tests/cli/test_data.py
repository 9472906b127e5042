"""The commands on the store and on runs, called as a user would."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cryptolab.data_fetchers import simulate
from cryptolab.database import DuckDBManager, read

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def stored(home: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.chdir(home)
    frame = simulate(600, "1h", 3, "AAA/USDT").frame()
    DuckDBManager.at_home().save_ohlcv(frame.drop(frame.index[100:103]), "AAA/USDT", "1h")
    return frame


def test_an_empty_store_says_how_it_is_filled(called: Call, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    assert called("data", "list").stdout == (
        "nothing is stored yet: cryptolab import FILE --symbol BTC/USDT --timeframe 1h\n"
    )
    assert called("runs").stdout == "no runs yet: cryptolab run study\n"
    done = called("data", "gaps", "AAA/USDT", "1h")
    assert done.returncode == 2
    assert done.stderr == "cryptolab: AAA/USDT 1h on binance: received no stored bars; none are known here.\n"


def test_what_is_stored_and_what_is_missing(called: Call, stored: pd.DataFrame) -> None:
    (row,) = json.loads(called("data", "list", "--json").stdout)
    assert (row["symbol"], row["bars"], row["damaged"]) == ("AAA/USDT", 597, 0)
    (gap,) = json.loads(called("data", "gaps", "AAA/USDT", "1h", "--json").stdout)
    assert gap == {
        "start": f"{stored.index[100]:%Y-%m-%d %H:%M}",
        "end": f"{stored.index[103]:%Y-%m-%d %H:%M}",
        "missing": 3,
    }
    assert called("data", "gaps", "AAA/USDT", "1h", "--start", str(stored.index[200])).stdout == (
        "AAA/USDT 1h: no bar is missing\n"
    )


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_file_out_of_the_store_is_the_same_bars(called: Call, stored: pd.DataFrame, name: str) -> None:
    day = f"{stored.index[30]:%Y-%m-%d}"
    assert called("data", "export", "AAA/USDT", "1h", name, "--start", day, "--end", day).returncode == 0
    bars = read(name)
    pd.testing.assert_frame_equal(bars.frame(), stored.loc[day], check_freq=False)
    again = called("data", "export", "AAA/USDT", "1h", name)
    assert again.returncode == 2
    assert (
        again.stderr == f"cryptolab: FILE: received {name}, which exists; name another, or say --force to replace it.\n"
    )
    assert called("data", "export", "AAA/USDT", "1h", name, "--force").returncode == 0
    assert len(read(name)) == 597


def test_nothing_is_removed_until_it_is_said_twice(called: Call, stored: pd.DataFrame) -> None:
    first = str(stored.index[50])
    assert called("data", "prune", first).stdout.endswith("50 bars would be removed; say --yes to do it\n")
    assert called("data", "delete", "AAA/USDT", "1h").stdout.startswith("would remove Bars(AAA/USDT 1h, 597 bars")
    assert called("data", "prune", first, "--yes").stdout.endswith("50 bars removed\n")
    assert called("data", "delete", "AAA/USDT", "1h", "--yes").stdout == "AAA/USDT 1h: 547 bars removed\n"
    assert DuckDBManager.at_home().datasets().empty


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("prune", "yesterday"), "WHEN: received 'yesterday'; write a "),
        (("gaps", "AAA/USDT", "1h", "--start", "soon"), "--start: received 'soon'"),
        (
            ("gaps", "AAA/USDT", "1h", "--start", "2024-01-02", "--end", "2024-01-01"),
            "--start: received 2024-01-02 after",
        ),
        (("gaps", "AAA/USDT", "1h", "--exchange", "a b"), "--exchange: received 'a b'"),
        (("gaps", "AAA/USDT", "1hour"), "TIMEFRAME: received '1hour'; did you mean '1h'"),
        (("gaps", " ", "1h"), "SYMBOL: received ' '"),
        (("export", "AAA/USDT", "1h", "out.txt"), "FILE: received out.txt; name a .parquet or .csv file"),
        (("export", "AAA/USDT", "1h", "out.csv", "--as-of", "then"), "--as-of: received 'then'"),
        (("export", "AAA/USDT", "1h", "no/where/out.csv"), "FILE: received no/where/out.csv ("),
        (("export", "AAA/USDT", "1h", "no/where/out.parquet"), "FILE: received no/where/out.parquet ("),
    ],
)
def test_wrong_use_is_said_in_the_words_of_the_command(
    called: Call, stored: pd.DataFrame, arguments: tuple[str, ...], said: str
) -> None:
    done = called("data", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "None" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_backtest_and_sweep_take_stored_bars(called: Call, stored: pd.DataFrame) -> None:
    done = called(
        "backtest", "ema_cross", "--symbol", "AAA/USDT", "--timeframe", "1h", "--end", str(stored.index[299]), "--json"
    )
    assert json.loads(done.stdout)["bars"] == 297
    swept = called("sweep", "ema_cross", "--symbol", "AAA/USDT", "--timeframe", "1h", "--grid", "fast=5,6", "--json")
    assert swept.returncode == 0, swept.stderr
    both = called("backtest", "ema_cross", "--simulated", "--start", "2024-01-01")
    assert both.stderr == (
        "cryptolab: --start, --end and --exchange: received without stored bars; leave them out, "
        "or leave out the file.\n"
    )
    none = called("backtest", "ema_cross", "--symbol", "AAA/USDT")
    assert none.stderr.startswith("cryptolab: the bars: received neither a file, nor --simulated, nor --symbol with")


def test_runs_are_listed_and_compared(called: Call, home: Path, stored: pd.DataFrame) -> None:
    for number in (1, 2):
        folder = home / "reports" / f"2026010{number}T000000Z-study-{number}{number}{number}aaa"
        folder.mkdir(parents=True)
        run = {"run": {"status": "done"}, "strategy": {"name": "ema_cross", "parameters": {"fast": number}}}
        (folder / "manifest.json").write_text(json.dumps(run))
        (folder / "metrics.json").write_text(json.dumps({"strategy": {"sharpe_ratio": number / 4, "n_trades": 3}}))
    listed = called("runs").stdout.splitlines()
    assert [line.split()[0][-6:] for line in listed[1:]] == ["222aaa", "111aaa"]
    assert "0.50" in listed[1]
    compared = json.loads(called("runs", "111aaa", "222aaa", "--json").stdout)
    assert compared == [
        {"kind": "parameters", "what": "fast", "before": 1, "after": 2},
        {"kind": "numbers", "what": "strategy.sharpe_ratio", "before": 0.25, "after": 0.5},
    ]
    assert called("runs", "111aaa", "111aaa").stdout.startswith("the same in all")
    assert called("runs", "111aaa").stderr.startswith("cryptolab: runs: received 1 of them; give two to compare")
