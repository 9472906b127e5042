"""`cryptolab import`: files that people have become bars in the store."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryptolab.cli.printing import Json, print_json, say_line, show
from cryptolab.cli.process import FAILED, say
from cryptolab.errors import InputError, RunError

if TYPE_CHECKING:
    from cryptolab.database.importing import Imported

_OPTIONS = "zone|date_format|decimal|volume|duplicates|doubtful|symbol|timeframe|exchange|limit|keep_newest"
_BEGINNING = re.compile(rf"^({_OPTIONS})(?=: )")
_SAID = re.compile(rf"\b({_OPTIONS})=(?:'([^']*)'|([\d.]+))?")
_ROLE = re.compile(r"\bcolumns=\{'(\w+)': '([^']*)'\}")


def import_files(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Parquet, or CSV (.csv, .txt, .tsv, in .zip or .gz).")
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
        typer.Option(metavar="FORMAT", help="Of dates as 01/02/2021: day-first, month-first, or as in %d/%m/%Y."),
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
        typer.Option(metavar="set-aside|keep", help="Bars that look incomplete, or have a price far from all others."),
    ] = "set-aside",
    keep_newest: Annotated[
        bool, typer.Option("--keep-newest", help="Keep the newest bar though nothing shows that it was closed.")
    ] = False,
    limit: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of faulty rows from which a file is refused.")
    ] = 0.01,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show all of it and store nothing.")] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Store the others where some are refused; else nothing is stored.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring candles from files into the store.

    Shows what it understood of them, what it set aside and why. Files of one market go together. A file that
    contradicts itself is refused: then the exit code is 1 and nothing is stored, of the other files neither.

    \b
    Examples:
      cryptolab import BTCUSDT-1h-2024-*.zip
      cryptolab import Binance_BTCUSDT_1h.csv --duplicates finest --column time=unix
      cryptolab import btc.csv --symbol BTC/USDT --timeframe 1h --zone Europe/Berlin --dry-run
    """
    columns = dict(_columns(column))
    from cryptolab.database.importing import Choices, bring_in_all

    with _in_options():
        choices = Choices(
            zone=zone, date_format=date_format, decimal=decimal, columns=columns, volume=volume, duplicates=duplicates,
            doubtful=doubtful, keep_newest=keep_newest, limit=limit,
        )  # fmt: skip
        imported, refused = bring_in_all(files, symbol=symbol, timeframe=timeframe, exchange=exchange, choices=choices)
    if refused and not keep_going:
        _give_up(list(refused.values()), len(files))
    _store(imported, dry_run, as_json, {file: in_words(why) for file, why in refused.items()})
    if refused:
        for why in refused.values():
            say(in_words(why))
        raise typer.Exit(FAILED)


@contextlib.contextmanager
def _in_options() -> Iterator[None]:
    """Let wrong use be said in the words of the command line."""
    try:
        yield
    except InputError as problem:
        said = _BEGINNING.sub(lambda found: _option(found[1]), str(problem))
        raise type(problem)(in_words(re.sub("^file(?=: )", "FILE", said))) from problem


def _columns(given: list[str] | None) -> Iterator[tuple[str, str]]:
    """Return the ROLE=COLUMN texts taken apart; a column may have an equals sign in its name."""
    for text in given or ():
        role, equals, name = text.partition("=")
        if not equals or not role.strip() or not name.strip():
            raise InputError(f"--column: received {text!r}; write ROLE=COLUMN, as in time=unix.")
        yield role.strip(), name


def in_words(sentence: str) -> str:
    """Return a sentence in which the choices of Python are the options of the command line."""
    sentence = sentence.replace("keep_newest=True", "--keep-newest")
    sentence = _ROLE.sub(lambda found: f"--column {_quoted(f'{found[1]}={found[2]}')}", sentence)
    return _SAID.sub(lambda found: f"{_option(found[1])} {found[2] or found[3] or ''}".rstrip(), sentence)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text else text


def _give_up(sentences: list[str], count: int) -> None:
    """End with what was refused: one sentence, or where there were several files one for each and their number."""
    if count == 1:
        raise RunError(in_words(sentences[0]))
    for each in sentences:
        say(in_words(each))
    raise RunError(f"nothing is stored: {len(sentences)} refused of {count} files; --keep-going stores the others.")


def _store(imported: list[Imported], dry_run: bool, as_json: bool, refused: dict[str, str]) -> None:
    """Show each market's import and store it."""
    told: list[dict[str, Any]] = []
    for each in imported:
        if not as_json:
            _show(each)
        saved = None if dry_run else _saved(each)
        if as_json:
            told.append(_described(each, saved))
            continue
        market = f"{each.exchange} {each.bars.symbol} {each.bars.timeframe}"
        if saved is None:
            say_line(f"{market}: {len(each.bars):,} bars would be stored")
        else:
            parts = (f"{saved['added']:,} new", f"{saved['revised']:,} revised", f"{saved['unchanged']:,} as they were")
            say_line(f"{market}: {', '.join(parts)}")
    if as_json:
        print_json({"imported": told, "refused": refused})


def _saved(imported: Imported) -> dict[str, int]:
    from cryptolab.database import DuckDBManager

    saved = DuckDBManager.at_home().save_ohlcv(imported.bars, exchange=imported.exchange, source=imported.source)
    return {"added": saved.added, "unchanged": saved.unchanged, "revised": saved.revised}


def _show(imported: Imported) -> None:
    """Print what was understood, and below it what was set aside."""
    show([{"what": what, "understood": in_words(text)} for what, text in imported.understood])
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
    bars = imported.bars
    return {
        "files": list(imported.files),
        "exchange": imported.exchange,
        "symbol": bars.symbol,
        "timeframe": bars.timeframe,
        "bars": len(bars),
        "start": bars.index[0].isoformat(),
        "end": bars.index[-1].isoformat(),
        "fingerprint": bars.fingerprint,
        "understood": [{"what": what, "found": in_words(text)} for what, text in imported.understood],
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
