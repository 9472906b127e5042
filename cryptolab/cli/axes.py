"""`--grid NAME=VALUES`: what to vary."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cryptolab.checks import refuse
from cryptolab.cli.values import named


def axes(given: Iterable[str] | None) -> dict[str, Any]:
    """Return the grid of NAME=VALUES texts: name -> range, list or distribution. Raises InputError for what is none."""
    texts = named("--grid", given, "VALUES")
    if not texts:
        refuse("--grid", "nothing to vary", "write NAME=VALUES, as in --grid fast=5:44")
    from cryptolab.optimization.axes import axis_from_text

    return {name: axis_from_text(text, f"--grid {name}") for name, text in texts.items()}
