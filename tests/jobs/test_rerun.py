"""Runs repeated for real, through papermill: the same numbers, whatever was stored or changed in between."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from cryptolab.data_fetchers import simulate
from cryptolab.database import DuckDBManager, load
from cryptolab.errors import DataError, InputError, RunError, UnknownNameError
from cryptolab.jobs import run_job
from cryptolab.jobs.capsule import note_run, read_manifest, running_mark
from cryptolab.jobs.rerun import rerun
from cryptolab.jobs.runs import all_runs, differences, find_run
from tests.jobs.notebooks import write_job

PARAMETERS = """
data = {"store": {"symbol": "AAA/USDT", "timeframe": "1h"}}
strategy = "ema_cross"
strategy_params = {}
backtest = {}
seed = 7
output = ""
"""
STUDY = """
from cryptolab.jobs import save_manifest
from cryptolab.reporting import Study
study = Study.load(data, strategy, strategy_params, backtest, seed=seed)
save_manifest(output, study.facts())
study.save(output)
"""
IDEA = """
from cryptolab import long_while, strategy
from cryptolab.indicators import SMA

@strategy
def idea(bars, period=20):
    return long_while(bars.close > SMA(bars, period=period))
"""


@pytest.fixture
def stored(home: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """A project whose store holds the first 900 of a thousand bars, and a study of it; returns all bars."""
    monkeypatch.chdir(home)
    frame = simulate(1000, "1h", 3, "AAA/USDT").frame()
    DuckDBManager.at_home().save_ohlcv(frame[:900], "AAA/USDT", "1h")
    (home / "ideas").mkdir()
    (home / "ideas" / "idea.py").write_text(IDEA)
    write_job(home, STUDY, parameters=PARAMETERS)
    return frame


def test_a_run_is_repeated_on_the_bars_of_then(home: Path, stored: pd.DataFrame) -> None:
    """More bars and other prices have been stored since; strategy, notebook and parameters are as they were."""
    first = run_job("small", {"strategy": "ideas/idea.py:idea", "strategy_params": {"period": 12}})
    values = read_manifest(first.folder)["run"]["values"]
    assert pd.Timestamp(values["data"]["store"]["as_of"]) <= pd.Timestamp.now("UTC")

    other = stored[880:].copy()
    other.loc[other.index[:5], "close"] = other["open"][:5]
    saved = DuckDBManager.at_home().save_ohlcv(other, "AAA/USDT", "1h")
    assert (saved.added, saved.revised) == (100, 5)

    again = rerun(first.id[-6:])
    assert again.reproduced
    assert again.numbers > 50
    assert again.causes == []
    assert again.since == "since then, of its bars in the store: 100 added, 5 revised"
    assert str(again) == f"reproduced: all {again.numbers} values of metrics.json are the same"
    assert read_manifest(again.after.folder)["run"]["rerun_of"] == first.id
    assert len(load("AAA/USDT", "1h")) == 1000

    today = run_job("small", {"strategy": "ideas/idea.py:idea", "strategy_params": {"period": 12}})
    found = differences(find_run(first.id), find_run(today.id))
    assert {each.what for each in found if each.kind == "data"} == {"last_close", "bars", "fingerprint"}
    assert any(each.kind == "numbers" for each in found)
    assert not {each.kind for each in found} & {"code", "parameters", "versions"}

    (home / "ideas" / "idea.py").write_text(IDEA.replace("bars.close >", "bars.close * 0.999 >"))
    changed = rerun(first.id)
    assert not changed.reproduced
    assert changed.causes == ["the code is another (strategy, notebook or cryptolab)"]
    assert str(changed).startswith("not reproduced: ")
    assert [run.id for run in all_runs()] == sorted((run.id for run in all_runs()), reverse=True)
    assert len(all_runs()) == 4


def test_a_run_whose_bars_were_removed_says_so(stored: pd.DataFrame) -> None:
    first = run_job("small")
    DuckDBManager.at_home().delete("AAA/USDT", "1h", end=stored.index[99])
    again = rerun(first.id)
    assert not again.reproduced
    assert again.causes == ["the data are others (revised, removed, or a changed file)"]


def test_a_run_whose_bars_are_all_gone_is_refused_before_another_is_made(stored: pd.DataFrame) -> None:
    first = run_job("small")
    DuckDBManager.at_home().delete("AAA/USDT", "1h")
    with pytest.raises(DataError, match=r"cannot be repeated, its bars cannot be read \(deleted.*no stored bars"):
        rerun(first.id)
    assert len(all_runs()) == 1


def test_a_run_whose_process_was_killed_is_not_running(home: Path) -> None:
    """Killed for real: nothing of it can write down that it ended."""
    write_job(home, "import time; time.sleep(600)")
    work = [sys.executable, "-c", "from cryptolab.jobs import run_job; run_job('small')"]
    with subprocess.Popen(work, cwd=home, env={**os.environ, "CRYPTOLAB_HOME": str(home)}) as process:
        begun = time.monotonic()
        while not (found := all_runs()) or found[0].status == "unknown":
            assert process.poll() is None
            assert time.monotonic() < begun + 60
            time.sleep(0.05)
        assert found[0].row()["status"] == "running"
        process.kill()
    assert all_runs()[0].row()["status"] == "died"
    with pytest.raises(InputError, match="received one that died; name one that is done"):
        rerun(found[0].id)


def test_nothing_is_left_of_the_mark_of_a_run_that_ended(home: Path) -> None:
    write_job(home, "1 / 0")
    with pytest.raises(RunError, match="ZeroDivisionError"):
        run_job("small")
    assert all_runs()[0].status == "failed"
    assert not running_mark(all_runs()[0].folder).exists()


def made(reports: Path, name: str, status: str = "done", **numbers: float) -> Path:
    folder = reports / name
    folder.mkdir(parents=True)
    note_run(folder, id=name, status=status)
    (folder / "metrics.json").write_text(json.dumps({"strategy": numbers}))
    return folder


def test_runs_are_found_by_a_part_of_their_name(tmp_path: Path) -> None:
    for name in ("20260101T000000Z-study-aaaaaa", "20260101T000001Z-study-bbbbbb", "20260102T000000Z-sweep-cccccc"):
        made(tmp_path, name, sharpe_ratio=1.5)
    (tmp_path / "not a run").mkdir()
    assert [run.id[-6:] for run in all_runs(tmp_path)] == ["cccccc", "bbbbbb", "aaaaaa"]
    assert find_run("bbbbbb", tmp_path).row()["sharpe_ratio"] == 1.5
    assert find_run("20260102", tmp_path).id.endswith("cccccc")
    with pytest.raises(InputError, match=r"run: received '20260101', which is a part of 2 runs \(.*\); write more"):
        find_run("20260101", tmp_path)
    assert find_run(f"{tmp_path}/20260102T000000Z-sweep-cccccc/", tmp_path).id.endswith("cccccc")
    assert find_run("T000001Z", tmp_path).id.endswith("bbbbbb")
    with pytest.raises(UnknownNameError, match="unknown run 'dddddd': `cryptolab runs` lists them"):
        find_run("dddddd", tmp_path)
    with pytest.raises(UnknownNameError, match="unknown run ''"):
        find_run("", tmp_path)
    assert all_runs(tmp_path / "nowhere") == []


def test_a_run_that_failed_or_is_of_an_earlier_version_is_not_repeated(tmp_path: Path) -> None:
    made(tmp_path, "a-failed", "failed")
    made(tmp_path, "b-old")
    with pytest.raises(InputError, match="run a-failed: received one that is failed; name one that is done"):
        rerun("a-failed", tmp_path)
    with pytest.raises(InputError, match="run b-old: received one of an earlier version, without its values"):
        rerun("b-old", tmp_path)


def test_a_capsule_that_cannot_be_read_is_listed_as_such(tmp_path: Path) -> None:
    folder = made(tmp_path, "x-cut-off")
    (folder / "manifest.json").write_text('{"run": {"sta')
    assert all_runs(tmp_path)[0].row()["status"] == "unreadable"
    (folder / "manifest.json").write_text("[]")
    assert all_runs(tmp_path)[0].row()["status"] == "unreadable"
    (folder / "manifest.json").write_text('{"run": [1], "data": "x"}')
    assert all_runs(tmp_path)[0].row()["status"] == "unknown"
    note_run(made(tmp_path, "y"), status="done")
    (tmp_path / "y" / "metrics.json").write_text('{"a": 1')
    assert all_runs(tmp_path)[0].row()["status"] == "unreadable"


def test_what_is_missing_is_not_what_is_null(tmp_path: Path) -> None:
    numbers = ({"a": None, "b": float("nan"), "c": 1, "d": []}, {"b": float("nan"), "c": True, "d": [], "e": None})
    for name, content in zip("xy", numbers, strict=True):
        made(tmp_path, name)
        (tmp_path / name / "metrics.json").write_text(json.dumps(content))
    found = differences(find_run("x", tmp_path), find_run("y", tmp_path))
    assert [(each.what, each.before, each.after) for each in found] == [
        ("a", None, "(missing)"), ("c", 1, True), ("e", "(missing)", None)
    ]  # fmt: skip
    assert differences(find_run("x", tmp_path), find_run("x", tmp_path)) == []


def test_a_moment_to_come_is_refused(stored: pd.DataFrame) -> None:
    """Else more could be stored before it, and the run would not be repeatable."""
    with pytest.raises(InputError, match="data: store: as_of: received 2100-01-01; name a moment that has passed"):
        run_job("small", overrides={"data.store.as_of": "2100-01-01"})
    with pytest.raises(InputError, match="allow_holes: received 'maybe'; write True or False"):
        run_job("small", overrides={"data.store.allow_holes": "maybe"})
    assert all_runs() == []
