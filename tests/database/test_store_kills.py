"""What is acknowledged is there, whatever becomes of the process: killed at random, and at each of its steps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.database.crashed_store import SCENARIOS
from tests.database.killed_store import SURELY

ROOT = Path(__file__).resolve().parents[2]
REMOVES = ("delete a part", "delete a year", "delete all", "delete revised ones", "prune")
ACROSS_YEARS = ("first save, of several years", "revise several years", "heal", "save over damage")
QUICK = ("first save", "append", "back-fill and merge", "revise back", "delete a part", "set aside", "second signal")


def run(script: str, *arguments: object) -> list[dict[str, Any]]:
    """Return the lines that a script prints; it forks, which Python 3.12 and later warn of."""
    command = [sys.executable, "-W", "ignore", "-m", f"tests.database.{script}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_nothing_lost(lines: list[dict[str, Any]], writers: int, signals: int) -> None:
    *rounds, end = lines
    assert end == {"in the end": True}
    for line in rounds[:writers]:
        assert (line["lost"], line["foreign"], line["unreadable"]) == (0, 0, 0), line
    for line in rounds[writers:]:
        assert line["right"], line
    assert len(rounds) == writers + signals
    assert rounds[writers - 1]["acknowledged"] >= SURELY * (writers - writers // 10)  # but those killed at once


def test_a_kill_at_any_moment_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    assert_nothing_lost(run("killed_store", tmp_path, 20, 0, 5, 1), 20, 5)


@pytest.mark.slow
def test_two_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    for seed in range(2, 6):
        assert_nothing_lost(run("killed_store", tmp_path / str(seed), 45, 5, 10, seed), 50, 10)


def assert_whole_at_each_step(lines: list[dict[str, Any]], scenarios: tuple[str, ...]) -> None:
    assert {line["scenario"] for line in lines} == set(scenarios)
    for line in lines:
        assert line["between"], line
        assert line["again"], line
        assert line["drafts"] == 0, line
        assert line["files"] <= 3, line
        if line["scenario"] not in REMOVES:
            assert line["then"], line  # the state of before can be read
            if line["scenario"] not in ACROSS_YEARS:  # of which whole years may be there
                assert line["as before"] or line["as after"], line
        if not line["call"]:
            assert line["as after"], line


def test_a_process_that_ends_at_any_step_leaves_what_was_or_what_is_to_be(tmp_path: Path) -> None:
    lines = run("crashed_store", tmp_path, *QUICK)
    assert_whole_at_each_step(lines, QUICK)
    assert len(lines) > 70


@pytest.mark.slow
def test_whatever_is_done_when_a_process_ends(tmp_path: Path) -> None:
    assert_whole_at_each_step(run("crashed_store", tmp_path), tuple(SCENARIOS))
