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
from cryptolab.backtesting.backtest_engine import check_rules
from cryptolab.backtesting.scoring import MOST_ORDERS, Scorer, Scoring
from cryptolab.bars import Bars, Memo
from cryptolab.errors import InputError, RunError, SetError
from cryptolab.kernels.scoring import SCORE
from cryptolab.optimization.allocator import keep_freed_memory
from cryptolab.optimization.baton import Runner
from cryptolab.optimization.grid import Grid
from cryptolab.optimization.planning import Probe, probing_sets
from cryptolab.signal_generator import Signals, Strategy
from cryptolab.sources import whole_digest_of

_SCORING = 0.5e-9
"""Seconds a bar that scoring takes, roughly."""
_QUICK = 0.25
"""Seconds up to which a strategy is called a few times more, to learn what it leaves in the memo."""
_FEW = 16
"""Rows below which it is not: it would take longer than what is learnt saves."""
_TRIES = 8
"""Sets that are tried until one does not fail."""


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
        self._digest = whole_digest_of(strategy.function)

    @property
    def digest(self) -> str:
        """The hash of its text and of what that uses outside itself."""
        return self._digest

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
    blocks: stretches of days that daily returns are summed over. where: what the grid's sets were chosen by, in words.
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
    where: str = ""
    _desk: _Desk = field(default_factory=lambda: _Desk(), repr=False)

    def values(self, params: dict[str, Any]) -> tuple[dict[str, Any], Costs, Risk]:
        """Return the strategy's parameters, the costs and the risk of one of the grid's sets. Raises InputError where
        no such costs or risk can be."""
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

    def simulations(self, numbers: np.ndarray) -> int:
        """Return how many bars these rows simulate."""
        lengths = np.array([len(bars) for bars in self.bars])
        return int(lengths[numbers // len(self.grid)].sum())

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

    def with_memo(self, memo: int, ready: dict[int, Signals] | None = None) -> Task:
        """Return the same task on bars that remember up to `memo` bytes each, apart from the caller's own.

        ready: signals of some sets on the first symbol, which are taken instead of being computed, once each.
        """
        bars = tuple(replace(bars, memo=Memo(memo)) for bars in self.bars)
        return replace(self, bars=bars, _desk=_Desk(ready))

    def signals(self, symbol: int, place: int, values: dict[str, Any]) -> Signals:
        """Return the signals of a set. Raises InputError for what cannot be signals, RunError for what the strategy
        raises, both naming the set."""
        ready = self._desk.ready.pop(place, None) if symbol == 0 else None
        if ready is not None:
            return ready
        try:
            return self.source.signals(self.bars[symbol], values)
        except Exception as problem:
            said = self.said(symbol * len(self.grid) + place)
            if isinstance(problem, InputError):
                known = (
                    isinstance(self.source, StrategySource) and len(self.bars) == 1
                )  # a strategy says its parameters
                raise InputError(str(problem) if known else f"{said}: {problem}") from problem
            raise RunError(f"{said}: {self.source.name} raised {type(problem).__name__}: {problem}") from problem

    def scorer(self, symbol: int) -> Scorer:
        """Return the scorer of one symbol, made once in each process."""
        return self._desk.scorer(symbol, self)

    def runner(self) -> Runner:
        """Return this thread's part in the work of the process."""
        return Runner(self._desk.baton)

    def leave(self, symbols: Sequence[int]) -> None:
        """Forget what was computed of these symbols: their rows are done."""
        for symbol in symbols:
            self._desk.scorers.pop(symbol, None)
            self.bars[symbol].memo.clear()


class _Desk:
    """What a process makes for itself of a task: scorers, records of costs and risk, the threads'
    baton. It does not travel."""

    def __init__(self, ready: dict[int, Signals] | None = None) -> None:
        self.ready = ready or {}
        self.scorers: dict[int, Scorer] = {}
        self.baton = threading.Lock()
        self._records: dict[Any, Any] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return _Desk, ()

    def record(self, base: Any, fields: tuple[tuple[str, Any], ...]) -> Any:
        """Return Costs or Risk with some fields replaced, one object for equal values."""
        key = type(base), fields
        made = self._records.get(key)
        if made is None:
            if len(self._records) >= MOST_ORDERS:
                self._records.clear()
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

    Signals are computed once for neighbours that differ in costs and risk alone. What a strategy raises, and what it
    returns that cannot be its signals, is recorded in the row, or, with on_error="raise", raised as SetError; both name
    its parameters.
    """
    scores, days = np.zeros(len(numbers), SCORE), np.zeros((len(numbers), task.blocks, 3))
    errors: dict[int, str] = {}
    known: tuple[Any, ...] = ()
    scoring: Scoring | None = None
    done = at = 0
    keep_freed_memory()
    sets = task.grid.several(numbers % len(task.grid))
    with task.runner() as runner:
        for number, params in zip(numbers.tolist(), sets, strict=True):
            if stop is not None and stop.is_set():
                break
            runner.begin_row()
            symbol, place = divmod(number, len(task.grid))
            values, costs, risk = task.values(params)
            asked = symbol, *values.values()
            if scoring is None or symbol != at:
                if scoring is not None:
                    scoring.finish()
                at, scoring = symbol, task.scorer(symbol).scoring(scores, days, runner.away)
            try:
                if not known or known[0] != asked:
                    known = asked, task.signals(symbol, place, values)
                try:
                    scoring.add(known[1], costs, risk, done)
                except InputError as problem:  # a short entry where shorts are off
                    raise InputError(f"{task.said(number)}: {problem}") from problem
            except (InputError, RunError) as problem:
                known = ()
                if task.on_error == "raise":
                    raise SetError(str(problem)) from (problem.__cause__ or problem)
                errors[number] = str(problem)
                _unknown(scores, days, done)
            done += 1
        if scoring is not None:
            scoring.finish()
    return Rows(numbers[:done], scores[:done], days[:done], errors)


def _unknown(scores: np.ndarray, days: np.ndarray, row: int) -> None:
    """Make a row that says nothing."""
    for name in SCORE.names or ():
        scores[name][row] = np.nan if SCORE[name].kind == "f" else 0
    days[row] = np.nan


def backtest_row(task: Task, number: int) -> BacktestResult:
    """Return row `number` as the whole backtest that it is the record of."""
    symbol, place = divmod(number, len(task.grid))
    values, costs, risk = task.values(task.grid.params(place))
    bars = task.bars[symbol]
    engine = BacktestEngine(costs=costs, risk=risk, initial_capital=task.initial_capital)
    return engine.run(bars, task.source.signals(bars, values))


def check_sets(task: Task) -> None:
    """Refuse costs and risk of the grid that cannot be, before anything runs."""
    names = (*task.costs_names, *task.risk_names)
    codes = np.zeros(len(task.grid), np.int64)
    for name in names:
        codes = codes * len(task.grid.axes[name]) + task.grid.codes(name)
        codes = np.unique(codes, return_inverse=True)[1]  # small again: products of many axes leave int64
    for number in np.unique(codes, return_index=True)[1].tolist():
        try:
            risk = task.values(task.grid.params(number))[2]
        except InputError as problem:
            said = ", ".join(f"{name}={task.grid.params(number)[name]!r}" for name in names)
            raise InputError(f"grid, {said}: {problem} Or leave such sets out with where=.") from None
        for bars in task.bars:
            check_rules(bars, risk)


def probe(task: Task, todo: np.ndarray) -> tuple[Probe, dict[int, Signals]]:
    """Return what computing a set or two has shown of time and memory, on the first symbol, and the signals of the
    first of them, which need not be computed again.

    Memory is what Python's own tracer sees, numpy's arrays included. Where a set fails another one, elsewhere in the
    grid, is taken.
    """
    first = task.with_memo(2**62)
    for number in todo[np.unique(np.linspace(0, len(todo) - 1, _TRIES).astype(np.int64))].tolist():
        place = number % len(task.grid)
        try:
            found = _traced(first, place)
        except Exception:  # recorded where its row is computed
            continue
        probed, signals = found
        if probed.seconds > _QUICK or len(todo) < _FEW:
            return probed, {place: signals}
        columns: dict[str, int] = {}
        names = (*task.costs_names, *task.risk_names)
        for name, other in (probing_sets(task.grid, names, place) if probed.column else {}).items():
            try:
                columns[name] = _called(first, other)[1]
            except Exception:
                columns[name] = probed.column
        # again, with the columns at hand; scoring is some nanoseconds a bar, which is near enough
        seconds = _called(first, place)[2] + len(task.bars[0]) * _SCORING
        return Probe(seconds, probed.peak, probed.column, columns), {place: signals}
    return Probe(0.0, 0, 0), {}


def _called(task: Task, place: int) -> tuple[Signals, int, float]:
    """Return the signals of a set on the first symbol, the bytes that they left in its memo, and the seconds."""
    memo, begin = task.bars[0].memo, time.perf_counter()
    before = memo.nbytes
    signals = task.source.signals(task.bars[0], task.values(task.grid.params(place))[0])
    return signals, memo.nbytes - before, time.perf_counter() - begin


def _traced(task: Task, place: int) -> tuple[Probe, Signals]:
    """Call a set's strategy under Python's memory tracer."""
    already = tracemalloc.is_tracing()
    if not already:
        tracemalloc.start()
    try:
        level = tracemalloc.get_traced_memory()[0]
        signals, column, seconds = _called(task, place)
        # where the caller traces, its peak is his: it may be an earlier one, and the estimate too high
        peak = tracemalloc.get_traced_memory()[1] - level - column
    finally:
        if not already:
            tracemalloc.stop()
    return Probe(seconds, max(peak, 0), column), signals
