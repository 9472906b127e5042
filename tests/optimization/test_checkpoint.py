"""A checkpoint keeps what it acknowledged, whatever happens to the process, and only for the sweep that made it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cryptolab.errors import InputError, RunError
from cryptolab.kernels.scoring import SCORE
from cryptolab.optimization import checkpoint as module
from cryptolab.optimization.checkpoint import Checkpoint
from tests.optimization.killed_writer import IDENTITY, rows_of, same

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sweep.checkpoint"


def filled(path: Path, *chunks: np.ndarray) -> list[int]:
    """Write the chunks and return the file's length after each, the empty one's first."""
    with Checkpoint(path, IDENTITY) as checkpoint:
        lengths = [path.stat().st_size]
        for numbers in chunks:
            checkpoint.add(rows_of(numbers))
            lengths.append(path.stat().st_size)
    return lengths


def found(path: Path) -> np.ndarray:
    """Return the numbers of the rows that a new process would find, all of them whole."""
    with Checkpoint(path, IDENTITY) as checkpoint:
        rows = checkpoint.finished()
    if rows is None:
        return np.array([], dtype=np.int64)
    assert same(rows, rows.numbers)
    return rows.numbers


def test_a_new_checkpoint_has_no_rows(path: Path) -> None:
    with Checkpoint(str(path), IDENTITY) as checkpoint:
        assert checkpoint.finished() is None
    with Checkpoint(path, IDENTITY) as checkpoint:
        assert checkpoint.finished() is None


def test_rows_come_back_as_they_were_in_order_and_each_once(path: Path) -> None:
    with Checkpoint(path, IDENTITY) as checkpoint:
        checkpoint.add(rows_of(np.arange(20, 31)))
        checkpoint.add(rows_of(np.arange(0)))
        checkpoint.add(rows_of([7, 3, 20]))
        here = checkpoint.finished()
        checkpoint.add(rows_of([1]))  # reading does not move where the next rows go
        assert here is not None
        assert same(here, np.array([3, 7, *range(20, 31)]))
    assert found(path).tolist() == [1, 3, 7, *range(20, 31)]


def test_nan_and_infinity_keep_their_bits(path: Path) -> None:
    rows = rows_of([4])
    rows.days[:] = [np.nan, -np.inf, -0.0]
    rows.scores[next(name for name in SCORE.names or () if SCORE[name].kind == "f")] = np.nan
    with Checkpoint(path, IDENTITY) as checkpoint:
        checkpoint.add(rows)
        again = checkpoint.finished()
    assert again is not None
    assert again.days.tobytes() == rows.days.tobytes()
    assert again.scores.tobytes() == rows.scores.tobytes()


def test_a_file_cut_anywhere_keeps_the_whole_chunks_before_the_cut_and_can_be_added_to(path: Path) -> None:
    lengths = filled(path, np.arange(2), np.arange(2, 4), np.arange(4, 5))
    whole = path.read_bytes()
    assert len(whole) == lengths[-1]
    for length in [
        *range(0, lengths[0], 17),
        *range(lengths[0], len(whole), 29),
        *(n + d for n in lengths for d in (-1, 0)),
    ]:
        path.write_bytes(whole[:length])
        chunks = sum(length >= end for end in lengths[1:])
        kept = [0, 2, 4, 5][chunks]
        assert found(path).tolist() == list(range(kept))
        assert path.stat().st_size == lengths[chunks]  # the torn tail is gone
        filled(path, np.array([90, 91]))
        assert found(path).tolist() == [*range(kept), 90, 91]


@pytest.mark.parametrize("place", ["length", "sum", "payload"])
def test_a_spoilt_last_chunk_is_dropped(path: Path, place: str) -> None:
    lengths = filled(path, np.arange(5), np.arange(5, 9))
    data = bytearray(path.read_bytes())
    data[lengths[1] + {"length": 1, "sum": 9, "payload": 200}[place]] ^= 1
    path.write_bytes(data)
    assert found(path).tolist() == [0, 1, 2, 3, 4]


def test_zeros_behind_the_last_chunk_are_no_chunk(path: Path) -> None:
    lengths = filled(path, np.arange(5))
    path.write_bytes(path.read_bytes() + bytes(5000))
    assert found(path).tolist() == [0, 1, 2, 3, 4]
    assert path.stat().st_size == lengths[1]


def test_another_sweeps_checkpoint_is_refused_naming_what_differs_and_left_alone(path: Path) -> None:
    filled(path, np.arange(5))
    before = path.read_bytes() + b"torn"
    path.write_bytes(before)
    with pytest.raises(InputError, match=r"other strategy \(ema_cross there, rsi here\); name another file"):
        Checkpoint(path, {**IDENTITY, "strategy": "rsi"})
    with pytest.raises(InputError, match=r"other data, costs \(none there, x here\); "):
        Checkpoint(path, {**IDENTITY, "data": "d" * 64, "costs": "x"})
    with pytest.raises(InputError, match=r"other data \(abc there, none here\); "):
        Checkpoint(path, {"strategy": "ema_cross"})
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2\n", b"\0" * 4096, b"PAR1", b"cryptolab sweep checkpoint 9\n" + b"x" * 99]
)
def test_a_file_that_is_no_checkpoint_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match="no checkpoint of a sweep; name another file"):
        Checkpoint(path, IDENTITY)
    assert path.read_bytes() == content


def test_a_checkpoint_whose_beginning_is_spoilt_is_not_begun_anew(path: Path) -> None:
    filled(path, np.arange(5))
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="no checkpoint of a sweep"):
        Checkpoint(path, IDENTITY)
    assert path.read_bytes() == bytes(data)


def test_a_second_opener_is_refused_until_the_first_has_closed(path: Path) -> None:
    with Checkpoint(path, IDENTITY) as checkpoint:
        checkpoint.add(rows_of([1]))
        with pytest.raises(InputError, match="a running sweep writes to; wait for it, or name another file"):
            Checkpoint(path, IDENTITY)
        code = (
            "import sys\nfrom cryptolab.errors import InputError\n"
            "from cryptolab.optimization.checkpoint import Checkpoint\n"
            f"try: Checkpoint(sys.argv[1], {IDENTITY!r})\nexcept InputError as problem: print(problem)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, path], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
        )
        assert "a file that a running sweep writes to" in done.stdout
        checkpoint.add(rows_of([2]))
    checkpoint.close()
    assert found(path).tolist() == [1, 2]


def test_files_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="in a folder that is not there; make the folder first"):
        Checkpoint(tmp_path / "no" / "sweep.checkpoint", IDENTITY)
    with pytest.raises(InputError, match=r"cannot be written \(Is a directory\); name a file that can"):
        Checkpoint(tmp_path, IDENTITY)


def test_a_full_disk_loses_nothing_that_was_there_and_can_be_gone_on_from(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Checkpoint(path, IDENTITY) as checkpoint:
        checkpoint.add(rows_of(np.arange(5)))
        length = path.stat().st_size
        real = module._write

        def half(file, position, data):  # type: ignore[no-untyped-def]
            real(file, position, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(module, "_write", half)
        with pytest.raises(RunError, match=r"cannot be written \(No space left on device\); make room"):
            checkpoint.add(rows_of(np.arange(5, 90)))
        assert path.stat().st_size == length
        monkeypatch.setattr(module, "_write", real)
        checkpoint.add(rows_of(np.arange(5, 7)))
    assert found(path).tolist() == list(range(7))


def test_an_interrupt_within_a_chunk_leaves_a_file_to_go_on_with(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Checkpoint(path, IDENTITY) as checkpoint:
        real = module._write

        def interrupted(file, position, data):  # type: ignore[no-untyped-def]
            real(file, position, data[:100])
            raise KeyboardInterrupt

        monkeypatch.setattr(module, "_write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            checkpoint.add(rows_of(np.arange(90)))
        monkeypatch.setattr(module, "_write", real)
        checkpoint.add(rows_of([1]))
    assert found(path).tolist() == [1]


def test_nothing_in_a_checkpoint_is_unpickled(path: Path) -> None:
    rows = rows_of([1])
    with Checkpoint(path, IDENTITY) as checkpoint, pytest.raises(ValueError, match="allow_pickle"):
        checkpoint.add(rows._replace(days=np.array([object()])))
    with path.open("ab") as file:  # what numpy would need pickle for, in a frame of the right form
        header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
        file.write(module._frame(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"cos\nsystem\n."))
    with Checkpoint(path, IDENTITY) as checkpoint, pytest.raises(ValueError, match="allow_pickle"):
        checkpoint.finished()


def killed(path: Path, kills: int, seed: int) -> list[dict[str, int]]:
    """Return what killed_writer found after each kill."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.optimization.killed_writer", path, str(kills), str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_nothing_lost(rounds: list[dict[str, int]]) -> None:
    before = 0
    for each in rounds:
        assert each["whole"]
        assert each["found"] >= max(each["acknowledged"], before)
        before = each["found"]
    assert sum(each["acknowledged"] > 0 for each in rounds) > len(rounds) // 2


def test_a_kill_at_any_moment_loses_nothing_that_was_acknowledged(path: Path) -> None:
    rounds = killed(path, 20, seed=1)
    assert len(rounds) == 20
    assert_nothing_lost(rounds)


@pytest.mark.slow
def test_a_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    """Which of them tear a tail is chance; that each tear is mended is tested above, at every byte."""
    for seed in range(5):
        assert_nothing_lost(killed(tmp_path / f"{seed}.checkpoint", 20, seed))
