"""Each indicator kernel against an independent source, one line each; what was published is beside this file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cryptolab.kernels.moving import channel, ema, macd, midprice, sma
from cryptolab.kernels.oscillators import rsi
from cryptolab.kernels.volatility import atr, bollinger, deviation
from cryptolab.kernels.volume import obv, vwap_rolling, vwap_since


def prices(rows: int = 3000) -> dict[str, np.ndarray]:
    """Return columns of a market that moves all the time: TA-Lib and we agree there on everything."""
    random = np.random.default_rng(5)
    close = 30_000 * np.exp(np.cumsum(random.standard_t(4, rows) * 0.005))
    open_ = np.concatenate(([30_000.0], close[:-1]))
    high = np.maximum(open_, close) * (1 + random.uniform(0, 0.004, rows))
    low = np.minimum(open_, close) * (1 - random.uniform(0, 0.004, rows))
    volume = random.lognormal(2, 1, rows) * (random.random(rows) > 0.2)
    return {"high": high, "low": low, "close": close, "volume": volume, "anchor": np.arange(rows) // 24}


P = prices()
CLOSES = pd.Series(P["close"])
HIGHS, LOWS = pd.Series(P["high"]), pd.Series(P["low"])
MOVES = CLOSES.pct_change().to_numpy()[1:]


def slow_rolling_vwap(price: np.ndarray, volume: np.ndarray, period: int) -> np.ndarray:
    out = np.full(price.size, np.nan)
    for t in range(period - 1, price.size):
        window = slice(t - period + 1, t + 1)
        if volume[window].sum() > 0:
            out[t] = np.average(price[window], weights=volume[window])
    return out


def slow_anchored_vwap(anchor: np.ndarray, price: np.ndarray, volume: np.ndarray) -> np.ndarray:
    out = np.full(price.size, np.nan)
    for t in range(price.size):
        since = [s for s in range(t + 1) if anchor[s] == anchor[t]]
        if anchor[t] >= 0 and volume[since].sum() > 0:
            out[t] = np.average(price[since], weights=volume[since])
    return out


def slow_obv(close: np.ndarray, volume: np.ndarray) -> np.ndarray:
    out = [volume[0]]
    for t in range(1, close.size):
        out.append(out[-1] + (volume[t] if close[t] > close[t - 1] else -volume[t] if close[t] < close[t - 1] else 0))
    return np.array(out)


def slow_wilder_rsi(close: np.ndarray, period: int) -> np.ndarray:
    """As in Wilder's book: averages by (average × (period - 1) + move) / period, relative strength up / down."""
    out = np.full(close.size, np.nan)
    moves = np.diff(close)
    up, down = np.mean(np.maximum(moves[:period], 0)), np.mean(np.maximum(-moves[:period], 0))
    for t in range(period, close.size):
        if t > period:
            up = (up * (period - 1) + max(moves[t - 1], 0)) / period
            down = (down * (period - 1) + max(-moves[t - 1], 0)) / period
        out[t] = 100 - 100 / (1 + up / down) if down > 0 else 100.0
    return out


