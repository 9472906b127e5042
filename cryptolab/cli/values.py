"""NAME=VALUE on the command line; a value is read as in a params file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer

from cryptolab.errors import InputError
from cryptolab.values import value

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


def at_least(low: int, option: str) -> Callable[[int | None], int | None]:
    """Return the check of an option's number. typer's own `min=` fills the help with `<int range>` and `x>=1`."""

    def check(given: int | None) -> int | None:
        if given is not None and given < low:
            raise InputError(f"{option}: received {given}; write {low} or more.")
        return given

    return check
