"""Matrices of flags as a source of signals: one column per set, the same signals as column by column."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryptolab.bars import Bars, as_bars
from cryptolab.errors import InputError, UnknownNameError
from cryptolab.optimization.matrices import MatrixSource, as_source
from cryptolab.signal_generator import Signals, as_signals, long_while
from cryptolab.signal_generator.signals import FLAGS

LABELS = pd.MultiIndex.from_tuples([(5, "a"), (5, "b"), (9, "a")], names=["fast", "mode"])


def flags(index: pd.Index, seed: int, columns: Any = LABELS) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(random.random((len(index), len(columns))) < 0.1, index, columns)


def same(a: Signals, b: Signals) -> bool:
    return len(a) == len(b) and all(np.array_equal(getattr(a, name), getattr(b, name)) for name in FLAGS)


def with_gaps(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with rows without prices, the first among them."""
    frame = frame.copy()
    frame.loc[frame.index[[0, 7, 8, 100]], "close"] = np.nan
    return frame


@pytest.fixture(params=["all rows priced", "rows without prices"])
def frame(request: pytest.FixtureRequest, hourly_frame: pd.DataFrame) -> pd.DataFrame:
    return hourly_frame if request.param == "all rows priced" else with_gaps(hourly_frame)


def given(kind: str, matrices: list[pd.DataFrame]) -> Any:
    """The same matrices in each form they may be handed over in."""
    named = dict(zip(FLAGS, matrices, strict=False))
    return {
        "tuple": tuple(matrices),
        "mapping": named,
        "object": type("Generated", (), named)(),
        "numbers": tuple(matrix.astype(float) for matrix in matrices),
        "objects": tuple(matrix.astype(object) for matrix in matrices),
        "labels once": (matrices[0], *(matrix.to_numpy() for matrix in matrices[1:])),
        "rows in memory": tuple(
            pd.DataFrame(np.ascontiguousarray(matrix.to_numpy()), matrix.index, matrix.columns) for matrix in matrices
        ),
    }[kind]


@pytest.mark.parametrize("kind", ["tuple", "mapping", "object", "numbers", "objects", "labels once", "rows in memory"])
@pytest.mark.parametrize("count", [2, 4])
def test_each_column_gives_the_signals_of_its_flags(frame: pd.DataFrame, kind: str, count: int) -> None:
    bars = as_bars(frame)
    matrices = [flags(frame.index, seed) for seed in range(count)]
    source = as_source(given(kind, matrices))
    grid = source.own_grid()
    assert source.parameters == {"fast": 5, "mode": "a"}
    assert grid.axes == {"fast": (5, 9), "mode": ("a", "b")}
    assert [tuple(grid.params(number).values()) for number in range(len(grid))] == list(LABELS)
    for number in range(len(grid)):
        values = grid.params(number)
        alone = {name: matrix.iloc[:, number] for name, matrix in zip(FLAGS, matrices, strict=False)}
        signals = source.signals(bars, values)
        assert same(signals, as_signals(alone, bars))
        assert signals.index is bars.index
    assert source.digest == as_source(tuple(matrices)).digest


def test_matrices_may_be_given_on_the_real_bars_alone(hourly_frame: pd.DataFrame) -> None:
    bars = as_bars(with_gaps(hourly_frame))
    for index in (bars.index, pd.RangeIndex(len(bars))):
        entries, exits = flags(index, 0), flags(index, 1)
        source = as_source((entries, exits) if index is bars.index else (entries.to_numpy(), exits.to_numpy()))
        signals = source.signals(bars, {})
        assert np.array_equal(signals.entries, entries.iloc[:, 0])
        assert np.array_equal(signals.exits, exits.iloc[:, 0])


@pytest.mark.parametrize("bare", [True, False])
def test_one_boolean_matrix_says_when_a_position_is_held(frame: pd.DataFrame, bare: bool) -> None:
    bars = as_bars(frame)
    held = flags(frame.index, 3)
    source = as_source(held.to_numpy() if bare else held)
    assert source.parameters == ({"column": 0} if bare else {"fast": 5, "mode": "a"})
    for number in range(3):
        signals = source.signals(bars, source.own_grid().params(number))
        assert same(signals, long_while(held.iloc[:, number]).on(bars))


def test_one_set_may_be_series_or_a_frame_of_flags(frame: pd.DataFrame) -> None:
    bars = as_bars(frame)
    entries, exits = flags(frame.index, 0).iloc[:, 0], flags(frame.index, 1).iloc[:, 0]
    expected = as_signals({"entries": entries, "exits": exits}, bars)
    for strategy in ((entries, exits), pd.DataFrame({"entries": entries, "exits": exits})):
        source = as_source(strategy)
        assert len(source.own_grid()) == 1
        assert same(source.signals(bars, source.parameters), expected)


