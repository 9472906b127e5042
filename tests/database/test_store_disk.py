"""Disks that are full, or that nobody may write to: one sentence, nothing lost, and it goes on afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptolab.database import folders, segments
from tests.database.candles import SYMBOL, candles, opens, same, store

ROOT = Path(__file__).resolve().parents[2]
HOURS = opens("2023-01-01", 20_000)


def said_by(code: str, *arguments: object) -> list[str]:
    """Return the lines that a process prints."""
    command = [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


BEGIN = """
import sys
from pathlib import Path
from cryptolab.errors import CryptolabError
from tests.database.candles import *
import pandas as pd
db, hours = store(Path(sys.argv[1])), opens("2023-01-01", 20_000)
def tried(action):
    try:
        print(action())
    except CryptolabError as problem:
        print(f"{type(problem).__name__}: {problem}")
def count():
    return len(db.load_ohlcv(SYMBOL, "1h")), len(db.load_signals())
def note(**metadata):
    db.save_signal({"timestamp": hours[0], "symbol": SYMBOL, "signal_type": "buy", "metadata": metadata})
def strays():
    return sorted(path.suffix for path in db.parquet_dir.rglob("year=*/*") if path.suffix != ".parquet")
"""

LIMITED = """
import resource
db.save_ohlcv(candles(hours[:50], 1.0), SYMBOL, "1h")
note()
resource.setrlimit(resource.RLIMIT_FSIZE, (7_500, resource.RLIM_INFINITY))
tried(lambda: db.save_ohlcv(candles(hours, 2.0 + np.arange(20_000)), SYMBOL, "1h"))
tried(lambda: db.save_ohlcv(candles(hours[:50], 1.0 + np.arange(50)), SYMBOL, "1h"))
tried(lambda: note(text="x" * 20_000))
tried(count)
print(strays())
tried(lambda: db.save_ohlcv(candles(hours[50:55], 1.0), SYMBOL, "1h"))
note()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
note(text="x" * 20_000)
tried(lambda: db.save_ohlcv(candles(hours, 2.0 + np.arange(20_000)), SYMBOL, "1h"))
tried(count)
"""


def test_a_file_that_cannot_grow_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    """The revisions of 50 bars are larger than what a file may be, so that neither they nor the bars are stored."""
    no_room = "'File too large' from the disk"
    assert said_by(BEGIN + LIMITED, tmp_path) == [
        f"DataError: BTC/USDT 1h on binance: received {no_room}, so that nothing of this was stored; make room or "
        "check the folder's permissions, then try again.",
        f"DataError: BTC/USDT 1h on binance: received {no_room}, so that nothing of this was stored; make room or "
        "check the folder's permissions, then try again.",
        f"DataError: save_signal: received {no_room}; make room, then save it again.",
        "(50, 1)",
        "[]",
        "5 added, 0 revised, 0 unchanged",
        "19,945 added, 55 revised, 0 unchanged",
        "(20000, 3)",
    ]
    same(store(tmp_path).load_ohlcv(SYMBOL, "1h"), candles(HOURS, [2.0 + hour for hour in range(20_000)]))


FULL = """
hours = opens("2020-01-01", 100_000)
noise = np.random.default_rng(1).random
db.save_ohlcv(candles(hours[:50], 1.0), SYMBOL, "1h")
with open(Path(sys.argv[1]) / "filler", "wb") as filler:
    filler.write(bytes(int(sys.argv[2])))
stored = 50
while True:
    try:
        db.save_ohlcv(candles(hours[stored : stored + 500], noise(500)), SYMBOL, "1h")
        stored += 500
    except CryptolabError as problem:
        print(problem)
        break
signals = 0
while True:
    try:
        note(text="x" * 1_000)
        signals += 1
    except CryptolabError as problem:
        print(problem)
        break
print(count() == (stored, signals), strays())
tried(lambda: db.sql("SELECT count(*) FROM ohlcv").iloc[0, 0] == stored)
(Path(sys.argv[1]) / "filler").unlink()
note()
tried(lambda: db.save_ohlcv(candles(hours[stored : stored + 500], 1.0), SYMBOL, "1h"))
print(count() == (stored + 500, signals + 1), strays())
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB, where this user may make one."""
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", os.fspath(tmp_path)]
    mounted = shutil.which("mount") and subprocess.run(command, capture_output=True, check=False).returncode == 0
    if not mounted:
        pytest.skip("no tmpfs can be mounted by this user: run as root")
    yield tmp_path
    subprocess.run(["umount", "-l", os.fspath(tmp_path)], check=True)


def test_a_full_disk_is_said_and_nothing_is_lost(small_disk: Path) -> None:
    lines = said_by(BEGIN + FULL, small_disk, 700_000)
    said = "received 'No space left on device' from the disk"
    assert lines == [
        f"BTC/USDT 1h on binance: {said}, so that nothing of this was stored; make room or check the folder's "
        "permissions, then try again.",
        f"save_signal: {said}; make room, then save it again.",
        "True []",
        "True",
        "500 added, 0 revised, 0 unchanged",
        "True []",
    ]


READ_ONLY = """
import os, tempfile
with tempfile.TemporaryDirectory() as scratch:  # imports and compiles what root alone may read on some machines
    warm = store(Path(scratch))
    warm.save_ohlcv(candles(hours[:3], 1.0), SYMBOL, "1h")
    warm.load_ohlcv(SYMBOL, "1h"), warm.sql("FROM ohlcv")
if os.geteuid() == 0:  # whom nothing is forbidden
    db.path.unlink()
    os.seteuid(65534)
