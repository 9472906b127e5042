"""A study: what is refused before it runs, what it shows, what it saves; markup in names stays text."""

from __future__ import annotations

import json
import math
import random
import re
from contextlib import nullcontext
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryptolab.backtesting import BacktestEngine, Metrics
from cryptolab.bars import Bars
from cryptolab.data_fetchers import simulate
from cryptolab.database import DuckDBManager
from cryptolab.errors import InputError, UnknownNameError
from cryptolab.reporting import Study, pages, sheet
from cryptolab.reporting import study as study_file
from cryptolab.reporting.sheet import Sheet
from cryptolab.signal_generator import STRATEGIES, Signals, Strategy, get_strategy

SHEETS = (
    "opening", "data", "setup", "comparison", "equity", "months", "candles", "trades", "regimes", "sensitivity",
    "checks", "closing",
)  # fmt: skip
SMALL = {"simulated": {"bars": 300}}
UNDEFINED = re.compile(r"(?<!\w)(nan|inf|None|NaT)(?!\w)")
"""What Python writes for a number that is none; a report says n/a."""


class Page(HTMLParser):
    """Collects elements, the text outside scripts and styles, and elements left open."""

    VOID = ("br", "img", "meta", "input", "hr", "link", "wbr")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"script", "style"} & set(self.open):
            return
        if self.tags[-1:] == ["wbr"] and self.words:
            self.words[-1] += data  # a place where a line may break is inside a word
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def body(html: str) -> str:
    """The HTML without styles and scripts."""
    return re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.S)


def sheets(study: Study) -> dict[str, str]:
    return {name: getattr(study, name)()._repr_html_() for name in SHEETS}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"strategy_params": {"fats": 5}}, "unknown parameter of strategy 'ema_cross' 'fats': did you mean 'fast'"),
        ({"backtest": {"comission": 0.1}}, "did you mean 'commission'"),
        ({"strategy": "ema_cros"}, "did you mean 'ema_cross'"),
        ({"data": {"simulatd": {}}}, "did you mean 'simulated'"),
    ],
)
def test_unknown_names_are_refused_before_anything_is_read(
    wrong: dict[str, Any], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_file, "load_data", lambda *_: pytest.fail("read before the names were checked"))
    with pytest.raises(UnknownNameError, match=sentence):
        Study.load(**{"data": SMALL, "strategy": "ema_cross", **wrong})


@pytest.mark.parametrize("wrong", [{"strategy_params": [1]}, {"backtest": 5}, {"seed": "x"}, {"seed": -1}])
def test_wrong_kinds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Study.load(**{"data": SMALL, "strategy": "ema_cross", **wrong})


def test_the_runs_are_the_engines(study: Study) -> None:
    bars = simulate(3000, seed=5)
    expected = BacktestEngine().run(bars, get_strategy("ema_cross")(bars, fast=5, slow=20))
    assert study.result.total_return == expected.total_return
    assert study.parameters == {"fast": 5, "slow": 20}
    assert study.title == "ema_cross on SIM/USDT, 1h"


def test_a_strategy_from_a_file_of_the_project(home: Path) -> None:
    (home / "ideas").mkdir()
    source = "from cryptolab import long_while\n\ndef up(bars, level=0.0):\n    return long_while(bars.close > level)\n"
    (home / "ideas" / "up.py").write_text(source)
    study = Study.load(SMALL, "ideas/up.py:up")
    assert study.facts()["strategy"]["named"] == "ideas/up.py:up"
    assert study.facts()["strategy"]["source"] == source
    assert "def up(bars, level=0.0):" in Page(study.setup().html).text


def test_random_strategies_are_seeded() -> None:
    def drawn(bars: Bars, share: float = 0.1) -> Signals:
        return Signals(np.random.random(len(bars)) < share)  # noqa: NPY002

    runs = [Study.load(SMALL, Strategy(drawn), seed=seed).result for seed in (3, 3, 4)]
    flags = [run.signals.entries for run in runs]
    assert np.array_equal(flags[0], flags[1])
    assert not np.array_equal(flags[0], flags[2])


