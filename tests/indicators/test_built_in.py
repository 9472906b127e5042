"""What is particular to one built-in indicator: anchors, displacement, signals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import talib

from cryptolab.bars import Bars
from cryptolab.errors import InputError
from cryptolab.indicators import (
    ATR,
    EMA,
    MACD,
    OBV,
    RSI,
    SMA,
    VWAP,
    BollingerBands,
    Donchian,
    Ichimoku,
    Volatility,
)


def typical(frame: pd.DataFrame) -> pd.Series:
    return (frame["high"] + frame["low"] + frame["close"]) / 3


@pytest.mark.parametrize(
    ("params", "group"),
    [
        ({}, lambda index: index.floor("D")),
        ({"anchor": "day"}, lambda index: index.floor("D")),
        ({"anchor": "week"}, lambda index: (index - pd.Timedelta(days=1) * index.day_of_week).floor("D")),
        ({"anchor": "month"}, lambda index: index.year * 12 + index.month),
        ({"anchor": "session"}, lambda index: (index - pd.Timedelta(hours=8)).floor("D")),
        ({"anchor": "session", "session_start": 13.5}, lambda index: (index - pd.Timedelta(hours=13.5)).floor("D")),
        ({"anchor": "2024-01-03 05:00"}, lambda index: index >= pd.Timestamp("2024-01-03 05:00", tz="UTC")),
    ],
)
def test_vwap_from_each_anchor_equals_pandas(hourly_frame: pd.DataFrame, params: dict, group: object) -> None:
    groups = group(hourly_frame.index)  # type: ignore[operator]
    money = (typical(hourly_frame) * hourly_frame["volume"]).groupby(groups).cumsum()
    expected = money / hourly_frame["volume"].groupby(groups).cumsum()
    if "2024" in str(params):
        expected[~groups] = np.nan
    pd.testing.assert_series_equal(VWAP.calculate(hourly_frame, **params), expected, check_names=False, rtol=1e-12)


def test_rolling_vwap_equals_pandas(hourly_frame: pd.DataFrame) -> None:
    rolled = (typical(hourly_frame) * hourly_frame["volume"]).rolling(24).sum() / hourly_frame["volume"].rolling(
        24
    ).sum()
    found = VWAP.calculate(hourly_frame, anchor="rolling", period=24)
    pd.testing.assert_series_equal(found, rolled, check_names=False, rtol=1e-9)
    assert VWAP.lookback(anchor="rolling", period=24) == 23


def test_vwap_is_nan_until_volume_has_traded_since_the_anchor(hourly_frame: pd.DataFrame) -> None:
    frame = hourly_frame.copy()
    frame.iloc[24:30, 4] = 0.0
    found = VWAP.calculate(frame)
    assert found.iloc[24:30].isna().all()
    assert found.iloc[30] == pytest.approx(typical(frame).iloc[30])
    assert (VWAP.signal(frame, found).iloc[24:30] == 0).all()


def test_vwap_takes_a_timestamp_in_any_zone(hourly_frame: pd.DataFrame) -> None:
    written = VWAP.calculate(hourly_frame, anchor="2024-01-03 05:00")
    for anchor in (pd.Timestamp("2024-01-03 05:00"), pd.Timestamp("2024-01-03 14:00", tz="Asia/Tokyo")):
        assert VWAP.calculate(hourly_frame, anchor=anchor).equals(written)
    assert VWAP.memory(anchor="2024-01-03") is None


def test_vwap_refuses_an_anchor_no_longer_than_a_bar(hourly_frame: pd.DataFrame) -> None:
    daily = hourly_frame.resample("D").agg(
        {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    )
    for call in (VWAP.calculate, VWAP, VWAP.run, VWAP.plot):
        with pytest.raises(
            InputError, match="anchor: received 'day' for bars of 1d; give shorter bars, a longer anchor"
        ):
            call(daily)
    weekly = VWAP.calculate(daily, anchor="week")
    assert weekly.notna().all()
    assert (VWAP.signal(daily, weekly) == np.sign(daily["close"] - weekly)).all()
    for wrong in ("weak", None, 7, np.int64(7), "NaT", "9999-01-01", pd.Timestamp("9999-01-01")):
        with pytest.raises(InputError, match="anchor: received"):
            VWAP.calculate(hourly_frame, anchor=wrong)
    with pytest.raises(InputError, match="session_start: received 24"):
        VWAP.calculate(hourly_frame, session_start=24)


def test_vwap_memory_counts_bars_of_the_timeframe() -> None:
    assert [VWAP.memory(timeframe=name) for name in ("1m", "1h", "12h")] == [1439, 23, 1]
    assert VWAP.memory(timeframe="4h", anchor="week") == 41


def test_ichimoku_cloud_at_a_bar_was_computed_25_bars_before(hourly_frame: pd.DataFrame) -> None:
    def middle(n: int) -> pd.Series:
        return (hourly_frame["high"].rolling(n).max() + hourly_frame["low"].rolling(n).min()) / 2

    found = Ichimoku.calculate(hourly_frame)
    expected = {
        "tenkan": middle(9),
        "kijun": middle(26),
        "senkou_a": ((middle(9) + middle(26)) / 2).shift(25),
        "senkou_b": middle(52).shift(25),
        "lagging": hourly_frame["close"].diff(25),
    }
    pd.testing.assert_frame_equal(found, pd.DataFrame(expected), rtol=1e-12)
    assert Ichimoku.lookbacks() == (8, 25, 50, 76, 25)


def test_ichimoku_signal(hourly_frame: pd.DataFrame) -> None:
    lines = Ichimoku.calculate(hourly_frame)
    signal = Ichimoku.signal(hourly_frame, lines)
    cloud = lines[["senkou_a", "senkou_b"]]
    up = (hourly_frame["close"] > cloud.max(axis=1)) & (lines["tenkan"] > lines["kijun"])
    down = (hourly_frame["close"] < cloud.min(axis=1)) & (lines["tenkan"] < lines["kijun"])
    assert signal.iloc[76:].equals((up.astype("int8") - down.astype("int8")).iloc[76:].rename("signal"))
    assert (signal.iloc[:76] == 0).all()
    assert {1, -1} <= set(signal)


def test_vwap_and_rsi_signals(hourly_frame: pd.DataFrame, bars: Bars) -> None:
    vwap, rsi = VWAP.calculate(hourly_frame), RSI.calculate(hourly_frame)
    assert (VWAP.signal(hourly_frame, vwap) == np.sign(hourly_frame["close"] - vwap)).all()
    signal = RSI.signal(rsi, overbought=60, oversold=40)
    assert signal.dtype == np.int8
    assert ((signal == 1) == (rsi < 40)).all()
    assert ((signal == -1) == (rsi > 60)).all()
    assert (signal.iloc[:14] == 0).all()
    from_array = RSI.signal(RSI(bars), overbought=60, oversold=40)
    assert isinstance(from_array, np.ndarray)
    np.testing.assert_array_equal(from_array, signal)
    assert RSI.signal(hourly_frame, overbought=60, oversold=40, period=14).equals(signal)


def test_what_signal_refuses(hourly_frame: pd.DataFrame) -> None:
    vwap, rsi = VWAP.calculate(hourly_frame), RSI.calculate(hourly_frame)
    for call, sentence in [
        (lambda: VWAP.signal(vwap), r"received a Series first; write VWAP.signal\(df, vwap\)"),
        (lambda: VWAP.signal(), "received 0 arguments"),
        (
            lambda: VWAP.signal(hourly_frame, vwap.iloc[:9]),
            "received 9 values for 500 rows; compute them from the same",
        ),
        (lambda: VWAP.signal(hourly_frame, vwap.shift(1, freq="h")), "received values on another index"),
        (lambda: VWAP.signal(hourly_frame, list("ab")), "received list of <U1"),
        (lambda: Ichimoku.signal(hourly_frame, Ichimoku.calculate(hourly_frame)["tenkan"]), "received 1 columns"),
        (lambda: RSI.signal(rsi, overbought=20, oversold=30), "oversold: received 30 with overbought 20"),
        (lambda: RSI.signal(rsi, period=9), "unknown parameter of RSI.signal 'period'"),
        (lambda: EMA.signal(hourly_frame), "EMA.signal: received an indicator without signals"),
    ]:
        with pytest.raises(InputError, match=sentence):
            call()


def test_a_frame_that_holds_an_indicators_own_columns_is_still_bars(hourly_frame: pd.DataFrame) -> None:
    """As after df["vwap"] = VWAP.calculate(df): of two arguments the first is bars, and so is a frame with prices."""
    df = hourly_frame.copy()
    df["vwap"], df["rsi"] = VWAP.calculate(df), RSI.calculate(df, period=3)
    lines = Ichimoku.calculate(hourly_frame)
    df = df.join(lines)
    expected = VWAP.signal(hourly_frame, df["vwap"])
    assert VWAP.signal(df, df["vwap"]).equals(expected)
    assert VWAP.signal(df).equals(expected)
    assert VWAP.signal(df.rename(columns=str.upper).rename(columns={"VWAP": "vwap"})).equals(expected)
    assert Ichimoku.signal(df, lines).equals(Ichimoku.signal(hourly_frame, lines))
    assert Ichimoku.signal(df, df).equals(Ichimoku.signal(hourly_frame, lines))
    assert RSI.signal(df, period=3).equals(RSI.signal(df["rsi"]))
    assert RSI.signal(df, df["rsi"]).equals(RSI.signal(df[["rsi"]]))
    with pytest.raises(InputError, match=r"received a Series first; write VWAP\.signal"):
        VWAP.signal(df["vwap"], df)
    with pytest.raises(InputError, match="column 'volume'"):
        VWAP.signal(hourly_frame.drop(columns="volume"))


def test_bollinger_bands_refuse_a_width_that_is_none(hourly_frame: pd.DataFrame) -> None:
    for wrong in (-2, 0, float("nan"), True):
        for call in (BollingerBands.calculate, BollingerBands.run):
            with pytest.raises(InputError, match="std: received"):
                call(hourly_frame, std=wrong)
    bands = BollingerBands.calculate(hourly_frame, std=0.5)
    assert (bands["upper"] > bands["lower"]).iloc[19:].all()


def test_plots_draw_what_was_computed(hourly_frame: pd.DataFrame) -> None:
    bands = BollingerBands.plot(hourly_frame, last=100, period=10)
    lines = {trace.name: trace for trace in bands.data if trace.type == "scatter" and trace.name}
    assert set(lines) == {"upper", "middle", "lower"}
    np.testing.assert_array_equal(lines["upper"].y, BollingerBands.calculate(hourly_frame, period=10)["upper"][-100:])
    assert sum(trace.fill == "tonexty" for trace in bands.data if trace.type == "scatter") == 1
    assert bands.data[0].type == "candlestick"
    own = ATR.plot(hourly_frame)
    assert own.data[1].yaxis == "y2"
    assert len(RSI.plot(hourly_frame, last=None).layout.shapes) == 2


def test_the_line_drawn_back_in_time_exists_in_the_plot_alone(hourly_frame: pd.DataFrame) -> None:
    figure = Ichimoku.plot(hourly_frame, last=None)
    drawn = next(trace.y for trace in figure.data if trace.name == "close, drawn back")
    np.testing.assert_array_equal(drawn[:-25], hourly_frame["close"][25:])
    assert np.isnan(drawn[-25:]).all()
    assert "lagging" not in {trace.name for trace in figure.data}


@pytest.mark.real_data
def test_real_hours_equal_talib(real_data: Path) -> None:
    """On 78,013 recorded hours, outages and silent hours included, ours and TA-Lib's agree to 1e-9."""
    df = pd.read_parquet(real_data / "ohlcv" / "BTCUSDT" / "1h.parquet").set_index("timestamp")
    high, low, close = (df[name].to_numpy() for name in ("high", "low", "close"))
    pairs = [
        (EMA.calculate(df, period=21), talib.EMA(close, 21)),
        (SMA.calculate(df, period=50), talib.SMA(close, 50)),
        (RSI.calculate(df), talib.RSI(close, 14)),
        (ATR.calculate(df), talib.ATR(high, low, close, 14)),
        (BollingerBands.calculate(df), np.column_stack(talib.BBANDS(close, 20, 2.0, 2.0))),
        (Ichimoku.calculate(df)["kijun"], talib.MIDPRICE(high, low, 26)),
        (MACD.calculate(df), np.column_stack(talib.MACD(close))),
        (OBV.calculate(df), talib.OBV(close, df["volume"].to_numpy())),
        (Donchian.calculate(df)[["upper", "lower"]], np.column_stack((talib.MAX(high, 20), talib.MIN(low, 20)))),
        (Volatility.calculate(df), df["close"].pct_change().rolling(20).std() * np.sqrt(8760)),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
