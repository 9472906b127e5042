"""Strategies: the decorator, the catalogue, files, and what a strategy may return."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cryptolab.backtesting import BacktestEngine
from cryptolab.bars import as_bars
from cryptolab.errors import InputError, UnknownNameError
from cryptolab.indicators import EMA, MACD, RSI, VWAP, BollingerBands, Donchian, Ichimoku
from cryptolab.signal_generator import (
    STRATEGIES,
    SignalAggregator,
    Signals,
    Strategy,
    as_signals,
    bollinger_breakout,
    ema_cross,
    ensemble,
    get_strategy,
    ichimoku_trend,
    long_while,
    rsi_reversion,
    strategy,
    vwap_trend,
)


@pytest.fixture(autouse=True)
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test defines is gone after it."""
    monkeypatch.setattr("cryptolab.signal_generator.catalogue.STRATEGIES", dict(STRATEGIES))


def test_defining_a_name_again_replaces_it(hourly_frame: pd.DataFrame) -> None:
    @strategy
    def idea(bars, level=100.0):
        return long_while(bars.close > level)

    first = get_strategy("idea")

    @strategy
    def idea(bars, level=100.0):  # noqa: F811
        return long_while(bars.close < level)

    assert get_strategy("idea") is not first
    assert get_strategy("idea").source_hash != first.source_hash
    bars = as_bars(hourly_frame)
    assert (get_strategy("idea")(bars).entries != first(bars).entries).any()


def test_parameters_are_taken_by_name_and_by_position(hourly_frame: pd.DataFrame) -> None:
    bars = as_bars(hourly_frame)
    by_name, by_position = ema_cross(bars, fast=5, slow=20), ema_cross(bars, 5, 20)
    assert (by_name.entries == by_position.entries).all()
    assert by_name.entries.sum() > 5


def test_an_unknown_parameter_is_refused_with_the_nearest(hourly_frame: pd.DataFrame) -> None:
    with pytest.raises(UnknownNameError, match="'fats': did you mean 'fast'"):
        ema_cross(hourly_frame, fats=5)


def test_an_unknown_strategy_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="'ema_kross': did you mean 'ema_cross'"):
        get_strategy("ema_kross")


def test_a_parameter_without_a_default_is_refused() -> None:
    with pytest.raises(InputError, match="'period' without a default"):
        Strategy(lambda bars, period: bars)


def test_what_is_no_signals_is_refused_naming_the_parameters(hourly_frame: pd.DataFrame) -> None:
    wrong = Strategy(lambda bars, fast=9: bars.close > 1)
    with pytest.raises(InputError, match=r"fast=3: signals: received an array of True and False; write long_while"):
        wrong(hourly_frame, fast=3)


def test_a_wrong_length_is_refused(hourly_frame: pd.DataFrame) -> None:
    wrong = Strategy(lambda bars: Signals(bars.close[5:] > 1))
    with pytest.raises(InputError, match="strategy '<lambda>': signals: received 495 rows for 500 bars"):
        wrong(hourly_frame)


def test_a_frame_gets_one_row_per_row_and_bars_one_per_bar(hourly_frame: pd.DataFrame) -> None:
    holed = hourly_frame.copy()
    holed.iloc[[10, 11], :4] = np.nan
    assert len(ema_cross(holed)) == 500
    assert len(ema_cross(as_bars(holed))) == 498
    assert (ema_cross(holed).entries[np.r_[0:10, 12:500]] == ema_cross(as_bars(holed)).entries).all()


def test_a_strategy_in_a_file_brings_the_whole_file_as_its_source(tmp_path: Path, hourly_frame: pd.DataFrame) -> None:
    file = tmp_path / "ideas" / "foo.py"
    file.parent.mkdir()
    file.write_text(
        "from cryptolab import long_while\nLEVEL = 100.0\n\ndef foo(bars, level=LEVEL):\n"
        "    return long_while(bars.close > level)\n"
    )
    found = get_strategy("ideas/foo.py:foo", tmp_path)
    assert found.source == file.read_text()
    assert found.parameters == {"level": 100.0}
    before = found(hourly_frame)
    file.write_text(file.read_text().replace("LEVEL = 100.0", "LEVEL = 103.0"))
    again = get_strategy("ideas/foo.py:foo", tmp_path)
    assert again.source_hash != found.source_hash
    assert (again(hourly_frame).exits != before.exits).any()


