"""The figures of a study hold what they were given, and say it in plain text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cryptolab.data_fetchers import simulate
from cryptolab.figures import style
from cryptolab.figures.study import Line, Stretch, candles, distribution, equity, stamps, with_scales

BARS = simulate(60, seed=1)
TRADES = pd.DataFrame(
    {
        "entry_time": BARS.index[[5, 20, 50]],
        "exit_time": [BARS.index[10], BARS.index[30], pd.NaT],
        "direction": ["long", "short", "long"],
        "entry_price": [100.0, 110.0, 120.0],
        "exit_price": [105.0, 115.0, np.nan],
        "pnl": [5.0, -5.0, 1.0],
        "said": ["first", "second <b>", "third"],
    }
)


def line(name: str) -> Line:
    values = np.linspace(100, 200, 60)
    return Line(name, BARS.index, values, BARS.index, -values / 1000)


def test_equity_holds_both_lines_and_their_falls() -> None:
    lines = [line("mine"), line("market")]
    drawn = {(trace.name, trace.yaxis): np.asarray(trace.y) for trace in equity(lines, log=False).figure.data}
    for given in lines:
        assert np.array_equal(drawn[(given.name, "y")], given.values)
        assert np.array_equal(drawn[(given.name, "y2")], given.fall)


@pytest.mark.parametrize("log", [True, False])
def test_the_first_choice_is_how_it_is_drawn(log: bool) -> None:
    drawing = equity([line("a")], log)
    kind = "log" if log else "linear"
    assert drawing.figure.layout.yaxis.type == kind
    assert [choice.label for choice in drawing.choices] == [kind, "linear" if log else "log"]


def test_both_panels_say_what_they_show() -> None:
    figure = equity([line("a")], False, unit="USD<T>").figure
    assert figure.layout.yaxis.title.text == "Equity, USD&lt;T&gt;"
    assert figure.layout.yaxis2.title.text == "Drawdown"
    assert equity([line("a")], False).figure.layout.yaxis.title.text == "Equity"


def test_shares_are_written_with_as_many_decimals_as_they_need() -> None:
    # d3's "~" leaves out zeros: of .4 digits a fall of 0.25 % shows two, one of 20 % none
    assert equity([line("a")], False).figure.layout.yaxis2.tickformat == ".4~%"
    drawn = distribution(np.array([0.0, 1.0]), np.array([1]), (0.5, "mean")).figure
    assert drawn.layout.xaxis.tickformat == ".4~%"


def test_candles_hold_bars_and_trades() -> None:
    figure = candles([Stretch("all", BARS, TRADES)]).figure
    price, won, lost, entries, exits = figure.data
    for name in ("open", "high", "low", "close"):
        assert np.array_equal(price[name], getattr(BARS, name))
    assert list(won.y) == [100.0, 105.0, None]
    assert list(lost.y) == [110.0, 115.0, None]
    assert list(entries.y) == [100.0, 110.0, 120.0]
    assert list(exits.y) == [105.0, 115.0]
    assert list(entries.marker.symbol) == ["triangle-up", "triangle-down", "triangle-up"]
    assert list(entries.text) == ["first", "second &lt;b&gt;", "third"]


def test_candles_without_trades() -> None:
    assert len(candles([Stretch("all", BARS, TRADES.iloc[:0])]).figure.data[3].x) == 0


def test_of_several_stretches_one_is_seen() -> None:
    drawing = candles([Stretch("one", BARS, TRADES), Stretch("two", BARS[10:20], TRADES.iloc[:0])])
    seen = [trace.visible for trace in drawing.figure.data]
    assert seen == [True] * 5 + [False] * 5
    assert [choice.label for choice in drawing.choices] == ["one", "two"]
    assert drawing.choices[0].traces["visible"] == seen
    assert drawing.choices[1].traces["visible"] == [not flag for flag in seen]
    low, high = drawing.choices[1].layout["yaxis.range"]
    assert low < BARS.low[10:20].min()
    assert high > BARS.high[10:20].max()
    assert list(drawing.figure.layout.yaxis.range) == drawing.choices[0].layout["yaxis.range"]


def test_scales_of_candles() -> None:
    drawing = with_scales(candles([Stretch("all", BARS, TRADES)]), log=True)
    assert drawing.figure.layout.yaxis.type == "log"
    assert drawing.choices[1].layout["yaxis.type"] == "linear"


def test_distribution_draws_its_counts_in_two_colours() -> None:
    edges, counts = np.array([-0.02, -0.01, 0.0, 0.01]), np.array([1, 2, 3])
    bars = distribution(edges, counts, (0.001, "mean <0.1 %")).figure
    assert list(bars.data[0].y) == [1, 2, 3]
    assert list(bars.data[0].marker.color) == [style.LOSS, style.LOSS, style.GAIN]
    assert bars.data[0].customdata[0] == "−2.00% to −1.00%"
    assert bars.layout.annotations[0].text == "mean &lt;0.1 %"


def test_stamps_are_short_utc() -> None:
    index = pd.DatetimeIndex(["2024-01-01 01:30"], tz="Europe/Berlin")
    assert list(stamps(index)) == ["2024-01-01T00:30"]


def test_the_mark_is_drawn_only_where_there_is_one() -> None:
    assert equity([line("a")], False, "SIMULATED").figure.layout.annotations[-1].text == "SIMULATED"
    assert not equity([line("a")], False).figure.layout.annotations


def test_all_figures_wear_one_template() -> None:
    drawn = [equity([line("a")], False), candles([Stretch("all", BARS, TRADES)]), distribution(
        np.array([0.0, 1.0]), np.array([1]), (0.5, "mean"))]  # fmt: skip
    assert all(drawing.figure.layout.template == style.template() for drawing in drawn)
    assert all(drawing.figure.layout.height and drawing.said for drawing in drawn)
