"""Small sweeps and real clusters for test_cluster; also imported by the workers."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.backtesting import Costs, Risk
from cryptolab.bars import Bars
from cryptolab.optimization.grid import make_grid
from cryptolab.optimization.planning import Plan
from cryptolab.optimization.task import Rows, StrategySource, Task, run_rows
from cryptolab.signal_generator import Strategy, get_strategy

IDEA = """
import os
import time
from pathlib import Path

import numpy as np

from cryptolab import indicator, long_while, strategy
from cryptolab.indicators import EMA

SCALE = 1.0
FOLDER = Path({folder!r})
HOME = {home}


@indicator(lookback=lambda period: period, memory=lambda period: period, outputs=("rate", "size"))
def RATE(close, period: int = 10):
    rate = np.full(close.size, np.nan)
    rate[period:] = close[period:] / close[:-period] - 1
    return rate, np.abs(rate)


def above(values, level):
    return values > level * SCALE


@strategy
def rates(bars, period=10, level=0.0, seconds=0.0):
    time.sleep(seconds if os.getpid() != HOME else 0)
    (FOLDER / str(os.getpid())).touch()
    if level == 0.03 and period == 7:
        raise ValueError("no rate of seven")
    return long_while(above(RATE(bars, period=period).rate, level) & (EMA(bars, period=9) > 0))


@strategy
def deadly(bars, period=10):
    if os.getpid() != HOME:
        os.kill(os.getpid(), 9)
    return long_while(EMA(bars, period=period) > 0)
"""
"""A user's file: strategies that call a helper, a constant and an indicator of the same file. The first leaves the
number of the process that ran it in a folder, and takes its time in every process but the one that wrote the file."""


def market(symbol: str = "BTC/USDT", count: int = 800, seed: int = 3) -> Bars:
    """Return hourly bars: a seeded walk."""
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, count)))
    columns = {"open": close, "high": close * 1.002, "low": close * 0.998, "close": close, "volume": np.ones(count)}
    index = pd.date_range("2024-01-01", periods=count, freq="h", tz="UTC")
    return Bars.from_frame(pd.DataFrame(columns, index=index), symbol)


class Witness(StrategySource):
    """A source that leaves a line in a file each time it arrives in a process."""

    def __init__(self, strategy: Strategy, file: Path) -> None:
        super().__init__(strategy)
        self.file = file

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        with self.file.open("a") as file:
            file.write(f"{os.getpid()}\n")


def task_of(source: Any, grid: dict[str, Any], *bars: Bars, on_error: str = "record") -> Task:
    """Return the sweep of a strategy over its own parameters."""
    source = StrategySource(source) if isinstance(source, Strategy) else source
    sets = make_grid(grid)
    return Task(
        source, bars or (market(),), sets, tuple(sets.columns), (), (), Costs(), Risk(), 10_000.0, 16, on_error
    )  # fmt: skip


def idea(folder: Path, name: str = "rates") -> Strategy:
    """Return a strategy from a file of its own in `folder`, which also gets the folder `seen`."""
    (folder / "seen").mkdir(exist_ok=True)
    (folder / "idea.py").write_text(IDEA.format(folder=str(folder / "seen"), home=os.getpid()))
    return get_strategy(f"idea.py:{name}", folder)


def seen(folder: Path) -> set[int]:
    """Return the processes that ran the idea."""
    return {int(path.name) for path in (folder / "seen").iterdir()}


def plan_of(task: Task, size: int = 4) -> Plan:
    """Return chunks of `size` rows, never across symbols."""
    chunks = []
    for symbol in range(len(task.bars)):
        numbers = symbol * len(task.grid) + np.arange(len(task.grid))
        chunks += np.split(numbers, range(size, len(numbers), size))
    return Plan(threads=1, memo=10**7, chunks=tuple(chunks), predicted={}, budget=10**9)


def joined(parts: Iterable[Rows]) -> Rows:
    """Return rows in the order of their numbers; each must be there once."""
    parts = list(parts)
    numbers = np.concatenate([part.numbers for part in parts])
    assert len(np.unique(numbers)) == len(numbers)
    order = np.argsort(numbers)
    errors = {number: said for part in parts for number, said in part.errors.items()}
    arrays = (np.concatenate([part[place] for part in parts])[order] for place in (1, 2))
    return Rows(numbers[order], *arrays, dict(sorted(errors.items())))  # type: ignore[call-arg, arg-type]


def assert_same_as_here(task: Task, parts: Iterable[Rows]) -> None:
    """All rows of the task, each byte as this process computes it."""
    found, expected = joined(parts), run_rows(task, np.arange(len(task.grid) * len(task.bars)))
    for one, other in zip(found[:3], expected[:3], strict=True):
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes()
    assert found.errors == expected.errors


@contextmanager
def cluster(workers: int, **options: Any) -> Iterator[Any]:
    """Yield a LocalCluster of processes of one thread each, without a dashboard of a known port; all end with it."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit=0, **options
    ) as made:
        yield made


def meddled(rows: Iterator[Rows], after: int, meddle: Callable[[], Any]) -> Iterator[Rows]:
    """Pass rows on, and call `meddle` once, after so many parts."""
    for count, part in enumerate(rows, start=1):
        yield part
        if count == after:
            meddle()


def kill_worker(client: Any, worker: int) -> None:
    """Kill the process and wait until dask has started another in its place."""
    before = set(client.run(os.getpid))
    os.kill(worker, signal.SIGKILL)
    until = time.monotonic() + 60
    while time.monotonic() < until and not set(client.nthreads()) - before:
        time.sleep(0.05)


def certificates(folder: Path) -> dict[str, str]:
    """Make an authority and a certificate for this machine; return them by their names in dask's configuration."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=test authority")
    openssl("req", *key, "-keyout", "own.key", "-out", "own.csr", "-subj", "/CN=127.0.0.1")
    sign = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30")
    openssl("x509", "-req", "-in", "own.csr", "-out", "own.pem", *sign)
    ca, cert, own = (str(folder / name) for name in ("ca.pem", "own.pem", "own.key"))
    own_files = {"cert": cert, "key": own}
    sides = {f"{side}.{kind}": own_files[kind] for side in ("scheduler", "worker", "client") for kind in own_files}
    return {f"distributed.comm.tls.{name}": path for name, path in {"ca-file": ca, **sides}.items()}
