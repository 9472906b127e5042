"""The study's notebook and its params files: no outputs, no definitions, no name that nobody reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cryptolab.reporting import Study
from cryptolab.reporting.sources import check_source
from tests.reporting.notebook_files import ROOT, NotebookFile

NOTEBOOK = NotebookFile("study")
RUN_ONLY = ("output", "tearsheet")
"""Parameters that are not `Study.load`'s."""
PARAMS = sorted(file for file in (ROOT / "params").glob("*.yaml") if not file.name.startswith("sweep"))


def test_its_defaults_are_the_demo_but_for_what_would_be_false_of_another_study() -> None:
    demo = yaml.safe_load((ROOT / "params" / "demo.yaml").read_text())
    neutral: dict[str, Any] = {"title": "", "strategy_params": {}}
    assert {**NOTEBOOK.parameters, **demo, **neutral} == NOTEBOOK.parameters
    assert demo["title"]
    assert demo["strategy_params"]


def test_a_study_that_names_nothing_gets_a_title_and_parameters_of_its_own() -> None:
    given = {**NOTEBOOK.parameters, "strategy": "rsi_reversion", "data": {"simulated": {"bars": 60, "timeframe": "4h"}}}
    study = Study.load(**{name: value for name, value in given.items() if name not in RUN_ONLY})
    assert study.title == "rsi_reversion on SIM/USDT, 4h"
    assert study.parameters == study.strategy.parameters


@pytest.mark.parametrize("file", PARAMS, ids=lambda path: path.name)
def test_params_files_hold_names_that_are_known(file: Path) -> None:
    given = yaml.safe_load(file.read_text())
    assert set(given) <= set(NOTEBOOK.parameters) - {"output"}
    check_source(given["data"])
    short = {**given, "data": {"simulated": {"bars": 50}}}
    assert Study.load(**short).parameters == given["strategy_params"]


def test_it_runs_by_hand_and_writes_nothing(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.chdir(home)
    before = sorted(home.rglob("*"))
    names: dict[str, Any] = {}
    for cell in NOTEBOOK.code:
        exec(compile(cell.source, "study.ipynb", "exec"), names)
        if "parameters" in cell.metadata.get("tags", []):
            names["data"] = {"simulated": {"bars": 200}}
    assert isinstance(names["study"], Study)
    assert sorted(home.rglob("*")) == before
