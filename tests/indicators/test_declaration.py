"""A user's own indicator, from a dozen lines, and what the door says to one that is not right."""

from __future__ import annotations

import copy
import pickle
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

from cryptolab.bars import Bars
from cryptolab.errors import InputError, UnknownNameError
from cryptolab.indicators import EMA, INDICATORS, RSI, SMA, BollingerBands, Indicator, indicator
from cryptolab.indicators.source import Source
from cryptolab.kernels.compiler import kernel


def momentum() -> Indicator:
    @indicator(lookback=lambda period: period, memory=lambda period: period)
    def MOMENTUM(close: np.ndarray, period: int = 10) -> np.ndarray:
        """Return over `period` bars: close[t] / close[t - period] - 1."""
        out = np.full(close.size, np.nan)
        out[period:] = close[period:] / close[:-period] - 1
        return out

    return MOMENTUM


def test_a_dozen_lines_give_everything(hourly_frame: pd.DataFrame, bars: Bars) -> None:
    made = momentum()
    assert INDICATORS["MOMENTUM"] is made
    assert (made.name, made.inputs, made.outputs, made.parameters) == (
        "MOMENTUM",
        ("close",),
        ("momentum",),
        {"period": 10},
    )
    assert made.doc.startswith("Return over")
    assert (made.lookback(period=7), made.memory(period=7)) == (7, 7)
    series = made.calculate(hourly_frame, period=3)
    pd.testing.assert_series_equal(series, hourly_frame["close"].pct_change(3), check_names=False)
    assert series.name == "momentum"
    np.testing.assert_array_equal(made(bars, period=3), series)
    np.testing.assert_array_equal(made.run(hourly_frame, period=[3, 5]).momentum[3], series)
    assert made.plot(hourly_frame, period=3).data
    assert made.calculate(hourly_frame.iloc[:4]).isna().all()
    assert len(made.source_hash) == 64
    with pytest.raises(InputError, match=r"MOMENTUM\.signal: received an indicator without signals; use one .*RSI"):
        made.signal(hourly_frame)


def test_several_outputs_kernels_and_a_rule(hourly_frame: pd.DataFrame, bars: Bars) -> None:
    @kernel
    def spread(high, low):  # type: ignore[no-untyped-def]
        out = np.empty(high.size)
        for t in range(high.size):
            out[t] = high[t] - low[t]
        return out

    @indicator(memory=0, outputs=("wide", "half"))
    def SPREAD(high: np.ndarray, low: np.ndarray, scale: float = 1, kind: Literal["plain", "double"] = "plain"):  # type: ignore[no-untyped-def]
        wide = spread(high, low) * scale * (2 if kind == "double" else 1)
        return wide, wide / 2

    @SPREAD.signals
    def rule(close: np.ndarray, wide: np.ndarray, scale: float, limit: float = 1.0) -> np.ndarray:
        return np.where(wide > limit * scale, 1, np.where(wide < 0.5 * limit * scale, -1, np.nan))

    frame = SPREAD.calculate(hourly_frame, scale=2)
    assert list(frame.columns) == ["wide", "half"]
    result = SPREAD(bars, scale=2)
    np.testing.assert_array_equal(result.half, frame["half"])
    with pytest.raises(InputError, match="kind: received 'triple'"):
        SPREAD(bars, kind="triple")
    by_frame, by_tuple = SPREAD.signal(hourly_frame, frame, scale=2), SPREAD.signal(bars, result, scale=2)
    assert by_frame.equals(by_tuple)
    assert by_frame.equals(SPREAD.signal(hourly_frame, scale=2))
    assert set(by_frame.unique()) == {-1, 0, 1}
    with pytest.raises(UnknownNameError, match=r"parameter of SPREAD.signal 'limits': did you mean 'limit'"):
        SPREAD.signal(hourly_frame, frame, limits=2)


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (
            lambda n: np.zeros(n - 1),
            r"what WRONG returned: received an array of shape \(499,\) for 'wrong'; return one",
        ),
        (lambda n: np.zeros((n, 1)), r"received an array of shape \(500, 1\)"),
        (lambda n: list(range(n)), "received a list for 'wrong'"),
        (lambda n: None, "received a NoneType for 'wrong'"),
        (lambda n: pd.Series(np.zeros(n)), "received a Series for 'wrong'"),
        (lambda n: np.array(["a"] * n), "received an array of <U1"),
        (lambda n: (np.zeros(n), np.zeros(n)), "received 2 outputs; return one numpy array of 500 numbers"),
        (lambda n: np.ones(n), r"received a value for 'wrong' in row 0; leave the first 3 rows NaN \(its lookback\)"),
    ],
)
def test_what_a_function_returns_is_checked(bars: Bars, result: Any, sentence: str) -> None:
    @indicator(lookback=3)
    def WRONG(close: np.ndarray) -> Any:
        return result(close.size)

    with pytest.raises(InputError, match=sentence):
        WRONG(bars)