def test_a_matrix_of_one_column_goes_with_each_set(hourly_frame: pd.DataFrame) -> None:
    bars = as_bars(hourly_frame)
    entries, exits = flags(bars.index, 0), flags(bars.index, 1).iloc[:, 1]
    for given_exits in (exits, exits.to_frame("any"), exits.to_numpy()):
        source = as_source((entries, given_exits))
        for number in range(3):
            signals = source.signals(bars, source.own_grid().params(number))
            assert np.array_equal(signals.exits, exits)
            assert np.array_equal(signals.entries, entries.iloc[:, number])


def test_a_vectorbt_generator_is_taken_as_it_is(hourly_frame: pd.DataFrame) -> None:
    import vectorbt as vbt

    bars = as_bars(hourly_frame)
    made = vbt.RANDNX.run(n=[3, 5, 8], input_shape=(len(bars),), input_index=bars.index, seed=42)
    source = as_source(made)
    assert source.parameters == {"randnx_n": 3}
    for count in (3, 5, 8):
        signals = source.signals(bars, {"randnx_n": count})
        assert signals.entries.sum() == count
        assert np.array_equal(signals.exits, made.exits[count])


def test_an_index_that_counts_the_rows_is_taken_by_position(frame: pd.DataFrame) -> None:
    import vectorbt as vbt

    bars = as_bars(frame)
    for rows in (len(bars), len(frame)):  # the real bars, or all rows
        made = vbt.RANDNX.run(n=[3, 5], input_shape=(rows,), seed=42)
        assert isinstance(made.entries.index, pd.RangeIndex)
        source = as_source(made)
        source.check(bars)
        bare = as_source((made.entries.to_numpy(), made.exits.to_numpy()))
        for place, count in enumerate((3, 5)):
            assert same(source.signals(bars, {"randnx_n": count}), bare.signals(bars, {"column": place}))
    entries, exits = flags(frame.index, 0), flags(frame.index, 1)
    mixed, labelled = as_source((entries.reset_index(drop=True), exits)), as_source((entries, exits))
    assert same(mixed.signals(bars, {}), labelled.signals(bars, {}))
    for other in (pd.RangeIndex(1, len(frame) + 1), pd.RangeIndex(0, 2 * len(frame), 2)):
        with pytest.raises(InputError, match="that differs"):
            as_source((entries.set_axis(other), exits.set_axis(other))).check(bars)


def test_rows_are_checked_before_any_signals_are_asked_for(frame: pd.DataFrame) -> None:
    bars = as_bars(frame, symbol="ETH/USDT")
    for index in (frame.index, bars.index, frame.index.tz_convert("Asia/Tokyo")):
        as_source((flags(index, 0), flags(index, 1))).check(bars)
    as_source(np.zeros((len(bars), 2), bool)).check(bars)
    later = frame.index + pd.Timedelta("1h")
    refused = {
        r"499 rows for \d+ bars; give one row per bar\.$": np.zeros((499, 2), bool),
        r"0 rows for \d+ bars; give one row per bar\.$": np.zeros((0, 2), bool),
        r"an index of 500 rows \(.* on\) that differs; give them on .*\.$": flags(later, 0),
        r"an index of 400 rows \(.* on\) that differs; give them on .*\.$": flags(frame.index[:400], 0),
        r"an index of 500 rows \(0 on\) that differs; ": flags(pd.Index(np.arange(500)), 0),
    }
    for sentence, matrix in refused.items():
        with pytest.raises(InputError, match=f"^matrices on ETH/USDT: received {sentence}"):
            as_source(matrix).check(bars)
    assert bars.memo.nbytes == 0


def test_a_vectorbt_portfolio_is_refused_with_what_to_give(hourly_frame: pd.DataFrame) -> None:
    import vectorbt as vbt

    entries, exits = flags(hourly_frame.index, 0).iloc[:, 0], flags(hourly_frame.index, 1).iloc[:, 0]
    portfolio = vbt.Portfolio.from_signals(hourly_frame["close"], entries, exits, freq="1h")
    with pytest.raises(InputError, match=r"a vectorbt Portfolio, which holds orders.*give the entries and exits"):
        as_source(portfolio)
    only = vbt.RAND.run(n=3, input_shape=(20,), seed=1)
    with pytest.raises(InputError, match=r"received a RAND with entries and no exits; give both"):
        as_source(only)


def test_a_source_travels_and_stays_the_same(hourly_frame: pd.DataFrame) -> None:
    bars = as_bars(hourly_frame)
    source = as_source((flags(bars.index, 0), flags(bars.index, 1)))
    there = pickle.loads(pickle.dumps(source))
    assert there.digest == source.digest
    assert same(there.signals(bars, {"fast": 9, "mode": "a"}), source.signals(bars, {"fast": 9, "mode": "a"}))
    assert repr(source) == "MatrixSource(entries, exits: 3 sets)"


