"""Strategies are plain functions of bars and parameters; the decorator gives them a name, a door and a source hash.

    @strategy
    def ema_cross(bars, fast=9, slow=21):
        return long_while(EMA(bars, period=fast) > EMA(bars, period=slow))

The same function is simulated, swept over a grid and stepped in paper trading. Defining a name again replaces it, so
a notebook cell can be run twice.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Any

import pandas as pd

from cryptolab.bars import Bars, as_bars
from cryptolab.checks import known_keys, refuse, unknown_name
from cryptolab.errors import InputError
from cryptolab.signal_generator.signals import Signals, as_signals
from cryptolab.sources import digest_of, run_file, source_of

STRATEGIES: dict[str, Strategy] = {}
"""The catalogue: every strategy that was defined in this process, by name."""


class Strategy:
    """A function `f(bars, **parameters) -> Signals`, callable with Bars or a DataFrame.

    name, doc: the function's. parameters: name -> default. source: its text (of the whole file, for a strategy named
    by its file), or None where it cannot be read; then source_hash is that of its bytecode, and `source_note` says so.
    What the text refers to outside itself is not part of the hash.
    """

    def __init__(self, function: Callable[..., Signals], source: str | None = None) -> None:
        update_wrapper(self, function)
        self.function = function
        self.name = function.__name__
        self.doc = inspect.getdoc(function) or ""
        self.parameters = _defaults(function)
        self.source = source if source is not None else source_of(function)
        self.source_hash = digest_of(function) if source is None else hashlib.sha256(source.encode()).hexdigest()
        self.source_note = "" if self.source is not None else "source not readable: the hash is that of the bytecode"

    def __call__(self, bars: Bars | pd.DataFrame, *values: Any, **parameters: Any) -> Signals:
        """Return the strategy's Signals: one row per bar of Bars, or per row of a DataFrame, labelled with its index.

        What the function returns may also be +1, 0, -1 per bar, or columns of flags. Raises UnknownNameError for a
        parameter it does not have, InputError, naming the parameters, for what cannot be signals of these bars.
        """
        if len(values) > len(self.parameters):
            refuse(f"strategy {self.name!r}", f"{len(values)} parameters", f"give at most {len(self.parameters)}")
        known_keys(f"parameter of strategy {self.name!r}", parameters, self.parameters)
        if values:
            by_position = dict(zip(self.parameters, values, strict=False))
            twice = next((name for name in by_position if name in parameters), None)
            if twice is not None:
                refuse(f"strategy {self.name!r}", f"{twice!r} by position and by name", "give it once")
            parameters = {**by_position, **parameters}
        door = as_bars(bars)
        try:
            signals = as_signals(self.function(door, **parameters), door)
        except InputError as problem:
            said = f"strategy {self.name!r}" + "".join(f", {key}={value!r}" for key, value in parameters.items())
            raise type(problem)(f"{said}: {problem}") from problem
        return signals.labelled(door.index) if isinstance(bars, Bars) else signals.expand(door)

    def __reduce__(self) -> str:
        return str(self.function.__qualname__)  # pickled as the name it stands under, like a function

    def __repr__(self) -> str:
        parameters = ", ".join(f"{key}={value!r}" for key, value in self.parameters.items())
        return f"<strategy {self.name}({parameters})>"


def strategy(function: Callable[..., Signals]) -> Strategy:
    """Make a plain function a strategy and put it into the catalogue under its name."""
    made = Strategy(function)
    STRATEGIES[made.name] = made
    return made


def get_strategy(name: str, folder: Path | None = None) -> Strategy:
    """Return the strategy of that name in the catalogue, or the one in a file: "ideas/foo.py:foo".

    A relative path is taken from `folder`, by default the working folder. A function in a file need not be decorated;
    running the file does not change the catalogue.
    """
    if not isinstance(name, str):
        refuse("strategy", f"a {type(name).__name__}", "give a name, or 'ideas/foo.py:foo'")
    if ".py:" in name:
        path, _, function = name.rpartition(":")
        return _from_file((folder or Path.cwd()) / path, function)
    if name not in STRATEGIES:
        unknown_name("strategy", name, STRATEGIES)
    return STRATEGIES[name]


def _from_file(path: Path, name: str) -> Strategy:
    """Run the file and return its strategy; the whole file is the source, since the function may use the rest of it."""
    catalogue = dict(STRATEGIES)
    try:
        module = run_file("strategy file", path)
    finally:
        STRATEGIES.clear()
        STRATEGIES.update(catalogue)
    defined = {
        key: value.function if isinstance(value, Strategy) else value
        for key, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and callable(value)
    }
    if name not in defined:
        unknown_name(f"strategy in {path.name}", name, defined)
    return Strategy(defined[name], source=path.read_text(encoding="utf-8"))


def _defaults(function: Callable) -> dict[str, Any]:
    """Return the parameters after `bars` with their defaults; one without a default is refused."""
    arguments = list(inspect.signature(function).parameters.values())
    name = function.__name__
    if not arguments:
        refuse(f"strategy {name!r}", "a function without arguments", f"write def {name}(bars, ...)")
    for argument in arguments[1:]:
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            refuse(f"strategy {name!r}", f"the argument {argument}", "name each parameter and give it a default")
        if argument.default is argument.empty:
            refuse(f"strategy {name!r}", f"the parameter {argument.name!r} without a default", "give it one")
    return {argument.name: argument.default for argument in arguments[1:]}
