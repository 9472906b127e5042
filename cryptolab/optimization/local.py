"""A sweep on this machine's cores: threads, since kernels and numpy run without Python's lock."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import numpy as np

from cryptolab.optimization.task import Rows, Task, run_rows

if TYPE_CHECKING:
    from cryptolab.optimization.planning import Plan

_AHEAD = 2
"""Chunks given out per thread: the one it computes and the one it takes next."""


def run_local(task: Task, plan: Plan, stop: threading.Event) -> Iterator[Rows]:
    """Yield the Rows of plan's chunks as they are finished; once `stop` is set, what has been finished until then.

    Closing the iterator stops the threads after the set each is at.
    """
    waiting = iter(plan.chunks)
    work = _Work(task, plan, stop)
    under_way: set[Future[Rows]] = set()
    given = 0
    pool = ThreadPoolExecutor(plan.threads, thread_name_prefix="sweep")
    try:
        while True:
            while len(under_way) < _AHEAD * plan.threads and not stop.is_set():
                chunk = next(waiting, None)
                if chunk is None:
                    break
                given += 1
                if given % 2:  # from the other end: neighbours would ask for the same columns at the same time
                    chunk = chunk[::-1]
                under_way.add(pool.submit(work.run, chunk))
            if not under_way:
                return
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                under_way.remove(future)
                yield future.result()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


class _Work:
    """What the threads do: chunks, and leaving each symbol behind its last one.

    They leave it themselves: who reads the rows may be at a disk meanwhile, and a thread that begins with another
    symbol would hold the tables of both. So there are never more symbols with tables than threads.
    """

    def __init__(self, task: Task, plan: Plan, stop: threading.Event) -> None:
        self._task, self._stop = task, stop
        self._to_come = Counter(self._symbol(chunk) for chunk in plan.chunks)
        self._lock = threading.Lock()

    def run(self, chunk: np.ndarray) -> Rows:
        """Compute the chunk's rows, and forget its symbol where it was the last."""
        rows = run_rows(self._task, chunk, self._stop)
        symbol = self._symbol(chunk)
        with self._lock:
            self._to_come[symbol] -= 1
            if self._to_come[symbol] == 0:
                self._task.leave([symbol])
        return rows

    def _symbol(self, chunk: np.ndarray) -> int:
        return int(chunk[0]) // len(self._task.grid)
