"""The streams and signals of the command line: terminals, pipes, closed ones, Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cryptolab.jobs.doctor import examine
from tests.cli.calls import CRYPTOLAB, on_a_terminal
from tests.jobs.notebooks import alive, write_job


def test_a_terminal_gets_a_drawn_table_with_nothing_cut_off(home: Path) -> None:
    code, shown = on_a_terminal("doctor")
    assert code == 0
    assert "…" not in shown
    lines = shown.splitlines()
    table = [line for line in lines if line.startswith("│")]
    assert any("cryptolab" in line for line in table)
    assert all(len(line) <= 80 for line in table)
    advice = [f"{each.what}: {each.advice}" for each in examine() if each.advice]
    assert [line for line in lines if line in advice] == advice  # in one piece, to be copied


def test_a_watched_run_shows_a_bar(home: Path) -> None:
    write_job(home, "print(1)", job="notebook: notebooks/small.ipynb\noutputs: []\n")
    code, shown = on_a_terminal("run", "small")
    assert code == 0
    assert "Part 1" in shown
    assert "2/3" in shown  # the parameters, what papermill adds below them, the one cell
    assert "event=" not in shown  # no log lines where a person watches
    assert shown.rstrip().endswith("small.ipynb")


def test_a_reader_that_has_seen_enough(home: Path) -> None:
    process = subprocess.Popen([*CRYPTOLAB, "indicators"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(60) == 1
    process.stderr.close()


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&-"])
def test_closed_streams_change_nothing(home: Path, closed: str) -> None:
    command = f'"{sys.executable}" -m cryptolab --version {closed}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


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
