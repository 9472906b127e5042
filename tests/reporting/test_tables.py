"""The tables of a report against slow and independent ways to the same numbers."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from cryptolab.backtesting import BacktestEngine, BacktestResult, Costs, Metrics
from cryptolab.bars import Bars
from cryptolab.data_fetchers import simulate
from cryptolab.reporting import tables
from cryptolab.signal_generator import Signals, get_strategy


def test_every_metric_has_a_definition() -> None:
    assert set(tables.definitions()) == set(Metrics._fields)
    assert not any(word in " ".join(tables.definitions().values()) for word in ("NaT", "NaN", "Timedelta"))


def test_months_compound_to_the_total(result: BacktestResult) -> None:
    table = tables.months(result)
    assert np.nanprod(1 + table[list(range(1, 13))].to_numpy()) == pytest.approx(1 + result.total_return)
    assert np.prod(1 + table["year"]) == pytest.approx(1 + result.total_return)


def test_months_against_pandas(both_ways: BacktestResult) -> None:
    curve = both_ways.equity_curve
    by_open = curve.iloc[1:].copy()
    by_open.index = both_ways.bars.rows
    ends = by_open.resample("ME").last()
    expected = ends / ends.shift(fill_value=both_ways.initial_capital) - 1
    table = tables.months(both_ways)
    for stamp, value in expected.items():
        assert table.at[stamp.year, stamp.month] == pytest.approx(value)
    assert table[list(range(1, 13))].notna().to_numpy().sum() == len(expected)


def test_a_bar_belongs_to_the_month_of_its_open() -> None:
    index = pd.date_range("2024-01-31 22:00", periods=4, freq="h", tz="UTC")
    close = np.array([100.0, 110.0, 110.0, 121.0])
    frame = pd.DataFrame({"open": [100, 100, 110, 110.0], "high": close, "low": [100, 100, 110, 110.0],
                          "close": close, "volume": 1.0}, index=index)  # fmt: skip
    engine = BacktestEngine({"commission": 0, "slippage": 0})
    held = engine.run(frame, Signals([True, False, False, False]))
    table = tables.months(held)
    assert table.at[2024, 1] == pytest.approx(0.10)  # the bar of 23:00 closes at midnight and is January's
    assert table.at[2024, 2] == pytest.approx(0.10)


def test_months_without_bars_are_empty() -> None:
    frame = simulate(24 * 200, seed=1).frame()
    month = frame.index.month
    held = BacktestEngine().run(frame[month != 3], Signals(np.ones(int((month != 3).sum()), bool)))
    table = tables.months(held)
    assert math.isnan(table.at[2020, 3])
    assert not table.loc[2020, [1, 2, 4]].isna().any()


def test_drawdown_against_a_loop() -> None:
    equity = np.array([100.0, 120.0, 90.0, 130.0, 65.0])
    assert tables.drawdown(equity) == pytest.approx([0, 0, -0.25, 0, -0.5])


def test_drawdown_reaches_the_metric(result: BacktestResult) -> None:
    assert tables.drawdown(result.equity_curve.to_numpy()).min() == pytest.approx(result.max_drawdown)


def test_buy_and_hold_by_hand() -> None:
    bars = simulate(50, seed=2)
    costs = Costs(commission=0.002, slippage=0.001)
    held = tables.buy_and_hold(bars, costs, 5000.0)
    fill = bars.open[1] * 1.001
    assert held.equity_curve.iloc[-1] == pytest.approx(5000.0 / 1.002 / fill * bars.close[-1])
    assert len(held.orders) == 1


def test_buy_and_hold_tries_again_after_a_gap() -> None:
    frame = simulate(50, seed=2).frame().drop(simulate(50, seed=2).index[1:9])
    held = tables.buy_and_hold(Bars.from_frame(frame), Costs(max_wait=0), 5000.0)
    assert len(held.orders) == 1
    assert held.orders["bar"].iloc[0] == 2


@pytest.mark.parametrize("fill", ["next_open", "same_close", "worst"])
def test_sensitivity_is_what_the_engine_says(bars: Bars, fill: str) -> None:
    config = {"commission": 0.002, "slippage": 0.001, "stop_loss": 0.02, "fill": fill}
    signals = get_strategy("ema_cross")(bars)
    run = BacktestEngine(config).run(bars, signals)
    table = tables.sensitivity(run)
    cases = {name: {**config, "fill": name} for name in ("next_open", "same_close", "worst")}
    cases["twice_the_costs"] = {**config, "commission": 0.004, "slippage": 0.002}
    assert list(table.index) == list(cases)
    for name, case in cases.items():
        expected = BacktestEngine(case).run(bars, signals)
        for metric in tables.COMPARED:
            assert table.at[name, metric] == pytest.approx(expected[metric], nan_ok=True)
        assert table.at[name, "difference"] == pytest.approx(expected.total_return - run.total_return)
    assert list(table.index[table["configured"].astype(bool)]) == [fill]


def test_costs_that_cannot_be_doubled_are_left_out(bars: Bars) -> None:
    run = BacktestEngine({"commission": 0.6}).run(bars, Signals(np.zeros(len(bars), bool)))
    assert "twice_the_costs" not in tables.sensitivity(run).index


def test_trade_statistics_against_a_loop(both_ways: BacktestResult) -> None:
    table = tables.trade_statistics(both_ways.trades)
    assert list(table.columns) == ["all", "long", "short"]
    for part in table.columns:
        rows = [
            trade
            for trade in both_ways.trades.to_dict("records")
            if trade["exit_reason"] != "open" and part in ("all", trade["direction"])
        ]
        won = [trade for trade in rows if trade["pnl"] > 0]
        assert table.at["closed_trades", part] == len(rows)
        assert table.at["winners", part] == len(won)
        assert table.at["win_rate", part] == pytest.approx(len(won) / len(rows))
        assert table.at["best_trade", part] == max(trade["return"] for trade in rows)
        assert table.at["mean_winner", part] == pytest.approx(sum(trade["return"] for trade in won) / len(won))
        assert table.at["profit", part] == pytest.approx(sum(trade["pnl"] for trade in rows))
        streak = longest = 0
        for trade in rows:
            streak = streak + 1 if trade["pnl"] < 0 else 0
            longest = max(longest, streak)
        assert table.at["longest_losing_streak", part] == longest
    assert table.at["win_rate", "all"] == pytest.approx(both_ways.win_rate)


def test_a_trade_of_zero_profit_is_no_loser_and_ends_a_streak() -> None:
    bars = simulate(10)
    made = BacktestEngine({"commission": 0, "slippage": 0}).run(bars, Signals(np.zeros(10, bool)))
    pnl = np.array([-1.0, -1.0, 0.0, -1.0, 2.0])
    table = pd.DataFrame(
        {
            **dict.fromkeys(("entry_time", "exit_time"), bars.index[:5]),
            "direction": "long", "pnl": pnl, "return": pnl / 100, "spans_gap": False, "ambiguous": False,
        }
    )  # fmt: skip
    assert set(table) <= set(made.trades)
    found = tables.trade_statistics(table)["all"]
    assert (found["winners"], found["losers"], found["longest_losing_streak"]) == (1, 3, 2)


def test_long_only_has_one_column(result: BacktestResult) -> None:
    assert list(tables.trade_statistics(result.trades).columns) == ["all"]


def test_by_reason_adds_up(both_ways: BacktestResult) -> None:
    table = tables.by_reason(both_ways.trades)
    assert table["count"].sum() == both_ways.n_trades
    assert table["share"].sum() == pytest.approx(1)
    assert table["profit"].sum() == pytest.approx(tables.closed(both_ways.trades)["pnl"].sum())
    assert table["count"].is_monotonic_decreasing


@pytest.mark.parametrize("seed", range(5))
def test_distribution_counts_all_and_parts_wins_from_losses(seed: int) -> None:
    returns = np.random.default_rng(seed).standard_t(2, 500) * 0.02
    edges, counts = tables.distribution(returns)
    assert counts.sum() == len(returns)
    assert np.isclose(edges, 0, atol=1e-12).any()
    assert counts[edges[1:] <= 1e-12].sum() == (returns < 0).sum()
    assert 15 <= len(counts) <= 60


@pytest.mark.parametrize("returns", [[0.0], [0.01], [-0.01], [0.05, 0.05], [-0.25]])
def test_distribution_of_few(returns: list[float]) -> None:
    edges, counts = tables.distribution(np.array(returns))
    assert counts.sum() == len(returns)
    assert np.diff(edges).min() > 0
