"""Market regimes: known while they last, the same beside a slow loop, and tables that add up to the run."""

from __future__ import annotations

import math
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptolab.backtesting import BacktestEngine, BacktestResult
from cryptolab.bars import Bars
from cryptolab.data_fetchers import simulate
from cryptolab.reporting import Study, by_regime, regimes_of
from cryptolab.reporting.regimes import ALL, TRENDS, UNKNOWN, VOLATILITIES, Regimes, window_of
from cryptolab.signal_generator import Signals, Strategy, get_strategy
from tests.laws.markets import other_presents

NINE = [(trend, volatility) for trend in TRENDS for volatility in VOLATILITIES]
PARTS = [*NINE, (UNKNOWN, UNKNOWN)]


def daily(count: int = 260, seed: int = 2) -> Bars:
    return simulate(count, "1d", seed)


def same(found: Regimes, whole: Regimes, end: int, what: str) -> None:
    for name, part, rest in zip(Regimes._fields, found, whole, strict=True):
        assert np.array_equal(part[:end], rest[:end], equal_nan=True), f"{what}: {name} differs"


def test_the_past_never_changes() -> None:
    """Cut off after any bar, and with any other future, each regime is the same to the last bit."""
    bars = daily(160)
    whole = regimes_of(bars)
    assert (whole.trend >= 0).sum() > 60
    for end, present, what in other_presents(bars):
        same(regimes_of(present), whole, end, what)


