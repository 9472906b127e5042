"""The state of an earlier moment: what was read of it once is read ever after, or refused."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from cryptolab.database import DuckDBManager, moments, segments, writing
from cryptolab.database.journal import Journal
from cryptolab.errors import DataError
from tests.database.candles import SYMBOL, candles, opens, parquet_files, refusal, same, store

HOURS = opens("2024-01-01", 100)
SECOND = 10**9
NOW = pd.Timestamp("2025-06-01", tz="UTC").value


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still but where a test sets it."""
    clock = SimpleNamespace(now=NOW)
    monkeypatch.setattr(moments, "time", SimpleNamespace(time_ns=lambda: clock.now))
    return clock


@pytest.fixture
def db(tmp_path: Path) -> DuckDBManager:
    return store(tmp_path)


def at(moment: int) -> pd.Timestamp:
    return pd.Timestamp(moment, tz="UTC")


def save(db: DuckDBManager, rows: slice, value: float) -> Any:
    return db.save_ohlcv(candles(HOURS[rows], value), SYMBOL, "1h")


def load(db: DuckDBManager, moment: int, **how: Any) -> pd.DataFrame:
    return db.load_ohlcv(SYMBOL, "1h", as_of=at(moment), **how)


# clocks


def test_a_clock_that_is_put_back_changes_no_state_that_was_read(db: DuckDBManager, clock: SimpleNamespace) -> None:
    """Neither of a moment before the last save, nor of one after it: whoever reads leaves a mark."""
    save(db, slice(1), 1.0)
    clock.now += 10 * SECOND
    first = load(db, clock.now)
    clock.now += 10 * SECOND
    save(db, slice(1, 2), 1.0)
    clock.now += 10 * SECOND
    second = load(db, clock.now)
    clock.now -= 25 * SECOND
    assert save(db, slice(0, 3), 2.0) == (1, 0, 2)
    same(load(db, NOW + 10 * SECOND), first)
    same(load(db, NOW + 30 * SECOND), second)
    assert len(first) == 1
    assert len(second) == 2
    assert len(load(db, NOW + 30 * SECOND + 1)) == 3  # the first moment that nobody had seen


def test_a_mark_is_kept_by_a_copy(db: DuckDBManager, clock: SimpleNamespace, tmp_path: Path) -> None:
    """A file's times are not."""
    save(db, slice(1), 1.0)
    file = db._dataset(SYMBOL, "1h", "binance").writing
    assert len(file.read_bytes()) == 8
    os.utime(file, ns=(0, 0))
    clock.now -= 5 * SECOND
    save(db, slice(1, 2), 1.0)
    assert len(load(db, NOW)) == 1
    assert len(load(db, NOW + 1)) == 2


def test_nothing_is_stored_by_a_clock_that_is_far_behind(db: DuckDBManager, clock: SimpleNamespace) -> None:
    save(db, slice(1), 1.0)
    clock.now -= 60 * SECOND
    assert save(db, slice(1, 2), 1.0) == (1, 0, 0)
    clock.now -= 1
    file = db._dataset(SYMBOL, "1h", "binance").writing
    assert refusal(lambda: save(db, slice(2, 3), 1.0), DataError) == (
        "BTC/USDT 1h on binance: received the time 2025-05-31 23:58:59 UTC from this computer's clock, though bars "
        f"were stored or read there at 2025-06-01 00:00:00; set the clock right; was it wrong then, remove {file}."
    )
    assert len(db.load_ohlcv(SYMBOL, "1h")) == 2
    assert db.delete(SYMBOL, "1h", HOURS[0], HOURS[0]) == 1  # which arrives at no time
    file.unlink()
    assert save(db, slice(2, 3), 1.0) == (1, 0, 0)


def test_a_number_that_takes_anothers_place_came_later_even_without_a_mark(
    db: DuckDBManager, clock: SimpleNamespace
) -> None:
    for value in (1.0, 2.0, 3.0):
        save(db, slice(2), value)
        db._dataset(SYMBOL, "1h", "binance").writing.unlink()
    clock.now += 5
    for later, value in enumerate((1.0, 2.0, 3.0)):
        same(load(db, NOW + later), candles(HOURS[:2], value))


def test_at_the_moment_of_a_save_its_numbers_are_there(db: DuckDBManager, clock: SimpleNamespace) -> None:
    for value in (1.0, 2.0, 3.0, 4.0):
        save(db, slice(2), value)
        clock.now += 10
    for number in range(4):
        same(load(db, NOW + 10 * number), candles(HOURS[:2], number + 1.0))
        if number:
            same(load(db, NOW + 10 * number - 1), candles(HOURS[:2], float(number)))


def test_a_moment_to_come_is_refused(db: DuckDBManager, clock: SimpleNamespace) -> None:
    """Else more could be stored before it. What had passed before the clock was put back has passed."""
    save(db, slice(1), 1.0)
    assert refusal(lambda: load(db, NOW + SECOND)) == (
        "as_of: received 2025-06-01 00:00:01+00:00; name a moment that has passed, or leave it out for now."
    )
    clock.now -= SECOND
    assert len(load(db, NOW)) == 1
    assert "a moment that has passed" in refusal(lambda: load(db, NOW + 1))


def test_a_day_is_its_first_instant(db: DuckDBManager, clock: SimpleNamespace) -> None:
    save(db, slice(1), 1.0)
    clock.now += SECOND
    save(db, slice(2), 2.0)
    same(db.load_ohlcv(SYMBOL, "1h", as_of="2025-06-01"), candles(HOURS[:1], 1.0))


