"""What a sweep gives back: one row per set of parameters, and what can be asked of them.

    results = sweep(ema_cross, bars, {"fast": range(5, 45), "slow": range(100, 200)})
    results.best("sharpe_ratio")
    results.heatmap("fast", "slow")
    results.plateau()
    results.portfolio({"fast": 12, "slow": 120}).stats()

The best of many sets is better than it deserves: some of its score is luck, the more so the more sets were tried.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.backtesting import BacktestResult
from cryptolab.backtesting.metrics import metrics_of
from cryptolab.checks import one_of, refuse, unknown_name, whole
from cryptolab.optimization import labels, maps, storage, view
from cryptolab.optimization.plateau import Plateau, measure
from cryptolab.optimization.scales import SCALES, better, listed, numbers, written
from cryptolab.optimization.task import Rows, Task, backtest_row

SHARPE = "sharpe_ratio"


@dataclass(frozen=True)
class Row:
    """One row of a sweep. number: symbol number × sets + set number. params: with `symbol` where there are several.

    metrics: every metric by name, plain values (Timedelta for lengths of time), NaN where the set failed; error: why.
    """

    number: int
    params: dict[str, Any]
    metrics: dict[str, Any]
    error: str = ""

    def __repr__(self) -> str:
        if self.error:
            return f"<Row {view.first_sentence(self.error)}>"
        said = ", ".join(f"{name} {written(name, self.metrics[name])}" for name in view.SHOWN)
        return f"<Row {listed(self.params)}: {said}>"

    def _repr_html_(self) -> str:
        return view.pairs(self.params, self.metrics, self.error)


class SweepResult:
    """A finished sweep, or the finished part of one (`complete` is False).

    task: what was run. rows: the scores as they were computed, by row number. metrics: the columns of `table`; every
    other metric can still be asked for by name. seconds: how long it took. resumed: rows that came from a checkpoint.
    ended: why it stopped, where nobody interrupted it.
    """

    def __init__(
        self, task: Task, rows: Rows, *, metrics: tuple[str, ...], seconds: float, resumed: int = 0, ended: str = ""
    ) -> None:
        self.task, self.rows, self.metrics = task, rows, metrics
        self.seconds, self.resumed, self.ended = seconds, resumed, ended
        self.symbols = tuple(bars.symbol for bars in task.bars)
        self.complete = len(rows.numbers) == self._wanted

    def __len__(self) -> int:
        return len(self.rows.numbers)

    @property
    def table(self) -> pd.DataFrame:
        """One row per set (per symbol and set, where there are several symbols), one column per metric.

        The parameters are the levels of the index. Where a set failed there is a column `error`: its sentence, and its
        metrics are NaN. Rows stand in the order of the grid.
        """
        return self._table.copy(deep=False)

    @property
    def errors(self) -> pd.Series:
        """The sentence of each set that failed (it names the set), labelled as in `table`; empty where none did."""
        failed = [place for place, number in enumerate(self.rows.numbers.tolist()) if number in self.rows.errors]
        sentences = [self.rows.errors[int(self.rows.numbers[place])] for place in failed]
        return pd.Series(sentences, self._table.index[failed], name="error", dtype=object)

    @property
    def blocks(self) -> np.ndarray:
        """float64 (rows, blocks, 3): count, sum and sum of squares of each row's UTC-daily returns, per block of days.

        The blocks follow one another in time.
        """
        return self.rows.days

    def best(self, metric: str = SHARPE, smallest: bool | None = None, symbol: str | None = None) -> Row:
        """Return the row with the best value of `metric`: the first of equal ones; NaN never wins.

        smallest: whether the smaller value is the better one. By default it is for longest_drawdown, volatility,
        turnover and fees_paid. symbol: one of several, or an alias. Raises InputError where no row has a value.
        """
        order = self._ranking(metric, smallest, symbol)
        if not len(order):
            refuse("best", f"no row where {metric} is defined", "choose another metric, or other sets")
        return self._row(int(self.rows.numbers[order[0]]))

    def top(
        self, metric: str = SHARPE, count: int = 10, smallest: bool | None = None, symbol: str | None = None
    ) -> pd.DataFrame:
        """Return the best rows of `table`, the best one first; see `best`."""
        return self._table.iloc[self._ranking(metric, smallest, symbol)[: whole("count", count, low=1)]]

    def heatmap(
        self, x: str | None = None, y: str | None = None, metric: str = SHARPE, agg: str = "median",
        symbol: str | None = None,
    ) -> Any:  # fmt: skip
        """Return a plotly figure of `metric` over two parameters, the best cell marked.

        x, y: names of the grid (or "symbol"); left out, the two with the most values. Sets that share a cell, because
        they differ in other parameters or in their symbol, become one value: agg is "median", "mean", "min" or "max".
        A random search is drawn as points.
        """
        axes = {labels.SYMBOL: self.symbols, **self.task.grid.axes} if len(self.symbols) > 1 else self.task.grid.axes
        chosen = self._drawn(axes, x, y)
        keep = self._of(symbol)
        scores, rows = self.values(metric)[keep], self.rows.numbers[keep]
        part, number = np.divmod(rows, len(self.task.grid))
        codes = [
            part if name == labels.SYMBOL and len(self.symbols) > 1 else self.task.grid.codes(name)[number]
            for name in chosen
        ]
        mark = "SIMULATED" if any(bars.simulated for bars in self.task.bars) else ""
        values = {name: tuple(axes[name]) for name in chosen}
        return maps.figure(values, codes, metric, scores, one_of("agg", agg, maps.AGGREGATES), mark)

    def plateau(self, metric: str = SHARPE, smallest: bool | None = None, symbol: str | None = None) -> Plateau:
        """Return whether the best set is on a hill or a spike: its score beside those of its neighbours.

        Of several symbols each set's score is its median over them, unless `symbol` names one.
        """
        keep = self._of(symbol)
        number = self.rows.numbers[keep] % len(self.task.grid)
        by_set = pd.Series(self.values(metric)[keep]).groupby(number).median()
        scores = np.full(len(self.task.grid), np.nan)
        scores[by_set.index] = by_set
        several = self.symbols if len(self.symbols) > 1 else ()
        of = (labels.known_symbol(self.symbols, symbol),) if several and symbol else several
        return measure(self.task.grid, metric, scores, smallest, symbols=of)

    def params(self, row: Any) -> dict[str, Any]:
        """Return the parameters of a row as plain values, with `symbol` where there are several.

        row: a mapping of the grid's names (those with one value may be left out), a label of `table`, or a Row. Raises
        InputError, with the nearest, for what is not in the grid.
        """
        return self._params(self._number(row))

    def row(self, row: Any) -> Row:
        """Return one row with its parameters and all metrics; `row` as in `params`. Raises InputError if it never ran.

        `label in results.table.index` tells whether it did.
        """
        number = self._number(row)
        if number not in self.rows.numbers:
            refuse("row", f"{listed(self._params(number))}, which has not run", "let the sweep finish")
        return self._row(number)

    def backtest(self, row: Any) -> BacktestResult:
        """Return the row's full simulation: equity, trades and orders. `row` as in `params`."""
        return backtest_row(self.task, self._number(row))

    def portfolio(self, row: Any) -> Any:
        """Return the row's full simulation as a vectorbt Portfolio. `row` as in `params`."""
        return self.backtest(row).portfolio

    def to_parquet(self, path: str | os.PathLike[str]) -> Path:
        """Write levels, metrics, errors and daily sums per block to a Parquet file, whole or not at all; return it.

        `pandas.read_parquet` gives the table back, with three columns of lists more (`days_count`, `days_sum`,
        `days_squares`); its metadata under `cryptolab.sweep` says what was run. A single level comes back as a plain
        Index of that name, and a level of mixed kinds of values, or of objects, as text.
        """
        facts = {"identity": self.task.identity(), "complete": self.complete, "rows": len(self), "wanted": self._wanted}
        return storage.write(self._table, self.rows.days, facts, path)

    def __str__(self) -> str:
        """Say in one line what was run, and how fast."""
        return view.line(self.run)

    def __repr__(self) -> str:
        return f"<SweepResult {self}>"

    def _repr_html_(self) -> str:
        order = self._ranking(SHARPE, None, None)[:10]
        columns = {name: values[order] for name, values in self._measured.items() if name in view.SHOWN}
        best = pd.DataFrame(columns, self._table.index[order])[list(view.SHOWN)]
        return view.page(self.run, self.errors, best)

    @property
    def _wanted(self) -> int:
        return len(self.task.grid) * len(self.symbols)

    @property
    def run(self) -> view.Run:
        """What was run, in names and numbers."""
        bars = self.task.bars
        return view.Run(
            self.task.source.name, self.symbols, tuple(part.timeframe for part in bars), sum(map(len, bars)),
            len(self.task.grid), len(self), self._wanted, self.resumed, self.task.simulations(self.rows.numbers),
            self.seconds, self.complete, len(self.rows.errors), self.ended,
        )  # fmt: skip

    @cached_property
    def _measured(self) -> dict[str, np.ndarray]:
        """Every metric: one value per row. Rows that failed read NaN, and counts are floats where there are such."""
        symbol = self.rows.numbers // len(self.task.grid)
        parts = [metrics_of(self.rows.scores[symbol == i], bars) for i, bars in enumerate(self.task.bars)]
        measured = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        if not self.rows.errors:
            return measured
        failed = np.isin(self.rows.numbers, list(self.rows.errors))
        return {name: _blanked(values, failed) for name, values in measured.items()}

    @cached_property
    def _table(self) -> pd.DataFrame:
        index = labels.index(self.task.grid, self.symbols, self.rows.numbers)
        table = pd.DataFrame({name: self._measured[name] for name in self.metrics}, index)
        if self.rows.errors:
            table["error"] = [self.rows.errors.get(number) for number in self.rows.numbers.tolist()]
        return table

    def values(self, metric: str) -> np.ndarray:
        """Return any metric as float64, one value per row of `table`; lengths of time in days, NaN where undefined."""
        if metric not in SCALES:
            unknown_name("metric", metric, SCALES)
        return numbers(self._measured[metric])

    def _of(self, symbol: str | None) -> np.ndarray:
        """Return the places of one symbol's rows, of all without one."""
        if symbol is None:
            return np.arange(len(self))
        wanted = self.symbols.index(one_of("symbol", labels.known_symbol(self.symbols, symbol), self.symbols))
        return np.flatnonzero(self.rows.numbers // len(self.task.grid) == wanted)

    def _ranking(self, metric: str, smallest: bool | None, symbol: str | None) -> np.ndarray:
        """Return the places of the rows with a value, the best first."""
        keep = self._of(symbol)
        scores = self.values(metric)[keep]
        signed = better(metric, smallest) * scores
        order = np.argsort(-signed, kind="stable")  # NaN goes last
        return keep[order[np.isfinite(signed[order])]]

    def _drawn(self, axes: Any, x: str | None, y: str | None) -> list[str]:
        """Return the names to draw; those left out are the ones with the most values, in the order of the grid."""
        given = [name for name in (x, y) if name is not None]
        for name in given:
            if name not in axes:
                unknown_name("parameter of this sweep", name, axes)
        if len(set(given)) < len(given):
            refuse("heatmap", f"{x!r} twice", "name two parameters")
        left = [name for name in self.task.grid.axes if name not in given and len(axes[name]) > 1]
        most = sorted(left, key=lambda name: -len(axes[name]))[: 2 - len(given)]
        found = [name for name in left if name in most]
        chosen = [x or found.pop(0)] if x or found else []
        chosen += [y or found.pop(0)] if y or found else []
        return chosen or list(axes)[:1]

    def _number(self, row: Any) -> int:
        return row.number if isinstance(row, Row) else labels.row_number(self.task.grid, self.symbols, row)

    def _params(self, number: int) -> dict[str, Any]:
        symbol, place = divmod(number, len(self.task.grid))
        values = self.task.grid.params(place)
        return {labels.SYMBOL: self.symbols[symbol], **values} if len(self.symbols) > 1 else values

    def _row(self, number: int) -> Row:
        place = int(np.searchsorted(self.rows.numbers, number))
        metrics = {name: _single(values[place]) for name, values in self._measured.items()}
        return Row(number, self._params(number), metrics, self.rows.errors.get(number, ""))


def _blanked(values: np.ndarray, failed: np.ndarray) -> np.ndarray:
    """Return values with NaN (NaT) where the row failed."""
    if values.dtype.kind == "m":
        return np.where(failed, np.timedelta64("NaT"), values)
    return np.where(failed, np.nan, values)


def _single(value: Any) -> Any:
    """Return one value of a metric as Python (pandas, for a length of time) has it."""
    return pd.Timedelta(value) if isinstance(value, np.timedelta64) else value.item()
