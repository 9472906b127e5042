"""What a function is made of: its text where that can be read, else a digest of what Python compiled it to.

A digest goes onto reports and into capsules, so it is the same in each process of one Python version, wherever the
function stands in its file and wherever the file is. Another Python compiles to other bytecode: digests of text alone
can be compared between versions.
"""

from __future__ import annotations

import hashlib
import inspect
import textwrap
from collections.abc import Callable
from tokenize import TokenError
from types import CodeType
from typing import Any

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...))


def source_of(function: Callable) -> str | None:
    """Return the function's text, dedented; None where it cannot be read, as after `exec` or in a shell."""
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError, SyntaxError, TokenError):  # the last two: the file has changed under the process
        return None


def digest_of(function: Callable) -> str:
    """Return SHA-256, 64 hex digits, of the function's text, else of its bytecode, constants, defaults and closure."""
    text = source_of(function)
    return hashlib.sha256((_written(function, ()) if text is None else text).encode()).hexdigest()


def _written(value: Any, around: tuple[int, ...]) -> str:
    """Return `value` as text that says all of it, without an address in memory or the order of a hash table.

    around: the ids of the functions and collections `value` is inside of; a function may well close over itself.
    """
    if isinstance(value, _PLAIN):
        return repr(value)
    kind = type(value).__qualname__
    if id(value) in around:
        return f"the {kind} {len(around) - around.index(id(value))} levels above"
    around = (*around, id(value))
    if isinstance(value, CodeType):
        return _written(_parts_of_code(value), around)
    if isinstance(value, tuple | list):
        return f"{kind}({', '.join(_written(item, around) for item in value)})"
    if isinstance(value, set | frozenset):
        return f"{kind}({', '.join(sorted(_written(item, around) for item in value))})"
    if isinstance(value, dict):
        return f"{kind}({', '.join(_written(item, around) for item in value.items())})"
    if isinstance(getattr(value, "__code__", None), CodeType):
        return _written(_parts_of_function(value), around)
    return f"a {type(value).__module__}.{kind}"  # what it holds cannot be told in a way that lasts


def _parts_of_function(function: Any) -> tuple[Any, ...]:
    """Return what makes a function do what it does, apart from the outer names it looks up when called."""
    defaults, by_name = getattr(function, "__defaults__", None), getattr(function, "__kwdefaults__", None)
    return function.__code__, defaults, by_name, [_held(cell) for cell in getattr(function, "__closure__", None) or ()]


def _parts_of_code(code: CodeType) -> tuple[Any, ...]:
    """Return all of a code object but its place: file, line numbers, name, and whether it stands inside another."""
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & ~inspect.CO_NESTED)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return code.co_code, code.co_exceptiontable, counts, names, code.co_consts


def _held(cell: Any) -> Any:
    """Return what a closure's cell holds, as a tuple of its own: it may be empty, as before a recursive definition."""
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()
