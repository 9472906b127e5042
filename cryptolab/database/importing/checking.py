"""Row by row: which rows of a file could be bars of a market, and why the others could not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.bars import MONDAY, TIMEFRAMES
from cryptolab.checks import refuse
from cryptolab.database.importing.choices import Choices
from cryptolab.database.importing.sheet import NO_TIME, Aside, where
from cryptolab.errors import DataError

UNREADABLE = "unreadable"
ANOTHER_SYMBOL = "another symbol"
UNPRICED = "unpriced"
DISAGREEING = "times disagree"
CLOCK = "clock change"
IMPOSSIBLE = "impossible"
OFF_GRID = "off the grid"
FORMING = "still forming"
FUTURE = "newer than now"

FAULTS = frozenset((UNREADABLE, DISAGREEING, CLOCK, IMPOSSIBLE, OFF_GRID, FUTURE))
"""What speaks against the file as a whole when it is frequent."""


@dataclass
class Sieve:
    """The rows of a file that are left, and those that were taken out.

    time: (n,) int64 ns. values: (n, 5) float64. lines: (n,) int64. left: (n,) bool.
    """

    name: str
    time: np.ndarray
    values: np.ndarray
    lines: np.ndarray
    left: np.ndarray = field(init=False)
    aside: list[Aside] = field(default_factory=list)
    without_columns: int = 0

    def __post_init__(self) -> None:
        self.left = np.ones(len(self.time), dtype=bool)

    @property
    def total(self) -> int:
        """Rows of the file, those included that have no columns."""
        return len(self.time) + self.without_columns

    def take(self, reason: str, rows: np.ndarray, detail: Callable[[np.ndarray], list[str]] | str = "") -> None:
        """Set aside those of the rows that are left; `detail` says something of them, given their positions."""
        places = np.flatnonzero(rows & self.left)
        if not len(places):
            return
        said = detail(places) if callable(detail) else [detail] * len(places)
        self.left[places] = False
        self.aside.append(
            Aside(
                reason, reason in FAULTS, self.name, self.lines[places], self.time[places], self.values[places],
                tuple(said) if any(said) else (),
            )
        )  # fmt: skip

    def broken(self, rows: tuple[tuple[int, str], ...]) -> None:
        """Set aside lines that have no columns at all."""
        self.without_columns = len(rows)
        if rows:
            lines = np.array([line for line, _ in rows], dtype=np.int64)
            shown = tuple(f"another number of fields: {text[:60]}" for _, text in rows)
            nothing = np.full(len(rows), NO_TIME)
            values = np.full((len(rows), 5), np.nan)
            self.aside.append(Aside(UNREADABLE, True, self.name, lines, nothing, values, shown))


def check_prices(sieve: Sieve) -> None:
    """Take out rows without prices, and those whose numbers no market could have made."""
    prices: Any = sieve.values[:, :4]
    volume: Any = sieve.values[:, 4]
    with np.errstate(invalid="ignore"):
        sieve.take(IMPOSSIBLE, np.isinf(prices).any(axis=1), "an infinite price")
        sieve.take(IMPOSSIBLE, (prices < 0).any(axis=1), "a negative price")
        sieve.take(UNPRICED, ~(prices > 0).all(axis=1))
        high, low = prices[:, 1], prices[:, 2]
        inside = (low <= prices.min(axis=1)) & (high >= prices.max(axis=1))
        sieve.take(IMPOSSIBLE, ~inside, "high below or low above another price")
        sieve.take(IMPOSSIBLE, ~((volume >= 0) & (volume < np.inf)), "no volume, or a negative one")


def check_times(sieve: Sieve, timeframe: str, now: int) -> None:
    """Take out rows that open off the grid, later than now, or that are not closed yet; now: ns UTC."""
    interval = TIMEFRAMES[timeframe]
    sieve.take(FUTURE, sieve.time > now)
    off = grid_phase(sieve.time, timeframe) != 0
    sieve.take(OFF_GRID, off, lambda places: [f"{_past(sieve.time[place], timeframe)}" for place in places])
    sieve.take(FORMING, sieve.time + interval > now)


def closes_as_opens(sieve: Sieve, timeframe: str) -> str:
    """Put each row's open in the place of its close where all times are closes, as 23:59:59 is; return what to show.

    Such a time lies up to a second before the grid, so that it cannot be an open.
    """
    interval = TIMEFRAMES[timeframe]
    short = interval - grid_phase(sieve.time, timeframe)
    if not (short[sieve.left] <= 10**9).all():
        return ""
    sieve.time = np.where(sieve.time == NO_TIME, NO_TIME, sieve.time + short - interval)
    return "its times are the closes; the bars open one timeframe earlier"


def grid_phase(time: np.ndarray, timeframe: str) -> np.ndarray:
    """Return how far each time lies behind the timeframe's grid, ns."""
    return np.asarray((time - (MONDAY if timeframe == "1w" else 0)) % TIMEFRAMES[timeframe])


