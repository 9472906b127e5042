"""NAME=VALUE on the command line; a value is read as in a params file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from cryptolab.errors import InputError

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting of the engine: costs, risk, capital. Repeatable."),
]


def pairs(option: str, given: Iterable[str] | None) -> dict[str, Any]:
    """Return NAME=VALUE texts as a mapping of values that are read."""
    return {name: value(text) for name, text in named(option, given, "VALUE").items()}


def named(option: str, given: Iterable[str] | None, kind: str) -> dict[str, str]:
    """Return NAME=... texts as a mapping; kind: what stands behind the equals sign, for the sentence of a refusal."""
    found: dict[str, str] = {}
    for text in given or ():
        name, equals, content = text.partition("=")
        name = name.strip()
        if not name or not equals:
            raise InputError(f"{option}: received {text!r}; write NAME={kind}.")
        if name in found:
            raise InputError(f"{option}: received {name!r} twice; give it once.")
        found[name] = content
    return found


def value(text: str) -> Any:
    """Return what a text says: 9, 0.05, 1e-3, true, text; null or none is None, "none" in quotes the text."""
    import yaml

    from cryptolab.jobs.job import parse_yaml

    if text.strip().lower() == "none":
        return None
    try:
        return parse_yaml(text)
    except (ValueError, yaml.YAMLError):  # a text that is no YAML, as in [draft
        return text
