"""What a backtest gives back: read as a mapping (`results['sharpe_ratio']`) or by attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.backtesting.metrics import Metrics, measure
from cryptolab.backtesting.portfolio import to_portfolio
from cryptolab.backtesting.records import Costs, Risk
from cryptolab.bars import DAY, Bars
from cryptolab.checks import refuse, unknown_name
from cryptolab.kernels.account import REASONS
from cryptolab.kernels.scoring import SCORE, summarise
from cryptolab.signal_generator import Signals

_TABLES = ("equity_curve", "trades", "orders", "dropped", "ambiguous_exits")


class BacktestResult(Mapping[str, Any]):
    """One run: its metrics, equity, trades and orders, and what they were made from.

    bars, signals, costs, risk, initial_capital: what was run. metrics: every number by name, also attributes
    (`result.cagr`). dropped: entries that were not taken, by reason. Tables and the portfolio are made when asked for.
    """

    def __init__(
        self, bars: Bars, signals: Signals, costs: Costs, risk: Risk, initial_capital: float,
        *, equity: np.ndarray, fills: np.ndarray, dropped: dict[str, int],
    ) -> None:  # fmt: skip
        self.bars, self.signals, self.costs, self.risk = bars, signals, costs, risk
        self.initial_capital = initial_capital
        self.dropped = dropped
        self._equity, self._fills = equity, fills
        # orders alternate: an entry, then the exit that ends it; the last entry may still be open
        self._entries, self._exits = fills[0::2], fills[1::2]
        closed = len(self._exits)
        self._pnl = _profit(self._entries[:closed], self._exits)
        score = np.empty(1, SCORE)
        summarise(score, 0, initial_capital, equity, fills, bars.time, bars.open, bars.close, bars.interval)
        self._metrics = measure(score, bars)

    @property
    def metrics(self) -> dict[str, Any]:
        """Every metric by name; their definitions stand in `cryptolab.backtesting.metrics.Metrics`."""
        return self._metrics._asdict()

    @property
    def equity_curve(self) -> pd.Series:
        """Money per row of the frame given, stamped by bar closes, after the capital at the first open."""
        return self._curve.copy(deep=False)

    @property
    def daily_returns(self) -> pd.Series:
        """Simple returns per UTC day with bars, on an index of days without a time zone, named after the symbol.

        A bar belongs to the day of its open; a day's return is its last equity over that of the day before (the first:
        over the initial capital), so that all of them compound to the total return. NaN once nothing is left. Their
        metrics: `daily_metrics`. Raises InputError for bars longer than a day.
        """
        if self.bars.interval > DAY:
            refuse("daily returns", f"bars of {self.bars.timeframe}", "use bars of a day or shorter")
        day = self.bars.time // DAY
        last = np.append(np.flatnonzero(np.diff(day)), len(day) - 1)
        equity = self._equity[last]
        before = np.concatenate([[self.initial_capital], equity[:-1]])
        with np.errstate(invalid="ignore", divide="ignore"):
            returns = np.where(before > 0, equity / before - 1.0, np.nan)
        index = pd.DatetimeIndex((day[last] * DAY).view("M8[ns]"), name="day")
        return pd.Series(returns, index, name=self.bars.symbol)

    @property
    def orders(self) -> pd.DataFrame:
        """Every fill: bar (number among the real bars), time (its open), side, size, price, fee, reason."""
        return self._orders.copy(deep=False)

    @property
    def trades(self) -> pd.DataFrame:
        """Closed trades in order, then the open one: marked at the last close, exit_time NaT, exit_reason "open".

        Times are the opens of the bars in which the fills happened. pnl is net of both fees (the open trade's of its
        entry fee), return = pnl / (entry_price × size). spans_gap: bars are missing between entry and exit. ambiguous:
        stop and target both lay inside the exit's bar.
        """
        return self._trades.copy(deep=False)

    @cached_property
    def _curve(self) -> pd.Series:
        rows = self.bars.rows
        values = np.empty(len(rows) + 1)
        values[0] = self.initial_capital
        values[1:] = self._equity if self.bars.where is None else self._carried()
        stamps = np.empty(len(rows) + 1, np.int64)
        stamps[0] = rows.asi8[0]
        np.add(rows.asi8, self.bars.interval, out=stamps[1:])
        return pd.Series(values, pd.DatetimeIndex(stamps.view("M8[ns]")).tz_localize("UTC"), name="equity")

    def _carried(self) -> np.ndarray:
        """Return the equity on every row: rows without prices keep that of the bar before."""
        assert self.bars.where is not None
        bars_so_far = np.searchsorted(self.bars.where, np.arange(len(self.bars.rows)), side="right")
        return np.concatenate([[self.initial_capital], self._equity])[bars_so_far]

    @cached_property
    def _orders(self) -> pd.DataFrame:
        fills = self._fills
        return pd.DataFrame(
            {
                "bar": fills["bar"],
                "time": self.bars.index[fills["bar"]],
                "side": np.where(fills["side"] > 0, "buy", "sell"),
                "size": fills["size"],
                "price": fills["price"],
                "fee": fills["fee"],
                "reason": np.array(REASONS)[fills["reason"]],
            }
        )

    @cached_property
    def _trades(self) -> pd.DataFrame:
        entries, exits = self._entries, self._exits
        n, closed = len(entries), len(exits)
        index = self.bars.index
        last = len(self.bars) - 1
        end = np.full(n, last)
        end[:closed] = exits["bar"]
        columns = {name: np.full(n, np.nan) for name in ("exit_price", "exit_fee", "pnl")}
        columns["exit_price"][:closed], columns["exit_fee"][:closed] = exits["price"], exits["fee"]
        columns["pnl"][:closed] = self._pnl
        reason, ambiguous = np.full(n, "open", object), np.zeros(n, bool)
        reason[:closed] = np.array(REASONS, object)[exits["reason"]]
        ambiguous[:closed] = exits["ambiguous"] == 1
        exit_time: pd.Index = index[end]
        if closed < n:
            still = entries[-1]
            columns["pnl"][-1] = still["side"] * still["size"] * (self.bars.close[-1] - still["price"]) - still["fee"]
            exit_time = exit_time.where(np.arange(n) < closed)
        begin = entries["bar"]
        spanned = self.bars.time[end] - self.bars.time[begin] != (end - begin) * self.bars.interval
        return pd.DataFrame(
            {
                "entry_time": index[begin],
                "exit_time": exit_time,
                "direction": np.where(entries["side"] > 0, "long", "short"),
                "size": entries["size"],
                "entry_price": entries["price"],
                "exit_price": columns["exit_price"],
                "entry_fee": entries["fee"],
                "exit_fee": columns["exit_fee"],
                "pnl": columns["pnl"],
                "return": columns["pnl"] / (entries["price"] * entries["size"]),
                "exit_reason": reason.astype(str),
                "spans_gap": spanned,
                "ambiguous": ambiguous,
            }
        )

    @property
    def ambiguous_exits(self) -> float:
        """Share of exits whose bar held both the stop and the target; NaN without exits."""
        return float((self._exits["ambiguous"] == 1).mean()) if len(self._exits) else float("nan")

    @cached_property
    def portfolio(self) -> Any:
        """The run as a vectorbt Portfolio made from these orders."""
        return to_portfolio(self.bars, self._fills, self.initial_capital)

    def __getattr__(self, name: str) -> Any:
        if name in Metrics._fields:
            return getattr(self._metrics, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __getitem__(self, name: str) -> Any:
        if name in Metrics._fields or name in _TABLES or name == "portfolio":
            return getattr(self, name)
        unknown_name("result", name, self)

    # a result is itself, not its numbers: comparing tables entry by entry has no answer of yes or no
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __getstate__(self) -> dict[str, Any]:
        """Travel without the vectorbt portfolio, which cannot; it is made again when asked for."""
        return {name: value for name, value in self.__dict__.items() if name != "portfolio"}

    def __iter__(self) -> Iterator[str]:
        return iter((*Metrics._fields, *_TABLES))

    def __len__(self) -> int:
        return len(Metrics._fields) + len(_TABLES)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *Metrics._fields]

    def table(self) -> pd.Series:
        """The metrics as a Series, for display."""
        return pd.Series(self.metrics, name=self.bars.symbol, dtype=object)

    def __repr__(self) -> str:
        lines = [f"BacktestResult({self.bars!r})"]
        lines += [f"  {name:<22} {_shown(value)}" for name, value in self.metrics.items()]
        lines += [f"  dropped: {name:<13} {count:,}" for name, count in self.dropped.items() if count]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        shown = pd.Series({name: _shown(value) for name, value in self.metrics.items()}, name=self.bars.symbol)
        return shown.to_frame().to_html(border=0)


def _profit(entries: np.ndarray, exits: np.ndarray) -> np.ndarray:
    """Return each trade's money, net of both fees."""
    return entries["side"] * entries["size"] * (exits["price"] - entries["price"]) - entries["fee"] - exits["fee"]


def _shown(value: Any) -> str:
    return f"{value:,.4f}" if isinstance(value, float) else str(value)
