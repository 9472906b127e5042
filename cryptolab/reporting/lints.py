"""What a careful reader would object to: each doubt with its number and one sentence. They warn and never advise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from cryptolab.backtesting import BacktestResult
from cryptolab.bars import Bars
from cryptolab.reporting.tables import across_gaps, closed, growth
from cryptolab.reporting.wording import (
    DROPPED,
    count,
    counted,
    duration,
    lowered,
    money,
    outcome,
    percent,
    plain,
    points,
    quote,
    span,
    words,
)

FEW_TRADES, FEW_BARS = 30, 30
SHORT_HISTORY = pd.Timedelta(days=365)
MOST = 0.5
"""Above this share one trade, or what happened in gaps, counts as making the profit, and bars as mostly missing."""
MANY_AMBIGUOUS = 0.05


@dataclass(frozen=True)
class Lint:
    """One check: its name, whether it raises a doubt, the number it looked at (NaN where there is none), a sentence."""

    name: str
    fired: bool
    value: float
    sentence: str


def check(result: BacktestResult, market: BacktestResult, sensitivity: pd.DataFrame) -> list[Lint]:
    """Return every check of a run, those that raise a doubt first.

    market: the run of buy-and-hold. sensitivity: the table of this run under other fills.
    """
    found = [
        _no_position(result),
        _no_profit(result),
        _behind(result, market),
        _no_stop(result),
        _few_trades(result),
        _one_trade(result),
        _gaps(result),
        _ambiguous(result),
        _dropped(result),
        _costs(result, sensitivity),
        _own_close(result, sensitivity),
        _short_history(result.bars),
        _holes(result.bars),
    ]
    return sorted(found, key=lambda lint: not lint.fired)


def _no_position(result: BacktestResult) -> Lint:
    never = len(result.orders) == 0
    sentence = (
        "No position was ever held: there is nothing to judge."
        if never
        else f"A position was held {percent(result.exposure)} of the time."
    )
    return Lint("never_in_the_market", never, result.exposure, sentence)


def _no_profit(result: BacktestResult) -> Lint:
    gained = result.total_return
    return Lint("no_profit", not gained > 0, gained, f"The strategy {outcome(gained)}, net of costs.")


def _behind(result: BacktestResult, market: BacktestResult) -> Lint:
    ahead = result.total_return - market.total_return
    told = (
        f"The strategy {outcome(result.total_return)}, buy-and-hold {outcome(market.total_return)}; the Sharpe ratios"
        f" are {plain(result.sharpe_ratio)} and {plain(market.sharpe_ratio)}."
    )
    return Lint("behind_buy_and_hold", ahead < 0, ahead, told)


def _no_stop(result: BacktestResult) -> Lint:
    risk = result.risk
    rules = {
        "stop_loss": risk.stop_loss,
        "trailing_stop": risk.trailing_stop,
        "stop_loss_atr_multiplier": risk.stop_loss_atr_multiplier,
    }
    used = [lowered(words(name)) for name, value in rules.items() if value is not None]
    worst = closed(result.trades)["return"].min()
    told = f"; the worst closed trade returned {percent(worst)}" if math.isfinite(worst) else ""
    if used:
        return Lint("no_stop", False, float(worst), f"Losses are limited by {' and '.join(used)}{told}.")
    return Lint("no_stop", True, float(worst), f"No stop limits a loss{told}.")


def _few_trades(result: BacktestResult) -> Lint:
    n = result.n_trades
    few = n < FEW_TRADES
    told = counted(n, "closed trade")
    if not n:
        sentence = "No trade was closed: there is no sample to judge."
    elif few:
        sentence = f"{told}: fewer than {FEW_TRADES}, so that chance alone may explain the result."
    else:
        sentence = f"{told}, at least {FEW_TRADES}."
    return Lint("too_few_trades", few, float(n), sentence)


def _one_trade(result: BacktestResult) -> Lint:
    """The trade that grew the equity most, and the run without it: gains compound, so money would favour late trades.

    value: the part of the total return that is gone without it, above 1 where a loss would be left. The open trade
    takes part, as it does in the total return.
    """
    name = "one_trade_makes_the_profit"
    if not (result.total_return > 0 and len(result.trades)):
        return Lint(name, False, math.nan, "There is no profit that one trade could have made.")
    best = float(growth(result).max())
    rest = (1 + result.total_return) / best - 1
    share = 1 - rest / result.total_return
    told = (
        f"The best trade made {percent(best - 1)} on the equity it began with; without it the run would have"
        f" {outcome(rest)} instead of making {percent(result.total_return)}."
    )
    return Lint(name, share > MOST, share, told)


def _gaps(result: BacktestResult) -> Lint:
    """What prices moved across missing bars, against the net profit of the run; what else such trades made is sound."""
    name, trades = "profit_in_gaps", result.trades
    unit, spanning = quote(result.bars.symbol), int(trades["spans_gap"].sum())
    if not spanning:
        return Lint(name, False, 0.0, "No trade spans missing bars.")
    profit, moved = float(trades["pnl"].sum()), float(across_gaps(result).sum())
    side = "in favour of" if moved >= 0 else "against"
    told = (
        f"{counted(spanning, 'trade spans', 'trades span')} missing bars; from the last close before to the first open"
        f" after them, prices moved {money(abs(moved), unit)} {side} the positions"
    )
    if profit <= 0:
        return Lint(name, False, math.nan, f"{told}; there is no profit that could rest on that.")
    share = moved / profit
    compared = f", {percent(share, 0)} of the net profit" if moved > 0 else ""
    return Lint(name, share > MOST, share, f"{told}{compared}.")


def _ambiguous(result: BacktestResult) -> Lint:
    share = result.ambiguous_exits
    many = share > MANY_AMBIGUOUS  # False for NaN
    told = "No bar held both the stop and the target of a trade." if not share > 0 else (
        f"In {percent(share)} of the exits stop and target lay inside one bar; the stop was taken"
        f"{', and finer bars would be needed to know' if many else ''}."
    )  # fmt: skip
    return Lint("ambiguous_exits", many, share, told)


def _dropped(result: BacktestResult) -> Lint:
    reasons = {name: number for name, number in result.dropped.items() if number}
    total = sum(reasons.values())
    if not total:
        return Lint("dropped_entries", False, 0.0, "Every entry that could be taken was taken.")
    listed = ", ".join(f"{DROPPED.get(name, name)} ({count(number)})" for name, number in reasons.items())
    told = f"{counted(total, 'entry was', 'entries were')} not taken: {listed}."
    return Lint("dropped_entries", True, float(total), told)


def _costs(result: BacktestResult, sensitivity: pd.DataFrame) -> Lint:
    """Whether a profit survives each harder row of the sensitivity table."""
    harder = sensitivity.loc[[name for name in ("worst", "twice_the_costs") if name in sensitivity.index]]
    lowest = float(harder["total_return"].min())
    name = str(harder["total_return"].idxmin()) if math.isfinite(lowest) else "worst"
    case = {"worst": "filled at the worst price of the bar", "twice_the_costs": "at twice the costs"}[name]
    told = f"The strategy {outcome(result.total_return)}; {case} it {outcome(lowest)}"
    fragile = result.total_return > 0 >= lowest
    end = ": the profit does not survive." if fragile else "."
    return Lint("profit_needs_kind_fills", fragile, lowest, told + end)


def _own_close(result: BacktestResult, sensitivity: pd.DataFrame) -> Lint:
    returns = sensitivity["total_return"]
    gain = float(returns["same_close"] - returns["next_open"])
    told = f"Filling at the signal's own close instead of the next open changes the total return by {points(gain)}"
    fired = result.costs.fill == "same_close"
    note = ", and this run does so: that close is over when the signal is known" if fired else ""
    return Lint("fills_at_its_own_close", fired, gain, f"{told}{note}.")


def short(bars: Bars) -> bool:
    """Return whether the bars are too few, or cover too little time, for what is stated a year."""
    return span(bars) < SHORT_HISTORY or len(bars) < FEW_BARS


def _short_history(bars: Bars) -> Lint:
    length = span(bars)
    told = f"{counted(len(bars), 'bar covers', 'bars cover')} {duration(length)}"
    if short(bars):
        less = "less than one year" if length < SHORT_HISTORY else f"fewer than {FEW_BARS} bars"
        told += f": {less}, so that figures a year (growth, Sharpe, volatility, alpha, turnover) are stretched from it"
    return Lint("short_history", short(bars), length / pd.Timedelta(days=1), f"{told}.")


def _holes(bars: Bars) -> Lint:
    missing = int(bars.gaps["missing"].sum())
    share = missing / (missing + len(bars))
    many = share > MOST
    told = (
        f"Of the {bars.timeframe} bars from the first to the last {percent(share) if missing else 'none'} are missing"
    )
    why = ": the data may be of a longer timeframe than the one declared" if many else ""
    return Lint("most_bars_are_missing", many, share, f"{told}{why}.")


def headline(checks: list[Lint]) -> str:
    """Return how many checks raise a doubt, and which, in one sentence."""
    fired = [lowered(words(lint.name)) for lint in checks if lint.fired]
    if not fired:
        return f"None of {len(checks)} checks raises a doubt."
    verb = "raises a doubt" if len(fired) == 1 else "raise doubts"
    return f"{len(fired)} of {len(checks)} checks {verb}: {', '.join(fired)}."
