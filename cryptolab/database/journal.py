"""Records that are only ever added, a line of JSON each: a file for each writing process, so that none waits.

A record counts once all of it is there: what a process that was killed left of one is passed over.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptolab.database.folders import settle
from cryptolab.locks import alone

log = logging.getLogger(__name__)

_own: dict[tuple[int, Path], Path] = {}
"""This process's file in each folder; by its number, since a forked child has files of its own."""


class Journal:
    """The records in a folder. Safe to use from several threads and processes; nothing is held open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def append(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Add records and have them on the disk. Raises OSError where that cannot be; then none of them counts."""
        text = _lines(records)
        if not text:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with _held(self._own_file()) as number:
            end = os.fstat(number).st_size
            torn = end > 0 and os.pread(number, 1, end - 1) != b"\n"
            try:
                _write(number, end, b"\n" + text if torn else text)
                if not end:
                    settle(self.folder, above=7)
            except BaseException:
                os.ftruncate(number, end)
                raise

    def read(self) -> list[dict[str, Any]]:
        """Return all records, file by file in the order in which these were begun."""
        return [record for path in self._files() for record in _records(path)]

    def remove(self, which: Callable[[dict[str, Any]], bool]) -> int:
        """Remove records, and return how many. Raises OSError where a file cannot be written anew; it stays then."""
        count = 0
        for path in self._files():
            with _held(path):
                records = _records(path)
                stay = [record for record in records if not which(record)]
                count += len(records) - len(stay)
                draft = path.with_suffix(".part")
                draft.unlink(missing_ok=True)  # of a process that was killed here
                if not stay:
                    path.unlink()
                elif len(stay) < len(records):
                    with alone(draft) as number:
                        _write(number, 0, _lines(stay))
                    draft.replace(path)
        settle(self.folder)
        return count

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.jsonl")) if self.folder.is_dir() else []

    def _own_file(self) -> Path:
        """Return the file of this process, which a forked child must not share with its parent."""
        key = os.getpid(), self.folder.absolute()
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{os.getpid()}-{secrets.token_hex(3)}.jsonl"
        return _own.setdefault(key, key[1] / name)


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
    return "".join(json.dumps(each, allow_nan=False, separators=(",", ":")) + "\n" for each in records).encode()


def _records(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:  # removed meanwhile
        return []
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict) and isinstance(record.get("timestamp"), int):
            found.append(record)
        elif line and number < len(lines):  # behind the last end of a line is what a killed process left
            log.warning("%s: line %d is no record; it is passed over", path, number)
    return found
