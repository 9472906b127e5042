"""Runs beside one another: their numbers, the differences, and what is said of data, costs, risk and parameters."""

from __future__ import annotations

import copy
import math
import pickle
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryptolab.backtesting import BacktestEngine, BacktestResult, Metrics
from cryptolab.bars import Bars
from cryptolab.data_fetchers import simulate
from cryptolab.errors import InputError
from cryptolab.reporting import Comparison, Study, compare
from cryptolab.reporting.comparing import _unique
from cryptolab.signal_generator import Signals, Strategy, get_strategy


def study(fast: int = 5, slow: int = 20, bars: int = 1500, **backtest: Any) -> Study:
    return Study.load({"simulated": {"bars": bars}}, "ema_cross", {"fast": fast, "slow": slow}, backtest)


def recorded(symbol: str = "BTC/USDT", bars: int = 500, seed: int = 4) -> BacktestResult:
    made = Bars.from_frame(simulate(bars, seed=seed).frame(), symbol)
    return BacktestEngine().run(made, get_strategy("ema_cross")(made, fast=5, slow=20))


@pytest.fixture(scope="module")
def two() -> Comparison:
    return compare([study(), study(8, 30, commission=0.002, stop_loss=0.05)])


def test_it_holds_every_metric_of_every_run() -> None:
    runs = [study(), study(8, 30), study(9, 40)]
    table = compare(runs)
    assert isinstance(table, pd.DataFrame)
    assert list(table.index) == ["final_equity", *Metrics._fields]
    assert list(table.columns) == [
        "ema_cross fast=5, slow=20", "ema_cross fast=8, slow=30", "ema_cross fast=9, slow=40",
    ]  # fmt: skip
    for label, run in zip(table.columns, runs, strict=True):
        assert table.at["final_equity", label] == run.result.equity_curve.iloc[-1]
        for name, value in run.result.metrics.items():
            assert table.at[name, label] == value or (pd.isna(value) and pd.isna(table.at[name, label])), name


def test_the_others_are_measured_against_the_first(two: Comparison) -> None:
    first, second = two.columns
    assert list(two.differences.columns) == [second]
    for name in two.index:
        expected = two.at[name, second] - two.at[name, first]
        assert two.differences.at[name, second] == expected
    assert isinstance(two.differences.at["longest_drawdown", second], pd.Timedelta)
    assert isinstance(two.differences.at["n_trades", second], int)


def test_what_differs_is_listed_and_said(two: Comparison) -> None:
    first, second = two.columns
    assert list(two.settings.index) == ["commission", "stop_loss", "parameter fast", "parameter slow"]
    assert list(two.settings[first]) == [0.001, None, 5, 20]
    assert list(two.settings[second]) == [0.002, 0.05, 8, 30]
    assert two.notes == [
        "All runs are on the same bars: SIM/USDT 1h, 1,500 bars, 2020-01-01 to 2020-03-03 UTC.",
        "All markets are simulated: these prices never traded.",
        "The costs differ: commission per side.",
        "The risk rules differ: stop loss.",
        "Strategy and parameters differ: fast, slow.",
    ]


def test_the_same_run_twice_differs_in_nothing() -> None:
    table = compare([study(), study()])
    assert list(table.columns) == ["ema_cross", "ema_cross (2)"]
    assert table.settings.empty
    assert table.notes[2:] == [
        "The costs are the same.", "The risk rules are the same.", "Strategy and parameters are the same.",
    ]  # fmt: skip
    numbers = [value for value in table.differences["ema_cross (2)"] if not pd.isna(value)]
    assert all(value in (0, pd.Timedelta(0)) for value in numbers)
    assert "What differs" not in table._repr_html_()


def test_other_markets_and_times_are_compared_and_said_to_be_other() -> None:
    table = compare([recorded(), recorded("ETH/EUR", 300), study(bars=700, initial_capital=500)])
    said = " ".join(table.notes)
    assert "The data differ: symbol, last close, bars, market." in said
    assert "The spans differ: returns, drawdowns, trades and commissions of different times do not compare" in said
    assert "The currencies differ: amounts of money do not compare." in said
    assert "The initial capitals differ: amounts of money do not compare." in said
    assert "Simulated: ema_cross: these prices never traded." in said
    assert "Which strategies made the signals is not known" in said
    assert "Final equity, " not in table._repr_html_()
    assert list(table.columns) == ["BTC/USDT 1h", "ETH/EUR 1h", "ema_cross"]


def test_other_prices_under_the_same_name_are_found_out() -> None:
    table = compare([recorded(seed=1), recorded(seed=2)])
    assert list(table.settings.index) == ["fingerprint"]
    assert table.notes[0] == "Symbol, timeframe and span are the same, but the bars are not: their fingerprints differ."
    assert not any("imulated" in note for note in table.notes)


def test_results_without_a_strategy_are_told_apart_by_their_signals() -> None:
    bars = simulate(300)
    signals = get_strategy("ema_cross")(bars)
    flags = signals.entries.copy()
    flags[[3, 50, 70]] ^= True
    engine = BacktestEngine()
    first, second = engine.run(bars, signals), engine.run(bars, Signals(flags, signals.exits))
    assert compare([first, second, first]).notes[-1] == (
        "The signals are not those of SIM/USDT 1h everywhere: SIM/USDT 1h (2): 3 bars, SIM/USDT 1h (3): 0 bars."
    )
    assert compare([first, first]).notes[-1] == "The signals are the same."


