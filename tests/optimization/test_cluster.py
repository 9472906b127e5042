"""A sweep on dask's workers gives the same rows, byte for byte, whatever happens to them. All processes are real."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryptolab import long_while
from cryptolab.errors import InputError, RunError
from cryptolab.indicators import EMA, INDICATORS, indicator
from cryptolab.optimization import cluster as module
from cryptolab.optimization import sweep
from cryptolab.optimization.cluster import check_executor, run_dask
from cryptolab.optimization.parcel import Parcel, importable
from cryptolab.signal_generator import Strategy, ema_cross, get_strategy
from tests.optimization.clusters import (
    Witness,
    assert_same_as_here,
    certificates,
    cluster,
    idea,
    kill_worker,
    market,
    meddled,
    plan_of,
    seen,
    task_of,
)

ROOT = Path(__file__).resolve().parents[2]
EVER = threading.Event()
"""A stop that is never set."""
RATES = {"period": range(5, 15), "level": [0.0, 0.01, 0.02, 0.03]}


@pytest.fixture(autouse=True)
def _catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the files of these tests declare is gone afterwards."""
    monkeypatch.setattr("cryptolab.indicators.declaration.INDICATORS", dict(INDICATORS))


@pytest.fixture(scope="module")
def two() -> Iterator[Any]:
    """A cluster of two workers for the tests that leave it whole."""
    with cluster(2) as made:
        yield made


@pytest.fixture
def client(two: Any) -> Iterator[Any]:
    from distributed import Client

    with Client(two, set_as_default=False) as made:
        yield made


def written(address: str) -> str:
    return address.replace("tcp://", "dask://")


def pids(client: Any) -> list[int]:
    return list(client.run(os.getpid).values())


def test_two_workers_give_the_rows_of_this_process(two: Any, client: Any, tmp_path: Path) -> None:
    task = task_of(idea(tmp_path), {**RATES, "seconds": [0.01]}, market(), market("ETH/USDT", 500, seed=4))
    rows = list(run_dask(task, plan_of(task), written(two.scheduler_address), EVER))
    assert seen(tmp_path) == set(pids(client))
    assert_same_as_here(task, rows)
    assert sum(len(part.errors) for part in rows) == 2


def test_sweep_gives_the_identical_table_through_a_client(client: Any) -> None:
    bars = market()
    grid = {"fast": range(5, 15), "slow": range(20, 30), "stop_loss": [None, 0.02]}
    here = sweep(ema_cross, bars, grid, progress=False)
    there = sweep(ema_cross, bars, grid, executor=client, progress=False)
    assert there.table.equals(here.table)
    assert there.blocks.tobytes() == here.blocks.tobytes()
    assert client.status == "running"


def test_each_worker_is_sent_the_task_once_and_nothing_stays_behind(client: Any, tmp_path: Path) -> None:
    task = task_of(Witness(idea(tmp_path), tmp_path / "arrivals"), {**RATES, "seconds": [0.01]})
    assert len(list(run_dask(task, plan_of(task), client, EVER))) == 10
    assert sorted((tmp_path / "arrivals").read_text().split()) == sorted(map(str, pids(client)))
    assert_forgotten(client)


def assert_forgotten(client: Any) -> None:
    """The scheduler holds nothing any more, soon."""
    until = time.monotonic() + 5
    while client.run_on_scheduler(tasks_held) and time.monotonic() < until:
        time.sleep(0.05)
    assert client.run_on_scheduler(tasks_held) == 0


def tasks_held(dask_scheduler: Any) -> int:
    return len(dask_scheduler.tasks)


def test_the_rows_are_the_same_when_a_worker_is_killed_in_the_middle(tmp_path: Path) -> None:
    from distributed import Client

    task = task_of(idea(tmp_path), {**RATES, "seconds": [0.02]})
    with cluster(2) as made, Client(made, set_as_default=False) as client:
        workers = pids(client)
        rows = run_dask(task, plan_of(task, 2), client, EVER)
        assert_same_as_here(task, meddled(rows, 3, lambda: kill_worker(client, workers[0])))
        # the other one went on; the one that dask starts in its place may come too late for any
        assert {workers[1]} <= seen(tmp_path) - {os.getpid()} - {workers[0]}


