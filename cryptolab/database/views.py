"""What market.duckdb shows of the store to whoever opens it: ohlcv, signals and revisions, as views over the files.

They stay right while the store grows, and are made anew where the store has moved. DuckDB does not look at checksums,
nor are files held that a writer replaces meanwhile: `DuckDBManager.sql` sees to both (see `queries`).
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from cryptolab.bars import COLUMNS

log = logging.getLogger(__name__)

KEYS = ("exchange", "symbol", "timeframe")
REVISION = {
    "timestamp": "BIGINT", **dict.fromkeys(COLUMNS, "DOUBLE"), "arrived": "BIGINT", "replaced": "BIGINT",
    "source": "VARCHAR",
}  # fmt: skip
SIGNAL = {
    "timestamp": "BIGINT", "symbol": "VARCHAR", "signal_type": "VARCHAR", "strength": "DOUBLE", "source": "VARCHAR",
    "metadata": "JSON", "saved": "BIGINT",
}  # fmt: skip
_BARS = "ohlcv/*/*/*/*/[0-9]*-[0-9]*_*T*_*T*_*_*.parquet"
_SAVES = r"(.*)/(\d+)-(\d+)_\d{8}T\d{4}_\d{8}T\d{4}_\d+_[0-9a-f]{8}\.parquet"
_MARK = re.compile(rb"cryptolab [0-9a-f]{64}")
_MOST = 4 * 2**20
"""Bytes of a database file that are looked at: one with views alone has less."""
_TIMES = ("timestamp", "arrived", "replaced", "saved")


def is_shown(path: Path, folder: Path) -> bool:
    """Return whether there is a file with the views of this place; one that is somebody's own counts as such."""
    try:
        with path.open("rb") as file:
            marks = set(_MARK.findall(file.read(_MOST)))
    except FileNotFoundError:
        return False
    except OSError:
        return path.exists()
    return not marks or _mark(folder.resolve()).encode() in marks


def show(path: Path, folder: Path) -> None:
    """Make the file where there is none, or one with the views of another place. Raises OSError and duckdb.Error."""
    if path.exists() and _holds_more(path):
        log.warning("%s shows another place, and holds more than views: remove it to see this one", path)
    else:
        _write(path, folder.resolve())


def _mark(root: Path) -> str:
    """Return what is written into the file: whether its views are those of this place, and as they are made today."""
    return "cryptolab " + hashlib.sha256("".join(_views(root).values()).encode()).hexdigest()


def _holds_more(path: Path) -> bool:
    import duckdb

    with duckdb.connect(os.fspath(path), read_only=True) as connection:
        query = (
            "SELECT view_name FROM duckdb_views() WHERE NOT internal UNION ALL SELECT table_name FROM duckdb_tables()"
        )
        return {name for (name,) in connection.execute(query).fetchall()} != {"ohlcv", "revisions", "signals"}


