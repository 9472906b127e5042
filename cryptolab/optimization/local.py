"""A sweep on this machine's cores: threads, since kernels and numpy run without Python's lock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

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
    under_way: dict[Future[Rows], int] = {}
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
                under_way[pool.submit(run_rows, task, chunk, stop)] = int(chunk[0]) // len(task.grid)
            if not under_way:
                return
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                symbol = under_way.pop(future)
                rows = future.result()
                # chunks go symbol by symbol: behind the earliest that is under way nothing is needed any more
                task.leave(range(min([symbol, *under_way.values()])))
                yield rows
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
