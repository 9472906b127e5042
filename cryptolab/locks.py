"""Locks between processes and threads, on a file that is never removed. They end with the process that holds them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cryptolab.errors import RunError

try:
    import fcntl
except ImportError:  # Windows: without locks, one process at a time
    fcntl = None  # type: ignore[assignment]

TELL = fcntl is not None
"""Whether a lock tells anything here."""
WRITERS_WITHIN = 300.0
"""Seconds until a writer gives up waiting for another one's turn to end."""
GLANCE = 0.002
"""Seconds from one look at a lock to the next."""
_held: set[int] = set()
_guard = threading.Lock()


@contextmanager
def alone(file: Path, within: float | None = None, doing: str = "writing") -> Iterator[int]:
    """Hold `file` alone, made where it is not there, and give the number that it is open under, to be read and written.

    Raises RunError when that takes longer than `within` seconds (`WRITERS_WITHIN`); doing: what others do who hold it.
    """
    patience = WRITERS_WITHIN if within is None else within
    with _opened(file, os.O_RDWR | os.O_CREAT) as number:
        deadline = time.monotonic() + patience
        while not _taken(number, alone=True):
            if time.monotonic() > deadline:
                raise waited(file, patience, doing)
            time.sleep(GLANCE)
        yield number


def waited(what: object, patience: float, doing: str = "writing") -> RunError:
    """Return what is raised once others have held something for too long."""
    return RunError(
        f"{what}: received another process that has been {doing} there for {patience:.0f} s; "
        "end it if it hangs, then try again."
    )


@contextmanager
def beside_others(file: Path) -> Iterator[bool]:
    """Hold `file` together with whoever else only reads, and say whether it is held: where there is no such file yet,
    and where nobody may open it, it is not."""
    with ExitStack() as opened:
        try:
            number = opened.enter_context(_opened(file, os.O_RDONLY))
        except OSError:
            held = False
        else:
            held = True
            if fcntl is not None:
                fcntl.flock(number, fcntl.LOCK_SH)
        yield held


@contextmanager
def changing(names: Path, gate: Path) -> Iterator[None]:
    """Hold `names` alone, however many read: who waits for them shuts the gate that they come through."""
    with alone(gate, doing="reading"), alone(names, doing="reading"):
        yield


@contextmanager
def looking(names: Path, gate: Path) -> Iterator[bool]:
    """Hold `names` beside others, come through the gate, and say whether they are held, as `beside_others` does."""
    with beside_others(gate):  # let go at once
        pass
    with beside_others(names) as held:
        yield held


def is_free(file: Path) -> bool:
    """Return whether nobody holds `file` alone at the moment."""
    try:
        with _opened(file, os.O_RDONLY) as number:
            return _taken(number, alone=False)
    except OSError:
        return True


@contextmanager
def _opened(file: Path, how: int) -> Iterator[int]:
    """Open a file for a lock, which ends with this block even where a forked child has the file open as well."""
    with _guard:
        number = os.open(file, how, 0o666)
        _held.add(number)
    owner = os.getpid()
    try:
        yield number
    finally:
        if owner == os.getpid():
            with _guard:
                if fcntl is not None:
                    fcntl.flock(number, fcntl.LOCK_UN)
                _held.discard(number)
                os.close(number)


def _taken(number: int, *, alone: bool) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(number, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _forget() -> None:
    """Close a forked child's copies: the parent's locks would outlive it in them, should it be killed."""
    for number in _held:
        os.close(number)
    _held.clear()
    _guard.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_forget)
