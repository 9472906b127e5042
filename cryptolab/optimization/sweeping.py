"""`sweep`: many variants of a strategy, each with the numbers of the full simulation.

The way of the data: bars, strategy and grid become one Task; a probe of a few sets tells how much memory and time one
takes; from that a Plan is made, its chunks are computed by threads or on a cluster, and their rows, as they arrive,
go to the checkpoint and into the SweepResult.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.backtesting import Costs, Risk
from cryptolab.backtesting.metrics import Metrics
from cryptolab.backtesting.records import given
from cryptolab.bars import Bars, as_bars
from cryptolab.checks import flag, known_keys, number, one_of, refuse, unknown_name, whole
from cryptolab.errors import RunError, SetError
from cryptolab.kernels.scoring import SCORE
from cryptolab.optimization.checkpoint import Checkpoint, check_folder
from cryptolab.optimization.cluster import check_executor, run_dask
from cryptolab.optimization.conditions import conditions, holds, in_words
from cryptolab.optimization.grid import Grid, make_grid, product_with
from cryptolab.optimization.local import run_local
from cryptolab.optimization.matrices import MatrixSource, as_source
from cryptolab.optimization.memory import parse_memory
from cryptolab.optimization.planning import Plan, make_plan
from cryptolab.optimization.progress import Progress, log
from cryptolab.optimization.results import SweepResult
from cryptolab.optimization.task import Rows, Source, StrategySource, Task, check_sets, probe
from cryptolab.signal_generator import Strategy, get_strategy

RESERVED = (*Metrics._fields, "symbol", "error", "days_count", "days_sum", "days_squares")
"""Names of the table's own levels and columns."""
Data = Bars | pd.DataFrame | Mapping[str, Any] | list[Any] | tuple[Any, ...]


def sweep(
    strategy: Any,
    data: Data,
    grid: Mapping[str, Any] | None = None,
    *,
    costs: Costs | None = None,
    risk: Risk | None = None,
    initial_capital: float = 10_000.0,
    metrics: Iterable[str] | None = None,
    where: Any = None,
    samples: int | None = None,
    seed: int = 0,
    n_jobs: int | None = None,
    memory: int | str | None = None,
    executor: Any = None,
    checkpoint: str | os.PathLike[str] | None = None,
    on_error: str = "record",
    blocks: int = 16,
    progress: bool | None = None,
) -> SweepResult:
    """Backtest `strategy` with each set of parameters in `grid`; one row each, the metrics of `BacktestEngine`.

        sweep(ema_cross, bars, {"fast": range(5, 45), "slow": range(100, 200)}, where="fast < slow").best()

    strategy: a strategy or its name; a plain function `f(bars, **parameters)`; or entries and exits that are there
    already, one column per set (see `optimization.matrices`), with which `grid` may be left out. data: Bars or a
    DataFrame; several symbols as a list of Bars or a mapping symbol -> Bars or DataFrame. grid: name -> range, list,
    value or distribution (see `optimization.grid.make_grid`); a name is a parameter of the strategy or a field of Costs
    or Risk. costs, risk: what the grid leaves open. metrics: the table's columns, all by default. where: conditions
    such as "fast < slow". samples, seed: draw that many sets at random. n_jobs: threads, by default one per core.
    memory: bytes, or "500MB", that the call may add. executor: "dask://host:port", "tls://host:port" or a
    distributed.Client, to compute on a cluster. checkpoint: a file that finished rows are kept in; the same call with
    it goes on where it was killed. on_error: "record" notes in a set's row what it raised, "raise" stops. blocks:
    stretches of days that the daily returns are summed over. progress: True, False, or None for where a person watches.

    The first Ctrl-C ends the sweep after the sets under way and gives the finished part (`complete` is False); so does
    the loss of a whole cluster (`ended` says so).
    Raises InputError for what cannot be run, before anything runs; SetError for the first set that fails, where
    on_error says so; RunError when all sets fail.
    """
    begin = time.perf_counter()
    columns = _metrics(metrics)
    how = _How(
        threads=_cores() if n_jobs is None else whole("n_jobs", n_jobs, low=1), budget=parse_memory(memory),
        executor=executor, checkpoint=_path(checkpoint),
        progress=None if progress is None else flag("progress", progress),
    )  # fmt: skip
    if executor is not None:
        check_executor(executor)
    source, symbols = _source(strategy), _symbols(data)
    sets = _sets(source, symbols, grid, where, samples, seed, how.budget)
    task = Task(
        source, symbols, sets, *_owners(source, sets), given("costs", costs, Costs), given("risk", risk, Risk),
        number("initial_capital", initial_capital, above=0), whole("blocks", blocks, low=1, high=10_000),
        one_of("on_error", on_error, ("record", "raise")), in_words(where),
    )  # fmt: skip
    check_sets(task)
    book, resumed, ended = _run(task, how)
    rows = book.rows()
    if rows.errors:
        first = next(iter(rows.errors.values()))
        if len(rows.errors) == book.wanted:
            what = "the only set failed" if book.wanted == 1 else f"all {book.wanted:,} sets failed, the first"
            raise RunError(f"sweep: {what}: {first}")
        log.warning("sweep: %d of %d sets failed, the first: %s", len(rows.errors), len(rows.numbers), first)
    seconds = time.perf_counter() - begin
    return SweepResult(task, rows, metrics=columns, seconds=seconds, ended=ended, resumed=resumed)