def test_the_digest_tells_matrices_apart(hourly_frame: pd.DataFrame) -> None:
    entries, exits = flags(hourly_frame.index, 0), flags(hourly_frame.index, 1)
    changed = entries.copy()
    changed.iloc[-1, -1] = not changed.iloc[-1, -1]
    renamed = LABELS.rename(["slow", "mode"])
    later = hourly_frame.index + pd.Timedelta("1h")
    digests = [
        as_source(strategy).digest
        for strategy in (
            (entries, exits),
            (exits, entries),
            (changed, exits),
            {"entries": entries, "short_exits": exits},
            entries,
            (entries.set_axis(renamed, axis=1), exits.set_axis(renamed, axis=1)),
            (entries.set_axis(later), exits.set_axis(later)),
            (entries.to_numpy(), exits.to_numpy()),
        )
    ]
    assert len(set(digests)) == len(digests)


def test_what_is_remembered_of_one_source_is_not_taken_for_another(hourly_frame: pd.DataFrame) -> None:
    bars = as_bars(hourly_frame)
    for _ in range(20):  # sources come and go, and with them their place in memory
        fits = as_source(np.zeros((len(bars), 2), bool))
        assert len(fits.signals(bars, {})) == len(bars)
        del fits
        short = as_source(np.zeros((len(bars) - 1, 2), bool))
        with pytest.raises(InputError, match=r"499 rows for 500 bars"):
            short.signals(bars, {})


def test_rows_that_are_not_the_bars_are_refused(hourly_frame: pd.DataFrame) -> None:
    bars = as_bars(hourly_frame)
    later = hourly_frame.index + pd.Timedelta("1h")
    with pytest.raises(InputError, match=r"an index of 500 rows .* that differs"):
        as_source((flags(later, 0), flags(later, 1))).signals(bars, {})
    with pytest.raises(InputError, match=r"matrices: received no column fast=7, mode='a'; ask for one"):
        as_source((flags(bars.index, 0), flags(bars.index, 1))).signals(bars, {"fast": 7})


INDEX = pd.date_range("2024", periods=4, freq="h", tz="UTC")
TWO = pd.DataFrame(False, INDEX, [1, 2])


@pytest.mark.parametrize(
    ("strategy", "sentence"),
    [
        ((TWO,), "matrices: received 1 of them; give entries, exits"),
        ((TWO,) * 5, "matrices: received 5 of them"),
        ((None, TWO), "matrices: received exits; give entries and exits"),
        ({}, "matrices: received none; give entries and exits"),
        ((TWO, TWO.set_axis([1, 3], axis=1)), "matrix 'exits': received columns of its own"),
        ((TWO, TWO.set_axis(INDEX + pd.Timedelta("1h"))), "matrix 'exits': received an index of its own"),
        ((TWO, TWO.to_numpy()[:, [0, 0, 1]]), "rows x columns of entries 4 x 2, exits 4 x 3"),
        ((TWO.to_numpy(), TWO.to_numpy()[:3]), "rows x columns of entries 4 x 2, exits 3 x 2"),
        ((np.zeros((4, 0), bool),) * 2, "rows x columns of entries 4 x 0"),
        ((np.zeros((4, 2, 2), bool),) * 2, "matrix 'entries': received 3 dimensions"),
        ((TWO.set_axis([1, 1], axis=1),) * 2, "matrices: received the column column=1 twice"),
        (
            pd.DataFrame(False, INDEX, pd.MultiIndex.from_product([[1], [2]], names=["a", "a"])),
            "columns with two levels of one name (a, a)",
        ),
        ((TWO, TWO.astype(object).shift(1)), "matrix 'exits', column 0: signals 'entries': received NaN in row 0"),
        ((TWO, TWO.astype(float) + 0.5), "matrix 'exits', column 0: signals 'entries': received values other than"),
        (5, "strategy: received an int; give a strategy, its name, a function"),
        (Signals([True]), "strategy: received a Signals; give"),
    ],
)
def test_what_cannot_be_signals_is_refused_in_one_sentence(strategy: Any, sentence: str) -> None:
    with pytest.raises(InputError) as refusal:
        as_source(strategy)
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_unknown_matrix_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown matrix 'exit': did you mean 'exits'"):
        as_source({"entries": TWO, "exit": TWO})


def test_labels_become_plain_parameters() -> None:
    labels = pd.MultiIndex.from_tuples([(np.int64(1), None), (2, 0.5)], names=["n", None])
    grid = MatrixSource({"entries": TWO.set_axis(labels, axis=1)}).own_grid()
    assert [grid.params(number) for number in (0, 1)] == [{"n": 1, "column_1": None}, {"n": 2, "column_1": 0.5}]
    assert grid.columns["n"].dtype == np.int64


def test_no_copy_is_made_of_flags_that_lie_well() -> None:
    big = pd.DataFrame(np.zeros((2, 1000), bool).T)
    source = as_source(big)
    assert np.shares_memory(source._flags["held"], big.to_numpy())


def test_bars_of_the_frame_are_what_signals_stand_on(hourly_frame: pd.DataFrame) -> None:
    bars: Bars = as_bars(with_gaps(hourly_frame))
    entries = pd.DataFrame({"only": np.zeros(500, bool)}, hourly_frame.index)
    entries.iloc[[7, 9]] = True  # row 7 has no price: its flag is ignored
    signals = as_source((entries, entries)).signals(bars, {"column": "only"})
    assert np.flatnonzero(signals.entries).tolist() == [6]