@pytest.mark.parametrize(("timeframe", "count"), [("1h", 24 * 130), ("4h", 6 * 500), ("1m", 1440 * 95)])
def test_the_past_never_changes_on_shorter_bars(timeframe: str, count: int) -> None:
    bars = simulate(count, timeframe, 4)
    bars = Bars.from_frame(bars.frame().drop(bars.index[count // 2 : count // 2 + 40]), timeframe=timeframe)
    whole = regimes_of(bars)
    assert (whole.trend >= 0).any()
    for end in (*range(len(bars) - 30, len(bars), 7), len(bars) - 500, len(bars) - 1439, len(bars) // 2):
        same(regimes_of(bars[:end]), whole, end, f"cut off after {end} bars")


def test_what_a_bar_brought_is_judged_by_what_was_known_before_it() -> None:
    """A table of a run cut short is that of its first bars: nothing in it moves to another regime later."""
    bars = daily()
    signals = get_strategy("ema_cross")(bars, fast=3, slow=8)
    whole = BacktestEngine().run(bars, signals)
    before = regimes_of(bars)
    for end in (120, 190, 240):
        part = BacktestEngine().run(bars[:end], get_strategy("ema_cross")(bars[:end], fast=3, slow=8))
        table = by_regime(part)
        for trend, volatility in NINE:
            inside = [
                t
                for t in range(1, end)
                if before.trend[t - 1] == TRENDS.index(trend)
                and before.volatility[t - 1] == VOLATILITIES.index(volatility)
            ]
            assert table.at[(trend, volatility), "bars"] == len(inside)
            moves = whole.equity_curve.pct_change().to_numpy()[1:][inside]
            if inside:
                assert table.at[(trend, volatility), "total_return"] == pytest.approx(np.prod(1 + moves) - 1)


def slow_label(values: list[float], t: int, bars: Bars) -> int:
    """In which third of the values at the ends of the earlier UTC days values[t] lies, -1 where that is unknown."""
    day = [stamp.date() for stamp in bars.index]
    ends = [i for i in range(t) if day[i] != day[t] and day[i + 1] != day[i]][-365:]
    past = [values[i] for i in ends if not math.isnan(values[i])]
    if len(past) < 60 or math.isnan(values[t]):
        return -1
    low, high = np.quantile(past, [1 / 3, 2 / 3])
    return int(values[t] > low) + int(values[t] > high)


@pytest.mark.parametrize(("timeframe", "count", "step"), [("1d", 700, 7), ("1h", 24 * 120, 97), ("1w", 120, 3)])
def test_a_slow_loop_finds_the_same(timeframe: str, count: int, step: int) -> None:
    bars = simulate(count, timeframe, 6)
    bars = Bars.from_frame(bars.frame().drop(bars.index[30:33]), timeframe=timeframe)
    found, n = regimes_of(bars), window_of(bars)
    moves = np.diff(np.log(bars.close))
    strength = [math.nan] * len(bars)
    realised = [math.nan] * len(bars)
    for t in range(n, len(bars)):
        part = moves[t - n : t]
        strength[t] = part.sum() / math.sqrt((part**2).sum())
        realised[t] = math.sqrt((part**2).mean() * bars.periods_per_year)
    assert found.strength == pytest.approx(strength, rel=1e-9, nan_ok=True)
    assert found.realised == pytest.approx(realised, rel=1e-9, nan_ok=True)
    for t in range(0, len(bars), step):
        assert found.trend[t] == slow_label(found.strength.tolist(), t, bars), t
        assert found.volatility[t] == slow_label(found.realised.tolist(), t, bars), t
    assert (found.trend >= 0).any()


@pytest.mark.parametrize(("timeframe", "bars"), [("1m", 43_200), ("1h", 720), ("1d", 30), ("1w", 20)])
def test_how_far_they_look_back(timeframe: str, bars: int) -> None:
    assert window_of(simulate(2, timeframe)) == bars


def test_a_trend_is_called_by_its_way() -> None:
    close = 100 * np.exp(np.concatenate([np.linspace(0, 0.1, 120), np.linspace(0.1, 2, 60), np.linspace(2, 0.5, 60)]))
    wobble = close * (1 + 0.01 * (np.arange(240) % 2))
    columns = dict.fromkeys(("open", "high", "low", "close"), wobble)
    frame = pd.DataFrame({**columns, "volume": 1.0}, pd.date_range("2024-01-01", periods=240, freq="D", tz="UTC"))
    found = regimes_of(Bars.from_frame(frame))
    assert (found.trend[135:175] == TRENDS.index("rising")).all()
    assert (found.trend[200:] == TRENDS.index("falling")).all()


def test_a_market_that_does_not_move_is_unknown() -> None:
    columns = dict.fromkeys(("open", "high", "low", "close"), 100.0)
    index = pd.date_range("2024-01-01", periods=200, freq="D", tz="UTC")
    bars = Bars.from_frame(pd.DataFrame({**columns, "volume": 1.0}, index))
    assert (regimes_of(bars).trend == -1).all()
    table = by_regime(BacktestEngine().run(bars, Signals(np.ones(200, bool))))
    assert table.at[(UNKNOWN, UNKNOWN), "bars"] == 200
    assert table.loc[NINE, "total_return"].isna().all()


def adds_up(result: BacktestResult, table: pd.DataFrame) -> None:
    """What holds of every table by regime."""
    whole, parts = table.loc[(ALL, ALL)], table.loc[PARTS]
    for count in ("bars", "n_trades"):
        assert parts[count].sum() == whole[count]
    assert parts["share"].sum() == pytest.approx(1)
    for chained in ("total_return", "market_return", "deepest_fall"):
        assert np.nanprod(1 + parts[chained]) == pytest.approx(1 + whole[chained], rel=1e-9, abs=1e-12)
    for name in TRENDS:
        assert table.at[(name, ALL), "bars"] == table.loc[[(name, v) for v in VOLATILITIES], "bars"].sum()
    for name in VOLATILITIES:
        cells = table.loc[[(t, name) for t in TRENDS]]
        assert table.at[(ALL, name), "n_trades"] == cells["n_trades"].sum()
        assert 1 + table.at[(ALL, name), "total_return"] == pytest.approx(np.nanprod(1 + cells["total_return"])) or (
            cells["bars"].sum() == 0
        )
    held = (parts["exposure"] * parts["bars"]).sum()
    assert held == pytest.approx(result.exposure * len(result.bars))
    won = (parts["win_rate"] * parts["n_trades"]).sum()
    assert won == pytest.approx(0 if not result.n_trades else result.win_rate * result.n_trades)
    assert whole["bars"] == len(result.bars)
    for ours, theirs in (("total_return",) * 2, ("sharpe_ratio",) * 2, ("deepest_fall", "max_drawdown"),
                         ("exposure",) * 2, ("n_trades",) * 2, ("win_rate",) * 2):  # fmt: skip
        assert whole[ours] == pytest.approx(result[theirs], rel=1e-9, abs=1e-12, nan_ok=True), ours


@given(st.integers(0, 10_000), st.sampled_from(["1h", "4h", "1d"]), st.booleans(), st.booleans())
@settings(max_examples=30)
def test_the_parts_add_up_to_the_run(seed: int, timeframe: str, shorts: bool, holes: bool) -> None:
    random = np.random.default_rng(seed)
    frame = simulate(int(random.integers(1, 400)) if timeframe == "1d" else 2600, timeframe, seed).frame()
    if holes and len(frame) > 50:
        frame = frame[random.random(len(frame)) < 0.95].copy()
        frame.iloc[10:20, :4] = np.nan
    bars = Bars.from_frame(frame, timeframe=timeframe)
    flags = [random.random(len(frame)) < 0.03 for _ in range(4 if shorts else 2)]
    config: dict[str, Any] = {"allow_short": shorts, "stop_loss": 0.02, "max_position_size": 0.7}
    result = BacktestEngine(config).run(bars, Signals(*flags))
    adds_up(result, by_regime(result))


@pytest.mark.parametrize("fill", ["next_open", "same_close", "worst"])
def test_the_parts_add_up_under_every_fill(fill: str) -> None:
    bars = simulate(3000, seed=8)
    result = BacktestEngine({"fill": fill}).run(bars, get_strategy("ema_cross")(bars, fast=3, slow=9))
    adds_up(result, by_regime(result))


def test_a_ruined_account() -> None:
    rising = simulate(200, "1d", 3).frame()
    for name in ("open", "high", "low", "close"):
        rising[name] *= np.geomspace(1, 50, len(rising))
    engine = BacktestEngine({"allow_short": True})
    ruined = engine.run(rising, Signals(np.zeros(200, bool), short_entries=np.arange(200) == 100))
    assert ruined.equity_curve.iloc[-1] <= 0
    table = by_regime(ruined)
    assert table["bars"].loc[PARTS].sum() == 200
    assert table.at[(ALL, ALL), "total_return"] == pytest.approx(ruined.total_return)


def test_by_hand() -> None:
    close = np.array([100.0, 100, 110, 99, 99, 108.9])
    open_ = np.concatenate(([100.0], close[:-1]))
    index = pd.date_range("2024-01-01", periods=6, freq="D", tz="UTC")
    columns = {"open": open_, "high": np.maximum(open_, close), "low": np.minimum(open_, close), "close": close}
    bars = Bars.from_frame(pd.DataFrame({**columns, "volume": 1.0}, index))
    flags = [np.arange(6) == row for row in (0, 2)]
    result = BacktestEngine({"commission": 0, "slippage": 0}).run(bars, Signals(*flags))  # in at bar 1, out at bar 3
    known = Regimes(np.array([2, 2, 0, 0, 0, 1]), np.array([0, 0, 1, 1, 1, 2]), np.empty(6), np.empty(6))
    table = by_regime(result, known)
    assert table.at[("rising", "calm"), "bars"] == 2  # bars 1 and 2: what was known at the closes of 0 and 1
    assert table.at[("rising", "calm"), "total_return"] == pytest.approx(0.10)
    assert table.at[("rising", "calm"), "exposure"] == 1.0
    assert table.at[("rising", "calm"), "n_trades"] == 1
    assert table.at[("rising", "calm"), "win_rate"] == 1.0
    assert table.at[("falling", "usual"), "bars"] == 3  # bars 3, 4, 5
    assert table.at[("falling", "usual"), "exposure"] == 0.0
    assert table.at[("falling", "usual"), "market_return"] == pytest.approx(108.9 / 110 - 1)
    assert table.at[("falling", "usual"), "total_return"] == 0.0
    assert table.at[(UNKNOWN, UNKNOWN), "bars"] == 1  # nothing was known before the first bar
    assert table.at[("sideways", "wild"), "bars"] == 0
    assert math.isnan(table.at[("sideways", "wild"), "total_return"])
    assert math.isnan(table.at[("sideways", "wild"), "win_rate"])


def test_the_deepest_fall_is_put_down_to_where_it_happened() -> None:
    close = np.array([100.0, 100, 120, 90, 60, 70, 50, 80])
    open_ = np.concatenate(([100.0], close[:-1]))
    index = pd.date_range("2024-01-01", periods=8, freq="D", tz="UTC")
    columns = {"open": open_, "high": np.maximum(open_, close), "low": np.minimum(open_, close), "close": close}
    bars = Bars.from_frame(pd.DataFrame({**columns, "volume": 1.0}, index))
    held = BacktestEngine({"commission": 0, "slippage": 0}).run(bars, Signals(np.arange(8) == 0))
    known = Regimes(np.array([2, 2, 0, 1, 1, 1, 2, 2]), np.zeros(8, int), np.empty(8), np.empty(8))
    table = by_regime(held, known)
    assert table.at[("falling", "calm"), "deepest_fall"] == pytest.approx(90 / 120 - 1)  # bar 3 alone
    assert table.at[("sideways", "calm"), "deepest_fall"] == pytest.approx(50 / 90 - 1)  # bars 4 to 6
    assert table.at[("rising", "calm"), "deepest_fall"] == 0.0
    assert table.at[(ALL, ALL), "deepest_fall"] == pytest.approx(50 / 120 - 1) == pytest.approx(held.max_drawdown)


class _Text(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_sheet_shows_the_table(study: Study) -> None:
    html = study.regimes().html
    table = by_regime(study.result)
    shown = _Text(html).words
    assert table.at[(UNKNOWN, UNKNOWN), "bars"] < len(study.bars)
    for name in ("All bars", "Falling", "Wild", "Rising, calm", "Unknown", "In the deepest fall"):
        assert name in shown, name
    assert f"{table.at[('rising', 'calm'), 'bars']:,}" in shown
    assert "SIMULATED" in html
    assert html.count("cl-grid") == 2
    assert html.count("<figure") == 1


def test_a_history_too_short_says_so(bars: Bars) -> None:
    html = Study(bars, get_strategy("ema_cross"), {}, BacktestEngine()).regimes().html
    assert "it takes 720 bars and 60 days with bars after them" in html
    assert "<table" not in html


def test_a_sheet_where_nothing_was_won_or_lost() -> None:
    def never(bars: Bars) -> Signals:
        return Signals(np.zeros(len(bars), bool))

    html = Study(simulate(2600), Strategy(never), {}, BacktestEngine()).regimes().html
    assert "nan" not in html.lower().split('"data":')[0]
    assert "n/a" in html
