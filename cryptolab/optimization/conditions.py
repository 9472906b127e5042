"""Conditions on a grid's sets: `where="fast < slow"`, a callable, or a list of them. Checked before anything runs."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.checks import refuse, suggestion
from cryptolab.errors import UnknownNameError

Condition = str | Callable[..., bool]
Where = Condition | Sequence[Condition] | None

Test = Callable[[dict[str, np.ndarray]], np.ndarray]
"""Columns of one length -> one boolean per set."""

_FOREIGN = (ast.Attribute, ast.Subscript, ast.Lambda, ast.ListComp, ast.GeneratorExp, ast.NamedExpr, ast.JoinedStr)


def in_words(where: Where) -> str:
    """Return conditions as they were written; a callable by its name."""
    listed = [] if where is None else where if isinstance(where, list | tuple) else [where]
    return ", ".join(each if isinstance(each, str) else getattr(each, "__name__", "a callable") for each in listed)


def conditions(where: Where, names: list[str]) -> list[Test]:
    """Return one test per condition, its names checked against those of the grid.

    A text is evaluated by pandas over whole columns: comparisons (chained too), arithmetic, `in [1, 2]`, `and`, `or`,
    `not`, and functions such as `abs` and `sqrt`; a comparison with None is false. A callable is called once per set,
    with the names it takes, and returns True or False. Raises InputError for what is neither and for a name that the
    grid does not have.
    """
    listed = [] if where is None else where if isinstance(where, list | tuple) else [where]
    tests: list[Test] = []
    for condition in listed:
        if isinstance(condition, str):
            tests.append(_text(condition, names))
        elif callable(condition):
            tests.append(_called(condition, names))
        else:
            refuse("where", f"a {type(condition).__name__}", "write a text such as 'fast < slow', or a callable")
    return tests


def holds(tests: Sequence[Test], columns: dict[str, np.ndarray]) -> np.ndarray:
    """Return one boolean per set: whether all tests hold. A test sees only what those before it let pass."""
    keep = np.ones(len(next(iter(columns.values()))), bool)
    for test in tests:
        left = np.flatnonzero(keep)
        if len(left) == len(keep):
            keep = test(columns).copy()  # pandas may give a view that cannot be written to
        elif len(left):
            keep[left] = test({name: column[left] for name, column in columns.items()})
    return keep


@dataclass(frozen=True)
class _Text:
    """A condition in pandas' language."""

    text: str
    names: tuple[str, ...]

    def __call__(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        what = f"where {self.text!r}"
        frame = pd.DataFrame({name: columns[name] for name in self.names}, copy=False)
        try:
            found = frame.eval(self.text, engine="python")
        except Exception as problem:  # pandas raises nearly anything for what it does not understand
            instead = "write a comparison of the grid's names; give a callable where values are not all numbers"
            refuse(what, f"{type(problem).__name__} ({_first_line(problem)})", instead)
        if not isinstance(found, pd.Series) or found.dtype != bool:
            kind = found.dtype if isinstance(found, pd.Series) else type(found).__name__
            refuse(what, f"values of {kind}", "write a comparison, as in 'fast < slow'")
        return found.to_numpy()


@dataclass(frozen=True)
class _Called:
    """A condition of the user's own."""

    function: Callable[..., bool]
    names: tuple[str, ...]

    def __call__(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        count = len(next(iter(columns.values())))
        keep = np.empty(count, bool)
        # tolist gives plain Python values: what a function of ints does with numpy's is not always the same
        sets = zip(*(columns[name].tolist() for name in self.names), strict=True) if self.names else [()] * count
        for row, values in enumerate(sets):
            params = dict(zip(self.names, values, strict=True))
            try:
                answer = self.function(**params)
            except Exception as problem:
                self._refuse(params, f"{type(problem).__name__} ({_first_line(problem)})")
            if answer is not True and answer is not False and not isinstance(answer, np.bool_):
                self._refuse(params, f"a {type(answer).__name__}")
            keep[row] = answer
        return keep

    def _refuse(self, params: dict[str, Any], received: str) -> None:
        said = ", ".join(f"{name}={value!r}" for name, value in params.items())
        refuse(f"where, called with {said or 'nothing'}", received, "return True or False for every set of the grid")


def _text(text: str, names: list[str]) -> _Text:
    what = f"where {text!r}"
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError) as problem:
        refuse(what, _first_line(problem), "write a comparison of the grid's names, as in 'fast < slow'")
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    used: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, _FOREIGN):
            refuse(what, f"a Python {type(node).__name__}", "write names, numbers and comparisons, or give a callable")
        if isinstance(node, ast.Name) and id(node) not in functions:
            _refuse_unknown(what, node.id, names)
            used[node.id] = None
    if not used:
        refuse(what, "no name of the grid", f"write a comparison of them ({', '.join(names)})")
    return _Text(text.strip(), tuple(used))


def _called(function: Callable[..., bool], names: list[str]) -> _Called:
    what = f"where {getattr(function, '__name__', 'callable')!r}"
    try:
        arguments = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        refuse(what, "a callable without a signature", "write lambda fast, slow: fast < slow")
    taken: list[str] = []
    for argument in arguments:
        if argument.kind is argument.VAR_KEYWORD:
            taken += [name for name in names if name not in taken]
        elif argument.kind in (argument.VAR_POSITIONAL, argument.POSITIONAL_ONLY):
            refuse(what, f"the argument {argument}", "take the grid's names by name: lambda fast, slow: fast < slow")
        elif argument.name in names:
            taken.append(argument.name)
        elif argument.default is argument.empty:
            _refuse_unknown(what, argument.name, names)
    return _Called(function, tuple(dict.fromkeys(taken)))


def _refuse_unknown(what: str, name: str, names: list[str]) -> None:
    """Refuse a name that the grid does not have; it may well be a parameter, left at its default."""
    if name not in names:
        instead = f"{suggestion(name, names)} (a parameter left at its default is not in the grid: add it there)"
        refuse(what, f"the name {name!r}", instead, UnknownNameError)


def _first_line(problem: BaseException) -> str:
    return str(problem).strip().split("\n", 1)[0] or type(problem).__name__