@pytest.mark.parametrize("fails", [False, True])
def test_the_callers_random_numbers_go_on_as_if_no_study_had_run(fails: bool) -> None:
    def drawing(bars: Bars) -> Signals:
        random.random(), np.random.random(5)  # noqa: NPY002
        if fails:
            raise ArithmeticError("a strategy may fail")
        return Signals(np.zeros(len(bars), bool))

    random.seed(1), np.random.seed(1)  # noqa: NPY002
    expected = random.random(), np.random.random()  # noqa: NPY002
    random.seed(1), np.random.seed(1)  # noqa: NPY002
    with pytest.raises(ArithmeticError) if fails else nullcontext():
        Study.load(SMALL, Strategy(drawing), seed=3)
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002


def test_every_sheet_is_sound_html_without_undefined_numbers(study: Study) -> None:
    for name, html in sheets(study).items():
        page = Page(html)
        assert not page.open, name
        assert not UNDEFINED.search(page.text), name
        assert len(html) < 400_000 or name == "opening", name


@pytest.mark.parametrize("text", ["NaT", "a NaT%", "nan\u202f%", "−inf days", "(None)", "1,nan,2"])
def test_undefined_numbers_would_be_found(text: str) -> None:
    assert UNDEFINED.search(text)
    assert not UNDEFINED.search("finance n/a Nathan none infinite")


def test_a_ruined_account_is_shown(bars: Bars) -> None:
    rising = bars.frame()
    for name in ("open", "high", "low", "close"):
        rising[name] *= np.geomspace(1, 20, len(rising))
    sold = Bars.from_frame(rising, "SIM/USDT")

    def short(bars: Bars) -> np.ndarray:
        return np.where(np.arange(len(bars)) % 400 == 5, -1, 0)

    ruined = Study(sold, Strategy(short), {}, BacktestEngine({"allow_short": True, "initial_capital": 100}))
    assert ruined.result.trades["exit_reason"].iloc[-1] == "ruin"
    assert ruined.result.equity_curve.iloc[-1] <= 0
    assert math.isnan(ruined.result.volatility)
    shown = sheets(ruined)
    for name, html in shown.items():
        assert not UNDEFINED.search(Page(html).text), name
    assert "the strategy lost everything" in Page(shown["opening"]).text
    assert "n/a" in Page(shown["comparison"]).text
    assert ruined.metrics()["strategy"]["volatility"] is None


def test_money_names_its_currency(study: Study, bars: Bars) -> None:
    shown = {name: Page(html).text for name, html in sheets(study).items()}
    assert "10,000.00\u00a0USDT" in shown["setup"]
    assert "\u00a0USDT in commissions" in shown["opening"]
    assert "Profit, USDT" in shown["trades"]
    assert "Commissions, USDT" in shown["sensitivity"]
    assert all(f"{label}, USDT" in shown["comparison"] for label in ("Final equity", "Expectancy", "Commissions paid"))
    unnamed = Study(Bars.from_frame(bars.frame()), get_strategy("ema_cross"), {}, BacktestEngine())
    assert all("USDT" not in Page(html).text and "Profit," not in html for html in sheets(unnamed).values())


def test_only_what_was_won_or_lost_is_coloured(study: Study) -> None:
    plain = ("Sharpe ratio", "Sortino ratio", "Calmar ratio", "Alpha", "Beta", "Volatility", "Profit factor")
    rows = re.findall(r'<th scope="row"[^>]*>([^<]*)</th>(.*?)</tr>', study.comparison().html)
    coloured = {name for name, cells in rows if "cl-gain" in cells or "cl-loss" in cells}
    assert {name for name, _ in rows} >= set(plain)
    assert "Total return" in coloured
    assert not coloured & set(plain)