def test_a_parameter_that_another_strategy_has_not() -> None:
    other = Study.load({"simulated": {"bars": 1500}}, "rsi_reversion")
    table = compare([study(), other])
    assert list(table.columns) == ["ema_cross", "rsi_reversion"]
    assert table.settings.at["parameter fast", "rsi_reversion"] == "–"
    assert table.settings.at["strategy", "rsi_reversion"] == "rsi_reversion"


def test_equal_values_of_other_types_are_no_difference() -> None:
    assert compare([study(slow=20), study(slow=20.0)]).settings.empty  # type: ignore[arg-type]


def test_one_run_is_a_table_too() -> None:
    table = compare([recorded()])
    assert table.shape == (1 + len(Metrics._fields), 1)
    assert table.differences.shape[1] == 0
    assert table.notes == ["One run: there is nothing to compare it with."]
    assert "Final equity, USDT" in repr(table)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b", "c"], ["a", "b", "c"]),
        (["a", "a", "a"], ["a", "a (2)", "a (3)"]),
        (["a", "a", "a (2)"], ["a", "a (3)", "a (2)"]),
        (["a (2)", "a", "a"], ["a (2)", "a", "a (3)"]),
        (["", "", "x"], ["", " (2)", "x"]),
    ],
)
def test_names_are_made_unique(names: list[str], expected: list[str]) -> None:
    assert _unique(names) == expected


def test_names_may_be_given() -> None:
    run = recorded()
    assert list(compare([run, run], names=["one", "one"]).columns) == ["one", "one (2)"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ([], "compare: received an empty list; give a list of results"),
        ("results", "compare: received a str"),
        (5, "compare: received an int"),
        ([1], "compare: received an int as number 1 of 1"),
        ({}, "compare: received a dict"),
        (None, "compare: received a NoneType"),
    ],
)
def test_what_is_no_list_of_runs_is_refused(wrong: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        compare(wrong)


def test_a_run_outside_a_list_and_a_stranger_in_it_are_refused() -> None:
    run = recorded(bars=50)
    with pytest.raises(InputError, match="received a BacktestResult; give a list"):
        compare(run)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="received a dict as number 2 of 2"):
        compare([run, {}])  # type: ignore[list-item]
    for names, sentence in ((["a"], "1 name for 2 runs"), ("ab", "one text for 2 runs")):
        with pytest.raises(InputError, match=sentence):
            compare([run, run], names=names)


def test_any_iterable_will_do() -> None:
    run = recorded(bars=50)
    assert compare(iter([run, run])).shape[1] == 2


def test_what_is_undefined_is_na_and_has_no_difference() -> None:
    bars = simulate(60)
    idle = BacktestEngine().run(bars, Signals(np.zeros(60, bool)))
    table = compare([idle, BacktestEngine().run(bars, Signals(np.ones(60, bool)))])
    assert math.isnan(table.differences.at["win_rate", "SIM/USDT 1h (2)"])
    assert table.differences.at["average_holding_time", "SIM/USDT 1h (2)"] is pd.NaT
    shown = re.sub(r"<[^>]*>", " ", table._repr_html_().split("</style>")[1])
    assert "n/a" in shown
    assert not re.search(r"\b(nan|NaT|None)\b", shown + repr(table))


def test_differences_are_written_with_their_sign(two: Comparison) -> None:
    text = repr(two)
    line = next(line for line in text.splitlines() if line.startswith("Total return"))
    change = two.differences.at["total_return", two.columns[1]]
    assert f"{'+' if change > 0 else '−'}{abs(change) * 100:.1f} points" in line
    trades = next(line for line in text.splitlines() if line.startswith("Closed trades"))
    assert "−" in trades
    assert "What differs:" in text
    assert "Commission per side" in text
    assert two.notes[-1] in text


def test_it_is_shown_with_the_reports_style(two: Comparison) -> None:
    html = two._repr_html_()
    assert html.startswith("<style>")
    assert html.count("<table") == html.count("</table>") == 2
    assert "ema_cross fast=8, slow=30" in html


def test_markup_in_names_stays_text() -> None:
    nasty = "</td><img src=x onerror=alert(1)><b>\"'&"

    def plain(bars: Bars, name: str = "x") -> Signals:
        return Signals(np.arange(len(bars)) % 9 == 0)

    bars = Bars.from_frame(simulate(100).frame(), "A<B>/C&D")
    studies = [Study(bars, Strategy(plain), {"name": name}, BacktestEngine()) for name in (nasty, "y")]
    for table in (compare(studies), compare(studies, names=[nasty, nasty])):
        html = table._repr_html_().split("</style>")[1]
        assert "<img" not in html
        assert "<b>" not in html
        assert "<B>" not in html


def test_what_is_made_of_it_is_a_plain_table(two: Comparison) -> None:
    assert type(two.loc[["cagr"]]) is pd.DataFrame
    assert type(two.T) is pd.DataFrame
    assert type(two[[two.columns[0]]]) is pd.DataFrame
    for twin in (pickle.loads(pickle.dumps(two)), copy.copy(two)):
        assert twin.equals(two)
    assert pickle.loads(pickle.dumps(two)).notes == two.notes
