"""`cryptolab data`: what the store holds, what is missing in it, files out of it, and removing from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cryptolab.cli.market import End, Exchange, Start
from cryptolab.cli.printing import Json, print_json, say_line, show
from cryptolab.cli.refusals import DATA, in_options

data = typer.Typer(
    name="data",
    help="""Look at the store of candles, and take from it.

    \b
    Example: cryptolab data list
    """,
    short_help="Look at the store of candles, and take from it.",
    no_args_is_help=True,
)

Symbol = Annotated[str, typer.Argument(metavar="SYMBOL", help="BASE/QUOTE, as in BTC/USDT.")]
Frame = Annotated[str, typer.Argument(metavar="TIMEFRAME", help="1m to 1w.")]


@data.command("list")
def list_(as_json: Json = False) -> None:
    """List the data sets: bars, span, missing bars, files, bytes.

    \b
    Example: cryptolab data list
    """
    rows = _store().datasets()
    if as_json or len(rows):
        show(_rows(rows), as_json)
    else:
        say_line("nothing is stored yet: cryptolab import FILE --symbol BTC/USDT --timeframe 1h")


@data.command()
def gaps(
    symbol: Symbol, timeframe: Frame, start: Start = None, end: End = None, exchange: Exchange = "binance",
    as_json: Json = False,
) -> None:  # fmt: skip
    """List the stretches without bars between stored ones.

    \b
    Example: cryptolab data gaps BTC/USDT 1h
    """
    with in_options(DATA):
        found = _store().gaps(symbol, timeframe, start, end, exchange=exchange)
    if as_json or len(found):
        show(_rows(found), as_json)
    else:
        say_line(f"{symbol} {timeframe}: no bar is missing")


@data.command()
def export(
    symbol: Symbol,
    timeframe: Frame,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .parquet or .csv file; one that exists is refused.")],
    start: Start = None,
    end: End = None,
    exchange: Exchange = "binance",
    as_of: Annotated[str | None, typer.Option(metavar="TIME", help="The store as it was at that moment, UTC.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists.")] = False,
) -> None:
    """Write stored bars into a Parquet or CSV file.

    \b
    Example: cryptolab data export BTC/USDT 1h btc.parquet --start 2024-01-01 --end 2024-12-31
    """
    from cryptolab.database.files import write

    with in_options(DATA):
        bars = _store().load_bars(symbol, timeframe, start, end, exchange=exchange, as_of=as_of)
        write(bars, file, over=force, exchange=exchange.lower())
    closed = "" if file.suffix.lower() == ".parquet" else "; its newest bar is closed: import it with --keep-newest"
    say_line(f"{file}: {bars!r}{closed}")


@data.command()
def delete(
    symbol: Symbol,
    timeframe: Frame,
    start: Start = None,
    end: End = None,
    exchange: Exchange = "binance",
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it, only what would go is said.")] = False,
) -> None:
    """Remove bars of one data set, by default all.

    What is removed is gone for reruns too.

    \b
    Example: cryptolab data delete BTC/USDT 1h --end 2019-12-31 --yes
    """
    with in_options(DATA):
        store = _store()
        if yes:
            count = store.delete(symbol, timeframe, start, end, exchange=exchange)
            say_line(f"{symbol} {timeframe}: {count:,} bars removed")
            return
        bars = store.load_bars(symbol, timeframe, start, end, exchange=exchange, allow_holes=True)
    say_line(f"would remove {bars!r}; say --yes to do it")


@data.command()
def prune(
    older_than: Annotated[str, typer.Argument(metavar="WHEN", help="A date, or a span back from now, as in 730d.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it nothing is removed.")] = False,
    as_json: Json = False,
) -> None:
    """Remove all bars and signals before a moment.

    Files that were set aside as damaged go with them.

    \b
    Example: cryptolab data prune 1825d --yes
    """
    with in_options(DATA):
        found = _store().prune(older_than, dry_run=not yes)
    if as_json:
        print_json(_rows(found))
        return
    if len(found):
        show(_rows(found))
    bars = int(found["bars"].sum()) if len(found) else 0
    say_line(f"{bars:,} bars removed" if yes else f"{bars:,} bars would be removed; say --yes to do it")


def _store() -> Any:
    from cryptolab.database import DuckDBManager

    return DuckDBManager.at_home()


def _rows(frame: Any) -> list[dict[str, Any]]:
    """Return a DataFrame's rows, times as texts to the minute and numbers as Python's."""
    rows = []
    for row in frame.to_dict("records"):
        cells = {}
        for name, value in row.items():
            if hasattr(value, "strftime"):
                value = None if value != value else value.strftime("%Y-%m-%d %H:%M")
            cells[str(name)] = value.item() if hasattr(value, "item") else value
        rows.append(cells)
    return rows
