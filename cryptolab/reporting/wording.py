"""Numbers as a reader wants them: units, a real minus sign, "n/a" for what is undefined. And the verdict in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

from cryptolab.optimization.scales import NONE, SCALES, amount, written
from cryptolab.optimization.scales import count as count
from cryptolab.optimization.scales import duration as duration
from cryptolab.optimization.scales import percent as percent
from cryptolab.optimization.scales import plain as plain

_SPACE = "\u00a0"  # no-break space before a word that belongs to a number


def points(value: float) -> str:
    """Return a difference of two shares in percentage points, with its sign: 0.02 is +2.0 points."""
    shown = plain(value * 100, 1)
    return shown if shown == NONE else f"{'+' if value > 0 and shown != '0.0' else ''}{shown} points"


def money(value: float, unit: str = "") -> str:
    """Return an amount with its currency: two decimals, five digits below 1 (coin-quoted markets)."""
    said = amount(value)
    return f"{said}{_SPACE}{unit}" if unit and said != NONE else said


def quote(symbol: str) -> str:
    """Return the currency that a symbol's prices are in, "" where the symbol does not say it."""
    return symbol.partition("/")[2]


def priced(name: str, unit: str) -> str:
    """Return the label of an amount of money: its name, then the currency where that is known."""
    return f"{name}, {unit}" if unit else name


def price(value: float) -> str:
    """Return a price with about six significant digits."""
    if value is None or not math.isfinite(value) or value == 0:
        return NONE if value is None or not math.isfinite(value) else "0"
    return plain(value, max(0, min(10, 5 - math.floor(math.log10(abs(value))))))


def counted(value: int, one: str, more: str = "") -> str:
    """Return a number with what it counts: 1 gap, 2 gaps; `more`: a plural that is not made with an s."""
    return f"{count(value)} {one if value == 1 else more or one + 's'}"


def moment(value: Any) -> str:
    """Return a time, UTC, to the minute; an en dash for NaT."""
    return "–" if pd.isna(value) else f"{pd.Timestamp(value):%Y-%m-%d %H:%M}"


def words(name: str) -> str:
    """Return a column or metric name as words: max_drawdown is "Max drawdown"."""
    return _NAMES.get(name, name.replace("_", " ").capitalize())


def lowered(text: str) -> str:
    """Return a text that may stand inside a sentence: its first letter small."""
    return text[:1].lower() + text[1:]


_NAMES = {
    "cagr": "Growth a year (CAGR)",
    "n_trades": "Closed trades",
    "max_drawdown": "Maximum drawdown",
    "fees_paid": "Commissions paid",
    "turnover": "Turnover a year",
    "commission": "Commission per side",
    "fill": "Orders fill at",
    "max_wait": "An entry waits for",
    "max_position_size": "Position, share of equity",
    "stop_loss_atr_multiplier": "Stop loss (ATR)",
    "take_profit_atr_multiplier": "Take profit (ATR)",
    "max_daily_loss": "Maximum daily loss",
    "allow_short": "Shorts",
    "behind_buy_and_hold": "Behind buy-and-hold",
}

DROPPED = {
    "contradictory": "long and short flagged at once",
    "ended": "the account had ended",
    "daily_loss": "the day's maximum loss was reached",
    "atr_unknown": "the ATR was not known yet",
    "waited_too_long": "too many missing bars to wait for",
    "below_minimum": "below the minimum size",
}
"""The engine's reasons for not taking an entry, in words."""

FORMATS: dict[str, Callable[[Any], str]] = {
    **{name: partial(written, name) for name in SCALES},
    "final_equity": money,
    "difference": points,
}
"""How each metric is written."""


def outcome(total_return: float) -> str:
    """Return "made 12.0 %" or "lost 34.1 %"; what rounds to nothing is said so."""
    if not math.isfinite(total_return):
        return "has no defined return"
    if abs(total_return) < 0.0005:
        return "ended where it began"
    return f"{'made' if total_return > 0 else 'lost'} {percent(abs(total_return))}"


def span(bars: Any) -> pd.Timedelta:
    """Return the time from the first open to the last close."""
    return pd.Timedelta(int(bars.time[-1] - bars.time[0]) + bars.interval, unit="ns")


def verdict(result: Any, market: Any) -> list[str]:
    """Return the sentences at the head of a report: what was won or lost against buy-and-hold, and by how much trading.

    result, market: the runs of the strategy and of buy-and-hold. They state and never advise.
    """
    told = f"Over {duration(span(result.bars))}"
    if not result.n_trades and result.exposure == 0:
        return [f"{told} the strategy never traded, while buy-and-hold {outcome(market.total_return)}."]
    own = "lost everything" if result.equity_curve.iloc[-1] <= 0 else outcome(result.total_return)
    first = f"{told} the strategy {own}, while buy-and-hold {outcome(market.total_return)}."
    fall = (
        f"Its deepest fall was {percent(abs(result.max_drawdown))} (buy-and-hold: {percent(abs(market.max_drawdown))})."
    )
    closed = counted(result.n_trades, "trade")
    paid = f"{money(result.fees_paid, quote(result.bars.symbol))} in commissions"
    if result.fees_paid <= result.initial_capital:  # after much growth the share would say nothing
        paid += f", {percent(result.fees_paid / result.initial_capital)} of the capital it began with"
    traded = f"It closed {closed}, held a position {percent(result.exposure, 0)} of the time and paid {paid}."
    return [first, fall, traded]
