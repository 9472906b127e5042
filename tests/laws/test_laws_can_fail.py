"""A law that nothing can break says nothing: each is shown an indicator that breaks it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cryptolab.bars import Bars
from cryptolab.indicators import INDICATORS, Indicator, indicator
from tests.laws import laws


def planted(**declared: Any) -> Any:
    """Declare an indicator and keep it out of the catalogue."""

    def declare(function: Any) -> Indicator:
        kept = dict(INDICATORS)
        made = indicator(**declared)(function)
        INDICATORS.clear()
        INDICATORS.update(kept)
        return made

    return declare


def shifted(values: np.ndarray, by: int) -> np.ndarray:
    out = np.full(values.size, np.nan)
    out[by:] = values[: values.size - by]
    return out


@planted(memory=0)
def PEEKS_ONE_BAR(close: np.ndarray) -> np.ndarray:
    return np.append(close[1:], close[-1])


@planted(memory=0)
def PEEKS_AT_THE_WHOLE(close: np.ndarray) -> np.ndarray:
    return close / close.max()


@planted(memory=2)
def LIES_ABOUT_MEMORY(close: np.ndarray) -> np.ndarray:
    return np.cumsum(close) / np.arange(1, close.size + 1)


@planted(lookback=1, memory=None)
def CLAIMS_TO_REMEMBER(close: np.ndarray) -> np.ndarray:
    return close - shifted(close, 1)


@planted(lookback=2, memory=1)
def STARTS_EARLY_OR_LATE(close: np.ndarray, period: int = 3) -> np.ndarray:
    return shifted(close, period)


@planted(memory=0)
def HAS_HOLES(close: np.ndarray) -> np.ndarray:
    return np.where(np.arange(close.size) % 50 == 20, np.nan, close)


@planted(memory=0)
def WRITES(close: np.ndarray) -> np.ndarray:
    if close.flags.writeable:
        close[3] = 0.0
    return np.array(close)


_previous = {"period": 0}


@planted(memory=0)
def MIXES(close: np.ndarray, period: int = 3) -> np.ndarray:
    before, _previous["period"] = _previous["period"], period
    return close + before


@planted(memory=0)
def COUNTS_ROWS(time: np.ndarray) -> np.ndarray:
    return (time - time[0]) / 3.6e12


BROKEN = [
    (laws.the_past_never_changes, PEEKS_ONE_BAR, {}),
    (laws.the_past_never_changes, PEEKS_AT_THE_WHOLE, {}),
    (laws.the_memory_is_enough, LIES_ABOUT_MEMORY, {}),
    (laws.the_memory_is_enough, CLAIMS_TO_REMEMBER, {}),
    (laws.the_memory_is_enough, COUNTS_ROWS, {}),
    (laws.outputs_match_the_declaration, STARTS_EARLY_OR_LATE, {"period": 5}),
    (laws.outputs_match_the_declaration, HAS_HOLES, {}),
    (laws.inputs_are_not_written, WRITES, {}),
    (laws.columns_do_not_mix, MIXES, [{"period": 4}, {"period": 9}]),
]


@pytest.mark.parametrize(("law", "culprit", "params"), BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_law_rejects_what_breaks_it(law: Any, culprit: Indicator, params: Any, stress: Bars, clean: Bars) -> None:
    with pytest.raises(AssertionError):
        law(culprit, clean if law is laws.outputs_match_the_declaration else stress, params)


def test_a_signal_that_peeks_is_rejected(stress: Bars) -> None:
    @planted(memory=0)
    def PRICE(close: np.ndarray) -> np.ndarray:
        return np.array(close)

    @PRICE.signals
    def _signal(price: np.ndarray) -> np.ndarray:
        return np.sign(np.append(price[1:], price[-1]) - price)

    with pytest.raises(AssertionError, match="cut off"):
        laws.signals_never_change(PRICE, stress, {})


def test_a_result_that_follows_the_rows_of_the_frame_is_rejected(stress: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    @planted(memory=0)
    def PRICE(close: np.ndarray) -> np.ndarray:
        return np.array(close)

    filled = lambda self, values, fill: np.interp(self.rows.asi8, self.time, values)  # noqa: E731
    monkeypatch.setattr(Bars, "expand", filled)
    with pytest.raises(AssertionError):
        laws.a_missing_bar_is_no_bar(PRICE, stress, {})
