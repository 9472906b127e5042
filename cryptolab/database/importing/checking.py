"""Row by row: which rows of a file could be bars of a market, and why the others could not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
ANCIENT = "before any coin"

FAULTS = frozenset((UNREADABLE, DISAGREEING, CLOCK, IMPOSSIBLE, OFF_GRID, FUTURE, ANCIENT))
"""What speaks against the file as a whole when it is frequent."""
FIRST_BLOCK = pd.Timestamp("2009-01-03", tz="UTC").as_unit("ns").value
"""The day of Bitcoin's first block, ns: a time before it has lost a digit, or its file is of something else."""
_SHOWN = 1000
"""Rows of which something is worked out to be said, for each reason."""


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
        """Set aside those of the rows that are left; `detail` says something of the first of them."""
        places = np.flatnonzero(rows & self.left)
        if not len(places):
            return
        said = detail(places[:_SHOWN]) if callable(detail) else [detail] * len(places)
        said += [""] * (len(places) - len(said))
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
    sieve.take(ANCIENT, sieve.time < FIRST_BLOCK)
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


def settled_timeframe(name: str, time: np.ndarray, given: str | None, hints: Mapping[str, str]) -> tuple[str, str]:
    """Return the timeframe and who says so: the user, in agreement with the rows, or their usual distance.

    time: the opens that could be read. hints: who else says which. Raises DataError where the rows are of another
    timeframe, or of none, or where a hint contradicts what the user did not settle.
    """
    steps = np.diff(np.sort(time))
    values, counts = np.unique(steps := steps[steps > 0], return_counts=True)
    usual = int(values[np.argmax(counts)]) if len(values) else 0
    spacing = next((each for each, interval in TIMEFRAMES.items() if interval == usual), None)
    shown = spacing or str(pd.Timedelta(usual)).replace("0 days ", "")
    what = f"{name}, timeframe"
    if given is not None:
        rare = len(steps) > 0 and (steps == TIMEFRAMES[given]).mean() < 0.01
        if rare or 0 < usual < TIMEFRAMES[given]:
            instead = f"say timeframe='{spacing}'" if spacing else f"give bars of {' | '.join(TIMEFRAMES)}"
            refuse(what, f"{given!r} for rows that are {shown} apart", instead, DataError)
        frame, why = given, "given"
    elif spacing is not None:
        frame, why = spacing, "the usual distance of its rows"
    elif usual:
        refuse(what, f"rows {shown} apart", f"give bars of {' | '.join(TIMEFRAMES)}", DataError)
    elif hints:
        why, frame = next(iter(hints.items()))
    else:
        refuse(what, "a single time", f"name it: timeframe= {' | '.join(TIMEFRAMES)}", DataError)
    for who, hint in hints.items():
        if hint != frame and (given is None or "written" in who):
            instead = f"say timeframe='{frame}' if that is what they are, or correct the file"
            refuse(what, f"{frame} ({why}) and {hint} {who}", instead, DataError)
    if frame not in TIMEFRAMES:
        refuse(what, f"{frame} {why}", f"give bars of {' | '.join(TIMEFRAMES)}", DataError)
    return frame, why


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
    instead = "correct the file, or give another"
    if faulty <= 0.5 * total:  # of what is left of others not much is to be believed
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
    ANCIENT: "before any coin (2009-01-03)",
}


def _rounded_up(share: float) -> float:
    """Return a share in per cent rounded up, as a fraction."""
    return min(1.0, np.ceil(share * 100) / 100)