def declare(source: str, **declared: Any) -> Indicator:
    names: dict[str, Any] = {}
    exec(source, names)
    return indicator(**declared)(names["X"])


@pytest.mark.parametrize(
    ("source", "declared", "sentence"),
    [
        ("def X(price): ...", {}, "no input among its arguments; name one of time, open, high"),
        ("def X(low, high): ...", {}, "inputs out of order; begin with high, low"),
        ("def X(period=3, close=None): ...", {}, "inputs out of order"),
        ("def X(close, period): ...", {}, "parameter 'period': received no default"),
        ("def X(close, period=None): ...", {}, "annotate it int, float"),
        ("def X(close, period=0): ...", {}, "period: received 0; write a number >= 1"),
        ("def X(close, *more): ...", {}, r"received the argument \*more"),
        ("def X(close, timeframe='1h'): ...", {}, "call it something else"),
        ("def X(close, n=3): ...", {"lookback": lambda m: m}, "X, lookback, argument: received 'm'"),
        ("def X(close, n=3): ...", {"panel": "below"}, "X, panel: received 'below'"),
        ("def X(close, n=3): ...", {"outputs": ("a", "a")}, "name each output once"),
        ("def X(close, n=3): ...", {"outputs": ("close",)}, "unlike inputs and parameters"),
        ("def X(close, n=3): ...", {"outputs": ("class",)}, "X, outputs: received 'class'"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(source: str, declared: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        declare(source, **declared)
    assert "X" not in INDICATORS


def test_without_a_readable_source_the_bytecode_is_hashed() -> None:
    first, second = (declare(f"def X(close): return close + {n}").source_hash for n in (1, 2))
    assert first != second


def test_unknown_parameters_come_with_a_suggestion(hourly_frame: pd.DataFrame) -> None:
    for call in (EMA.calculate, EMA, EMA.run, EMA.plot):
        with pytest.raises(UnknownNameError, match="unknown parameter of EMA 'perod': did you mean 'period'"):
            call(hourly_frame, perod=3)
    with pytest.raises(InputError, match="period: received 0; write a number >= 1"):
        EMA.run(hourly_frame, period=[9, 0])
    with pytest.raises(InputError, match="timeframe"):
        EMA.memory(timeframe="1 hour")


def test_values_are_remembered_and_cannot_be_written(bars: Bars) -> None:
    assert EMA(bars, period=9) is EMA(bars, period=9.0)
    assert EMA(bars, period=9) is not EMA(bars[:], period=9)
    assert BollingerBands(bars) is BollingerBands(bars, std=2)
    with pytest.raises(ValueError, match="read-only"):
        EMA(bars, period=9)[:] = 0
    series = EMA.calculate(bars, period=9)
    series.iloc[:] = 0.0
    assert EMA(bars, period=9)[-1] > 0


def test_an_indicator_defined_again_replaces_and_forgets(bars: Bars) -> None:
    def again(step: int) -> Indicator:
        @indicator
        def AGAIN(close: np.ndarray) -> np.ndarray:
            return close + step

        return AGAIN

    first, second = again(1), again(2)
    assert INDICATORS["AGAIN"] is second
    np.testing.assert_array_equal(first(bars), bars.close + 1)
    np.testing.assert_array_equal(second(bars), bars.close + 2)


def test_a_helper_defined_again_is_seen(bars: Bars) -> None:
    names: dict[str, Any] = {"step": lambda x: x + 1}
    exec("def X(close): return step(close)", names)
    made = indicator(names["X"])
    np.testing.assert_array_equal(made(bars), bars.close + 1)
    names["step"] = lambda x: x + 2
    np.testing.assert_array_equal(made(bars), bars.close + 2)


def test_a_helper_defined_again_is_seen_by_threads_that_ask_at_the_same_moment() -> None:
    """Whoever asks between two steps of an answer must not get the new helper under the old meaning."""
    names: dict[str, Any] = {"step": lambda x: x + 1}
    exec("def X(close): return step(close)", names)
    between: list[object] = []

    class Interrupted(Source):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if "hash" in vars(self):  # it is complete
                between.append(self.meaning())

    source = Interrupted(names["X"])
    before = source.meaning()
    names["step"] = lambda x: x + 2
    between.clear()
    after = source.meaning()
    assert after is source.meaning()
    assert between
    assert all(meaning is after for meaning in between)
    assert before not in between


def test_a_pickled_indicator_is_the_one_of_that_name() -> None:
    assert pickle.loads(pickle.dumps(EMA)) is EMA
    assert copy.deepcopy({"of": RSI})["of"] is RSI


def test_run_has_the_levels_vectorbt_users_know(hourly_frame: pd.DataFrame) -> None:
    one = EMA.run(hourly_frame, period=[9, 21, 50])
    assert one.ema.columns.name == "ema_period"
    assert list(one.ema.columns) == [9, 21, 50]
    assert one.ema.index.equals(hourly_frame.index)
    np.testing.assert_array_equal(one.ema[21], EMA.calculate(hourly_frame, period=21))
    assert one.ema_above(100.0).shape == (500, 3)
    both = BollingerBands.run(hourly_frame, period=np.array([10, 20]), std=[1.0, 2.0, 3.0], param_product=True)
    assert both.upper.columns.names == ["bollinger_bands_period", "bollinger_bands_std"]
    assert both.upper.shape == (500, 6)
    assert SMA.run(hourly_frame, period=range(2, 5)).sma.shape == (500, 3)
    np.testing.assert_array_equal(EMA.run(hourly_frame, period=9).ema, EMA.calculate(hourly_frame, period=9))
    np.testing.assert_array_equal(EMA.run(hourly_frame).ema, EMA.calculate(hourly_frame))


def test_run_refuses_lists_that_cannot_go_together(hourly_frame: pd.DataFrame) -> None:
    for empty in ([], (), np.array([]), range(0)):
        with pytest.raises(InputError, match=r"EMA\.run, period: received an empty list; give at least one value"):
            EMA.run(hourly_frame, period=empty)
    with pytest.raises(
        InputError, match=r"BollingerBands\.run: received lists of different lengths \(period 3, std 2\)"
    ):
        BollingerBands.run(hourly_frame, period=[5, 9, 20], std=[1.0, 2.0])
    with pytest.raises(InputError, match="std: received an empty list"):
        BollingerBands.run(hourly_frame, period=[5, 9], std=[], param_product=True)
    assert BollingerBands.run(hourly_frame, period=[5, 9, 20], std=[1.0]).upper.shape == (500, 3)
    assert EMA.run(hourly_frame, period=np.array(9)).ema.equals(EMA.run(hourly_frame, period=9).ema)


def test_an_indicator_without_parameters_runs_too(hourly_frame: pd.DataFrame) -> None:
    @indicator
    def HOUR(time: np.ndarray) -> np.ndarray:
        return time // 3_600_000_000_000 % 24

    assert (HOUR.run(hourly_frame).hour == hourly_frame.index.hour).all()
    assert HOUR.memory() is None


def test_a_parameter_of_any_kind_has_to_be_one_value(bars: Bars) -> None:
    @indicator
    def WEIGHTED(close: np.ndarray, weights: Any = (1, 2)) -> np.ndarray:
        return close * sum(weights)

    np.testing.assert_array_equal(WEIGHTED(bars, weights=(1, 1)), bars.close * 2)
    with pytest.raises(InputError, match="weights: received a list; write one value, or a tuple of several"):
        WEIGHTED(bars, weights=[1, 1])


def test_results_keep_the_index_of_the_frame(hourly_frame: pd.DataFrame) -> None:
    local = hourly_frame.tz_convert("Asia/Tokyo")
    local.index = local.index.as_unit("s").rename("when")
    assert SMA.calculate(local).index.equals(local.index)
    assert SMA.calculate(local).index.name == "when"
    assert RSI.signal(RSI.calculate(local)).index.equals(local.index)


def test_rows_without_prices_read_nan_and_zero(hourly_frame: pd.DataFrame) -> None:
    holed = hourly_frame.copy()
    holed.iloc[[30, 31, 200], :4] = np.nan
    without = hourly_frame.drop(hourly_frame.index[[30, 31, 200]])
    series = SMA.calculate(holed, period=5)
    assert series.iloc[[30, 31, 200]].isna().all()
    assert series.drop(series.index[[30, 31, 200]]).equals(SMA.calculate(without, period=5))
    signals = RSI.signal(RSI.calculate(holed), overbought=55, oversold=45)
    assert (signals.iloc[[30, 31, 200]] == 0).all()
    grid = SMA.run(holed, period=[5, 9]).sma
    assert grid[5].equals(series.rename(5))


def test_listing_is_complete() -> None:
    built_in = "ATR BollingerBands Donchian EMA Ichimoku MACD OBV RSI SMA VWAP Volatility"
    assert set(built_in.split()) <= set(INDICATORS)
    for name, one in INDICATORS.items():
        assert one.name == name
        assert one.doc.count("\n") <= 8
        assert repr(one).startswith(f"<indicator {name}(")
