"""What a sweep has finished, in one file that a kill at any moment cannot spoil.

    begins with   the format's name, one line of ASCII
    then frames   length of the payload (uint64), CRC-32 of it (uint32), both little-endian, and the payload
    the first     the sweep's identity: JSON, name -> text
    the others    rows as four arrays in numpy's own format: numbers, scores, days, and the errors as JSON bytes

A frame counts when all of it is there and its CRC fits. A kill can leave but the last one unfinished: it is cut off
when the file is opened again. Nothing in the file is unpickled, so one from elsewhere can do no harm.
"""

from __future__ import annotations

import io
import json
import os
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from cryptolab.checks import refuse
from cryptolab.errors import RunError
from cryptolab.optimization.task import Rows

_FORMAT = b"cryptolab sweep checkpoint 1\n"
_HEAD = struct.Struct("<QI")
_SHOWN = 40
"""Letters of an identity that a refusal shows; of longer texts only the parts that differ, digests left out."""


class Checkpoint:
    """The open file of one sweep; also a context manager that closes it.

    path: made where there is none; its folder has to be there. identity: what makes the sweep this one, name -> text.
    Raises InputError for the file of another sweep (naming what differs), for one that another process has open and
    for one that is no checkpoint; such a file is left as it is.
    """

    def __init__(self, path: str | os.PathLike[str], identity: dict[str, str]) -> None:
        self.path = Path(path).expanduser()
        self._file = _opened(self.path)
        try:
            _lock(self._file, self.path)
            self._begin = self._end = self._started(identity)
            for begin, size in _frames(self._file, self._begin):
                self._end = begin + size
            self._cut()
        except BaseException:
            self._file.close()
            raise

    def finished(self) -> Rows | None:
        """Return all rows in the file, ascending by number and each once; None where there are none yet."""
        parts = []
        for begin, size in _frames(self._file, self._begin):
            self._file.seek(begin)
            parts.append(_unpacked(self._file.read(size)))
        if not parts:
            return None
        parts.reverse()  # of two rows of one number the later one counts: the other had failed
        numbers, first = np.unique(np.concatenate([part.numbers for part in parts]), return_index=True)
        scores, days = (
            np.concatenate(arrays)[first] for arrays in ([p.scores for p in parts], [p.days for p in parts])
        )
        owner = np.repeat(np.arange(len(parts)), [len(part.numbers) for part in parts])[first]
        errors = {
            int(number): parts[part].errors[int(number)]
            for number, part in zip(numbers, owner, strict=True)
            if int(number) in parts[part].errors
        }
        return Rows(numbers, scores, days, errors)

    def add(self, rows: Rows) -> None:
        """Append rows; when this returns they are on the disk and survive the process and the machine's power.

        Raises RunError where they cannot be written, as on a full disk; what was there before stays readable.
        """
        if rows.numbers.size == 0:
            return
        frame = _frame(_packed(rows))
        try:
            _write(self._file, self._end, frame)
        except OSError as problem:
            self._cut()
            raise RunError(
                f"checkpoint {self.path}: received {len(frame):,} bytes that cannot be written ({problem.strerror}); "
                "make room and run the sweep again, it goes on from here."
            ) from problem
        except BaseException:  # Ctrl-C between the bytes: the next frame must not stand behind half of this one
            self._cut()
            raise
        self._end += len(frame)

    def close(self) -> None:
        """Close the file, so that another process can go on with the sweep. Closing twice does nothing."""
        self._file.close()

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _started(self, identity: dict[str, str]) -> int:
        """Return where the rows begin, after the identity is written (a new file) or found to be the same."""
        beginning = _FORMAT + _frame(json.dumps(identity, sort_keys=True).encode())
        found = self._file.read(len(_FORMAT))
        there = next(_frames(self._file, len(_FORMAT)), None)
        if found == _FORMAT and there is not None:
            begin, size = there
            self._file.seek(begin)
            _same(self.path, json.loads(self._file.read(size)), identity)
            return begin + size
        self._file.seek(0)
        # rows come after the identity is on the disk: a beginning that a kill cut short has none behind it
        if not beginning.startswith(self._file.read(len(beginning) + 1)):
            refuse(f"checkpoint {self.path}", "a file that is no checkpoint of a sweep", "name another file")
        _write(self._file, 0, beginning)
        _folder_to_disk(self.path.parent)
        return len(beginning)

    def _cut(self) -> None:
        """Cut off what stands behind the last whole frame."""
        if self._file.seek(0, os.SEEK_END) > self._end:
            self._file.truncate(self._end)
            os.fsync(self._file.fileno())