def test_every_look_in_the_style_is_used(study: Study, bars: Bars) -> None:
    style = (Path(sheet.__file__).parent / "page.css").read_text()
    real = Study(bars, get_strategy("ema_cross"), {}, BacktestEngine())
    shown = "".join(body(html) for each in (study, real) for html in sheets(each).values())
    worn = {name for names in re.findall(r'class="([^"]*)"', shown) for name in names.split()}
    assert set(re.findall(r"\.(cl-[a-z]+)", style)) - worn == set()


def test_figures_a_year_of_a_short_history_carry_a_doubt(study: Study) -> None:
    said = "Figures a year are stretched from 125.0 days"
    assert said in Page(study.comparison().html).text
    assert "stretched" in next(lint.sentence for lint in study.lints if lint.name == "short_history")
    long = Study.load({"simulated": {"bars": 400, "timeframe": "1d"}}, "ema_cross")
    assert "stretched" not in Page(long.comparison().html).text


def test_the_source_is_the_files_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "candles").mkdir()
    simulate(60).frame().to_csv(home / "candles" / "hours.csv", index_label="time")
    monkeypatch.setenv("CRYPTOLAB_REAL_DATA", str(home / "candles"))
    shown = Page(Study.load({"file": "${CRYPTOLAB_REAL_DATA}/hours.csv"}, "ema_cross").data().html).text
    assert "hours.csv" in shown
    assert "CRYPTOLAB" not in shown


@pytest.mark.parametrize("rows", [1, 2, 40])
@pytest.mark.parametrize("every", [0, 1, 3])
def test_sheets_of_little(rows: int, every: int) -> None:
    def some(bars: Bars) -> Signals:
        flags = np.arange(len(bars)) % every == 0 if every else np.zeros(len(bars), bool)
        return Signals(flags, ~flags)

    small = Study.load({"simulated": {"bars": rows}}, Strategy(some))
    assert all(not Page(html).open for html in sheets(small).values())
    json.dumps(small.metrics(), allow_nan=False)


def test_a_simulated_market_is_said_on_the_page_and_in_each_figure(study: Study) -> None:
    shown = sheets(study)
    assert '<div class="cl-ribbon" role="note">SIMULATED' in shown["opening"]
    assert "The market is simulated" in shown["opening"]
    assert shown["candles"].count("SIMULATED") == 2
    assert all("SIMULATED" in shown[name] for name in ("equity", "trades"))


def test_a_real_market_is_not_called_simulated(bars: Bars) -> None:
    real = Study(bars, get_strategy("ema_cross"), {}, BacktestEngine())
    assert all("SIMULATED" not in body(html) for html in sheets(real).values())
    assert real.metrics()["simulated"] is False


def test_the_opening_brings_the_drawing_library_once(study: Study) -> None:
    shown = sheets(study)
    library = "plotly.js v"
    assert shown["opening"].count(library) == 1
    assert not any(library in html for name, html in shown.items() if name != "opening")


def test_a_notebook_keeps_no_second_copy_of_a_sheet(study: Study) -> None:
    assert len(repr(study.opening())) < 100


NASTY = "</script><img src=x onerror=alert(1)><b>\"'&"


def test_markup_in_names_stays_text() -> None:
    def plain(bars: Bars, name: str = NASTY) -> Signals:
        return Signals(np.arange(len(bars)) % 9 == 0, np.arange(len(bars)) % 9 == 5)

    plain.__doc__ = NASTY
    plain.__name__ = NASTY
    bars = Bars.from_frame(simulate(300).frame(), "A<B>/C&D", source=NASTY)
    nasty = Study(bars, Strategy(plain), {}, BacktestEngine(), title=NASTY)
    for name, html in sheets(nasty).items():
        page = Page(html)
        assert not page.open, name
        assert "img" not in page.tags, name
        assert "b" not in page.tags, name
        if name in ("opening", "setup", "data"):
            assert NASTY in page.text, name
    assert "img" not in Page(pages.equity(nasty).html).tags


