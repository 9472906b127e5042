"""Which column is what, and whose format it is: told by names, and by the number of columns where there are none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from cryptolab.bars import QUOTES
from cryptolab.checks import refuse
from cryptolab.database.importing.choices import Choices
from cryptolab.database.importing.sheet import Head
from cryptolab.errors import DataError

BINANCE = "Binance's public archive"
CDD = "CryptoDataDownload"
YAHOO = "Yahoo Finance"
INVESTING = "Investing.com"
KRAKEN = "Kraken's archive"
METATRADER = "MetaTrader"
COINMARKETCAP = "CoinMarketCap"
PLAIN = ""

_OF_BINANCE = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count", "taker_buy_volume",
    "taker_buy_quote_volume", "ignore",
)  # fmt: skip
_OF_KRAKEN = ("timestamp", "open", "high", "low", "close", "volume", "trades")
"""The columns of what is published without a header."""

_TIMES = frozenset((
    "time", "timestamp", "timestamputc", "timestampms", "date", "datetime", "opentime", "opentimestamp", "unix",
    "unixtime", "unixtimestamp", "epoch", "ts", "gmttime", "utctime", "timeutc", "dateutc", "datetimeutc", "localtime",
    "starttime", "timeperiodstart", "timeopen", "candlebegintime",
))  # fmt: skip
_NAMES: dict[str, frozenset[str]] = {
    "time": _TIMES,
    "open": frozenset(("open", "openprice", "priceopen", "o")),
    "high": frozenset(("high", "highprice", "pricehigh", "h", "max")),
    "low": frozenset(("low", "lowprice", "pricelow", "l", "min")),
    "close": frozenset(("close", "closeprice", "priceclose", "c", "closelast")),
    "volume": frozenset(("volume", "vol", "v", "basevolume", "volumebase", "volumefrom", "volumetraded")),
    "symbol": frozenset(("symbol", "ticker", "pair", "tic")),
}
_CLOCKS = ("time", "hour", "timeofday")
_QUOTE_VOLUME = frozenset(("quotevolume", "quoteassetvolume", "volumequote", "volumeto", "volumecurrency", "turnover"))

_RENAME = "rename one of them"
_MONEY = (YAHOO, COINMARKETCAP)
"""Formats whose plain `Volume` of a coin is counted in money."""


ORIGINS = {
    BINANCE: "binance", YAHOO: "yahoo", COINMARKETCAP: "coinmarketcap", INVESTING: "investing", KRAKEN: "kraken",
}  # fmt: skip
"""Under which exchange a format's bars are kept: prices of several markets in one are no prices of any."""


@dataclass(frozen=True)
class Layout:
    """Positions of the columns that are needed.

    time: candidates, all of which name the bars' opens. numbers: open, high, low, close, volume. clock: a column with
    times of day alone, whose days stand in the only candidate. end: Binance's times of closing. money: whether the
    volume is in the quote currency.
    """

    format: str
    time: tuple[int, ...]
    numbers: tuple[int, ...]
    symbol: int | None
    clock: int | None
    end: int | None
    money: bool

    @property
    def needed(self) -> list[int]:
        """Every position once."""
        more = [each for each in (self.symbol, self.clock, self.end) if each is not None]
        return list(dict.fromkeys([*self.time, *self.numbers, *more]))


def plain(name: str) -> str:
    """Return a column's name as it is compared: `Open time` and `<OPEN_TIME>` are opentime, `1. open` is open."""
    return re.sub(r"^\d+[a-z]?\. |[^a-z0-9]", "", str(name).strip().lower())


def is_header(cells: Sequence[str], chosen: Mapping[str, str]) -> bool:
    """Whether a line names the prices."""
    names = {plain(cell) for cell in cells}
    close = names & _NAMES["close"] or "price" in names
    found = {role for role in ("open", "high", "low") if names & _NAMES[role]} | ({"close"} if close else set())
    found |= {role for role, name in chosen.items() if name in [cell.strip() for cell in cells]}
    return found >= {"open", "high", "low", "close"}


def headerless(rows: Sequence[Sequence[str]], chosen: Mapping[str, str]) -> tuple[str, ...]:
    """Return the columns' names in a file without a header: an archive's, or the numbers that the user chose by."""
    width = len(rows[0]) if rows else 0
    numbered = tuple(str(number) for number in range(1, width + 1))
    if chosen.keys() >= {"open", "high", "low", "close"} and set(chosen.values()) <= set(numbered):
        return numbered
    if not rows or not all(map(_number, rows[0])):
        return ()
    if width == len(_OF_BINANCE):
        return _OF_BINANCE
    whole = [row for row in rows if len(row) == width == len(_OF_KRAKEN)]
    # others have seven columns too: with milliseconds, or with the turnover at the end
    if whole and all(re.fullmatch(r"\d{9,10}", row[0]) and re.fullmatch(r"\d+", row[6]) for row in whole):
        return _OF_KRAKEN
    return ()


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def recognise(head: Head, choices: Choices, base: str | None) -> Layout:
    """Return which columns to read; base: the symbol's first half where it is known, as in `Volume BTC`.

    Raises DataError where a role has no column or several, naming the columns there are.
    """
    names = [plain(name) for name in head.names]
    chosen = {role: _named(head, role, name) for role, name in choices.columns.items()}
    form = _format(head, names)
    if not set().union(*(_NAMES[role] for role in ("open", "high", "low"))) & set(names) and not chosen:
        refuse(f"{head.name}, columns", listed(head), "give a file with open, high, low and close", DataError)
    prices = [
        chosen[role] if role in chosen else _the_one(head, role, names) for role in ("open", "high", "low", "close")
    ]
    symbol = chosen["symbol"] if "symbol" in chosen else _one(head, "symbol", names)
    volume, money = (chosen["volume"], False) if "volume" in chosen else _volume(head, names, base)
    time, clock = _times(head, names, chosen, form)
    end = names.index("closetime") if form == BINANCE and "closetime" in names else None
    return Layout(form, time, (*prices, volume), symbol, clock, end, money or form in _MONEY)