db = store(Path(sys.argv[1]))
tried(lambda: len(db.load_ohlcv(SYMBOL, "1h", "2023-01-01", "2023-01-01")))
tried(lambda: len(db.load_ohlcv(SYMBOL, "1h", "2023-01-01", "2023-01-01", as_of=pd.Timestamp.now("UTC"))))
tried(lambda: db.datasets()["bars"].tolist())
tried(lambda: db.sql("SELECT count(*) FROM ohlcv WHERE timestamp < '2023-01-02'", allow_holes=True).iloc[0, 0])
tried(lambda: len(db.load_signals()))
tried(lambda: db.load_ohlcv(SYMBOL, "1h"))
tried(lambda: db.load_ohlcv(SYMBOL, "1h"))
tried(lambda: len(db.load_ohlcv(SYMBOL, "1h", allow_holes=True)))
tried(lambda: db.save_ohlcv(candles(hours[:3], 2.0), SYMBOL, "1h"))
tried(lambda: db.save_ohlcv(candles(hours[:3], 2.0), SYMBOL, "1h", exchange="kraken"))
tried(lambda: db.delete(SYMBOL, "1h"))
tried(note)
tried(lambda: db.prune("2023-06-01"))
print(sorted(path.name for path in Path(sys.argv[1]).iterdir()))
"""


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A store that the user of `said_by` can only read: two years, of which the second is damaged."""
    folder = Path(tempfile.mkdtemp())  # nobody else may look into pytest's own
    db = store(folder)
    db.save_ohlcv(candles(HOURS, 1.0), SYMBOL, "1h")
    db.save_signal({"timestamp": HOURS[0], "symbol": SYMBOL, "signal_type": "buy"})
    (second,) = db.parquet_dir.rglob("year=2024/*.parquet")
    second.write_bytes(second.read_bytes()[:-9])
    db.path.unlink()
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    shutil.rmtree(folder)


def test_a_store_that_can_only_be_read_is_read_and_each_writing_is_refused(read_only: Path) -> None:
    lines = said_by(BEGIN + READ_ONLY, read_only)
    damaged = "received a damaged file 000000-000000_20240101T0000_20241231T2300_8784_"
    denied = "received 'Permission denied' from the disk"
    assert lines[:5] == ["24", "24", "[20000]", "24", "1"]
    for line in lines[5:7]:
        assert line.startswith(f"DataError: BTC/USDT 1h on binance, year=2024: {damaged}")
        assert "(cut off, or no Parquet file): 8,784 bars from" in line
    assert lines[7] == str(20_000 - 8_784)
    assert lines[8].startswith(f"DataError: BTC/USDT 1h on binance: {denied}, so that nothing of this was stored;")
    assert lines[9].startswith(f"DataError: BTC/USDT 1h on kraken: {denied}, so that nothing of this was stored;")
    assert lines[10].startswith(f"DataError: BTC/USDT 1h on binance: {denied}, so that nothing of this was removed;")
    assert lines[11] == f"DataError: save_signal: {denied}; make room, then save it again."
    assert lines[12].startswith(f"DataError: BTC/USDT 1h on binance: {denied}, so that nothing of this was removed;")
    assert lines[13:] == ["['parquet']"]


def test_what_is_acknowledged_is_on_the_disk_with_its_name_and_those_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of calls, as a loss of power would find it: bytes, then the name, then what it supersedes goes."""
    calls: list[tuple[str, str]] = []

    def noted(name: str) -> None:
        real = getattr(os, name)

        def call(*arguments: object, **named: object) -> object:
            if name == "fsync":
                place = os.fspath(Path(f"/proc/self/fd/{arguments[0]}").readlink())
            else:
                place = os.fspath(arguments[-1])  # type: ignore[call-overload]
            calls.append((name, place))
            return real(*arguments, **named)

        monkeypatch.setattr(os, name, call)

    db = store(tmp_path / "data")
    for name in ("fsync", "replace", "unlink"):
        noted(name)
    db.save_ohlcv(candles(HOURS[:9000], 1.0), SYMBOL, "1h")
    root = db.parquet_dir
    year = root / "ohlcv" / "exchange=binance" / "symbol=BTC-USDT" / "timeframe=1h" / "year=2023"
    for number, (name, place) in enumerate(calls):
        if name == "replace":
            assert ("fsync", os.fspath(Path(place).parent / f"000000{segments.DRAFT}")) in calls[:number]
            assert ("fsync", os.fspath(Path(place).parent)) in calls[number:]
    settled = {place for name, place in calls if name == "fsync"}
    assert set(map(os.fspath, [year, *list(year.parents)[:7]])) <= settled  # up to what the data folder is in

    calls.clear()
    db.save_ohlcv(candles(HOURS[:2], 2.0), SYMBOL, "1h")
    names = [f"{name} {Path(place).suffix or Path(place).name}" for name, place in calls]
    journal = names.index("fsync .jsonl")
    draft, renamed = names.index("fsync .part"), names.index("replace .parquet")
    named, gone = names.index("fsync year=2023", renamed), names.index("unlink .parquet")
    assert draft < journal < renamed < named < gone
    assert "fsync revisions" in names

    calls.clear()
    db.save_signal({"timestamp": HOURS[0], "symbol": SYMBOL, "signal_type": "buy"})
    assert [Path(place).suffix or Path(place).name for _, place in calls][:3] == [".jsonl", "signals", "parquet"]
    calls.clear()
    db.delete(SYMBOL, "1h")
    assert [f"{name} {Path(place).name}" for name, place in calls][1] == "fsync year=2023"


def test_folders_that_cannot_be_opened_are_passed_over(tmp_path: Path) -> None:
    folders.settle(tmp_path / "nowhere", above=2)