ORACLES: list[tuple[str, Callable, Callable]] = [
    ("ema, TA-Lib", lambda n: ema(P["close"], n), lambda n: talib.EMA(P["close"], n)),
    ("sma, TA-Lib", lambda n: sma(P["close"], n), lambda n: talib.SMA(P["close"], n)),
    ("sma, pandas", lambda n: sma(P["close"], n), lambda n: CLOSES.rolling(n).mean()),
    ("rsi, TA-Lib", lambda n: rsi(P["close"], n), lambda n: talib.RSI(P["close"], n)),
    ("rsi, Wilder", lambda n: rsi(P["close"], n), lambda n: slow_wilder_rsi(P["close"], n)),
    (
        "atr, TA-Lib",
        lambda n: atr(P["high"], P["low"], P["close"], n),
        lambda n: talib.ATR(P["high"], P["low"], P["close"], n),
    ),
    ("bollinger, TA-Lib", lambda n: bollinger(P["close"], n, 2.5), lambda n: talib.BBANDS(P["close"], n, 2.5, 2.5)),
    (
        "bollinger, pandas",
        lambda n: bollinger(P["close"], n, 2.0)[0],
        lambda n: CLOSES.rolling(n).mean() + 2 * CLOSES.rolling(n).std(ddof=0),
    ),
    ("midprice, TA-Lib", lambda n: midprice(P["high"], P["low"], n), lambda n: talib.MIDPRICE(P["high"], P["low"], n)),
    (
        "midprice, pandas",
        lambda n: midprice(P["high"], P["low"], n),
        lambda n: (HIGHS.rolling(n).max() + LOWS.rolling(n).min()) / 2,
    ),
    (
        "channel, pandas",
        lambda n: channel(P["high"], P["low"], n)[::2],
        lambda n: (HIGHS.rolling(n).max(), LOWS.rolling(n).min()),
    ),
    (
        "channel, TA-Lib",
        lambda n: channel(P["high"], P["low"], n),
        lambda n: (talib.MAX(P["high"], n), talib.MIDPRICE(P["high"], P["low"], n), talib.MIN(P["low"], n)),
    ),
    ("macd, TA-Lib", lambda n: macd(P["close"], n, 2 * n + 1, n), lambda n: talib.MACD(P["close"], n, 2 * n + 1, n)),
    (
        "macd's usual periods, TA-Lib",
        lambda n: macd(P["close"], 12, 26, n),
        lambda n: talib.MACD(P["close"], 12, 26, n),
    ),
    ("deviation, pandas", lambda n: deviation(MOVES, n), lambda n: pd.Series(MOVES).rolling(n).std()),
    (
        "vwap_rolling, a slow loop",
        lambda n: vwap_rolling(P["close"][:600], P["volume"][:600], n),
        lambda n: slow_rolling_vwap(P["close"][:600], P["volume"][:600], n),
    ),
]


@pytest.mark.parametrize("period", [2, 3, 14, 50, 200])
@pytest.mark.parametrize(("ours", "oracle"), [row[1:] for row in ORACLES], ids=[row[0] for row in ORACLES])
def test_equals_its_oracle(ours: Callable, oracle: Callable, period: int) -> None:
    np.testing.assert_allclose(np.array(ours(period)), np.array(oracle(period)), rtol=1e-9, atol=1e-9)


def test_vwap_since_equals_a_slow_loop() -> None:
    anchor, price, volume = P["anchor"][:300] - 1, P["close"][:300], P["volume"][:300]
    ours = vwap_since(anchor, price, volume)
    np.testing.assert_allclose(ours, slow_anchored_vwap(anchor, price, volume), rtol=1e-12)
    assert np.isnan(ours[:24]).all()


@pytest.mark.parametrize("close", [P["close"], np.round(P["close"], -2)], ids=["all closes differ", "some are equal"])
def test_obv_equals_talib_and_a_slow_loop(close: np.ndarray) -> None:
    volume = P["volume"]
    assert (np.diff(close) == 0).any() == (close is not P["close"])
    np.testing.assert_array_equal(obv(close, volume), talib.OBV(close, volume))
    np.testing.assert_array_equal(obv(close, volume), slow_obv(close, volume))


def test_macd_begins_where_talibs_does() -> None:
    """All three in one row; the fast average is seeded with the rows before the slow one's first value."""
    close = P["close"]
    line, signal, histogram = macd(close, 12, 26, 9)
    assert [int(np.argmax(~np.isnan(each))) for each in (line, signal, histogram)] == [33, 33, 33]
    fast = ema(close[14:], 12)  # its first value is in row 25, as the slow one's
    np.testing.assert_allclose(line[33:], (fast[19:] - ema(close, 26)[33:]), rtol=1e-9)
    np.testing.assert_array_equal(macd(close, 12, 26, 1)[0][25:], macd(close, 12, 26, 1)[1][25:])
    turned = macd(close, 26, 12, 9)
    for one, other in zip(turned, (line, signal, histogram), strict=True):
        np.testing.assert_array_equal(one, -other)


