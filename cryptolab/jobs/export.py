"""An executed notebook as one HTML file that opens without network."""

from __future__ import annotations

from pathlib import Path

NOTEBOOK_ONLY = "notebook-only"
"""Tag of cells that speak to who runs the notebook, not to who reads its report."""


def to_html(notebook: Path, title: str, *, code: bool = False) -> Path:
    """Write the HTML beside the notebook and return its path. `code` shows the cells' source as well."""
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
