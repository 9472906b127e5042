"""The sheet of market regimes: where the run made and lost what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cryptolab.figures.regimes import HEIGHTS, WAYS, Price, Strip, timeline
from cryptolab.figures.study import Drawing
from cryptolab.reporting import charts, sheet
from cryptolab.reporting.cells import number_cell
from cryptolab.reporting.regimes import (
    ALL,
    HISTORY,
    TRENDS,
    UNKNOWN,
    VOLATILITIES,
    WINDOW,
    YEAR,
    Regimes,
    by_regime,
    regimes_of,
    window_of,
)
from cryptolab.reporting.sheet import Cell, Sheet
from cryptolab.reporting.thinning import thin
from cryptolab.reporting.wording import counted, percent, quote

if TYPE_CHECKING:
    from cryptolab.reporting.study import Study

COLUMNS = 1200
"""The most columns of a strip: every so many bars are drawn."""
_HEADER = (
    "Trend, volatility", "Share of time", "Bars", "Return", "Price", "Sharpe", "In the deepest fall", "Exposure",
    "Trades", "Win rate",
)  # fmt: skip
_WRITTEN = {
    "share": "exposure", "bars": "n_trades", "total_return": "total_return", "market_return": "total_return",
    "sharpe_ratio": "sharpe_ratio", "deepest_fall": "max_drawdown", "exposure": "exposure", "n_trades": "n_trades",
    "win_rate": "win_rate",
}  # fmt: skip
"""Each column, and the metric that it is written as."""
_MEANING = (
    f"Trend is the return of the last {WINDOW} days in units of its volatility, volatility that of the same days. Each"
    f" is called by the third in which it lies of what it was at the ends of the last {YEAR} UTC days with bars (of"
    f" {HISTORY} at least; before that it is unknown). No later bar plays a part, and what a bar brought is put down to"
    " the regime known at the close before it: a rule that trades by regime would have known no less and no more."
)
_READING = (
    "Return: the bars of a regime chained, net of costs; those of the nine and of unknown compound to that of the run."
    " Price: the same bars of the market itself. In the deepest fall: the part of the maximum drawdown that happened in"
    " the regime. Trades and their win rate: closed ones, by the regime they were entered in. Nine regimes are nine"
    " chances to see a pattern that is luck: one with few trades says nothing, and a Sharpe ratio of few days little."
)


def regimes(study: Study) -> Sheet:
    """The regimes over time, returns and Sharpe ratios by regime, and the whole table."""
    bars, found = study.bars, regimes_of(study.bars)
    table = by_regime(study.result, found)
    if table.at[(UNKNOWN, UNKNOWN), "bars"] == len(bars):
        days = f"{window_of(bars):,} bars and {HISTORY} days with bars after them"
        return sheet.sheet(sheet.paragraph(f"The history is too short to tell regimes apart: it takes {days}."))
    return sheet.sheet(
        sheet.figure(_drawn(study, found)),
        sheet.columns(
            sheet.heading("Return") + _grid(table, "total_return"),
            sheet.heading("Sharpe ratio") + _grid(table, "sharpe_ratio"),
        ),
        sheet.paragraph(_MEANING, "note"),
        sheet.heading("All numbers"),
        sheet.table(_HEADER, _rows(table), "wide"),
        sheet.paragraph(_READING, "note"),
    )


def _drawn(study: Study, found: Regimes) -> Drawing:
    """Return the figure: the price thinned, one column of the strips for every so many bars."""
    bars = study.bars
    kept = thin(bars.close)
    every = np.arange(0, len(bars), -(-len(bars) // COLUMNS))
    strips = [
        Strip("trend", found.trend[every], TRENDS, WAYS),
        Strip("volatility", found.volatility[every], VOLATILITIES, HEIGHTS),
    ]
    line, log = Price(bars.index[kept], bars.close[kept]), charts.wide(bars.close)
    mark = sheet.SIMULATED if study.simulated else ""
    return timeline(line, bars.index[every], strips, log, mark, quote(bars.symbol))


def _grid(table: pd.DataFrame, name: str) -> str:
    """Return one column of the table as trend by volatility, with its margins, shaded by size and sign."""
    size = np.log1p(table[name].clip(lower=-0.999)) if name == "total_return" else table[name]  # twice, or half: alike
    full = size[[trend in TRENDS and volatility in VOLATILITIES for trend, volatility in table.index]].abs().max()
    shades = dict(zip(table.index, (size / full).clip(-1, 1).fillna(0.0), strict=True))
    numbers = dict(zip(table.index, table.to_dict("records"), strict=True))
    rows = []
    for trend in (*TRENDS, ALL):
        cells = []
        for volatility in (*VOLATILITIES, ALL):
            found = numbers[trend, volatility]
            hint = f"{percent(found['share'])} of the time, {counted(found['n_trades'], 'trade')}"
            shown = number_cell(_WRITTEN[name], found[name]).text
            cells.append(Cell(shown, hint, shade=shades[trend, volatility]))
        rows.append([trend.capitalize(), *cells])
    return sheet.table(["", *(word.capitalize() for word in (*VOLATILITIES, ALL))], rows, "grid")


def _rows(table: pd.DataFrame) -> list[list[Cell | str]]:
    rows: list[list[Cell | str]] = []
    for (trend, volatility), numbers in zip(table.index, table.to_dict("records"), strict=True):
        if trend == volatility:
            said = "All bars" if trend == ALL else "Unknown"
        else:
            said = ", ".join(word for word in (trend, volatility) if word != ALL).capitalize()
        rows.append([said, *(number_cell(metric, numbers[column]) for column, metric in _WRITTEN.items())])
    return rows
