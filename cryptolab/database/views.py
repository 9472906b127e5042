"""What market.duckdb shows of the store to whoever opens it: ohlcv, signals and revisions, as views over the files.

They are made once and stay right while the store grows. DuckDB does not look at the files' checksums, nor are files
held that a writer replaces meanwhile: `DuckDBManager.sql` sees to both (see `queries`).
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptolab.bars import COLUMNS

_KEYS = ("exchange", "symbol", "timeframe")
_BARS = "ohlcv/*/*/*/*/[0-9]*-[0-9]*_*T*_*T*_*_*.parquet"
_SAVES = r"(.*)/(\d+)-(\d+)_\d{8}T\d{4}_\d{8}T\d{4}_\d+_[0-9a-f]{8}\.parquet"
_REVISED = {"timestamp": "BIGINT", **dict.fromkeys(COLUMNS, "DOUBLE"), "arrived": "BIGINT", "replaced": "BIGINT"}
_REVISIONS = {**_REVISED, "source": "VARCHAR"}
_SIGNALS = {
    "timestamp": "BIGINT", "symbol": "VARCHAR", "signal_type": "VARCHAR", "strength": "DOUBLE", "source": "VARCHAR",
    "metadata": "JSON", "saved": "BIGINT",
}  # fmt: skip
_TIMES = ("timestamp", "arrived", "replaced", "saved")


def write_views(path: Path, folder: Path) -> None:
    """Make the database file anew, in one go: it holds the views and nothing else."""
    import duckdb

    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    root = folder.resolve()
    try:
        with duckdb.connect(os.fspath(draft)) as connection:
            for name, query in {"ohlcv": _candles(root), **journals(root)}.items():
                connection.execute(f"CREATE VIEW {name} AS {query}")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def journals(root: Path) -> dict[str, str]:
    """Return the queries over what is kept in lines of JSON: revisions and signals."""
    return {
        "revisions": _lines(f"{root}/ohlcv/*/*/*/revisions/*.jsonl", _REVISIONS, _KEYS),
        "signals": _lines(f"{root}/signals/*.jsonl", _SIGNALS, ()),
    }


def _candles(root: Path) -> str:
    """Return the query over the Parquet files that no later one has superseded (see `segments.listed`)."""
    kinds = dict.fromkeys(("filename", *_KEYS, "source"), "VARCHAR") | dict.fromkeys(COLUMNS, "DOUBLE")
    kinds |= dict.fromkeys(("timestamp", "arrived"), "TIMESTAMPTZ_NS")
    files = f"read_parquet({_text(f'{root}/{_BARS}')}, filename = true, {_HIVE})"
    columns = ", ".join(_as_time(name) if name in _TIMES else name for name in COLUMNS)
    return f"""
        WITH named AS (
            SELECT file, regexp_extract(file, {_text(_SAVES)}, ['folder', 'first', 'last']) AS said
            FROM glob({_text(f"{root}/{_BARS}")}) WHERE regexp_full_match(file, {_text(_SAVES)})
        ), reached AS (
            SELECT file, CAST(said.last AS BIGINT) AS last, max(CAST(said.last AS BIGINT)) OVER (
                PARTITION BY said.folder ORDER BY CAST(said.first AS BIGINT), CAST(said.last AS BIGINT) DESC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS reach FROM named
        )
        SELECT exchange, replace(symbol, '-', '/') AS symbol, timeframe, {_as_time("timestamp")}, {columns},
            {_as_time("arrived")}, CAST(source AS VARCHAR) AS source
        FROM ({_nothing(kinds)} UNION ALL BY NAME SELECT * FROM {files})
        WHERE filename IN (SELECT file FROM reached WHERE reach IS NULL OR last > reach)"""


def _lines(pattern: str, columns: dict[str, str], keys: tuple[str, ...]) -> str:
    """Return the query over the lines of a journal."""
    fields = ", ".join(f"{name}: {_text(kind)}" for name, kind in columns.items())
    hive = _HIVE if keys else "allow_empty = true"
    chosen = ["replace(symbol, '-', '/') AS symbol" if name == "symbol" else name for name in keys]
    chosen += [_as_time(f"make_timestamp_ns({name})", name) if name in _TIMES else name for name in columns]
    return f"""SELECT {", ".join(chosen)} FROM ({_nothing(dict.fromkeys(keys, "VARCHAR") | columns)} UNION ALL BY NAME
        SELECT * FROM read_json({_text(pattern)}, format = 'newline_delimited', columns = {{{fields}}},
        ignore_errors = true, {hive})) WHERE timestamp IS NOT NULL"""


_HIVE = "hive_partitioning = true, hive_types_autocast = false, allow_empty = true"


def _as_time(value: str, name: str = "") -> str:
    """Return a time as DuckDB's functions take it: of those in nanoseconds with a zone they know nothing."""
    return f"CAST({value} AS TIMESTAMPTZ) AS {name or value}"


def _nothing(columns: dict[str, str]) -> str:
    return "SELECT " + ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in columns.items()) + " WHERE false"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
