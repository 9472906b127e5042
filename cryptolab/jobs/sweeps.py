"""One sweep from the command line: bars from files or the simulated market, a strategy by name, a grid."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cryptolab import optimization
from cryptolab.backtesting import BacktestEngine
from cryptolab.backtesting.metrics import Metrics
from cryptolab.bars import QUOTES, Bars, symbol_name
from cryptolab.checks import known_keys, refuse
from cryptolab.data_fetchers import simulate
from cryptolab.database import read
from cryptolab.errors import RunError
from cryptolab.optimization import Plateau, SweepResult, storage
from cryptolab.reporting.study import as_json
from cryptolab.signal_generator import get_strategy


def sweep(
    strategy: str,
    source: Sequence[Path] | int,
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

    source: Parquet or CSV files, one per symbol, or a number of bars of the simulated market. symbols: one per file, in
    their order; without them several files are named by their own names, or their folders'. timeframe, config: as in
    `jobs.single.backtest`. metric, output: what the rows will be ordered by and written to; refused now rather than
    after hours. options: those of `optimization.sweep`.

    Raises InputError for what cannot be used, RunError for a strategy that ends Python.
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
    else:
        bars = _read(source, symbols, timeframe)
    try:
        return optimization.sweep(
            chosen, bars, grid,
            costs=engine.costs, risk=engine.risk, initial_capital=engine.initial_capital, **options,
        )  # fmt: skip
    except SystemExit as ended:
        raise RunError(f"strategy {strategy!r}: it called sys.exit({ended.code!r}); return signals instead.") from ended


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
            "grid": {name: list(values) for name, values in task.grid.axes.items()},
            "initial_capital": task.initial_capital,
            "costs": vars(task.costs),
            "risk": vars(task.risk),
            "sets": run.sets,
            "rows": run.rows,
            "rows_wanted": run.wanted,
            "rows_from_checkpoint": run.resumed,
            "complete": run.complete,
            "seconds": run.seconds,
            "bar_simulations_per_second": run.rate,
            "metric": metric,
            "best": [{"params": row.params, "metrics": row.metrics} for row in best],
            "plateau": _plateau(results.plateau(metric)) if best else None,
            "failed": {"rows": len(failed), "first": failed.iloc[0] if len(failed) else None},
        }
    )  # fmt: skip


def _plateau(found: Plateau) -> dict[str, Any]:
    steadiest = found.steadiest._asdict() if found.steadiest else None
    return {**asdict(found), "steadiest": steadiest, "sentence": str(found)}


def _one(symbols: Sequence[str]) -> str | None:
    if len(symbols) > 1:
        refuse("symbol", f"{len(symbols)} for one market", "give one")
    return symbols[0] if symbols else None


def _read(files: Sequence[Path], symbols: Sequence[str], timeframe: str | None) -> list[Bars]:
    if len(files) == 1:
        return [read(files[0], _one(symbols), timeframe)]
    if symbols and len(symbols) != len(files):
        refuse("symbol", f"{len(symbols)} for {len(files)} files", "give one for each file, in their order, or none")
    names = symbols or [_named(file) for file in files]
    return [read(file, name, timeframe) for file, name in zip(files, names, strict=True)]


def _named(file: Path) -> str:
    """Return the symbol that a file is named after (BTCUSDT_1h.csv, eth-usd.csv), or its folder (BTCUSDT/1h.csv)."""
    for text in (file.stem, file.resolve().parent.name):
        words = [word.upper() for word in re.findall("[A-Za-z0-9]+", text)]
        if len(words) > 1 and words[1] in QUOTES:
            return f"{words[0]}/{words[1]}"
        if words and "/" in (name := symbol_name(words[0])):
            return name
    refuse("file", f"{file}, whose name says no symbol", "give --symbol for each file, in their order")
