"""The tearsheet: what the library quantstats says of a run's daily returns, as one HTML file that needs no network.

Our own metrics are the truth, and the tests hold quantstats' headline numbers equal to `daily_metrics`. Its known
errors are corrected (see `corrections`) or said at the top of the sheet.
"""

from __future__ import annotations

import re
import tempfile
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd

from cryptolab.backtesting import BacktestResult
from cryptolab.backtesting.metrics import daily_metrics
from cryptolab.checks import refuse
from cryptolab.errors import CryptolabError, RunError
from cryptolab.reporting import sheet, tables
from cryptolab.reporting.cells import number_cell
from cryptolab.reporting.corrections import YEAR, corrected
from cryptolab.reporting.wording import counted, words

FILE = "tearsheet.html"
"""What a run calls it."""

COMPARED = ("total_return", "cagr", "sharpe_ratio", "sortino_ratio", "max_drawdown", "volatility")
"""The numbers that stand at its top, over bars and over days."""

_LEAD = (
    "The same run, looked at once more by the library quantstats, through its daily returns. The report's own numbers"
    " are the ones that count: they see each bar, and these only the end of each day."
)
_DAYS = (
    "A day is a UTC day with bars, and a bar belongs to the day of its open; the first day's return is measured against"
    " the initial capital. A year has 365 days, and the risk-free rate is 0. The benchmark is buy-and-hold: bought with"
    " all the capital at the first possible fill, at the same commission and slippage, and never sold."
)
CORRECTED = (
    "Growth a year, and what rests on it (Calmar, Risk-Adjusted Return), goes by the calendar and by 365 days; as"
    " published it counts days with bars alone, and Risk-Adjusted Return has years of 252 days.",
    "The years below the yearly bars are the right ones; as published they are one late.",
    "Days before the first trade count; as published they are cut off.",
    "Returns without a loss and with a gain above 100 % in a day stay returns; as published they are taken for prices.",
    "A drawdown that begins on the first day and never ends is found, and one that goes on has recovered “not yet”; as"
    " published the first is missed, and the second recovers on the last day.",
    "The Recovery Factor is the total return over the maximum drawdown; as published it adds returns up and drops the"
    " sign, so that a loss may look like a recovery.",
    "Time in Market is not rounded up, and Risk of Ruin is in per cent.",
    "The smart ratios of the benchmark are lowered for its own autocorrelation; as published for the strategy's.",
    "The rolling beta begins where it is known; as published it is drawn as 0 before, which its mean counts.",
    "“3Y”, “5Y” and “10Y” look back 35, 59 and 119 months and are called so.",
)
CARE = (
    "Falls within a day are not seen: the maximum drawdown of the report may be deeper.",
    "Time in Market counts days with a return other than 0; Win Days, and the average returns, leave those of 0 out.",
    "Information Ratio and Risk-Return Ratio are those of a day. Ulcer Performance Index and Treynor Ratio take the"
    " return of the whole time, not of a year.",
    "The chart of daily returns, Gain/Pain and Serenity Index add returns up without compounding: they may be positive"
    " where money was lost.",
    "Value-at-Risk and Expected Shortfall assume a bell curve; the tails of these markets are fatter.",
    "Kelly Criterion and Risk of Ruin take days for independent bets that win or lose an average.",
    "3M, 6M and 1Y begin a day early. The first and the last month, quarter and year may be parts of one, and months"
    " without bars read 0.00.",
    "The Multiplier of a year divides one return by the other: it says nothing where one of them is a loss.",
    "“Log Scaled” is linear up to a return of 200 %. “Worst 5 Drawdown Periods” marks the five longest.",
)


def write_tearsheet(
    result: BacktestResult, path: str | Path, *, title: str = "", market: BacktestResult | None = None
) -> Path:
    """Write the tearsheet of a run to `path` and return it.

    market: the run of buy-and-hold on the same bars, where it was made already. The same run gives the same bytes.
    Raises InputError for bars longer than a day, for returns that do not vary and for an account that lost everything
    (there quantstats has no numbers), RunError where quantstats fails.
    """
    if not isinstance(result, BacktestResult):
        refuse("tearsheet", f"a {type(result).__name__}", "give the BacktestResult of engine.run(...)")
    file = Path(path)
    if file.is_dir() or not file.parent.is_dir():
        wrong = "a folder" if file.is_dir() else "a path in a folder that does not exist"
        refuse("tearsheet", f"{wrong} ({str(path)!r})", "name an HTML file in a folder that does")
    returns = _varying(result.daily_returns)
    held = tables.buy_and_hold(result.bars, result.costs, result.initial_capital) if market is None else market
    against = held.daily_returns
    if not against.index.equals(returns.index):
        refuse("market", f"a run on other days ({against.index[0]:%Y-%m-%d} on)", "give one on the same bars")
    page = _drawn(returns, against, _template(result, returns, title))
    draft = file.with_name(f"{file.name}.part")
    draft.write_text(page, encoding="utf-8")
    draft.replace(file)
    return file


