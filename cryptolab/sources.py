"""A user's own code: running his file, and what a function is made of: its text where that can be read, else a digest
of what Python compiled it to.

A digest goes onto reports and into capsules, so it is the same in each process of one Python version, wherever the
function stands in its file and wherever the file is. Another Python compiles to other bytecode: digests of text alone
can be compared between versions.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
import textwrap
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from tokenize import TokenError
from types import CodeType, ModuleType
from typing import Any

from cryptolab.checks import refuse
from cryptolab.errors import InputError

FILE_MODULE = "cryptolab_file_"
"""How the names of modules begin that `run_file` makes; no other process can import them."""

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...))


class _FreshLoader(SourceFileLoader):
    """Compiles the file as it is now: Python's own cache takes an edit within the same second for no edit."""

    def get_code(self, fullname: str) -> Any:
        return self.source_to_code(self.get_data(self.path), self.path)


def run_file(what: str, path: Path) -> ModuleType:
    """Run a user's Python file and return it as a module; `what` names it in a refusal, as in "strategy file".

    Raises InputError for a file that is not there or does not run; InputErrors raised in the file pass.
    """
    if not path.is_file():
        refuse(what, str(path), "name an existing file, as in ideas/foo.py")
    name = f"{FILE_MODULE}{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    loader = _FreshLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None  # a loader of a file always gives one
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except InputError:
        raise
    except (Exception, SystemExit) as problem:
        refuse(f"{what} {path.name}", f"{type(problem).__name__}: {problem}", "correct the file")
    return module


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


def whole_digest_of(function: Callable) -> str:
    """Return SHA-256, 64 hex digits, of all that makes a function give what it gives, where `digest_of` has its text.

    That is its text, its defaults, what it closes over, and what its outer names stand for: functions and values of
    its own module in the same way, what comes from another module by its name there. Objects of other kinds count by
    their type alone.
    """
    return hashlib.sha256(_whole(function, function.__module__, ()).encode()).hexdigest()


def _whole(value: Any, module: str | None, around: tuple[int, ...]) -> str:
    """Return all of `value` as text; functions of other modules than `module` by name."""
    value = getattr(value, "py_func", getattr(value, "function", value))  # compiled ones, strategies, indicators
    if id(value) in around or isinstance(value, _PLAIN):
        return _written(value, around)
    inside = (*around, id(value))
    code = getattr(value, "__code__", None)
    if isinstance(code, CodeType):
        if value.__module__ != module:
            return f"{value.__module__}.{value.__qualname__}"
        outer = {name: value.__globals__[name] for name in outer_names(code) if name in value.__globals__}
        closed = [_held(cell) for cell in value.__closure__ or ()]
        text = source_of(value) or _written(value, around)
        parts = [_whole(part, module, inside) for part in (value.__defaults__, value.__kwdefaults__, closed, outer)]
        return "\0".join([text, *parts])
    if isinstance(value, tuple | list):
        return f"({', '.join(_whole(item, module, inside) for item in value)})"
    if isinstance(value, dict):
        return f"({', '.join(f'{key!r}: {_whole(item, module, inside)}' for key, item in value.items())})"
    if isinstance(value, ModuleType):
        return f"the module {value.__name__}"
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if hasattr(value, "__array__") and hasattr(value, "tobytes"):
        return f"an array of {value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    return _written(value, around)


def outer_names(code: CodeType) -> tuple[str, ...]:
    """Return the outer names that code, and the functions written inside it, use, in the order of their use."""
    inner = [name for constant in code.co_consts if isinstance(constant, CodeType) for name in outer_names(constant)]
    return tuple(dict.fromkeys((*code.co_names, *inner)))


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
