"""Each check raises a doubt where there is one, stays quiet where there is none, and says its number."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryptolab.backtesting import BacktestEngine, BacktestResult
from cryptolab.bars import Bars
from cryptolab.data_fetchers import simulate
from cryptolab.reporting import tables
from cryptolab.reporting.lints import Lint, check, headline
from cryptolab.reporting.wording import DROPPED
from cryptolab.signal_generator import Signals

NAMES = {
    "never_in_the_market", "no_profit", "behind_buy_and_hold", "no_stop", "too_few_trades",
    "one_trade_makes_the_profit", "profit_in_gaps", "ambiguous_exits", "dropped_entries", "profit_needs_kind_fills",
    "fills_at_its_own_close", "short_history", "most_bars_are_missing",
}  # fmt: skip


def market(closes: Any, missing: tuple[int, ...] = (), swing: float = 0.0) -> Bars:
    """Bars that open at the close before; `missing` rows are left out, `swing` widens each bar by that fraction."""
    close = np.asarray(closes, float)
    open_ = np.concatenate(([close[0]], close[:-1]))
    frame = pd.DataFrame(
        {
            "open": open_,
            "high": np.maximum(open_, close) * (1 + swing),
            "low": np.minimum(open_, close) * (1 - swing),
            "close": close,
            "volume": 1.0,
        },
        index=pd.date_range("2024-01-01", periods=len(close), freq="D", tz="UTC"),
    )
    return Bars.from_frame(frame.drop(frame.index[list(missing)]))


def run(bars: Bars, entries: list[int], exits: list[int], **config: Any) -> BacktestResult:
    flags = [np.isin(np.arange(len(bars)), rows) for rows in (entries, exits)]
    return BacktestEngine({"commission": 0, "slippage": 0, **config}).run(bars, Signals(*flags))


def found(result: BacktestResult) -> dict[str, Lint]:
    held = tables.buy_and_hold(result.bars, result.costs, result.initial_capital)
    return {lint.name: lint for lint in check(result, held, tables.sensitivity(result))}


def steady(n: int = 800) -> Bars:
    return market(100 * 1.001 ** np.arange(n))


def test_all_checks_are_made_and_doubts_come_first() -> None:
    held = run(steady(), [0], [5])
    checks = check(held, held, tables.sensitivity(held))
    assert {lint.name for lint in checks} == NAMES
    fired = [lint.fired for lint in checks]
    assert fired == sorted(fired, reverse=True)
    assert all(lint.sentence.endswith(".") and "nan" not in lint.sentence for lint in checks)


def test_a_sound_run_raises_no_doubt() -> None:
    rows = list(range(0, 780, 10))
    bars = market(np.where(np.arange(800) % 10 < 5, 100 * 1.01 ** (np.arange(800) % 10), 104.0))
    sound = run(bars, rows, [row + 4 for row in rows], stop_loss=0.5)
    assert sound.total_return > 0
    checks = found(sound)
    assert [name for name, lint in checks.items() if lint.fired] == []
    assert headline(list(checks.values())) == "None of 13 checks raises a doubt."


def test_never_in_the_market() -> None:
    assert found(run(steady(), [], []))["never_in_the_market"].fired
    lint = found(run(steady(), [0], []))["never_in_the_market"]
    assert not lint.fired
    assert lint.value > 0.99


def test_no_profit_and_behind() -> None:
    checks = found(run(market(100 * 0.999 ** np.arange(400)), [0], []))
    assert checks["no_profit"].fired
    assert checks["no_profit"].value < 0
    assert not checks["behind_buy_and_hold"].fired
    late = found(run(steady(), [400], []))
    assert not late["no_profit"].fired
    assert late["behind_buy_and_hold"].fired


@pytest.mark.parametrize(
    ("rules", "fired"),
    [
        ({}, True),
        ({"take_profit": 0.1}, True),
        ({"stop_loss": 0.1}, False),
        ({"trailing_stop": 0.1}, False),
        ({"stop_loss_atr_multiplier": 2.0}, False),
    ],
)
def test_no_stop(rules: dict[str, float], fired: bool) -> None:
    assert found(run(steady(), [0], [5], **rules))["no_stop"].fired is fired


@pytest.mark.parametrize(("trades", "fired"), [(29, True), (30, False)])
def test_too_few_trades(trades: int, fired: bool) -> None:
    rows = [4 * trade for trade in range(trades)]
    lint = found(run(steady(), rows, [row + 2 for row in rows]))["too_few_trades"]
    assert lint.fired is fired
    assert lint.value == trades


def test_no_trade_is_not_explained_by_chance() -> None:
    lint = found(run(steady(), [], []))["too_few_trades"]
    assert lint.fired
    assert lint.sentence == "No trade was closed: there is no sample to judge."


def test_one_trade_makes_the_profit() -> None:
    closes = np.full(800, 100.0)
    closes[12:] = 150.0  # the trade of bars 10 to 15 makes all of it
    for row in (30, 40, 50):
        closes[row : row + 5] += 1.0
    rows = [10, 28, 38, 48]
    lint = found(run(market(closes), rows, [row + 4 for row in rows]))["one_trade_makes_the_profit"]
    assert lint.fired
    assert lint.value > 0.9
    even = found(run(steady(), list(range(0, 400, 10)), list(range(5, 405, 10))))["one_trade_makes_the_profit"]
    assert not even.fired
    assert even.value < 0.1


def test_profit_of_the_open_trade_counts() -> None:
    lint = found(run(steady(), [0], []))["one_trade_makes_the_profit"]
    assert lint.fired
    assert lint.value == pytest.approx(1.0)


def test_the_best_trade_is_that_of_growth_not_of_money() -> None:
    closes = np.full(800, 100.0)
    closes[12:] = 150.0  # 50 % on 10,000: 5,000
    closes[32:] = 210.0  # 40 % on 15,000: 6,000
    made = run(market(closes), [10, 30], [20, 40])
    assert list(made.trades["pnl"].round()) == [5000, 6000]
    lint = found(made)["one_trade_makes_the_profit"]
    without = run(market(closes), [30], [40])
    assert lint.value == pytest.approx(1 - without.total_return / made.total_return)
    assert "would have made 40.0\u202f% instead of making 110.0\u202f%" in lint.sentence


@pytest.mark.parametrize("size", [1.0, 0.5])
def test_growth_of_the_trades_is_that_of_the_run(size: float) -> None:
    bars = market(100 * np.exp(np.random.default_rng(3).normal(0, 0.02, 300).cumsum()))
    made = run(bars, [10, 60, 110, 200], [40, 90, 150], commission=0.01, max_position_size=size)
    growth = tables.growth(made)
    assert len(growth) == 4  # the last one still open
    assert growth.prod() == pytest.approx(1 + made.total_return)
    before = made.equity_curve[made.trades["entry_time"]].to_numpy()  # stamped by the close before the entry's open
    assert growth == pytest.approx(1 + made.trades["pnl"].to_numpy() / before)


def test_profit_in_gaps() -> None:
    closes = np.full(800, 100.0)
    closes[21:] = 150.0  # of the two missing bars the second closes at 150: the next one opens there
    bars = market(closes, missing=(20, 21))
    lint = found(run(bars, [10], [30]))["profit_in_gaps"]
    assert lint.fired
    assert lint.value == pytest.approx(1.0)
    assert not found(run(steady(), [10], [30]))["profit_in_gaps"].fired


def test_profit_beside_a_gap_is_none_in_it() -> None:
    closes = np.full(800, 100.0)
    closes[25:] = 150.0  # made while the bars were there, by a trade that a hole happens to lie in
    lint = found(run(market(closes, missing=(20, 21)), [10], [30]))["profit_in_gaps"]
    assert not lint.fired
    assert lint.value == pytest.approx(0.0, abs=1e-12)
    assert lint.sentence.startswith("1 trade spans missing bars; ")


def test_moves_across_gaps_against_a_loop() -> None:
    random = np.random.default_rng(8)
    closes = 100 * np.exp(random.normal(0, 0.02, 400).cumsum())
    bars = market(closes, missing=tuple(random.choice(np.arange(1, 399), 120, replace=False)))
    flags = [random.random(len(bars)) < 0.1 for _ in range(4)]
    made = BacktestEngine({"allow_short": True, "max_wait": 9}).run(bars, Signals(*flags))
    hour = pd.Timedelta(bars.interval)
    for trade, moved in zip(made.trades.to_dict("records"), tables.across_gaps(made), strict=True):
        end = trade["exit_time"] if pd.notna(trade["exit_time"]) else bars.index[-1]
        held = bars.frame()[trade["entry_time"] : end]
        expected = 0.0
        for (earlier, before), (later, after) in pairwise(held.iterrows()):
            if later - earlier > hour:
                expected += (after["open"] - before["close"]) * trade["size"]
        assert moved == pytest.approx(expected if trade["direction"] == "long" else -expected)
        assert trade["spans_gap"] or moved == 0


def test_most_bars_are_missing() -> None:
    frame = simulate(50).frame()
    lint = found(run(Bars.from_frame(frame, timeframe="1m"), [0], [5]))["most_bars_are_missing"]
    assert lint.fired
    assert lint.value == pytest.approx(1 - 50 / (49 * 60 + 1))
    assert "1m bars" in lint.sentence
    whole = found(run(Bars.from_frame(frame), [0], [5]))["most_bars_are_missing"]
    assert not whole.fired
    assert "none are missing" in whole.sentence


def test_ambiguous_exits() -> None:
    wide = run(market(np.full(800, 100.0), swing=0.05), list(range(0, 700, 10)), [], stop_loss=0.02, take_profit=0.02)
    lint = found(wide)["ambiguous_exits"]
    assert lint.fired
    assert lint.value == wide.ambiguous_exits == 1.0


def test_dropped_entries_are_named() -> None:
    lint = found(run(steady(), [0, 20], [10, 30], min_order_size=1e9))["dropped_entries"]
    assert lint.fired
    assert lint.value == 2
    assert lint.sentence == "2 entries were not taken: below the minimum size (2)."
    bars = market(np.full(800, 100.0), missing=(11, 12, 13))
    (waited,) = [lint for name, lint in found(run(bars, [10], [])).items() if name == "dropped_entries"]
    assert waited.sentence == "1 entry was not taken: too many missing bars to wait for (1)."


def test_every_reason_for_dropping_has_words() -> None:
    assert set(run(steady(50), [], []).dropped) <= set(DROPPED)


def test_profit_that_needs_kind_fills() -> None:
    rows = list(range(0, 700, 10))
    bars = market(100 * 1.0001 ** np.arange(800), swing=0.01)
    lint = found(run(bars, rows, [row + 5 for row in rows]))["profit_needs_kind_fills"]
    assert lint.fired
    assert lint.value < 0


def test_fills_at_its_own_close() -> None:
    assert found(run(steady(), [0], [5], fill="same_close"))["fills_at_its_own_close"].fired
    assert not found(run(steady(), [0], [5]))["fills_at_its_own_close"].fired


@pytest.mark.parametrize(("days", "fired"), [(364, True), (365, False)])
def test_short_history(days: int, fired: bool) -> None:
    lint = found(run(steady(days), [0], [5]))["short_history"]
    assert lint.fired is fired
    assert lint.value == days


def test_few_bars_over_a_long_time_are_short_too() -> None:
    bars = market(100 * 1.001 ** np.arange(800), missing=tuple(range(1, 780)))
    lint = found(run(bars, [0], [5], max_wait=1000))["short_history"]
    assert lint.fired
    assert "fewer than 30 bars" in lint.sentence
    assert "stretched" in lint.sentence


def test_money_has_its_currency() -> None:
    named = Bars.from_frame(market(100 * 1.01 ** np.arange(50), missing=(20,)).frame(), "ABC/EUR")
    assert "\u00a0EUR in favour" in found(run(named, [0], []))["profit_in_gaps"].sentence


def test_headline_names_the_doubts() -> None:
    doubts = [Lint("no_stop", True, 0.0, "."), Lint("too_few_trades", True, 0.0, "."), Lint("x", False, 0.0, ".")]
    assert headline(doubts) == "2 of 3 checks raise doubts: no stop, too few trades."
    assert headline(doubts[:1]) == "1 of 1 checks raises a doubt: no stop."
