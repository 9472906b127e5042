"""Each chunk once, whoever asks; neighbours to one worker."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cryptolab.optimization.stretches import Stretches


def chunks(count: int) -> list[np.ndarray]:
    return [np.array([number]) for number in range(count)]


def test_two_workers_have_a_half_each_in_its_order() -> None:
    stretches = Stretches(chunks(10))
    given_out: dict[str, list[int]] = {"a": [], "b": []}
    for worker in "ab" * 5:
        given_out[worker].append(int(stretches.next_for(worker)[0]))
    assert given_out == {"a": [0, 1, 2, 3, 4], "b": [5, 6, 7, 8, 9]}
    assert len(stretches) == 0


def test_a_lost_chunk_goes_to_who_is_free_first() -> None:
    stretches = Stretches(chunks(6))
    assert [int(stretches.next_for("a")[0]) for _ in range(2)] == [0, 1]
    stretches.put_back(np.array([0]))
    assert len(stretches) == 5
    assert [int(stretches.next_for("a")[0]) for _ in range(5)] == [2, 3, 4, 5, 0]


@given(st.integers(1, 40), st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), min_size=1, max_size=60))
def test_each_chunk_is_given_out_once(count: int, events: list[tuple[str, bool]]) -> None:
    """To workers that come, fall silent, and lose some of what they had."""
    stretches = Stretches(chunks(count))
    finished: list[int] = []
    for worker, lost in [*events, *[("e", False)] * count]:
        before = len(stretches)
        if not before:
            break
        chunk = stretches.next_for(worker)
        assert len(stretches) == before - 1
        if lost:
            stretches.put_back(chunk)
        else:
            finished.append(int(chunk[0]))
    assert sorted(finished) == list(range(count))