@dataclass(frozen=True)
class _How:
    """Where and how rows are computed; it changes none of them."""

    threads: int
    budget: int | None
    executor: Any
    checkpoint: Path | None
    progress: bool | None


def _run(task: Task, how: _How) -> tuple[_Book, int, str]:
    """Compute what the checkpoint does not have. Returns all rows, how many it had, and why some are missing, if they
    are and nobody interrupted the sweep."""
    book, stopped = _Book(task), threading.Event()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_interruptible(stopped))
        planned = None
        if how.checkpoint is None or not how.checkpoint.exists():
            planned = _planned(task, book.missing(), how)  # before the file is made: a refusal leaves none behind
        kept = stack.enter_context(Checkpoint(how.checkpoint, task.identity())) if how.checkpoint is not None else None
        earlier = kept.finished() if kept is not None else None
        if earlier is not None:
            book.add(earlier, failed=False)  # what failed may have been the machine's fault: it is tried again
        resumed, todo = len(book), book.missing()
        if not len(todo) or stopped.is_set():
            return book, resumed, ""
        running, plan = planned or _planned(task, todo, how)
        try:
            with Progress(book.wanted, how.progress) as shown:
                shown.already(resumed)
                for rows in _computed(running, plan, how.executor, stopped):
                    book.add(rows)
                    if kept is not None:
                        kept.add(rows)
                    shown.add(len(rows.numbers), task.simulations(rows.numbers))
        except SetError:
            raise
        except RunError as problem:  # the cluster is gone, or the checkpoint's disk is full: what is finished stays
            if not len(book):
                raise
            return book, resumed, str(problem)
    return book, resumed, ""


def _planned(task: Task, todo: np.ndarray, how: _How) -> tuple[Task, Plan]:
    """Return the task with memos, and the plan for the rows `todo`."""
    measured, ready = probe(task, todo)
    plan = make_plan(
        task.grid, [len(bars) for bars in task.bars], (*task.costs_names, *task.risk_names), todo, measured,
        threads=how.threads, budget=how.budget, blocks=task.blocks,
    )  # fmt: skip
    return task.with_memo(plan.memo, ready), plan


class _Book:
    """The finished rows so far, in a table with room for all."""

    def __init__(self, task: Task) -> None:
        self.wanted = count = len(task.grid) * len(task.bars)
        self._there = np.zeros(count, bool)
        self._scores = np.zeros(count, SCORE)
        self._days = np.zeros((count, task.blocks, 3))
        self._errors: dict[int, str] = {}

    def __len__(self) -> int:
        return int(self._there.sum())

    def add(self, rows: Rows, failed: bool = True) -> None:
        """Enter rows; failed: also those that failed."""
        if not failed and rows.errors:
            sound = ~np.isin(rows.numbers, list(rows.errors))
            rows = Rows(rows.numbers[sound], rows.scores[sound], rows.days[sound], {})
        self._there[rows.numbers] = True
        self._scores[rows.numbers] = rows.scores
        self._days[rows.numbers] = rows.days
        self._errors.update(rows.errors)

    def missing(self) -> np.ndarray:
        return np.flatnonzero(~self._there)

    def rows(self) -> Rows:
        numbers = np.flatnonzero(self._there)
        errors = dict(sorted(self._errors.items()))
        if len(numbers) == len(self._there):
            return Rows(numbers, self._scores, self._days, errors)
        return Rows(numbers, self._scores[numbers], self._days[numbers], errors)


def _computed(task: Task, plan: Plan, executor: Any, stop: threading.Event) -> Iterator[Rows]:
    return run_local(task, plan, stop) if executor is None else run_dask(task, plan, executor, stop)


