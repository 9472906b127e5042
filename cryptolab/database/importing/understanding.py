"""One file understood: whose format it is, which column is what, what its times are, which rows could be bars."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cryptolab.bars import TIMEFRAMES, symbol_name
from cryptolab.checks import one_of, refuse
from cryptolab.database.importing import checking, layout, names, reading
from cryptolab.database.importing.checking import Sieve
from cryptolab.database.importing.choices import PLAIN, Choices
from cryptolab.database.importing.layout import Layout
from cryptolab.database.importing.names import Named
from cryptolab.database.importing.numbers import as_numbers, decimals
from cryptolab.database.importing.sheet import FOREVER, NO_TIME, Head, Rows, Sheet, as_texts
from cryptolab.database.importing.times import Times, instants
from cryptolab.database.places import dataset_of
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
    if exchange is not None:
        dataset_of(Path(), "BTC/USDT", "1h", exchange := str(exchange).strip())  # refuses what the store would
    wanted = names.wanted_symbol(symbol)
    source = reading.opened(file, choices.columns)
    head = source.head
    name = names.named(Path(file), head.entry)
    plan = layout.recognise(head, choices, _base(head, name, wanted))
    # a comma that separates decimals makes 1.234 a thousand: that must not be read as a number
    sheet = source.load(plan.needed, () if choices.decimal == "comma" else plan.numbers)
    column, others = _one_symbol(head, sheet, plan, wanted)
    market, says = names.settled_symbol(head, name, wanted, column)
    place, places = names.settled_exchange(head, name, exchange, layout.ORIGINS.get(plan.format))
    numbers = [sheet.columns[each] for each in plan.numbers]
    values, wrong, written, comma = as_numbers(head.name, numbers, choices.decimal)
    times = _times(head, sheet, plan, choices, values)
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
    hints = _hints(head, name, plan, sheet, times, choices)
    frame, why, closes = _sifted(sieve, timeframe, hints, choices, _nanoseconds(now), times.assumed)

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
    left, closed_until = sieve.left, head.stamp.closed_until if head.stamp else 0
    if plan.format == layout.BINANCE and name.period is not None:
        names.check_period(head, name, sieve.time[left].min(), sieve.time[left].max(), TIMEFRAMES[frame])
        closed_until = FOREVER
    return Rows(
        head.name, market, frame, place, sieve.time[left], values[left], sheet.lines[left], tuple(sieve.aside),
        tuple((what, text) for what, text in understood.items() if text), sieve.total, head.written, closed_until,
        times.assumed, lambda lines: decimals(source.texts(lines, plan.numbers), comma),
    )  # fmt: skip


def _hints(head: Head, name: Named, plan: Layout, sheet: Sheet, times: Times, choices: Choices) -> dict[str, str]:
    """Return the timeframes that the file claims beside the distance of its rows: who says so -> which."""
    said = {"written by cryptolab": head.stamp.timeframe if head.stamp else None}
    if plan.end is not None:
        said["by its close times"] = _usual_span(head, sheet.columns[plan.end], times, choices)
    said["by the file's name"] = name.timeframe
    return {who: frame for who, frame in said.items() if frame is not None}


def _usual_span(head: Head, closes: pa.ChunkedArray, times: Times, choices: Choices) -> str | None:
    """Return the timeframe that a column of closing times speaks of, None where it holds none."""
    try:
        ends = instants(head.name, [("close time", closes)], choices, "UTC", "").ns
    except DataError:
        return None
    both = (ends != NO_TIME) & (times.ns != NO_TIME)
    spans = -((times.ns[both] - ends[both]) // 10**9) * 10**9  # to the bar's last ms or us: up to the full second
    values, counts = np.unique(spans, return_counts=True)
    usual = int(values[np.argmax(counts)]) if len(values) else 0
    return next((each for each, interval in TIMEFRAMES.items() if interval == usual), str(pd.Timedelta(usual)))


def _sifted(
    sieve: Sieve, timeframe: str | None, hints: Mapping[str, str], choices: Choices, now: int, assumed_utc: bool
) -> tuple[str, str, str]:
    """Take out rows that can be no closed bars; return the timeframe, who says so, and what its times are if no opens.

    Raises DataError where the rows are of another timeframe, or too many of them are faulty.
    """
    stamped = sieve.time[sieve.left]
    checking.check_prices(sieve)
    checking.refuse_faulty(sieve, None, choices, assumed_utc)
    frame, why = checking.settled_timeframe(sieve.name, stamped, timeframe, hints)
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


def _base(head: Head, name: Named, wanted: str | None) -> str | None:
    """Return the coin that the file is about as far as it can be known before it is read: `Volume BTC` needs it."""
    place = next((each for each, title in enumerate(head.names) if layout.plain(title) == "symbol"), None)
    shown = [row[place] for row in head.sample[:1] if place is not None and len(row) > place]
    for text in (wanted, *shown, head.ticker, name.symbol):
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

    A column of bases alone, BTC, does not name a market but must not contradict it. Raises DataError where the wanted
    one is not there, or where several are and none was wanted.
    """
    if plan.symbol is None:
        return None, None
    column = as_texts(sheet.columns[plan.symbol])
    given = [text for text in pc.unique(column).to_pylist() if text and text.strip()]
    known = {text: _name(text) for text in given}
    if wanted is None:
        if len(set(known.values())) > 1:
            shown = ", ".join(sorted(set(known.values()))[:5])
            received = f"{len(set(known.values())):,} of them ({shown})"
            refuse(f"{head.name}, symbol", received, "say which one to take: symbol='BTC/USDT'", DataError)
        return next(iter(known.values()), None), None
    fits = [text for text, name in known.items() if names.means(name, wanted)]
    if known and not fits:
        shown = ", ".join(sorted(set(known.values()))[:5])
        refuse(f"{head.name}, symbol", f"{wanted} for rows of {shown}", "import it as what it holds", DataError)
    if len(fits) == len(known):
        return None, None
    blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(column), ""), True)
    return None, ~pc.or_(pc.is_in(column, value_set=pa.array(fits, pa.string())), blank).to_numpy()


def _times(head: Head, sheet: Sheet, plan: Layout, choices: Choices, values: np.ndarray) -> Times:
    """Return the rows' instants from the columns that hold them."""
    columns = [
        (title, sheet.columns[each]) for title, each in zip(layout.titles(head, plan.time), plan.time, strict=True)
    ]
    if plan.clock is not None:
        days, clock = sheet.columns[plan.time[0]], as_texts(sheet.columns[plan.clock])
        if pa.types.is_timestamp(days.type):
            days = days.cast(pa.date32())
        both = pc.binary_join_element_wise(as_texts(days), clock, " ")
        columns = [(f"{columns[0][0]} and {layout.titles(head, [plan.clock])[0]}", both)]
    title = columns[0][0].lower()
    utc = _UTC.get(plan.format, "")
    if any(word in title for word in ("utc", "gmt")):
        utc = f"the column is called {columns[0][0]}"
    needs = _NO_UTC.get(plan.format, "local times" if "local" in title else "")
    return instants(head.name, columns, choices, utc, needs, values)


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
