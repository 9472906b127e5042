"""A law that nothing can break says nothing: each is shown an indicator that breaks it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cryptolab.bars import Bars
from cryptolab.indicators import INDICATORS, Indicator, indicator
from cryptolab.kernels.moving import ema
from cryptolab.signal_generator import Signals, Strategy, long_while
from tests.laws import laws, strategy_laws


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


def peeking_now_and_then(close: np.ndarray) -> np.ndarray:
    """Look one bar ahead in every seventh row: cuts after every seventh bar alone never meet it."""
    ahead = np.append(close[1:], close[-1])
    return np.where(np.arange(close.size) % 7 == 3, ahead, close)


def later_rises(close: np.ndarray) -> np.ndarray:
    """Say where a later price is more than six times as high: never on the stress market, cut off or not."""
    highest = np.flip(np.maximum.accumulate(np.flip(close)))
    return highest > 6 * close


@planted(memory=0)
def PEEKS_NOW_AND_THEN(close: np.ndarray) -> np.ndarray:
    return peeking_now_and_then(close)


@planted(memory=0)
def PEEKS_AT_A_RISE(close: np.ndarray) -> np.ndarray:
    return np.where(later_rises(close), 0.0, close)


@planted(memory=2)
def LIES_ABOUT_MEMORY(close: np.ndarray) -> np.ndarray:
    return np.cumsum(close) / np.arange(1, close.size + 1)


@planted(memory=2)
def LIES_IN_SMALL_NUMBERS(close: np.ndarray) -> np.ndarray:
    return 1e-15 * np.cumsum(close) / np.arange(1, close.size + 1)


@planted(lookback=13, memory=60)
def LIES_ABOUT_THE_FOURTH_DIGIT(close: np.ndarray) -> np.ndarray:
    return ema(close, 14)


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


def with_rule(rule: Any) -> Indicator:
    """Return an indicator that is honest itself, with `rule` for its signals."""

    def PRICE(close: np.ndarray) -> np.ndarray:
        return np.array(close)

    PRICE.__name__ = rule.__name__
    made = planted(memory=0, outputs="price")(PRICE)
    made.signals(rule)
    return made


def peeks_one_bar(price: np.ndarray) -> np.ndarray:
    return np.sign(np.append(price[1:], price[-1]) - price)


def peeks_at_the_whole(price: np.ndarray) -> np.ndarray:
    return np.sign(price - price.mean())


def peeks_now_and_then(price: np.ndarray) -> np.ndarray:
    return np.sign(peeking_now_and_then(price) - price)


def peeks_at_a_rise(price: np.ndarray) -> np.ndarray:
    return later_rises(price)


def writes_values(price: np.ndarray) -> np.ndarray:
    if price.flags.writeable:
        price[3] = 0.0
    return np.zeros(price.size)


def writes_prices(close: np.ndarray, price: np.ndarray) -> np.ndarray:
    if close.flags.writeable:
        close[3] = 0.0
    return np.zeros(price.size)


BROKEN = [
    (laws.the_past_never_changes, PEEKS_ONE_BAR, {}),
    (laws.the_past_never_changes, PEEKS_NOW_AND_THEN, {}),
    (laws.the_past_never_changes, PEEKS_AT_A_RISE, {}),
    (laws.the_past_never_changes, PEEKS_AT_THE_WHOLE, {}),
    (laws.the_memory_is_enough, LIES_ABOUT_MEMORY, {}),
    (laws.the_memory_is_enough, LIES_ABOUT_THE_FOURTH_DIGIT, {}),
    (laws.the_memory_is_enough, LIES_IN_SMALL_NUMBERS, {}),
    (laws.the_memory_is_enough, CLAIMS_TO_REMEMBER, {}),
    (laws.the_memory_is_enough, COUNTS_ROWS, {}),
    (laws.outputs_match_the_declaration, STARTS_EARLY_OR_LATE, {"period": 5}),
    (laws.outputs_match_the_declaration, HAS_HOLES, {}),
    (laws.inputs_are_not_written, WRITES, {}),
    (laws.inputs_are_not_written, with_rule(writes_values), {}),
    (laws.inputs_are_not_written, with_rule(writes_prices), {}),
    (laws.signals_never_change, with_rule(peeks_one_bar), {}),
    (laws.signals_never_change, with_rule(peeks_at_the_whole), {}),
    (laws.signals_never_change, with_rule(peeks_now_and_then), {}),
    (laws.signals_never_change, with_rule(peeks_at_a_rise), {}),
    (laws.columns_do_not_mix, MIXES, [{"period": 4}, {"period": 9}]),
]


@pytest.mark.parametrize(
    ("law", "culprit", "params"), BROKEN, ids=lambda value: getattr(value, "__name__", getattr(value, "name", None))
)
def test_law_rejects_what_breaks_it(law: Any, culprit: Indicator, params: Any, stress: Bars, clean: Bars) -> None:
    with pytest.raises(AssertionError):
        law(culprit, clean if law is laws.outputs_match_the_declaration else stress, params)


@pytest.mark.parametrize("culprit", [LIES_ABOUT_THE_FOURTH_DIGIT, CLAIMS_TO_REMEMBER], ids=lambda culprit: culprit.name)
def test_a_lie_about_memory_is_rejected_at_prices_of_a_millionth(culprit: Indicator, tiny: Bars) -> None:
    with pytest.raises(AssertionError):
        laws.the_memory_is_enough(culprit, tiny, {})


SPOILED = {
    "floats": lambda signal: signal.astype(float),
    "twos": lambda signal: signal * 2,
    "none left out": lambda signal: signal.where(signal != 0, 1).astype(np.int8),
    "without labels": lambda signal: signal.reset_index(drop=True),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_signals_out_of_shape_are_rejected(spoil: Any, stress: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    rsi, honest = INDICATORS["RSI"], Indicator.signal
    laws.signals_never_change(rsi, stress, {})
    monkeypatch.setattr(Indicator, "signal", lambda self, *data, **params: spoil(honest(self, *data, **params)))
    with pytest.raises(AssertionError):
        laws.signals_never_change(rsi, stress, {})


def test_a_signal_on_a_row_without_prices_is_rejected(stress: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    rsi, spoil, honest = INDICATORS["RSI"], SPOILED["none left out"], Indicator.signal
    laws.a_missing_bar_is_no_bar(rsi, stress, {})
    monkeypatch.setattr(Indicator, "signal", lambda self, *data, **params: spoil(honest(self, *data, **params)))
    with pytest.raises(AssertionError):
        laws.a_missing_bar_is_no_bar(rsi, stress, {})


def test_a_result_that_follows_the_rows_of_the_frame_is_rejected(stress: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    @planted(memory=0)
    def PRICE(close: np.ndarray) -> np.ndarray:
        return np.array(close)

    filled = lambda self, values, fill: np.interp(self.rows.asi8, self.time, values)  # noqa: E731
    monkeypatch.setattr(Bars, "expand", filled)
    with pytest.raises(AssertionError):
        laws.a_missing_bar_is_no_bar(PRICE, stress, {})


def peeking(bars: Bars) -> Signals:
    return long_while(np.append(bars.close[1:], bars.close[-1]) > bars.close)


def peeking_at_the_whole(bars: Bars) -> Signals:
    return long_while(bars.close > np.median(bars.close))


def peeking_in_every_seventh_row(bars: Bars) -> Signals:
    return long_while(peeking_now_and_then(bars.close) > bars.close)


def shunning_a_later_rise(bars: Bars) -> Signals:
    return Signals(bars.close > bars.open, later_rises(bars.close))


def counting_rows_of_the_frame(bars: Bars) -> Signals:
    return Signals(np.arange(len(bars.rows)) % 10 == 0)


def writing(bars: Bars) -> Signals:
    if bars.close.flags.writeable:
        bars.close[3] = 0.0
    return long_while(bars.close > bars.open)


def idle(bars: Bars) -> Signals:
    return long_while(bars.close < 0)


BROKEN_BY_STRATEGIES = [
    (strategy_laws.the_past_never_changes, peeking),
    (strategy_laws.the_past_never_changes, peeking_at_the_whole),
    (strategy_laws.the_past_never_changes, peeking_in_every_seventh_row),
    (strategy_laws.the_past_never_changes, shunning_a_later_rise),
    (strategy_laws.a_missing_bar_is_no_bar, counting_rows_of_the_frame),
    (strategy_laws.inputs_are_not_written, writing),
    (strategy_laws.it_trades_at_all, idle),
]


@pytest.mark.parametrize(("law", "culprit"), BROKEN_BY_STRATEGIES, ids=lambda value: value.__name__)
def test_law_rejects_the_strategy_that_breaks_it(law: Any, culprit: Any, stress: Bars) -> None:
    with pytest.raises(AssertionError):
        law(Strategy(culprit), stress, {})