@contextlib.contextmanager
def _interruptible(stop: threading.Event) -> Iterator[None]:
    """Let the first Ctrl-C set `stop`; a second one interrupts as ever. Signals belong to the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def first(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        stop.set()
        print("sweep: the sets under way are finished; Ctrl-C again stops at once.", file=sys.stderr)

    if not callable(before):  # ignored, as behind nohup, or not Python's
        yield
        return
    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _metrics(metrics: Iterable[str] | None) -> tuple[str, ...]:
    if metrics is None:
        return Metrics._fields
    if not isinstance(metrics, Iterable):
        refuse("metrics", repr(metrics), "give names, as in ['sharpe_ratio', 'max_drawdown']")
    names = tuple([metrics] if isinstance(metrics, str) else metrics)
    known_keys("metric", names, Metrics._fields)
    if not names:
        refuse("metrics", "no names", "name some, or leave it out for all")
    return tuple(dict.fromkeys(names))


def _source(strategy: Any) -> Source:
    if isinstance(strategy, str):
        strategy = get_strategy(strategy, Path.cwd())
    if isinstance(strategy, Strategy):
        return StrategySource(strategy)
    if callable(strategy) and not hasattr(strategy, "entries"):
        return StrategySource(Strategy(strategy))
    return as_source(strategy)


def _symbols(data: Data) -> tuple[Bars, ...]:
    """Return each symbol's bars."""
    if isinstance(data, Mapping):
        symbols = tuple(as_bars(bars, symbol=str(name)) for name, bars in data.items())
    elif isinstance(data, list | tuple):
        symbols = tuple(as_bars(bars) for bars in data)
    else:
        symbols = (as_bars(data),)
    if not symbols:
        refuse("data", "no symbols", "give Bars, a DataFrame, or a mapping symbol -> Bars")
    names = [bars.symbol for bars in symbols]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        refuse("data", f"{twice} twice", "give each symbol once, as in {'BTC/USDT': df}")
    return symbols


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _path(checkpoint: Any) -> Path | None:
    if checkpoint is None:
        return None
    if not isinstance(checkpoint, str | os.PathLike):
        refuse("checkpoint", f"a {type(checkpoint).__name__}", "name a file, as in 'trend.sweep'")
    check_folder(Path(checkpoint))
    return Path(checkpoint)


def _sets(
    source: Source, symbols: tuple[Bars, ...], grid: Mapping[str, Any] | None, where: Any, samples: int | None,
    seed: int, budget: int | None,
) -> Grid:  # fmt: skip
    """Return the sets of parameters, their names checked before anything is built."""
    if isinstance(grid, Mapping):
        _check_names(source, grid)
    if not isinstance(source, MatrixSource):
        if grid is None:
            refuse("grid", "none", f"give one, as in {{{next(iter(source.parameters), 'name')!r}: [...]}}")
        return make_grid(grid, where=where, samples=samples, seed=seed, limit_bytes=budget)
    _check_names(source, source.parameters)
    for bars in symbols:
        source.check(bars)
    if samples is not None:
        refuse("samples", f"{samples} with matrices", "leave it out: their columns are the sets")
    sets = source.own_grid()
    if grid:
        sets = product_with(sets, make_grid(grid, seed=seed, limit_bytes=budget))
    keep = holds(conditions(where, list(sets.columns)), sets.columns)
    if not keep.any():
        refuse("where", f"conditions that none of {len(sets):,} sets satisfies", "write others")
    return sets if keep.all() else sets.subset(keep)


def _check_names(source: Source, names: Iterable[str]) -> None:
    """Refuse a name that nothing has, that two have, or that the table needs for itself."""
    rules = [*_names(Costs), *_names(Risk)]
    for name in names:
        if name in source.parameters and name in rules:
            owner = "Costs" if name in _names(Costs) else "Risk"
            refuse(f"grid {name!r}", f"a name that both {source.name} and {owner} have", "rename the strategy's")
        if name not in source.parameters and name not in rules:
            unknown_name(f"parameter of {source.name}, Costs or Risk", name, [*source.parameters, *rules])
        if name in RESERVED:
            refuse(f"grid {name!r}", "a name that the table has for a column of its own", "rename the parameter")


def _owners(source: Source, grid: Grid) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the grid's names by whose they are: the strategy's, Costs', Risk's."""
    names = list(grid.columns)
    return (
        tuple(name for name in names if name in source.parameters),
        tuple(name for name in names if name in _names(Costs)),
        tuple(name for name in names if name in _names(Risk)),
    )


def _names(record: Callable[..., Any]) -> list[str]:
    return [field.name for field in fields(record)]  # type: ignore[arg-type]
