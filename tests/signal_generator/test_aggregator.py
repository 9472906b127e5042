"""Several sources, one signal: what each method says, by hand, and what is refused."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryptolab.bars import as_bars
from cryptolab.errors import InputError, UnknownNameError
from cryptolab.indicators import RSI, VWAP
from cryptolab.signal_generator import SignalAggregator, as_signals
from cryptolab.signal_generator.signal_aggregator import METHODS
from tests.laws.markets import other_presents, stress_frame

NAN = float("nan")
GUIDE = {"vwap": 1.0, "rsi": 1.5, "ichimoku": 2.0, "ml": 2.5}


# ---- what each method says ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("votes", "average", "majority", "unanimous"),
    [
        ([1, 1, 1, 1], 1, 1, 1),
        ([-1, -1, -1, -1], -1, -1, -1),
        ([0, 0, 0, 0], 0, 0, 0),
        ([1, 1, 1, 0], 1, 1, 0),  # 4.5 of 7 on one side; three of four; one is of no opinion
        ([1, 1, 1, -1], 0, 1, 0),  # 2 of 7, net: short of a half
        ([1, 0, 0, 1], 1, 0, 0),  # exactly a half of the weight, 3.5 of 7; two of four are no majority
        ([0, 1, 1, 0], 1, 0, 0),
        ([0, 1, 0, 0], 0, 0, 0),
        ([-1, -1, 1, 1], 0, 0, 0),  # a tie of votes
        ([1, NAN, NAN, NAN], 1, 1, 1),  # the only one that votes decides
        ([NAN, -1, NAN, 0], 0, 0, 0),  # 1.5 of 4; one of two
        ([NAN, NAN, -1, 0], 0, 0, 0),
        ([NAN, NAN, 0, -1], -1, 0, 0),  # 2.5 of 4.5
        ([NAN, 1, 1, -1], 0, 1, 0),
        ([NAN, NAN, NAN, NAN], 0, 0, 0),
    ],
)
def test_the_methods_by_hand(votes: list[float], average: int, majority: int, unanimous: int) -> None:
    aggregator, signals = SignalAggregator(GUIDE), dict(zip(GUIDE, votes, strict=True))
    assert [aggregator.aggregate(signals, method=method) for method in METHODS] == [average, majority, unanimous]
    missing = {name: vote for name, vote in signals.items() if vote == vote}
    if missing:
        assert [aggregator.aggregate(missing, method=method) for method in METHODS] == [average, majority, unanimous]
        nothing = {name: missing.get(name) for name in signals}
        assert [aggregator.aggregate(nothing, method=method) for method in METHODS] == [average, majority, unanimous]


def test_the_threshold_is_reached_at_it_and_says_how_much_agreement_is_wanted() -> None:
    aggregator, signals = SignalAggregator({"a": 3.0, "b": 1.0}), {"a": [1, 1, 1], "b": [1, 0, -1]}
    for threshold, expected in [(0.5, [1, 1, 1]), (0.51, [1, 1, 0]), (0.75, [1, 1, 0]), (1, [1, 0, 0]), (0, [1, 1, 1])]:
        assert aggregator.aggregate(signals, threshold=threshold).tolist() == expected


@pytest.mark.parametrize(
    ("weights", "votes", "threshold", "expected"),
    [
        ((0.3, 0.1, 0.4), (1, 1, -1), 0.0, 0),  # in doubles these sums are a little off 0,
        ((0.4, 0.7, 1.1), (1, 1, -1), 0.0, 0),
        ((1.2, 0.7, 0.5), (-1, 1, 1), 0.0, 0),
        ((0.6, 0.1, 0.1), (1, -1, -1), 0.5, 1),  # and these means a little short of a half
        ((0.8, 1.4, 1.0), (1, -1, -1), 0.5, -1),
        ((0.1, 2.3, 2.4), (1, 1, 0), 0.5, 1),
    ],
)
def test_rounding_makes_no_tie_a_side_and_keeps_no_mean_below_its_threshold(
    weights: tuple[float, ...], votes: tuple[int, ...], threshold: float, expected: int
) -> None:
    """Shares of which people say that they are equal: 0.3 + 0.1 against 0.4."""
    aggregator = SignalAggregator(dict(zip("abc", weights, strict=True)))
    assert aggregator.aggregate(dict(zip("abc", votes, strict=True)), threshold=threshold) == expected


def test_weights_whose_sum_is_beyond_doubles_are_shares_as_others() -> None:
    aggregator = SignalAggregator({"a": 1.7e308, "b": 1.7e308})
    assert [aggregator.aggregate({"a": 1, "b": vote}) for vote in (1, 0, -1)] == [1, 1, 0]


def test_fractions_are_scores_of_the_weighted_average() -> None:
    aggregator = SignalAggregator({"ml": 2.0, "rsi": 1.0})
    assert aggregator.aggregate({"ml": [0.9, 0.2, -0.75], "rsi": [0, 1, 0]}).tolist() == [1, 0, -1]
    for method in METHODS[1:]:
        with pytest.raises(InputError, match=r"give \+1, 0 or -1 \(fractions are for weighted_average\)"):
            aggregator.aggregate({"ml": [0.9], "rsi": [0]}, method=method)


def test_a_weight_of_zero_takes_a_source_out_under_every_method() -> None:
    with_it, without = SignalAggregator({"a": 1.0, "b": 0.0}), SignalAggregator({"a": 1.0})
    for method in METHODS:
        given = {"a": [1, 0, -1, NAN], "b": [-1, -1, 1, 1]}
        expected = without.aggregate({"a": given["a"]}, method=method).tolist()
        assert with_it.aggregate(given, method=method).tolist() == expected == [1, 0, -1, 0]
        assert with_it.aggregate({"b": given["b"]}, method=method).tolist() == [0, 0, 0, 0]
        assert with_it.aggregate({"b": 1}, method=method) == 0


def test_what_comes_out_is_of_the_kind_that_went_in(hourly_frame: pd.DataFrame) -> None:
    aggregator, index = SignalAggregator({"a": 1, "b": 1}), hourly_frame.index[:3]
    series = pd.Series([1, 1, -1], index, dtype=np.int8)
    abstaining = np.array([1.0, NAN, -1.0]), pd.Series([1, None, -1], index, dtype="Int8")
    for other, middle in ((series, 1), ([1, 0, -1], 0), (abstaining[0], 1), (abstaining[1], 1)):
        for signals in ({"a": series, "b": other}, {"b": other, "a": series}):
            found = aggregator.aggregate(signals, threshold=0.75)
            assert isinstance(found, pd.Series)
            assert (found.name, found.dtype, found.tolist()) == ("signal", np.int8, [1, middle, -1])
            assert found.index.equals(index)
    assert aggregator.aggregate(pd.DataFrame({"a": series, "b": series})).equals(series.rename("signal"))
    bare = aggregator.aggregate({"a": [1, -1], "b": (1, -1)})
    assert isinstance(bare, np.ndarray)
    assert bare.dtype == np.int8
    for one in (1, 1.0, np.int8(1), np.array(1)):
        assert type(aggregator.aggregate({"a": one, "b": np.float64(1)})) is int
    assert aggregator.aggregate({"a": [], "b": []}).shape == (0,)
    assert aggregator.aggregate({"a": series, "b": series.tz_convert("Asia/Tokyo")}).index.equals(index)


def test_signals_given_are_not_written_and_weights_cannot_be() -> None:
    weights, values = {"a": 1.0, "b": 2.0}, np.array([1.0, NAN, -1.0])
    aggregator = SignalAggregator(weights)
    kept = values.copy()
    aggregator.aggregate({"a": values, "b": values})
    np.testing.assert_array_equal(values, kept)
    weights["a"] = 100.0
    assert dict(aggregator.weights) == {"a": 1.0, "b": 2.0}
    assert pickle.loads(pickle.dumps(aggregator)).weights == {"a": 1.0, "b": 2.0}
    with pytest.raises(TypeError):
        aggregator.weights["a"] = 3.0  # type: ignore[index]
    assert repr(aggregator) == "SignalAggregator({'a': 1.0, 'b': 2.0})"


def test_the_past_never_changes() -> None:
    """Of indicators' signals through the aggregator: cut off after any bar, and with any other future."""
    bars, aggregator = as_bars(stress_frame())[:400], SignalAggregator({"vwap": 1.0, "rsi": 1.5})

    def final(present: Any, method: str) -> np.ndarray:
        signals = {"vwap": VWAP.signal(present), "rsi": RSI.signal(present, overbought=60, oversold=40)}
        return aggregator.aggregate(signals, method=method).to_numpy()

    whole = {method: final(bars, method) for method in METHODS}
    for end, present, what in other_presents(bars):
        for method in METHODS:
            assert np.array_equal(final(present, method)[:end], whole[method][:end]), f"{method} {what}"
    assert len(as_signals(whole["weighted_average"], bars)) == len(bars)


