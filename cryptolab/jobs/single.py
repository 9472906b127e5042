"""One backtest from the command line: bars from the store, a file or the simulated market, a strategy, the engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cryptolab.backtesting import BacktestEngine, BacktestResult
from cryptolab.bars import QUOTES, Bars, symbol_name
from cryptolab.checks import refuse
from cryptolab.data_fetchers import simulate
from cryptolab.database import load, read
from cryptolab.errors import RunError
from cryptolab.reporting.study import as_json
from cryptolab.signal_generator import get_strategy


class Stored(NamedTuple):
    """Which bars of the store."""

    start: str | None = None
    end: str | None = None
    exchange: str = "binance"


def backtest(
    strategy: str,
    source: Path | int | Stored,
    *,
    symbol: str | None = None,
    timeframe: str | None = None,
    seed: int = 7,
    parameters: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
) -> BacktestResult:
    """Return the run of `strategy` (a name, or "file.py:name") on the bars of `source`.

    source: a Parquet or CSV file, a span of the store, or a number of bars of the simulated market. symbol, timeframe:
    which stored ones; what the file does not say (see `read_named`); in the simulated market the timeframe asked for
    (1h). parameters: the strategy's.
    config: the engine's.
    Raises InputError for what cannot be used, RunError for a strategy that ends Python.
    """
    engine, chosen = BacktestEngine(config), get_strategy(strategy)  # what is misspelt is said before anything is read
    if isinstance(source, Path):
        bars = read_named(source, symbol, timeframe)
    elif isinstance(source, Stored):
        bars = read_stored(source, symbol, timeframe)
    else:
        bars = simulate(source, timeframe or "1h", seed, symbol or "SIM/USDT")
    try:
        signals = chosen(bars, **(parameters or {}))
    except SystemExit as ended:
        raise RunError(f"strategy {strategy!r}: it called sys.exit({ended.code!r}); return signals instead.") from ended
    return engine.run(bars, signals)


def read_named(file: Path, symbol: str | None, timeframe: str | None) -> Bars:
    """Return the bars of a file, called after its name or folder where `symbol` does not say what they are."""
    return read(file, named_after(file) if symbol is None else symbol, timeframe)


def read_stored(source: Stored, symbol: str | None, timeframe: str | None) -> Bars:
    """Return bars of the store."""
    if not symbol or not timeframe:
        refuse("stored bars", "no symbol or no timeframe", "say both, as in BTC/USDT and 1h")
    return load(symbol, timeframe, source.start, source.end, exchange=source.exchange)


def named_after(file: Path) -> str | None:
    """Return the symbol that a file is named after (BTCUSDT_1h.csv, eth-usd.csv), or its folder (BTCUSDT/1h.csv)."""
    for text in (file.stem, file.resolve().parent.name):
        words = [word.upper() for word in re.findall("[A-Za-z0-9]+", text)]
        if len(words) > 1 and words[1] in QUOTES:
            return f"{words[0]}/{words[1]}"
        if words and "/" in (name := symbol_name(words[0])):
            return name
    return None


def described(result: BacktestResult) -> dict[str, Any]:
    """Return the run as JSON can hold it: what it was made from, and the numbers of a study's metrics.json."""
    return as_json(
        {
            **result.bars.facts(),
            "source": result.bars.source,
            "initial_capital": result.initial_capital,
            "costs": vars(result.costs),
            "risk": vars(result.risk),
            "metrics": {
                **result.metrics,
                "final_equity": float(result.equity_curve.iloc[-1]),
                "ambiguous_exits": result.ambiguous_exits,
                "dropped": result.dropped,
            },
        }
    )
