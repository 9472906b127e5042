"""A sweep on many machines: the same chunks, computed by the workers of a dask.distributed scheduler.

The task goes to each worker once. Every worker has a few chunks waiting, no more, so that a sweep that is stopped
stops. What a worker had when it died is given to the others; when the task died with its last holder it is sent again.
Rows come back in any order: their numbers say where they belong.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from cryptolab.checks import refuse
from cryptolab.errors import RunError
from cryptolab.optimization.parcel import Parcel
from cryptolab.optimization.stretches import Stretches
from cryptolab.optimization.task import Rows, Task, run_rows

if TYPE_CHECKING:
    from distributed import Client, Future

    from cryptolab.optimization.planning import Plan

ANSWER_WITHIN = 8.0
"""Seconds until a scheduler that does not answer counts as absent."""
WORKERS_WITHIN = 60.0
"""Seconds without any worker until the sweep gives up; a restarted worker needs some of them."""
_AHEAD = 3
"""Chunks given to each thread of a worker: one it computes and two that bridge the way to and fro."""
_IN_VAIN = 8
"""Times in a row that the task is sent to workers that all die before any row comes back."""
_GLANCE = 0.1
"""Seconds between looks at what gives no sign by itself: the stop, lost chunks."""
_ROLL_CALL = 1.0
"""Seconds between questions to the scheduler about who is there."""
_ADDRESS = re.compile(r"(dask|tcp|tls)://(\[[0-9a-fA-F:.]+\]|[^\s/:\[\]]+):([0-9]{1,5})/?")
_NO_MODULE = re.compile(r"No module named '([^'.]+)")
_WRITE = "give 'dask://host:port', 'tls://host:port' or a distributed.Client"


def check_executor(executor: Any) -> None:
    """Refuse what cannot be an executor, or needs a package that is not installed; nothing is reached for yet."""
    if isinstance(executor, str) and not _ADDRESS.fullmatch(executor.strip()):
        refuse("executor", repr(executor), _WRITE)
    try:
        from distributed import Client
    except ModuleNotFoundError:
        received = f"{executor!r}" if isinstance(executor, str) else f"a {type(executor).__name__}"
        refuse(
            "executor", f"{received}, without the package distributed", "install the extra: pip install -e '.[dask]'"
        )
    if isinstance(executor, str):
        return
    if not isinstance(executor, Client):
        refuse("executor", f"a {type(executor).__name__}", _WRITE)
    if executor.asynchronous:
        refuse("executor", "an asynchronous Client", "make it with asynchronous=False")
    if executor.status != "running":
        refuse("executor", f"a Client that is {executor.status}", "make it anew")


def run_dask(task: Task, plan: Plan, executor: Any, stop: threading.Event) -> Iterator[Rows]:
    """Yield the Rows of plan's chunks as the workers finish them, in any order, until all are there or `stop` is set.

    executor: "dask://host:port", "tls://host:port" (certificates as dask's own configuration names them), or a
    distributed.Client, which stays open. Closing the iterator takes back what the workers have not begun.

    Raises InputError for an executor that cannot be used, RunError when the workers or the scheduler are gone, and
    whatever `run_rows` raises on a worker.
    """
    check_executor(executor)
    with _connected(executor) as client:
        crew = _Crew(client, task, plan)
        try:
            while crew.busy and not stop.is_set():
                crew.hand_out()
                yield from crew.collect()
        finally:
            crew.dismiss()


def run_chunk(parcel: Parcel, numbers: np.ndarray) -> Rows:
    """What a worker does: all of a chunk's rows, of one symbol, in one thread."""
    task = parcel.open()
    symbol = int(numbers[0]) // len(task.grid)
    # chunks come symbol by symbol; another thread of this worker may still be at the one before
    task.leave(range(symbol - 1))
    return run_rows(task, numbers)


class _Crew:
    """The workers of one sweep, and which of them has which chunk.

    Each chunk is meant for one worker, the least laden, so that a worker that joins late is given some at once; the
    scheduler may pass it on to another when that one dies.
    """

    def __init__(self, client: Client, task: Task, plan: Plan) -> None:
        self._client, self._task, self._parcel = client, task, Parcel(task, plan.memo)
        self._waiting = Stretches(plan.chunks)
        self._given: dict[Future, tuple[np.ndarray, str]] = {}
        self._sent: Future | None = None
        self._in_vain = 0
        self._threads: dict[str, int] = {}
        self._news = threading.Event()
        self._asked, self._well = -np.inf, time.monotonic()

    @property
    def busy(self) -> bool:
        """Whether any chunk is still to come back."""
        return bool(self._waiting or self._given)

    def hand_out(self) -> None:
        """Give waiting chunks to workers that have fewer than `_AHEAD` for each of their threads.

        Raises RunError where there is no scheduler any more, or no worker that could be given anything for too long.
        """
        self._call_the_roll()
        if not self._threads or (self._waiting and not self._send()):
            self._lose_patience()
            return
        self._well = time.monotonic()
        laden = dict.fromkeys(self._threads, 0)
        for _, worker in self._given.values():
            laden[worker] = laden.get(worker, 0) + 1
        free = {worker: _AHEAD * threads - laden[worker] for worker, threads in self._threads.items()}
        while self._waiting and (worker := max(free, key=free.__getitem__)) and free[worker] > 0:
            free[worker] -= 1
            chunk = self._waiting.next_for(worker)
            future = self._client.submit(
                run_chunk, self._sent, chunk, pure=False, workers=[worker], allow_other_workers=True
            )
            self._given[future] = (chunk, worker)
            future.add_done_callback(self._announce)

    def collect(self) -> Iterator[Rows]:
        """Wait a moment and yield the rows of every chunk that came back; one whose task was lost waits again.

        What dask calls lost is a result that died with its worker and is being computed again.
        """
        self._news.wait(_GLANCE)
        self._news.clear()
        for future in [future for future in self._given if future.status not in ("pending", "lost")]:
            chunk, _ = self._given.pop(future)
            rows = self._rows_of(future, chunk)
            if rows is None:
                self._waiting.put_back(chunk)
            else:
                self._in_vain = 0
                yield rows

    def _rows_of(self, future: Future, chunk: np.ndarray) -> Rows | None:
        """Return what a chunk that came back holds; None where it was lost on the way."""
        from distributed import CancelledError, KilledWorker

        try:
            return future.result()
        except CancelledError:
            return None
        except KilledWorker as problem:
            first, others = self._task.said(int(chunk[0])), chunk.size - 1
            raise RunError(
                f"{first}, or one of {others} sets after it: received the death of every worker that computed them "
                f"({problem.allowed_failures + 1}); see the workers' logs, and give them more memory."
            ) from None
        except ModuleNotFoundError as problem:
            _about_a_module(problem)
            raise

    def dismiss(self) -> None:
        """Take back every chunk that is not finished, and the task."""
        held = [future for future in (*self._given, self._sent) if future is not None]
        with contextlib.suppress(Exception):  # a scheduler that is gone holds nothing any more
            if held and self._client.status == "running":
                self._client.cancel(held)
        self._given.clear()
        self._sent = None

    def _announce(self, future: Future) -> None:
        self._news.set()

    def _call_the_roll(self) -> None:
        """Learn, now and then, which workers there are and how many threads each has."""
        if time.monotonic() - self._asked < _ROLL_CALL:
            return
        self._threads = {}
        if self._client.status == "running":
            with contextlib.suppress(OSError):  # on the way to the scheduler: perhaps it comes back
                self._threads = dict(self._client.nthreads())
        self._asked = time.monotonic()

    def _lose_patience(self) -> None:
        """Raise RunError when the scheduler is gone or nobody was there to work for too long."""
        where = f"executor {getattr(self._client.scheduler, 'address', 'dask')}"
        if self._client.status in ("closed", "closing"):
            raise RunError(f"{where}: received no answer any more; start the scheduler again, then the sweep.")
        if time.monotonic() - self._well > WORKERS_WITHIN:
            raise RunError(
                f"{where}: received no worker for {WORKERS_WITHIN:.0f} s; start one (dask worker), then the sweep."
            )

    def _send(self) -> bool:
        """Send the task to all workers unless it is there; return whether it is."""
        if self._sent is not None and self._sent.status != "cancelled":
            return True
        self._sent = None
        if self._in_vain >= _IN_VAIN:  # a set, or the data's size, kills whoever gets it
            raise RunError(
                f"executor: received no rows, although the task was sent {self._in_vain} times to workers that died; "
                "see their logs, and give them more memory."
            )
        try:
            self._sent = self._client.scatter(self._parcel, broadcast=True, hash=False)
            self._in_vain += 1
        except OSError:
            self._asked = -np.inf  # a worker died meanwhile: ask who is left, and try again
        except Exception as problem:
            _about_a_module(problem)
            raise
        return self._sent is not None


@contextlib.contextmanager
def _connected(executor: Any) -> Iterator[Client]:
    """Yield the Client given, or one of our own, closed in the end and never anybody's default."""
    from distributed import Client

    if isinstance(executor, Client):
        yield executor
        return
    address = re.sub("^dask:", "tcp:", executor.strip())
    try:
        with ThreadPoolExecutor(1) as pool:  # a thread of its own, since a notebook's has a running event loop
            pool.submit(asyncio.run, _greet(address)).result()
        client = Client(address, timeout=ANSWER_WITHIN, set_as_default=False, name="cryptolab-sweep")
    except Exception as problem:  # whatever it is (no route, another protocol, certificates): it does not answer
        reason = " ".join(str(problem).split()).rstrip(".") or type(problem).__name__
        instead = "check the address"
        if address.startswith("tls:"):
            instead += " and the certificates in dask's configuration (distributed.comm.tls)"
        refuse("executor", f"{executor!r}, where no scheduler answers ({reason})", instead)
    try:
        yield client
    finally:
        client.close(timeout=ANSWER_WITHIN)


async def _greet(address: str) -> None:
    """Exchange greetings with a scheduler: a Client would wait for ever where something listens and says nothing."""
    from distributed.comm.core import connect
    from distributed.security import Security

    async with asyncio.timeout(ANSWER_WITHIN):
        arguments = Security().get_connection_args("client")
        comm = await connect(address, timeout=ANSWER_WITHIN, **arguments)
        await comm.close()


def _about_a_module(problem: Exception) -> None:
    """Refuse workers that cannot import what the sweep needs; scatter's own exception says that in its text alone."""
    found = _NO_MODULE.search(str(problem))
    if found is None:
        return
    if found[1] == "cryptolab":
        refuse("executor", "a worker without cryptolab", "install it there, the same version as here")
    refuse(
        "executor", f"a worker that has no module {found[1]!r}",
        "install it there, send your file with client.upload_file(...), or name the strategy by it: 'ideas/foo.py:foo'",
    )  # fmt: skip
