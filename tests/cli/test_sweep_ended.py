"""A sweep that is watched, interrupted, terminated: real processes and signals."""

from __future__ import annotations

import contextlib
import json
import re
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.calls import CRYPTOLAB, cryptolab, on_a_terminal

IDEA = '''
import os, time
from pathlib import Path

HERE = Path(__file__).parent

def waits(bars, level=0):
    """Say on a line of a file that this set is begun; the 25th hangs until there is a file called `on`."""
    with (HERE / "begun").open("a") as file:
        file.write(f"{level}\\n")
    time.sleep(0.05)
    while level == 24 and not (HERE / "on").exists():
        time.sleep(0.05)
    return 1 * (bars.close > 80 + level)
'''
SETS = 60
HANGS = "24"
"""The set that hangs; chunks come in order and are smaller than the 24 before it."""


@pytest.fixture
def idea(tmp_path: Path) -> Path:
    """A strategy that tells which set it is at, and hangs at one."""
    file = tmp_path / "idea.py"
    file.write_text(IDEA)
    return file


def words(idea: Path, *more: str) -> list[str]:
    here = idea.parent
    return [
        "sweep", f"{idea}:waits", "--simulated", "--bars", "400", "--grid", f"level=0:{SETS - 1}", "--jobs", "1",
        "--checkpoint", str(here / "kept.sweep"), "--output", str(here / "table.parquet"), *more,
    ]  # fmt: skip


@contextlib.contextmanager
def hanging(idea: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Start a sweep and wait until it hangs at its 25th set."""
    process = subprocess.Popen(
        [*CRYPTOLAB, *words(idea, *more)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    begun, until = idea.parent / "begun", time.monotonic() + 60
    try:
        while not (begun.is_file() and HANGS in begun.read_text().split()):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.communicate()


def whole_table(idea: Path) -> pd.DataFrame:
    """Return the table of the sweep gone on with to its end, which no longer hangs."""
    (idea.parent / "on").touch()
    done = cryptolab(*words(idea))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no progress where nobody watches
    assert "rows from the checkpoint" in done.stdout.splitlines()[1]
    return pd.read_parquet(idea.parent / "table.parquet")


def test_ctrl_c_gives_what_is_finished_and_the_rest_follows(home: Path, idea: Path) -> None:
    with hanging(idea) as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        (idea.parent / "on").touch()
        out, err = process.communicate(timeout=60)
    kept, written = idea.parent / "kept.sweep", idea.parent / "table.parquet"
    assert process.returncode == 130
    under_way, last_word = err.splitlines()
    assert under_way.startswith("sweep: the sets under way are finished")
    assert last_word == f"cryptolab: interrupted; the same command goes on from {kept}."
    _, said, head, *_, last = out.splitlines()
    part = pd.read_parquet(written)
    assert 20 < len(part) < SETS
    assert f"unfinished, {len(part)} of {SETS} rows" in said
    assert head.split()[0] == "level"
    assert last == f"Table: {written}"
    whole = whole_table(idea)
    assert len(whole) == SETS
    pd.testing.assert_frame_equal(whole.loc[part.index], part)


def test_the_json_of_an_interrupted_sweep_says_so(home: Path, idea: Path) -> None:
    with hanging(idea, "--json") as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        (idea.parent / "on").touch()
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    found = json.loads(out)
    assert found["complete"] is False
    assert 20 < found["rows"] < found["rows_wanted"] == SETS


@pytest.mark.parametrize(
    ("sent", "code", "said"),
    [
        ((signal.SIGTERM,), 143, "terminated"),
        ((signal.SIGINT, signal.SIGINT), 130, "interrupted"),
    ],
)
def test_the_end_at_once_leaves_what_was_finished(
    home: Path, idea: Path, sent: tuple[int, ...], code: int, said: str
) -> None:
    with hanging(idea) as process:  # and hangs on: nothing may wait for that set
        for number in sent:
            process.send_signal(number)
            time.sleep(0.3)
        out, err = process.communicate(timeout=5)
    assert process.returncode == code
    assert out == ""
    assert err.splitlines()[-1] == f"cryptolab: {said}."
    assert len(err.splitlines()) == len(sent)  # the first Ctrl-C says what a second one does
    assert not (idea.parent / "table.parquet").exists()
    begun = (idea.parent / "begun").read_text().split()
    assert len(whole_table(idea)) == SETS
    again = (idea.parent / "begun").read_text().split()[len(begun) :]
    assert "1" not in again  # the first chunk was not computed again
    assert HANGS in again


@pytest.mark.parametrize("on_error", ["record", "raise"])
def test_a_full_disk_ends_it_after_what_is_finished_is_printed(home: Path, idea: Path, on_error: str) -> None:
    (idea.parent / "on").touch()
    kept = idea.parent / "kept.sweep"

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))

    asked = words(idea, "--metric", "total_return", "--on-error", on_error)
    done = subprocess.run(
        [*CRYPTOLAB, *asked], capture_output=True, text=True, timeout=120, preexec_fn=small_files, check=False
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"cryptolab: checkpoint {kept}: ")
    assert "File too large" in line
    assert re.search(r"unfinished, \d+ of 60 rows", done.stdout)
    assert "Total return" in done.stdout
    assert len(whole_table(idea)) == SETS


def test_a_terminal_gets_a_bar_and_then_the_table(home: Path, idea: Path) -> None:
    (idea.parent / "on").touch()
    code, shown = on_a_terminal(*words(idea))
    assert code == 0
    assert f"/{SETS} [" in shown
    assert "sets/s" in shown
    after = shown.rpartition("sets/s")[2]
    assert "┃" in after
    assert "Sharpe" in after
    table = [line for line in shown.splitlines() if line.startswith(("│", "┃"))]
    assert table
    assert "…" not in "".join(table)


def test_a_quick_sweep_draws_no_bar(home: Path) -> None:
    code, shown = on_a_terminal("sweep", "ema_cross", "--simulated", "--bars", "500", "--grid", "fast=4:6")
    assert code == 0
    assert shown.startswith("SIMULATED market")


def test_the_table_is_written_though_the_reader_has_seen_enough(home: Path) -> None:
    file = home / "table.parquet"
    process = subprocess.Popen(
        [*CRYPTOLAB, "sweep", "ema_cross", "--simulated", "--bars", "500", "--grid", "fast=4:6", "--output", str(file)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 1
    process.stderr.close()
    assert len(pd.read_parquet(file)) == 3