# ---- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ({"rsi": -1.0}, r"weight of 'rsi': received -1\.0; write a number >= 0\."),
        ({"rsi": NAN}, "weight of 'rsi': received nan"),
        ({"rsi": "1"}, "weight of 'rsi': received '1'"),
        ({"rsi": True}, "weight of 'rsi': received True"),
        ({"rsi": 0, "vwap": 0.0}, r"weights: received 0 for each of rsi, vwap; give at least one above 0\."),
        ({}, r"weights: received none; give a weight by source, as in \{'vwap': 1\.0, 'rsi': 1\.5\}\."),
        ([1.0, 2.0], "weights: received a list; give a weight by source"),
        ({1: 2.0}, "weights: received the source 1; name each source by a text"),
    ],
)
def test_weights_that_cannot_be_are_refused(weights: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        SignalAggregator(weights)


HOURS = pd.date_range("2024-01-01", periods=3, freq="h", tz="UTC")
DIRECTIONS = pd.Series([1, 0, -1], HOURS)


@pytest.mark.parametrize(
    ("signals", "sentence"),
    [
        ({}, r"signals: received none; give those of at least one source \(vwap, rsi\)\."),
        ({"rsi": None}, "signals: received none"),
        ([1, 0], r"signals: received a list; give signals by source, as in \{'vwap': vwap_signal\}\."),
        (DIRECTIONS, "signals: received a Series; give signals by source"),
        ({"rsi": [1, 2]}, r"signal of 'rsi': received 2 in row 1; give \+1, 0 or -1\."),
        ({"rsi": -1.5}, r"signal of 'rsi': received -1\.5; give \+1, 0 or -1\."),
        ({"rsi": DIRECTIONS * 3}, r"signal of 'rsi': received 3 at 2024-01-01 00:00:00\+00:00; give"),
        ({"rsi": [0, float("inf")]}, "signal of 'rsi': received inf in row 1"),
        ({"rsi": "buy"}, r"signal of 'rsi': received 'buy'; give \+1, 0 or -1\."),
        ({"rsi": ["buy", "sell"]}, "signal of 'rsi': received a list of dtype <U4; give"),
        ({"rsi": True}, "signal of 'rsi': received True; give"),
        ({"rsi": DIRECTIONS > 0}, "signal of 'rsi': received a Series of dtype bool; give"),
        ({"rsi": (DIRECTIONS > 0).astype("boolean")}, "signal of 'rsi': received a Series; give"),
        ({"rsi": object()}, "signal of 'rsi': received an object; give"),
        ({"rsi": [[1], [1, 0]]}, "signal of 'rsi': received a list; give"),
        ({"rsi": [[1, 0], [0, 1]]}, r"signal of 'rsi': received 2 dimensions; give \+1, 0 or -1, one per bar"),
        ({"vwap": [1, 0, 1], "rsi": [1, 0]}, "signal of 'rsi': received 2 rows where 'vwap' has 3; give as many"),
        (
            {"vwap": DIRECTIONS, "rsi": 1},
            "signal of 'rsi': received one number where 'vwap' has one per bar; give all of its signals: the latest",
        ),
        ({"vwap": 1, "rsi": [1, 0]}, "signal of 'vwap': received one number where 'rsi' has one per bar"),
        (
            {"vwap": DIRECTIONS, "rsi": DIRECTIONS.shift(1, freq="h")},
            "signal of 'rsi': received another index than that of 'vwap'; give all signals on one index",
        ),
        (
            {"vwap": DIRECTIONS, "rsi": DIRECTIONS.tz_convert(None)},
            "signal of 'rsi': received another index than that of 'vwap'",
        ),
    ],
)
def test_signals_that_cannot_be_are_refused(signals: Any, sentence: str) -> None:
    aggregator = SignalAggregator({"vwap": 1.0, "rsi": 1.5})
    with pytest.raises(InputError, match=sentence):
        aggregator.aggregate(signals, method="majority_vote")


def test_a_source_without_a_weight_is_refused_with_the_nearest() -> None:
    aggregator = SignalAggregator({"vwap": 1.0, "rsi": 1.5})
    with pytest.raises(
        UnknownNameError,
        match="signals: received the source 'vwp', which has no weight; did you mean 'vwap', or give it a weight",
    ):
        aggregator.aggregate({"vwp": 1})
    with pytest.raises(UnknownNameError, match="'momentum', which has no weight; known are rsi, vwap, or give it"):
        aggregator.aggregate({"vwap": 1, "momentum": None})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"method": "majority"}, r"method: received 'majority'; did you mean 'majority_vote' \(weighted_average \|"),
        ({"method": None}, "method: received None"),
        ({"threshold": 1.1}, "threshold: received 1.1; write a number >= 0 and <= 1"),
        ({"threshold": -0.1}, "threshold: received -0.1"),
        ({"threshold": None}, "threshold: received None"),
        ({"threshold": 2, "method": "unanimous"}, "threshold: received 2"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        SignalAggregator({"rsi": 1.0}).aggregate({"rsi": 1}, **options)


def test_numbers_out_of_reach_of_the_average_are_refused_with_what_it_takes() -> None:
    with pytest.raises(InputError, match=r"signal of 'ml': received 1\.2 in row 1; give numbers from -1 to 1\."):
        SignalAggregator({"ml": 1.0}).aggregate({"ml": [0.5, 1.2]})