def check_folder(path: Path) -> None:
    """Refuse a checkpoint in a folder that does not exist."""
    if not path.parent.is_dir():
        refuse("checkpoint", f"{path}, in a folder that is not there", "make the folder first")


def _opened(path: Path) -> IO[bytes]:
    """Return the file, open for reading and writing, made if absent and never emptied; unbuffered."""
    check_folder(path)
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
    except OSError as problem:
        refuse("checkpoint", f"{path}, which cannot be written ({problem.strerror})", "name a file that can")


def _lock(file: IO[bytes], path: Path) -> None:
    """Hold the file until it is closed or the process ends, however it ends; without fcntl (Windows) go on without."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        refuse(f"checkpoint {path}", "a file that a running sweep writes to", "wait for it, or name another file")
    except OSError as problem:
        refuse(f"checkpoint {path}", f"a file that cannot be locked ({problem.strerror})", "name one on a local disk")


def _same(path: Path, there: dict[str, str], identity: dict[str, str]) -> None:
    """Refuse a file whose identity is not this one, naming each part that differs and, where short, how."""
    names = [name for name in {**identity, **there} if there.get(name) != identity.get(name)]
    if not names:
        return
    said = ", ".join(name + _difference(there.get(name, "none"), identity.get(name, "none")) for name in names)
    refuse(f"checkpoint {path}", f"the file of a sweep with other {said}", "name another file, or remove it")


def _difference(there: str, here: str) -> str:
    """Return " (1 there, 2 here)"; of long texts, such as records, what one has and the other has not."""
    if max(len(there), len(here)) > _SHOWN:
        parts = [re.split(r",? |[(),]+", text.rstrip(")")) for text in (there, here)]
        there, here = (
            " ".join(part for part in own if part not in other) or "none"
            for own, other in ((parts[0], parts[1]), (parts[1], parts[0]))
        )
    return f" ({there} there, {here} here)" if max(len(there), len(here)) <= _SHOWN else ""


def _frames(file: IO[bytes], start: int) -> Iterator[tuple[int, int]]:
    """Yield (position, size) of each whole payload from `start` on, up to the first that is not."""
    length = file.seek(0, os.SEEK_END)
    while start + _HEAD.size <= length:
        file.seek(start)
        size, crc = _HEAD.unpack(file.read(_HEAD.size))
        begin = start + _HEAD.size
        if size == 0 or begin + size > length or zlib.crc32(file.read(size)) != crc:
            return  # size 0: a stretch of zeros, as a power cut leaves it, would have the right CRC
        yield begin, size
        start = begin + size


def _frame(payload: bytes) -> bytes:
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def _packed(rows: Rows) -> bytes:
    """Return rows as the bytes of four arrays in numpy's format, one after the other."""
    errors = json.dumps([[int(number), said] for number, said in rows.errors.items()]).encode()
    buffer = io.BytesIO()
    for array in (rows.numbers, rows.scores, rows.days, np.frombuffer(errors, dtype=np.uint8)):
        np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _unpacked(payload: bytes) -> Rows:
    buffer = io.BytesIO(payload)
    numbers, scores, days, errors = (_array(buffer) for _ in range(4))
    return Rows(numbers, scores, days, dict(json.loads(errors.tobytes())))


def _array(buffer: io.BytesIO) -> Any:
    return np.lib.format.read_array(buffer, allow_pickle=False)


def _write(file: IO[bytes], position: int, data: bytes) -> None:
    """Write at `position` and return when it is on the disk. An unbuffered file may take less than it is given."""
    file.seek(position)
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
    os.fsync(file.fileno())


def _folder_to_disk(folder: Path) -> None:
    """Put a new file's name on the disk; without it, a power cut may take the whole file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
