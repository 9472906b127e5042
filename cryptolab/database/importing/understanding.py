"""One file understood: whose format it is, which column is what, what its times are, which rows could be bars."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from cryptolab.bars import TIMEFRAMES, symbol_name
from cryptolab.checks import one_of, refuse
from cryptolab.database.importing import checking, layout, names, reading
from cryptolab.database.importing.checking import Sieve
from cryptolab.database.importing.choices import PLAIN, Choices
from cryptolab.database.importing.layout import Layout
from cryptolab.database.importing.numbers import as_numbers
from cryptolab.database.importing.sheet import NO_TIME, Head, Rows, Sheet
from cryptolab.database.importing.times import Times, instants
from cryptolab.errors import DataError, InputError

_UTC = {
    layout.CDD: "CryptoDataDownload writes its dates in it",
    layout.YAHOO: "a day of Yahoo's coins begins at 00:00 in it",
    layout.COINMARKETCAP: "a day of CoinMarketCap begins at 00:00 in it",
}
"""Why times without a zone are UTC, by format."""

_NO_UTC = {layout.METATRADER: "the time of a broker's server, which is seldom UTC"}


def understand(
    file: str | os.PathLike[str], symbol: str | None = None, timeframe: str | None = None, exchange: str | None = None,
    choices: Choices = PLAIN, now: pd.Timestamp | None = None,
) -> Rows:  # fmt: skip
    """Return the rows of one file that could be bars, and those that could not; arguments as in `bring_in`.

    Raises DataError for a file that cannot be understood or has too many faults, InputError for a wrong argument.
    """
    if timeframe is not None:
        one_of("timeframe", timeframe, TIMEFRAMES)
    wanted = None if symbol is None else symbol_name(symbol)
    source = reading.opened(file, choices.columns)
    head, path = source.head, Path(file)
    plan = layout.recognise(head, choices, _base(head, path, wanted))
    sheet = source.load(plan.needed, plan.numbers)
    column, others = _one_symbol(head, sheet, plan, wanted)
    market, says = names.settled_symbol(head, path, wanted, column)
    place, places = names.settled_exchange(head, path, exchange, layout.ORIGINS.get(plan.format))
    times = _times(head, sheet, plan, choices)
    values, wrong, written = as_numbers(head.name, [sheet.columns[each] for each in plan.numbers], choices.decimal)
    coins = _as_coins(head, plan, values, choices.volume)

    sieve = Sieve(head.name, times.ns, values, sheet.lines)
    sieve.broken(sheet.broken)
    if others is not None:
        sieve.take(checking.ANOTHER_SYMBOL, others)
    sieve.take(checking.UNREADABLE, times.ns == NO_TIME, "no time")
    sieve.take(checking.UNREADABLE, wrong, "no number where one should be")
    sieve.take(checking.DISAGREEING, times.apart, times.details)
    sieve.take(checking.CLOCK, times.clock)
    order = _order(times.ns[sieve.left])
    frame, why, closes = _sifted(sieve, timeframe, choices, _nanoseconds(now), times.assumed)

    understood = {
        "format": _described(head, plan),
        "columns": _columns(head, plan),
        "numbers": written,
        "volume": coins,
        **dict(times.told),
        "opens": closes,
        "order": order,
        "symbol": f"{market}, {says}",
        "exchange": f"{place}, {places}",
        "timeframe": f"{frame}, {why}",
    }
    left, archived = sieve.left, plan.format == layout.BINANCE and names.is_archive(path)
    return Rows(
        head.name, market, frame, place, sieve.time[left], values[left], sheet.lines[left], tuple(sieve.aside),
        tuple((what, text) for what, text in understood.items() if text), sieve.total, head.written, archived,
        times.assumed, lambda lines: source.decimals(lines, plan.numbers),
    )  # fmt: skip


def _sifted(sieve: Sieve, timeframe: str | None, choices: Choices, now: int, assumed_utc: bool) -> tuple[str, str, str]:
    """Take out rows that can be no closed bars; return the timeframe, who says so, and what its times are if no opens.

    Raises DataError where the rows are of another timeframe, or too many of them are faulty.
    """
    stamped = sieve.time[sieve.left]
    checking.check_prices(sieve)
    checking.refuse_faulty(sieve, None, choices, assumed_utc)
    frame, why = checking.settled_timeframe(sieve.name, stamped, timeframe)
    closes = checking.closes_as_opens(sieve, frame)
    checking.check_times(sieve, frame, now)
    checking.refuse_faulty(sieve, frame, choices, assumed_utc)
    return frame, why, closes


def _nanoseconds(now: pd.Timestamp | None) -> int:
    """Return the time from which bars are closed, ns UTC."""
    clock = pd.Timestamp.now("UTC") if now is None else pd.Timestamp(now)
    if clock.tz is None:
        refuse("now", f"{clock}, a time without a zone", "write pd.Timestamp('2024-01-01', tz='UTC')")
    return int(clock.as_unit("ns").value)


def _base(head: Head, path: Path, wanted: str | None) -> str | None:
    """Return the coin that the file is about as far as it can be known before it is read: `Volume BTC` needs it."""
    place = next((each for each, name in enumerate(head.names) if layout.plain(name) == "symbol"), None)
    shown = [row[place] for row in head.sample[:1] if place is not None and len(row) > place]
    for text in (wanted, *shown, head.ticker, names.symbol_in(path)):
        if text and text.strip():
            return _name(text).split("/")[0]
    return None


def _name(text: str) -> str:
    """Return BASE/QUOTE, or the text where it is no symbol."""
    try:
        return symbol_name(text)
    except InputError:
        return text.strip().upper()


def _one_symbol(head: Head, sheet: Sheet, plan: Layout, wanted: str | None) -> tuple[str | None, np.ndarray | None]:
    """Return the symbol that the file's column names, and the rows of others where the user named one of several.

    A column of bases alone, BTC, does not name a market. Raises DataError where the wanted one is not there, or where
    several are and none was wanted.
    """
    if plan.symbol is None:
        return None, None
    column = sheet.columns[plan.symbol].cast("string")
    given = [text for text in pc.unique(column).to_pylist() if text and text.strip()]
    known = {text: _name(text) for text in given}
    if wanted is None:
        if len(set(known.values())) > 1:
            shown = ", ".join(sorted(set(known.values()))[:5])
            received = f"{len(set(known.values())):,} of them ({shown})"
            refuse(f"{head.name}, symbol", received, "say which one to take: symbol='BTC/USDT'", DataError)
        name = next(iter(known.values()), None)
        return (name if name and "/" in name else None), None
    fits = [text for text, name in known.items() if name == wanted or name == wanted.split("/")[0]]
    if known and not fits:
        shown = ", ".join(sorted(set(known.values()))[:5])
        refuse(f"{head.name}, symbol", f"{wanted} for rows of {shown}", "import it as what it holds", DataError)
    if len(fits) == len(known):
        return None, None
    mine = pc.fill_null(pc.is_in(column, value_set=_array(fits)), True)
    return None, ~mine.to_numpy()


def _array(texts: list[str]) -> pc.Expression:
    import pyarrow as pa

    return pa.array(texts, pa.string())


def _times(head: Head, sheet: Sheet, plan: Layout, choices: Choices) -> Times:
    """Return the rows' instants from the columns that hold them."""
    columns = [
        (title, sheet.columns[each]) for title, each in zip(layout.titles(head, plan.time), plan.time, strict=True)
    ]
    if plan.clock is not None:
        days, clock = sheet.columns[plan.time[0]].cast("string"), sheet.columns[plan.clock].cast("string")
        both = pc.binary_join_element_wise(days, clock, " ")
        columns = [(f"{columns[0][0]} and {layout.titles(head, [plan.clock])[0]}", both)]
    title = columns[0][0].lower()
    utc = _UTC.get(plan.format, "")
    if any(word in title for word in ("utc", "gmt")):
        utc = f"the column is called {columns[0][0]}"
    needs = _NO_UTC.get(plan.format, "local times" if "local" in title else "")
    return instants(head.name, columns, choices, utc, needs)


