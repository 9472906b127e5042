"""`sweep`: many variants of a strategy, each with the numbers of the full simulation.

The way of the data: bars, strategy and grid become one Task; a probe of a few sets tells how much memory and time one
takes; from that a Plan is made, its chunks are computed by threads or on a cluster, and their rows, as they arrive,
go to the checkpoint and into the SweepResult.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.backtesting import Costs, Risk
from cryptolab.backtesting.metrics import Metrics
from cryptolab.bars import Bars, as_bars
from cryptolab.checks import known_keys, number, one_of, refuse, unknown_name, whole
from cryptolab.errors import RunError
from cryptolab.kernels.scoring import SCORE
from cryptolab.optimization.checkpoint import Checkpoint
from cryptolab.optimization.cluster import check_executor, run_dask
from cryptolab.optimization.conditions import conditions, holds
from cryptolab.optimization.grid import Grid, make_grid, product_with
from cryptolab.optimization.local import run_local
from cryptolab.optimization.matrices import MatrixSource, as_source
from cryptolab.optimization.memory import parse_memory
from cryptolab.optimization.planning import Plan, make_plan
from cryptolab.optimization.progress import Progress
from cryptolab.optimization.results import SweepResult
from cryptolab.optimization.task import Rows, Source, StrategySource, Task, check_rules, probe
from cryptolab.signal_generator import Strategy, get_strategy

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
    Raises InputError for what cannot be run, before anything runs; for one set, see on_error. Raises RunError
    when all sets fail.
    """
    begin = time.perf_counter()
    columns = _metrics(metrics)
    budget = parse_memory(memory)
    threads = whole("n_jobs", n_jobs, low=1) if n_jobs is not None else os.cpu_count() or 1
    if executor is not None:
        check_executor(executor)
    source = _source(strategy)
    symbols = _symbols(data)
    sets = _sets(source, grid, where, samples, seed, budget)
    if len(symbols) > 1 and "symbol" in sets.columns:
        refuse("grid 'symbol'", "a name that the table needs for its symbols", "rename the strategy's parameter")
    task = Task(
        source, symbols, sets, *_owners(source, sets), costs or Costs(), risk or Risk(),
        number("initial_capital", initial_capital, above=0), whole("blocks", blocks, low=1, high=10_000),
        one_of("on_error", on_error, ("record", "raise")),
    )  # fmt: skip
    check_rules(task)
    with Checkpoint(checkpoint, task.identity()) if checkpoint is not None else contextlib.nullcontext() as kept:
        return _run(task, columns, threads, budget, executor, kept, progress, begin)


def _run(
    task: Task, columns: tuple[str, ...], threads: int, budget: int | None, executor: Any, kept: Checkpoint | None,
    progress: bool | None, begin: float,
) -> SweepResult:  # fmt: skip
    """Plan the rows that are not there yet, compute them, and return all."""
    book = _Book(task)
    earlier = kept.finished() if kept is not None else None
    if earlier is not None:
        book.add(earlier)
    todo = book.missing()
    stopped, ended = threading.Event(), ""
    if len(todo):
        measured = probe(task, int(todo[0]) % len(task.grid))
        inner = (*task.costs_names, *task.risk_names)
        lengths = [len(bars) for bars in task.bars]
        plan = make_plan(
            task.grid, lengths, inner, todo, measured, threads=threads, budget=budget, blocks=task.blocks
        )  # fmt: skip
        try:
            with Progress(len(task.grid) * len(task.bars), progress) as shown, _interruptible(stopped):
                shown.already(len(book))
                for rows in _computed(task.with_memo(plan.memo), plan, executor, stopped):
                    book.add(rows)
                    if kept is not None:
                        kept.add(rows)
                    shown.add(len(rows.numbers), sum(lengths[n // len(task.grid)] for n in rows.numbers.tolist()))
        except RunError as problem:  # the cluster is gone, or the checkpoint's disk is full: what is finished stays
            if not len(book):
                raise
            ended = str(problem)
    rows = book.rows()
    if rows.errors and len(rows.errors) == len(rows.numbers):
        first = rows.errors[min(rows.errors)]
        raise RunError(f"sweep: all {len(rows.errors):,} sets failed, the first: {first}")
    resumed = 0 if earlier is None else len(earlier.numbers)
    seconds = time.perf_counter() - begin
    return SweepResult(task, rows, metrics=columns, seconds=seconds, ended=ended, resumed=resumed)


class _Book:
    """The finished rows so far, in a table with room for all."""

    def __init__(self, task: Task) -> None:
        count = len(task.grid) * len(task.bars)
        self._there = np.zeros(count, bool)
        self._scores = np.zeros(count, SCORE)
        self._days = np.zeros((count, task.blocks, 3))
        self._errors: dict[int, str] = {}

    def __len__(self) -> int:
        return int(self._there.sum())

    def add(self, rows: Rows) -> None:
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


def _sets(
    source: Source, grid: Mapping[str, Any] | None, where: Any, samples: int | None, seed: int, budget: int | None
) -> Grid:
    """Return the sets of parameters, their names checked before anything is built."""
    if isinstance(grid, Mapping):
        _check_names(source, grid)
    if not isinstance(source, MatrixSource):
        if grid is None:
            refuse("grid", "none", f"give one, as in {{{next(iter(source.parameters), 'name')!r}: [...]}}")
        return make_grid(grid, where=where, samples=samples, seed=seed, limit_bytes=budget)
    sets = source.own_grid()
    if grid:
        sets = product_with(sets, make_grid(grid, samples=samples, seed=seed, limit_bytes=budget))
    keep = holds(conditions(where, list(sets.columns)), sets.columns)
    if not keep.any():
        refuse("where", f"conditions that none of {len(sets):,} sets satisfies", "write others")
    return sets if keep.all() else sets.subset(keep)


def _check_names(source: Source, names: Iterable[str]) -> None:
    """Refuse a name that nothing has, and one that is both the strategy's and a rule's."""
    rules = [field.name for record in (Costs, Risk) for field in fields(record)]
    for name in names:
        if name in source.parameters and name in rules:
            refuse(
                f"grid {name!r}", f"a name that {source.name} and {'Costs' if name in _names(Costs) else 'Risk'} have",
                "rename the strategy's parameter",
            )  # fmt: skip
        if name not in source.parameters and name not in rules:
            unknown_name(f"parameter of {source.name}, Costs or Risk", name, [*source.parameters, *rules])


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