def linked(output: str | Path, result: BacktestResult, title: str, market: BacktestResult) -> sheet.Sheet:
    """Write the tearsheet into the folder `output` and return the sheet that links it, or says why there is none.

    Empty, `output` writes nothing, as in a notebook run by hand.
    """
    said = sheet.paragraph(f"A run with an output folder writes {FILE} into it.", "note")
    if str(output):
        try:
            file = write_tearsheet(result, Path(output) / FILE, title=title, market=market)
            said = sheet.link(file.name, FILE, "quantstats on the daily returns of this run, in a file beside this one")
        except CryptolabError as problem:
            said = sheet.paragraph(f"No tearsheet. {problem}", "note")
    return sheet.sheet(sheet.heading("Tearsheet"), said)


def _varying(returns: pd.Series) -> pd.Series:
    """Return daily returns that quantstats has numbers for; refuse others."""
    instead = "read the report's own tables instead"
    lost = returns.isna() | (returns <= -1)
    if lost.any():
        refuse("tearsheet", f"an account that lost everything by {lost.idxmax():%Y-%m-%d}", instead)
    if len(returns) < 2 or not daily_metrics(returns).volatility > 0:
        refuse("tearsheet", f"{counted(len(returns), 'daily return')} without variation", instead)
    return returns


def _drawn(returns: pd.Series, market: pd.Series, template: str) -> str:
    """Return the template with quantstats' charts and tables in it."""
    with tempfile.TemporaryDirectory(prefix="cryptolab-tearsheet-") as scratch, corrected() as quantstats:
        source, made = Path(scratch) / "template.html", Path(scratch) / "page.html"
        source.write_text(template, encoding="utf-8")
        try:
            quantstats.reports.html(
                returns.rename("Strategy"), market.rename("Buy-and-hold"), periods_per_year=YEAR, output=str(made),
                template_path=str(source), strategy_title="Strategy", benchmark_title="Buy-and-hold",
                match_dates=False,  # it would cut the days before the first trade off
            )  # fmt: skip
        except Exception as error:
            raise RunError(
                f"tearsheet: quantstats {quantstats.__version__} raised {type(error).__name__} on these returns"
                f" ({error}); read the report's own tables instead."
            ) from error
        return _embedded(made.read_text(encoding="utf-8"))


def _embedded(page: str) -> str:
    """Return the page without what a drawing says as a file of its own: its prolog, and when it was made by what."""
    return re.sub(r"<\?xml.*?\?>\s*|<!DOCTYPE svg.*?>\s*|<metadata>.*?</metadata>\s*", "", page, flags=re.S)


def _template(result: BacktestResult, returns: pd.Series, title: str) -> str:
    """Return the page with our own parts in it, and quantstats' places left open."""
    bars = result.bars
    first, last = returns.index[0], returns.index[-1]
    missing = (last - first).days + 1 - len(returns)
    eyebrow = f"{bars.symbol} · {counted(len(returns), 'daily return')} · {first:%Y-%m-%d} to {last:%Y-%m-%d} UTC"
    if missing:
        eyebrow += f" · {counted(missing, 'day')} without bars"
    said = f"{sheet.SIMULATED} market: these prices never traded"
    own = {
        "heading": _plain(title or f"Tearsheet of {bars.symbol}, {bars.timeframe}"),
        "eyebrow": _plain(eyebrow),
        "note": _note(result, returns),
        "ribbon": f'<div class="ribbon" role="note">{said}</div>' if bars.simulated else "",
        "marked": ' class="simulated"' if bars.simulated else "",
        "disclaimer": "".join(sheet.paragraph(text, "small") for text in sheet.DISCLAIMER).replace("cl-", ""),
    }
    return Template(_page()).substitute(own)


def _note(result: BacktestResult, returns: pd.Series) -> str:
    """Return what stands at the top: what this is, our numbers beside it, what was corrected, what to mind."""
    daily = daily_metrics(returns)._asdict()
    rows = [
        [words(name), number_cell(name, result[name]).text, number_cell(name, daily[name]).text] for name in COMPARED
    ]
    numbers = sheet.table(["Strategy", "Per bar, as in the report", "Per day, as here"], rows)
    return (
        f'<p class="lead">{_plain(_LEAD)}</p><div class="scroll ours">{numbers}</div>'
        f'<div class="note"><p>{_plain(_DAYS)}</p><div class="two">{_items("Read with care", CARE)}'
        f"{_items('Corrected in quantstats ' + version('quantstats'), CORRECTED)}</div></div>"
    )


def _items(heading: str, lines: tuple[str, ...]) -> str:
    return f"<div><h3>{_plain(heading)}</h3><ul>{''.join(f'<li>{_plain(line)}</li>' for line in lines)}</ul></div>"


def _plain(value: Any) -> str:
    """Return a text that is neither markup nor one of quantstats' places, which are written in two braces."""
    return sheet.esc(value).replace("{", "&#123;").replace("}", "&#125;")


@cache
def _page() -> str:
    return (files("cryptolab.reporting") / FILE).read_text(encoding="utf-8")