def titles(head: Head, positions: Sequence[int]) -> list[str]:
    """Return columns as they are called in the file."""
    return [head.names[position].strip() or "the first column" for position in positions]


def _format(head: Head, names: list[str]) -> str:
    """Return whose format the names are."""
    given = set(names)
    banner = " ".join(head.banner).lower()
    if {"opentime", "closetime", "ignore"} <= given:
        return BINANCE
    if not head.header:
        return KRAKEN if head.names == _OF_KRAKEN else PLAIN
    if "cryptodatadownload" in banner or {"date", "symbol", "unix"} <= given:
        return CDD
    if "adjclose" in given or head.ticker is not None:
        return YAHOO
    if {"price", "change"} <= given:
        return INVESTING
    if "marketcap" in given:
        return COINMARKETCAP
    return METATRADER if "tickvol" in given else PLAIN


def _named(head: Head, role: str, name: str) -> int:
    """Return the position of the column that the user named."""
    found = [position for position, each in enumerate(head.names) if each.strip() == name.strip()]
    if len(found) != 1:
        received = f"{name!r}, which {'two columns are' if found else 'no column is'} called"
        instead = _RENAME if found else f"name one of {listed(head)}"
        refuse(f"{head.name}, column of the {role}", received, instead, DataError)
    return found[0]


def _one(head: Head, role: str, names: list[str]) -> int | None:
    """Return the column of a role, None where there is none; refuse several."""
    found = [position for position, name in enumerate(names) if name in _NAMES[role]]
    if role == "close" and not found:
        found = [position for position, name in enumerate(names) if name == "price"]
    if len(found) > 1:
        _refuse_several(head, role, found)
    return found[0] if found else None


def _refuse_several(head: Head, role: str, found: Sequence[int]) -> NoReturn:
    """Refuse columns of which each may be the one of a role, with what settles it."""
    called = titles(head, found)
    instead = f"say which: columns={{'{role}': '{called[0]}'}}" if len(set(called)) == len(called) else _RENAME
    refuse(f"{head.name}, column of the {role}", " and ".join(map(repr, called)), instead, DataError)


def _the_one(head: Head, role: str, names: list[str]) -> int:
    """Return the column of a role that must be there."""
    found = _one(head, role, names)
    if found is None:
        example = f"say which it is: columns={{'{role}': 'NAME'}}"
        refuse(f"{head.name}, column of the {role}", f"the columns {listed(head)}", example, DataError)
    return found


def _volume(head: Head, names: list[str], base: str | None) -> tuple[int, bool]:
    """Return the column of the volume and whether it is counted in money."""
    found = [position for position, name in enumerate(names) if name in _NAMES["volume"]]
    money = [position for position, name in enumerate(names) if name in _QUOTE_VOLUME]
    for position, name in enumerate(names):
        if name.startswith("volume") and position not in (*found, *money) and len(name) > len("volume"):
            coin = name.removeprefix("volume").upper()
            mine = coin == base.upper() if base else coin not in QUOTES
            (found if mine else money).append(position)
    if len(found) == 1:
        return found[0], False
    if not found and len(money) == 1:
        return money[0], True
    if found or money:
        _refuse_several(head, "volume", found or money)
    instead = "say which: columns={'volume': 'NAME'}"
    refuse(f"{head.name}, column of the volume", f"the columns {listed(head)}", instead, DataError)


def _times(head: Head, names: list[str], chosen: dict[str, int], form: str) -> tuple[tuple[int, ...], int | None]:
    """Return the candidates for the bars' opens, and the column with the time of day where it is apart."""
    if "time" in chosen:
        return (chosen["time"],), None
    if head.stored:
        return head.stored, None
    found = [position for position, name in enumerate(names) if name in _TIMES]
    if not found and names and not names[0] and head.header:
        found = [0]  # pandas' own to_csv: an index without a name
    if not found:
        example = "say which one holds the bars' opens: columns={'time': 'NAME'}"
        refuse(f"{head.name}, column of the time", f"the columns {listed(head)}", example, DataError)
    clocks = [position for position, name in enumerate(names) if name in _CLOCKS and _clock(head, position, name)]
    days = tuple(position for position in found if position not in clocks)
    return (days, clocks[0]) if clocks and days else (tuple(found), None)


def _clock(head: Head, position: int, name: str) -> bool:
    """Whether a column shows times of day alone: 13:00, 01:00:00 PM, 130000; or 13, where it is called so."""
    pattern = r"\d{1,2}" if name == "hour" else r"\d{1,2}:\d\d(:\d\d(\.0+)?)?( ?[AaPp][Mm])?|\d{4}|\d{6}"
    shown = [row[position].strip() for row in head.sample if len(row) > position]
    return bool(shown) and all(re.fullmatch(pattern, text) for text in shown)


def listed(head: Head) -> str:
    """Return the columns' names in one line, cut where they are many."""
    text = ", ".join(name.strip() or "(no name)" for name in head.names)
    return text if len(text) <= 120 else text[:117] + "..."
