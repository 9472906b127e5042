"""One sweep from the command line: bars from files or the simulated market, a strategy by name, a grid."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cryptolab import optimization
from cryptolab.backtesting import BacktestEngine
from cryptolab.backtesting.metrics import Metrics
from cryptolab.bars import Bars
from cryptolab.checks import known_keys, refuse
from cryptolab.data_fetchers import simulate
from cryptolab.errors import RunError
from cryptolab.jobs.single import Stored, named_after, read_named, read_stored
from cryptolab.optimization import Plateau, SweepResult, storage
from cryptolab.optimization.progress import log
from cryptolab.optimization.scales import SCALES
from cryptolab.reporting.study import as_json
from cryptolab.signal_generator import get_strategy


def sweep(
    strategy: str,
    source: Sequence[Path] | int | Stored,
    grid: Mapping[str, Any],
    *,
    symbols: Sequence[str] = (),
    timeframe: str | None = None,
    market_seed: int = 7,
    config: Mapping[str, Any] | None = None,
    metric: str = "sharpe_ratio",
    output: Path | None = None,
    **options: Any,
) -> SweepResult:
    """Return the sweep of `strategy` (a name, or "file.py:name") on the bars of `source`.

    source: Parquet or CSV files, one per symbol, a span of the store, or a number of bars of the simulated market.
    symbols: those of the store, or one per file, in their order; without them files are named as in
    `jobs.single.read_named`, which several must be. timeframe, config: as in `jobs.single.backtest`. metric, output:
    what the rows will be ordered by and written to; refused now rather than after hours. options: those of
    `optimization.sweep`.

    Sets that fail are not logged: the caller shows them. Raises InputError for what cannot be used, SetError for a
    set that fails where `on_error` is "raise", RunError for a strategy that ends Python.
    """
    known_keys("metric", [metric], Metrics._fields)
    if output is not None:
        storage.checked(output)
    engine, chosen = BacktestEngine(config), get_strategy(strategy)
    for name in grid:
        if name in (config or {}):
            refuse(name, "it in the grid and as a setting", "give it in one of the two")
    if isinstance(source, int):
        bars = [simulate(source, timeframe or "1h", market_seed, _one(symbols) or "SIM/USDT")]
    elif isinstance(source, Stored):
        bars = [read_stored(source, symbol, timeframe) for symbol in symbols]
    else:
        bars = _read(source, symbols, timeframe)
    log.addFilter(_no_warning)
    try:
        return optimization.sweep(
            chosen, bars, grid,
            costs=engine.costs, risk=engine.risk, initial_capital=engine.initial_capital, **options,
        )  # fmt: skip
    except SystemExit as ended:
        raise RunError(f"strategy {strategy!r}: it called sys.exit({ended.code!r}); return signals instead.") from ended
    finally:
        log.removeFilter(_no_warning)


def why_none(results: SweepResult, metric: str) -> str:
    """Return in a sentence why no row has a value of `metric`, "" where one has."""
    if np.isfinite(results.values(metric)).any():
        return ""
    name, rows = SCALES[metric].name, "set" if results.run.wanted == results.run.sets else "row"
    if not np.nansum(results.values("turnover")):
        return f"No {rows} traded, so there is nothing to order by {name}."
    if not np.nansum(results.values("n_trades")):
        return f"No {rows} closed a trade, and none has a value of {name}."
    return f"No {rows} has a value of {name}."


def _no_warning(record: logging.LogRecord) -> bool:
    return record.levelno < logging.WARNING


def described(results: SweepResult, metric: str, count: int) -> dict[str, Any]:
    """Return the sweep as JSON can hold it: what was run, the best `count` rows, their surroundings, what failed."""
    task, run = results.task, results.run
    best = [results.row(label) for label in results.top(metric, count).index]
    failed = results.errors
    return as_json(
        {
            "strategy": task.source.name,
            "symbols": [
                {
                    "symbol": bars.symbol, "timeframe": bars.timeframe, "source": bars.source, "bars": len(bars),
                    "start": bars.index[0].isoformat(), "end": bars.index[-1].isoformat(),
                    "fingerprint": bars.fingerprint,
                }
                for bars in task.bars
            ],
            "parameters": {
                name: default for name, default in task.source.parameters.items() if name not in task.grid.axes
            },
            "grid": {name: list(values) for name, values in task.grid.axes.items()},
            "initial_capital": task.initial_capital,
            "costs": vars(task.costs),
            "risk": vars(task.risk),
            "sets": run.sets,
            "rows": run.rows,
            "rows_wanted": run.wanted,
            "rows_from_checkpoint": run.resumed,
            "complete": run.complete,
            "ended": run.ended or None,
            "seconds": run.seconds,
            "bar_simulations_per_second": run.rate,
            "metric": metric,
            "no_best": why_none(results, metric) or None,
            "best": [{"params": row.params, "metrics": row.metrics} for row in best],
            "plateau": _plateau(results.plateau(metric)) if best else None,
            "failed": {"rows": len(failed), "first": failed.iloc[0] if len(failed) else None},
        }
    )  # fmt: skip


def _plateau(found: Plateau) -> dict[str, Any]:
    return {**asdict(found), "sentence": str(found)}


def _one(symbols: Sequence[str]) -> str | None:
    if len(symbols) > 1:
        refuse("symbol", f"{len(symbols)} for one market", "give one")
    return symbols[0] if symbols else None


def _read(files: Sequence[Path], symbols: Sequence[str], timeframe: str | None) -> list[Bars]:
    if len(files) == 1:
        return [read_named(files[0], _one(symbols), timeframe)]
    if symbols and len(symbols) != len(files):
        refuse("symbol", f"{len(symbols)} for {len(files)} files", "give one for each file, in their order, or none")
    for file in () if symbols else files:
        if named_after(file) is None:
            refuse("file", f"{file}, whose name says no symbol", "give --symbol for each file, in their order")
    names: Sequence[str | None] = symbols or [None] * len(files)
    return [read_named(file, name, timeframe) for file, name in zip(files, names, strict=True)]
