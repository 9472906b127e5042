"""What bars were before they were stored with other numbers: a line in a journal for each, column by column here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from cryptolab.database.journal import Journal
from cryptolab.database.rows import arrivals
from cryptolab.database.segments import PRICES, SCHEMA, TIME, stamps

_TOGETHER = 50_000
"""Lines that are made and written at once."""
_REPLACED = "replaced"
NEEDED = dict.fromkeys(PRICES, float) | dict.fromkeys(("timestamp", "arrived", _REPLACED), int)
"""What each line says: prices and volume, and times in ns."""


def replaced(before: pa.Table, moments: np.ndarray) -> pa.Table:
    """Return rows of the store with the moments at which others took their places, int64 ns."""
    return before.append_column(_REPLACED, pa.array(moments).cast(TIME))


def note(journal: Journal, tables: Iterable[pa.Table]) -> None:
    """Add rows of `replaced` to the journal. Raises OSError; some may be there then, of which no reading knows."""
    for table in tables:
        for first in range(0, len(table), _TOGETHER):
            journal.append(_records(table.slice(first, _TOGETHER)))


def _records(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield rows as JSON can hold them, times as ns."""
    columns = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in table.columns]
    for values in zip(*(column.to_numpy().tolist() for column in columns), strict=True):  # to_pylist is far slower
        yield dict(zip(table.column_names, values, strict=True))


def as_they_were(journal: Journal, now: pa.Table, moment: int) -> tuple[pa.Table, list[str]]:
    """Return the prices that bars had at a moment, ns: of those bars of `now` that had any then; and where the lines
    are that are not what was written, of which nobody knows what they said.

    Each number took the place of another when it arrived, back to the first one. What does not lead there from the
    number of now is passed over: it is noted before it is stored, so that a killed process may have noted what never
    was, and of a bar that was removed it may be left.
    """
    time, arrived = stamps(now), arrivals(now)
    wanted = set(time.tolist())
    records, damaged = journal.look()
    found = [record for record in records if record["timestamp"] in wanted]
    if not found:
        return _prices(found), damaged
    opens, since, until = (np.array([each[name] for each in found]) for name in ("timestamp", "arrived", _REPLACED))
    order = _leading_to(opens, since, until, arrived[np.searchsorted(time, opens)])
    seen = order[(since[order] <= moment) & (moment < until[order])]
    return _prices([found[place] for place in seen.tolist()]), damaged


def _leading_to(opens: np.ndarray, since: np.ndarray, until: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return the places of the revisions of which each ended when the next one arrived, and the last one of a bar at
    `last`, when its number of now did; by their opens, then by arrival."""
    order = np.lexsort((until, since, opens))
    order = order[until[order] <= last[order]]
    order = order[_ends(opens[order], since[order])]  # it was tried more than once: the last time
    opens, since, until, last = opens[order], since[order], until[order], last[order]
    ends = _ends(opens)
    loose = until != np.where(ends, last, np.roll(since, -1))
    loose_from = np.append(np.cumsum(loose[::-1])[::-1], 0)  # here and behind
    newest = np.flatnonzero(ends)
    behind = newest[np.searchsorted(newest, np.arange(len(order)))] + 1
    return order[loose_from[:-1] == loose_from[behind]]


def _ends(*columns: np.ndarray) -> np.ndarray:
    """Return whether a row is the last one with its values."""
    differs = [column[1:] != column[:-1] for column in columns]
    return np.append(np.logical_or.reduce(differs), True)[: len(columns[0])]


def _prices(records: list[dict[str, Any]]) -> pa.Table:
    columns = {name: [record[name] for record in records] for name in PRICES}
    return pa.table(columns, schema=pa.schema([SCHEMA.field(name) for name in PRICES]))
