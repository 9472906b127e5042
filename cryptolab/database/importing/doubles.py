"""Several rows for one bar: the same again, the same rounded, or a contradiction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cryptolab.bars import COLUMNS
from cryptolab.checks import refuse
from cryptolab.database.importing.choices import FINEST, REFUSE
from cryptolab.database.importing.sheet import where
from cryptolab.errors import DataError

SAME = "duplicate"
ROUNDED = "duplicate, rounded"
UNFINISHED = "saved while forming"
CONTRADICTORY = "contradictory"


@dataclass
class Table:
    """Rows of one or several files, in the order of the files: n of each.

    file: (n,) which file, lines: (n,) where in it. newest: (n,) whether it is the newest bar of its file.
    read_decimals: (file, lines) -> the decimals that their numbers are written with.
    """

    files: tuple[str, ...]
    file: np.ndarray
    lines: np.ndarray
    time: np.ndarray
    values: np.ndarray
    newest: np.ndarray
    read_decimals: Callable[[int, np.ndarray], np.ndarray]

    def decimals(self, rows: np.ndarray) -> np.ndarray:
        """Return with how many decimals the five numbers of some rows are written: (k, 5)."""
        found = np.zeros((len(rows), len(COLUMNS)), dtype=np.int64)
        for number in np.unique(self.file[rows]):
            mine = self.file[rows] == number
            found[mine] = self.read_decimals(int(number), self.lines[rows[mine]])
        return found

    def place(self, row: int) -> str:
        """Return where a row stands, for a sentence."""
        file = self.files[int(self.file[row])]
        return where(file, int(self.lines[row])) + (f" of {file}" if len(self.files) > 1 else "")


def sort_doubles(table: Table, policy: str, local: bool) -> dict[str, dict[int, str]]:
    """Return the rows to set aside: reason -> row -> what to say of it. What is left has one row per time.

    policy: one of `choices.DUPLICATES`. local: whether the times were naive, and taken for UTC.
    Raises DataError where rows contradict each other and the policy does not settle it.
    """
    aside: dict[str, dict[int, str]] = {SAME: {}, ROUNDED: {}, UNFINISHED: {}, CONTRADICTORY: {}}
    rows = np.flatnonzero(pd.Index(table.time).duplicated(keep=False))
    if not len(rows):
        return aside
    frame = pd.DataFrame(table.values[rows], columns=list(COLUMNS), index=rows)
    frame.insert(0, "time", table.time[rows])
    again = frame.duplicated(keep="first")
    aside[SAME] = dict.fromkeys(frame.index[again].tolist(), "")
    frame = frame[~again]
    for settle in (_unfinished, _rounded):
        frame = frame[frame["time"].duplicated(keep=False)]
        if not len(frame):
            return aside
        reason, found = settle(table, frame)
        aside[reason] = found
        frame = frame.drop(index=list(found))
    frame = frame[frame["time"].duplicated(keep=False)]
    if len(frame):
        aside[CONTRADICTORY] = _contradictory(table, frame, policy, local)
    return aside


def _unfinished(table: Table, frame: pd.DataFrame) -> tuple[str, dict[int, str]]:
    """Find newest rows of a file whose bar another file goes on to finish: it holds all that they saw."""
    newest = table.newest[frame.index]
    found: dict[int, str] = {}
    for time in frame["time"][newest].unique():
        group = frame[frame["time"] == time]
        ends = group.index[table.newest[group.index]]
        whole = group.drop(index=ends)
        for row in ends:
            seen = group.loc[row]
            holds = (whole["open"] == seen["open"]) & (whole["volume"] > seen["volume"])
            holds &= (whole["high"] >= seen["high"]) & (whole["low"] <= seen["low"])
            if holds.any():
                found[int(row)] = f"finished in {table.place(int(whole.index[holds][0]))}"
    return UNFINISHED, found


def _rounded(table: Table, frame: pd.DataFrame) -> tuple[str, dict[int, str]]:
    """Find rows that are another one of the same time with fewer digits."""
    digits = table.decimals(frame.index.to_numpy())
    total = pd.Series(digits.sum(axis=1), np.arange(len(frame)))
    finest = total.groupby(frame["time"].to_numpy()).transform("idxmax").to_numpy()  # the first of equals
    values = frame[list(COLUMNS)].to_numpy()
    places = np.flatnonzero(rounded(values, digits, values[finest], digits[finest]))
    rows = frame.index.to_numpy()
    return ROUNDED, {
        int(rows[place]): f"with more digits in {table.place(int(rows[finest[place]]))}" for place in places
    }


def rounded(values: np.ndarray, digits: np.ndarray, finer: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Return which rows are others with fewer digits: (n,) bool of (n, 5) values and their decimals, and of the others.

    A row that is rounded may leave trailing zeros out: what such rows have at most is what all are rounded to.
    """
    coarser = digits.sum(axis=1) < more.sum(axis=1)
    if not coarser.any():
        return coarser
    steps = 0.5 * 10.0 ** -digits[coarser].max(axis=0)
    near = np.abs(values - finer) <= steps * (1 + 1e-9) + 1e-12 * np.abs(finer)
    return np.asarray(coarser & near.all(axis=1))


