"""The one decorator of all kernels: it owns the compile options, the catalogue and the cache on disk.

numba's file cache watches the file a kernel stands in, not the kernels it calls, so an edit below goes unnoticed and
wrong numbers come back. Here the cache folder's name carries a hash of ALL kernel sources, of numba's version and of
the CPU: any change opens a new folder, a stale one can never be read. Saving takes a lock, because two processes that
compile different signatures of one kernel at once would otherwise give them the same file (numba issue 4807).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
from numba.core import caching

KERNELS: dict[str, Any] = {}
"""Every kernel of the package by "module.name"; the laws of tests/ run over it."""

_FOLDER = Path(__file__).resolve().parent


def kernel(function: Callable | None = None, *, fastmath: Any = frozenset({"contract"}), inline: bool = False) -> Any:
    """Compile `function` without the GIL, IEEE division (x / 0 = inf), fused multiply-add, cached on disk.

    `fastmath` is numba's set of LLVM flags: "contract" alone keeps NaN, infinities and the order of additions.
    `inline` lets numba inline the body at the caller (for steps of a hot loop that LLVM would not inline itself).
    A function outside this package (a user's own) is compiled once per process: what it calls cannot be hashed.
    """

    def compile_lazily(func: Callable) -> Any:
        options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": set(fastmath)}
        if inline:
            options["inline"] = "always"
        dispatcher = numba.njit(**options)(func)
        if Path(func.__code__.co_filename).resolve().parent == _FOLDER:
            dispatcher._cache = _FolderCache(func)
            KERNELS[f"{func.__module__.rsplit('.', 1)[-1]}.{func.__name__}"] = dispatcher
        return dispatcher

    return compile_lazily(function) if function is not None else compile_lazily


def cache_folder() -> Path:
    """Return the folder of this machine's compiled kernels, made if absent.

    `CRYPTOLAB_KERNEL_CACHE`, else the user's cache folder; where neither can be written (a container without a home),
    a folder of the user's own under the system's temporary folder.
    """
    base = os.environ.get("CRYPTOLAB_KERNEL_CACHE")
    candidates = [Path(base)] if base else []
    with contextlib.suppress(RuntimeError):  # a user without a home
        candidates.append(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cryptolab" / "kernels")
    candidates.append(Path(tempfile.gettempdir()) / f"cryptolab-kernels-{os.getuid() if hasattr(os, 'getuid') else 0}")
    for candidate in candidates:
        folder = candidate / fingerprint()
        with contextlib.suppress(OSError):
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                _forget_old(candidate)
            # a cache holds code that will be run: one that another user could have written is not used
            if not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid():
                tempfile.TemporaryFile(dir=folder).close()
                return folder
    return Path(tempfile.mkdtemp(prefix="cryptolab-kernels-"))


def _forget_old(candidate: Path, days: float = 30.0) -> None:
    """Remove the folders of other sources that nothing was compiled into for `days`."""
    for folder in candidate.iterdir():
        if folder.is_dir() and time.time() - folder.stat().st_mtime > days * 86_400:
            shutil.rmtree(folder, ignore_errors=True)


def fingerprint() -> str:
    """Return 16 hex digits of what the machine code depends on: all kernel sources, numba, LLVM and the CPU."""
    digest = hashlib.sha256()
    for path in sorted(_FOLDER.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    cpu = (llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten())
    digest.update(repr((numba.__version__, llvmlite.__version__, cpu)).encode())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _alone(folder: str) -> Iterator[None]:
    """Hold the folder's lock file; without fcntl (Windows) go on without, numba's own behaviour."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with open(os.path.join(folder, ".lock"), "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


class _FolderLocator(caching._CacheLocator):
    """Puts a kernel's files into the hashed folder; the folder's name is the freshness."""

    _folder: str | None = None

    def __init__(self, function: Callable) -> None:
        self._line = function.__code__.co_firstlineno
        if _FolderLocator._folder is None:
            _FolderLocator._folder = str(cache_folder())

    def get_cache_path(self) -> str:
        return str(_FolderLocator._folder)

    def get_source_stamp(self) -> str:
        return os.path.basename(self.get_cache_path())

    def get_disambiguator(self) -> str:
        return str(self._line)

    @classmethod
    def from_function(cls, py_func: Callable, py_file: str) -> _FolderLocator:
        return cls(py_func)


class _FolderCacheImpl(caching.CompileResultCacheImpl):
    _locator_classes: list[Any] = [_FolderLocator]  # noqa: RUF012 (as numba declares it)


class _FolderCache(caching.FunctionCache):
    _impl_class = _FolderCacheImpl

    def save_overload(self, sig: Any, data: Any) -> None:
        with _alone(self.cache_path):
            super().save_overload(sig, data)
