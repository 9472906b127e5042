"""The engine's door, its result, and what stands between frame rows and real bars. Fills have tests of their own."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from cryptolab.backtesting import BacktestEngine, Costs, Metrics, Risk
from cryptolab.bars import as_bars
from cryptolab.errors import InputError
from cryptolab.signal_generator import Signals, ema_cross, long_while


def turns(n: int, period: int = 20) -> Signals:
    """In for half of every period, out for the other half."""
    phase = np.arange(n) % period
    return long_while(phase < period // 2)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"comission": 0.1}, "unknown backtest setting 'comission': did you mean 'commission'"),
        ({"liquidation": 1}, "unknown backtest setting 'liquidation'"),
        ({"commission": -0.1}, "commission: received -0.1; write a number >= 0"),
        ({"commission": "0.1"}, "commission: received '0.1'"),
        ({"slippage": float("nan")}, "slippage: received nan"),
        ({"max_position_size": 1.5}, "max_position_size: received 1.5; write a number > 0 and <= 1"),
        ({"initial_capital": 0}, "initial_capital: received 0"),
        ({"stop_loss": 0}, "stop_loss: received 0"),
        ({"stop_loss": True}, "stop_loss: received True"),
        ({"fill": "close"}, "fill: received 'close'; did you mean 'same_close'"),
        ({"max_wait": 1.5}, "max_wait: received 1.5; write a whole number"),
        ({"allow_short": "no"}, "allow_short: received 'no'; write True or False"),
        ({"stop_loss": 0.1, "stop_loss_atr_multiplier": 2}, "stop_loss_atr_multiplier; give one of the two"),
        ({"take_profit": 0.1, "take_profit_atr_multiplier": 2}, "take_profit_atr_multiplier; give one of the two"),
        ([1, 2], "config: received a list"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_sentence(config: object, sentence: str) -> None:
    with pytest.raises(InputError) as refusal:
        BacktestEngine(config)
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Risk(stop_los=0.1), "unknown field of Risk 'stop_los': did you mean 'stop_loss'"),
        (lambda: Risk(funding_rate=0.1), "unknown field of Risk 'funding_rate'"),
        (lambda: Costs(comission=0.1), "unknown field of Costs 'comission': did you mean 'commission'"),
        (lambda: BacktestEngine(costs={"commission": 0.1}), "costs: received a dict; give Costs(...)"),
        (lambda: BacktestEngine({"initial_capital": 5}, initial_capital=7), "it in config and as an argument"),
    ],
)
def test_the_records_refuse_what_they_do_not_have(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(InputError) as refusal:
        make()
    assert sentence in str(refusal.value)


def test_an_entry_may_wait_for_any_gap_on_every_timeframe(hourly_frame: pd.DataFrame) -> None:
    daily = as_bars(hourly_frame).resample("1d")
    assert BacktestEngine({"max_wait": 1_000_000}).run(daily, turns(len(daily), 4))["n_trades"] > 0


def test_a_mapping_and_records_together_are_refused() -> None:
    with pytest.raises(InputError, match="together with costs= or risk="):
        BacktestEngine({"commission": 0.0}, risk=Risk())


def test_the_mapping_and_the_records_are_the_same_engine(hourly_frame: pd.DataFrame) -> None:
    signals = turns(500)
    mapping = {"initial_capital": 500, "commission": 0.002, "slippage": 0.001, "stop_loss": 0.02}
    one = BacktestEngine(mapping).run(hourly_frame, signals)
    two = BacktestEngine(
        costs=Costs(commission=0.002, slippage=0.001), risk=Risk(stop_loss=0.02), initial_capital=500
    ).run(hourly_frame, signals)
    pd.testing.assert_frame_equal(one.trades, two.trades)
    pd.testing.assert_series_equal(one.equity_curve, two.equity_curve)


def test_every_metric_is_a_key_and_an_attribute(hourly_frame: pd.DataFrame) -> None:
    result = BacktestEngine().run(hourly_frame, turns(500))
    assert set(Metrics._fields) < set(result)
    for name in Metrics._fields:
        assert repr(result[name]) == repr(getattr(result, name)) == repr(result.metrics[name])
    assert len(result["trades"]) == result["n_trades"]
    with pytest.raises(KeyError, match="unknown result 'sharp_ratio': did you mean 'sharpe_ratio'"):
        result["sharp_ratio"]
    assert result.get("sharp_ratio") is None
    with pytest.raises(AttributeError):
        _ = result.sharp_ratio
    assert "sharpe_ratio" in repr(result)
    assert "sharpe_ratio" in result._repr_html_()


def test_a_short_entry_where_shorts_are_off_is_refused_naming_the_bar(hourly_frame: pd.DataFrame) -> None:
    none, one = np.zeros(500, bool), np.zeros(500, bool)
    one[7] = True
    with pytest.raises(InputError, match=r"short entry at 2024-01-01 07:00:00\+00:00; set allow_short=True"):
        BacktestEngine().run(hourly_frame, Signals(none, none, one, none))
    assert BacktestEngine().run(hourly_frame, Signals(none, none, none, one))["n_trades"] == 0


def test_minus_one_only_closes_where_shorts_are_off_and_reverses_where_they_are_on(hourly_frame: pd.DataFrame) -> None:
    directions = pd.Series(0, hourly_frame.index)
    directions.iloc[10], directions.iloc[20], directions.iloc[30] = 1, -1, 1
    longs = BacktestEngine().run(hourly_frame, directions)
    assert longs.trades["direction"].tolist() == ["long", "long"]
    both = BacktestEngine({"allow_short": True}).run(hourly_frame, directions)
    assert both.trades["direction"].tolist() == ["long", "short", "long"]
    assert both.orders["bar"].tolist() == [11, 21, 21, 31, 31]


def test_a_daily_loss_rule_on_daily_bars_is_refused(hourly_frame: pd.DataFrame) -> None:
    daily = as_bars(hourly_frame).resample("1d")
    with pytest.raises(InputError, match="max_daily_loss: received bars of 1d"):
        BacktestEngine({"max_daily_loss": 0.05}).run(daily, turns(len(daily)))


def test_equity_has_one_value_per_row_after_the_first_and_carries_over_rows_without_prices(
    hourly_frame: pd.DataFrame,
) -> None:
    signals = turns(500)
    frame = hourly_frame.copy()
    frame.iloc[[0, 105, 106, 499], :4] = [np.nan, 1.0, 1.0, 1.0]
    frame.iloc[106, 2] = 0.0
    equity = BacktestEngine().run(frame, signals).equity_curve
    assert len(equity) == 501
    assert equity.index[0] == frame.index[0]
    assert (equity.index[1:] == frame.index + pd.Timedelta("1h")).all()
    assert equity.iloc[0] == equity.iloc[1] == 10_000.0
    assert equity.iloc[106] == equity.iloc[105] == equity.iloc[107]
    assert equity.iloc[500] == equity.iloc[499]
    assert equity.iloc[108] != equity.iloc[107]


def test_a_frame_with_unpriced_rows_gives_the_trades_of_the_frame_without_them(hourly_frame: pd.DataFrame) -> None:
    frame = hourly_frame.copy()
    gone = [5, 50, 51, 333]
    frame.iloc[gone, :4] = np.nan
    without = hourly_frame.drop(hourly_frame.index[gone])
    one = BacktestEngine().run(frame, ema_cross(frame, 5, 20))
    two = BacktestEngine().run(without, ema_cross(without, 5, 20))
    pd.testing.assert_frame_equal(one.trades, two.trades)
    assert repr(one.metrics) == repr(two.metrics)
    assert one.trades["spans_gap"].any()


def test_the_guide_reads_results_as_a_mapping(hourly_frame: pd.DataFrame) -> None:
    results = BacktestEngine({"initial_capital": 10000}).run(hourly_frame, turns(500))
    assert f"{results['total_return']:.2%} {results['sharpe_ratio']:.2f} {results['max_drawdown']:.2%}".count("%") == 2


def test_without_trades_what_is_undefined_is_nan(hourly_frame: pd.DataFrame) -> None:
    result = BacktestEngine().run(hourly_frame, Signals(np.zeros(500, bool)))
    assert (result.n_trades, result.total_return, result.max_drawdown) == (0, 0.0, 0.0)
    for name in ("sharpe_ratio", "sortino_ratio", "calmar_ratio", "win_rate", "profit_factor", "expectancy"):
        assert np.isnan(result[name]), name
    assert result.average_holding_time is pd.NaT
    assert result.trades.empty
    assert list(result.trades)[:3] == ["entry_time", "exit_time", "direction"]
    assert np.isnan(result.ambiguous_exits)


def test_after_a_ruin_what_needs_a_return_is_nan_and_the_loss_stands(hourly_frame: pd.DataFrame) -> None:
    frame = hourly_frame.copy()
    frame.iloc[10:, :4] *= 3.0
    frame.iloc[10, 2] = frame.iloc[9]["close"]
    short = np.arange(500) == 2
    result = BacktestEngine({"allow_short": True}).run(frame, Signals(~short & False, None, short))
    assert result.trades["exit_reason"].tolist() == ["ruin"]
    assert result.total_return < -1.0
    assert result.max_drawdown < -1.0
    for name in ("sharpe_ratio", "sortino_ratio", "volatility", "alpha", "beta", "cagr"):
        assert np.isnan(result[name]), name


def test_a_result_is_itself_and_travels_and_its_tables_are_the_readers_own(hourly_frame: pd.DataFrame) -> None:
    result, other = (BacktestEngine().run(hourly_frame, turns(500)) for _ in range(2))
    assert result == result
    assert result != other
    assert len({result, other}) == 2
    assert "portfolio" not in dict(result)
    _ = result.portfolio
    again = pickle.loads(pickle.dumps(result))
    pd.testing.assert_frame_equal(again.trades, result.trades)
    assert not again.bars.close.flags.writeable
    table = result.trades
    table.loc[:, "pnl"] = 0.0
    curve = result.equity_curve
    curve.iloc[5] = 0.0
    assert result.trades["pnl"].ne(0.0).all()
    assert result.equity_curve.iloc[5] > 0.0


def test_one_bar_is_enough(hourly_frame: pd.DataFrame) -> None:
    result = BacktestEngine().run(as_bars(hourly_frame[:1], timeframe="1h"), [1])
    assert result.equity_curve.tolist() == [10_000.0, 10_000.0]
    assert np.isnan(result.sharpe_ratio)


def test_a_run_does_not_change_what_it_was_given(hourly_frame: pd.DataFrame) -> None:
    before, signals = hourly_frame.copy(), turns(500)
    entries = signals.entries.copy()
    BacktestEngine({"stop_loss": 0.01}).run(hourly_frame, signals)
    pd.testing.assert_frame_equal(before, hourly_frame)
    assert (entries == signals.entries).all()