def test_one_period_is_the_price_itself() -> None:
    close = P["close"]
    for moving in (sma(close, 1), ema(close, 1), *bollinger(close, 1, 2.0), *channel(close, close, 1)):
        np.testing.assert_array_equal(moving, close)
    assert np.isnan(deviation(close, 1)).all()


@pytest.mark.parametrize("price", [0.1, 1 / 3, 65_432.1])
def test_a_flat_market_has_its_price_as_mean_and_no_deviation(price: float) -> None:
    """Exactly, so that a close is neither above nor below its average; also right after a crash."""
    close = np.concatenate((np.full(50, price * 7), np.full(200, price)))
    flat = slice(50 + 30, None)
    for moving in (sma(close, 20), *bollinger(close, 20, 2.0), vwap_rolling(close, close, 20)):
        np.testing.assert_array_equal(moving[flat], price)
    np.testing.assert_array_equal(ema(close[50:], 9)[8:], price)
    for nothing in (deviation(close, 20)[flat], *(line[30:] for line in macd(close[50:], 12, 26, 5))):
        np.testing.assert_array_equal(nothing, 0.0)


def test_rsi_of_flat_prices_is_50_where_talib_says_0() -> None:
    flat = np.full(60, 123.4)
    assert (rsi(flat, 14)[14:] == 50.0).all()
    assert (talib.RSI(flat, 14)[14:] == 0.0).all()
    moved_long_ago = np.concatenate(([100.0, 101.0], np.full(2000, 102.0)))
    assert rsi(moved_long_ago, 14)[20] == pytest.approx(100.0)
    assert rsi(moved_long_ago, 14)[-1] == 50.0


def test_rolling_vwap_after_a_huge_volume_keeps_no_trace_of_it() -> None:
    price, volume = np.arange(1.0, 61.0), np.ones(60)
    volume[20] = 1e18
    volume[40:50] = 0.0
    out = vwap_rolling(price, volume, 5)
    np.testing.assert_allclose(out[25:40], price[25:40] - 2, rtol=1e-14)
    assert np.isnan(out[44:50]).all()


finite = st.floats(1e-3, 1e6)


@given(hnp.arrays(np.float64, st.integers(0, 60), elements=finite), st.integers(1, 70))
def test_windows_on_any_prices(close: np.ndarray, period: int) -> None:
    """Means lie within their window, bands around them; lengths 0, 1, 2 and windows longer than the data are safe."""
    upper, middle, lower = bollinger(close, period, 2.0)
    mean, middle_of_range = sma(close, period), midprice(close, close, period)
    top, half, bottom = channel(close, close, period)
    spread = deviation(close, period)
    for t in range(close.size):
        if t < period - 1:
            assert np.isnan([upper[t], middle[t], lower[t], mean[t], middle_of_range[t]]).all()
            assert np.isnan([top[t], half[t], bottom[t], spread[t]]).all()
            continue
        window = close[t - period + 1 : t + 1]
        slack = 1e-9 * window.max()
        assert window.min() - slack <= mean[t] <= window.max() + slack
        assert middle[t] == pytest.approx(mean[t], rel=1e-12)
        assert middle_of_range[t] == (window.max() + window.min()) / 2
        assert (top[t], half[t], bottom[t]) == (window.max(), middle_of_range[t], window.min())
        if period > 1:
            assert spread[t] == pytest.approx(window.std(ddof=1), rel=1e-6, abs=slack)
        assert upper[t] - middle[t] == pytest.approx(2 * window.std(), rel=1e-6, abs=slack)
        assert middle[t] - lower[t] == pytest.approx(2 * window.std(), rel=1e-6, abs=slack)


def test_wilder_smoothing_by_hand() -> None:
    """Three bars that can be checked in the head: ranges 2, 4, 6 with period 2 give 3 and then 4.5."""
    high, low, close = (np.array(column, dtype=float) for column in ([10, 11, 13, 15], [8, 9, 9, 9], [9, 10, 12, 10]))
    expected = np.array([np.nan, np.nan, 3.0, 4.5])
    np.testing.assert_allclose(atr(high, low, close, 2), expected)
    np.testing.assert_allclose(rsi(np.array([10.0, 11.0, 10.0, 13.0]), 2), [np.nan, np.nan, 50.0, 87.5])
