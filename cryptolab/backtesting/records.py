"""Costs and Risk: what trading costs, and how much is staked. Frozen records, checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from cryptolab.checks import flag, named_fields, number, one_of, refuse, whole
from cryptolab.kernels.account import FILL_MODES, RULES

_Record = TypeVar("_Record")


@named_fields
@dataclass(frozen=True)
class Costs:
    """How an order fills and what it costs.

    commission: fraction of the traded value, per side. slippage: fraction of the price, against the trader, on every
    market and stop fill. fill: "next_open" (default), "same_close" (the signal's own close) or "worst" (the next bar's
    high for buys, low for sells). max_wait: missing bars between a signal and the next real open that an entry waits
    for. lot_step, min_order_size: coins; sizes are rounded down to the step, and below the minimum nothing is traded.
    """

    commission: float = 0.001
    slippage: float = 0.0005
    fill: str = "next_open"
    max_wait: int = 1
    lot_step: float = 0.0
    min_order_size: float = 0.0

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "commission", number("commission", self.commission, low=0, below=1))
        set_(self, "slippage", number("slippage", self.slippage, low=0, below=1))
        set_(self, "fill", one_of("fill", self.fill, FILL_MODES))
        set_(self, "max_wait", whole("max_wait", self.max_wait, low=0, high=1_000_000))
        set_(self, "lot_step", number("lot_step", self.lot_step, low=0))
        set_(self, "min_order_size", number("min_order_size", self.min_order_size, low=0))


@named_fields
@dataclass(frozen=True)
class Risk:
    """How much is staked and when a position is given up. None switches a rule off.

    max_position_size: fraction of equity put into a position, at most 1. stop_loss, take_profit: fractions of the
    entry fill. trailing_stop: fraction of the best price since entry. stop_loss_atr_multiplier,
    take_profit_atr_multiplier: multiples of ATR(14) of the signal's bar. max_daily_loss: fraction of the equity at the
    close of the last bar that opened before 00:00 UTC; once lost, the position is closed and nothing is entered until
    the day ends. allow_short: whether short entries are taken.
    """

    max_position_size: float = 1.0
    stop_loss: float | None = None
    take_profit: float | None = None
    trailing_stop: float | None = None
    stop_loss_atr_multiplier: float | None = None
    take_profit_atr_multiplier: float | None = None
    max_daily_loss: float | None = None
    allow_short: bool = False

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "max_position_size", number("max_position_size", self.max_position_size, above=0, high=1))
        for name in ("stop_loss", "trailing_stop", "max_daily_loss"):
            if getattr(self, name) is not None:
                set_(self, name, number(name, getattr(self, name), above=0, below=1))
        for name in ("take_profit", "stop_loss_atr_multiplier", "take_profit_atr_multiplier"):
            if getattr(self, name) is not None:
                set_(self, name, number(name, getattr(self, name), above=0))
        set_(self, "allow_short", flag("allow_short", self.allow_short))
        for fraction, multiple in (
            ("stop_loss", "stop_loss_atr_multiplier"),
            ("take_profit", "take_profit_atr_multiplier"),
        ):
            if getattr(self, fraction) is not None and getattr(self, multiple) is not None:
                refuse(fraction, f"{getattr(self, fraction)} together with {multiple}", "give one of the two")

    @property
    def needs_atr(self) -> bool:
        """Whether a rule is measured in ATR."""
        return self.stop_loss_atr_multiplier is not None or self.take_profit_atr_multiplier is not None


def given(name: str, record: Any, kind: type[_Record]) -> _Record:
    """Return the record given as argument `name`, the default one for None; refuse anything else."""
    if record is None:
        return kind()
    if not isinstance(record, kind):
        refuse(name, f"a {type(record).__name__}", f"give {kind.__name__}(...)")
    return record


def rules(costs: Costs, risk: Risk, interval: int) -> np.ndarray:
    """Return the kernel's record of both, for bars of `interval` ns."""
    record = np.zeros(1, RULES)
    values = {
        "commission": costs.commission,
        "slippage": costs.slippage,
        "fraction": risk.max_position_size,
        "stop_loss": risk.stop_loss,
        "take_profit": risk.take_profit,
        "trailing_stop": risk.trailing_stop,
        "stop_atr": risk.stop_loss_atr_multiplier,
        "target_atr": risk.take_profit_atr_multiplier,
        "daily_limit": risk.max_daily_loss,
        "lot_step": costs.lot_step,
        "smallest": costs.min_order_size,
        "patience": min(costs.max_wait * interval, np.iinfo(np.int64).max),
        "mode": FILL_MODES.index(costs.fill),
        "interval": interval,
    }
    for name, value in values.items():
        record[name] = 0.0 if value is None else value
    return record
