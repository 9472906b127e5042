"""Plans: every row once, few columns computed twice, and predictions that fit the budget or are refused in numbers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptolab.errors import InputError
from cryptolab.optimization.grid import Grid, make_grid
from cryptolab.optimization.memory import parse_memory
from cryptolab.optimization.planning import MEMO_AIM, Plan, Probe, make_plan, probing_sets

BARS = 200_000
COLUMN = BARS * 8
EMA_CROSS = {"fast": range(5, 45), "slow": range(100, 200)}
CROSSING = Probe(1e-4, 2 * COLUMN, 2 * COLUMN, {"fast": COLUMN, "slow": COLUMN})


def plan_of(grid: Grid, probe: Probe = CROSSING, **changed: Any) -> Plan:
    options: dict[str, Any] = {"bars": [BARS], "inner": [], "todo": None, "threads": 2, "budget": None, "blocks": 16}
    options |= changed
    bars, inner, todo = (options.pop(name) for name in ("bars", "inner", "todo"))
    todo = np.arange(len(grid) * len(bars)) if todo is None else todo
    return make_plan(grid, bars, inner, todo, probe, **options)


def computed(plan: Plan, grid: Grid, owners: Sequence[Sequence[str]], column: int = COLUMN) -> float:
    """Return how often the mean column is computed: threads in step, each taking the next chunk, over one memo per
    symbol that forgets the least recently used. owners: the names that each column of a set depends on."""
    memos: dict[int, OrderedDict[Any, None]] = {}
    chunks = iter(plan.chunks)

    def work() -> Iterator[int]:
        for chunk in chunks:
            yield from chunk.tolist()

    threads = [work() for _ in range(plan.threads)]
    seen, count = set(), 0
    while threads:
        for thread in list(threads):
            row = next(thread, None)
            if row is None:
                threads.remove(thread)
                continue
            symbol, place = divmod(row, len(grid))
            params, memo = grid.params(place), memos.setdefault(symbol, OrderedDict())
            for names in owners:
                key = (tuple(names), *(params[name] for name in names))
                seen.add((symbol, key))
                if key in memo:
                    memo.move_to_end(key)
                    continue
                count += 1
                memo[key] = None
                while len(memo) * column > plan.memo:
                    memo.popitem(last=False)
    return count / len(seen)


def advised(budget: int, grid: Grid, probe: Probe, **changed: Any) -> int:
    """Return the memory that a refusal of `budget` says to write, 0 where it is not refused."""
    try:
        plan_of(grid, probe, **changed, budget=budget)
    except InputError as refusal:
        advice = parse_memory(str(refusal).split("write memory='")[1].split("'")[0])
        return advice or 0
    return 0


axes = st.lists(st.integers(1, 7), min_size=1, max_size=4)


@given(
    sizes=axes,
    rules=st.integers(1, 5),
    bars=st.lists(st.integers(50, 5_000), min_size=1, max_size=3),
    keep=st.floats(0.05, 1.0),
    seconds=st.sampled_from([0.0, 1e-5, 1e-3, 0.1, 30.0]),
    column=st.sampled_from([0, 8_000, 400_000]),
    known=st.booleans(),
    threads=st.integers(1, 5),
    budget=st.sampled_from([None, 50_000_000, 4_000_000]),
)
def test_each_row_runs_once_in_chunks_of_one_symbol(
    sizes: list[int], rules: int, bars: list[int], keep: float, seconds: float, column: int, known: bool,
    threads: int, budget: int | None,
) -> None:  # fmt: skip
    grid = make_grid(
        {"stop_loss": [value / 10 for value in range(1, rules + 1)]}
        | {f"p{number}": range(size) for number, size in enumerate(sizes)}
    )
    random = np.random.default_rng(0)
    todo = np.flatnonzero(random.random(len(grid) * len(bars)) < keep)
    probe = Probe(seconds, column, column, {f"p{number}": column for number in range(len(sizes))} if known else {})
    changed: dict[str, Any] = {"bars": bars, "inner": ["stop_loss"], "todo": todo, "threads": threads}
    if budget is not None:
        budget = max(budget, advised(budget, grid, probe, **changed))
    plan = plan_of(grid, probe, **changed, budget=budget)
    rows = np.concatenate([*plan.chunks, np.empty(0, np.int64)])
    assert np.array_equal(np.sort(rows), todo)
    assert all(len(chunk) for chunk in plan.chunks)
    symbols = [np.unique(chunk // len(grid)) for chunk in plan.chunks]
    assert all(len(symbol) == 1 for symbol in symbols)
    assert np.all(np.diff([symbol[0] for symbol in symbols]) >= 0)
    # rules of one set of the strategy follow one another, in one chunk: there are fewer than 64
    strategy = [(row // len(grid), *list(grid.params(row % len(grid)).values())[1:]) for row in rows.tolist()]
    turns = 1 + sum(a != b for a, b in pairwise(strategy)) if strategy else 0
    assert turns == len(set(strategy))
    ends = np.cumsum([len(chunk) for chunk in plan.chunks])[:-1]
    assert all(strategy[end - 1] != strategy[end] for end in ends)
    assert 1 <= plan.threads <= threads
    assert sum(plan.predicted.values()) <= plan.budget
    assert plan.memo * min(plan.threads, len(bars)) <= plan.predicted["indicator columns"] + 1
    assert plan.memo >= (plan.threads + 1) * column


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_few_columns_are_computed_twice(threads: int) -> None:
    grid = make_grid(EMA_CROSS)
    plan = plan_of(grid, threads=threads)
    assert plan.memo <= MEMO_AIM
    assert computed(plan, grid, [["fast"], ["slow"]]) <= 1.3


@pytest.mark.parametrize(
    ("threads", "budget", "most"), [(1, "90MB", 1.8), (1, "70MB", 3.3), (2, "141MB", 1.8), (2, "109MB", 4)]
)
def test_tiles_make_the_best_of_a_small_memo(threads: int, budget: str, most: float) -> None:
    """In the order of the grid each fast column would be computed once per slow one: 29 times the distinct ones."""
    grid = make_grid(EMA_CROSS)
    plan = plan_of(grid, threads=threads, budget=parse_memory(budget))
    assert sum(plan.predicted.values()) <= plan.budget
    assert computed(plan, grid, [["fast"], ["slow"]]) <= most


def test_what_a_checkpoint_left_over_is_planned_as_well() -> None:
    grid = make_grid(EMA_CROSS, where="slow - fast > 90")
    todo = np.flatnonzero(np.random.default_rng(1).random(2 * len(grid)) < 0.4)
    plan = plan_of(grid, bars=[BARS, BARS // 2], todo=todo)
    assert computed(plan, grid, [["fast"], ["slow"]]) <= 1.4


def test_rules_do_not_crowd_out_columns() -> None:
    grid = make_grid({**EMA_CROSS, "level": range(5), "stop_loss": [None, 0.1, 0.2]}, where="slow - fast > 90")
    probe = Probe(1e-4, 2 * COLUMN, 2 * COLUMN, {"fast": COLUMN, "slow": COLUMN, "level": 0})
    plan = plan_of(grid, probe, bars=[BARS, BARS], inner=["stop_loss"])
    assert computed(plan, grid, [["fast"], ["slow"]]) <= 1.3


def test_thresholds_vary_inside_the_columns_they_are_compared_with() -> None:
    grid = make_grid({"oversold": range(10, 40), "period": range(5, 25), "overbought": range(60, 90)})
    probe = Probe(1e-4, COLUMN, COLUMN, {"period": COLUMN, "oversold": 0, "overbought": 0})
    plan = plan_of(grid, probe)
    rows = np.concatenate(plan.chunks)
    assert np.count_nonzero(np.diff(grid.columns["period"][rows])) == 19
    assert computed(plan, grid, [["period"]]) == 1.0
    guessed = plan_of(grid, Probe(1e-4, COLUMN, COLUMN))  # nothing known of the axes: each may own the column
    assert computed(guessed, grid, [["period"]]) <= 2.0


def test_columns_of_two_parameters_are_computed_once() -> None:
    grid = make_grid({"period": range(5, 45), "width": [1.5, 2.0, 2.5], "trend": range(100, 120)})
    probe = Probe(1e-4, COLUMN, 2 * COLUMN, {"period": COLUMN, "width": COLUMN, "trend": COLUMN})
    assert computed(plan_of(grid, probe), grid, [["period", "width"], ["trend"]]) <= 1.3


def test_chunks_hold_about_half_a_second() -> None:
    grid = make_grid({**EMA_CROSS, "level": range(10)})
    sizes = [len(chunk) for chunk in plan_of(grid, Probe(0.01, 0, 0)).chunks]
    assert 0.2 <= min(sizes) * 0.01 <= max(sizes) * 0.01 <= 1.0
    shorter = plan_of(grid, Probe(0.01, 0, 0), bars=[BARS, BARS // 10])
    second = [len(chunk) for chunk in shorter.chunks if chunk[0] >= len(grid)]
    assert 0.2 <= min(second) * 0.001 <= max(second) * 0.001 <= 1.0


@pytest.mark.parametrize("threads", [1, 2, 6])
def test_a_short_sweep_has_chunks_for_all_threads(threads: int) -> None:
    chunks = plan_of(make_grid(EMA_CROSS), threads=threads).chunks
    assert 8 * threads * 0.8 <= len(chunks) <= 8 * threads * 1.2
    assert max(map(len, chunks)) <= 1.6 * 4_000 / (8 * threads)


def test_many_rules_of_one_set_are_shared_out() -> None:
    grid = make_grid({"fast": 9, "stop_loss": [value / 10_000 for value in range(1, 1_001)]})
    chunks = plan_of(grid, inner=["stop_loss"], threads=2).chunks
    assert len(chunks) >= 8
    assert max(len(chunk) for chunk in chunks) - min(len(chunk) for chunk in chunks) <= 64


def test_a_million_slow_sets_do_not_make_a_million_chunks() -> None:
    plan = plan_of(make_grid({"a": range(1000), "b": range(1000)}), Probe(2.0, 0, 0))
    assert len(plan.chunks) <= 100_001


def test_nothing_to_run_is_a_plan_without_chunks() -> None:
    assert plan_of(make_grid(EMA_CROSS), todo=np.empty(0, np.int64)).chunks == ()


def test_fewer_threads_run_where_all_do_not_fit() -> None:
    grid = make_grid(EMA_CROSS)
    probe = Probe(1e-4, 100_000_000, 2 * COLUMN)
    assert plan_of(grid, probe, threads=8, budget=parse_memory("400MB")).threads == 3
    assert plan_of(grid, probe, threads=8, budget=parse_memory("5GB")).threads == 8


def test_as_many_symbols_as_threads_hold_tables_and_columns() -> None:
    """The longest ones at worst; where they do not all fit, fewer threads run."""
    grid = make_grid({"fast": [5, 6], "slow": [20, 30]})
    lengths = [BARS, *[BARS // 10] * 11]
    tables = [plan_of(grid, bars=lengths, threads=count).predicted["market tables"] for count in (1, 2, 8, 20)]
    assert [size * 10 // tables[0] for size in tables] == [10, 11, 17, 21]
    wide = plan_of(grid, bars=[BARS] * 12, threads=8, budget=parse_memory("150MB"))
    assert 1 < wide.threads < 8
    assert wide.memo * wide.threads <= wide.predicted["indicator columns"]


def test_the_sweeps_of_the_benchmarks_keep_their_threads() -> None:
    assert plan_of(make_grid(EMA_CROSS), budget=parse_memory("120MB")).threads == 2
    long = Probe(1e-3, 2 * 8 * 1_050_207, 2 * 8 * 1_050_207, dict.fromkeys(EMA_CROSS, 8 * 1_050_207))
    plan = plan_of(make_grid(EMA_CROSS), long, bars=[1_050_207], budget=parse_memory("1 GB"))
    assert plan.threads == 2
    assert plan.predicted["indicator columns"] >= 40 * long.columns["fast"]


def test_memory_does_not_grow_with_the_budget() -> None:
    small, large = (plan_of(make_grid(EMA_CROSS), budget=parse_memory(size)) for size in ("200MB", "200GB"))
    assert small.predicted == large.predicted
    assert sum(small.predicted.values()) < 150_000_000


def test_a_budget_too_small_is_refused_with_the_numbers() -> None:
    grid = make_grid(EMA_CROSS)
    with pytest.raises(InputError) as refusal:
        plan_of(grid, budget=20_000_000)
    sentence = str(refusal.value)
    assert sentence.startswith("memory: received 20 MB for a sweep that needs ")
    for part in ("results", "market tables", "working arrays", "indicator columns"):
        assert f"{part} " in sentence
    advice = parse_memory(sentence.split("write memory='")[1].split("'")[0])
    plan = plan_of(grid, budget=advice)
    assert plan.threads == 1
    assert advice is not None
    assert sum(plan.predicted.values()) <= advice


def test_more_results_than_there_is_memory_are_refused() -> None:
    grid = make_grid({"a": range(1000), "b": range(1000)})
    with pytest.raises(InputError, match=r"results 69\d MB"):
        plan_of(grid, budget=parse_memory("500MB"))
    with pytest.raises(InputError, match=r"half of what is available"):
        plan_of(grid, Probe(1.0, 10**15, 0))


def test_probing_sets_differ_from_the_first_in_one_value() -> None:
    grid = make_grid({"fast": [5, 6], "slow": [6, 7], "mode": ["x"], "stop_loss": [0.1, 0.2]}, where="fast < slow")
    for first in range(len(grid)):
        base = grid.params(first)
        for name, place in probing_sets(grid, ["stop_loss"], first).items():
            other = grid.params(place)
            assert {key for key in ("fast", "slow") if other[key] != base[key]} == {name}
    assert set(probing_sets(grid, ["stop_loss"])) == {"slow"}
    assert set(probing_sets(grid, ["stop_loss"], len(grid) - 1)) == {"fast"}
