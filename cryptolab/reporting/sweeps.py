"""The report of a sweep: what was tried, the best sets, the map, hill or spike, the best set in full, and a warning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.backtesting import BacktestResult
from cryptolab.checks import refuse
from cryptolab.figures.study import Drawing
from cryptolab.optimization import Plateau, SweepResult
from cryptolab.optimization.scales import SCALES, listed, shown
from cryptolab.reporting import charts, sheet, tables
from cryptolab.reporting.cards import setting
from cryptolab.reporting.cells import MONEY, number_cell
from cryptolab.reporting.sheet import Cell, Sheet
from cryptolab.reporting.study import as_json, digest, write_metrics
from cryptolab.reporting.wording import count, counted, duration, money, percent, plain, priced, quote, words

TABLE_FILE = "sweep.parquet"
_COLUMNS = (
    "sharpe_ratio", "total_return", "cagr", "max_drawdown", "n_trades", "win_rate", "profit_factor", "fees_paid",
)  # fmt: skip
_LISTED = 8
_SIMULATED = (
    "The market is simulated: its direction cannot be foreseen by construction, so that whatever is best here is best"
    " by luck. Read this to see what a sweep says, not what a market did."
)
_CAUTION = (
    "The best of many sets is better than it deserves. Each score is part merit and part luck; who picks the highest"
    " of {sets} picks the luckiest as well, and the more sets were tried, here or in earlier sweeps, the more of its"
    " score is luck.",
    "A hill is a good sign and no proof. Neighbouring sets make nearly the same trades, so that they share their luck."
    " A spike is a bad sign: no market knows a period to the bar.",
    "What to do: prefer a set in the middle of a hill to the highest one. Judge it once, on data that this sweep has"
    " not seen. Then expect less than is written here.",
)


class SweepReport:
    """The sheets of a finished sweep on one symbol, for a notebook's cells to show; `opening()` comes first.

    metric: what sets are ranked by. title: empty, it is made from strategy and symbol. Raises InputError for several
    symbols, and where no set has a value of the metric.
    """

    def __init__(self, results: SweepResult, metric: str = "sharpe_ratio", title: str = "") -> None:
        if len(results.symbols) > 1:
            refuse("report", f"{len(results.symbols)} symbols", "sweep one symbol for a report, or use results.table")
        self.results, self.metric = results, metric
        self.bars, self.best_row = results.task.bars[0], results.best(metric)
        name = results.task.source.name
        self.title = title or f"Sweep of {name} on {self.bars.symbol}, {self.bars.timeframe}"

    @cached_property
    def run(self) -> BacktestResult:
        """The best set, simulated in full."""
        return self.results.backtest(self.best_row)

    @cached_property
    def market(self) -> BacktestResult:
        """Buy-and-hold at the best set's costs."""
        return tables.buy_and_hold(self.bars, self.run.costs, self.run.initial_capital)

    @cached_property
    def hill(self) -> Plateau:
        """Whether the best set is on a hill or a spike."""
        return self.results.plateau(self.metric)

    @property
    def _names(self) -> list[str]:
        """The parameters that vary, or all where none does: a column each."""
        axes = self.results.task.grid.axes
        return [name for name, axis in axes.items() if len(axis) > 1] or list(axes)

    def _values(self, params: Mapping[str, Any]) -> list[str]:
        return [shown(params[name]) for name in self._names]

    def opening(self) -> Sheet:
        """The title, what came out in words, the first numbers."""
        bars, results, name = self.bars, self.results, SCALES[self.metric].name
        eyebrow = f"{bars.symbol} · {bars.timeframe} · {bars.index[0]:%Y-%m-%d} to {bars.index[-1]:%Y-%m-%d} UTC"
        made = results.values("total_return")
        held = self.market.total_return
        lead = (
            f"Of {counted(len(made), 'set')}, {count(int((made > 0).sum()))} made money and"
            f" {count(int((made > held).sum()))} made more than buy-and-hold at the same costs ({percent(held)})."
        )
        unfinished = "" if results.complete else "The sweep is unfinished: these are the sets that have run."
        second = "total_return" if self.metric != "total_return" else "max_drawdown"
        tiles = [
            (f"{name}, best set", number_cell(self.metric, self.best_row.metrics[self.metric])),
            (f"{name}, its neighbours", number_cell(self.metric, self.hill.neighbourhood)),
            (f"{name}, typical set", number_cell(self.metric, self.hill.typical)),
            (f"{name}, buy-and-hold", number_cell(self.metric, self.market[self.metric])),
            (f"{SCALES[second].name}, best set", number_cell(second, self.best_row.metrics[second])),
            ("Sets tried", Cell(count(len(results)))),
        ]
        return sheet.opening(
            sheet.paragraph(eyebrow, "eyebrow")
            + f"<h1>{sheet.esc(self.title)}</h1>"
            + sheet.paragraph(lead, "lead")
            + (sheet.paragraph(unfinished) if unfinished else "")
            + sheet.paragraph(self.hill.headline)
            + (sheet.paragraph(_SIMULATED) if bars.simulated else "")
            + sheet.tiles(tiles),
            bars.simulated,
        )

    def setup(self) -> Sheet:
        """Strategy, grid, costs and risk; what failed."""
        task = self.results.task
        rows = [[name, count(len(axis)), _which(axis)] for name, axis in task.grid.axes.items()]
        full = math.prod(len(axis) for axis in task.grid.axes.values())
        sets = count(len(task.grid)) + (f" of {count(full)} combinations" if len(task.grid) < full else "")
        pairs = [("Strategy", task.source.name), ("Sets", sets), ("Bars", count(len(self.bars)))]
        pairs += [("Only where", task.where)] if task.where else []
        pairs += [("Initial capital", money(task.initial_capital, quote(self.bars.symbol)))]
        rules = {**asdict(task.costs), **asdict(task.risk)}
        pairs += [
            (words(name), setting(name, value))
            for name, value in rules.items()
            if value not in (None, False) and name not in task.grid.axes and not (name == "max_wait" and value == 1)
            and not (name in ("lot_step", "min_order_size") and value == 0)
        ]  # fmt: skip
        parts = [sheet.facts(pairs), sheet.table(["Parameter", "Values", "Which"], rows, "text")]
        failed = self.results.errors
        if len(failed):
            parts += [
                sheet.paragraph(f"{counted(len(failed), 'set')} failed, the first: {failed.iloc[0].splitlines()[0]}")
            ]
        return sheet.sheet(*parts)

    def best(self, number: int = 10) -> Sheet:
        """The best sets, with the metrics that matter first."""
        columns = list(dict.fromkeys([self.metric, *_COLUMNS]))
        table = [self.results.row(label) for label in self.results.top(self.metric, number).index]
        header = [*self._names, *(_label(name, self.bars.symbol) for name in columns)]
        rows = [
            [*self._values(row.params), *(number_cell(name, row.metrics[name]) for name in columns)] for row in table
        ]
        note = f"The best {len(rows)} of {counted(len(self.results), 'set')} by {SCALES[self.metric].name}."
        return sheet.sheet(sheet.table(header, rows, "wide"), sheet.paragraph(note, "note"))

    def heatmap(self, figure: Any = None) -> Sheet:
        """A figure of `results.heatmap(...)`, by default the metric over the two parameters with the most values."""
        drawn = self.results.heatmap(metric=self.metric) if figure is None else figure
        axes = [name for name, axis in self.results.task.grid.axes.items() if len(axis) > 1]
        over = "two parameters" if len(axes) > 1 else "one parameter"
        drawing = Drawing(drawn, f"{SCALES[self.metric].name} over {over}; the best one is marked.")
        note = "A wide patch of one colour is worth more than a single dark cell."
        if len(axes) < 2:
            note = "A broad rise is worth more than a single high point."
        if len(axes) > 2:
            note += (
                " A cell is the median of all sets that share it, which differ in the other parameters: the cell marked"
                " has the best median and need not hold the best set."
            )
        return sheet.sheet(sheet.figure(drawing), sheet.paragraph(note, "note"))

    def plateau(self, found: Plateau | None = None) -> Sheet:
        """The best set beside its neighbours: what `results.plateau(...)` says, by default of the report's metric."""
        found = self.hill if found is None else found
        sets: list[tuple[str, Mapping[str, Any] | None, float]] = [
            ("The best set", found.params, found.score),
            (f"Mean of its {counted(found.n_neighbours, 'neighbour')}", None, found.neighbourhood),
            ("The worst of them", None, found.worst),
            (f"The typical set, the median of {count(found.n_sets)}", None, found.typical),
        ]
        steady = found.steadiest
        if steady is not None and steady.params != found.params:
            sets.append(("The best together with its neighbours", steady.params, steady.score))
            sets.append(("Mean of it and its neighbours", None, steady.neighbourhood))
        rows = [
            [said, *(self._values(params) if params else [""] * len(self._names)), number_cell(found.metric, score)]
            for said, params, score in sets
        ]
        note = (
            f"Neighbours ({found.place}) differ in numeric parameters only. It is a hill where they keep at least half"
            " of the best set's lead over the typical set."
        )
        table = sheet.table(["", *self._names, SCALES[found.metric].name], rows)
        return sheet.sheet(sheet.paragraph(str(found)), table, sheet.paragraph(note, "note"))

    def rebuilt(self, row: Any = None) -> Sheet:
        """One set in full, by default the best: equity beside buy-and-hold, and what its vectorbt Portfolio says."""
        chosen = self.best_row if row is None else self.results.row(row)
        run = self.run if chosen.number == self.best_row.number else self.results.backtest(chosen)
        name = listed(chosen.params)
        drawing = charts.equity_drawing(run, self.market, name, sheet.SIMULATED if self.bars.simulated else "")
        stats = [[str(key), _stat(value)] for key, value in run.portfolio.stats().items()]
        half = (len(stats) + 1) // 2
        note = (
            "These statistics are vectorbt's own, of the same orders. It values the account at closes only and leaves a"
            " loss on the first bar out of its drawdown; the tables above are ours. Its Benchmark Return is the bare"
            " change of the price from the first close to the last. Buy-and-hold in this report"
            f" ({percent(self.market.total_return)}) is a trade: bought at the first open that an order can have, with"
            " commission and slippage."
        )
        return sheet.sheet(
            sheet.figure(drawing),
            sheet.heading(f"What vectorbt's Portfolio says of {name}"),
            sheet.columns(sheet.table(["", ""], stats[:half]), sheet.table(["", ""], stats[half:])),
            sheet.paragraph(note, "note"),
        )

    def caution(self) -> Sheet:
        """Why the best of many is too good, and what to do about it."""
        sets = counted(len(self.results), "set")
        return sheet.sheet(*(sheet.paragraph(text.format(sets=sets)) for text in _CAUTION))

    def closing(self) -> Sheet:
        """The disclaimer."""
        return sheet.sheet(sheet.disclaimer())

    def facts(self) -> dict[str, Any]:
        """Return what the sweep was made from, for the manifest."""
        task, bars = self.results.task, self.bars
        return {
            "title": self.title,
            "data": {
                "source": bars.source, "simulated": bars.simulated, "symbol": bars.symbol, "timeframe": bars.timeframe,
                "first_open": bars.index[0].isoformat(),
                "last_close": pd.Timestamp(int(bars.time[-1]) + bars.interval, tz="UTC").isoformat(),
                "bars": len(bars), "fingerprint": bars.fingerprint,
            },
            "strategy": {
                "name": task.source.name, "source_hash": task.source.digest,
                "source": getattr(getattr(task.source, "strategy", None), "source", None),
            },
            "grid": {name: list(axis) for name, axis in task.grid.axes.items()},
            "sets": len(task.grid),
            "backtest": {"initial_capital": task.initial_capital, **asdict(task.costs), **asdict(task.risk)},
            "identity": task.identity(),
        }  # fmt: skip

    def save(self, output: str | Path) -> None:
        """Write sweep.parquet (every set) and metrics.json (the best set and its neighbourhood) into `output`.

        Nothing when it is empty, as in a notebook run by hand.
        """
        if not str(output):
            return
        self.results.to_parquet(Path(output) / TABLE_FILE)
        content = {
            "simulated": self.bars.simulated, "metric": self.metric, "sets": len(self.results),
            "digest": digest(self.results.rows.scores.tobytes(), repr(self.results.rows.errors).encode()),
            "complete": self.results.complete, "failed": len(self.results.errors),
            "best": {"params": self.best_row.params, "metrics": self.best_row.metrics},
            "plateau": self.hill.as_dict(), "buy_and_hold": self.market.metrics,
        }  # fmt: skip
        write_metrics(Path(output), as_json(content))


def _which(axis: tuple[Any, ...]) -> str:
    """Return an axis' values in one line, the middle of a long one left out."""
    names = [shown(value) for value in axis]
    return ", ".join(names if len(names) <= _LISTED else [*names[: _LISTED - 2], "…", names[-1]])


def _label(name: str, symbol: str) -> str:
    return priced(SCALES[name].name, quote(symbol)) if name in MONEY else SCALES[name].name


def _stat(value: Any) -> str:
    """Return one of vectorbt's statistics; its per cents are in their names."""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, pd.Timedelta):
        return duration(value)
    if isinstance(value, float):
        return plain(value)
    return count(value) if isinstance(value, int | np.integer) else str(value)
