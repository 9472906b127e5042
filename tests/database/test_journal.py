"""Lines of JSON that are only ever added: each whole, each once, by whoever and however ended."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from cryptolab import locks
from cryptolab.database import journal as module
from cryptolab.database.journal import Journal

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "records")


def record(number: int, **more: Any) -> dict[str, Any]:
    return {"timestamp": number, **more}


def own_file(journal: Journal) -> Path:
    (path,) = journal.folder.glob("*.jsonl")
    return path


def line(text: str) -> bytes:
    """Return a line with the checksum that it should have, without its end."""
    body = text.encode()[:-1]
    return body + b',"crc":"%08x"}' % zlib.crc32(body)


@given(st.lists(st.lists(VALUES, max_size=3), max_size=4))
def test_what_was_added_is_read(tmp_path_factory: pytest.TempPathFactory, parts: list[list[Any]]) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal") / "deep" / "in")
    added = [[record(number, value=value) for number, value in enumerate(values)] for values in parts]
    for records in added:
        journal.append(iter(records))
    assert journal.read() == Journal(journal.folder).read() == [each for records in added for each in records]
    assert len(list(journal.folder.glob("*"))) == (1 if any(parts) else 0)


def test_a_file_cut_anywhere_keeps_its_whole_lines_and_can_be_added_to(journal: Journal) -> None:
    journal.append([record(1, text="a\nb"), record(2)])
    journal.append([record(3)])
    path = own_file(journal)
    content = path.read_bytes()
    ends = [place for place, byte in enumerate(content) if byte == ord("\n")]
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        kept = [1, 2, 3][: sum(length >= end for end in ends)]  # a record counts without the end of its line
        found = journal.look()
        assert [each["timestamp"] for each in found.records] == kept
        assert found.damaged == []
        journal.append([record(9)])
        found = journal.look()
        assert [each["timestamp"] for each in found.records] == [*kept, 9]
        assert found.damaged == []
        for other in set(journal.folder.glob("*.jsonl")) - {path}:
            other.unlink()


def test_what_is_no_record_is_passed_over_and_named(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(journal.folder, {"timestamp": int, "name": str})
    journal.append([record(1, name="a")])
    path = own_file(journal)
    lines = [
        line('{"timestamp":"monday","name":"b"}'), b"\x00\x00\xff", line("[1]"), b"7", line("{}"), b"{}", b"",
        b'{"timestamp":2,"name":"c"}', line('{"timestamp":3}'), line('{"timestamp":4,"name":null}'),
        line('{"timestamp":4,"name":"d","more":' + "[" * 100_000 + "]" * 100_000 + "}"),
        line('{"timestamp":5,"name":"e"}'), b'{"timest',
    ]  # fmt: skip
    with path.open("ab") as file:
        file.write(b"\n".join(lines))
    with caplog.at_level(logging.WARNING):
        found = journal.look()
    assert found.records == [record(1, name="a"), record(5, name="e")]
    assert found.damaged == [f"{path}: line {number}" for number in (2, 3, 4, 5, 6, 7, 9, 10, 11, 12)]
    assert caplog.messages == [f"{each} is not what was written; it is passed over" for each in found.damaged]
    assert journal.remove(lambda each: True) == 2  # nobody knows what the others said
    assert len(journal.look().damaged) == 10
    assert journal.read() == []


def test_no_bit_of_a_line_can_turn_without_being_noticed(journal: Journal) -> None:
    """Nor that of a line's end. What is read is right, and what is missing is known of."""
    records = [record(number, close=1.25) for number in (1, 2)]
    journal.append(records)
    path = own_file(journal)
    content = path.read_bytes()
    for place in range(len(content)):
        for bit in range(8):
            path.write_bytes(content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :])
            found = journal.look()
            assert all(each in records for each in found.records)
            assert found.damaged, (place, bit)


def test_who_waited_for_a_file_that_was_written_anew_writes_into_the_new_one(journal: Journal) -> None:
    journal.append([record(1)])
    path = own_file(journal)
    new = path.with_suffix(".new")
    new.write_bytes(path.read_bytes())
    with locks.alone(path):
        waiting = threading.Thread(target=journal.append, args=[[record(2)]])
        waiting.start()
        time.sleep(0.1)  # it has the old file open, or else opens the new one, which is right as well
        new.replace(path)
    waiting.join(60)
    assert journal.read() == [record(1), record(2)]


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_fails_half_way_leaves_nothing(
    journal: Journal, problem: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append([record(1)])
    real = os.pwrite

    def half(number: int, text: bytes, place: int) -> int:
        real(number, text[: len(text) // 2], place)
        raise problem

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", half)
        with pytest.raises(type(problem)):
            journal.append([record(2), record(3)])
    assert journal.read() == [record(1)]
    journal.append([record(4)])
    assert journal.read() == [record(1), record(4)]
    assert own_file(journal).read_text().count("\n") == 2


def test_a_write_that_takes_only_some_bytes_is_gone_on_with(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda number, text, place: real(number, text[:7], place))
    journal.append([record(number) for number in range(50)])
    assert journal.read() == [record(number) for number in range(50)]


def test_records_that_json_cannot_hold_are_not_half_added(journal: Journal) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        journal.append([record(1), record(2, value=float("nan"))])
    assert journal.read() == []
    assert not journal.folder.exists()


def test_removing_leaves_the_others(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.append([record(1), record(2)])
    monkeypatch.setattr(module, "_own", {})  # as another process would
    journal.append([record(3), record(4)])
    assert journal.remove(lambda each: each["timestamp"] in (1, 3, 4)) == 3
    assert journal.read() == [record(2)]
    journal.append([record(5)])  # its own file is gone by now
    assert journal.read() == [record(2), record(5)]
    assert journal.remove(lambda each: each["timestamp"] == 7) == 0
    assert journal.remove(lambda each: True) == 2
    assert list(journal.folder.iterdir()) == []
    journal.append([record(6)])
    assert journal.read() == [record(6)]


def test_what_a_killed_process_began_to_write_anew_is_of_no_use(journal: Journal) -> None:
    journal.append([record(1), record(2)])
    draft = own_file(journal).with_suffix(".part")
    draft.write_text(json.dumps(record(99)) + "\n" + "x" * 999)
    assert journal.remove(lambda each: each["timestamp"] == 1) == 1
    assert journal.read() == [record(2)]
    assert not draft.exists()


def test_a_full_disk_while_removing_leaves_all(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.append([record(1), record(2)])

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space"):
            journal.remove(lambda each: each["timestamp"] == 1)
    assert journal.read() == [record(1), record(2)]


def test_there_is_nothing_where_nothing_was_added(journal: Journal) -> None:
    assert journal.read() == []
    assert journal.remove(lambda each: True) == 0
    journal.append([])
    assert not journal.folder.exists()
