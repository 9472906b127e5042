"""From files to bars that can be stored: one file, or several of the same market together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from cryptolab.bars import COLUMNS, DAY, TIMEFRAMES, Bars
from cryptolab.checks import refuse
from cryptolab.database.importing import doubts
from cryptolab.database.importing.checking import FORMING
from cryptolab.database.importing.choices import PLAIN, Choices
from cryptolab.database.importing.doubles import Table, sort_doubles
from cryptolab.database.importing.sheet import Aside, Imported, Rows, as_frame
from cryptolab.database.importing.understanding import understand
from cryptolab.errors import DataError

NEWEST = "newest, may be forming"


def bring_in(
    file: str | os.PathLike[str], *, symbol: str | None = None, timeframe: str | None = None,
    exchange: str | None = None, choices: Choices = PLAIN, now: pd.Timestamp | None = None,
) -> Imported:  # fmt: skip
    """Return the bars of a file as people have them, with what was understood and set aside; nothing is stored.

    file: Parquet, or CSV (also .txt, .tsv, in .zip or .gz). symbol, timeframe, exchange: what the file does not say;
    where it says another, it is refused. choices: what settles an ambiguity. now: the time from which bars are closed.
    Raises DataError, in one sentence, for a file that contradicts itself or cannot be understood, InputError for a
    path or an argument that cannot be used.
    """
    return put_together([understand(file, symbol, timeframe, exchange, choices, now)], choices)


def put_together(files: Sequence[Rows], choices: Choices = PLAIN) -> Imported:
    """Return the bars of files of one market: doubles sorted out, doubtful bars and the newest one set aside.

    Raises DataError where rows contradict each other, within a file or between two, and where nothing is left.
    """
    markets = sorted({each.market for each in files})
    if len(markets) != 1:
        refuse("files", " and ".join(map(" ".join, markets)) or "none", "put those of one market together", DataError)
    exchange, symbol, timeframe = markets[0]
    interval = TIMEFRAMES[timeframe]
    table = _table(files)
    aside = [each for rows in files for each in rows.aside]
    left = np.ones(len(table.time), dtype=bool)

    def take(reason: str, found: Mapping[int, str]) -> None:
        if not found:
            return
        places = np.array(sorted(found), dtype=np.int64)
        left[places] = False
        for number in np.unique(table.file[places]):
            mine = places[table.file[places] == number]
            aside.append(
                Aside(
                    reason, False, table.files[number], table.lines[mine], table.time[mine], table.values[mine],
                    tuple(found[int(place)] for place in mine),
                )
            )  # fmt: skip

    local = any(rows.local for rows in files)
    for reason, found in sort_doubles(table, choices.duplicates, local).items():
        take(reason, found)
    places = _sorted(table, left)
    doubtful = _doubtful(files, table, places, interval, choices)
    if choices.doubtful != "keep":
        for reason, found in doubtful.items():
            take(reason, found)
    if left[places[-1:]].all():  # else a bar behind it had begun, if a doubtful one
        take(NEWEST, _newest(files, table, places[-1:], timeframe, choices))
    places = _sorted(table, left)
    if not len(places):
        instead = "give one with more bars, or say keep_newest=True if it was closed"
        refuse(table.files[0], f"no bar beside those set aside ({aside[-1].reason})", instead, DataError)
    index = pd.DatetimeIndex(table.time[places].view("M8[ns]"), name="timestamp").tz_localize("UTC")
    columns = {name: np.ascontiguousarray(table.values[places, column]) for column, name in enumerate(COLUMNS)}
    try:
        bars = Bars.from_frame(pd.DataFrame(columns, index=index, copy=False), symbol, timeframe, table.files[0])
    except DataError as error:
        raise DataError(f"{table.files[0]}, {error}") from None
    kept = {} if choices.doubtful != "keep" else doubtful
    understood = (*_together(files), *_seen(bars, sum(each.total for each in files), kept))
    return Imported(bars, exchange, table.files, sum(each.total for each in files), understood, as_frame(aside))


def bring_in_all(
    files: Iterable[str | os.PathLike[str]], *, symbol: str | None = None, timeframe: str | None = None,
    exchange: str | None = None, choices: Choices = PLAIN, now: pd.Timestamp | None = None,
) -> tuple[list[Imported], dict[str, str]]:  # fmt: skip
    """Return the bars of several files, those of one market together, and what was refused: file -> the sentence.

    Arguments and InputError as in `bring_in`.
    """
    markets: dict[tuple[str, str, str], list[Rows]] = {}
    refused: dict[str, str] = {}
    for file in files:
        try:
            rows = understand(file, symbol, timeframe, exchange, choices, now)
        except DataError as problem:
            refused[str(file)] = str(problem)
        else:
            markets.setdefault(rows.market, []).append(rows)
    imported = []
    for group in markets.values():
        try:
            imported.append(put_together(group, choices))
        except DataError as problem:
            refused[", ".join(rows.name for rows in group)] = str(problem)
    return imported, refused


def _table(files: Sequence[Rows]) -> Table:
    """Return the rows of all files, each file's in its own order."""
    newest = [rows.time == rows.time.max(initial=0) for rows in files]
    return Table(
        tuple(rows.name for rows in files),
        np.repeat(np.arange(len(files)), [len(rows.time) for rows in files]),
        np.concatenate([rows.lines for rows in files]),
        np.concatenate([rows.time for rows in files]),
        np.concatenate([rows.values for rows in files]),
        np.concatenate(newest) & (len(files) > 1),
        lambda file, lines: files[file].decimals(lines),
    )


