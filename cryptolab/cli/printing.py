"""How results are printed: a drawn table for a person, plain lines for a pipe, JSON on request."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def show(rows: list[dict[str, Any]], as_json: bool = False, below: str = "") -> None:
    """Print rows, which have the same columns, as a table or as JSON; a terminal shows the column `below` under it."""
    if as_json:
        print_json(rows)
    elif sys.stdout.isatty():
        _drawn(rows, below)
    else:
        _lines(rows)


def print_json(content: Any) -> None:
    """Print JSON; what it has no kind for becomes text."""
    import json

    print(json.dumps(content, indent=2, default=str))


def _drawn(rows: list[dict[str, Any]], below: str) -> None:
    """Print a table for a person: nothing is cut off; the column `below` stands under it, whole lines to be copied."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold")
    titles = [title for title in (rows[0] if rows else ()) if title != below]
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row[title])) for title in titles))
    Console().print(table)
    for row in rows:
        if row.get(below):
            print(f"{row[titles[0]]}: {row[below]}")


def _lines(rows: list[dict[str, Any]]) -> None:
    """Print plain columns, one row a line, which grep and awk can read."""
    titles = list(rows[0]) if rows else []
    cells = [[_cell(row[title]) for title in titles] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    for line in [titles, *cells]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name}={entry}" for name, entry in value.items()) or "-"
    if isinstance(value, list):
        return " ".join(map(str, value)) or "-"
    return str(value).replace("\n", " ")
