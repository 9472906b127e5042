"""What a file's name says: BTCUSDT-1h-2024-01.zip, Binance_BTCUSDT_1h.csv, BTCUSDT/1h.parquet."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from cryptolab.bars import QUOTES, symbol_name
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
    "ADA", "ALGO", "APT", "ARB", "ATOM", "AVAX", "BCH", "BNB", "BTC", "DASH", "DOGE", "DOT", "EOS", "ETC", "ETH",
    "FIL", "HBAR", "ICP", "LINK", "LTC", "MATIC", "NEAR", "NEO", "OP", "PEPE", "POL", "SHIB", "SOL", "SUI", "TON",
    "TRX", "UNI", "VET", "XBT", "XLM", "XMR", "XRP", "XTZ", "ZEC",
))  # fmt: skip
"""Bases that are known in small letters too; other words are symbols only as they are written: BTC_EUR, not my_eur."""


def symbol_in(path: Path) -> str | None:
    """Return the one BASE/QUOTE that the file's name holds, else its folder's; None where there is none, or several."""
    found = _symbols(path.stem) or _symbols(path.resolve().parent.name)
    return found.pop() if len(found) == 1 else None


def shown_name(path: Path) -> str:
    """Return the file's name, with its folder's where that one alone says the symbol: BTCUSDT/1h.parquet."""
    folder = path.resolve().parent.name
    return f"{folder}/{path.name}" if _symbols(folder) and not _symbols(path.stem) else path.name


def _symbols(text: str) -> set[str]:
    """Return every BASE/QUOTE that a name holds, in one word or two."""
    words = [word for word in re.findall("[A-Za-z0-9]+", text) if word.lower() not in EXCHANGES]
    pairs = [(one, f"{one.upper()}/{other.upper()}") for one, other in pairwise(words) if other.upper() in QUOTES]
    pairs += [(word, symbol_name(word)) for word in words]
    found = set()
    for word, name in pairs:
        base, slash, quote = name.partition("/")
        whole = word.upper() != base and len(quote) >= 4  # btcusdt
        if slash and not base.isdigit() and (base in COINS or word.isupper() or whole):
            found.add(name)
    bases = {name.split("/")[0] for name in found}
    return {name for name in found if name.split("/")[1] not in bases}  # MY_BTC_USD: BTC is no quote there


def is_archive(path: Path) -> bool:
    """Whether a file is called as Binance calls those that it publishes when their month or day is over."""
    return re.fullmatch(r"[A-Z0-9]+-\d+[a-z]+-\d{4}-\d\d(-\d\d)?\.(zip|csv)", path.name) is not None


def exchange_in(path: Path) -> str | None:
    """Return the exchange that the file's name begins with, or holds as a word."""
    found = [word for word in re.findall("[a-z0-9]+", path.stem.lower()) if word in EXCHANGES]
    return found[0] if len(set(found)) == 1 else None


def settled_symbol(head: Head, path: Path, given: str | None, column: str | None) -> tuple[str, str]:
    """Return the symbol and who says so: the user, the file's column or its name.

    Raises DataError where two of them contradict each other, or none says anything.
    """
    said = {
        "given": None if given is None else symbol_name(given),
        "in its column": None if column is None else symbol_name(column),
        "written by yfinance": None if head.ticker is None else symbol_name(head.ticker),
        "by the file's name": symbol_in(path),
    }
    known = {who: name for who, name in said.items() if name is not None}
    if not known:
        refuse(f"{head.name}, symbol", "a file that does not say it", "name it: symbol='BTC/USDT'", DataError)
    who, symbol = next(iter(known.items()))
    for other, name in known.items():
        if name != symbol:
            instead = f"import it as {name}, or correct the file's name" if "name" in other else f"import it as {name}"
            refuse(f"{head.name}, symbol", f"{symbol} {who} and {name} {other}", instead, DataError)
    return symbol, who


def settled_exchange(head: Head, path: Path, given: str | None, origin: str | None) -> tuple[str, str]:
    """Return the exchange and who says so; `DEFAULT_EXCHANGE` where nobody does. origin: whose format the file has."""
    named = exchange_in(path)
    if given is not None:
        given = given.strip().lower()
        if named is not None and named != given:
            instead = f"leave the exchange out to store it as {named}, or correct the file's name"
            refuse(f"{head.name}, exchange", f"{given!r} for a file of {named}", instead, DataError)
        return given, "given"
    if named:
        return named, "by the file's name"
    return (origin, "by the file's format") if origin else (DEFAULT_EXCHANGE, "unless said otherwise")
