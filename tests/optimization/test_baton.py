"""One thread at a time while rows are quick; the others while it is away; none held up where rows are long."""

from __future__ import annotations

import threading
import time

import pytest

from cryptolab.optimization.baton import QUICK, Runner


def work(seconds: float) -> None:
    """Compute for so long."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def free(baton: threading.Lock) -> bool:
    """Whether another thread could take the baton now."""
    taken = baton.acquire(blocking=False)
    if taken:
        baton.release()
    return taken


def test_the_baton_is_held_in_quick_rows_and_left_while_away() -> None:
    baton = threading.Lock()
    with Runner(baton) as runner:
        assert not free(baton)
        for _ in range(50):
            runner.begin_row()
        with runner.away():
            assert free(baton)
        assert not free(baton)
        with runner.away():  # no row since: nothing is known that speaks against it
            pass
        assert not free(baton)
    assert free(baton)


def test_rows_that_take_long_run_side_by_side() -> None:
    baton = threading.Lock()
    with Runner(baton) as runner:
        runner.begin_row()
        work(5 * QUICK)
        with runner.away():
            pass
        assert free(baton)
        with runner.away():
            pass
        assert free(baton)
        for _ in range(50):
            runner.begin_row()
        with runner.away():
            pass
        assert not free(baton)  # quick again: the columns that they need are there by now


def test_what_a_thread_waits_for_is_not_its_work() -> None:
    baton = threading.Lock()
    with Runner(baton) as runner:
        runner.begin_row()
        time.sleep(20 * QUICK)
        with runner.away():
            pass
        assert not free(baton)


def test_a_row_or_a_kernel_that_raises_leaves_the_baton() -> None:
    baton = threading.Lock()
    with pytest.raises(ValueError, match="a row"), Runner(baton):
        raise ValueError("a row")
    assert free(baton)
    with pytest.raises(ValueError, match="a kernel"), Runner(baton) as runner, runner.away():
        raise ValueError("a kernel")
    assert free(baton)


def test_two_threads_take_turns() -> None:
    """The second begins while the first is away, and the first goes on when the second is."""
    baton, order = threading.Lock(), []
    begun, second_away = threading.Event(), threading.Event()

    def other() -> None:
        begun.set()
        with Runner(baton) as runner:
            order.append("second")
            with runner.away():
                second_away.wait(10)

    with Runner(baton) as runner:
        thread = threading.Thread(target=other)
        thread.start()
        begun.wait(10)
        order.append("first")
        with runner.away():
            while "second" not in order:
                time.sleep(0.001)
        order.append("first again")
        second_away.set()
    thread.join(10)
    assert order == ["first", "second", "first again"]