def _contradictory(table: Table, frame: pd.DataFrame, policy: str, local: bool) -> dict[int, str]:
    """Return the rows that lose, as the policy says; refuse where it does not."""
    if policy == REFUSE:
        _refuse(table, frame, local)
    rows, times = frame.index.to_numpy(), frame["time"]
    if policy == "none":
        return dict.fromkeys(rows.tolist(), "contradicted, none taken")
    if policy == FINEST:
        digits = pd.Series(table.decimals(rows).sum(axis=1), frame.index)
        best = digits == digits.groupby(times).transform("max")
        tied = times[best].duplicated(keep=False)
        if tied.any():
            received = _differ(table, rows[times == times[tied[tied].index].min()])
            instead = "say duplicates='first', or last, or none"
            received += ", which have as many digits as each other"
            refuse(f"{_named(table)}, duplicates='finest'", received, instead, DataError)
        kept = best.to_numpy()
    else:
        kept = ~times.duplicated(keep="first" if policy == "first" else "last").to_numpy()
    taken = pd.Series(rows[kept], times[kept]).reindex(times[~kept]).to_numpy()
    return {
        int(row): f"{table.place(int(winner))} taken ({policy})" for row, winner in zip(rows[~kept], taken, strict=True)
    }


def _refuse(table: Table, frame: pd.DataFrame, local: bool) -> None:
    """Refuse files whose rows contradict each other, with what would settle it."""
    different = np.unique(frame["time"])
    rows = frame.index.to_numpy()[frame["time"] == different[0]]
    count = f"{len(different):,} bars" if len(different) > 1 else "a bar"
    first = "the first " if len(different) > 1 else ""
    received = f"{count} more than once and with different numbers, {first}{_differ(table, rows)}"
    times = pd.DatetimeIndex(different.view("M8[ns]"))
    autumn = (times.day_of_week == 6) & (times.hour <= 3) & times.month.isin((4, 10, 11))
    if local and autumn.all():
        instead = "say the zone of its times, as in zone='Europe/Paris': these are hours in which clocks are put back"
    else:
        instead = "say which to take: duplicates='finest' (the one written with more digits), first, last, or none"
    refuse(_named(table), received, instead, DataError)


def _named(table: Table) -> str:
    return ", ".join(table.files) if len(table.files) <= 3 else f"{table.files[0]} and {len(table.files) - 1} more"


def _differ(table: Table, rows: np.ndarray) -> str:
    """Return when and in which value the first two of the rows differ, and where they stand."""
    one, other = int(rows[0]), int(rows[1])
    column = int(np.argmax(table.values[one] != table.values[other]))
    values = table.values[[one, other], column]
    when = f"{pd.Timestamp(int(table.time[one])):%Y-%m-%d %H:%M}"
    first, second = (
        f"{value!r} in {table.place(row)}" for value, row in zip(map(float, values), (one, other), strict=True)
    )
    return f"{when}: {COLUMNS[column]} {first}, {second}"
