"""A notebook of the project as its tests read it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).resolve().parents[2]


class NotebookFile:
    """cells: all of them. code: those with code. parameters: the values of the cell tagged so, by name."""

    def __init__(self, name: str) -> None:
        self.cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells
        self.code = [cell for cell in self.cells if cell.cell_type == "code"]
        (cell,) = [cell for cell in self.code if "parameters" in cell.metadata.get("tags", [])]
        self.parameters: dict[str, Any] = {
            node.targets[0].id: ast.literal_eval(node.value)  # type: ignore[attr-defined]
            for node in ast.parse(cell.source).body
        }
