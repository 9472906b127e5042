"""The sweep's notebook and its params files: no outputs, no definitions, no name that nobody reads; it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cryptolab.jobs.job import load_job
from cryptolab.optimization.axes import axes_from_texts
from cryptolab.optimization.grid import make_grid
from cryptolab.reporting import SweepReport
from cryptolab.reporting.sources import check_source
from cryptolab.signal_generator import get_strategy
from tests.reporting.notebook_files import ROOT, NotebookFile

NOTEBOOK = NotebookFile("sweep")
PARAMS = sorted((ROOT / "params").glob("sweep*.yaml"))


def test_its_defaults_are_the_demo() -> None:
    demo = yaml.safe_load((ROOT / "params" / "sweep.yaml").read_text())
    assert {**NOTEBOOK.parameters, **demo, "title": ""} == NOTEBOOK.parameters


@pytest.mark.parametrize("file", PARAMS, ids=lambda path: path.name)
def test_params_files_hold_names_that_are_known(file: Path) -> None:
    given = yaml.safe_load(file.read_text())
    assert set(given) <= set(NOTEBOOK.parameters) - {"output"}
    check_source(given["data"])
    assert set(given["grid"]) <= set(get_strategy(given["strategy"]).parameters)
    axes = axes_from_texts(given["grid"])
    whole, kept = make_grid(axes), make_grid(axes, where=given["where"])
    assert 100 < len(kept) < len(whole)


def test_its_job_names_files_that_are_there() -> None:
    job = load_job("sweep", ROOT)
    assert job.notebook == ROOT / "notebooks" / "sweep.ipynb"
    assert job.params == ROOT / "params" / "sweep.yaml"
    assert job.outputs == ("html",)


def test_it_runs_by_hand_and_writes_nothing(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.chdir(home)
    before = sorted(home.rglob("*"))
    names: dict[str, Any] = {}
    for cell in NOTEBOOK.code:
        exec(compile(cell.source, "sweep.ipynb", "exec"), names)
        if "parameters" in cell.metadata.get("tags", []):
            names["data"] = {"simulated": {"bars": 900}}
    assert isinstance(names["report"], SweepReport)
    assert len(names["results"]) == 139
    assert sorted(home.rglob("*")) == before
