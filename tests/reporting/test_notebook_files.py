"""What holds for each notebook that is run as a job: no outputs, no definitions, no parameter that nothing reads."""

from __future__ import annotations

import ast

import pytest

from tests.reporting.notebook_files import NotebookFile

HEADINGS = {"study": 10, "sweep": 6}


@pytest.fixture(params=HEADINGS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_is_stored_without_outputs(name: str) -> None:
    assert all(not cell.outputs and cell.execution_count is None for cell in NotebookFile(name).code)


def test_it_defines_nothing(name: str) -> None:
    defining = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    nodes = [node for cell in NotebookFile(name).code for node in ast.walk(ast.parse(cell.source))]
    assert not [node for node in nodes if isinstance(node, defining)]


def test_every_parameter_is_read(name: str) -> None:
    file = NotebookFile(name)
    loaded = {
        node.id
        for cell in file.code
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    assert set(file.parameters) <= loaded
    assert file.parameters["output"] == ""


def test_every_section_has_a_heading_for_the_report(name: str) -> None:
    cells = [cell for cell in NotebookFile(name).cells if cell.cell_type == "markdown"]
    headings = [cell.source for cell in cells if cell.source.startswith("## ")]
    assert len(headings) == len(set(headings)) == HEADINGS[name]
