"""What a careful reader would object to: each doubt with its number and one sentence. They warn and never advise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from cryptolab.backtesting import BacktestResult
from cryptolab.reporting.tables import closed
from cryptolab.reporting.wording import count, duration, lowered, money, outcome, percent, plain, points, span, words

FEW_TRADES = 30
SHORT_HISTORY = pd.Timedelta(days=365)
MOST = 0.5
"""Above this share of the net profit one trade, or the trades across gaps, count as making it."""
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
        _one_trade(result.trades),
        _gaps(result.trades),
        _ambiguous(result),
        _dropped(result),
        _costs(result, sensitivity),
        _own_close(result, sensitivity),
        _short_history(result),
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
    told = f"{count(n)} closed {'trade' if n == 1 else 'trades'}"
    sentence = (
        f"{told}: fewer than {FEW_TRADES}, so that chance alone may explain the result."
        if few
        else f"{told}, at least {FEW_TRADES}."
    )
    return Lint("too_few_trades", few, float(n), sentence)


def _one_trade(trades: pd.DataFrame) -> Lint:
    """The best trade against the net profit of all, the open one included, as it is in the total return."""
    profit = float(trades["pnl"].sum())
    if profit <= 0:
        return Lint("one_trade_makes_the_profit", False, math.nan, "There is no profit that one trade could have made.")
    best = float(trades["pnl"].max())
    rest = profit - best
    told = f"The best trade made {money(best)} of {money(profit)} net profit ({percent(best / profit, 0)})"
    left = f"without it {money(rest)} would be left" if rest > 0 else f"without it {money(-rest)} would have been lost"
    return Lint("one_trade_makes_the_profit", best / profit > MOST, best / profit, f"{told}; {left}.")


def _gaps(trades: pd.DataFrame) -> Lint:
    profit = float(trades["pnl"].sum())
    spanning = trades[trades["spans_gap"].astype(bool)]
    if not len(spanning):
        return Lint("profit_in_gaps", False, 0.0, "No trade spans missing bars.")
    told = f"{count(len(spanning))} {'trade spans' if len(spanning) == 1 else 'trades span'} missing bars"
    if profit <= 0:
        return Lint("profit_in_gaps", False, math.nan, f"{told}; there is no profit that could rest on them.")
    share = float(spanning["pnl"].sum()) / profit
    rest = f"; the others together lost {money(profit * (share - 1))}" if share > 1 else ""
    return Lint("profit_in_gaps", share > MOST, share, f"{told} and made {percent(share, 0)} of the net profit{rest}.")


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
    listed = ", ".join(f"{name.replace('_', ' ')} {count(number)}" for name, number in reasons.items())
    verb = "entry was" if total == 1 else "entries were"
    return Lint("dropped_entries", True, float(total), f"{count(total)} {verb} not taken: {listed}.")


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


def _short_history(result: BacktestResult) -> Lint:
    length = span(result.bars)
    short = length < SHORT_HISTORY
    days = length / pd.Timedelta(days=1)
    told = f"The bars cover {duration(length)}"
    return Lint("short_history", short, days, f"{told}{': less than one year' if short else ''}.")


def headline(checks: list[Lint]) -> str:
    """Return how many checks raise a doubt, and which, in one sentence."""
    fired = [lowered(words(lint.name)) for lint in checks if lint.fired]
    if not fired:
        return f"None of {len(checks)} checks raises a doubt."
    verb = "raises a doubt" if len(fired) == 1 else "raise doubts"
    return f"{len(fired)} of {len(checks)} checks {verb}: {', '.join(fired)}."
