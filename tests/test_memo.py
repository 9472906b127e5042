"""Memo: what it counts; and among threads: one computes, the others wait for it; what fails holds nobody up."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryptolab.bars import Memo

WAIT = 10.0
"""Seconds after which a thread that waits for another has been forgotten."""


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Call all of these in threads of their own, at the same time; return results or what they raised."""
    start = threading.Barrier(len(calls))

    def work(call: Callable[[], Any]) -> Any:
        start.wait(WAIT)
        try:
            return call()
        except ArithmeticError as problem:
            return problem

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(WAIT) for future in [pool.submit(work, call) for call in calls]]


def test_threads_that_ask_for_one_key_compute_it_once() -> None:
    memo, computed = Memo(), []

    def compute() -> np.ndarray:
        computed.append(threading.get_ident())
        time.sleep(0.05)
        return np.arange(3.0)

    values = at_once([lambda: memo.get("key", compute)] * 8)
    assert len(computed) == 1
    assert all(value is values[0] for value in values)


def test_a_value_is_computed_once_whenever_threads_ask() -> None:
    """Also by a thread that asks while the one before puts the value away."""
    for _ in range(200):
        memo, computed = Memo(), []

        def compute(computed: list[int] = computed) -> np.ndarray:
            computed.append(1)
            return np.arange(3.0)

        at_once([lambda memo=memo, compute=compute: memo.get("key", compute)] * 4)
        assert len(computed) == 1


def test_the_turn_ends_after_the_value_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that asks between computing and putting away would compute again."""
    memo, computed = Memo(), []
    keep = memo._keep

    def slowly(key: Any, value: Any) -> None:
        time.sleep(0.05)
        keep(key, value)

    monkeypatch.setattr(memo, "_keep", slowly)

    def ask(delay: float) -> Any:
        time.sleep(delay)
        return memo.get("key", lambda: computed.append(1) or np.zeros(1))

    at_once([lambda delay=delay: ask(delay) for delay in (0.0, 0.01, 0.02, 0.03)])
    assert len(computed) == 1


def test_other_keys_are_not_held_up() -> None:
    memo, reached = Memo(), threading.Event()

    def slow() -> np.ndarray:
        assert reached.wait(WAIT)
        return np.ones(1)

    def quick() -> np.ndarray:
        value = memo.get("quick", lambda: np.zeros(1))
        reached.set()
        return value

    assert [value[0] for value in at_once([lambda: memo.get("slow", slow), quick])] == [1.0, 0.0]


def test_an_exception_lets_the_next_one_compute() -> None:
    memo, tries = Memo(), []

    def compute() -> np.ndarray:
        tries.append(1)
        time.sleep(0.2)  # until all of them wait
        if len(tries) == 1:
            raise ArithmeticError("the first fails")
        return np.arange(3.0)

    values = at_once([lambda: memo.get("key", compute)] * 6)
    assert sum(isinstance(value, ArithmeticError) for value in values) == 1
    assert sum(isinstance(value, np.ndarray) for value in values) == 5
    assert len(tries) == 2
    assert memo.get("key", lambda: pytest.fail("it is remembered")).size == 3


def test_what_always_fails_fails_for_each_and_leaves_no_turn_behind() -> None:
    memo = Memo()

    def compute() -> Any:
        raise ArithmeticError("always")

    for _ in range(3):
        assert all(isinstance(value, ArithmeticError) for value in at_once([lambda: memo.get("key", compute)] * 4))
    assert len(memo) == 0
    assert memo._turns == {}


def test_computing_a_value_may_ask_for_others_and_for_itself() -> None:
    memo = Memo()
    inner = memo.get("a", lambda: memo.get("b", lambda: memo.get("c", lambda: np.ones(1)) + 1) + 1)
    assert inner[0] == 3
    again = memo.get("self", lambda: memo.get("self", lambda: np.ones(1)) + 1)
    assert again[0] == 2
    assert len(memo) == 4
    assert memo.nbytes == 4 * 8
    assert memo._turns == {}


def test_threads_that_share_inner_values_do_not_wait_for_one_another_in_a_circle() -> None:
    memo = Memo()

    def outer(name: int) -> np.ndarray:
        return memo.get(("outer", name), lambda: memo.get("inner", lambda: np.full(1, 5.0)) + name)

    values = at_once([lambda name=name: outer(name % 3) for name in range(9)])
    assert [value[0] for value in values] == [5.0, 6.0, 7.0] * 3


def test_a_value_too_large_to_keep_is_computed_by_each() -> None:
    memo = Memo(limit=100)
    values = at_once([lambda: memo.get("large", lambda: np.zeros(100))] * 4)
    assert all(value.size == 100 for value in values)
    assert len(memo) == memo.nbytes == 0


def held(value: Any) -> int:
    """Return the bytes that a memo counts for a value."""
    memo = Memo()
    memo.get("key", lambda: value)
    return memo.nbytes


def test_arrays_count_what_they_hold_alone_and_together() -> None:
    column = np.zeros(1000)
    assert held(column) == 8000
    assert held((column, np.ones(1000, bool))) == 9000
    assert held((column, column)) == 8000  # one object
    assert held(np.float64(1.0)) == 8


@pytest.mark.parametrize(
    "make",
    [
        lambda column: pd.Series(column),
        lambda column: pd.DataFrame({"a": column}),
        lambda column: [column],
        lambda column: {"a": {"b": column}},
        lambda column: ([column], None),
        lambda column: {"frames": [pd.DataFrame({"a": column})]},
        lambda column: SimpleNamespace(inner=[column]),
        lambda column: np.array([column, None], dtype=object),
    ],
)
def test_frames_and_containers_count_what_is_in_them(make: Callable[[np.ndarray], Any]) -> None:
    assert 800_000 <= held(make(np.arange(100_000.0))) <= 801_000


def test_numbers_in_a_list_count_as_objects() -> None:
    assert held(np.arange(10_000.0).tolist()) >= 10_000 * (8 + 24)


def test_texts_in_a_frame_count() -> None:
    assert held(pd.DataFrame({"a": ["x" * 1000] * 100}, dtype=object)) > 100_000


def test_what_holds_itself_is_counted_once() -> None:
    circle: list[Any] = [np.zeros(1000)]
    circle.append(circle)
    assert 8000 <= held(circle) < 8500


def test_frames_leave_when_the_memo_is_full() -> None:
    memo = Memo(limit=2_500_000)
    for key in range(5):
        memo.get(key, lambda: pd.DataFrame({"a": np.zeros(100_000)}))
    assert len(memo) == 3
    assert memo.nbytes <= 2_500_000


def test_clearing_forgets_all_and_a_copy_travels_empty() -> None:
    memo = Memo(limit=1000)
    memo.get("key", lambda: np.zeros(10))
    assert memo.nbytes == 80
    copy = pickle.loads(pickle.dumps(memo))
    assert len(copy) == copy.nbytes == 0
    assert copy._limit == 1000
    memo.clear()
    assert len(memo) == memo.nbytes == 0
    memo.get("key", lambda: np.zeros(10))
    assert memo.nbytes == 80