@pytest.mark.parametrize(
    ("text", "name", "sentence"),
    [
        ("x = 1\n", "foo.py:foo", "unknown strategy in foo.py 'foo'"),
        ("raise ValueError('no')\n", "foo.py:foo", "ValueError: no; correct the file"),
        ("def foo(:\n", "foo.py:foo", "SyntaxError"),
        ("import sys\nsys.exit(3)\n", "foo.py:foo", "SystemExit: 3"),
        ("", "bar.py:foo", "name an existing file"),
    ],
)
def test_a_file_that_cannot_be_used_gets_one_sentence(tmp_path: Path, text: str, name: str, sentence: str) -> None:
    (tmp_path / "foo.py").write_text(text)
    with pytest.raises(InputError, match=sentence):
        get_strategy(name, tmp_path)


def test_where_the_source_cannot_be_read_the_bytecode_stands_for_it_and_that_is_said() -> None:
    def unreadable(level: float) -> Strategy:
        def idea(bars, shift=0):
            return bars.close > 1.5

        constants = tuple(level if constant == 1.5 else constant for constant in idea.__code__.co_consts)
        idea.__code__ = idea.__code__.replace(co_filename="<nowhere>", co_consts=constants)
        return Strategy(idea)

    one, same, other = unreadable(1.0), unreadable(1.0), unreadable(2.0)
    assert one.source is None
    assert "bytecode" in one.source_note
    assert one.source_hash == same.source_hash != other.source_hash


def test_signals_belong_to_the_bars_they_were_made_from(hourly_frame: pd.DataFrame) -> None:
    one, other = hourly_frame[:400], hourly_frame[100:]
    engine = BacktestEngine()
    for given in (ema_cross(one), ema_cross(as_bars(one)), as_signals(np.ones(400, int), as_bars(one))):
        assert engine.run(one, given).n_trades >= 0
        with pytest.raises(InputError, match="that differs"):
            engine.run(other, given)


def test_a_strategy_may_return_directions_and_a_minus_one_demands_no_short(hourly_frame: pd.DataFrame) -> None:
    @strategy
    def zones(bars, level=50.0):  # type: ignore[no-untyped-def]
        return np.sign(RSI(bars) - level)

    with pytest.raises(InputError, match="received nan at"):
        zones(hourly_frame)
    two_sided = Strategy(lambda bars, level=50.0: np.nan_to_num(np.sign(RSI(bars) - level)))
    longs = BacktestEngine().run(hourly_frame, two_sided(hourly_frame))
    both = BacktestEngine({"allow_short": True}).run(hourly_frame, two_sided(hourly_frame))
    assert set(longs.trades["direction"]) == {"long"}
    assert set(both.trades["direction"]) == {"long", "short"}


def test_a_parameter_given_twice_is_refused(hourly_frame: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="'fast' by position and by name"):
        ema_cross(hourly_frame, 5, fast=7)


def test_a_strategy_travels_to_another_process_by_its_name() -> None:
    assert pickle.loads(pickle.dumps(ema_cross)) is ema_cross


def test_running_a_file_leaves_the_catalogue_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from cryptolab import long_while, strategy\n\n@strategy\ndef ema_cross(bars, level=1.0):\n"
        "    return long_while(bars.close > level)\n"
    )
    assert get_strategy("mine.py:ema_cross", tmp_path).parameters == {"level": 1.0}
    assert get_strategy("ema_cross") is ema_cross
    with pytest.raises(UnknownNameError, match=r"unknown strategy in mine\.py 'long_while'"):
        get_strategy("mine.py:long_while", tmp_path)


def test_rsi_reversion_buys_below_and_sells_above(hourly_frame: pd.DataFrame) -> None:
    bars = as_bars(hourly_frame)
    rsi = RSI(bars, period=14)
    signals = rsi_reversion(bars, oversold=35, overbought=65)
    below, above = rsi < 35, rsi > 65
    assert (signals.entries == (below & ~np.concatenate([[False], below[:-1]]))).all()
    assert (signals.exits == (above & ~np.concatenate([[False], above[:-1]]))).all()
    assert signals.entries.any()
    assert signals.exits.any()
    with pytest.raises(InputError, match="oversold below overbought"):
        rsi_reversion(bars, oversold=70, overbought=30)


def test_ichimoku_trend_is_long_above_the_cloud_with_tenkan_above_kijun(hourly_frame: pd.DataFrame) -> None:
    bars = as_bars(hourly_frame)
    lines = Ichimoku(bars)
    holds = (bars.close > np.maximum(lines.senkou_a, lines.senkou_b)) & (lines.tenkan > lines.kijun)
    signals = ichimoku_trend(bars)
    assert (signals.entries == long_while(holds).entries).all()
    assert signals.entries.any()


def test_ema_cross_is_long_while_the_fast_average_is_above(hourly_frame: pd.DataFrame) -> None:
    bars = as_bars(hourly_frame)
    holds = EMA(bars, period=9) > EMA(bars, period=21)
    assert (ema_cross(bars).exits == long_while(holds).exits).all()


