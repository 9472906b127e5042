"""A sweep on two dask workers of one thread each, beside two bare processes that run the same chunks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import numpy as np

from benchmarks.measuring import Row, seconds
from benchmarks.sweep import cross, minutes
from cryptolab.backtesting import Costs, Risk
from cryptolab.optimization import sweep
from cryptolab.optimization.grid import make_grid
from cryptolab.optimization.planning import make_plan
from cryptolab.optimization.task import StrategySource, Task, probe, run_rows

GRID = {"fast": range(5, 85), "slow": range(110, 860)}
"""60,000 sets: half a minute and more for two processes."""


def the_task() -> Task:
    """Return what both compute."""
    return Task(
        StrategySource(cross),
        (minutes(2_000_000),),
        make_grid(GRID),
        ("fast", "slow"),
        (),
        (),
        Costs(),
        Risk(),
        10_000.0,
        16,
    )


def bare(chunks: list[np.ndarray], memo: int, ready: Any, go: Any, out: Any) -> None:
    """Run chunks in this process, once told to; give the seconds."""
    task = the_task().with_memo(memo)
    run_rows(task, chunks[0][:3])  # kernels loaded, tables made
    ready.release()
    go.wait()
    begin = time.perf_counter()
    for chunk in chunks:
        run_rows(task, chunk)
    out.put(time.perf_counter() - begin)


def two_processes(task: Task) -> float:
    """Return the seconds until both of two processes have run their half of the chunks."""
    todo = np.arange(len(task.grid))
    measured, _ = probe(task, todo)
    plan = make_plan(task.grid, [len(task.bars[0])], (), todo, measured, threads=2, budget=None, blocks=16)
    middle = len(plan.chunks) // 2
    halves = list(plan.chunks[:middle]), list(plan.chunks[middle:])
    context = get_context("spawn")
    ready, go, out = context.Semaphore(0), context.Event(), context.Queue()
    started = [context.Process(target=bare, args=(halves[half], plan.memo, ready, go, out)) for half in (0, 1)]
    for process in started:
        process.start()
    for _ in started:
        ready.acquire()
    go.set()
    longest = max(out.get() for _ in started)
    for process in started:
        process.join()
    return float(longest)


@contextmanager
def workers() -> Iterator[Any]:
    """Give a Client with two workers of one thread each."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


def measure() -> list[Row]:
    """Return the row on dask."""
    task = the_task()
    with workers() as client:
        sweep(cross, task.bars[0], {"fast": [5, 6], "slow": [100, 200]}, executor=client, progress=False)
        begin = time.perf_counter()
        results = sweep(cross, task.bars[0], GRID, executor=client, progress=False)
        spread = time.perf_counter() - begin
    assert len(results) == len(task.grid)
    alone = two_processes(task)
    reached = alone / spread
    name = f"{len(task.grid):,} sets over 1,050,207 minutes on 2 dask workers of 1 thread ({os.cpu_count()} cores)"
    return [
        Row(name, seconds(spread), f"two bare processes {seconds(alone)}", f"{reached:.0%}", "≥ 85 %", reached >= 0.85)
    ]