def test_the_task_is_sent_again_when_its_only_holder_is_killed(tmp_path: Path) -> None:
    from distributed import Client

    task = task_of(Witness(idea(tmp_path), tmp_path / "arrivals"), {"period": range(5, 15), "seconds": [0.02]})
    with cluster(1) as made, Client(made, set_as_default=False) as client:
        (worker,) = pids(client)
        rows = run_dask(task, plan_of(task, 1), written(made.scheduler_address), EVER)
        assert_same_as_here(task, meddled(rows, 3, lambda: kill_worker(client, worker)))
    arrivals = (tmp_path / "arrivals").read_text().split()
    assert arrivals[0] == str(worker)
    assert len(arrivals) == len(set(arrivals)) == 2


def test_a_set_that_kills_every_worker_ends_the_sweep_in_a_sentence(tmp_path: Path) -> None:
    import dask

    task = task_of(idea(tmp_path, "deadly"), {"period": range(5, 15)})
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), cluster(1) as made:
        rows = run_dask(task, plan_of(task), written(made.scheduler_address), EVER)
        with pytest.raises(RunError, match=r"period=5, or one of 3 sets after it: received the death of every worker"):
            list(rows)


def test_a_task_that_kills_whoever_gets_it_is_not_sent_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_IN_VAIN", 1)
    task = task_of(idea(tmp_path, "deadly"), {"period": range(5, 15)})
    with cluster(1) as made, pytest.raises(RunError, match="although the task was sent 1 times to workers that died"):
        list(run_dask(task, plan_of(task), written(made.scheduler_address), EVER))


SCRIPT = """
import sys
import numpy as np
from cryptolab import indicator, long_while, strategy
from cryptolab.kernels.compiler import kernel
from cryptolab.optimization.cluster import run_dask
from tests.optimization.clusters import assert_same_as_here, plan_of, task_of
import threading

@kernel
def total(values):
    out = 0.0
    for value in values:
        out += value
    return out

@indicator(lookback=lambda period: period - 1, memory=lambda period: period)
def MIDDLE(high, low, period: int = 5):
    out = np.full(high.size, np.nan)
    for t in range(period - 1, high.size):
        out[t] = total(high[t - period + 1 : t + 1] + low[t - period + 1 : t + 1]) / (2 * period)
    return out

def over(values, line):
    return values > line

@strategy
def middles(bars, period=5):
    return long_while(over(bars.close, MIDDLE(bars, period=period)))

task = task_of(middles, {"period": range(3, 13)})
assert_same_as_here(task, run_dask(task, plan_of(task), sys.argv[1], threading.Event()))
print("same")
"""


