"""The sweep's notebook and its params files: no outputs, no definitions, no name that nobody reads; it runs."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

from cryptolab.jobs.job import load_job
from cryptolab.optimization.grid import make_grid
from cryptolab.reporting import SweepReport
from cryptolab.reporting.sources import check_source
from cryptolab.signal_generator import get_strategy

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = nbformat.read(ROOT / "notebooks" / "sweep.ipynb", as_version=4)
PARAMS = sorted((ROOT / "params").glob("sweep*.yaml"))


def code() -> list[Any]:
    return [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]


def parameters() -> dict[str, Any]:
    (cell,) = [cell for cell in code() if "parameters" in cell.metadata.get("tags", [])]
    return {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(cell.source).body}  # type: ignore


def test_it_is_stored_without_outputs() -> None:
    assert all(not cell.outputs and cell.execution_count is None for cell in code())


def test_it_defines_nothing() -> None:
    defining = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    assert not [node for cell in code() for node in ast.walk(ast.parse(cell.source)) if isinstance(node, defining)]


def test_every_parameter_is_read() -> None:
    loaded = {
        node.id
        for cell in code()
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    assert set(parameters()) <= loaded
    assert parameters()["output"] == ""


def test_every_section_has_a_heading_for_the_report() -> None:
    headings = [cell.source for cell in NOTEBOOK.cells if cell.source.startswith("## ")]
    assert len(headings) == len(set(headings)) == 6


def test_its_defaults_are_the_demo() -> None:
    demo = yaml.safe_load((ROOT / "params" / "sweep.yaml").read_text())
    assert {**parameters(), **demo, "title": ""} == parameters()


@pytest.mark.parametrize("file", PARAMS, ids=lambda path: path.name)
def test_params_files_hold_names_that_are_known(file: Path) -> None:
    given = yaml.safe_load(file.read_text())
    assert set(given) <= set(parameters()) - {"output"}
    check_source(given["data"])
    assert set(given["grid"]) <= set(get_strategy(given["strategy"]).parameters)
    whole, kept = make_grid(given["grid"]), make_grid(given["grid"], where=given["where"])
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
    for cell in code():
        exec(compile(cell.source, "sweep.ipynb", "exec"), names)
        if "parameters" in cell.metadata.get("tags", []):
            names["data"] = {"simulated": {"bars": 900}}
    assert isinstance(names["report"], SweepReport)
    assert len(names["results"]) == 139
    assert sorted(home.rglob("*")) == before