def _sorted(table: Table, left: np.ndarray) -> np.ndarray:
    """Return the positions of the rows that are left, by time."""
    places = np.flatnonzero(left)
    return places[np.argsort(table.time[places], kind="stable")]


def _doubtful(
    files: Sequence[Rows], table: Table, places: np.ndarray, interval: int, choices: Choices
) -> dict[str, dict[int, str]]:
    """Return the bars that are not what they say: reason -> row of the table -> why.

    Raises DataError where they are many: then it is the file that is not what it says.
    """
    time, values = table.time[places], table.values[places]
    found = {
        doubts.FAR: doubts.far_off(time, values, interval),
        doubts.INCOMPLETE: doubts.incomplete(time, values, interval),
    }
    found[doubts.INCOMPLETE] = {
        row: why for row, why in found[doubts.INCOMPLETE].items() if row not in found[doubts.FAR]
    }
    count = sum(map(len, found.values()))
    if choices.doubtful != "keep" and count > choices.allowed(len(places)):
        reason = max(found, key=lambda each: len(found[each]))
        row, why = next(iter(found[reason].items()))
        first = f"{pd.Timestamp(int(time[row])):%Y-%m-%d %H:%M} ({why})"
        received = f"{count:,} of {len(places):,} bars that look wrong, the first {first}"
        instead = "look at them and say doubtful='keep' if they are right, or give another file"
        refuse(" and ".join(rows.name for rows in files[:2]), received, instead, DataError)
    return {reason: {int(places[row]): why for row, why in rows.items()} for reason, rows in found.items()}


def _newest(
    files: Sequence[Rows], table: Table, places: np.ndarray, timeframe: str, choices: Choices
) -> dict[int, str]:
    """Return the newest row, unless it was closed: the user says so, its archive holds none that is not, a bar behind
    it had begun, or the file ends with a whole period (a UTC day, for bars of a day a month) and was written after it.
    """
    if choices.keep_newest:
        return {}
    row = int(places[0])
    rows = files[int(table.file[row])]
    until = int(table.time[row]) + TIMEFRAMES[timeframe]
    if until <= rows.closed_until or any(each.reason == FORMING for each in rows.aside):
        return {}  # known to be closed, or a later bar had begun
    close = pd.Timestamp(until, tz="UTC")
    if TIMEFRAMES[timeframe] < DAY:
        whole = close == close.normalize()
    else:
        whole = timeframe == "1d" and close.day == 1
    if whole and rows.written >= close:
        return {}
    return {row: "nothing shows that it was closed when the file was written"}


def _together(files: Sequence[Rows]) -> list[tuple[str, str]]:
    """Return what was understood of all files, each difference between them named once."""
    shown = ", ".join(rows.name for rows in files[:3])
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    found: dict[str, list[str]] = {}
    for rows in files:
        for what, text in rows.understood:
            texts = found.setdefault(what, [])
            if text not in texts:
                texts.append(text)
    told = [(what, " | ".join(texts[:3]) + (" | ..." if len(texts) > 3 else "")) for what, texts in found.items()]
    return [("files" if len(files) > 1 else "file", shown + more), *told]


def _seen(bars: Bars, total: int, kept: Mapping[str, Mapping[int, str]]) -> list[tuple[str, str]]:
    """Return what there is to say of the bars that will be stored."""
    missing = int(bars.gaps["missing"].sum())
    span = f"{bars.index[0]:%Y-%m-%d %H:%M} to {bars.index[-1]:%Y-%m-%d %H:%M} UTC"
    seen = [("rows", f"{total:,}"), ("bars", f"{len(bars):,}, {span}, {missing:,} missing between")]
    idle = int(((bars.volume == 0) & (bars.high == bars.low)).sum())
    if idle:
        seen.append(("note", f"{_counted(idle)} no volume and one price: nothing traded, or filled in; kept"))
    filled = doubts.filled_opens(np.column_stack(bars.arrays[1:]))
    if filled:
        text = f"in about {filled:,} bars the open repeats the close before: filled in, and not what traded first"
        seen.append(("note", text))
    for reason, rows in kept.items():
        if rows:
            seen.append(("note", f"{len(rows):,} {'bar' if len(rows) == 1 else 'bars'} kept as you say: {reason}"))
    return seen


def _counted(bars: int) -> str:
    return "1 bar has" if bars == 1 else f"{bars:,} bars have"
