"""From what a params file says about data to bars: the store, a file, or the simulated market."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd

from cryptolab.bars import Bars
from cryptolab.checks import flag, known_keys, refuse
from cryptolab.data_fetchers import simulate
from cryptolab.database import load, read
from cryptolab.database.spans import instant
from cryptolab.settings import project_root

REAL_DATA = "CRYPTOLAB_REAL_DATA"
_KEYS = {"file": ("file", "symbol", "timeframe"), "simulated": ("simulated",), "store": ("store",)}
_STORED = ("symbol", "timeframe", "start", "end", "exchange", "as_of", "allow_holes")


def check_source(spec: Any) -> str:
    """Return which kind of data `spec` names, "store", "file" or "simulated"; refuse none, two, or other keys."""
    if not isinstance(spec, Mapping) or not spec:
        refuse("data", repr(spec), "write {store: {symbol: ..., timeframe: ...}}, {file: ...} or {simulated: {...}}")
    known_keys("key of data", map(str, spec), sorted({key for keys in _KEYS.values() for key in keys}))
    kinds = [kind for kind in _KEYS if kind in spec]
    if len(kinds) != 1:
        refuse("data", " and ".join(kinds) or ", ".join(map(str, spec)), "write one of store, file and simulated")
    known_keys(f"key of data from {kinds[0]!r}:", spec, _KEYS[kinds[0]])
    if kinds[0] == "simulated":
        if not isinstance(spec["simulated"] or {}, Mapping):
            refuse("data: simulated", repr(spec["simulated"]), "write a mapping, as in {bars: 26280, timeframe: 1h}")
        known_keys("key of the simulated market:", spec["simulated"] or {}, inspect.signature(simulate).parameters)
    elif kinds[0] == "store":
        if not isinstance(spec["store"], Mapping):
            refuse("data: store", repr(spec["store"]), "write a mapping, as in {symbol: BTC/USDT, timeframe: 1h}")
        known_keys("key of data from the store:", spec["store"], _STORED)
        for name in ("symbol", "timeframe"):
            if not spec["store"].get(name):
                refuse("data: store", f"no {name}", "write {symbol: BTC/USDT, timeframe: 1h}")
        flag("data: store: allow_holes", spec["store"].get("allow_holes", False))
    elif not isinstance(spec["file"], str) or not spec["file"].strip():
        refuse("data: file", repr(spec["file"]), "write the path of a .parquet or .csv file")
    return kinds[0]


def load_data(spec: Mapping[str, Any], seed: int = 7) -> Bars:
    """Return the bars that `spec` names: {store: {symbol, timeframe, start, end, exchange, as_of}},
    {file, symbol, timeframe} or {simulated: {bars, timeframe, seed, ...}}.

    In `file`, environment variables are written ${NAME}; CRYPTOLAB_REAL_DATA is, unless set, ../shared/data beside
    the project's root. A relative path starts at the project's root. `seed` is that of a simulated market which names
    none. Raises InputError for unknown keys, unset variables and files that cannot be read.
    """
    kind = check_source(spec)
    if kind == "simulated":
        return simulate(**{"seed": seed, **(spec["simulated"] or {})})
    if kind == "store":
        return load(**spec["store"])
    return read(locate(spec["file"]), spec.get("symbol"), spec.get("timeframe"))


def pinned(spec: Any) -> Any:
    """Return a spec of the store with the moment it is read at, so that it means the same bars for ever; others stay.

    What is stored or revised from now on is not among them.
    """
    if not isinstance(spec, Mapping) or not isinstance(spec.get("store"), Mapping):
        return spec
    now, given = pd.Timestamp.now("UTC"), spec["store"].get("as_of")
    if given is not None:
        if instant("as_of", given) > now.value:
            refuse("data: store: as_of", str(given), "name a moment that has passed, or leave it out for now")
        return spec
    return {**spec, "store": {**spec["store"], "as_of": now.isoformat()}}


def locate(file: str) -> Path:
    """Return the path that `file` names, its variables replaced, relative to the project's root."""
    root = project_root()
    known = {REAL_DATA: str(root.parent / "shared" / "data"), **{k: v for k, v in os.environ.items() if v}}
    try:
        path = Path(Template(file).substitute(known)).expanduser()
    except KeyError as missing:
        refuse("data: file", file, f"set {missing.args[0]} in the environment")
    except ValueError:
        refuse("data: file", file, "write a variable as ${NAME}")
    return root / path
