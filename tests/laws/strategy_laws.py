"""The laws of strategies: each a function of a strategy, bars and parameters, an AssertionError where it is broken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cryptolab.bars import COLUMNS, Bars
from cryptolab.signal_generator import Signals, Strategy
from cryptolab.signal_generator.signals import FLAGS
from tests.laws.markets import other_presents, with_holes, writable

EXTRA: dict[str, list[dict[str, Any]]] = {
    "vwap_trend": [{"anchor": "day"}, {"anchor": "week"}],
    "ensemble": [
        {"method": "majority_vote", "vwap": 0.5, "threshold": 1.0},
        {"method": "unanimous", "rsi": 0.0, "donchian": 0.0},
        {"threshold": 0.0, "ichimoku": 0.0},
    ],
}
"""Settings of a strategy beyond the usual ones, by its name: for a choice, or numbers that matter to what it sees."""

SHORT: dict[str, dict[str, Any]] = {"bollinger_breakout": {"std": 1.0}}
"""What goes with short periods, by the strategy's name: no close of three is two deviations from their mean."""


def settings(strategy: Strategy) -> list[dict[str, Any]]:
    """Return the parameters to try: the defaults, short periods, each truth value turned, and EXTRA."""
    found: list[dict[str, Any]] = [{}]
    numbers = [name for name, default in strategy.parameters.items() if type(default) is int]
    if numbers:
        found.append({name: 3 + 2 * i for i, name in enumerate(numbers)} | SHORT.get(strategy.name, {}))
    found += [{name: not default} for name, default in strategy.parameters.items() if type(default) is bool]
    return found + EXTRA.get(strategy.name, [])


def it_trades_at_all(strategy: Strategy, bars: Bars, params: dict[str, Any]) -> None:
    """It enters on this market: where no flag ever rises, the other laws would say nothing."""
    signals = strategy(bars, **params)
    assert signals.entries.any() or signals.short_entries.any(), f"{strategy.name} {params} never enters"


def the_past_never_changes(strategy: Strategy, bars: Bars, params: dict[str, Any]) -> None:
    """Cut off after any bar, and with any other future, each flag is the same."""
    whole = strategy(bars[:], **params)
    for end, present, what in other_presents(bars):
        _same(strategy(present, **params), whole, end, f"{strategy.name} {params}, {what}")


def a_missing_bar_is_no_bar(strategy: Strategy, bars: Bars, params: dict[str, Any]) -> None:
    """A row taken out, one set to NaN and one with a price of 0 give the same flags, and have none themselves."""
    gone, shorter, frames = with_holes(bars)
    without = strategy(shorter, **params)
    for frame in frames:
        found = strategy(frame, **params)
        assert len(found) == len(frame)
        table = found.frame(frame.index)
        assert not table.loc[gone].to_numpy().any(), f"{strategy.name} {params} has a flag on a row without prices"
        expected = without.frame(shorter.index)
        pd.testing.assert_frame_equal(table.drop(gone), expected, check_freq=False, check_names=False)


def inputs_are_not_written(strategy: Strategy, bars: Bars, params: dict[str, Any]) -> None:
    """The function leaves bars, and the frame they came from, as they were, also where nothing would stop it."""
    given = writable(bars)
    strategy.function(given, **params)
    for name in ("time", *COLUMNS):
        assert np.array_equal(getattr(given, name), getattr(bars, name)), f"{strategy.name} {params} wrote into {name}"
    frame, kept = bars.frame(), bars.frame()
    strategy(frame, **params)
    pd.testing.assert_frame_equal(frame, kept)


LAWS = (it_trades_at_all, the_past_never_changes, a_missing_bar_is_no_bar, inputs_are_not_written)


def _same(found: Signals, whole: Signals, end: int, what: str) -> None:
    for name in FLAGS:
        assert np.array_equal(getattr(found, name)[:end], getattr(whole, name)[:end]), f"{what}: {name} differ"
