"""Where each data set is: exchange=binance/symbol=BTC-USDT/timeframe=1h. No name leads out of the store's folder, and
what is found there has the name that it was stored under."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote, unquote

from cryptolab.bars import TIMEFRAMES, symbol_name
from cryptolab.checks import one_of, refuse
from cryptolab.database.dataset import Dataset

Key = tuple[str, str, str]
"""exchange, symbol, timeframe."""
_EXCHANGE = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
_LONGEST = 200
"""Characters of a symbol as the name of a folder; file systems know 255 bytes."""


def dataset_of(root: Path, symbol: str, timeframe: str, exchange: str) -> Dataset:
    """Return a data set, whether anything of it is stored or not. Raises InputError for what can be no name."""
    name, frame = symbol_name(symbol), one_of("timeframe", timeframe, TIMEFRAMES)
    if not isinstance(exchange, str) or not _EXCHANGE.fullmatch(exchange):
        refuse("exchange", repr(exchange), "write its name in letters, digits and _, as in 'binance'")
    if not encodes(name) or len(_folder(name)) > _LONGEST:
        refuse("symbol", repr(name), "write BASE/QUOTE, as in 'BTC/USDT'")
    place = f"exchange={exchange.lower()}/symbol={_folder(name)}/timeframe={frame}"
    return Dataset(root / "ohlcv" / place, f"{name} {frame} on {exchange.lower()}")


def all_of(root: Path) -> dict[Key, Dataset]:
    """Return the data sets that there are, by exchange, symbol and timeframe, in this order."""
    found = {}
    for folder in root.glob("ohlcv/exchange=*/symbol=*/timeframe=*"):
        exchange, symbol, timeframe = (part.split("=", 1)[1] for part in folder.parts[-3:])
        name = unquote(symbol.replace("-", "/"))
        dataset = Dataset(folder, f"{name} {timeframe} on {exchange}")
        if timeframe in TIMEFRAMES and dataset.exists:
            found[exchange, name, timeframe] = dataset
    return dict(sorted(found.items(), key=lambda item: (*item[0][:2], TIMEFRAMES[item[0][2]])))


def _folder(symbol: str) -> str:
    """Return a symbol as the name of a folder: BTC/USDT is BTC-USDT; what may not stand in one is percent-encoded."""
    return quote(symbol, safe="/").replace("-", "%2D").replace("/", "-")


def encodes(text: str) -> bool:
    """Return whether a text can be written at all: half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
