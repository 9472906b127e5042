"""A run as a vectorbt Portfolio: our order records, vectorbt's analysis. The only place that names the class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cryptolab.bars import Bars


def to_portfolio(bars: Bars, fills: np.ndarray, capital: float) -> Any:
    """Return a vectorbt Portfolio over the real bars with the fills (records FILL) as its orders.

    Nothing is simulated again, so `stats()`, `trades`, `drawdowns` and `plot()` speak of our fills; several orders on
    one bar are kept. vectorbt values the account at closes only and leaves the first bar's loss out of its drawdown.
    """
    import vectorbt as vbt
    from vectorbt.portfolio.enums import OrderSide, log_dt, order_dt

    orders = np.zeros(len(fills), order_dt)
    orders["id"] = np.arange(len(fills))
    orders["idx"] = fills["bar"]
    for ours, theirs in (("size", "size"), ("price", "price"), ("fee", "fees")):
        orders[theirs] = fills[ours]
    orders["side"] = np.where(fills["side"] > 0, OrderSide.Buy, OrderSide.Sell)
    wrapper = vbt.ArrayWrapper(bars.index, [bars.symbol], 1, freq=pd.Timedelta(bars.interval, unit="ns"))
    close = pd.Series(bars.close, bars.index, name=bars.symbol)
    return vbt.Portfolio(wrapper, close, orders, np.empty(0, log_dt), float(capital), False)
