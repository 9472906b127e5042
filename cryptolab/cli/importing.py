"""`cryptolab import`: files that people have become bars in the store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryptolab.cli.printing import Json, print_json, say_line, show
from cryptolab.cli.process import FAILED, say
from cryptolab.cli.refusals import IMPORT, in_options, translated
from cryptolab.errors import DataError, InputError, RunError

if TYPE_CHECKING:
    from cryptolab.bars import Bars
    from cryptolab.database import DuckDBManager
    from cryptolab.database.importing import Choices, Imported


def import_files(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Parquet, or CSV (.csv, .txt, .tsv, in .zip or .gz).")
    ],
    symbol: Annotated[
        str | None, typer.Option(metavar="SYMBOL", help="BASE/QUOTE, where neither the file nor its name says it.")
    ] = None,
    timeframe: Annotated[
        str | None, typer.Option(metavar="TIME", help="1m to 1w; without it the usual distance of the rows.")
    ] = None,
    exchange: Annotated[
        str | None, typer.Option(metavar="NAME", help="Without it what the file or its name says, else binance.")
    ] = None,
    zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Of times that name none, as in Europe/Berlin; else UTC.")
    ] = None,
    date_format: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="Of dates: day-first, month-first, year-first, or as in %d/%m/%Y."),
    ] = None,
    decimal: Annotated[
        str | None, typer.Option(metavar="point|comma", help="What separates decimals, where 42,265 may be either.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=COLUMN",
            help="Which column is time, open, high, low, close, volume or symbol, where its name does not show it."
            " Repeatable.",
        ),
    ] = None,
    volume: Annotated[
        str | None,
        typer.Option(metavar="base|quote", help="Volume in coins, or in money (divided by each bar's price)."),
    ] = None,
    duplicates: Annotated[
        str,
        typer.Option(
            metavar="refuse|finest|first|last|none",
            help="Which of several contradicting rows of one bar to take: the one with most digits, the first or last"
            " in the file, none of them.",
        ),
    ] = "refuse",
    doubtful: Annotated[
        str,
        typer.Option(
            metavar="set-aside|keep", help="Bars that look incomplete, or have a price far from its neighbours."
        ),
    ] = "set-aside",
    keep_newest: Annotated[
        bool, typer.Option("--keep-newest", help="Keep the newest bar though nothing shows that it was closed.")
    ] = False,
    limit: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of faulty rows beyond which a file is refused.")
    ] = 0.01,
    revise: Annotated[
        bool, typer.Option("--revise", help="Store bars even where many of them are stored with other numbers.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show all of it and store nothing.")] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Store the others where some are refused; else nothing is stored.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring candles from files into the store.

    Shows what it understood of them, what it set aside and why. Files of one market go together. A file that
    contradicts itself, or what is stored, is refused: then the exit code is 1 and nothing is stored, of the other files
    neither. A stored bar is left as it is where a file has it rounded.

    \b
    Examples:
      cryptolab import BTCUSDT-1h-2024-*.zip
      cryptolab import Binance_BTCUSDT_1h.csv --duplicates finest --column time=unix
      cryptolab import btc.csv --symbol BTC/USDT --timeframe 1h --zone Europe/Berlin --dry-run
    """
    columns = dict(_columns(column))
    from cryptolab.database.importing import Choices, bring_in_all

    with in_options(IMPORT):
        choices = Choices(
            zone=zone, date_format=date_format, decimal=decimal, columns=columns, volume=volume, duplicates=duplicates,
            doubtful=doubtful, keep_newest=keep_newest, revise=revise, limit=limit,
        )  # fmt: skip
        imported, refused = bring_in_all(files, symbol=symbol, timeframe=timeframe, exchange=exchange, choices=choices)
        store, ready = _beside_stored(imported, choices, refused)
    refused = {file: translated(why, IMPORT) for file, why in refused.items()}
    if refused and not keep_going:
        _give_up(list(refused.values()), len(files), len(files) - sum(len(each.files) for each, _, _ in ready))
    _store(store, ready, dry_run, as_json, refused)
    if refused:
        for why in refused.values():
            say(why)
        raise typer.Exit(FAILED)


def _beside_stored(
    imported: list[Imported], choices: Choices, refused: dict[str, str]
) -> tuple[DuckDBManager, list[tuple[Imported, Bars | None, int]]]:
    """Return the store, and for each market the bars to store and how many of its bars the store has with more digits.

    A market whose bars contradict the stored ones joins the refused.
    """
    from cryptolab.database import DuckDBManager
    from cryptolab.database.importing import news

    store, ready = DuckDBManager.at_home(), []
    for each in imported:
        bars, held = each.bars, None
        with contextlib.suppress(DataError):  # nothing of it is stored
            held = store.load_bars(
                bars.symbol, bars.timeframe, bars.index[0], bars.index[-1], exchange=each.exchange, allow_holes=True
            )
        try:
            ready.append((each, *news(each, held, choices)))
        except DataError as problem:
            refused[", ".join(each.files)] = str(problem)
    return store, ready


