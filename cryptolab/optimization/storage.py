"""A sweep's table as a Parquet file that pandas reads back: the levels, the metrics, and the daily sums per block.

pandas has no way to say in a file that an index of one level is a MultiIndex: it comes back as a plain Index.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.checks import refuse

DAYS = ("days_count", "days_sum", "days_squares")
"""Columns of lists, one entry per block: how many UTC-daily returns, their sum, and the sum of their squares."""
METADATA = b"cryptolab.sweep"
_PLAIN = (bool, int, float, str, pd.Timestamp, pd.Timedelta)


def write(table: pd.DataFrame, days: np.ndarray, facts: Mapping[str, Any], path: str | os.PathLike[str]) -> Path:
    """Write the table, whole or not at all, and return the path.

    days: float64 (rows, blocks, 3). facts: what goes into the file's metadata as JSON, under `cryptolab.sweep`; the
    levels that had to be written as text are named there too. Raises InputError for a path that cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    goal = checked(path)
    frame, texts = _storable(table)
    content = pa.Table.from_pandas(frame)
    for number, name in enumerate(DAYS):
        content = content.append_column(name, _lists(days[:, :, number]))
    said = json.dumps({**facts, "levels_as_text": texts}, allow_nan=False)
    content = content.replace_schema_metadata({**(content.schema.metadata or {}), METADATA: said.encode()})
    draft = goal.with_name(f".{goal.name}.{secrets.token_hex(4)}.part")
    try:
        with draft.open("wb") as file:
            pq.write_table(content, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(goal)
    except OSError as problem:
        refuse("path", f"{goal}, which cannot be written ({problem.strerror})", "name another file")
    finally:
        draft.unlink(missing_ok=True)
    return goal


def checked(path: str | os.PathLike[str]) -> Path:
    """Return the path after refusing what cannot be a file to write."""
    if not isinstance(path, str | os.PathLike) or not str(path):
        refuse("path", repr(path), "give the path of a .parquet file")
    goal = Path(path).expanduser()
    if goal.is_dir():
        refuse("path", f"the folder {goal}", "name a file in it, as in results.parquet")
    if not goal.parent.is_dir():
        refuse("path", f"{goal}, whose folder is not there", "make the folder first")
    return goal


def _lists(values: np.ndarray) -> Any:
    """Return one list per row."""
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def _storable(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the table with levels that one Arrow type can hold; those of mixed kinds, or of objects, become text."""
    levels = [table.index.get_level_values(place) for place in range(table.index.nlevels)]
    texts = []
    for place, level in enumerate(levels):
        kinds = {type(value) for value in level.unique() if not _missing(value)}
        if level.dtype == object and (len(kinds) > 1 or not kinds <= set(_PLAIN)):
            levels[place] = pd.Index([None if _missing(value) else str(value) for value in level], dtype=object)
            texts.append(str(table.index.names[place]))
    frame = table.copy(deep=False)
    frame.index = pd.MultiIndex.from_arrays(levels, names=table.index.names)
    return frame, texts


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value))
