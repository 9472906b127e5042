"""Small notebooks and the jobs that run them, written into a test's own project."""

from __future__ import annotations

from pathlib import Path

import nbformat

PARAMETERS = """
title = "Small # study"  # a comment, title = no
backtest: dict = {
    "stop_loss": None,
    "commission": 0.001,
}
seed = 7
output = ""
"""


def write_job(home: Path, *code: str, parameters: str = PARAMETERS, job: str = "") -> str:
    """Write notebooks/small.ipynb (the parameters, then one section per code cell) and its job; return its name."""
    new = nbformat.v4
    cells = [new.new_markdown_cell("# Small"), new.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    for number, source in enumerate(code, 1):
        cells += [new.new_markdown_cell(f"## Part {number}"), new.new_code_cell(source)]
    metadata = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    nbformat.write(new.new_notebook(cells=cells, metadata=metadata), home / "notebooks" / "small.ipynb")
    (home / "papermill_jobs" / "small.yaml").write_text(job or "notebook: notebooks/small.ipynb\n")
    return "small"


def alive(pid: int) -> bool:
    """Return whether a process runs; one that has ended and waits to be collected does not (Linux)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def outputs(notebook: Path) -> str:
    """Return everything the cells of an executed notebook printed."""
    book = nbformat.read(notebook, as_version=4)
    texts = [out.get("text", "") for cell in book.cells for out in cell.get("outputs", [])]
    return "".join(texts)
