"""The tearsheet: its numbers are ours, its errors are corrected, nothing leaks and nothing needs a network."""

from __future__ import annotations

import logging
import re
import warnings
from html import unescape
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from cryptolab.backtesting import BacktestEngine, BacktestResult
from cryptolab.backtesting.metrics import daily_metrics
from cryptolab.bars import Bars
from cryptolab.data_fetchers import simulate
from cryptolab.errors import InputError, RunError
from cryptolab.reporting import Study, tables, write_tearsheet
from cryptolab.reporting import tearsheet as tearsheet_file
from cryptolab.reporting.corrections import corrected, drawdowns
from cryptolab.signal_generator import Signals, Strategy, get_strategy

HEADLINES = {
    "Cumulative Return": "total_return",
    "CAGR": "cagr",
    "Sharpe": "sharpe_ratio",
    "Sortino": "sortino_ratio",
    "Calmar": "calmar_ratio",
    "Max Drawdown": "max_drawdown",
    "Volatility (ann.)": "volatility",
    "Best Day": "best_day",
    "Worst Day": "worst_day",
    "Win Days": "win_days",
}
"""What a reader of the sheet sees first, and our name of it."""
NASTY = "</title><img src=x onerror=alert(1)><b> {{metrics}} ${heading} $\\alpha$ \"'&"


def held_back(days: int = 500, timeframe: str = "1h", seed: int = 5, gap: bool = True) -> BacktestResult:
    """A run that trades late, so that its first days are flat, over a market with a hole of five days."""
    per_day = {"1h": 24, "1d": 1}[timeframe]
    frame = simulate(days * per_day, timeframe, seed).frame()
    if gap:
        frame = frame.drop(frame.index[200 * per_day : 205 * per_day])
    bars = Bars.from_frame(frame, "SIM/USDT", timeframe)
    signals = get_strategy("ema_cross")(bars, fast=5 * per_day, slow=15 * per_day)
    early = np.arange(len(bars)) < 40 * per_day
    return BacktestEngine().run(bars, Signals(signals.entries & ~early, signals.exits))


def pair(result: BacktestResult) -> tuple[pd.Series, pd.Series]:
    held = tables.buy_and_hold(result.bars, result.costs, result.initial_capital)
    return result.daily_returns, held.daily_returns


def table(html: str) -> dict[str, tuple[str, str]]:
    """The rows of key figures: (of buy-and-hold, of the strategy)."""
    rows = re.findall(r"<tr><td>([^<]*)</td><td>([^<]*)</td><td>([^<]*)</td></tr>", html)
    return {unescape(name).strip(): (first, second) for name, first, second in rows}


@pytest.fixture(scope="module")
def result() -> BacktestResult:
    return held_back()


