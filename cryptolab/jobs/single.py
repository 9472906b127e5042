"""One backtest from the command line: bars from a file or the simulated market, a strategy by name, the engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptolab.backtesting import BacktestEngine, BacktestResult
from cryptolab.data_fetchers import simulate
from cryptolab.database import read
from cryptolab.jobs.capsule import plain
from cryptolab.signal_generator import get_strategy


def backtest(
    strategy: str,
    source: Path | int,
    *,
    symbol: str | None = None,
    timeframe: str | None = None,
    seed: int = 7,
    parameters: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
) -> BacktestResult:
    """Return the run of `strategy` (a name, or "file.py:name") on the bars of `source`.

    source: a Parquet or CSV file, or a number of bars of the simulated market. symbol, timeframe: what the file does
    not say; in the simulated market the timeframe asked for (1h). parameters: the strategy's. config: the engine's.
    """
    engine, chosen = BacktestEngine(config), get_strategy(strategy)  # what is misspelt is said before anything is read
    if isinstance(source, Path):
        bars = read(source, symbol, timeframe)
    else:
        bars = simulate(source, timeframe or "1h", seed, symbol or "SIM/USDT")
    return engine.run(bars, chosen(bars, **(parameters or {})))


def described(result: BacktestResult) -> dict[str, Any]:
    """Return the run as JSON can hold it: what it was made from, and its numbers; NaN is null, times are text."""
    bars = result.bars
    return plain(
        {
            "symbol": bars.symbol,
            "timeframe": bars.timeframe,
            "source": bars.source,
            "bars": len(bars),
            "start": bars.index[0].isoformat(),
            "end": bars.index[-1].isoformat(),
            "fingerprint": bars.fingerprint,
            "initial_capital": result.initial_capital,
            "costs": vars(result.costs),
            "risk": vars(result.risk),
            "metrics": result.metrics,
            "dropped": result.dropped,
        }
    )
