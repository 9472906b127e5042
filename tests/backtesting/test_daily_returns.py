"""Daily returns and their metrics: by hand, beside the metrics per bar, and beside the slow formulas."""

from __future__ import annotations

import math
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptolab.backtesting import BacktestEngine, BacktestResult, Costs, Metrics, Risk
from cryptolab.backtesting.metrics import DailyMetrics, daily_metrics, sharpe_of
from cryptolab.backtesting.scoring import Scorer
from cryptolab.bars import Bars
from cryptolab.data_fetchers import simulate
from cryptolab.errors import InputError
from cryptolab.kernels.scoring import SCORE
from cryptolab.signal_generator import Signals, get_strategy


def run(bars: Bars, **config: Any) -> BacktestResult:
    return BacktestEngine(config).run(bars, get_strategy("ema_cross")(bars, fast=3, slow=8))


def series(values: Any, start: str = "2024-01-01") -> pd.Series:
    return pd.Series(np.asarray(values, float), pd.date_range(start, periods=len(values), freq="D"))


def flat_bars(closes: list[float], start: str) -> Bars:
    """Hourly bars that open at the close before."""
    close = np.array(closes)
    open_ = np.concatenate(([close[0]], close[:-1]))
    columns = {"open": open_, "high": np.maximum(open_, close), "low": np.minimum(open_, close), "close": close}
    index = pd.date_range(start, periods=len(close), freq="h", tz="UTC")
    return Bars.from_frame(pd.DataFrame({**columns, "volume": 1.0}, index=index), "AAA/USDT", "1h")


