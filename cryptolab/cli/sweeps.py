"""`cryptolab sweep`: many variants of a strategy."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryptolab.cli.axes import axes
from cryptolab.cli.market import End, Exchange, Length, Seed, Simulated, Start, Timeframe, market, stored
from cryptolab.cli.printing import Json, print_json, say_line, show
from cryptolab.cli.process import INTERRUPTED, ending_at_once, say
from cryptolab.cli.refusals import in_options
from cryptolab.cli.values import Settings, at_least, pairs
from cryptolab.errors import RunError

if TYPE_CHECKING:
    from cryptolab.optimization import SweepResult

_COLUMNS = ("total_return", "max_drawdown", "n_trades", "profit_factor")
"""What is printed of the best rows beside the metric they are ordered by; a terminal of 80 columns has room for it."""


def sweep(
    context: typer.Context,
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="A strategy's name, or FILE.py:NAME.")],
    file: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Candles: a Parquet or CSV file. Repeatable, one per symbol."),
    ] = None,
    simulated: Simulated = False,
    bars: Length = None,
    seed: Seed = None,
    symbol: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SYMBOL",
            help="BASE/QUOTE, one for each file, in their order; without it each is called after its name or folder.",
        ),
    ] = None,
    timeframe: Timeframe = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUES",
            help="What to vary, a parameter or a setting: 5:44 (both ends), 100:199:10, 0.01:0.05:0.01, 9,12,21 or a"
            " distribution of scipy.stats with its own arguments, as in randint(5,45), loguniform(0.001,0.1),"
            " uniform(START,WIDTH). Repeatable.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION", help='Keep only the sets for which this holds, as in "fast < slow". Repeatable.'
        ),
    ] = None,
    start: Start = None,
    end: End = None,
    exchange: Exchange = "binance",
    set_: Settings = None,
    samples: Annotated[
        int | None,
        typer.Option(metavar="N", help="Draw N sets at random instead of all.", callback=at_least(1, "--samples")),
    ] = None,
    search_seed: Annotated[
        int,
        typer.Option(metavar="N", help="Seed of the sets that are drawn.", callback=at_least(0, "--search-seed")),
    ] = 0,
    metric: Annotated[str, typer.Option(metavar="NAME", help="What the best sets are ordered by.")] = "sharpe_ratio",
    top: Annotated[
        int, typer.Option(metavar="N", help="How many of the best sets to print.", callback=at_least(1, "--top"))
    ] = 10,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", help="Threads; one per core if left out.", callback=at_least(1, "--jobs")),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="What may be added, as in 500MB; half of what is free if left out."),
    ] = None,
    executor: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A dask cluster: dask://host:port, or tls://host:port.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep finished sets in this file, and go on from those in it."),
    ] = None,
    on_error: Annotated[
        str, typer.Option(metavar="record|raise", help="Note a set that fails in its row, or stop.")
    ] = "record",
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the whole table to this Parquet file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Backtest many variants of a strategy and print the best.

    Ctrl-C ends it and gives what is finished. Of many tries the best is partly luck: read what is said of its
    neighbours.

    \b
    Examples:
      cryptolab sweep ema_cross --simulated --grid fast=5:44 --grid slow=100:199 --where "fast < slow"
      cryptolab sweep ema_cross --file btc.parquet --grid fast=5:44 --grid slow=50:250:10 \\
        --grid stop_loss=none,0.02,0.05 --set commission=0.0004 --checkpoint ema.sweep --output ema.parquet
      cryptolab sweep ema_cross --file btc.parquet --grid "fast=randint(5,45)" --grid "slow=randint(50,250)" \\
        --samples 500 --metric calmar_ratio
    """
    length, market_seed = market(file, simulated, bars, seed)
    varied, config = axes(grid), pairs("--set", set_)
    in_store = stored(file, simulated, symbol, timeframe, (start, end, exchange))
    from cryptolab.jobs.single import Stored
    from cryptolab.jobs.sweeps import sweep as run

    # what a strategy prints is not part of our output; what is finished when it is ended lies in the checkpoint
    with in_options(), contextlib.redirect_stdout(sys.stderr), ending_at_once():
        results = run(
            strategy, Stored(start, end, exchange) if in_store else file or length, varied,
            symbols=symbol or (), timeframe=timeframe, market_seed=market_seed, config=config, metric=metric,
            output=output, where=where, samples=samples, seed=search_seed, n_jobs=jobs, memory=memory,
            executor=executor, checkpoint=checkpoint, on_error=on_error,
        )  # fmt: skip
    written = None
    try:
        if output is not None:
            with in_options():
                written = results.to_parquet(output)
    finally:  # a full disk takes nothing from the screen
        if as_json:
            _print_json(results, context, {"bars": length, "seed": market_seed} if simulated else {}, written)
        else:
            _print(results, metric, top, written)
    if results.ended:
        raise RunError(results.ended)
    if not results.complete:
        say("interrupted" + (f"; the same command goes on from {checkpoint}." if checkpoint else "."))
        raise typer.Exit(INTERRUPTED)


def _print_json(results: SweepResult, context: typer.Context, simulated: dict[str, int], written: Path | None) -> None:
    """Print the sweep with what was asked for, option by option: the same ones run it again."""
    from cryptolab.jobs.sweeps import described

    given = context.params | simulated
    asked = {str(each.name).rstrip("_"): given[str(each.name)] for each in context.command.params if each.name in given}
    asked.pop("as_json")
    print_json({**described(results, given["metric"], given["top"]), "output": written, "asked": asked})


def _print(results: SweepResult, metric: str, top: int, written: Path | None) -> None:
    from cryptolab.jobs.sweeps import why_none

    run = results.run
    if any(bars.simulated for bars in results.task.bars):
        say_line("SIMULATED market")
    say_line(f"{results}.")
    none = why_none(results, metric)
    if none:
        say_line(none)
    else:
        show(_rows(results, metric, top))
        say_line(results.plateau(metric))
    if run.failed:
        first = " ".join(results.errors.iloc[0].split())
        of = f"{run.failed:,} of {run.rows:,} {'sets' if run.wanted == run.sets else 'rows'}"
        say_line(f"Failed: {of}{', the first' if run.failed > 1 else ''}: {first}")
    if written is not None:
        print(f"Table: {written}")


def _rows(results: SweepResult, metric: str, top: int) -> list[dict[str, Any]]:
    """Return the best rows in words: their parameters, then the metrics, the one they are ordered by first."""
    from cryptolab.optimization.scales import SCALES, shown, written

    columns = dict.fromkeys((metric, *_COLUMNS))
    found = []
    for label in results.top(metric, top).index:
        row = results.row(label)
        params = {name: shown(value) for name, value in row.params.items()}
        found.append(params | {SCALES[name].name: written(name, row.metrics[name]) for name in columns})
    return found
