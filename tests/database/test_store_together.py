"""Several processes and threads at one store: nobody blocks whom he need not, and nobody sees half of anything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cryptolab import locks
from cryptolab.database import DuckDBManager, segments, writing
from cryptolab.errors import DataError, RunError
from tests.database.candles import SYMBOL, candles, opens, same, store

ROOT = Path(__file__).resolve().parents[2]
HOURS = opens("2024-01-01", 1000)


@pytest.fixture
def db(tmp_path: Path) -> DuckDBManager:
    return store(tmp_path)


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a process that says "ready" when it is, and ends when its input does."""
    command = [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_writers_and_readers_that_are_killed_lose_and_double_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.database.soak", "--minutes", "0.1", "--writers", "4"]
    done = subprocess.run([*command, "--readers", "2"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", lost 0, doubled 0, errors 0, " in done.stdout


def test_an_open_notebook_with_a_long_query_blocks_no_writer_and_sees_one_state(db: DuckDBManager) -> None:
    """It ends only when it is told to: whatever is stored here is stored while it asks."""
    code = """
import sys, threading
from pathlib import Path
from tests.database.candles import store
from cryptolab.database import queries
db = store(Path(sys.argv[1]))
asked = queries._asked
def slowly(*arguments):
    print("ready", flush=True)
    sys.stdin.read()
    return asked(*arguments)
queries._asked = slowly
print(db.sql("SELECT count(*), sum(close) FROM ohlcv").iloc[0].tolist())
"""
    db.save_ohlcv(candles(HOURS[:10], 1.0), SYMBOL, "1h")
    with python(code, db.path.parent) as notebook:
        assert notebook.stdout
        assert notebook.stdout.readline() == "ready\n"
        for hour in range(10, 30):
            db.save_ohlcv(candles(HOURS[hour : hour + 1], 2.0), SYMBOL, "1h")
        db.save_ohlcv(candles(HOURS[:5], 5.0), SYMBOL, "1h")
        db.delete(SYMBOL, "1h", HOURS[25])
        assert len(db.load_ohlcv(SYMBOL, "1h")) == 25
        assert notebook.poll() is None
        assert notebook.communicate()[0] == "[10.0, 10.0]\n"


def test_a_writer_at_work_blocks_no_reader(db: DuckDBManager, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither load_ohlcv, nor sql, nor a state of before; only that as of now is waited for, since it is not yet."""
    db.save_ohlcv(candles(HOURS[:10], 1.0), SYMBOL, "1h")
    before = pd.Timestamp.now("UTC")
    writes, goes_on = threading.Event(), threading.Event()
    real = segments.write

    def slowly(path: Path, table: object) -> int:
        writes.set()
        assert goes_on.wait(60)
        return real(path, table)

    monkeypatch.setattr(segments, "write", slowly)
    with ThreadPoolExecutor() as pool:
        saving = pool.submit(db.save_ohlcv, candles(HOURS[:20], 2.0), SYMBOL, "1h")
        assert writes.wait(60)
        now = pd.Timestamp.now("UTC")
        same(db.load_ohlcv(SYMBOL, "1h"), candles(HOURS[:10], 1.0))
        same(db.load_ohlcv(SYMBOL, "1h", as_of=before), candles(HOURS[:10], 1.0))
        assert db.sql("SELECT count(*) AS n FROM ohlcv")["n"].tolist() == [10]
        reading = pool.submit(db.load_ohlcv, SYMBOL, "1h", as_of=now)
        time.sleep(0.2)
        assert not saving.done()
        assert not reading.done()
        goes_on.set()
        assert saving.result() == (10, 0, 10)
        same(reading.result(), candles(HOURS[:20], 2.0))
    same(db.load_ohlcv(SYMBOL, "1h", as_of=now), candles(HOURS[:20], 2.0))
    same(db.load_ohlcv(SYMBOL, "1h", as_of=before), candles(HOURS[:10], 1.0))


def test_threads_take_turns(db: DuckDBManager) -> None:
    signal = {"symbol": "A/B", "signal_type": "x"}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda hour: db.save_ohlcv(candles(HOURS[hour : hour + 2], hour), SYMBOL, "1h"), range(2, 82, 2)))
        list(pool.map(lambda hour: db.save_signal(signal | {"timestamp": HOURS[hour]}), range(40)))
    same(db.load_ohlcv(SYMBOL, "1h"), candles(HOURS[2:82], [hour // 2 * 2 for hour in range(2, 82)]))
    assert db.load_signals()["timestamp"].tolist() == HOURS[:40].tolist()
    assert len(list((db.parquet_dir / "signals").iterdir())) == 1


def test_who_waits_too_long_says_for_what(db: DuckDBManager, monkeypatch: pytest.MonkeyPatch) -> None:
    db.save_ohlcv(candles(HOURS[:10], 1.0), SYMBOL, "1h")
    monkeypatch.setattr(locks, "WRITERS_WITHIN", 0.01)
    file = db._dataset(SYMBOL, "1h", "binance").writing
    with locks.alone(file), pytest.raises(RunError) as caught:
        db.save_ohlcv(candles(HOURS[:20], 1.0), SYMBOL, "1h")
    assert str(caught.value) == (
        f"{file}: received another process that has been writing there for 0 s; end it if it hangs, then try again."
    )
    assert db.save_ohlcv(candles(HOURS[:20], 1.0), SYMBOL, "1h") == (10, 10, 0)


def test_no_number_of_readers_keeps_a_writer_waiting(db: DuckDBManager) -> None:
    """Six processes that do nothing else; without a gate a save was given up after 20 s."""
    code = """
import sys
from pathlib import Path
from tests.database.candles import SYMBOL, store
dataset = store(Path(sys.argv[1]))._dataset(SYMBOL, "1d", "binance")
print("ready", flush=True)
while True:
    dataset.segments()
"""
    days = pd.DatetimeIndex(np.concatenate([opens(f"{year}-01-01", 10, "1d") for year in range(1980, 2020)]), tz="UTC")
    db.save_ohlcv(candles(days[:-5], 1.0), SYMBOL, "1d")  # of forty years: looking takes a while
    readers = [python(code, db.path.parent) for _ in range(6)]
    try:
        for reader in readers:
            assert reader.stdout
            assert reader.stdout.readline() == "ready\n"
        begin = time.monotonic()
        for number in range(5):
            db.save_ohlcv(candles(days[-5 + number :][:1], 1.0), SYMBOL, "1d")
        assert time.monotonic() - begin < 20
    finally:
        for reader in readers:
            reader.kill()
            reader.communicate()
    assert len(db.load_ohlcv(SYMBOL, "1d")) == 400


def test_who_comes_to_read_waits_behind_a_writer_who_waits_for_those_who_read(tmp_path: Path) -> None:
    names, gate, done = tmp_path / "names", tmp_path / "gate", []
    first_may_end, first_reads = threading.Event(), threading.Event()
    names.touch()
    gate.touch()

    def reads_first() -> None:
        with locks.looking(names, gate) as held:
            assert held
            first_reads.set()
            assert first_may_end.wait(60)
            done.append("first")

    def writes() -> None:
        with locks.changing(names, gate):
            done.append("writer")

    def reads_second() -> None:
        with locks.looking(names, gate) as held:
            assert held
            done.append("second")

    with ThreadPoolExecutor() as pool:
        tasks = [pool.submit(reads_first)]
        assert first_reads.wait(60)
        assert locks.is_free(gate)
        tasks.append(pool.submit(writes))
        until(lambda: not locks.is_free(gate))
        tasks.append(pool.submit(reads_second))
        time.sleep(0.2)
        assert done == []
        first_may_end.set()
        for task in tasks:
            task.result()
    assert done == ["first", "writer", "second"]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_names_change_while_nobody_looks(db: DuckDBManager) -> None:
    db.save_ohlcv(candles(HOURS[:10], 1.0), SYMBOL, "1h")
    dataset = db._dataset(SYMBOL, "1h", "binance")
    before = sorted(dataset.folder.rglob("*.parquet"))
    for change in (
        lambda: db.save_ohlcv(candles(HOURS[:20], 2.0), SYMBOL, "1h") and None,
        lambda: db.delete(SYMBOL, "1h", HOURS[0], HOURS[3]) and None,
    ):
        with ThreadPoolExecutor() as pool:
            with locks.looking(dataset.names, dataset.gate):
                task = pool.submit(change)
                until(lambda: not locks.is_free(dataset.gate))
                time.sleep(0.05)
                assert sorted(dataset.folder.rglob("*.parquet")) == before
            task.result()
        assert sorted(dataset.folder.rglob("*.parquet")) != before
        before = sorted(dataset.folder.rglob("*.parquet"))


def test_a_lock_ends_with_its_block_even_where_the_file_is_open_elsewhere(tmp_path: Path) -> None:
    """As in a child that a library has forked, of which Python does not know."""
    with locks.alone(tmp_path / "file") as number:
        copy = os.dup(number)
    try:
        assert locks.is_free(tmp_path / "file")
    finally:
        os.close(copy)


def test_a_writer_who_waits_too_long_for_readers_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, gate = tmp_path / "names", tmp_path / "gate"
    names.touch()
    monkeypatch.setattr(locks, "WRITERS_WITHIN", 0.01)
    with locks.looking(names, gate), pytest.raises(RunError) as caught, locks.changing(names, gate):
        pass
    assert str(caught.value) == (
        f"{names}: received another process that has been reading there for 0 s; end it if it hangs, then try again."
    )


def test_a_lock_ends_with_its_process_even_where_a_forked_child_lives_on(tmp_path: Path) -> None:
    """As with a pool of processes begun by one thread while another one saves."""
    code = """
import os, sys, threading, time
from pathlib import Path
from cryptolab.locks import alone
held, forked = threading.Event(), threading.Event()
def hold():
    with alone(Path(sys.argv[1])):
        held.set()
        forked.wait()
        if sys.argv[2] == "ends":
            return
        time.sleep(600)
threading.Thread(target=hold, daemon=True).start()
held.wait()
child = os.fork()
if child == 0:
    os.close(1)
    time.sleep(600)
forked.set()
print(child, flush=True)
time.sleep(600)
"""
    for how in ("ends", "is killed"):
        file = tmp_path / how
        with python(code, file, how) as parent:
            assert parent.stdout
            child = int(parent.stdout.readline())
            try:
                if how == "is killed":
                    assert not locks.is_free(file)
                    parent.kill()
                    parent.wait()
                with locks.alone(file, within=30):
                    assert not locks.is_free(file)
            finally:
                parent.kill()
                os.kill(child, signal.SIGKILL)


def test_a_child_that_was_forked_while_another_thread_wrote_can_write(tmp_path: Path) -> None:
    code = """
import os, sys, threading
from pathlib import Path
from cryptolab.database.journal import Journal
journal = Journal(Path(sys.argv[1]))
stop = threading.Event()
def write():
    while not stop.is_set():
        journal.append([{"timestamp": 1}])
threads = [threading.Thread(target=write) for _ in range(3)]
for thread in threads: thread.start()
for number in range(30):
    child = os.fork()
    if child == 0:
        journal.append([{"timestamp": 2, "number": number}])
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads: thread.join()
found = [record["number"] for record in Journal(Path(sys.argv[1])).read() if record["timestamp"] == 2]
print(sorted(found) == list(range(30)), flush=True)
"""
    with python(code, tmp_path) as parent:
        assert parent.communicate(timeout=120)[0] == "True\n"


def counted(folder: Path) -> Callable[[], int]:
    return lambda: len(os.listdir(folder))  # noqa: PTH208


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc on this system")
def test_no_file_stays_open(db: DuckDBManager) -> None:
    def everything() -> None:
        db.save_ohlcv(candles(HOURS, 1.0), SYMBOL, "1h")
        db.save_ohlcv(candles(HOURS[:3], 2.0), SYMBOL, "1h")
        db.load_ohlcv(SYMBOL, "1h", as_of=pd.Timestamp.now("UTC"))
        db.save_signal({"timestamp": HOURS[0], "symbol": SYMBOL, "signal_type": "buy"})
        db.sql("SELECT count(*) FROM ohlcv, revisions, signals")
        with pytest.raises(DataError):
            db.load_ohlcv("ETH/USDT", "1h")
        db.delete(SYMBOL, "1h", HOURS[3])

    everything()
    open_files = counted(Path("/proc/self/fd"))
    before = open_files()
    for _ in range(5):
        everything()
    assert open_files() <= before


def test_the_first_save_of_all_is_seen_whole(db: DuckDBManager, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader finds no lock yet, then some of the years: he looks again."""
    frame = candles(HOURS[:2].append(opens("2025-01-01", 2)), 1.0)
    dataset = db._dataset(SYMBOL, "1h", "binance")
    real, saved = dataset._listed, []

    def looks(begin: int, end: int) -> list[segments.Segment]:
        found = real(begin, end)
        if not saved:
            saved.append(writing.save(db._dataset(SYMBOL, "1h", "binance"), _bars(frame), ""))
            return [segment for segment in real(begin, end) if segment.path.parent.name == "year=2025"]
        return found

    monkeypatch.setattr(dataset, "_listed", looks)
    assert len(dataset.read(-(2**62), 2**62)) == 4


def test_a_store_without_its_locks_is_looked_at_once(db: DuckDBManager, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a copy is; nobody writes there."""
    db.save_ohlcv(candles(HOURS[:10], 1.0), SYMBOL, "1h")
    dataset, looks = db._dataset(SYMBOL, "1h", "binance"), []
    dataset.names.unlink()
    dataset.gate.unlink()
    real = dataset._listed
    monkeypatch.setattr(dataset, "_listed", lambda begin, end: looks.append(begin) or real(begin, end))
    assert len(dataset.segments()) == 1
    assert len(looks) == 1


def _bars(frame: pd.DataFrame):  # type: ignore[no-untyped-def]
    from cryptolab.bars import as_bars

    return as_bars(frame, SYMBOL, "1h")
