"""The report of a sweep says what the result says, escapes what comes from users, and writes what can be read back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cryptolab.backtesting import Costs, Risk
from cryptolab.data_fetchers import simulate
from cryptolab.errors import InputError
from cryptolab.indicators import EMA
from cryptolab.optimization import sweep
from cryptolab.reporting import SweepReport
from cryptolab.signal_generator import Signals, long_while

BARS = simulate(700, seed=4)
GRID: dict[str, Any] = {"fast": [3, 5, 8, 13], "slow": [20, 30, 40], "stop_loss": [None, 0.05]}


def crossing(bars: Any, fast: int = 5, slow: int = 20, kind: str = "up") -> Signals:
    """EMA cross; a kind that is none of ours fails."""
    if kind == "<b>bad</b>":
        raise ValueError("no such <kind>")
    return long_while(EMA(bars, period=fast) > EMA(bars, period=slow))


def _few(fast: int) -> bool:
    return fast != 5


@pytest.fixture(scope="module")
def report() -> SweepReport:
    return SweepReport(sweep(crossing, BARS, GRID, progress=False))


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"<(script|style).*?</\1>", "", html, flags=re.S)))


def spec(html: str) -> Any:
    """Return the one figure of a sheet, as plotly.js gets it."""
    (found,) = re.findall(r'<script type="application/json">(.*?)</script>', html, flags=re.S)
    return json.loads(found)


def test_it_opens_with_what_came_out(report: SweepReport) -> None:
    said = text(report.opening().html)
    made = report.results.table["total_return"]
    held = report.market.total_return
    assert "Sweep of crossing on SIM/USDT, 1h" in said
    assert f"Of 24 sets, {(made > 0).sum()} made money and {(made > held).sum()} made more than buy-and-hold" in said
    assert text(report.hill.headline) in said
    assert report.hill.place not in said
    assert "SIMULATED market" in said
    assert "best by luck" in said
    assert "unfinished" not in said


def test_an_unfinished_sweep_is_called_so(report: SweepReport) -> None:
    part = SweepReport(sweep(crossing, BARS, GRID, progress=False))
    part.results.complete = False
    assert "The sweep is unfinished" in text(part.opening().html)


def test_what_was_tried(report: SweepReport) -> None:
    said = text(report.setup().html)
    for words in ("crossing", "fast 4 3, 5, 8, 13", "stop_loss 2 None, 0.05", "Commission per side 0.10", "700"):
        assert words in said
    assert "failed" not in said
    many = SweepReport(sweep(crossing, BARS, {"fast": range(3, 23)}, progress=False))
    assert "3, 4, 5, 6, 7, 8, …, 22" in text(many.setup().html)
    assert "Only where" not in said
    some = SweepReport(sweep(crossing, BARS, GRID, where=["fast * 3 < slow", _few], progress=False))
    said = text(some.setup().html)
    assert "Only where fast * 3 &lt; slow, _few" in said
    assert "12 of 18 combinations" in said  # of the values that are left


def test_the_best_sets_stand_in_order(report: SweepReport) -> None:
    html = report.best(5).html
    top = report.results.top(count=5)
    assert html.count("<tr>") == 6
    assert re.findall(r'<th scope="col">(.*?)</th>', html)[:4] == ["fast", "slow", "stop_loss", "Sharpe ratio"]
    rows = [re.sub(r"<[^>]+>", " ", row).split()[:3] for row in re.findall(r"<tr>(.*?)</tr>", html)[1:]]
    assert rows == [[str(fast), str(slow), str(None if stop != stop else stop)] for fast, slow, stop in top.index]
    assert "The best 5 of 24 sets by Sharpe ratio" in text(html)


def test_another_metric_leads_the_table() -> None:
    made = SweepReport(sweep(crossing, BARS, GRID, progress=False), "longest_drawdown")
    assert made.best_row.params == made.results.best("longest_drawdown").params
    said = text(made.best().html)
    assert said.index("Longest drawdown") < said.index("Sharpe ratio")
    for part in (made.opening(), made.heatmap(), made.plateau()):
        assert "Longest drawdown" in part.html


def test_the_map_is_drawn_from_the_result(report: SweepReport) -> None:
    html = report.heatmap().html
    drawn = spec(html)
    assert drawn["data"][0]["type"] == "heatmap"
    assert drawn["layout"]["xaxis"]["title"]["text"] == "fast"
    assert "median of all sets" in text(html)
    other = report.results.heatmap("slow", "stop_loss", "total_return")
    assert spec(report.heatmap(other).html)["layout"]["yaxis"]["title"]["text"] == "stop_loss"


def test_hill_or_spike(report: SweepReport) -> None:
    html = report.plateau().html
    said = text(html)
    assert f"Mean of its {report.hill.n_neighbours} neighbours" in said
    assert text(str(report.hill)) in said
    assert re.findall(r'<th scope="col">(.*?)</th>', html) == ["", "fast", "slow", "stop_loss", "Sharpe ratio"]
    other = report.results.plateau("total_return")
    assert text(str(other)) in text(report.plateau(other).html)


def test_the_first_numbers_are_never_the_same_twice(report: SweepReport) -> None:
    for metric, second in (("sharpe_ratio", "Total return"), ("total_return", "Maximum drawdown")):
        html = SweepReport(report.results, metric).opening().html
        tiles = html[html.index("cl-tiles") :]
        names = re.findall(r"<dt>(.*?)</dt>", tiles)
        assert len(set(names)) == len(names) == 6
        assert f"{second}, best set" in names
    looks = re.findall(r"<dd(.*?)>", tiles)
    values = [
        report.results.best("total_return").metrics["total_return"],
        report.results.plateau("total_return").typical,
    ]
    assert [looks[0], looks[2]] == [f' class="cl-{"gain" if value > 0 else "loss"}"' for value in values]


def test_one_parameter_is_drawn_as_a_line() -> None:
    made = SweepReport(sweep(crossing, BARS, {"fast": range(3, 9)}, progress=False))
    html = made.heatmap().html
    drawn = spec(html)
    assert drawn["data"][0]["type"] == "scatter"
    assert drawn["layout"]["yaxis"]["title"]["text"] == "Sharpe ratio"
    assert [trace["name"] for trace in drawn["data"] if trace.get("name")] == [
        f"best: fast {made.best_row.params['fast']}"
    ]
    assert "broad rise" in text(html)


def test_the_best_set_is_simulated_once(monkeypatch: pytest.MonkeyPatch, report: SweepReport) -> None:
    made, run = SweepReport(report.results), report.results.backtest
    asked: list[Any] = []
    monkeypatch.setattr(report.results, "backtest", lambda row: (asked.append(row), run(row))[1])
    made.opening()
    made.rebuilt()
    made.rebuilt(report.results.best())
    assert len(asked) == 1


def test_the_best_set_is_rebuilt_as_a_portfolio(report: SweepReport) -> None:
    said = text(report.rebuilt().html)
    for words in ("Start Value", "Total Closed Trades", "Sortino Ratio", "What vectorbt's Portfolio says of fast="):
        assert words in said.replace("&#x27;", "'")
    assert "Its Benchmark Return is the bare change" in said
    other = text(report.rebuilt((3, 20, None)).html)
    assert "fast=3, slow=20, stop_loss=None" in other


def test_it_warns_with_the_number_of_sets(report: SweepReport) -> None:
    assert "who picks the highest of 24 sets picks the luckiest" in text(report.caution().html)
    assert "educational and research purposes" in report.closing().html


def test_what_comes_from_users_is_escaped() -> None:
    results = sweep(crossing, BARS, {"kind": ["up", "<b>bad</b>", "<i>"], "fast": [3, 5]}, progress=False)
    made = SweepReport(results, title="<u>mine</u>")
    parts = (made.opening(), made.setup(), made.best(), made.heatmap(), made.plateau(), made.rebuilt())
    page = "".join(part.html for part in parts)
    for tag in ("<b>", "<i>", "<u>", "<kind>"):
        assert tag not in re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert "2 sets failed, the first:" in text(made.setup().html)


def test_several_symbols_are_refused() -> None:
    other = simulate(300, symbol="ETH/USDT")
    with pytest.raises(InputError, match="report: received 2 symbols; sweep one symbol"):
        SweepReport(sweep(crossing, [BARS, other], {"fast": [3, 5]}, progress=False))


def test_what_it_saves_can_be_read(report: SweepReport, tmp_path: Path) -> None:
    report.save("")
    report.save(tmp_path)
    table = pd.read_parquet(tmp_path / "sweep.parquet")
    pd.testing.assert_frame_equal(table[report.results.table.columns], report.results.table)
    numbers = json.loads((tmp_path / "metrics.json").read_text())
    assert numbers["sets"] == 24
    assert numbers["best"]["params"] == report.best_row.params
    assert numbers["best"]["metrics"]["sharpe_ratio"] == report.best_row.metrics["sharpe_ratio"]
    assert numbers["plateau"]["verdict"] == report.hill.verdict
    assert numbers["plateau"]["sentence"] == str(report.hill)
    steady = report.hill.steadiest
    assert numbers["plateau"]["steadiest"] == (None if steady is None else vars(steady))
    facts = report.facts()
    assert facts["grid"]["fast"] == [3, 5, 8, 13]
    assert facts["backtest"]["commission"] == Costs().commission
    assert "def crossing" in facts["strategy"]["source"]
    json.dumps(facts, allow_nan=False)


def test_costs_and_risk_are_those_of_the_sweep() -> None:
    made = SweepReport(
        sweep(
            crossing, BARS, {"fast": [3, 5, 8]}, costs=Costs(commission=0.0), risk=Risk(stop_loss=0.1), progress=False
        )
    )
    assert made.run.costs.commission == made.market.costs.commission == 0.0
    assert made.run.risk.stop_loss == 0.1
    assert made.market.risk.stop_loss is None
    assert made.run.total_return == pytest.approx(made.best_row.metrics["total_return"], rel=1e-9)
