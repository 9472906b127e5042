"""How results are printed: a drawn table for a person, plain lines for a pipe, JSON on request."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

_SPACES = "[ \u00a0\u202f]"
_NUMBER = re.compile(rf"[-−+]?[0-9][0-9,]*(\.[0-9]+)?(e[-+]?[0-9]+)?({_SPACES}?%|{_SPACES}[A-Za-z]+)?")
_NO_NUMBER = ("n/a", "None", "-", "")
"""What stands in a column of numbers where there is none."""
_THOUSANDS = re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")


def show(rows: list[dict[str, Any]], as_json: bool = False, below: str = "") -> None:
    """Print rows, which have the same columns, as a table or as JSON; a terminal shows the column `below` under it."""
    if as_json:
        print_json(rows)
    elif sys.stdout.isatty():
        _drawn(rows, below)
    else:
        _lines(rows)


def say_line(text: object) -> None:
    """Print a line of prose; its numbers are written plainly in a pipe."""
    print(text if sys.stdout.isatty() else plain(str(text)))


def print_json(content: Any) -> None:
    """Print JSON; what it has no kind for becomes text."""
    import json

    print(json.dumps(content, indent=2, default=str))


def plain(text: str) -> str:
    """Return a text with the numbers of a typewriter: a hyphen for the minus sign, no space before the per cent sign.

    What a reader finds easier, a program does not read.
    """
    text = re.sub("(?<=[0-9])[\u00a0\u202f]%", "%", text).replace("\u00a0", " ").replace("\u202f", " ")
    return re.sub("−(?=[0-9.])", "-", text)


def _drawn(rows: list[dict[str, Any]], below: str) -> None:
    """Print a table for a person: nothing is cut off; the column `below` stands under it, whole lines to be copied."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold")
    titles = [title for title in (rows[0] if rows else ()) if title != below]
    for title in titles:
        right = _of_numbers([_cell(row[title]) for row in rows])
        table.add_column(title, overflow="fold", justify="right" if right else "left")
    for row in rows:
        table.add_row(*(Text(_cell(row[title])) for title in titles))
    Console().print(table)
    for row in rows:
        if row.get(below):
            print(f"{row[titles[0]]}: {row[below]}")


def _of_numbers(cells: list[str]) -> bool:
    """Whether a column holds numbers, with their units or without."""
    given = [cell for cell in cells if cell not in _NO_NUMBER]
    return bool(given) and all(_NUMBER.fullmatch(cell) for cell in given)


def _lines(rows: list[dict[str, Any]]) -> None:
    """Print plain columns, one row a line, which grep and awk can read."""
    titles = list(rows[0]) if rows else []
    cells = [[_plain_cell(row[title]) for title in titles] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    for line in [titles, *cells]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _plain_cell(value: Any) -> str:
    """Return a cell for a program: a number that is all of it has no thousands' commas either."""
    text = plain(_cell(value))
    return text.replace(",", "") if _THOUSANDS.fullmatch(text.rstrip("%")) else text


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name}={entry}" for name, entry in value.items()) or "-"
    if isinstance(value, list):
        return " ".join(map(str, value)) or "-"
    return str(value).replace("\n", " ")
