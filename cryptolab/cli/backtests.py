"""`cryptolab backtest`: one strategy, once."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from cryptolab.cli.market import End, Exchange, Length, Seed, Simulated, Start, Timeframe, market, stored
from cryptolab.cli.printing import Json, print_json, say_line, show
from cryptolab.cli.refusals import in_options
from cryptolab.cli.values import Settings, pairs


def backtest(
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="A strategy's name, or FILE.py:NAME.")],
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="Candles: a Parquet or CSV file.")] = None,
    simulated: Simulated = False,
    bars: Length = None,
    seed: Seed = None,
    symbol: Annotated[
        str | None,
        typer.Option(
            metavar="SYMBOL", help="BASE/QUOTE: of the store with --timeframe; else what to call a file's bars."
        ),
    ] = None,
    timeframe: Timeframe = None,
    start: Start = None,
    end: End = None,
    exchange: Exchange = "binance",
    param: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter of the strategy. Repeatable.")
    ] = None,
    set_: Settings = None,
    as_json: Json = False,
) -> None:
    """Backtest one strategy and print its numbers.

    \b
    Examples:
      cryptolab backtest ema_cross --simulated
      cryptolab backtest ema_cross --symbol BTC/USDT --timeframe 1h --start 2020-01-01
      cryptolab backtest ema_cross --file btc.parquet --param fast=9 --set stop_loss=0.05
    """
    length, market_seed = market(file, simulated, bars, seed)
    in_store = stored(file, simulated, symbol, timeframe, (start, end, exchange))
    from cryptolab.jobs.single import Stored, described
    from cryptolab.jobs.single import backtest as run

    parameters, config = pairs("--param", param), pairs("--set", set_)
    with in_options(), contextlib.redirect_stdout(sys.stderr):  # what a strategy prints is not part of our output
        result = run(
            strategy,
            Stored(start, end, exchange) if in_store else file or length,
            symbol=symbol,
            timeframe=timeframe,
            seed=market_seed,
            parameters=parameters,
            config=config,
        )
    if as_json:
        print_json({"strategy": strategy, "parameters": parameters, **described(result)})
        return
    from cryptolab.reporting.wording import FORMATS, words

    if simulated:
        say_line("SIMULATED market")
    say_line(repr(result.bars))
    rows = [{"metric": words(name), "value": FORMATS.get(name, str)(value)} for name, value in result.metrics.items()]
    rows += [{"metric": f"Dropped: {why}", "value": f"{count:,}"} for why, count in result.dropped.items() if count]
    show(rows)
