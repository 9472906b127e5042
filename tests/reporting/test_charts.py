"""What figures are given: few enough candles, the right stretches, trades in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cryptolab.backtesting import BacktestEngine, BacktestResult
from cryptolab.data_fetchers import simulate
from cryptolab.reporting import charts, tables
from cryptolab.signal_generator import Signals


@pytest.mark.parametrize(
    ("rows", "timeframe", "expected"),
    [(1500, "1h", "1h"), (1501, "1h", "2h"), (26_280, "1h", "1d"), (78_000, "1h", "1w"), (5000, "3m", "15m")],
)
def test_the_finest_candles_that_are_few_enough(rows: int, timeframe: str, expected: str) -> None:
    coarse = charts.coarser(simulate(rows, timeframe), charts.OVERVIEW)
    assert coarse.timeframe == expected
    assert len(coarse) <= charts.OVERVIEW


def test_a_stretch_without_a_whole_period_stays_fine() -> None:
    bars = simulate(1600, "1h", start="2024-01-02")[:9]
    assert charts.coarser(bars, 1).timeframe == "1h"


def test_the_equity_is_drawn_from_its_own_values(result: BacktestResult) -> None:
    drawing = charts.equity_drawing(result, tables.buy_and_hold(result.bars, result.costs, 10_000.0), "mine", "")
    (own,) = [trace for trace in drawing.figure.data if trace.name == "mine" and trace.yaxis == "y"]
    assert np.array_equal(np.asarray(own.y), result.equity_curve.to_numpy())


def test_a_curve_over_decades_starts_on_a_log_axis() -> None:
    bars = simulate(300)
    flat = BacktestEngine().run(bars, Signals(np.zeros(300, bool)))
    drawing = charts.equity_drawing(flat, flat, "flat", "")
    assert drawing.choices[0].label == "linear"
    assert charts.wide(np.array([1.0, 6.0]))
    assert not charts.wide(np.array([0.0, 6.0]))


def test_close_ups_hold_the_trades_they_are_named_after(both_ways: BacktestResult) -> None:
    drawing = charts.close_ups(both_ways, "")
    assert [choice.label for choice in drawing.choices] == ["latest bars", "best trade", "worst trade", "longest trade"]
    ended = tables.closed(both_ways.trades)
    for part, row in ((1, ended["return"].idxmax()), (2, ended["return"].idxmin())):
        first, last = drawing.choices[part].layout["xaxis.range"]
        assert pd.Timestamp(first, tz="UTC") < ended.at[row, "entry_time"]
        assert ended.at[row, "exit_time"] < pd.Timestamp(last, tz="UTC")
        entries = drawing.figure.data[5 * part + 3]
        assert ended.at[row, "entry_price"] in list(entries.y)


def test_the_overview_marks_at_most_so_many_trades(monkeypatch: pytest.MonkeyPatch, both_ways: BacktestResult) -> None:
    monkeypatch.setattr(charts, "MARKED", 3)
    drawing, note = charts.overview(both_ways, "")
    assert len(drawing.figure.data[3].x) == 3
    assert "3 of" in note
    biggest = both_ways.trades["return"].abs().nlargest(3).index
    assert set(drawing.figure.data[3].y) == set(both_ways.trades.loc[biggest, "entry_price"])


def test_a_decaying_account_is_marked_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = simulate(2000, seed=1)
    flags = np.arange(2000) % 10
    decayed = BacktestEngine({"commission": 0.05}).run(bars, Signals(flags == 0, flags == 5))
    monkeypatch.setattr(charts, "MARKED", 50)
    drawing, _ = charts.overview(decayed, "")
    last = pd.Timestamp(drawing.figure.data[3].x[-1], tz="UTC")
    assert last > bars.index[1500]


def test_trades_in_words(both_ways: BacktestResult) -> None:
    said = charts.said(both_ways.trades)["said"]
    for trade, words in zip(both_ways.trades.to_dict("records"), said, strict=True):
        assert words.startswith(trade["direction"])
        assert ("still open" in words) == (trade["exit_reason"] == "open")
        assert ("spans missing bars" in words) == (trade["spans_gap"] and trade["exit_reason"] != "open")


def test_no_trade_no_distribution() -> None:
    bars = simulate(50)
    assert charts.returns_drawing(BacktestEngine().run(bars, Signals(np.zeros(50, bool))), "") is None