def _write(path: Path, root: Path) -> None:
    """Make the file anew, in one go: it holds the views and nothing else."""
    import duckdb

    mark = _mark(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        with duckdb.connect(os.fspath(draft)) as connection:
            for name, query in _views(root).items():
                connection.execute(f"CREATE VIEW {name} AS {query}")
                connection.execute(f"COMMENT ON VIEW {name} IS '{mark}'")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _views(root: Path) -> dict[str, str]:
    """Return the query of each view."""
    shown, said = _candles(root), f"{_literally(root)}/ohlcv/*/*/*/revisions/*.jsonl"
    columns = ", ".join(_as_time(name) if name in _TIMES else name for name in (*COLUMNS, "arrived"))
    return {
        "ohlcv": f"SELECT {', '.join(KEYS)}, {_as_time('timestamp')}, {columns}, source FROM ({shown})",
        "revisions": revisions(_lines(said, REVISION, KEYS), f"({shown})"),
        "signals": signals(_lines(f"{_literally(root)}/signals/*.jsonl", SIGNAL, ())),
    }


def revisions(lines: str, bars: str) -> str:
    """Return the query over the lines of revisions, times as ns, and the bars that there are.

    Revisions are noted before the bars are stored that take their place: of those that another revision or a bar of now
    followed, it was so.
    """
    place = ", ".join(KEYS)
    return f"""SELECT {_chosen((*KEYS, *REVISION))} FROM {lines} SEMI JOIN (
        SELECT {place}, epoch_ns(timestamp) AS timestamp, epoch_ns(arrived) AS replaced FROM {bars}
        UNION ALL SELECT {place}, timestamp, arrived FROM {lines}
        ) AS followed USING ({place}, timestamp, replaced)"""


def signals(lines: str) -> str:
    """Return the query over the lines of signals, times as ns."""
    return f"SELECT {_chosen(SIGNAL)} FROM {lines}"


def _candles(root: Path) -> str:
    """Return the query over the Parquet files that no later one has superseded (see `segments.listed`)."""
    kinds = dict.fromkeys(("filename", *KEYS, "source"), "VARCHAR") | dict.fromkeys(COLUMNS, "DOUBLE")
    kinds |= dict.fromkeys(("timestamp", "arrived"), "TIMESTAMPTZ_NS")
    pattern = _text(f"{_literally(root)}/{_BARS}")
    files = f"read_parquet({pattern}, filename = true, {_HIVE})"
    return f"""
        WITH named AS (
            SELECT file, regexp_extract(file, {_text(_SAVES)}, ['folder', 'first', 'last']) AS said
            FROM glob({pattern}) WHERE regexp_full_match(file, {_text(_SAVES)})
        ), reached AS (
            SELECT file, CAST(said.last AS BIGINT) AS last, max(CAST(said.last AS BIGINT)) OVER (
                PARTITION BY said.folder ORDER BY CAST(said.first AS BIGINT), CAST(said.last AS BIGINT) DESC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS reach FROM named
        )
        SELECT exchange, replace(symbol, '-', '/') AS symbol, timeframe, timestamp, {", ".join(COLUMNS)}, arrived,
            CAST(source AS VARCHAR) AS source
        FROM ({_nothing(kinds)} UNION ALL BY NAME SELECT * FROM {files})
        WHERE filename IN (SELECT file FROM reached WHERE reach IS NULL OR last > reach)"""


def _lines(pattern: str, columns: dict[str, str], keys: tuple[str, ...]) -> str:
    """Return the relation of the lines of a journal."""
    fields = ", ".join(f"{name}: {_text(kind)}" for name, kind in columns.items())
    hive = _HIVE if keys else "allow_empty = true"
    chosen = [
        "replace(symbol, '-', '/') AS symbol" if name == "symbol" and keys else name for name in (*keys, *columns)
    ]
    return f"""(SELECT {", ".join(chosen)} FROM ({_nothing(dict.fromkeys(keys, "VARCHAR") | columns)}
        UNION ALL BY NAME SELECT * FROM read_json({_text(pattern)}, format = 'newline_delimited',
        columns = {{{fields}}}, ignore_errors = true, {hive})) WHERE timestamp IS NOT NULL)"""


def _chosen(columns: Iterable[str]) -> str:
    """Return the columns of a journal's lines, their times as DuckDB's functions take them."""
    return ", ".join(f"make_timestamptz({name} // 1000) AS {name}" if name in _TIMES else name for name in columns)


def _literally(root: Path) -> str:
    """Return a folder's path with nothing in it that stands for other names."""
    return re.sub(r"[*?\[]", r"[\g<0>]", os.fspath(root))


_HIVE = "hive_partitioning = true, hive_types_autocast = false, allow_empty = true"


def _as_time(name: str) -> str:
    """Return a time as DuckDB's functions take it: of those in nanoseconds with a zone they know nothing."""
    return f"CAST({name} AS TIMESTAMPTZ) AS {name}"


def _nothing(columns: dict[str, str]) -> str:
    return "SELECT " + ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in columns.items()) + " WHERE false"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
