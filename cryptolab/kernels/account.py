"""The records of the fill engine: an account, the rules it trades by, a bar, what is said of it, and a fill.

Money is in quote currency, sizes in coins, times in nanoseconds UTC. An account is one record that says all of its
state: it can be saved and restored between any two bars.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

NEXT_OPEN, SAME_CLOSE, WORST = range(3)
FILL_MODES = ("next_open", "same_close", "worst")

NONE, ENTRY, SIGNAL, REVERSAL, STOP_LOSS, TRAILING_STOP, TAKE_PROFIT, DAILY_LOSS, RUIN = range(9)
REASONS = ("", "entry", "signal", "reversal", "stop_loss", "trailing_stop", "take_profit", "daily_loss", "ruin")

LATE, SMALL, NO_ATR, LOCKED, CONTRADICTORY, ENDED = range(6)
DROPPED = ("waited_too_long", "below_minimum", "atr_unknown", "daily_loss", "contradictory", "ended")

RULES = np.dtype(
    [
        ("commission", "f8"),  # of the traded value, per side
        ("slippage", "f8"),  # of the price, against the trader, on market and stop fills
        ("fraction", "f8"),  # of equity put into a position
        ("stop_loss", "f8"),  # fraction of the entry fill; 0: none
        ("take_profit", "f8"),
        ("trailing_stop", "f8"),  # fraction of the peak; 0: none
        ("stop_atr", "f8"),  # multiples of the signal bar's ATR(14); 0: none
        ("target_atr", "f8"),
        ("daily_limit", "f8"),  # fraction of the day's baseline; 0: none
        ("lot_step", "f8"),  # coins; 0: any size
        ("smallest", "f8"),  # coins
        ("patience", "i8"),  # ns from the signal bar's close to the open an entry may still fill at
        ("mode", "i8"),  # NEXT_OPEN, SAME_CLOSE or WORST
        ("interval", "i8"),  # ns, the timeframe
    ]
)

ACCOUNT = np.dtype(
    [
        ("cash", "f8"),
        ("quantity", "f8"),  # coins held, negative when short
        ("stop", "f8"),  # fixed level of the position; -inf or inf when there is none
        ("target", "f8"),
        ("extreme", "f8"),  # the fill, or the best price of the bars since: what a trailing stop hangs on
        ("exit_reason", "i8"),  # of the exit waiting for the next open; NONE when none waits
        ("entry_side", "i8"),  # +1 or -1: direction of the entry waiting for the next open
        ("entry_atr", "f8"),  # the signal bar's ATR of that entry
        ("since", "i8"),  # ns: close of that entry's signal bar
        ("equity", "f8"),  # at the last close
        ("day", "i8"),  # UTC day of the last bar
        ("baseline", "f8"),  # equity the day's loss is measured from
        ("locked", "i8"),  # 1 once the day's loss limit is breached, until the day ends
        ("ended", "i8"),  # 1 once equity reached 0: nothing is entered any more
        ("dropped", "i8", (len(DROPPED),)),  # entries not taken, by reason
    ]
)

FILL = np.dtype(
    [
        ("bar", "i8"),
        ("side", "i8"),  # +1 bought, -1 sold
        ("size", "f8"),
        ("price", "f8"),
        ("fee", "f8"),
        ("reason", "i8"),
        ("ambiguous", "i8"),  # 1 where stop and target both lay inside the bar
    ]
)

MOST_FILLS = 3
"""Fills one bar can bring: a waiting exit, a waiting entry, and that entry's stop."""


class Bar(NamedTuple):
    """One bar and the ATR(14) known at its close (NaN where none is asked for)."""

    number: int
    time: int
    open: float
    high: float
    low: float
    close: float
    atr: float


class Columns(NamedTuple):
    """All bars, as arrays of one length n; atr is empty where no rule asks for it."""

    time: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    atr: np.ndarray


class Flags(NamedTuple):
    """What the strategy says at a bar's close; for `simulate` at each, as boolean arrays."""

    enter_long: Any
    exit_long: Any
    enter_short: Any
    exit_short: Any


def new_account(initial_capital: float) -> np.ndarray:
    """Return the account before its first bar."""
    account = np.zeros(1, ACCOUNT)
    account["cash"] = account["equity"] = account["baseline"] = initial_capital
    account["day"] = np.iinfo(np.int64).min
    return account
