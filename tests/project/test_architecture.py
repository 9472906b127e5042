"""What import-linter cannot see: names inside a library, and what the repository's files may say."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "cryptolab").rglob("*.py"))


def names(path: Path) -> set[str]:
    """Return every name, attribute and imported name that the code of `path` uses."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            found.update(alias.name for alias in node.names)
    return found


def test_only_backtesting_names_vectorbts_portfolio():
    users = {path.relative_to(ROOT / "cryptolab").parts[0] for path in SOURCES if "Portfolio" in names(path)}
    assert users <= {"backtesting"}


@pytest.mark.parametrize("word", ["utils", "helpers", "common", "misc"])
def test_no_file_is_named_after_nothing(word):
    assert not [path for path in SOURCES if path.stem == word]
