"""What a notebook is run with: its defaults, under a params file, under what the caller sets. Checked before it runs.

papermill only warns of a parameter that the notebook does not have, and the notebook then runs with its default: the
one mistake a study must not make silently. The `parameters` cell is read as Python here, not by papermill's pattern,
which misses annotated and multi-line defaults.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from cryptolab.checks import known_keys, refuse

OUTPUT = "output"
"""The parameter a notebook receives the run's folder in, where it has it; an empty text means: write nothing."""


def defaults(notebook: Path) -> dict[str, Any]:
    """Return the names in the notebook's `parameters` cell with their defaults (None where one is no literal).

    Raises InputError when the file is no notebook.
    """
    import nbformat

    try:
        content = nbformat.read(notebook, as_version=4)
    except (OSError, ValueError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        refuse(f"notebook {notebook.name}", f"a file that is none ({str(error).splitlines()[0][:80]})", "save it again")
    found: dict[str, Any] = {}
    for cell in content.cells:
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", []):
            found.update(_assigned(cell.source, notebook.name))
    return found


def code_hash(notebook: Path) -> str:
    """Return SHA-256 of a notebook's code cells; outputs and texts do not count."""
    import nbformat

    cells = nbformat.read(notebook, as_version=4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(code).encode()).hexdigest()


def merged(known: Mapping[str, Any], given: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters to hand over: `given`, then `overrides`, whose dotted names reach into mappings.

    `backtest.stop_loss` changes one entry of `backtest` and keeps the others, those of the notebook's default included.
    Dates and paths become text, numpy's numbers Python's: the notebook stores them as JSON. Raises UnknownNameError,
    with the nearest name, for what the notebook does not have, InputError for what is no data.
    """
    names = [name for name in known if name != OUTPUT]
    for source in (given, overrides):
        tops = [name.split(".")[0] if source is overrides else name for name in source]
        if OUTPUT in tops:
            refuse(f"parameter {OUTPUT!r}", "it from outside", "leave it out: a run gets a folder of its own")
        known_keys("parameter", tops, names)
    values = dict(given)
    for name, value in overrides.items():
        top, *below = name.split(".")
        if below:
            start = values.get(top, known[top])
            values[top] = _changed(name, start, below, value)
        else:
            values[top] = value
    return {name: _data(name, value) for name, value in values.items()}


def _data(name: str, value: Any) -> Any:
    """Return `value` in types that a notebook's metadata can hold."""
    if isinstance(value, Mapping):
        return {str(key): _data(f"{name}.{key}", entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_data(name, entry) for entry in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, date | Path):
        return value.isoformat() if isinstance(value, date) else str(value)
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return _data(name, value.item())
    refuse(f"parameter {name!r}", f"a {type(value).__name__}", "write a number, a text, a list or a mapping")


def _changed(name: str, mapping: Any, path: list[str], value: Any) -> dict[str, Any]:
    """Return a copy of `mapping` with the entry at `path` set."""
    if mapping is not None and not isinstance(mapping, Mapping):
        refuse(f"parameter {name!r}", f"{mapping!r} above it", "set the value that is there as a whole")
    head, *below = path
    if not head:
        refuse(f"parameter {name!r}", "an empty name", "write name.entry=value")
    copy = dict(mapping or {})
    copy[head] = _changed(name, copy.get(head), below, value) if below else value
    return copy


def _assigned(source: str, notebook: str) -> dict[str, Any]:
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        refuse(f"the parameters cell of {notebook}", f"no Python in line {error.lineno}", "write name = value lines")
    found: dict[str, Any] = {}
    for statement in statements:
        if isinstance(statement, ast.Assign):
            targets: list[ast.expr] = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name):
                found[target.id] = _literal(statement.value)
    return found


def _literal(value: ast.expr | None) -> Any:
    try:
        return None if value is None else ast.literal_eval(value)
    except ValueError:
        return None
