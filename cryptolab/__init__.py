"""cryptolab: a trading idea as a plain function; whether it holds, told honestly, fast and reproducibly.

Names are loaded when first used, so that `import cryptolab` and `cryptolab --help` cost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from cryptolab.backtesting import BacktestEngine, BacktestResult, Costs, Risk
    from cryptolab.bars import Bars
    from cryptolab.data_fetchers import simulate
    from cryptolab.database import load, read
    from cryptolab.errors import CryptolabError
    from cryptolab.indicators import indicator
    from cryptolab.optimization import sweep
    from cryptolab.signal_generator import Signals, long_while, strategy

_HOME = {
    "BacktestEngine": "cryptolab.backtesting",
    "BacktestResult": "cryptolab.backtesting",
    "Bars": "cryptolab.bars",
    "Costs": "cryptolab.backtesting",
    "CryptolabError": "cryptolab.errors",
    "Risk": "cryptolab.backtesting",
    "Signals": "cryptolab.signal_generator",
    "indicator": "cryptolab.indicators",
    "load": "cryptolab.database",
    "long_while": "cryptolab.signal_generator",
    "read": "cryptolab.database",
    "simulate": "cryptolab.data_fetchers",
    "strategy": "cryptolab.signal_generator",
    "sweep": "cryptolab.optimization",
}

__all__ = [
    "BacktestEngine",
    "BacktestResult",
    "Bars",
    "Costs",
    "CryptolabError",
    "Risk",
    "Signals",
    "indicator",
    "load",
    "long_while",
    "read",
    "simulate",
    "strategy",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'cryptolab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
