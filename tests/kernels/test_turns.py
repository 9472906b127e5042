"""The bars at which flags are raised, at every length around a word."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptolab.kernels.turns import turns_of_condition, turns_of_flags

FLAGS = st.lists(st.booleans(), min_size=1, max_size=200)


def room(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(n + 1, -1, np.int32), np.full(n + 1, -1, np.int32)


def words(flags: np.ndarray) -> np.ndarray:
    """Return the bits of flags, 64 to a word."""
    out = np.zeros(-(-len(flags) // 64) * 8, np.uint8)
    out[: -(-len(flags) // 8)] = np.packbits(flags, bitorder="little")
    return out.view(np.uint64)


def check_condition(condition: np.ndarray) -> None:
    enter, leave = room(len(condition))
    entered, left = turns_of_condition(words(condition), len(condition), enter, leave)
    before = np.concatenate([[False], condition[:-1]])
    assert enter[:entered].tolist() == np.flatnonzero(condition & ~before).tolist()
    assert leave[:left].tolist() == np.flatnonzero(before & ~condition).tolist()


def check_flags(entries: np.ndarray, exits: np.ndarray) -> None:
    enter, leave = room(len(entries))
    entered, left = turns_of_flags(words(entries), words(exits), enter, leave)
    assert enter[:entered].tolist() == np.flatnonzero(entries & ~exits).tolist()
    assert leave[:left].tolist() == np.flatnonzero(exits).tolist()


@given(FLAGS)
def test_a_condition(flags: list[bool]) -> None:
    check_condition(np.array(flags))
    check_condition(~np.array(flags))


@given(FLAGS, FLAGS)
def test_entries_and_exits(entries: list[bool], exits: list[bool]) -> None:
    n = min(len(entries), len(exits))
    check_flags(np.array(entries[:n]), np.array(exits[:n]))


@pytest.mark.parametrize("n", [*range(1, 36), *range(62, 67), *range(126, 130), 4095, 4096, 4097])
def test_all_none_one_and_every_second(n: int) -> None:
    bar = np.arange(n)
    several = [bar < 0, bar >= 0, bar % 2 == 0, bar % 2 == 1, bar % 8 == 7, bar % 8 == 0, bar // 8 % 2 == 1]
    ones = [bar == place for place in {0, n // 2, n - 1, n - n % 8 - 1, n - n % 8}]
    for flags in [*several, *ones, *(~one for one in ones)]:
        check_condition(flags)
        for others in several:
            check_flags(flags, others)
