"""What cryptolab needs, read from its own metadata: the core's packages, and those of each optional part."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import cryptolab

NO_PARTS = ("all", "dev")
"""Extras that are no part of the system: a sum of others, and what its developers use."""


def required() -> dict[str, list[str]]:
    """Return package names by optional part; the core's stand under ""."""
    try:
        lines = metadata.requires("cryptolab") or []
    except metadata.PackageNotFoundError:
        lines = _of_checkout()
    found: dict[str, list[str]] = {}
    for line in lines:
        part = re.search(r"extra\s*==\s*['\"]([\w.-]+)['\"]", line)
        name = re.match(r"[\w.-]+", line)
        key = part[1] if part else ""
        if name and key not in NO_PARTS:
            found.setdefault(key, []).append(name[0])
    return found


def _of_checkout() -> list[str]:
    """Return the same lines from the pyproject.toml beside the package: it is run from a checkout, not installed."""
    file = Path(cryptolab.__file__).parent.parent / "pyproject.toml"
    if not file.is_file():
        return []
    project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    parts = project.get("optional-dependencies", {})
    optional = [f'{line}; extra == "{part}"' for part, lines in parts.items() for line in lines]
    return [*project["dependencies"], *optional]


def version(package: str) -> str | None:
    """Return the version of an installed package, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str]:
    """Return the installed ones of all packages named by `required`, by name, with their versions."""
    names = {name for packages in required().values() for name in packages} | {"llvmlite"}
    found = {name: version(name) for name in sorted(names)}
    return {name: given for name, given in found.items() if given is not None}
