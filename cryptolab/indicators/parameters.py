"""The arguments of a declared function: which are inputs, and how each parameter's values are checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from cryptolab.checks import flag, known_keys, number, one_of, refuse, whole

INPUTS = ("time", "open", "high", "low", "close", "volume")
"""What a declared function can ask of the bars, in the order it writes them; `time` is int64, ns UTC, of the opens."""

RESERVED = (*INPUTS, "last", "param_product", "timeframe")
_KINDS = {int: "a whole number", float: "a number", bool: "True or False", str: "a text"}


@dataclass(frozen=True)
class Parameter:
    """One parameter: its name, default, and kind: int (1 or more), float, bool, str, a tuple of options, or Any."""

    name: str
    default: Any
    kind: Any

    def checked(self, value: Any) -> Any:
        """Return `value` as the kind says, so that equal values are one value (9.0 is 9). Raises InputError."""
        if self.kind is int and type(value) is int and value >= 1:
            return value  # the usual case first: a sweep asks thousands of times
        if isinstance(self.kind, tuple):
            return one_of(self.name, value, self.kind)
        if self.kind is int:
            return whole(self.name, value, low=1)
        if self.kind is float:
            return number(self.name, value)
        if self.kind is bool:
            return flag(self.name, value)
        if self.kind is str and not isinstance(value, str):
            refuse(self.name, repr(value), "write a text")
        try:
            hash(value)
        except TypeError:
            refuse(self.name, f"a {type(value).__name__}", "write one value, or a tuple of several")
        return value


def arguments(function: Callable) -> dict[str, inspect.Parameter]:
    """Return the function's arguments by name; it has to name each one."""
    found = dict(inspect.signature(function).parameters)
    for argument in found.values():
        if argument.kind not in (argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY):
            refuse(f"{function.__name__}(...)", f"the argument {argument}", "name each argument")
    return found


def inputs_of(function: Callable) -> tuple[str, ...]:
    """Return the leading arguments that are columns of bars, refused when not in the order of INPUTS."""
    names = list(arguments(function))
    found = [name for name in names if name in INPUTS]
    if not found:
        refuse(f"{function.__name__}(...)", "no input among its arguments", f"name one of {', '.join(INPUTS)}")
    ordered = [name for name in INPUTS if name in found]
    if names[: len(found)] != ordered:
        refuse(f"{function.__name__}({', '.join(names)})", "inputs out of order", f"begin with {', '.join(ordered)}")
    return tuple(ordered)


def parameters_of(function: Callable, known: Iterable[str] = INPUTS) -> tuple[Parameter, ...]:
    """Return what the function takes beyond the `known` names, each with a default that says or is of its kind."""
    try:
        hints = get_type_hints(function)
    except (NameError, AttributeError, TypeError):  # one may name what is imported for type checkers alone
        hints = {}
    found = []
    for name, argument in arguments(function).items():
        if name in set(known):
            continue
        what = f"{function.__name__}(...), parameter {name!r}"
        if name in RESERVED:
            refuse(what, "a name that has a meaning of its own here", "call it something else")
        if argument.default is argument.empty:
            refuse(what, "no default", f"write {name}=... with the usual value")
        parameter = Parameter(name, argument.default, _kind(what, hints.get(name, type(argument.default))))
        found.append(Parameter(name, parameter.checked(argument.default), parameter.kind))
    return tuple(found)


def checked(owner: str, parameters: tuple[Parameter, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for each parameter: the checked one given, else its default. Raises UnknownNameError."""
    if not given:
        return {parameter.name: parameter.default for parameter in parameters}
    known_keys(f"parameter of {owner}", given, [parameter.name for parameter in parameters])
    return {p.name: p.checked(given[p.name]) if p.name in given else p.default for p in parameters}


def _kind(what: str, hint: Any) -> Any:
    """Return the kind an annotation, or the type of an unannotated default, stands for."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    if get_origin(hint) in (Union, UnionType) or hint in (Any, object):
        return Any
    if hint not in _KINDS:
        refuse(what, f"the kind {getattr(hint, '__name__', hint)}", "annotate it int, float, bool, str or Literal[...]")
    return hint
