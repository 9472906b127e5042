"""One study of the simulated market, run by the command line for all tests of this folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chrome import Chrome

ROOT = Path(__file__).resolve().parents[2]


def run_study(home: Path, *arguments: str, job: str = "study", **variables: str) -> Path:
    """Run a job in a project of its own at `home`, with environment variables; return the folder of the run."""
    home.mkdir()
    shutil.copy(ROOT / "config.yaml", home)
    for name in ("notebooks", "papermill_jobs", "params"):
        shutil.copytree(ROOT / name, home / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    command = [sys.executable, "-m", "cryptolab", "run", job, *arguments]
    environment = {**os.environ, "CRYPTOLAB_HOME": str(home), **variables}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip()).parent


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run over 5,000 simulated hours, with its tearsheet, whose title tries to be markup."""
    home = tmp_path_factory.mktemp("study") / "home"
    changes = ('title=<b id=injected>R&D</b> "study"', "strategy_params.fast=12", "tearsheet=true")
    return run_study(home, *(part for change in ("data.simulated.bars=5000", *changes) for part in ("--set", change)))


@pytest.fixture(scope="session")
def real_study(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run over the recorded hours of Bitcoin, whose params file names them by the variable alone."""
    home = tmp_path_factory.mktemp("real") / "home"
    return run_study(home, "--params", "params/btc_1h.yaml", CRYPTOLAB_REAL_DATA=str(real_data))


@pytest.fixture(scope="session")
def manifest(study: Path) -> dict[str, Any]:
    """What the run says it was made from."""
    return json.loads((study / "manifest.json").read_text())


@pytest.fixture(scope="session")
def chrome(browser: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A running headless browser."""
    with Chrome(browser, tmp_path_factory.mktemp("chrome") / "profile") as started:
        yield started