def _as_coins(head: Head, plan: Layout, values: np.ndarray, volume: str | None) -> str:
    """Turn a volume in money into coins where the user says so, in place; return what to show of it.

    Raises DataError where the volume is in money and the user said nothing.
    """
    money = plan.money if volume is None else volume == "quote"
    if not money:
        return "in coins, as you say" if volume else ""
    title = layout.titles(head, plan.numbers[4:])[0]
    if volume is None:
        who = f" of {plan.format}" if plan.format else ""
        received = f"{title!r}{who}, which counts money and not coins"
        instead = "say volume='quote' to divide it by each bar's typical price, or volume='base' if it is in coins"
        refuse(f"{head.name}, volume", received, instead, DataError)
    with np.errstate(divide="ignore", invalid="ignore"):
        values[:, 4] /= values[:, 1:4].mean(axis=1)
    return f"{title} in money, divided by (high + low + close) / 3"


def _described(head: Head, plan: Layout) -> str:
    """Return whose format the file has and how it is written."""
    kind = head.kind
    if head.kind == "CSV":
        mark = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}[head.delimiter]
        kind = f"text separated by {mark}, " + (f"header in line {head.skip}" if head.header else "no header")
        if head.banner:
            kind += f", {head.banner[0][:40]!r} above it"
    return f"{plan.format}: {kind}" if plan.format else kind


def _columns(head: Head, plan: Layout) -> str:
    """Return which column was taken for what, and which are not used."""
    roles = ("open", "high", "low", "close", "volume")
    called = [title.strip() for title in layout.titles(head, plan.numbers)]
    renamed = [f"{role} = {title}" for role, title in zip(roles, called, strict=True) if layout.plain(title) != role]
    text = "; ".join(renamed) or "open, high, low, close and volume by their names"
    unused = [name.strip() or "(no name)" for place, name in enumerate(head.names) if place not in plan.needed]
    if unused:
        text += "; not used: " + ", ".join(unused[:6]) + (f" and {len(unused) - 6} more" if len(unused) > 6 else "")
    return text


def _order(time: np.ndarray) -> str:
    """Return how the rows follow each other."""
    steps = np.diff(time)
    if not len(steps) or (steps >= 0).all():
        return "oldest first"
    return "newest first" if (steps <= 0).all() else "mixed"
