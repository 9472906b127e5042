"""What becomes of an executed notebook: a copy that can be run again by hand, and one HTML file."""

from __future__ import annotations

import ast
from pathlib import Path

from cryptolab.jobs.parameters import OUTPUT

NOTEBOOK_ONLY = "notebook-only"
"""Tag of cells that speak to who runs the notebook, not to who reads its report."""


def release(notebook: Path) -> None:
    """Make `output` empty in an executed notebook: who runs its cells again must not write over the run's own files.

    papermill's notes of absolute paths go as well: they say nothing once the folder is moved or sent.
    """
    import nbformat

    try:
        book = nbformat.read(notebook, as_version=4)
    except (FileNotFoundError, nbformat.reader.NotJSONError):  # interrupted before, or while, it was written
        return
    for cell in book.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.source = _emptied(cell.source)
    noted = book.metadata.get("papermill", {})
    for key in ("input_path", "output_path"):
        noted.pop(key, None)
    if OUTPUT in noted.get("parameters", {}):
        noted["parameters"][OUTPUT] = ""
    nbformat.write(book, notebook)


def _emptied(source: str) -> str:
    """Return the code with an empty text assigned to OUTPUT, which papermill assigns a literal to."""
    lines = source.splitlines()
    for statement in reversed(ast.parse(source).body):
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == OUTPUT:
            lines[statement.lineno - 1 : statement.end_lineno] = [f'{OUTPUT} = ""']
    return "\n".join(lines)


def to_html(notebook: Path, title: str, *, code: bool = False) -> Path:
    """Write the HTML, which needs no network, beside the notebook; return its path. `code` shows the cells' source."""
    import nbformat
    from nbconvert import HTMLExporter

    book = nbformat.read(notebook, as_version=4)
    book.metadata["title"] = title  # nbconvert would take the file's name; it escapes this
    book.cells = [cell for cell in book.cells if NOTEBOOK_ONLY not in cell.metadata.get("tags", [])]
    exporter = HTMLExporter(
        # an empty address leaves the library out: nothing on the page needs the network
        mathjax_url="",
        require_js_url="",
        mermaid_js_url="",
        jquery_url="",
        embed_images=True,
        exclude_input=not code,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    page, _ = exporter.from_notebook_node(book)
    path = notebook.with_suffix(".html")
    path.write_text(page, encoding="utf-8")
    return path