@pytest.fixture(scope="module")
def page(result: BacktestResult, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("sheet") / "tearsheet.html"
    assert write_tearsheet(result, path, title=NASTY) == path
    return path.read_text(encoding="utf-8")


def test_its_headline_numbers_are_ours(result: BacktestResult, page: str) -> None:
    returns, market = pair(result)
    shown, ours = table(page), (daily_metrics(market), daily_metrics(returns))
    for label, name in HEADLINES.items():
        for text, metrics in zip(shown[label], ours, strict=True):
            value = getattr(metrics, name) * (100 if text.endswith("%") else 1)
            assert float(text.rstrip("%").replace(",", "")) == pytest.approx(value, abs=0.0051), label
    greeks = daily_metrics(returns, market)
    assert shown["Beta"][1] == f"{round(greeks.beta, 2)}"
    assert shown["Alpha"][1] == f"{round(greeks.alpha, 2)}"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("timeframe", ["1h", "1d"])
def test_the_librarys_functions_give_our_numbers(seed: int, timeframe: str) -> None:
    """quantstats as published, but for the two that it defines otherwise: growth a year is said so below."""
    result = held_back(400, timeframe, seed)
    returns, market = pair(result)
    ours = daily_metrics(returns, market)
    with corrected():
        pass
    import quantstats.stats as theirs

    found = {
        "total_return": theirs.comp(returns),
        "sharpe_ratio": theirs.sharpe(returns, periods=365),
        "sortino_ratio": theirs.sortino(returns, periods=365),
        "max_drawdown": theirs.max_drawdown(returns),
        "volatility": theirs.volatility(returns, periods=365),
        "best_day": theirs.best(returns),
        "worst_day": theirs.worst(returns),
        "win_days": theirs.win_rate(returns),
        "beta": theirs.greeks(returns, market, 365)["beta"],
        "alpha": theirs.greeks(returns, market, 365)["alpha"],
    }
    for name, value in found.items():
        assert value == pytest.approx(getattr(ours, name), rel=1e-9), name
    # theirs counts 365 days with bars as a year, ours 365 days: the hole of five days is the difference
    assert len(returns) == 395
    assert (1 + theirs.cagr(returns, periods=365)) ** (395 / 400) - 1 == pytest.approx(ours.cagr, rel=1e-9)
    assert theirs.cagr(returns, periods=365) != pytest.approx(ours.cagr, rel=1e-3)
    with corrected() as quantstats:
        assert quantstats.stats.cagr(returns) == pytest.approx(ours.cagr, rel=1e-9)
        assert quantstats.stats.calmar(returns, periods=365) == pytest.approx(ours.calmar_ratio, rel=1e-9)


def frame(**columns: Any) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    return pd.DataFrame(columns, index=pd.date_range("2021-03-01", periods=count, freq="D"), dtype=float)


RANDOM = np.random.default_rng(3)
MOVES = frame(
    returns=RANDOM.normal(0.001, 0.02, 500), benchmark=np.convolve(RANDOM.normal(0, 0.02, 500), [1, 0.6])[:500]
)
GAINS = frame(returns=[0.0, 1.5, 0.0, 0.2, 0.1])["returns"]
SUNK = frame(returns=[-0.1, 0.02, -0.02, 0.01])["returns"]


def beta_drawn(quantstats: Any) -> float:
    betas = quantstats.stats.rolling_greeks(MOVES["returns"], MOVES["benchmark"], 183)["beta"].fillna(0)
    return float(betas.iloc[0])


CORRECTIONS = {
    "gains taken for prices": (lambda q: q.stats.sharpe(GAINS, periods=365), daily_metrics(GAINS).sharpe_ratio),
    "drawdown of gains": (lambda q: q.stats.max_drawdown(GAINS), 0.0),
    "years of 252 days": (
        lambda q: q.stats.rar(MOVES["returns"], periods=365),
        daily_metrics(MOVES["returns"]).cagr / float((MOVES["returns"] != 0).mean()),
    ),
    "exposure rounded up": (lambda q: q.stats.exposure(frame(returns=[0.1] + 299 * [0])["returns"]), 1 / 300),
    "another one's autocorrelation": (
        lambda q: q.stats.smart_sharpe(MOVES, 0.0, 365)["benchmark"],
        None,
    ),
    "a fraction for a per cent": (lambda q: q.stats.risk_of_ruin(SUNK), 100 * ((1 - 0.5) / (1 + 0.5)) ** 4),
    "the recovery of a loss": (
        lambda q: q.stats.recovery_factor(SUNK),
        (np.prod(1 + SUNK) - 1) / abs(daily_metrics(SUNK).max_drawdown),
    ),
    "a drawdown from the first day": (lambda q: len(q.stats.drawdown_details(q.stats.to_drawdown_series(SUNK))), 1),
    "a beta of nothing": (
        beta_drawn,
        float(np.cov(MOVES.iloc[:183].T)[0, 1] / np.cov(MOVES.iloc[:183].T)[1, 1]),
    ),
}


@pytest.mark.parametrize("name", CORRECTIONS)
def test_each_correction_is_right_and_still_needed(name: str) -> None:
    asked, right = CORRECTIONS[name]
    with corrected() as quantstats:
        if right is None:  # the smart ratio of a column is that of the column alone
            right = quantstats.stats.smart_sharpe(MOVES["benchmark"], 0.0, 365)
        assert asked(quantstats) == pytest.approx(right, rel=1e-9)
    assert asked(quantstats) != pytest.approx(right, rel=1e-6)  # as published, again


def years_drawn(quantstats: Any, count: int) -> dict[str, float]:
    """The height of the strategy's bar above each year that is written below the yearly chart."""
    index = pd.date_range("2018-01-01", periods=365 * count, freq="D")
    returns = pd.Series(RANDOM.normal(0, 0.01, len(index)), index, name="Strategy")
    drawn = quantstats.plots.yearly_returns(returns, returns.rename("Market") * 0.5, show=False, subtitle=False)
    drawn.canvas.draw()
    axes = drawn.axes[0]
    written = {tick: label.get_text() for tick, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)}
    bars = axes.containers[1]
    found = {written.get(round(bar.get_x()), ""): bar.get_height() for bar in bars}  # a pair of bars meets at its tick
    expected = (1 + returns).groupby(returns.index.year).prod() - 1
    assert len(bars) == len(expected)
    return {year: height - expected.get(int(year or 0), np.nan) for year, height in found.items()}


