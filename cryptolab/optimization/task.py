"""What a sweep computes, in one record that travels, and the loop that computes some rows of it.

A row is one symbol with one set of parameters: row number = symbol number × len(grid) + set number. Rows do not depend
on one another, so the table is the same in whatever order, by however many threads or machines they are computed.
"""

from __future__ import annotations

import hashlib
import threading
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from cryptolab import __version__
from cryptolab.backtesting import BacktestEngine, BacktestResult, Costs, Risk
from cryptolab.backtesting.backtest_engine import allowed
from cryptolab.backtesting.scoring import Scorer
from cryptolab.bars import Bars, Memo
from cryptolab.errors import InputError
from cryptolab.kernels.scoring import SCORE
from cryptolab.optimization.grid import Grid
from cryptolab.optimization.planning import Probe, probing_sets
from cryptolab.signal_generator import Signals, Strategy

_SCORING = 0.5e-9
"""Seconds a bar that scoring takes, roughly."""
_QUICK = 0.25
"""Seconds up to which a strategy is called a few times more, to learn what it leaves in the memo."""


class Source(Protocol):
    """What gives signals for a set of parameters."""

    name: str
    parameters: dict[str, Any]

    @property
    def digest(self) -> str:
        """Identifies it among those of its name."""

    def signals(self, bars: Bars, values: dict[str, Any]) -> Signals:
        """Return the signals of one set, on these bars."""


class StrategySource:
    """A strategy as the source of a sweep's signals."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self.name, self.parameters = strategy.name, strategy.parameters

    @property
    def digest(self) -> str:
        """The hash of its source."""
        return self.strategy.source_hash

    def signals(self, bars: Bars, values: dict[str, Any]) -> Signals:
        """Return the strategy's signals; raises what it raises."""
        return self.strategy(bars, **values)


class Rows(NamedTuple):
    """k finished rows. scores: k records SCORE. days: (k, blocks, 3), count, sum and sum of squares of the UTC-daily
    returns in each block of days. errors: row number -> sentence, of the rows whose score is NaN for that."""

    numbers: np.ndarray
    scores: np.ndarray
    days: np.ndarray
    errors: dict[int, str]


@dataclass(frozen=True, eq=False)
class Task:
    """A sweep: signals of `source` on each of `bars`, for each set of `grid`.

    strategy_names, costs_names, risk_names: whose the names of the grid are. costs, risk: what the grid leaves open.
    blocks: stretches of days that daily returns are summed over.
    """

    source: Source
    bars: tuple[Bars, ...]
    grid: Grid
    strategy_names: tuple[str, ...]
    costs_names: tuple[str, ...]
    risk_names: tuple[str, ...]
    costs: Costs
    risk: Risk
    initial_capital: float
    blocks: int
    on_error: str = "record"
    _desk: _Desk = field(default_factory=lambda: _Desk(), repr=False)

    def values(self, number: int) -> tuple[dict[str, Any], Costs, Risk]:
        """Return the strategy's parameters, the costs and the risk of set `number`. Raises InputError where no such
        costs or risk can be."""
        params = self.grid.params(number)
        costs, risk = self.costs, self.risk
        if self.costs_names:
            costs = self._desk.record(costs, tuple((name, params[name]) for name in self.costs_names))
        if self.risk_names:
            risk = self._desk.record(risk, tuple((name, params[name]) for name in self.risk_names))
        return {name: params[name] for name in self.strategy_names}, costs, risk

    def said(self, number: int) -> str:
        """Return row `number` in words: its symbol, where there are several, and its parameters."""
        symbol, place = divmod(number, len(self.grid))
        parts = [self.bars[symbol].symbol] if len(self.bars) > 1 else []
        return ", ".join(parts + [f"{name}={value!r}" for name, value in self.grid.params(place).items()])

    def identity(self) -> dict[str, str]:
        """Return what two sweeps must agree on for the rows of one to be those of the other."""
        grid = hashlib.sha256()
        for name, column in self.grid.columns.items():
            content = repr(column.tolist()).encode() if column.dtype == object else column.tobytes()
            grid.update(f"{name} {column.dtype} ".encode() + content)
        return {
            "strategy": f"{self.source.name} {self.source.digest[:16]}",
            "data": " ".join(f"{bars.symbol} {bars.fingerprint[:16]}" for bars in self.bars),
            "grid": f"{len(self.grid)} sets {grid.hexdigest()[:16]}",
            "costs": repr(self.costs),
            "risk": repr(self.risk),
            "initial_capital": repr(self.initial_capital),
            "blocks": str(self.blocks),
            "version": f"{__version__} {hashlib.sha256(repr(SCORE.descr).encode()).hexdigest()[:8]}",
        }

    def with_memo(self, memo: int) -> Task:
        """Return the same task on bars that remember up to `memo` bytes each, apart from the caller's own."""
        return replace(self, bars=tuple(replace(bars, memo=Memo(memo)) for bars in self.bars), _desk=_Desk())

    def scorer(self, symbol: int) -> Scorer:
        """Return the scorer of one symbol, made once in each process."""
        return self._desk.scorer(symbol, self)

    def leave(self, symbols: Sequence[int]) -> None:
        """Forget what was computed of these symbols: their rows are done."""
        for symbol in symbols:
            if self._desk.scorers.pop(symbol, None) is not None:
                self.bars[symbol].memo.clear()


