"""A sweep's result: its rows are the engine's, and what is asked of it is answered or refused in one sentence."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryptolab.backtesting import BacktestEngine, Costs, Metrics, Risk
from cryptolab.data_fetchers import simulate
from cryptolab.errors import InputError, UnknownNameError
from cryptolab.indicators import EMA
from cryptolab.optimization.grid import make_grid
from cryptolab.optimization.results import Row, SweepResult
from cryptolab.optimization.task import Rows, StrategySource, Task, run_rows
from cryptolab.signal_generator import Signals, Strategy, long_while

BTC, ETH = simulate(600, seed=1, symbol="BTC/USDT"), simulate(400, seed=2, symbol="ETH/USDT")
PAIRS = {"fast": [3, 5, 8], "slow": [10, 20, 30]}


def crossing(bars: Any, fast: int = 5, slow: int = 20, kind: str = "<b>up</b>") -> Signals:
    """EMA cross, or its mirror; the pair 5 and 20 cannot be."""
    if (fast, slow) == (5, 20) and kind == "fails":
        raise ValueError("<i>no</i>\nsecond line")
    above = EMA(bars, period=fast) > EMA(bars, period=slow)
    return long_while(~above if kind == "down" else above)


def swept(grid: dict[str, Any], *bars: Any, metrics: tuple[str, ...] = Metrics._fields, **more: Any) -> SweepResult:
    """Run a small grid without the door: every row, or those of `numbers`, in order."""
    sets = make_grid(grid, where=more.pop("where", None))
    risk = tuple(name for name in sets.columns if name in ("stop_loss", "max_position_size"))
    own = tuple(name for name in sets.columns if name not in risk)
    source = StrategySource(Strategy(crossing))
    task = Task(source, bars or (BTC,), sets, own, (), risk, Costs(), Risk(), 10_000.0, 4)
    numbers = more.pop("numbers", np.arange(len(sets) * len(task.bars)))
    rows = run_rows(task, numbers)
    return SweepResult(task, rows, metrics=metrics, seconds=2.0, **more)


@pytest.fixture(scope="module")
def plain() -> SweepResult:
    return swept(PAIRS)


@pytest.fixture(scope="module")
def both() -> SweepResult:
    return swept({**PAIRS, "stop_loss": [None, 0.05]}, BTC, ETH)


@pytest.fixture(scope="module")
def failing() -> SweepResult:
    return swept({**PAIRS, "kind": ["up", "fails"]})


def test_one_row_per_set_with_named_levels_and_the_engines_metrics(plain: SweepResult) -> None:
    table = plain.table
    assert list(table.columns) == list(Metrics._fields)
    assert table.index.names == ["fast", "slow"]
    assert list(table.index) == [(fast, slow) for fast in PAIRS["fast"] for slow in PAIRS["slow"]]
    assert len(plain) == 9
    for (fast, slow), row in table.iterrows():  # type: ignore[misc]
        run = BacktestEngine().run(BTC, crossing(BTC, fast, slow))
        for name, value in run.metrics.items():
            assert row[name] == value or row[name] == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True)


def test_several_symbols_are_the_first_level(both: SweepResult) -> None:
    assert both.table.index.names == ["symbol", "fast", "slow", "stop_loss"]
    assert both.table.index.get_level_values("symbol").unique().tolist() == ["BTC/USDT", "ETH/USDT"]
    run = BacktestEngine(risk=Risk(stop_loss=0.05)).run(ETH, crossing(ETH, 8, 30))
    assert both.table.loc[("ETH/USDT", 8, 30, 0.05), "total_return"] == pytest.approx(run.total_return, rel=1e-9)


def test_one_name_is_a_level_too() -> None:
    result = swept({"fast": [3, 5]})
    assert isinstance(result.table.index, pd.MultiIndex)
    assert result.params(5) == result.params((5,)) == {"fast": 5}


def test_the_table_is_the_callers_own(plain: SweepResult) -> None:
    own = plain.table
    own["sharpe_ratio"] = 0.0
    own.iloc[0, 0] = 99.0
    assert plain.table.iloc[0, 0] != 99.0
    assert plain.table["sharpe_ratio"].any()


def test_metrics_choose_the_columns_and_the_others_can_still_be_asked_for(plain: SweepResult) -> None:
    few = swept(PAIRS, metrics=("cagr", "n_trades"))
    assert list(few.table.columns) == ["cagr", "n_trades"]
    assert few.best("sortino_ratio") == plain.best("sortino_ratio")
    assert few.plateau() == plain.plateau()


def test_best_is_the_largest_or_where_that_is_better_the_smallest(plain: SweepResult) -> None:
    table = plain.table
    for name in ("sharpe_ratio", "max_drawdown", "total_return"):
        assert tuple(plain.best(name).params.values()) == table[name].idxmax()
    for name in ("volatility", "longest_drawdown", "fees_paid", "turnover"):
        assert tuple(plain.best(name).params.values()) == table[name].idxmin()
    assert tuple(plain.best("volatility", smallest=False).params.values()) == table["volatility"].idxmax()
    assert tuple(plain.best("sharpe_ratio", smallest=True).params.values()) == table["sharpe_ratio"].idxmin()


def test_best_holds_plain_values(plain: SweepResult) -> None:
    best = plain.best()
    assert type(best.params["fast"]) is int
    assert type(best.metrics["n_trades"]) is int
    assert type(best.metrics["sharpe_ratio"]) is float
    assert isinstance(best.metrics["longest_drawdown"], pd.Timedelta)
    assert list(best.metrics) == list(Metrics._fields)
    assert best.number == plain.table.index.get_loc(tuple(best.params.values()))


def test_nan_never_wins_and_of_equals_the_first_does() -> None:
    # a fast average equal to the slow one never crosses it: no trades, no Sharpe ratio
    result = swept({"fast": [20, 5], "slow": 20, "kind": ["up", "also up"]})
    assert math.isnan(result.table["sharpe_ratio"].iloc[0])
    assert result.best().params == {"fast": 5, "slow": 20, "kind": "up"}
    assert result.best(smallest=True).params["fast"] == 5
    with pytest.raises(InputError, match="best: received no row where sharpe_ratio is defined; choose another"):
        swept({"fast": 20, "slow": 20}).best()
    assert len(result.top()) == 2


def test_top_is_the_table_sorted(plain: SweepResult, both: SweepResult) -> None:
    expected = plain.table.sort_values("calmar_ratio", ascending=False, kind="stable").iloc[:4]
    pd.testing.assert_frame_equal(plain.top("calmar_ratio", 4), expected)
    assert set(both.top(count=3, symbol="ETH/USDT").index.get_level_values("symbol")) == {"ETH/USDT"}


def test_of_several_symbols_one_can_be_asked_for(both: SweepResult) -> None:
    assert both.best(symbol="ETH/USDT").params["symbol"] == "ETH/USDT"
    assert both.best(symbol="ethusdt") == both.best(symbol="ETH-USDT") == both.best(symbol="ETH/USDT")
    named = {"fast": 3, "slow": 10, "stop_loss": None}
    assert both.row({"symbol": "ETHUSDT", **named}).number == both.row({"symbol": "ETH/USDT", **named}).number
    assert both.plateau(symbol="ETH/USDT").score == both.best(symbol="ETH/USDT").metrics["sharpe_ratio"]
    with pytest.raises(InputError, match="did you mean 'ETH/USDT'"):
        both.best(symbol="ETH/USD")
    for symbol in (5, "", "SOLUSDT"):
        with pytest.raises(InputError, match=r"^symbol: received .*\(BTC/USDT \| ETH/USDT\)"):
            both.best(symbol=symbol)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="params, symbol: received 'ETH/USD'; the nearest value of the grid is 'ETH"):
        both.row({"symbol": "ETH/USD", **named})


def test_a_plateau_over_symbols_takes_the_median_of_each_set(both: SweepResult) -> None:
    medians = both.table["sharpe_ratio"].groupby(["fast", "slow", "stop_loss"], dropna=False).median()
    assert both.plateau().score == medians.max()
    assert both.plateau().n_sets == 18


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ({"fast": 5, "slow": 20}, {"fast": 5, "slow": 20}),
        ({"slow": np.int64(20), "fast": 5.0}, {"fast": 5, "slow": 20}),
        ((8, 30), {"fast": 8, "slow": 30}),
    ],
)
def test_a_set_is_named_by_its_parameters_or_its_label(plain: SweepResult, named: Any, found: Any) -> None:
    assert plain.params(named) == found
    assert all(type(value) is int for value in plain.params(named).values())
    assert plain.params(plain.row(named)) == found
    assert plain.params(plain.table.loc[tuple(found.values())]) == found


def test_a_label_with_none_in_it_is_found(both: SweepResult) -> None:
    label = both.table.index[0]
    assert math.isnan(label[-1])
    assert both.params(label) == {"symbol": "BTC/USDT", "fast": 3, "slow": 10, "stop_loss": None}
    assert both.params({"symbol": "ETH/USDT", "fast": 3, "slow": 10, "stop_loss": None})["symbol"] == "ETH/USDT"
    for label in both.table.index:
        assert both.row(label).metrics["n_trades"] == both.table.loc[label, "n_trades"]


def test_a_name_with_one_value_may_be_left_out_and_floats_need_not_be_exact() -> None:
    result = swept({"fast": [3, 5], "slow": 20, "max_position_size": [0.1 + 0.2, 0.5]})
    assert result.params({"fast": 3, "max_position_size": 0.3}) == {
        "fast": 3, "slow": 20, "max_position_size": 0.1 + 0.2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("named", "error", "says"),
    [
        ({"fast": 5}, InputError, "params: received fast=5; name slow as well."),
        ({}, InputError, "params: received nothing; name fast, slow as well."),
        ({"fsat": 5, "slow": 20}, UnknownNameError, "unknown parameter of this sweep 'fsat': did you mean 'fast'"),
        ({"fast": 4, "slow": 20}, InputError, "params, fast: received 4; the nearest value of the grid is 3."),
        ({"fast": "x", "slow": 20}, InputError, "give a number of the grid, from 3 to 8."),
        ({"fast": True, "slow": 20}, InputError, "params, fast: received True"),
        (7, InputError, "params: received 7; give {'fast': ..., 'slow': ...}, or a label of the table."),
        ((1, 2, 3), InputError, "or a label of the table"),
        (None, InputError, "params: received None"),
    ],
)
def test_what_is_not_in_the_grid_is_refused_with_the_nearest(
    plain: SweepResult, named: Any, error: type, says: str
) -> None:
    with pytest.raises(error) as caught:
        plain.params(named)
    assert says in str(caught.value)


def test_a_text_is_refused_with_the_most_similar(failing: SweepResult) -> None:
    with pytest.raises(InputError, match="params, kind: received 'fail'; the nearest value of the grid is 'fails'"):
        failing.params((3, 10, "fail"))


def test_a_set_that_conditions_left_out_is_refused_with_the_nearest_that_is_there() -> None:
    result = swept({"fast": [5, 10, 15], "slow": [5, 10, 15]}, where="fast < slow")
    with pytest.raises(InputError, match="fast=10, slow=10, a set that is not in this grid; the nearest one is fast="):
        result.portfolio({"fast": 10, "slow": 10})


def test_a_row_is_simulated_again_in_full(both: SweepResult) -> None:
    best = both.best("total_return")
    run = both.backtest(best)
    assert run.total_return == pytest.approx(best.metrics["total_return"], rel=1e-9)
    assert run.n_trades == best.metrics["n_trades"]
    assert run.bars.symbol == best.params["symbol"]
    assert run.risk.stop_loss == best.params["stop_loss"]
    assert both.backtest(best.params).total_return == run.total_return


def test_a_row_is_rebuilt_as_a_portfolio(plain: SweepResult) -> None:
    portfolio = plain.portfolio({"fast": 3, "slow": 10})
    assert portfolio.total_return() == pytest.approx(plain.row((3, 10)).metrics["total_return"], rel=1e-9)
    assert portfolio.orders.count() > 0


def test_failed_sets_keep_their_sentence_and_have_no_numbers(failing: SweepResult) -> None:
    table = failing.table
    assert table.columns[-1] == "error"
    assert failing.errors.index.tolist() == [(5, 20, "fails")]
    assert "fast=5, slow=20" in failing.errors.iloc[0]
    assert table.loc[(5, 20, "fails"), list(Metrics._fields)].isna().all()
    assert table["error"].notna().sum() == 1
    assert table.loc[(5, 20, "up"), "n_trades"] > 0
    assert failing.row((5, 20, "fails")).error == failing.errors.iloc[0]
    assert "second line" not in repr(failing.row((5, 20, "fails")))


def test_without_failures_there_is_no_error_column(plain: SweepResult) -> None:
    assert "error" not in plain.table
    assert plain.table["n_trades"].dtype == np.int64
    assert len(plain.errors) == 0


def test_the_line_says_how_many_failed(failing: SweepResult, plain: SweepResult) -> None:
    assert str(failing).endswith("bar-simulations a second, 1 of 18 sets failed")
    assert repr(failing) == f"<SweepResult {failing}>"
    assert "failed" not in str(plain)
    part = swept({**PAIRS, "kind": ["up", "fails"]}, numbers=np.arange(6, 10))
    assert "unfinished, 4 of 18 rows" in str(part)
    assert str(part).endswith("1 of 4 sets failed")
    two = swept({"fast": 5, "slow": 20, "kind": ["up", "fails"]}, BTC, ETH)
    assert str(two).endswith("2 of 4 rows failed")


def test_what_ended_a_sweep_is_said(plain: SweepResult) -> None:
    why = "executor: received <no> workers; start some.\nsecond line"
    part = swept(PAIRS, numbers=np.array([1, 4, 8]), ended=why)
    assert not part.complete
    assert part.ended == why
    assert "unfinished, 3 of 9 rows" in str(part)
    assert str(part).endswith(" a second. executor: received <no> workers; start some")
    page = part._repr_html_()
    assert "6 of 9 rows have not run" in page
    assert page.count("executor: received &lt;no&gt; workers; start some.</p>") == 1
    assert "<no>" not in page
    assert "second line" not in page
    whole = swept(PAIRS, ended=why)  # the last rows could not be kept, but they are there
    assert whole.complete
    assert "unfinished" not in str(whole)
    assert str(whole).endswith("; start some")
    assert "Ended early" in whole._repr_html_()
    assert "Ended early" not in plain._repr_html_()


def test_the_page_escapes_what_comes_from_users_and_shows_ten_rows(failing: SweepResult) -> None:
    page = failing._repr_html_()
    assert "<i>no</i>" not in page
    assert "&lt;i&gt;no&lt;/i&gt;" in page
    assert "second line" not in page
    assert "Failed:</strong> 1 of 18 sets" in page
    assert page.count("<tr>") == 11
    hostile = swept({"kind": ["<b>", "down"], "fast": [3, 5]})._repr_html_()
    assert "<b>" not in hostile
    assert "&lt;b&gt;" in hostile


def test_the_page_says_what_was_run(plain: SweepResult, both: SweepResult) -> None:
    assert "crossing on BTC/USDT: 9 sets over 600 bars of 1h in 2 s, 3 thousand bar-simulations a second" in repr(plain)
    assert "9 sets over 600 bars" in plain._repr_html_()
    assert "on BTC/USDT, ETH/USDT: 18 sets over 1,000 bars of 1h" in repr(both)
    assert "Unfinished" not in plain._repr_html_()


def test_an_unfinished_sweep_says_so_and_is_usable() -> None:
    part = swept(PAIRS, numbers=np.array([1, 4, 8]))
    assert "unfinished, 3 of 9 rows" in repr(part)
    assert "6 of 9 rows have not run" in part._repr_html_()
    assert len(part.table) == 3
    assert part.plateau().n_sets == 3
    assert part.best() == max((part.row(label) for label in part.table.index), key=lambda r: r.metrics["sharpe_ratio"])
    with pytest.raises(InputError, match="row: received fast=3, slow=10, which has not run; let the sweep finish"):
        part.row((3, 10))
    assert part.backtest((3, 10)).n_trades > 0
    empty = swept(PAIRS, numbers=np.array([], np.int64))
    assert len(empty.table) == 0
    assert "9 of 9 rows have not run" in empty._repr_html_()


def test_rows_from_a_checkpoint_do_not_count_for_the_rate() -> None:
    assert "900 bar-simulations a second, 6 rows from the checkpoint" in repr(swept(PAIRS, resumed=6))
    assert "a second" not in repr(swept(PAIRS, resumed=9))


def test_blocks_hold_the_days(plain: SweepResult) -> None:
    assert plain.blocks.shape == (9, 4, 3)
    assert plain.blocks[:, :, 0].sum(axis=1).tolist() == [25.0] * 9


def test_a_heatmap_holds_the_table(plain: SweepResult) -> None:
    drawn = plain.heatmap("fast", "slow", "total_return").data[0]
    expected = plain.table["total_return"].unstack("fast")
    assert np.array_equal(np.asarray(drawn.z), expected.to_numpy())
    assert list(drawn.x) == ["3", "5", "8"]
    assert list(drawn.y) == [10, 20, 30]
    assert (drawn.zmin, drawn.zmax) == (expected.min().min(), expected.max().max())


def test_cells_of_several_sets_are_aggregated(both: SweepResult) -> None:
    for agg in ("median", "mean", "min", "max"):
        drawn = both.heatmap("slow", "symbol", "max_drawdown", agg=agg).data[0]
        expected = both.table["max_drawdown"].groupby(["symbol", "slow"]).agg(agg).unstack("slow")
        np.testing.assert_allclose(np.asarray(drawn.z), expected.to_numpy())
        assert f"{agg} of 6 sets" in np.asarray(drawn.customdata)[0, 0]
    one = both.heatmap("fast", "slow", symbol="ETH/USDT").data[0]
    expected = both.table.loc["ETH/USDT", "sharpe_ratio"].groupby(["slow", "fast"]).median().unstack("fast")
    np.testing.assert_allclose(np.asarray(one.z), expected.to_numpy())


def test_the_best_cell_of_a_metric_that_should_be_small_is_the_smallest(plain: SweepResult) -> None:
    cell = plain.table["volatility"].idxmin()
    figure = plain.heatmap("fast", "slow", "volatility")
    assert f"best cell: fast {cell[0]}, slow {cell[1]}" in [trace.name for trace in figure.data]  # type: ignore[index]
    assert figure.data[0].reversescale


def test_a_heatmap_chooses_its_axes_and_marks_a_simulated_market(failing: SweepResult, plain: SweepResult) -> None:
    figure = failing.heatmap()
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("fast", "slow")
    assert plain.heatmap(y="fast").layout.xaxis.title.text == "slow"
    assert figure.layout.annotations[-1].text == "SIMULATED"
    single = swept({"fast": [3, 5, 8]}).heatmap()
    assert np.asarray(single.data[0].y).shape == (3,)
    assert np.asarray(swept({"fast": 3}).heatmap().data[0].y).shape == (1,)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"x": "fsat"}, "did you mean 'fast'"),
        ({"x": "fast", "y": "fast"}, "heatmap: received 'fast' twice; name two parameters."),
        ({"metric": "sharp_ratio"}, "unknown metric 'sharp_ratio': did you mean 'sharpe_ratio'"),
        ({"agg": "sum"}, "agg: received 'sum'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(plain: SweepResult, given: dict[str, str], says: str) -> None:
    with pytest.raises(InputError) as caught:
        plain.heatmap(**given)  # type: ignore[arg-type]
    assert says in str(caught.value)


def test_a_random_search_is_drawn_as_points() -> None:
    class Uniform:
        def rvs(self, size: int, random_state: Any) -> np.ndarray:
            return random_state.uniform(0.1, 1.0, size)

    sets = make_grid({"max_position_size": Uniform(), "stop_loss": Uniform()}, samples=60)
    source = StrategySource(Strategy(crossing))
    task = Task(source, (BTC,), sets, (), (), ("max_position_size", "stop_loss"), Costs(), Risk(), 1000.0, 4)
    result = SweepResult(task, run_rows(task, np.arange(60)), metrics=Metrics._fields, seconds=1.0)
    figure = result.heatmap()
    assert figure.data[0].type == "scatter"
    assert sorted(figure.data[0].x) == sorted(sets.columns["max_position_size"])
    assert np.array_equal(np.sort(figure.data[0].marker.color), np.sort(result.table["sharpe_ratio"]))


def test_a_result_travels(both: SweepResult) -> None:
    # the source is this file's function, which a strategy is pickled by the name of
    rows = pickle.loads(pickle.dumps(both.rows))
    again = SweepResult(both.task, Rows(*rows), metrics=both.metrics, seconds=2.0)
    pd.testing.assert_frame_equal(again.table, both.table)


def test_a_file_gives_the_table_back(tmp_path: Path, both: SweepResult, failing: SweepResult) -> None:
    for number, result in enumerate((both, failing)):
        path = result.to_parquet(tmp_path / f"{number}.parquet")
        read = pd.read_parquet(path)
        pd.testing.assert_frame_equal(read[result.table.columns], result.table)
        stacked = np.stack([np.stack(read[name].tolist()) for name in ("days_count", "days_sum", "days_squares")], -1)
        assert np.array_equal(stacked, result.blocks, equal_nan=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0.parquet", "1.parquet"]


def test_row_is_a_record() -> None:
    row = Row(3, {"fast": 5}, dict.fromkeys(Metrics._fields, 1.0))
    assert "fast=5" in repr(row)
    assert "Sharpe ratio" in row._repr_html_()
