"""Jobs run for real: papermill, a kernel, nbconvert. Each run costs seconds, so each asks several questions."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import nbformat
import pytest

from cryptolab.errors import RunError, UnknownNameError
from cryptolab.jobs import RunResult, run_job
from cryptolab.jobs.capsule import read_manifest
from cryptolab.jobs.runner import KERNEL_LOG
from tests.jobs.notebooks import alive, outputs, write_job

SAVES = "from cryptolab.jobs import save_manifest\nsave_manifest(output, {'seed': seed, 'backtest': backtest})"
SHOWS = """
import json, os, sys, warnings
shown = [sys.executable, os.getcwd(), os.environ["CRYPTOLAB_HOME"], os.environ["IPYTHONDIR"], title, backtest]
print(json.dumps(shown))
started_by_a_profile = "from_the_profile" in globals()
print(started_by_a_profile)
"""


def foreign_kernel(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a kernelspec python3 that cannot start, and a start-up file in the user's IPython profile."""
    spec = folder / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({"argv": ["false"], "display_name": "x", "language": "python"}))
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("from_the_profile = True\n")
    monkeypatch.setenv("JUPYTER_PATH", str(folder / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))


def test_a_run_leaves_notebook_html_and_capsule(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    foreign_kernel(tmp_path, monkeypatch)
    write_job(home, SHOWS, SAVES, job="notebook: notebooks/small.ipynb\nparams: params/small.yaml\n")
    (home / "params" / "small.yaml").write_text("title: Mine {x} <b>\nseed: 3\n")
    run = run_job("small", overrides={"backtest.stop_loss": 0.05})

    assert isinstance(run, RunResult)
    assert re.fullmatch(r"\d{8}T\d{6}Z-small-[0-9a-f]{6}", run.id)
    assert run.folder == home / "reports" / run.id
    assert {path.name for path in run.folder.iterdir()} == {"small.ipynb", "small.html", "manifest.json"}

    shown, profile = outputs(run.notebook).splitlines()
    interpreter, folder, root, ipython, title, backtest = json.loads(shown)
    assert interpreter == sys.executable
    assert folder == root == str(home)
    assert ipython != str(tmp_path / "ipython")
    assert profile == "False"
    assert title == "Mine {x} <b>"
    assert backtest == {"stop_loss": 0.05, "commission": 0.001}

    manifest = read_manifest(run.folder)
    assert manifest["seed"] == 3
    assert manifest["run"]["status"] == "done"
    assert manifest["run"]["job"] == "small"
    assert manifest["run"]["params"] == {"title": "Mine {x} <b>", "seed": 3}
    assert manifest["run"]["overrides"] == {"backtest.stop_loss": 0.05}
    assert manifest["run"]["params_file"]["content"] == "title: Mine {x} <b>\nseed: 3\n"
    assert manifest["run"]["started"] <= manifest["run"]["finished"]
    assert manifest["run"]["finished"].endswith("+00:00")

    assert run.html is not None
    page = run.html.read_text(encoding="utf-8")
    assert "<title>Mine {x} &lt;b&gt;</title>" in page
    assert "save_manifest" not in page  # a report reads like one: no code
    assert not re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["'](?!data:|#|["'])""", page)

    said = capfd.readouterr().err  # nobody watches a test: log lines, and nothing of the kernel's own
    events = re.findall(r'event=("[^"]+"|\S+)', said)
    assert events == ['"run started"', "section", "section", "section", '"run done"']
    assert all(line.startswith("timestamp=") and f"run={run.id}" in line for line in said.splitlines())
    assert (home / "logs" / "cryptolab.log").read_text() == said

    # the stored notebook knows no folder of this machine, and running its cells again changes nothing of the run
    book = nbformat.read(run.notebook, as_version=4)
    assert not {"input_path", "output_path"} & set(book.metadata["papermill"])
    assert str(run.folder) not in run.notebook.read_text(encoding="utf-8")
    before = {path: path.read_bytes() for path in run.folder.iterdir()}
    again: dict[str, object] = {}
    for cell in book.cells:
        if cell.cell_type == "code":
            exec(cell.source, again)
    assert (again["output"], again["title"], again["seed"]) == ("", "Mine {x} <b>", 3)
    assert {path: path.read_bytes() for path in run.folder.iterdir()} == before


def test_a_failed_run_keeps_its_notebook_and_says_why(home: Path) -> None:
    line = "import os; _ = os.write(2, b'[IPKernelApp] ERROR | KeyboardInterrupt caught in kernel.\\n')"
    write_job(
        home, f"{line}; print('got this far')", "raise ValueError('no such thing\\nsecond line')", "print('never')"
    )
    with pytest.raises(RunError) as caught:
        run_job("small")
    (folder,) = (home / "reports").iterdir()
    said = str(caught.value)
    assert said == f"small failed in cell 4: ValueError: no such thing; see {folder / 'small.html'}."
    printed = outputs(folder / "small.ipynb")
    assert "got this far" in printed
    assert "never" not in printed
    page = (folder / "small.html").read_text(encoding="utf-8")
    assert "raise" in page  # the failure report shows the code and the traceback
    assert "no such thing" in page
    manifest = read_manifest(folder)
    assert manifest["run"]["status"] == "failed"
    assert (manifest["run"]["cell"], manifest["run"]["error"]) == (4, "ValueError: no such thing")
    assert not (folder / KERNEL_LOG).exists()
    assert 'event="run failed"' in (home / "logs" / "cryptolab.log").read_text()


def test_our_own_sentences_stand_as_they_are(home: Path) -> None:
    write_job(home, "from cryptolab.checks import unknown_name\nunknown_name('cost', 'fe', ['fee'])")
    with pytest.raises(UnknownNameError) as caught:
        run_job("small")
    (folder,) = (home / "reports").iterdir()
    assert str(caught.value) == f"unknown cost 'fe': did you mean 'fee'; see {folder / 'small.html'}."
    assert read_manifest(folder)["run"]["status"] == "failed"
    assert str(folder) not in (folder / "small.ipynb").read_text(encoding="utf-8")


def test_a_kernel_that_dies_is_a_failed_run(home: Path) -> None:
    write_job(home, "import os\nos.write(2, b'last words')\nos._exit(9)")
    with pytest.raises(RunError, match="the kernel died"):
        run_job("small")
    (folder,) = (home / "reports").iterdir()
    assert (folder / "small.html").is_file()
    assert read_manifest(folder)["run"]["status"] == "failed"
    assert "last words" in (folder / KERNEL_LOG).read_text()


def test_an_unknown_parameter_is_refused_before_anything_is_written(home: Path) -> None:
    write_job(home, SAVES)
    with pytest.raises(UnknownNameError, match="did you mean 'seed'"):
        run_job("small", {"sed": 1})
    assert not (home / "reports").exists()
    assert not (home / "logs").exists()


def test_inside_a_running_event_loop(home: Path) -> None:
    write_job(home, "print(seed, backtest)", SAVES, job="notebook: notebooks/small.ipynb\noutputs: []\n")

    async def cell() -> RunResult:
        return run_job("small", {"seed": 11, "backtest": {"since": date(2021, 1, 2)}})

    run = asyncio.run(cell())
    assert run.html is None
    assert {path.name for path in run.folder.iterdir()} == {"small.ipynb", "manifest.json"}
    assert outputs(run.notebook) == "11 {'since': '2021-01-02'}\n"
    log = (home / "logs" / "cryptolab.log").read_text().splitlines()
    assert all(f"run={run.id}" in line for line in log)


def test_a_reports_folder_that_cannot_be_made(home: Path) -> None:
    write_job(home)
    (home / "reports").write_text("in the way")
    with pytest.raises(RunError, match="reports folder"):
        run_job("small")


INTERRUPTED = """
import asyncio, sys
from cryptolab.jobs import run_job

async def cell():
    run_job("small")

loop = asyncio.new_event_loop()  # asyncio.run would turn Ctrl-C into something else than Jupyter does
try:
    loop.run_until_complete(cell())
except KeyboardInterrupt:
    sys.exit(77)
"""


def test_an_interrupted_cell_ends_its_run(home: Path) -> None:
    mark = home / "kernel.pid"
    write_job(home, f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)")
    process = subprocess.Popen([sys.executable, "-c", INTERRUPTED], stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not (mark.is_file() and mark.read_text()):
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 77, said
    assert not alive(int(mark.read_text()))
    (folder,) = (home / "reports").iterdir()
    assert read_manifest(folder)["run"]["status"] == "interrupted"
    assert str(folder) not in (folder / "small.ipynb").read_text(encoding="utf-8")


def test_without_a_home_that_can_be_written(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "nowhere"))
    write_job(home, "print(seed)", job="notebook: notebooks/small.ipynb\noutputs: []\n")
    assert outputs(run_job("small").notebook) == "7\n"
