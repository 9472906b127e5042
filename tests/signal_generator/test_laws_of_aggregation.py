"""Laws of the aggregator on random weights and votes, and its numbers beside exact fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from cryptolab.signal_generator import SignalAggregator
from cryptolab.signal_generator.signal_aggregator import METHODS

NAN = float("nan")

signs = st.sampled_from([1.0, 0.0, -1.0, NAN])
scores = st.one_of(signs, st.integers(-8, 8).map(lambda eighths: eighths / 8))
weight = st.integers(0, 40).map(lambda tenths: tenths / 10)
methods = st.sampled_from(METHODS)


@st.composite
def cases(draw: st.DrawFn, votes: st.SearchStrategy[float] = signs) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Draw weights of one to six sources, some of them without signals, and those signals at up to eight bars."""
    names = list("abcdef")[: draw(st.integers(1, 6))]
    weights = {name: draw(weight) for name in names}
    assume(any(weights.values()))
    bars = draw(st.integers(1, 8))
    given = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    return weights, {name: draw(st.lists(votes, min_size=bars, max_size=bars)) for name in given}


def slow(weights: dict[str, float], signals: dict[str, list[float]], method: str, threshold: float) -> list[int]:
    """Each bar from its votes, in exact fractions of tenths and eighths, as the docstring says it."""
    found = []
    for bar in range(len(next(iter(signals.values())))):
        votes = {name: Fraction(values[bar]) for name, values in signals.items() if values[bar] == values[bar]}
        votes = {name: vote for name, vote in votes.items() if weights[name] > 0}
        shares = {name: Fraction(round(weights[name] * 10), 10) for name in votes}
        ups, downs = sum(vote > 0 for vote in votes.values()), sum(vote < 0 for vote in votes.values())
        if not votes:
            found.append(0)
        elif method == "majority_vote":
            found.append(1 if 2 * ups > len(votes) else -1 if 2 * downs > len(votes) else 0)
        elif method == "unanimous":
            found.append(1 if ups == len(votes) else -1 if downs == len(votes) else 0)
        else:
            mean = sum(vote * shares[name] for name, vote in votes.items()) / sum(shares.values())
            limit = Fraction(round(threshold * 100), 100)
            found.append(0 if mean == 0 or abs(mean) < limit else 1 if mean > 0 else -1)
    return found


def aggregated(weights: dict[str, float], signals: dict[str, Any], method: str, threshold: float = 0.5) -> list[int]:
    return list(SignalAggregator(weights).aggregate(signals, method=method, threshold=threshold).tolist())


limits = st.sampled_from([0.0, 0.01, 0.2, 0.25, 0.3, 0.5, 0.6, 0.75, 0.9, 1.0])


@given(cases(), methods, limits)
def test_equals_exact_fractions(case: Any, method: str, threshold: float) -> None:
    assert aggregated(*case, method, threshold) == slow(*case, method, threshold)


@given(cases(scores), limits)
def test_scores_equal_exact_fractions(case: Any, threshold: float) -> None:
    assert aggregated(*case, "weighted_average", threshold) == slow(*case, "weighted_average", threshold)


@given(cases(), methods, limits, st.randoms(use_true_random=False))
def test_the_order_of_sources_does_not_matter(case: Any, method: str, threshold: float, random: Any) -> None:
    weights, signals = case
    names, given_ones = list(weights), list(signals)
    random.shuffle(names)
    random.shuffle(given_ones)
    turned = {name: weights[name] for name in names}, {name: signals[name] for name in given_ones}
    assert aggregated(*turned, method, threshold) == aggregated(weights, signals, method, threshold)


@given(cases(scores), limits, st.sampled_from([1e-300, 1e-12, 0.1, 1 / 3, 7.0, 1e15, 1e300]))
def test_scaling_all_weights_changes_nothing(case: Any, threshold: float, factor: float) -> None:
    weights, signals = case
    scaled = {name: weight * factor for name, weight in weights.items()}
    for method in METHODS if not _has_fractions(signals) else METHODS[:1]:
        assert aggregated(scaled, signals, method, threshold) == aggregated(weights, signals, method, threshold)


@given(cases(), methods, limits)
def test_all_signs_flipped_flip_the_result(case: Any, method: str, threshold: float) -> None:
    weights, signals = case
    flipped = {name: [-vote for vote in votes] for name, votes in signals.items()}
    found = aggregated(weights, signals, method, threshold)
    assert aggregated(weights, flipped, method, threshold) == [-sign for sign in found]


@given(cases(), limits)
def test_unanimity_implies_a_majority_and_any_threshold_and_a_majority_the_mean_of_equal_weights(
    case: Any, threshold: float
) -> None:
    weights, signals = case
    equal = {name: float(weight > 0) for name, weight in weights.items()}
    unanimous, majority = (aggregated(weights, signals, method) for method in ("unanimous", "majority_vote"))
    average = aggregated(weights, signals, "weighted_average", threshold)
    mean = aggregated(equal, signals, "weighted_average", 0.0)
    for all_of_them, most, heavier, sign in zip(unanimous, majority, average, mean, strict=True):
        assert all_of_them in (0, most)
        assert all_of_them in (0, heavier)
        assert most in (0, sign)


@given(cases(), limits, limits)
def test_a_higher_threshold_says_less(case: Any, one: float, other: float) -> None:
    low, high = sorted((one, other))
    for less, more in zip(*(aggregated(*case, "weighted_average", each) for each in (high, low)), strict=True):
        assert less in (0, more)


@given(cases(), methods, limits)
def test_nan_is_as_a_source_that_is_missing(case: Any, method: str, threshold: float) -> None:
    """Bar by bar: what abstains there might as well not be given."""
    weights, signals = case
    found = aggregated(weights, signals, method, threshold)
    for bar, sign in enumerate(found):
        heard = {name: votes[bar] for name, votes in signals.items() if votes[bar] == votes[bar]}
        if heard:
            assert SignalAggregator(weights).aggregate(heard, method=method, threshold=threshold) == sign
        else:
            assert sign == 0


def _has_fractions(signals: dict[str, list[float]]) -> bool:
    return any(vote == vote and abs(vote) not in (0, 1) for votes in signals.values() for vote in votes)
