"""Records that are only ever added, a line of JSON each: a file for each writing process, so that none waits.

A record counts once all of it is there: what a process that was killed left of one is passed over. Each line ends with
a checksum of what is before it: one of which a byte has changed is passed over too, but known.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from cryptolab.database.folders import ALL, settle
from cryptolab.locks import alone

log = logging.getLogger(__name__)

_own: dict[tuple[int, Path], Path] = {}
"""This process's file in each folder; by its number, since a forked child has files of its own."""
_TIMED: Mapping[str, type] = MappingProxyType({"timestamp": int})
_SEAL = b',"crc":"%08x"}'
_SEAL_LENGTH = len(_SEAL % 0)
_WAS_WHOLE = re.compile(rb',"crc":"[0-9a-f]{8}"\}')


class Found(NamedTuple):
    """What there is in a journal. damaged: file and line of each line that is not what was written, or no record."""

    records: list[dict[str, Any]]
    damaged: list[str]


class Journal:
    """The records in a folder. Safe to use from several threads and processes; nothing is held open.

    needed: what each record has, and of which type; one without is no record.
    """

    def __init__(self, folder: Path, needed: Mapping[str, type] = _TIMED) -> None:
        self.folder, self._needed = folder, needed

    def append(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Add records and have them on the disk. Raises OSError where that cannot be; then none of them counts."""
        text = _lines(records)
        if not text:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        while not self._appended(text):
            _own.pop(self._key, None)  # what is torn stays the end of its file

    def _appended(self, text: bytes) -> bool:
        """Write behind the last line of this process's file; return whether there was no half of one."""
        with _held(self._own_file()) as number:
            end = os.fstat(number).st_size
            if end and os.pread(number, 1, end - 1) != b"\n":
                return False
            try:
                _write(number, end, text)
                if not end:
                    settle(self.folder, above=ALL)
            except BaseException:
                os.ftruncate(number, end)
                raise
            return True

    def read(self) -> list[dict[str, Any]]:
        """Return all records, file by file in the order in which these were begun."""
        return self.look().records

    def look(self) -> Found:
        """Return the same, and which lines were passed over because they are not what was written; each is logged."""
        found = Found([], [])
        for path in self._files():
            for number, line in enumerate(_lines_of(path), start=1):
                record = self._record(line)
                if record is not None:
                    found.records.append(record)
                elif line:
                    found.damaged.append(f"{path}: line {number}")
                    log.warning("%s: line %d is not what was written; it is passed over", path, number)
        return found

    def remove(self, which: Callable[[dict[str, Any]], bool]) -> int:
        """Remove records, and return how many. Raises OSError where a file cannot be written anew; it stays then.

        Lines that are not what was written stay: nobody knows what they said.
        """
        count = 0
        for path in self._files():
            with _held(path):
                lines = [(line, self._record(line)) for line in _lines_of(path) if line]
                stay = [line for line, record in lines if record is None or not which(record)]
                count += len(lines) - len(stay)
                draft = path.with_suffix(".part")
                draft.unlink(missing_ok=True)  # of a process that was killed here
                if not stay:
                    path.unlink()
                elif len(stay) < len(lines):
                    with alone(draft) as number:
                        _write(number, 0, b"".join(line + b"\n" for line in stay))
                    draft.replace(path)
        settle(self.folder)
        return count

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.jsonl")) if self.folder.is_dir() else []

    def _own_file(self) -> Path:
        """Return the file of this process, which a forked child must not share with its parent."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{os.getpid()}-{secrets.token_hex(3)}.jsonl"
        return _own.setdefault(self._key, self._key[1] / name)

    @property
    def _key(self) -> tuple[int, Path]:
        return os.getpid(), self.folder.absolute()

    def _record(self, line: bytes) -> dict[str, Any] | None:
        """Return what a line says, None where it is not what was written or lacks something."""
        text, seal = line[:-_SEAL_LENGTH], line[-_SEAL_LENGTH:]
        if seal != _SEAL % zlib.crc32(text):
            return None
        try:
            record: dict[str, Any] = json.loads(text + b"}")
        except (ValueError, RecursionError):
            return None
        return record if all(isinstance(record.get(name), kind) for name, kind in self._needed.items()) else None


@contextmanager
def _held(path: Path) -> Iterator[int]:
    """Hold a file alone, and be sure that it is the one under this name: another may have taken its place."""
    while True:
        with alone(path) as number:
            same = False
            with suppress(FileNotFoundError):
                same = os.path.samestat(os.fstat(number), path.stat())
            if same:
                yield number
                return


def _write(number: int, place: int, text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        done = os.pwrite(number, rest, place)
        rest, place = rest[done:], place + done
    os.fsync(number)


def _lines(records: Iterable[Mapping[str, Any]]) -> bytes:
    texts = (json.dumps(each, allow_nan=False, separators=(",", ":"))[:-1].encode() for each in records)
    return b"".join(text + _SEAL % zlib.crc32(text) + b"\n" for text in texts)


def _lines_of(path: Path) -> list[bytes]:
    """Return the lines of a file, without the half of one that a killed process left behind the last end of a line."""
    try:
        *lines, last = path.read_bytes().split(b"\n")
    except FileNotFoundError:  # removed meanwhile
        return []
    return [*lines, last] if _WAS_WHOLE.search(last) else lines