def test_vwap_trend_is_long_above_the_average_of_its_anchor(hourly_frame: pd.DataFrame) -> None:
    bars = as_bars(hourly_frame)
    rolling = bars.close > VWAP(bars, anchor="rolling", period=50)
    assert (vwap_trend(bars).entries == long_while(rolling).entries).all()
    daily = bars.close > VWAP(bars, anchor="day")
    for period in (3, 50):
        assert (vwap_trend(bars, anchor="day", period=period).exits == long_while(daily).exits).all()
    assert vwap_trend(bars).entries.any()
    with pytest.raises(InputError, match="strategy 'vwap_trend', anchor='weak': anchor: received 'weak'"):
        vwap_trend(bars, anchor="weak")
    assert len(vwap_trend(bars.resample("1d"), period=3)) == len(bars.resample("1d"))


def test_bollinger_breakout_buys_where_the_close_comes_out_and_sells_below_the_middle(
    hourly_frame: pd.DataFrame,
) -> None:
    bars = as_bars(hourly_frame)
    bands = BollingerBands(bars, period=15, std=1.5)
    signals = bollinger_breakout(bars, period=15, std=1.5)
    bought, sold = [], []
    for t in range(len(bars)):
        if bars.close[t] > bands.upper[t] and not (t > 0 and bars.close[t - 1] > bands.upper[t - 1]):
            bought.append(t)
        if bars.close[t] < bands.middle[t]:
            sold.append(t)
    assert np.flatnonzero(signals.entries).tolist() == bought
    assert np.flatnonzero(signals.exits).tolist() == sold
    assert len(bought) > 10
    assert not signals.any_short


def test_after_a_stop_bollinger_breakout_waits_for_the_next_breakout() -> None:
    close = np.concatenate([np.tile([100.0, 100.2], 15), np.linspace(101, 112, 12), [104.0], np.full(5, 104.0)])
    low = close.copy()
    low[35] = 90.0  # the stop, in the middle of the rise that stays above the band
    index = pd.date_range("2024-01-01", periods=len(close), freq="h", tz="UTC")
    frame = pd.DataFrame({"open": close, "high": close, "low": low, "close": close, "volume": 1.0}, index)
    bands = BollingerBands.calculate(frame)
    assert (frame["close"] > bands["upper"])[30:38].all()
    result = BacktestEngine({"stop_loss": 0.05}).run(frame, bollinger_breakout(frame))
    assert result.trades["exit_reason"].tolist() == ["stop_loss"]
    assert result.n_trades == 1


def test_ensemble_is_the_aggregated_signals_of_five_indicators(hourly_frame: pd.DataFrame) -> None:
    frame = hourly_frame.copy()
    frame.iloc[[60, 61, 200], :4] = np.nan
    sources = {
        "vwap": VWAP.signal(frame, VWAP.calculate(frame, anchor="rolling", period=50)),
        "rsi": RSI.signal(RSI.calculate(frame)),
        "ichimoku": Ichimoku.signal(frame, Ichimoku.calculate(frame)),
        "macd": MACD.signal(MACD.calculate(frame)),
        "donchian": Donchian.signal(frame, Donchian.calculate(frame)),
    }
    usual = SignalAggregator({"vwap": 1.0, "rsi": 1.5, "ichimoku": 2.0, "macd": 1.0, "donchian": 1.0})
    other = SignalAggregator({"vwap": 1.0, "rsi": 0.0, "ichimoku": 2.0, "macd": 0.0, "donchian": 0.5})
    for found, expected in [
        (ensemble(frame), usual.aggregate(sources)),
        (ensemble(frame, threshold=0.3), usual.aggregate(sources, threshold=0.3)),
        (ensemble(frame, method="majority_vote"), usual.aggregate(sources, method="majority_vote")),
        (ensemble(frame, rsi=0.0, macd=0.0, donchian=0.5), other.aggregate(sources)),
    ]:
        wanted = as_signals(expected, as_bars(frame)).expand(as_bars(frame))
        pd.testing.assert_frame_equal(found.frame(frame.index), wanted.frame(frame.index))
        assert found.entries.any()
        assert found.exits.any()
        assert found.from_directions


def test_ensemble_refuses_what_the_aggregator_refuses(hourly_frame: pd.DataFrame) -> None:
    with pytest.raises(
        InputError, match="strategy 'ensemble', method='majority': method: received 'majority'; did you"
    ):
        ensemble(hourly_frame, method="majority")
    with pytest.raises(InputError, match="weight of 'vwap': received -1; write a number >= 0"):
        ensemble(hourly_frame, vwap=-1)
    with pytest.raises(InputError, match="weights: received 0 for each of vwap, rsi, ichimoku, macd, donchian"):
        ensemble(hourly_frame, **dict.fromkeys(("vwap", "rsi", "ichimoku", "macd", "donchian"), 0.0))
