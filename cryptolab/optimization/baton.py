"""One thread of a sweep at a time in Python, where Python's work is short.

numpy gives up Python's lock for each comparison, and has to get it back. Two threads in strategies of a few
microseconds spend more time on that than on the strategies: together they are no faster than one alone. With a baton,
one of them computes signals while the other is away in a kernel.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

QUICK = 80e-6
"""Seconds of a row's Python up to which the baton is taken; above it numpy's part, which threads can share, is most."""


class Runner:
    """A thread's part in a sweep: holds the baton while its rows are quick, but never while it is away in a kernel."""

    def __init__(self, baton: threading.Lock) -> None:
        self._baton = baton
        self._holds = False
        self._rows, self._begin = 0, 0.0

    def __enter__(self) -> Runner:
        self._go_on(quick=True)
        return self

    def __exit__(self, *problem: object) -> None:
        self._leave()

    def begin_row(self) -> None:
        """Count one more row, whose Python begins."""
        self._rows += 1

    @contextmanager
    def away(self) -> Iterator[None]:
        """Leave the baton to others meanwhile; it is taken again if the rows since the last time were quick."""
        # what this thread itself did, without what it waited: whoever holds no baton waits for Python's lock
        quick = time.thread_time() - self._begin <= QUICK * self._rows if self._rows else self._holds
        self._leave()
        try:
            yield
        finally:
            self._go_on(quick)

    def _leave(self) -> None:
        if self._holds:
            self._holds = False
            self._baton.release()

    def _go_on(self, quick: bool) -> None:
        if quick:
            self._baton.acquire()
            self._holds = True
        self._rows, self._begin = 0, time.thread_time()