def test_who_reads_the_moment_of_a_save_waits_for_it(
    db: DuckDBManager, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(db, slice(1), 1.0)
    clock.now += SECOND
    writes, goes_on, real = threading.Event(), threading.Event(), segments.write

    def slowly(*arguments: Any) -> int:
        writes.set()
        assert goes_on.wait(60)
        return real(*arguments)

    monkeypatch.setattr(segments, "write", slowly)
    with ThreadPoolExecutor() as pool:
        saving = pool.submit(save, db, slice(1, 2), 1.0)
        assert writes.wait(60)
        assert len(load(db, clock.now - 1)) == 1
        reading = pool.submit(load, db, clock.now)
        time.sleep(0.2)
        assert not reading.done()
        goes_on.set()
        assert saving.result() == (1, 0, 0)
        assert len(reading.result()) == 2


# damage


def spoil(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def test_a_state_whose_bars_were_lost_and_stored_again_later_is_refused(
    db: DuckDBManager, clock: SimpleNamespace
) -> None:
    years = opens("2023-12-31", 48)
    db.save_ohlcv(candles(years, 1.0), SYMBOL, "1h")
    spoil(parquet_files(db.parquet_dir)[0])
    clock.now += SECOND
    assert "24 bars" in refusal(lambda: load(db, NOW), DataError)
    assert len(load(db, NOW, allow_holes=True)) == 24
    clock.now += SECOND
    db.save_ohlcv(candles(years, 1.0), SYMBOL, "1h")
    clock.now += SECOND
    for moment in (NOW, NOW + SECOND):
        said = refusal(lambda moment=moment: load(db, moment), DataError)
        assert f"BTC/USDT 1h on binance as of 2025-06-01 00:00:0{(moment - NOW) // SECOND}: received a damaged" in said
        assert "_0" not in said.partition(".parquet")[2]
        assert ", whose bars were stored again 2025-06-01 00:00:02: 24 bars from 2023-12-31 00:00 to " in said
        assert said.endswith("are missing; name a moment after that, load others, or say allow_holes=True.")
        assert len(load(db, moment, allow_holes=True)) == 24
        assert len(load(db, moment, start_date="2024-01-01")) == 24
    assert len(load(db, NOW + 2 * SECOND)) == 48
    (file,) = db.parquet_dir.rglob("damaged/*.damaged")
    file.rename(file.with_name(file.name.partition("_")[2]))  # put away before the moment was written down
    assert "were stored again later: 24 bars" in refusal(lambda: load(db, NOW + 3 * SECOND), DataError)
    file.with_name(file.name.partition("_")[2]).unlink()
    assert len(load(db, NOW)) == 24


# revisions that are none


def test_revisions_that_could_not_be_removed_do_not_come_back(
    db: DuckDBManager, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in (1.0, 2.0, 3.0):
        save(db, slice(3), value)
        clock.now += SECOND

    def fails(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "remove", fails)
        assert db.delete(SYMBOL, "1h", HOURS[0], HOURS[1]) == 2
    for value in (4.0, 5.0):
        save(db, slice(2), value)
        clock.now += SECOND
        for number in range(3):
            same(load(db, NOW + number * SECOND), candles(HOURS[2:3], number + 1.0))
    same(load(db, NOW + 3 * SECOND), candles(HOURS[:3], [4.0, 4.0, 3.0]))


def dies(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_revision_that_was_noted_but_never_stored_is_none(
    db: DuckDBManager, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a process that was killed between both; twice, and then it goes on. What was before stays to be seen."""
    clock.now -= SECOND
    save(db, slice(3), 0.5)
    clock.now += SECOND
    save(db, slice(3), 1.0)
    for value in (2.0, 3.0):
        clock.now += SECOND
        with monkeypatch.context() as patched:
            patched.setattr(writing, "_commit", dies)
            with pytest.raises(KeyboardInterrupt):
                save(db, slice(2), value)
        same(load(db, clock.now), candles(HOURS[:3], 1.0))
        same(load(db, NOW - 1), candles(HOURS[:3], 0.5))
    for value in (4.0, 5.0):
        clock.now += SECOND
        save(db, slice(1, 3), value)
    clock.now += SECOND
    for later, values in enumerate(([0.5] * 3, [1.0] * 3, [1.0] * 3, [1.0] * 3, [1.0, 4.0, 4.0], [1.0, 5.0, 5.0])):
        same(load(db, NOW + (later - 1) * SECOND), candles(HOURS[:3], values))


def test_a_line_of_revisions_that_is_not_what_was_written_is_said(
    db: DuckDBManager, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows which bar it is of."""
    save(db, slice(3), 1.0)
    clock.now += SECOND
    save(db, slice(2), 2.0)
    (file,) = db.parquet_dir.rglob("revisions/*.jsonl")
    file.write_bytes(file.read_bytes().replace(b'"close":1.0', b'"close":3.0', 1))
    assert refusal(lambda: load(db, NOW), DataError) == (
        "revisions of BTC/USDT 1h on binance: received a line that is not what was written (1 of them, the first in "
        f"{file}: line 1); name a moment since they were noted, or say allow_holes=True."
    )
    same(load(db, NOW, allow_holes=True), candles(HOURS[1:3], 1.0))
    assert len(load(db, clock.now)) == 3