def _columns(given: list[str] | None) -> Iterator[tuple[str, str]]:
    """Return the ROLE=COLUMN texts taken apart; a column may have an equals sign in its name."""
    for text in given or ():
        role, equals, name = text.partition("=")
        if not equals or not role.strip() or not name.strip():
            raise InputError(f"--column: received {text!r}; write ROLE=COLUMN, as in time=unix.")
        yield role.strip(), name


def _give_up(sentences: list[str], count: int, refused: int) -> None:
    """End with what was refused: one sentence, or where there were several files one for each and their number."""
    if count == 1:
        raise RunError(sentences[0])
    for each in sentences:
        say(each)
    others = "; --keep-going stores the others" if refused < count else ""
    raise RunError(f"nothing is stored: {refused} refused of {count} files{others}.")


def _store(
    store: DuckDBManager, ready: list[tuple[Imported, Bars | None, int]], dry_run: bool, as_json: bool,
    refused: dict[str, str],
) -> None:  # fmt: skip
    """Show each market's import and store it; where the disk fails, what is stored already is said."""
    told: list[dict[str, Any]] = []
    try:
        for number, (each, bars, finer) in enumerate(ready):
            if not as_json:
                if number:
                    say_line("")
                _show(each)
            saved = None if dry_run else _saved(store, each, bars, finer)
            told.append(_described(each, saved))
            if not as_json:
                say_line(_told(each, bars, finer, saved))
    except InputError as problem:
        stored = ", ".join(f"{one['exchange']} {one['symbol']} {one['timeframe']}" for one in told)
        raise RunError(f"{str(problem).rstrip('.')}; stored before that: {stored or 'nothing'}.") from problem
    finally:
        if as_json:
            print_json({"imported": told, "refused": refused})


def _saved(store: DuckDBManager, imported: Imported, bars: Bars | None, finer: int) -> dict[str, int]:
    """Store bars and return what became of them; finer: bars left alone, stored with more digits."""
    counts = {"added": 0, "unchanged": 0, "revised": 0}
    if bars is not None:
        counts = store.save_ohlcv(bars, exchange=imported.exchange, source=imported.source)._asdict()
    return {**counts, "finer": finer}


def _told(imported: Imported, bars: Bars | None, finer: int, saved: dict[str, int] | None) -> str:
    """Return what became of a market's bars in one line."""
    market = f"{imported.exchange} {imported.bars.symbol} {imported.bars.timeframe}"
    left = f", {finer:,} left as they are: stored with more digits" if finer else ""
    if saved is None:
        count = 0 if bars is None else len(bars)
        return f"{market}: {count:,} {'bar' if count == 1 else 'bars'} would be stored{left}"
    parts = (f"{saved['added']:,} new", f"{saved['revised']:,} revised", f"{saved['unchanged']:,} as they were")
    return f"{market}: {', '.join(parts)}{left}"


def _show(imported: Imported) -> None:
    """Print what was understood, and below it what was set aside."""
    show([{"what": what, "understood": translated(text, IMPORT)} for what, text in imported.understood])
    rows = [
        {
            "set aside": reason,
            "rows": f"{count:,}",
            "first": _first(imported, reason)["when"],
            "in": _first(imported, reason)["where"],
            "because": _first(imported, reason)["why"],
        }
        for reason, count in imported.counts.items()
    ]
    if rows:
        show(rows)


def _first(imported: Imported, reason: str) -> dict[str, str]:
    """Return when and where the first row set aside for a reason is, and what there is to say of it."""
    from cryptolab.database.importing import where

    rows = imported.set_aside
    row = rows[rows["reason"] == reason].iloc[0]
    when = "-" if row["time"] is None or row["time"] != row["time"] else f"{row['time']:%Y-%m-%d %H:%M}"
    place = where(row["file"], row["row"]) + (f" of {row['file']}" if len(imported.files) > 1 else "")
    return {"when": when, "where": place, "why": row["detail"] or "-"}


def _described(imported: Imported, saved: dict[str, int] | None) -> dict[str, Any]:
    """Return an import as JSON can hold it, with up to ten rows of each reason."""
    rows = imported.set_aside
    return {
        "files": list(imported.files),
        "exchange": imported.exchange,
        **imported.bars.facts(),
        "understood": [{"what": what, "found": translated(text, IMPORT)} for what, text in imported.understood],
        "set_aside": [
            {"reason": reason, "rows": count, "first": _records(rows[rows["reason"] == reason].head(10))}
            for reason, count in imported.counts.items()
        ],
        "saved": saved,
    }


def _records(rows: Any) -> list[dict[str, Any]]:
    """Return rows set aside with times as texts, and None for what they do not have."""
    records = rows.drop(columns="reason").to_dict("records")
    for record in records:
        for name, value in record.items():
            if value != value:
                record[name] = None
            elif hasattr(value, "isoformat"):
                record[name] = value.isoformat()
    return list(records)
