"""The one place where input is refused, in one sentence shape: the argument, what was received, what to write instead.

Public functions check at their door with these; nothing below a door checks again.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import re
from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar

from cryptolab.errors import InputError, UnknownNameError

_Record = TypeVar("_Record")


def refuse(what: str, received: object, instead: str, error: type[InputError] = InputError) -> NoReturn:
    """Raise `error` with the sentence "what: received <received>; <instead>."."""
    said = re.sub(r"^a (?=[aeiou])", "an ", str(received))  # of a type's name: an int, an object
    raise error(f"{what}: received {said}; {instead}.") from None


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return "did you mean 'x'" for the known name nearest to `name`, else the list of the known names."""
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}"
    return "known are " + ", ".join(names) if names else "none are known here"


def unknown_name(kind: str, name: str, known: Iterable[str]) -> NoReturn:
    """Raise UnknownNameError for `name`, with the nearest known name."""
    raise UnknownNameError(f"unknown {kind} {name!r}: {suggestion(name, known)}.") from None


def known_keys(kind: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse the first of the given names that is not among the known ones."""
    names = list(known)
    for name in given:
        if name not in names:
            unknown_name(kind, name, names)


def named_fields(cls: type[_Record]) -> type[_Record]:
    """Make a dataclass refuse an unknown field by its nearest name instead of with a bare TypeError."""
    plain = cls.__init__
    names = [field.name for field in dataclasses.fields(cls) if field.init]  # type: ignore[arg-type]

    @functools.wraps(plain)
    def __init__(self: _Record, *values: Any, **fields: Any) -> None:
        known_keys(f"field of {cls.__name__}", fields, names)
        plain(self, *values, **fields)

    setattr(cls, "__init__", __init__)  # noqa: B010 (a plain assignment has no type that fits)
    return cls


def one_of(what: str, value: Any, options: Iterable[str]) -> str:
    """Return `value` if it is one of `options`, else refuse it with the nearest option."""
    names = list(options)
    if value not in names:
        refuse(what, repr(value), f"{suggestion(str(value), names)} ({' | '.join(names)})")
    return str(value)


def number(
    what: str,
    value: Any,
    *,
    above: float | None = None,
    low: float | None = None,
    below: float | None = None,
    high: float | None = None,
) -> float:
    """Return `value` as a float inside (above, below) and [low, high]; booleans, NaN and infinities are refused."""
    bounds = [
        f"{sign} {bound:g}"
        for sign, bound in ((">", above), (">=", low), ("<", below), ("<=", high))
        if bound is not None
    ]
    instead = "write a number" + (" " + " and ".join(bounds) if bounds else "")
    if isinstance(value, bool | str | bytes) or value is None or type(value).__name__ == "bool":
        refuse(what, repr(value), instead)  # numpy's own boolean is called bool as well
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError):
        refuse(what, repr(value), instead)
    outside = (
        not math.isfinite(result)
        or (above is not None and result <= above)
        or (low is not None and result < low)
        or (below is not None and result >= below)
        or (high is not None and result > high)
    )
    if outside:
        refuse(what, f"{value}", instead)
    return result


def whole(what: str, value: Any, *, low: int | None = None, high: int | None = None) -> int:
    """Return `value` as an int inside [low, high]; a float is taken when it is whole."""
    result = number(what, value, low=low, high=high)
    if result != int(result):
        refuse(what, f"{value}", "write a whole number")
    return int(value)  # not int(result): a float keeps 53 bits of a large whole number


def flag(what: str, value: Any) -> bool:
    """Return `value` if it is a boolean, else refuse it: a text such as "no" would count as true."""
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return bool(value)
    refuse(what, repr(value), "write True or False")
