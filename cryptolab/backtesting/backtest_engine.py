"""BacktestEngine: bars and signals in, one BacktestResult out. The loop itself is `kernels.fills.simulate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.backtesting.records import Costs, Risk, given, rules
from cryptolab.backtesting.result import BacktestResult
from cryptolab.bars import DAY, Bars, as_bars
from cryptolab.checks import known_keys, number, refuse
from cryptolab.indicators import ATR
from cryptolab.kernels import fills
from cryptolab.kernels.account import DROPPED, Columns, Flags, new_account
from cryptolab.signal_generator import Signals, as_signals

ATR_PERIOD = 14
"""Bars of the ATR that stop and target multiples are measured in."""


_NO_ATR = np.empty(0)
_NO_ATR.flags.writeable = False  # as the ATR itself: the kernel is compiled once


class BacktestEngine:
    """Simulates signals on one symbol's bars, with costs and risk.

        BacktestEngine({'initial_capital': 10000, 'commission': 0.001, 'slippage': 0.0005}).run(df, signals)

    config: a mapping of `initial_capital` and the fields of Costs and Risk. Or the records themselves, as `costs=` and
    `risk=`. Unknown names are refused with the nearest known one.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        costs: Costs | None = None,
        risk: Risk | None = None,
        initial_capital: float | None = None,
    ) -> None:
        if config is not None and not isinstance(config, Mapping):
            refuse("config", f"a {type(config).__name__}", "give a mapping, or costs= and risk=")
        if config is not None and (costs is not None or risk is not None):
            refuse("config", "a mapping together with costs= or risk=", "give one of the two")
        settings = dict(config or {})
        names = {record: [field.name for field in fields(record)] for record in (Costs, Risk)}
        known_keys("backtest setting", settings, ["initial_capital", *names[Costs], *names[Risk]])
        found = {record: {key: settings[key] for key in settings if key in names[record]} for record in names}
        self.costs = Costs(**found[Costs]) if found[Costs] else given("costs", costs, Costs)
        self.risk = Risk(**found[Risk]) if found[Risk] else given("risk", risk, Risk)
        if initial_capital is not None and "initial_capital" in settings:
            refuse("initial_capital", "it in config and as an argument", "give it once")
        capital = settings.get("initial_capital", 10_000.0 if initial_capital is None else initial_capital)
        self.initial_capital = number("initial_capital", capital, above=0)

    def run(self, data: Bars | pd.DataFrame, signals: Any) -> BacktestResult:
        """Simulate `signals` on `data` and return the result.

        data: Bars, or a DataFrame of open, high, low, close, volume with a UTC index. signals: Signals; a Series or
        array of +1, 0, -1; or columns of flags; one row per bar, unpriced rows included.
        Raises InputError for a short entry where shorts are not allowed, and for max_daily_loss on bars of a day or
        more, beside what the doors of bars and signals refuse.
        """
        bars = as_bars(data)
        flags = allowed(as_signals(signals, bars), bars, self.risk)
        account = new_account(self.initial_capital)
        columns = Columns(bars.time, bars.open, bars.high, bars.low, bars.close, atr_of(bars, self.risk.needs_atr))
        wanted = Flags(flags.entries, flags.exits, flags.short_entries, flags.short_exits)
        equity, done = fills.simulate(account, rules(self.costs, self.risk, bars.interval), columns, wanted)
        dropped = {name: int(count) for name, count in zip(DROPPED, account["dropped"][0], strict=True)}
        return BacktestResult(
            bars, flags, self.costs, self.risk, self.initial_capital, equity=equity, fills=done, dropped=dropped
        )


def check_rules(bars: Bars, risk: Risk) -> None:
    """Refuse rules that these bars cannot carry."""
    if risk.max_daily_loss is not None and bars.interval >= DAY:
        refuse("max_daily_loss", f"bars of {bars.timeframe}", "use bars shorter than a day or leave the rule out")


def allowed(signals: Signals, bars: Bars, risk: Risk) -> Signals:
    """Return the signals as the account may follow them.

    Short entries are refused where shorts are off; in a series of +1, 0, -1 a -1 then only closes.
    """
    check_rules(bars, risk)
    if risk.allow_short or not signals.any_short:
        return signals
    if signals.from_directions:
        return signals.long_only()
    row = int(np.argmax(signals.short_entries))
    refuse("short_entries", f"a short entry at {bars.index[row]}", "set allow_short=True or leave them out")


def atr_of(bars: Bars, needed: bool) -> np.ndarray:
    """Return the ATR that stop and target multiples are measured in, empty where no rule needs it."""
    return np.asarray(ATR(bars, period=ATR_PERIOD)) if needed else _NO_ATR
