"""What a file's name says: BTCUSDT-1h-2024-01.zip, Binance_BTCUSDT_1h.csv, BTCUSDT/1h.parquet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd

from cryptolab.bars import QUOTES, TIMEFRAMES, symbol_name
from cryptolab.checks import refuse
from cryptolab.database.importing.sheet import Head
from cryptolab.errors import DataError

EXCHANGES = frozenset((
    "binance", "binanceus", "bitfinex", "bitmex", "bitstamp", "bittrex", "bybit", "cexio", "coinbase", "deribit",
    "exmo", "ftx", "gateio", "gemini", "hitbtc", "huobi", "itbit", "kraken", "kucoin", "mexc", "okcoin", "okex", "okx",
    "poloniex", "yahoo",
))  # fmt: skip
DEFAULT_EXCHANGE = "binance"


COINS = frozenset((
    "AAVE", "ADA", "ALGO", "APT", "ARB", "ATOM", "AVAX", "AXS", "BCH", "BNB", "BONK", "BTC", "CHZ", "CRV", "DASH",
    "DOGE", "DOT", "EGLD", "EOS", "ETC", "ETH", "FET", "FIL", "FTM", "GRT", "HBAR", "ICP", "INJ", "KSM", "LDO", "LINK",
    "LTC", "MATIC", "MKR", "NEAR", "NEO", "OP", "PEPE", "POL", "RUNE", "SEI", "SHIB", "SNX", "SOL", "STX", "SUI", "TAO",
    "TIA", "TON", "TRX", "UNI", "VET", "WBTC", "WIF", "XBT", "XLM", "XMR", "XRP", "XTZ", "YFI", "ZEC", "ZIL",
))  # fmt: skip
"""Bases that are known however they are written. Of others BASE in capitals with a quote of four letters is believed,
as in 1INCHUSDT: PRICES_USD is no market."""
_WORDS = ("BACKTEST", "CANDLES", "DATA", "HISTORY", "KLINES", "OHLC", "OHLCV", "PRICE", "PRICES", "TEST", "TRADES")
_CONTRACTS = frozenset(("PERP", "PERPETUAL", "SWAP", "FUTURE", "FUTURES", "FUT", "UM", "CM"))
_DELIVERY = re.compile(r"(?!20\d\d(0[1-9]|1[0-2]))\d{6}")
"""A day of delivery, 240628, and not a month, 202406."""
_MARKET = re.compile(r"[A-Z0-9]+/[A-Z0-9]+(:[A-Z0-9/]+)?")


@dataclass(frozen=True)
class Named:
    """What the names of a file say: its own, else its folder's, and that of the entry in an archive.

    symbol: BASE/QUOTE, None where they name none or several. contract: the word that makes it another market than the
    coin's, as in BTCUSDT_PERP. exchanges: those named. period: of an archive that Binance publishes when its month or
    day is over, as in BTCUSDT-1h-2024-01.zip.
    """

    symbol: str | None
    contract: str
    timeframe: str | None
    exchanges: tuple[str, ...]
    period: pd.Period | None


def named(path: Path, entry: str) -> Named:
    """Return what a file's names say. Raises DataError where that in the archive is of another market."""
    folder, inside = path.resolve().parent.name, Path(entry)
    own = _symbols(path.stem) or _symbols(folder)
    inner = _symbols(inside.stem) or _symbols(inside.parent.name)
    if len(own) == len(inner) == 1 and own != inner:
        received = f"{next(iter(inner))} in an archive called {next(iter(own))}"
        refuse(f"{path.name}, symbol", received, "correct the name of the one that is wrong", DataError)
    found = own or inner
    words = re.findall("[A-Za-z0-9]+", f"{path.stem} {inside.stem}")
    where = words if _symbols(path.stem) or inner else re.findall("[A-Za-z0-9]+", f"{folder} {path.stem}")
    marks = [word for word in where if word.upper() in _CONTRACTS or _DELIVERY.fullmatch(word)]
    frames = {_timeframe(word) for word in words} - {None}
    periods = [each for each in (_period(path.name), _period(inside.name)) if each is not None]
    return Named(
        next(iter(found)) if len(found) == 1 else None,
        marks[0] if found and marks else "",
        frames.pop() if len(frames) == 1 else None,
        tuple(dict.fromkeys(word.lower() for word in words if word.lower() in EXCHANGES)),
        periods[0] if periods else None,
    )


def shown_name(path: Path) -> str:
    """Return the file's name, with its folder's where that one alone says the symbol: BTCUSDT/1h.parquet."""
    folder = path.resolve().parent.name
    return f"{folder}/{path.name}" if _symbols(folder) and not _symbols(path.stem) else path.name


def _symbols(text: str) -> set[str]:
    """Return every BASE/QUOTE that a name holds, in one word or two."""
    words = [word for word in re.findall("[A-Za-z0-9]+", text) if word.lower() not in EXCHANGES]
    found = {f"{one.upper()}/{other.upper()}" for one, other in pairwise(words) if other.upper() in QUOTES}
    found = {name for name in found if name.split("/")[0] in COINS}
    for word in words:
        base, slash, quote = symbol_name(word).partition("/")
        believed = word.isupper() and len(quote) >= 4 and not base.isdigit() and base not in _WORDS
        if slash and (base in COINS or believed):
            found.add(f"{base}/{quote}")
    bases = {name.split("/")[0] for name in found}
    return {name for name in found if name.split("/")[1] not in bases}  # MY_BTC_USD: BTC is no quote there