def test_figures_hold_json_that_cannot_end_its_script(study: Study) -> None:
    drawing = study.candles().html
    for spec in re.findall(r'<script type="application/json">(.*?)</script>', drawing, re.S):
        assert "<" not in spec
        assert {"data", "layout", "choices"} <= set(json.loads(spec))


def test_the_comparison_shows_the_engines_numbers(study: Study) -> None:
    text = Page(study.comparison().html).text
    assert f"{abs(study.result.total_return):.1%}"[:-1] in text
    assert f"{abs(study.market.total_return):.1%}"[:-1] in text
    html = study.comparison().html
    assert 'title="mean / std(ddof=1) of the returns' in html


def test_gaps_are_listed_longest_first(bars: Bars) -> None:
    text = Page(Study(bars, get_strategy("ema_cross"), {}, BacktestEngine()).data().html).text
    assert "31 in 2 gaps" in text
    assert text.index("30.0 hours") < text.index("60 minutes")
    assert bars.fingerprint in text


def test_metrics_are_strict_json(study: Study) -> None:
    metrics = json.loads(json.dumps(study.metrics(), allow_nan=False))
    own = metrics["strategy"]
    for name in Metrics._fields:
        value = study.result[name]
        if isinstance(value, pd.Timedelta):
            assert own[f"{name}_seconds"] == value.total_seconds()
        else:
            assert own[name] == value
    assert metrics["buy_and_hold"]["win_rate"] is None
    assert metrics["buy_and_hold"]["average_holding_time_seconds"] is None
    assert [row["case"] for row in metrics["sensitivity"]] == ["next_open", "same_close", "worst", "twice_the_costs"]
    assert {lint["name"] for lint in metrics["lints"]} >= {"no_stop", "too_few_trades"}
    assert math.isfinite(own["final_equity"])


def test_save_writes_metrics_and_nothing_without_a_folder(study: Study, tmp_path: Path) -> None:
    study.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]
    assert json.loads((tmp_path / "metrics.json").read_text()) == study.metrics()
    study.save("")


def test_facts_say_what_it_was_made_from(study: Study) -> None:
    facts = json.loads(json.dumps(study.facts()))
    assert facts["data"]["fingerprint"] == study.bars.fingerprint
    assert facts["data"]["simulated"] is True
    assert facts["strategy"]["source_hash"] == STRATEGIES["ema_cross"].source_hash
    assert facts["strategy"]["parameters"] == {"fast": 5, "slow": 20}
    assert facts["backtest"]["commission"] == 0.001
    assert facts["seed"] == 7
    again = Study.load(facts["data"]["spec"], facts["strategy"]["named"], facts["strategy"]["parameters"])
    assert again.metrics() == study.metrics()


def test_tables_escape_cells_and_hints() -> None:
    html = sheet.table(["<i>"], [[sheet.Cell("<b>", hint='"><u>')], ["<s>"]])
    page = Page(html)
    assert not {"i", "b", "u", "s"} & set(page.tags)
    assert "<b>" in page.text


def test_the_disclaimer_closes_the_report(study: Study) -> None:
    text = Page(study.closing().html).text
    assert "educational and research purposes only" in text
    assert "Past performance does not guarantee future results." in text
    assert isinstance(study.closing(), Sheet)


def test_the_data_card_says_of_which_moment_stored_bars_are(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    DuckDBManager.at_home().save_ohlcv(simulate(300, "1h", 3, "AAA/USDT").frame(), "AAA/USDT", "1h")
    store = {"symbol": "AAA/USDT", "timeframe": "1h"}
    assert "the store, binance<" in Study.load({"store": store}, "ema_cross").data().html
    as_of = pd.Timestamp.now("UTC").isoformat()
    said = Study.load({"store": {**store, "as_of": as_of}}, "ema_cross").data().html
    assert f"the store, binance, as of {as_of[:16].replace('T', ' ')} UTC<" in said
