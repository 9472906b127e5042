"""A sweep's task as bytes for another process: by name what it can import, by value what it cannot.

A worker imports cryptolab and installed packages. It has no notebook, no `__main__` and none of the files that
`run_file` ran, so functions, classes, strategies and indicators from there travel whole (cloudpickle).
"""

from __future__ import annotations

import io
import pickle
import platform
import sys
import threading
from typing import IO, Any

import numba
import numpy as np
import pandas as pd

from cryptolab import __version__
from cryptolab.checks import refuse
from cryptolab.indicators import Indicator
from cryptolab.optimization.task import Task
from cryptolab.signal_generator import Strategy
from cryptolab.sources import FILE_MODULE


class Parcel:
    """A task packed for travel. Large arrays stand beside the pickle: neither side copies them.

    memo: bytes that each symbol's bars may remember where it is opened. Opened once in each process; a copy that is
    sent on to a third one travels closed.
    """

    def __init__(self, task: Task, memo: int) -> None:
        buffers: list[Any] = []
        stream = io.BytesIO()
        _pickler(stream, buffers).dump(task)
        self._pickle = stream.getvalue()
        self._arrays = [np.frombuffer(buffer.raw(), dtype=np.uint8) for buffer in buffers]
        self._memo, self._versions = memo, versions()
        self._task: Task | None = None
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """What one worker is sent."""
        return len(self._pickle) + sum(array.nbytes for array in self._arrays)

    def open(self) -> Task:
        """Return the task, the same at each call, so that what it remembers about its bars serves every chunk.

        Raises InputError where this process runs other versions than the one that packed it: the table might differ.
        """
        with self._lock:
            if self._task is None:
                here = versions()
                for name, there in self._versions.items():
                    if here[name] != there:
                        refuse("a worker", f"{name} {here[name]}", f"install {there} there, as here")
                self._task = pickle.loads(self._pickle, buffers=self._arrays).with_memo(self._memo)
            return self._task

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_task", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _task=None, _lock=threading.Lock())


def versions() -> dict[str, str]:
    """Return the versions that decide about a table's digits; of Python the series, within which bytecode is one."""
    packages = {"numba": numba.__version__, "numpy": np.__version__, "pandas": pd.__version__}
    return {"Python": ".".join(platform.python_version_tuple()[:2]), "cryptolab": __version__, **packages}


def importable(thing: Any) -> bool:
    """Whether another process finds this very thing when it imports its module and looks up its name there."""
    import cloudpickle

    name = thing.__module__
    by_value = cloudpickle.list_registry_pickle_by_value()
    if name in ("__main__", "__mp_main__") or any(f"{name}.".startswith(f"{each}.") for each in by_value):
        return False
    found: Any = sys.modules.get(name)
    for part in thing.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is thing


def _pickler(stream: IO[bytes], buffers: list[Any]) -> Any:
    """Return a pickler to which `importable` decides how strategies and indicators travel.

    Their own pickling is by name alone, as a function's is: right for everything but a process without that name.
    """
    import cloudpickle

    class ByValue(cloudpickle.Pickler):
        def reducer_override(self, thing: Any) -> Any:
            if isinstance(thing, Strategy | Indicator) and not importable(thing):
                return object.__new__, (type(thing),), dict(vars(thing))
            return super().reducer_override(thing)

    for name, module in list(sys.modules.items()):
        if name.startswith(FILE_MODULE):  # for good: no other process could ever import it
            cloudpickle.register_pickle_by_value(module)
    return ByValue(stream, protocol=5, buffer_callback=buffers.append)
