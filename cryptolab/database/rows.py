"""Bars as rows of the store: made, put in order, compared."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa

from cryptolab.bars import COLUMNS, Bars
from cryptolab.database.segments import SCHEMA, TIME, stamp_at, stamps


def rows_of(bars: Bars, arrived: int, source: str) -> pa.Table:
    """Return bars as rows of the store."""
    count = len(bars)
    columns = [pa.array(bars.time).cast(TIME)]
    columns += [pa.array(getattr(bars, name)) for name in COLUMNS]
    columns.append(pa.array(np.full(count, arrived)).cast(TIME))
    columns.append(pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([source])))
    return pa.table(columns, schema=SCHEMA)


def arrivals(table: pa.Table) -> np.ndarray:
    """Return when each row was stored, int64 ns."""
    return table.column("arrived").cast(pa.int64()).to_numpy()


def arriving(table: pa.Table, arrived: np.ndarray) -> pa.Table:
    """Return the rows with other times of arrival, int64 ns."""
    place = table.column_names.index("arrived")
    return table.set_column(place, SCHEMA.field("arrived"), pa.array(arrived).cast(TIME))


def in_order(tables: list[pa.Table], columns: Sequence[str] = tuple(SCHEMA.names)) -> pa.Table:
    """Return the rows of all tables by their bars' opens, each column in one piece."""
    schema = pa.schema([SCHEMA.field(name) for name in columns])
    filled = [table.select(columns).replace_schema_metadata(None) for table in tables if len(table)]
    if not filled:
        return schema.empty_table()
    ends = [(stamp_at(table, 0), stamp_at(table, -1)) for table in filled]
    whole = pa.concat_tables(filled).combine_chunks()
    if any(later[0] <= before[1] for before, later in pairwise(ends)):
        whole = whole.take(pa.array(np.argsort(stamps(whole), kind="stable"))).combine_chunks()
    return whole


def common(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of what both have, in a and in b; both ascend."""
    if not len(a) or not len(b):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    place = np.minimum(np.searchsorted(b, a), len(b) - 1)
    same = np.flatnonzero(b[place] == a)
    return same, place[same]


def equal(a: pa.Table, b: pa.Table) -> np.ndarray:
    """Return whether rows have the same prices and volume."""
    same = np.ones(len(a), bool)
    for name in COLUMNS:
        same &= a.column(name).to_numpy() == b.column(name).to_numpy()
    return same