def _timeframe(word: str) -> str | None:
    """Return the timeframe that a word is, 1m to 1w; 1M is a month."""
    return word if word in TIMEFRAMES else word.lower() if word in ("1H", "2H", "4H", "12H", "1D", "1W") else None


def _period(name: str) -> pd.Period | None:
    """Return the month or day that an archive of Binance is called after."""
    found = re.fullmatch(r"[A-Z0-9_]+-\d+[a-zA-Z]+-(\d{4}-\d\d(?:-\d\d)?)\.(?:zip|csv)", name)
    try:
        return pd.Period(found[1], "D" if len(found[1]) == 10 else "M") if found else None
    except ValueError:
        return None


def wanted_symbol(given: str | None) -> str | None:
    """Return the symbol that the user gave as BASE/QUOTE, of a contract with what it settles in: BTC/USDT:USDT."""
    if given is None:
        return None
    name = symbol_name(given)
    if not _MARKET.fullmatch(name):
        refuse("symbol", repr(given), "write BASE/QUOTE, as in 'BTC/USDT'")
    return name


def means(text: str, symbol: str) -> bool:
    """Whether what stands in a column of symbols, as `symbol_name` has it, is this market, or its base alone."""
    spot, _, settled = symbol.partition(":")
    base, quote = spot.split("/")
    if text in (symbol, base, base + quote):
        return True
    first, *more = re.split("[/:]", text)
    return bool(settled and first == base and more) and (more[0] == quote or more[0] in _CONTRACTS)  # BTC-USDT-SWAP


def settled_symbol(head: Head, name: Named, given: str | None, column: str | None) -> tuple[str, str]:
    """Return the symbol and who says so: the user, the file's column or its name.

    Raises DataError where two of them contradict each other, or none says anything.
    """
    full = column if column and "/" in column else None
    said = {
        "given": given,
        "in its column": full,
        "written by cryptolab": head.stamp.symbol if head.stamp else None,
        "written by yfinance": None if head.ticker is None else symbol_name(head.ticker),
        "by the file's name": name.symbol,
    }
    known = {who: symbol for who, symbol in said.items() if symbol is not None}
    what = f"{head.name}, symbol"
    if not known:
        refuse(what, "a file that does not say it", "name it: symbol='BTC/USDT'", DataError)
    who, symbol = next(iter(known.items()))
    if name.contract and not (given or head.stamp):
        received = f"a name of a contract ({name.contract}), which is another market than {name.symbol or symbol}"
        refuse(what, received, "name it: symbol='BTC/USDT:USDT'", DataError)
    for other, found in known.items():
        same = found == symbol or ("name" in other and name.contract and found == symbol.partition(":")[0])
        if not same and not (other == "in its column" and means(found, symbol)):
            instead = f"import it as {found}" + (", or correct the file's name" if "name" in other else "")
            refuse(what, f"{symbol} {who} and {found} {other}", instead, DataError)
    if not _MARKET.fullmatch(symbol) or (not given and symbol.split("/")[1] in _CONTRACTS):
        refuse(what, f"{symbol} {who}", "name it, as in symbol='BTC/USDT:USDT' for a contract", DataError)
    if column is not None and not means(column, symbol):
        instead = "correct the column or the file's name"
        refuse(what, f"{symbol} {who} and {column} in its column", instead, DataError)
    return symbol, who


def settled_exchange(head: Head, name: Named, given: str | None, origin: str | None) -> tuple[str, str]:
    """Return the exchange and who says so; `DEFAULT_EXCHANGE` where nobody does. origin: whose format the file has.

    Raises DataError where the file's name says another, or several.
    """
    what, stamped = f"{head.name}, exchange", head.stamp.exchange if head.stamp else None
    said = (stamped,) if stamped else name.exchanges
    if given is not None:
        given = given.lower()
        if said and given not in said:
            instead = f"leave the exchange out to store it as {said[0]}, or correct the file's name"
            refuse(what, f"{given!r} for a file of {' and '.join(said)}", instead, DataError)
        return given, "given"
    if len(said) > 1:
        refuse(what, f"{' and '.join(said)} by the file's name", f"say which: exchange='{said[0]}'", DataError)
    if said:
        return said[0], "written by cryptolab" if stamped else "by the file's name"
    return (origin, "by the file's format") if origin else (DEFAULT_EXCHANGE, "unless said otherwise")


def check_period(head: Head, name: Named, first: int, last: int, interval: int) -> None:
    """Refuse bars, opens in ns UTC, of which one lies outside the month or day that the archive is called after."""
    if name.period is None:
        return
    begin, end = name.period.start_time.value, (name.period + 1).start_time.value
    if first + interval <= begin or last >= end:
        received = f"bars of {pd.Timestamp(first):%Y-%m-%d} to {pd.Timestamp(last):%Y-%m-%d} in a file of {name.period}"
        refuse(head.name, received, "correct the file's name, or give the file that is called so", DataError)