def test_the_years_below_the_yearly_bars_are_theirs() -> None:
    with corrected() as quantstats:
        apart = years_drawn(quantstats, 4)
        assert list(apart) == ["2018", "2019", "2020", "2021"]
        assert list(apart.values()) == pytest.approx([0, 0, 0, 0], abs=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert any(not abs(value) < 1e-12 for value in years_drawn(quantstats, 4).values())


def test_windows_are_called_what_they_are(page: str) -> None:
    assert {"35 months (ann.)", "59 months (ann.)", "119 months (ann.)", "CAGR"} <= set(table(page))
    assert not re.search(r"<td>\s*(3Y|5Y|10Y|CAGR﹪)", page)


def test_a_drawdown_that_goes_on_has_not_recovered(tmp_path: Path) -> None:
    bars = simulate(24 * 120, seed=8)
    held = tables.buy_and_hold(bars, BacktestEngine().costs, 10_000.0)
    falls = tables.drawdown(np.concatenate([[1], np.cumprod(1 + held.daily_returns)]))
    text = write_tearsheet(held, tmp_path / "t.html").read_text(encoding="utf-8")
    assert (falls[-1] < 0) == ("not yet" in text.split("Ten deepest drawdowns")[1])
    assert falls[-1] < 0


def test_drawdowns_by_hand() -> None:
    falls = frame(a=[-0.1, 0, 0, -0.2, -0.3, 0, -0.1], b=[0, 0, 0, 0, 0, 0, 0])
    found = drawdowns(falls)
    assert list(found["a"]["start"]) == ["2021-03-01", "2021-03-04", "2021-03-07"]
    assert list(found["a"]["valley"]) == ["2021-03-01", "2021-03-05", "2021-03-07"]
    assert list(found["a"]["end"]) == ["2021-03-01", "2021-03-05", "2021-03-07"]
    assert list(found["a"]["days"]) == [1, 2, 1]
    assert list(found["a"]["max drawdown"]) == pytest.approx([-10, -30, -10])
    assert found["b"].dropna().empty


def test_flat_days_before_the_first_trade_count(result: BacktestResult, page: str) -> None:
    returns = result.daily_returns
    assert (returns.iloc[:39] == 0).all()
    assert f"{len(returns)} daily returns" in page
    assert "5 days without bars" in page
    late = daily_metrics(returns[returns.ne(0).idxmax() :]).volatility
    assert float(table(page)["Volatility (ann.)"][1].rstrip("%")) != pytest.approx(100 * late, abs=0.01)


def test_the_same_run_gives_the_same_bytes(result: BacktestResult, page: str, tmp_path: Path) -> None:
    assert write_tearsheet(result, tmp_path / "again.html", title=NASTY).read_text(encoding="utf-8") == page
    assert [path.name for path in tmp_path.iterdir()] == ["again.html"]


def test_it_leaves_the_process_as_it_was(
    result: BacktestResult, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    import matplotlib.pyplot as plt
    import quantstats

    places = [(quantstats.stats, "cagr"), (quantstats.utils, "_prepare_returns"), (quantstats.reports, "_html_table")]
    kept = [getattr(place, name) for place, name in places]
    level = logging.getLogger("matplotlib.font_manager").level
    with mpl.rc_context({"lines.linewidth": 7.5, "font.family": "serif", "axes.facecolor": "#123456"}):
        before = dict(mpl.rcParams)
        capfd.readouterr()
        write_tearsheet(result, tmp_path / "t.html")
        assert dict(mpl.rcParams) == before
    assert [getattr(place, name) for place, name in places] == kept
    assert logging.getLogger("matplotlib.font_manager").level == level
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
    assert plt.get_fignums() == []


def test_nothing_on_it_asks_for_another_file(page: str) -> None:
    assert not re.findall(r"<(?:link|script|iframe|object|embed|base)\b|@import|url\((?!#)", page)
    loads = re.findall(r'\b(?:src|href|xlink:href|action|data)="([^"]*)"', page)
    assert loads
    assert all(address.startswith("#") for address in loads)
    assert page.count("<svg ") == 14
    assert "<?xml" not in page
    assert "<metadata" not in page


def test_markup_and_places_in_a_title_stay_text(page: str) -> None:
    assert "<img" not in page
    assert page.count("<b>") == 0
    assert unescape(re.search("<h1>(.*?)</h1>", page, re.S)[1]) == NASTY  # type: ignore[index]
    assert unescape(re.search("<title>(.*?)</title>", page, re.S)[1]) == NASTY  # type: ignore[index]
    assert page.count("Key figures") == 1


def test_markup_in_a_symbol_stays_text(tmp_path: Path) -> None:
    bars = Bars.from_frame(simulate(24 * 40).frame(), "A<B>{{returns}}/C$D")
    run = BacktestEngine().run(bars, get_strategy("ema_cross")(bars))
    text = write_tearsheet(run, tmp_path / "t.html").read_text(encoding="utf-8")
    assert "A<B>" not in text
    assert "A&lt;B&gt;&#123;&#123;RETURNS&#125;&#125;/C$D" in text
    assert text.count("<svg ") == 14


def test_a_simulated_market_is_marked_and_a_real_one_is_not(result: BacktestResult, tmp_path: Path, page: str) -> None:
    made_up = simulate(24 * 60)
    run = BacktestEngine().run(made_up, get_strategy("ema_cross")(made_up))
    text = write_tearsheet(run, tmp_path / "t.html").read_text(encoding="utf-8")
    assert '<body class="simulated">' in text
    assert ">SIMULATED market: these prices never traded<" in text
    assert not result.bars.simulated
    assert "<body>" in page
    assert ">SIMULATED" not in page


def test_what_was_corrected_and_what_to_mind_stands_above_the_charts(page: str) -> None:
    head, charts = unescape(page).split("<h2>Charts</h2>")
    for line in (*tearsheet_file.CORRECTED, *tearsheet_file.CARE):
        assert line in head
    assert "<svg " in charts


@pytest.mark.parametrize("days", [2, 31])
def test_short_runs(days: int, tmp_path: Path) -> None:
    bars = simulate(24 * days, seed=days)
    run = BacktestEngine().run(bars, Signals(np.arange(len(bars)) == 3))
    assert "Key figures" in write_tearsheet(run, tmp_path / "t.html").read_text(encoding="utf-8")


def test_runs_without_numbers_are_refused(tmp_path: Path) -> None:
    bars = simulate(24 * 30)
    idle = BacktestEngine().run(bars, Signals(np.zeros(len(bars), bool)))
    one = BacktestEngine().run(bars[:20], Signals(np.ones(20, bool)))
    weekly = simulate(60, "1w")
    for run, sentence in (
        (idle, "30 daily returns without variation"),
        (one, "1 daily return without variation"),
        (BacktestEngine().run(weekly, Signals(np.ones(60, bool))), "bars of 1w"),
        ("a text", "tearsheet: received a str"),
    ):
        with pytest.raises(InputError, match=sentence):
            write_tearsheet(run, tmp_path / "t.html")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_market_of_other_days_is_refused(result: BacktestResult, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="market: received a run on other days"):
        write_tearsheet(result, tmp_path / "t.html", market=held_back(30, gap=False))


def ruined() -> BacktestResult:
    rising = simulate(24 * 60).frame()
    for name in ("open", "high", "low", "close"):
        rising[name] *= np.geomspace(1, 50, len(rising))
    engine = BacktestEngine({"allow_short": True})
    return engine.run(rising, Signals(np.zeros(len(rising), bool), short_entries=np.arange(len(rising)) == 30))


def test_an_account_that_lost_everything_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lost everything by 2020-0\d-\d\d"):
        write_tearsheet(ruined(), tmp_path / "t.html")


@pytest.mark.parametrize(("place", "sentence"), [("", "a folder"), ("no/t.html", "a folder that does not exist")])
def test_places_that_cannot_hold_it_are_refused(
    result: BacktestResult, tmp_path: Path, place: str, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        write_tearsheet(result, tmp_path / place)


def test_what_the_library_raises_is_one_sentence(
    result: BacktestResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import quantstats

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(quantstats.reports, "html", broken)
    with pytest.raises(RunError, match=r"quantstats [\d.]+ raised ZeroDivisionError on these returns \(by zero\)"):
        write_tearsheet(result, tmp_path / "t.html")


class TestOfAStudy:
    def test_it_is_written_beside_the_report_and_linked(self, study: Study, tmp_path: Path) -> None:
        html = study.tearsheet(tmp_path).html
        assert '<a href="tearsheet.html">' in html
        text = (tmp_path / "tearsheet.html").read_text(encoding="utf-8")
        assert unescape(re.search("<h1>(.*?)</h1>", text)[1]) == study.title  # type: ignore[index]
        assert "SIMULATED" in text

    def test_it_is_an_empty_sheet_where_it_is_not_wanted(self, study: Study, tmp_path: Path) -> None:
        assert study.tearsheet(tmp_path, False).html == ""
        assert list(tmp_path.iterdir()) == []

    def test_by_hand_nothing_is_written(self, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert "A run with an output folder writes tearsheet.html" in study.tearsheet("").html
        assert list(tmp_path.iterdir()) == []

    def test_why_there_is_none_is_said(self, bars: Bars, tmp_path: Path) -> None:
        def never(bars: Bars) -> Signals:
            return Signals(np.zeros(len(bars), bool))

        idle = Study(bars, Strategy(never), {}, BacktestEngine())
        assert "No tearsheet. tearsheet: received 46 daily returns without variation" in idle.tearsheet(tmp_path).html
        assert list(tmp_path.iterdir()) == []

    def test_a_text_is_no_choice(self, study: Study, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="tearsheet: received 'no'; write True or False"):
            study.tearsheet(tmp_path, "no")  # type: ignore[arg-type]
