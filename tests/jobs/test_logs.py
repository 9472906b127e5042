from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from cryptolab.jobs import logs

WRITER = """
import sys
from pathlib import Path
from cryptolab.jobs import logs
logs.BYTES, logs.KEPT = 4000, 400
log = logs.get_logger("cryptolab.test")
with logs.recorded(Path(sys.argv[1]), "INFO", console=False, run=sys.argv[2]):
    for number in range(300):
        log.info("line", number=number)
"""


def _lines(folder: Path) -> list[str]:
    files = sorted(folder.glob("cryptolab.log*"))
    return [line for file in files if not file.name.endswith(".lock") for line in file.read_text().splitlines()]


def test_lines_carry_time_level_event_and_context(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logs.recorded(tmp_path / "logs", "INFO", console=True, run="id-1"):
        logs.get_logger("cryptolab.x").info("run started", job="study", path="a b")
        logs.get_logger("cryptolab.x").debug("not shown")
        logging.getLogger("papermill").error("an error of %s", "theirs")
        logging.getLogger("papermill").warning("not shown")
    first, second = (tmp_path / "logs" / "cryptolab.log").read_text().splitlines()
    assert first.startswith("timestamp=20")
    assert 'level=info event="run started" run=id-1 job=study path="a b"' in first
    assert 'level=error event="an error of theirs"' in second
    assert capsys.readouterr().err.splitlines() == [first, second]


def test_nothing_stays_set_up_behind_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("cryptolab")
    before = (logger.level, logger.propagate, list(logger.handlers), list(logging.getLogger().handlers))
    with logs.recorded(tmp_path, "DEBUG", console=True):
        assert logger.handlers
    assert (logger.level, logger.propagate, list(logger.handlers), list(logging.getLogger().handlers)) == before
    logs.get_logger("cryptolab.x").info("quiet outside")
    assert capsys.readouterr().err == ""


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    with logs.recorded(tmp_path / "file" / "logs", "INFO", console=True):
        logs.get_logger("cryptolab.x").info("goes on")
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert 'event="no log file"' in said[0]


def test_importing_sets_nothing_up() -> None:
    code = "import logging, cryptolab.jobs, cryptolab.cli; print(logging.getLogger().handlers)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_processes_share_a_rotated_file_and_lose_no_line(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name]) for name in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    lines = _lines(tmp_path)
    assert len(list(tmp_path.glob("cryptolab.log.*"))) > 2
    found = sorted((part.split("run=")[1][0], int(part.split("number=")[1])) for part in lines)
    assert found == [(name, number) for name in "ab" for number in range(300)]
