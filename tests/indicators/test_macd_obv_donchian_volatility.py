"""What is particular to these four: where they begin, what they forget, what breaks a channel, what a year is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import talib

from cryptolab.backtesting import BacktestEngine
from cryptolab.bars import Bars
from cryptolab.errors import InputError
from cryptolab.indicators import MACD, OBV, Donchian, Volatility
from cryptolab.signal_generator import long_while


def test_macd_equals_talib_and_its_signal_is_the_sign_of_the_histogram(hourly_frame: pd.DataFrame) -> None:
    found = MACD.calculate(hourly_frame)
    theirs = np.column_stack(talib.MACD(hourly_frame["close"].to_numpy()))
    np.testing.assert_allclose(found, theirs, rtol=1e-9, atol=1e-12)
    assert list(found.columns) == ["macd", "signal", "histogram"]
    signal = MACD.signal(found)
    assert signal.equals(np.sign(found["histogram"].fillna(0.0)).astype(np.int8).rename("signal"))
    assert set(signal[33:]) == {-1, 1}
    turned = MACD.calculate(hourly_frame, fast_period=26, slow_period=12)
    assert turned.equals(-found)


def test_macd_forgets_in_two_steps() -> None:
    """What it declares is enough after any start, and not much more than enough: half of it is not."""
    random = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, 3000)))
    close[:1000] *= 50  # what has to be forgotten
    index = pd.date_range("2024-01-01", periods=3000, freq="h", tz="UTC")
    frame = pd.DataFrame(dict.fromkeys(["open", "high", "low", "close", "volume"], close), index)
    for params in ({}, {"fast_period": 3, "slow_period": 5, "signal_period": 60}, {"fast_period": 40}):
        whole, later = MACD.calculate(frame, **params), MACD.calculate(frame[999:], **params)
        memory = MACD.memory(**params)
        apart = (later - whole[999:]).abs().max(axis=1) / whole["histogram"][1500:].abs().median()
        assert apart.iloc[memory:].max() < 1e-8
        assert apart.iloc[memory // 2] > 1e-8


def test_obv_equals_talib(hourly_frame: pd.DataFrame) -> None:
    frame = hourly_frame.copy()
    frame.loc[frame.index[50], ["open", "high", "low", "close"]] = frame["close"].iloc[49]  # neither up nor down
    found = OBV.calculate(frame)
    np.testing.assert_allclose(found, talib.OBV(frame["close"].to_numpy(), frame["volume"].to_numpy()), rtol=1e-12)
    assert found.iloc[50] == found.iloc[49]
    assert found.iloc[0] == frame["volume"].iloc[0]
    assert OBV.memory() is None
    later = OBV.calculate(frame[200:])
    np.testing.assert_allclose(later.diff()[1:], found.diff()[201:], rtol=1e-9)
    np.testing.assert_array_equal(OBV.run(frame).obv, found)


def test_donchian_channel_holds_its_own_bar_and_is_broken_by_the_next(hourly_frame: pd.DataFrame) -> None:
    found = Donchian.calculate(hourly_frame, period=10)
    upper, lower = hourly_frame["high"].rolling(10).max(), hourly_frame["low"].rolling(10).min()
    expected = {"upper": upper, "middle": (upper + lower) / 2, "lower": lower}
    pd.testing.assert_frame_equal(found, pd.DataFrame(expected), check_exact=True)
    close = hourly_frame["close"]
    assert not (close > found["upper"]).any()
    signal = Donchian.signal(hourly_frame, found)
    up, down = close > upper.shift(1), close < lower.shift(1)
    assert signal.equals((up.astype(np.int8) - down.astype(np.int8)).rename("signal"))
    assert signal.equals(Donchian.signal(hourly_frame, period=10))
    assert {-1, 0, 1} == set(signal)


def test_a_donchian_breakout_is_one_of_the_real_bar_before(hourly_frame: pd.DataFrame) -> None:
    frame = hourly_frame[:40].copy()
    frame[["open", "high", "low", "close"]] = 100.0
    frame.iloc[[30, 35], :4] = np.nan
    frame.iloc[31, :4], frame.iloc[36, :4] = 101.0, 99.0
    signal = Donchian.signal(frame, Donchian.calculate(frame, period=5))
    assert signal[signal != 0].to_dict() == {frame.index[31]: 1, frame.index[36]: -1}


@pytest.mark.parametrize("returns", ["simple", "log"])
def test_volatility_equals_pandas(hourly_frame: pd.DataFrame, returns: str) -> None:
    close = hourly_frame["close"]
    moves = close.pct_change() if returns == "simple" else np.log(close).diff()
    for horizon, bars in [("year", 365 * 24), ("day", 24), ("bar", 1), (12, 12), (0.5, 0.5)]:
        found = Volatility.calculate(hourly_frame, period=30, returns=returns, horizon=horizon)
        expected = moves.rolling(30).std() * np.sqrt(bars)
        pd.testing.assert_series_equal(found, expected, check_names=False, rtol=1e-9)
    assert found.first_valid_index() == hourly_frame.index[30]
    assert Volatility.lookback(period=30) == Volatility.memory(period=30) == 30


def test_volatility_over_all_bars_is_the_metric_of_who_held_them(hourly_frame: pd.DataFrame) -> None:
    """Of an account that buys at the first open without costs: its returns are the price's, from the second bar on."""
    costs = {"commission": 0.0, "slippage": 0.0, "fill": "same_close"}
    held = BacktestEngine(costs).run(hourly_frame, long_while(np.ones(500, bool)))
    returns = held.equity_curve.pct_change().iloc[2:]
    assert Volatility.calculate(hourly_frame, period=499).iloc[-1] == pytest.approx(returns.std() * np.sqrt(8760))
    assert held.volatility == pytest.approx(held.equity_curve.pct_change().iloc[1:].std() * np.sqrt(8760))


