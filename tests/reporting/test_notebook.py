"""The study's notebook and its params files: no outputs, no definitions, no name that nobody reads."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

from cryptolab.reporting import Study
from cryptolab.reporting.sources import check_source

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = nbformat.read(ROOT / "notebooks" / "study.ipynb", as_version=4)
PARAMS = sorted(file for file in (ROOT / "params").glob("*.yaml") if not file.name.startswith("sweep"))


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
    headings = [
        cell.source for cell in NOTEBOOK.cells if cell.cell_type == "markdown" and cell.source.startswith("## ")
    ]
    assert len(headings) == len(set(headings)) == 9


def test_its_defaults_are_the_demo_but_for_what_would_be_false_of_another_study() -> None:
    demo = yaml.safe_load((ROOT / "params" / "demo.yaml").read_text())
    neutral: dict[str, Any] = {"title": "", "strategy_params": {}}
    assert {**parameters(), **demo, **neutral} == parameters()
    assert demo["title"]
    assert demo["strategy_params"]


def test_a_study_that_names_nothing_gets_a_title_and_parameters_of_its_own() -> None:
    given = {**parameters(), "strategy": "rsi_reversion", "data": {"simulated": {"bars": 60, "timeframe": "4h"}}}
    study = Study.load(**{name: value for name, value in given.items() if name != "output"})
    assert study.title == "rsi_reversion on SIM/USDT, 4h"
    assert study.parameters == study.strategy.parameters


@pytest.mark.parametrize("file", PARAMS, ids=lambda path: path.name)
def test_params_files_hold_names_that_are_known(file: Path) -> None:
    given = yaml.safe_load(file.read_text())
    assert set(given) <= set(parameters()) - {"output"}
    check_source(given["data"])
    short = {**given, "data": {"simulated": {"bars": 50}}}
    assert Study.load(**short).parameters == given["strategy_params"]


def test_it_runs_by_hand_and_writes_nothing(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.chdir(home)
    before = sorted(home.rglob("*"))
    names: dict[str, Any] = {}
    for cell in code():
        exec(compile(cell.source, "study.ipynb", "exec"), names)
        if "parameters" in cell.metadata.get("tags", []):
            names["data"] = {"simulated": {"bars": 200}}
    assert isinstance(names["study"], Study)
    assert sorted(home.rglob("*")) == before