def test_by_hand() -> None:
    bars = flat_bars([100, 100, 110, 99, 99], "2024-01-01 21:00")  # the bar of 23:00 closes at midnight: 1 January
    held = BacktestEngine({"commission": 0, "slippage": 0}).run(bars, Signals([True, False, False, False, False]))
    returns = held.daily_returns
    assert list(returns) == pytest.approx([0.10, -0.10])
    assert list(returns.index) == [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-02")]
    assert returns.index.tz is None
    assert returns.name == "AAA/USDT"


def test_a_loss_on_the_first_day_is_measured_against_the_capital() -> None:
    bars = flat_bars([100, 100, 50], "2024-01-01 10:00")
    held = BacktestEngine({"commission": 0, "slippage": 0}).run(bars, Signals([True, False, False]))
    assert list(held.daily_returns) == pytest.approx([-0.5])
    assert daily_metrics(held.daily_returns).max_drawdown == pytest.approx(-0.5)


@given(st.integers(0, 10_000), st.sampled_from(["1m", "15m", "1h", "4h", "1d"]), st.integers(1, 400))
def test_they_compound_to_the_total(seed: int, timeframe: str, count: int) -> None:
    frame = simulate(count + 40, timeframe, seed).frame()
    keep = np.random.default_rng(seed).random(len(frame)) < 0.9
    result = run(Bars.from_frame(frame[keep], timeframe=timeframe))
    returns = result.daily_returns
    assert np.prod(1 + returns) - 1 == pytest.approx(result.total_return, abs=1e-9)
    assert list(returns.index) == sorted({stamp.normalize().tz_localize(None) for stamp in result.bars.index})


def test_unpriced_rows_make_no_day() -> None:
    frame = simulate(24 * 6, seed=3).frame()
    frame.iloc[48:72, :4] = np.nan
    returns = run(Bars.from_frame(frame)).daily_returns
    assert [day.day for day in returns.index] == [1, 2, 4, 5, 6]


@pytest.mark.parametrize("blocks", [1, 5])
def test_a_sweep_sums_the_same_returns(blocks: int) -> None:
    bars = Bars.from_frame(simulate(2000, seed=4).frame().drop(simulate(2000, seed=4).index[300:390]))
    signals = get_strategy("ema_cross")(bars, fast=3, slow=8)
    scores, days = np.empty(1, SCORE), np.empty((1, blocks, 3))
    Scorer(bars, 10_000.0, blocks).score(signals, Costs(), Risk(), scores, days, 0)
    returns = run(bars).daily_returns.to_numpy()
    for part, sums in zip(np.array_split(returns, blocks), days[0], strict=True):
        assert sums == pytest.approx([len(part), part.sum(), (part**2).sum()], rel=1e-9, abs=1e-12)


def test_bars_longer_than_a_day_have_none() -> None:
    with pytest.raises(InputError, match="daily returns: received bars of 1w"):
        _ = run(simulate(30, "1w")).daily_returns


def test_nothing_is_measured_against_nothing() -> None:
    bars = flat_bars([100.0] * 3 + [5000.0] * 60, "2024-01-01")
    engine = BacktestEngine({"commission": 0, "slippage": 0, "allow_short": True})
    ruined = engine.run(bars, Signals(np.zeros(63, bool), None, np.arange(63) == 0))
    returns = ruined.daily_returns
    assert ruined.equity_curve.iloc[-1] <= 0
    assert returns.iloc[0] <= -1
    assert returns.iloc[1:].isna().all()
    assert math.isnan(daily_metrics(returns).sharpe_ratio)
    assert math.isnan(daily_metrics(returns).cagr)


@pytest.mark.parametrize("seed", range(3))
def test_of_daily_bars_they_are_the_metrics(seed: int) -> None:
    bars = simulate(500, "1d", seed)
    result = run(bars)
    market = pd.Series(np.diff(np.log(np.concatenate([bars.open[:1], bars.close]))), result.daily_returns.index)
    found = daily_metrics(result.daily_returns, np.expm1(market))
    for name in set(DailyMetrics._fields) & set(Metrics._fields):
        assert getattr(found, name) == pytest.approx(result[name], rel=1e-9), name


def slow(returns: list[float], days: list[pd.Timestamp], market: list[float]) -> dict[str, Any]:
    """The formulas of DESIGN.md in plain Python."""
    value = peak = 1.0
    deepest, longest, since, below = 0.0, pd.Timedelta(0), days[0], False
    for r, day in zip(returns, days, strict=True):
        value *= 1 + r
        end = day + pd.Timedelta(days=1)
        if below or value < peak:
            longest = max(longest, end - since)
        below = value < peak
        deepest = min(deepest, value / peak - 1)
        if not below:
            peak, since = value, end
    mean, deviation = fmean(returns), stdev(returns)
    downside = math.sqrt(sum(min(r, 0) ** 2 for r in returns) / len(returns))
    years = (days[-1] + pd.Timedelta(days=1) - days[0]) / pd.Timedelta(days=365)
    growth = value ** (1 / years) - 1
    mean_market = fmean(market)
    beta = sum((r - mean) * (m - mean_market) for r, m in zip(returns, market, strict=True)) / sum(
        (m - mean_market) ** 2 for m in market
    )
    return {
        "total_return": value - 1,
        "cagr": growth,
        "sharpe_ratio": mean / deviation * math.sqrt(365),
        "sortino_ratio": mean / downside * math.sqrt(365),
        "calmar_ratio": growth / -deepest,
        "max_drawdown": deepest,
        "longest_drawdown": longest,
        "volatility": deviation * math.sqrt(365),
        "alpha": (mean - beta * mean_market) * 365,
        "beta": beta,
        "best_day": max(returns),
        "worst_day": min(returns),
        "win_days": sum(r > 0 for r in returns) / sum(r != 0 for r in returns),
    }


@given(st.integers(0, 100_000), st.integers(3, 60))
def test_the_slow_formulas_agree(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    days = pd.date_range("2023-12-01", periods=3 * count, freq="D")[np.sort(random.permutation(3 * count)[:count])]
    moves, market = random.normal(0, 0.03, count), random.normal(0, 0.04, count)
    moves[random.random(count) < 0.2] = 0.0
    if not (moves < 0).any() or not moves.any():
        moves[0] = -0.01
    found = daily_metrics(pd.Series(moves, days), pd.Series(market, days))._asdict()
    expected = slow(moves.tolist(), list(days), market.tolist())
    assert set(found) == set(expected)
    for name, value in expected.items():
        near = value if name == "longest_drawdown" else pytest.approx(value, rel=1e-9, abs=1e-12)
        assert found[name] == near, name


def test_what_is_undefined_is_nan() -> None:
    still = daily_metrics(series([0.0, 0.0, 0.0]))
    for name in ("sharpe_ratio", "sortino_ratio", "calmar_ratio", "win_days", "alpha", "beta"):
        assert math.isnan(getattr(still, name)), name
    assert (still.total_return, still.max_drawdown, still.volatility) == (0, 0, 0)
    assert math.isnan(daily_metrics(series([0.5])).volatility)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ([0.1, 0.2], "returns: received a list; give daily returns"),
        (pd.Series([], dtype=float), "an empty series"),
        (pd.Series([0.1, 0.2]), "an index of RangeIndex"),
        (series([0.1, 0.2]).set_axis(pd.to_datetime(["2024-01-01 05:00", "2024-01-02 05:00"])), "one midnight"),
        (series([0.1, 0.2]).iloc[::-1], "one midnight"),
        (series([0.1, 0.2]).set_axis(pd.to_datetime(["2024-01-01", "2024-01-01"])), "one midnight"),
    ],
)
def test_other_series_are_refused(wrong: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        daily_metrics(wrong)


def test_a_market_of_other_days_is_refused() -> None:
    with pytest.raises(InputError, match="market: received other days"):
        daily_metrics(series([0.1, 0.2]), series([0.1, 0.2], "2024-01-02"))


def test_days_may_carry_a_time_zone() -> None:
    plain = series([0.1, -0.2, 0.05])
    assert daily_metrics(plain.tz_localize("UTC"))._asdict().items() >= {"max_drawdown": pytest.approx(-0.2)}.items()
    assert daily_metrics(plain.tz_localize("UTC")).sharpe_ratio == daily_metrics(plain).sharpe_ratio


def test_the_sharpe_ratio_of_an_array() -> None:
    moves = np.array([0.01, -0.02, 0.03, 0.0])
    assert sharpe_of(moves, 365) == pytest.approx(fmean(moves) / stdev(moves) * math.sqrt(365))
    assert all(math.isnan(sharpe_of(np.array(few), 365)) for few in ([], [0.1], [0.1, 0.1], [0.1, math.nan]))