def test_volatility_knows_the_bars_timeframe(bars: Bars) -> None:
    """A year has as many bars as the timeframe says; unknown words and one return alone are refused."""
    daily = bars.resample("1d")
    per_bar = Volatility(daily, period=5, horizon="bar")
    np.testing.assert_allclose(Volatility(daily, period=5), per_bar * np.sqrt(365))
    np.testing.assert_array_equal(Volatility(daily, period=5, horizon="day"), per_bar)
    assert Volatility(bars) is Volatility(bars, horizon=8760)
    made = Volatility.run(bars, horizon=["bar", "year"], period=9).volatility
    np.testing.assert_array_equal(made.iloc[:, 1], Volatility(bars, period=9))
    np.testing.assert_array_equal(made.iloc[:, 0], Volatility(bars, period=9, horizon="bar"))
    for wrong, sentence in [
        ({"horizon": "yaer"}, r"horizon: received 'yaer'; did you mean 'year' \(bar \| day \| year\)"),
        ({"horizon": 0}, "horizon: received 0; write a number > 0"),
        ({"horizon": True}, "horizon: received True"),
        ({"horizon": None}, "horizon: received None"),
        ({"period": 1}, "period: received 1; write a number >= 2"),
        ({"returns": "lgo"}, r"returns: received 'lgo'; did you mean 'log' \(simple \| log\)"),
    ]:
        for call in (Volatility, Volatility.calculate, Volatility.run):
            with pytest.raises(InputError, match=sentence):
                call(bars, **wrong)


def test_their_plots(hourly_frame: pd.DataFrame) -> None:
    drawn = {
        made.name: {trace.name for trace in made.plot(hourly_frame).data if trace.name and trace.type == "scatter"}
        for made in (MACD, OBV, Donchian, Volatility)
    }
    assert drawn == {
        "MACD": {"macd", "signal", "histogram"},
        "OBV": {"obv"},
        "Donchian": {"upper", "middle", "lower"},
        "Volatility": {"volatility"},
    }
    assert len(MACD.plot(hourly_frame).layout.shapes) == 1
    assert sum(trace.fill == "tonexty" for trace in Donchian.plot(hourly_frame).data if trace.type == "scatter") == 1