def _past(time: int, timeframe: str) -> str:
    phase = int(grid_phase(np.array([time]), timeframe)[0])
    return f"{pd.Timedelta(phase)} past it".replace("0 days ", "").replace("000 ", " ")


def usual_spacing(time: np.ndarray) -> int:
    """Return the most frequent distance of neighbouring rows, ns; 0 where there are no two."""
    steps = np.diff(np.unique(time))
    if not len(steps):
        return 0
    values, counts = np.unique(steps, return_counts=True)
    return int(values[np.argmax(counts)])


def settled_timeframe(name: str, time: np.ndarray, given: str | None) -> tuple[str, str]:
    """Return the timeframe and who says so: the user, in agreement with the rows, or their usual distance.

    time: the opens that could be read. Raises DataError where the rows are of another timeframe, or of none.
    """
    usual = usual_spacing(time)
    spacing = next((each for each, interval in TIMEFRAMES.items() if interval == usual), None)
    shown = spacing or str(pd.Timedelta(usual)).replace("0 days ", "")
    if given is None:
        if spacing is None:
            received = f"rows {shown} apart" if usual else "a single time"
            refuse(f"{name}, timeframe", received, f"name it: timeframe= {' | '.join(TIMEFRAMES)}", DataError)
        return spacing, "the usual distance of its rows"
    interval = TIMEFRAMES[given]
    steps = np.diff(np.unique(time))
    finer = 0 < usual < interval
    coarser = usual > interval and len(steps) > 10 and (steps % usual == 0).mean() > 0.99
    if finer or coarser:
        instead = f"say timeframe='{spacing}'" if spacing else "give a file of that timeframe"
        refuse(f"{name}, timeframe", f"{given!r} for rows that are {shown} apart", instead, DataError)
    return given, "given"


def refuse_faulty(sieve: Sieve, timeframe: str | None, choices: Choices, assumed_utc: bool) -> None:
    """Refuse a file in which more rows are faulty than may be: it is not what it seems to be."""
    total = sieve.total
    counts: dict[str, int] = {}
    for each in sieve.aside:
        if each.faulty:
            counts[each.reason] = counts.get(each.reason, 0) + len(each)
    faulty = sum(counts.values())
    if sieve.left.any() and faulty <= choices.allowed(total):
        return
    if not counts:
        kinds = ", ".join(dict.fromkeys(each.reason for each in sieve.aside)) or "no rows"
        refuse(sieve.name, f"{total:,} rows, all of them set aside ({kinds})", "give one with closed bars", DataError)
    reason = max(counts, key=lambda each: counts[each])
    first = next(each for each in sieve.aside if each.reason == reason)
    example = where(sieve.name, int(first.lines[0]))
    if first.time[0] != NO_TIME:
        example += f" at {pd.Timestamp(int(first.time[0])):%Y-%m-%d %H:%M}"
    if first.details:
        example += f" ({first.details[0]})"
    others = f" and {faulty - counts[reason]:,} with other faults" if faulty > counts[reason] else ""
    received = f"{counts[reason]:,} of {total:,} rows that are {_PHRASES[reason]}, first {example}{others}"
    instead = f"correct the file, or say limit={_rounded_up(faulty / total)} to leave them out"
    if reason == OFF_GRID:
        instead = f"give bars that open at multiples of {timeframe}, UTC"
        if assumed_utc:
            instead = f"say zone='...' if its times are not UTC, or {instead}"
    refuse(sieve.name, received, instead, DataError)


_PHRASES = {
    UNREADABLE: "unreadable",
    DISAGREEING: "at different times in different columns",
    CLOCK: "at hours that their zone's clock never showed, or showed twice",
    IMPOSSIBLE: "impossible",
    OFF_GRID: "off the grid of the timeframe",
    FUTURE: "newer than now",
}


def _rounded_up(share: float) -> float:
    """Return a share in per cent rounded up, as a fraction."""
    return min(1.0, np.ceil(share * 100) / 100)