class _Desk:
    """What a process makes for itself of a task: scorers, and records of costs and risk. It does not travel."""

    def __init__(self) -> None:
        self.scorers: dict[int, Scorer] = {}
        self._records: dict[Any, Any] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return _Desk, ()

    def record(self, base: Any, fields: tuple[tuple[str, Any], ...]) -> Any:
        """Return Costs or Risk with some fields replaced, one object for equal values."""
        key = type(base), fields
        made = self._records.get(key)
        if made is None:
            made = self._records[key] = replace(base, **dict(fields))
        return made

    def scorer(self, symbol: int, task: Task) -> Scorer:
        with self._lock:
            made = self.scorers.get(symbol)
            if made is None:
                made = self.scorers[symbol] = Scorer(task.bars[symbol], task.initial_capital, task.blocks)
            return made


def run_rows(task: Task, numbers: np.ndarray, stop: threading.Event | None = None) -> Rows:
    """Compute the rows `numbers`, in their order, on this thread; once `stop` is set, no further ones.

    Signals are computed once for neighbours that differ in costs and risk alone. What goes wrong in a row is recorded
    there, or, with on_error="raise", raised naming the row's parameters.
    """
    scores, days = np.zeros(len(numbers), SCORE), np.zeros((len(numbers), task.blocks, 3))
    errors: dict[int, str] = {}
    known: tuple[Any, ...] = ()
    done = 0
    for number in numbers.tolist():
        if stop is not None and stop.is_set():
            break
        symbol, place = divmod(number, len(task.grid))
        try:
            values, costs, risk = task.values(place)
            asked = symbol, *values.values()
            if not known or known[0] != asked:
                known = asked, task.source.signals(task.bars[symbol], values)
            task.scorer(symbol).score(known[1], costs, risk, scores, days, done)
        except Exception as problem:
            known = ()
            sentence = _sentence(task, number, problem)
            if task.on_error == "raise":
                raise InputError(sentence) from problem
            errors[number] = sentence
            _unknown(scores, days, done)
        done += 1
    return Rows(numbers[:done], scores[:done], days[:done], errors)


def _sentence(task: Task, number: int, problem: Exception) -> str:
    if isinstance(problem, InputError):
        return f"{task.said(number)}: {problem}"
    return f"{task.said(number)}: {task.source.name} raised {type(problem).__name__}: {problem}"


def _unknown(scores: np.ndarray, days: np.ndarray, row: int) -> None:
    """Make a row that says nothing."""
    for name in SCORE.names or ():
        scores[name][row] = np.nan if SCORE[name].kind == "f" else 0
    days[row] = np.nan


def backtest_row(task: Task, number: int) -> BacktestResult:
    """Return row `number` as the whole backtest that it is the record of."""
    symbol, place = divmod(number, len(task.grid))
    values, costs, risk = task.values(place)
    bars = task.bars[symbol]
    engine = BacktestEngine(costs=costs, risk=risk, initial_capital=task.initial_capital)
    return engine.run(bars, task.source.signals(bars, values))


def check_rules(task: Task) -> None:
    """Refuse costs and risk of the grid that cannot be, before anything runs."""
    names = (*task.costs_names, *task.risk_names)
    codes = np.zeros(len(task.grid), np.int64)
    for name in names:
        codes = codes * len(task.grid.axes[name]) + task.grid.codes(name)
        codes = np.unique(codes, return_inverse=True)[1]  # small again: products of many axes leave int64
    for number in np.unique(codes, return_index=True)[1].tolist():
        risk = task.values(number)[2]
        for bars in task.bars:
            allowed(Signals([False]), bars, risk)


def probe(task: Task, number: int) -> Probe:
    """Return what computing set `number` once has shown of time and memory, on the first symbol.

    Memory is what Python's own tracer sees, numpy's arrays included. A set that fails shows nothing: it is recorded
    where its row is computed.
    """
    first = task.with_memo(2**62)
    bars = first.bars[0]
    names = (*task.costs_names, *task.risk_names)

    def call(place: int) -> tuple[int, float]:
        before, begin = bars.memo.nbytes, time.perf_counter()
        first.source.signals(bars, first.values(place)[0])
        return bars.memo.nbytes - before, time.perf_counter() - begin

    traced = tracemalloc.is_tracing()
    if not traced:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        level = tracemalloc.get_traced_memory()[0]
        column, seconds = call(number)
        peak = max(tracemalloc.get_traced_memory()[1] - level - column, 0)
    except Exception:
        return Probe(seconds=0.0, peak=0, column=0)
    finally:
        if not traced:
            tracemalloc.stop()
    if seconds > _QUICK and column == 0:
        return Probe(seconds, peak, column)
    columns: dict[str, int] = {}
    for name, place in (probing_sets(task.grid, names, number) if column else {}).items():
        try:
            columns[name] = call(place)[0]
        except Exception:
            columns[name] = column
    # again, with the columns at hand; scoring is some nanoseconds a bar, which is near enough
    begin = time.perf_counter()
    first.source.signals(bars, first.values(number)[0])
    return Probe(time.perf_counter() - begin + len(bars) * _SCORING, peak, column, columns)