def test_what_a_script_or_notebook_defines_in_main_travels_whole(two: Any, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-W", "error", script, written(two.scheduler_address)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("same\n", "")


def test_a_set_that_raises_ends_the_sweep_where_that_is_wanted(client: Any, tmp_path: Path) -> None:
    task = task_of(idea(tmp_path), RATES, on_error="raise")
    with pytest.raises(RunError, match=r"period=7, level=0\.03: rates raised ValueError: no rate of seven"):
        list(run_dask(task, plan_of(task), client, EVER))
    assert_forgotten(client)


def test_stop_and_closing_take_back_what_waits(client: Any, tmp_path: Path) -> None:
    task = task_of(idea(tmp_path), {**RATES, "seconds": [0.05]})
    stop = threading.Event()
    rows = run_dask(task, plan_of(task), client, stop)
    next(rows)
    stop.set()
    begin = time.monotonic()
    assert len(list(rows)) <= 2
    assert time.monotonic() - begin < 1
    assert_forgotten(client)
    again = run_dask(task, plan_of(task), client, EVER)
    next(again)
    again.close()  # type: ignore[attr-defined]
    assert_forgotten(client)
    assert client.status == "running"


def test_an_interrupt_takes_back_what_waits(client: Any, tmp_path: Path) -> None:
    task = task_of(idea(tmp_path), {**RATES, "seconds": [0.2]})
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        list(run_dask(task, plan_of(task), client, EVER))
    timer.join()
    assert_forgotten(client)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on the PATH: sudo apt-get install openssl")
def test_a_scheduler_behind_tls_is_reached_with_the_certificates_of_dasks_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dask
    from distributed.security import Security

    task = task_of(idea(tmp_path), RATES)
    none = {f"distributed.comm.tls.{name}": None for name in ("ca-file", "client.cert", "client.key")}
    with dask.config.set(certificates(tmp_path)), cluster(1, protocol="tls", security=Security()) as made:
        address = made.scheduler_address
        assert address.startswith("tls://127.0.0.1:")
        assert_same_as_here(task, run_dask(task, plan_of(task), address, EVER))
        monkeypatch.setattr(module, "ANSWER_WITHIN", 1.0)
        with (
            dask.config.set(none),
            pytest.raises(InputError, match=r"in dask's configuration \(distributed.comm.tls\)"),
        ):
            list(run_dask(task, plan_of(task), address, EVER))
        with pytest.raises(InputError, match="where no scheduler answers"):
            list(run_dask(task, plan_of(task), address.replace("tls://", "dask://"), EVER))


@pytest.fixture
def ports() -> Iterator[dict[str, int]]:
    """A port where nobody listens, one that takes connections and never says a word, and one that speaks HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = server.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as silent, HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as web:
        thread = threading.Thread(target=web.serve_forever, args=(0.05,))
        thread.start()
        yield {"nobody": nobody, "silent": silent.getsockname()[1], "web": web.server_port}
        web.shutdown()
        thread.join()


@pytest.mark.parametrize("kind", ["nobody", "silent", "web"])
def test_an_address_where_no_scheduler_answers_is_refused_in_time(
    kind: str, ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module.ANSWER_WITHIN <= 10
    monkeypatch.setattr(module, "ANSWER_WITHIN", 1.0)
    task, address = task_of(ema_cross, {"fast": [5]}), f"dask://127.0.0.1:{ports[kind]}"
    begin = time.monotonic()
    with pytest.raises(
        InputError, match=rf"executor: received '{address}', where no scheduler answers .*; check the a"
    ):
        list(run_dask(task, plan_of(task), address, EVER))
    assert time.monotonic() - begin < 4


def test_a_cluster_without_workers_or_that_goes_away_ends_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WORKERS_WITHIN", 1.0)
    monkeypatch.setattr(module, "ANSWER_WITHIN", 2.0)
    task = task_of(idea(tmp_path), {**RATES, "seconds": [0.05]})
    with cluster(0) as made, pytest.raises(RunError, match=r"received no worker for 1 s; start one"):
        list(run_dask(task, plan_of(task), written(made.scheduler_address), EVER))
    with cluster(1) as made:
        rows = run_dask(task, plan_of(task), written(made.scheduler_address), EVER)
        with pytest.raises(RunError, match=r"received no (worker|answer)"):
            list(meddled(rows, 2, made.close))


def test_a_worker_without_cryptolab_is_named(tmp_path: Path) -> None:
    bare = "import sys; sys.modules['cryptolab'] = None; from distributed.cli.dask_worker import main; main()"
    task = task_of(ema_cross, {"fast": [5]})
    with cluster(0) as made:
        command = [sys.executable, "-c", bare, made.scheduler_address, "--no-nanny", "--no-dashboard"]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as worker:
            try:
                with pytest.raises(InputError, match="a worker without cryptolab; install it there, the same version"):
                    list(run_dask(task, plan_of(task), written(made.scheduler_address), EVER))
            finally:
                worker.kill()


def test_a_worker_that_lacks_the_users_module_is_told_what_to_do(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_own_ideas.py").write_text("def hold(bars, period=3):\n    return bars.close > period\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import my_own_ideas  # type: ignore[import-not-found]

    task = task_of(Strategy(my_own_ideas.hold), {"period": [3, 4]})
    with pytest.raises(InputError, match=r"no module 'my_own_ideas'; .*client\.upload_file.*'ideas/foo\.py:foo'"):
        list(run_dask(task, plan_of(task), client, EVER))


def test_other_versions_on_a_worker_are_refused() -> None:
    parcel = Parcel(task_of(ema_cross, {"fast": [5]}), 10**6)
    assert parcel.open() is parcel.open()
    state = parcel.__getstate__()
    again = Parcel.__new__(Parcel)
    again.__setstate__({**state, "_versions": {**state["_versions"], "numpy": "1.0"}})
    with pytest.raises(InputError, match=rf"a worker: received numpy {np.__version__}; install 1\.0 there, as here"):
        again.open()


def test_executors_that_cannot_be_are_refused(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import Client

    for wrong in ("127.0.0.1:8786", "dask://host", "http://host:1", "dask://:1", "dask://a b:1", 3, two):
        with pytest.raises(InputError, match=r"executor: received .*; give 'dask://host:port', 'tls://host:port' or a"):
            check_executor(wrong)
    for right in ("dask://host:8786", "tls://10.0.0.1:1", "tcp://[::1]:8786", " dask://host:1/"):
        check_executor(right)
    with Client(two, set_as_default=False) as gone:
        check_executor(gone)
    with pytest.raises(InputError, match="a Client that is closed; make it anew"):
        check_executor(gone)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"without the package distributed; install the extra: pip install"):
        check_executor("dask://host:8786")


def test_a_notebooks_running_event_loop_is_no_hindrance(two: Any, tmp_path: Path) -> None:
    import asyncio

    task = task_of(idea(tmp_path), RATES)

    async def cell() -> list[Any]:
        return list(run_dask(task, plan_of(task), written(two.scheduler_address), EVER))

    assert_same_as_here(task, asyncio.run(cell()))


def test_an_asynchronous_client_is_refused(two: Any) -> None:
    import asyncio

    from distributed import Client

    async def ask() -> None:
        async with Client(two.scheduler_address, asynchronous=True, set_as_default=False) as made:
            with pytest.raises(InputError, match="an asynchronous Client; make it with asynchronous=False"):
                check_executor(made)

    asyncio.run(ask())


def held_here(bars: Any, level: float = 1.0) -> Any:
    return long_while(bars.close > level)


held_here = Strategy(held_here)  # as the decorator does, but for the catalogue, which other tests go through


def test_names_that_another_process_finds_travel_as_names(tmp_path: Path) -> None:
    @indicator
    def INNER(close: np.ndarray) -> np.ndarray:
        return close

    assert importable(ema_cross)
    assert importable(EMA)
    assert importable(held_here)
    assert not importable(INNER)
    assert not importable(Strategy(held_here.function))
    assert not importable(idea(tmp_path))
    size = Parcel(task_of(ema_cross, {"fast": [5]}), 0).nbytes
    assert 0 < Parcel(task_of(idea(tmp_path), {"period": [5]}), 0).nbytes - size < 10_000


def test_modules_that_the_user_wants_sent_whole_are(tmp_path: Path) -> None:
    import cloudpickle

    assert importable(held_here)
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    try:
        assert not importable(held_here)
    finally:
        cloudpickle.unregister_pickle_by_value(here)


def test_a_parcel_opens_to_the_same_task(tmp_path: Path) -> None:
    task = task_of(get_strategy("ema_cross"), {"fast": range(5, 9), "slow": [20, 30]}, market(), market("ETH/USDT"))
    opened = Parcel(task, 10**6).open()
    assert opened.identity() == task.identity()
    assert opened.bars[0].memo is not task.bars[0].memo
    assert np.shares_memory(opened.bars[0].close, task.bars[0].close)  # nothing is copied on the way
    with pytest.raises(ValueError, match="read-only"):
        opened.bars[0].close[0] = 1.0
