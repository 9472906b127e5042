"""The sheets of what came out: which numbers stand where. `tables` makes them, `sheet` the HTML, `wording` the text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cryptolab.reporting import charts, sheet, tables
from cryptolab.reporting.cells import MONEY, heat_cell, number_cell
from cryptolab.reporting.lints import headline, short
from cryptolab.reporting.sheet import Cell, Sheet
from cryptolab.reporting.wording import (
    counted,
    duration,
    moment,
    percent,
    price,
    priced,
    quote,
    span,
    verdict,
    words,
)

if TYPE_CHECKING:
    from cryptolab.reporting.study import Study

SHOWN_TRADES = 20
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NO_EDGE = (
    "The market is simulated: its direction cannot be foreseen by construction, so no rule has an edge in it. Read this"
    " to see what a report says, not what a market did."
)
_TRADES_NOTE = (
    "Closed trades. Returns are net of both fees and relative to the entry. Ambiguous exits: stop and target lay inside"
    " one bar, and the stop was taken. Across a gap: bars are missing between entry and exit. A trade of zero profit is"
    " no winner and no loser, and ends a losing streak."
)
_SHORT = {
    "total_return": "Total return",
    "difference": "Against this run",
    "cagr": "A year",
    "sharpe_ratio": "Sharpe",
    "max_drawdown": "Drawdown",
    "win_rate": "Win rate",
    "profit_factor": "Profit factor",
    "n_trades": "Trades",
    "fees_paid": "Commissions",
}
_CASES = {
    "next_open": "At the next open",
    "same_close": "At the signal's own close",
    "worst": "At the worst price of the next bar",
    "twice_the_costs": "With twice the costs",
}


def opening(study: Study) -> Sheet:
    """The title, the verdict, the first numbers, and which checks raise a doubt."""
    result, market, bars = study.result, study.market, study.bars
    first, *rest = verdict(result, market)
    eyebrow = f"{bars.symbol} · {bars.timeframe} · {bars.index[0]:%Y-%m-%d} to {bars.index[-1]:%Y-%m-%d} UTC"
    meaning = tables.definitions()
    items = [("Strategy", "total_return", result), ("Buy-and-hold", "total_return", market)]
    items += [(words(name), name, result) for name in ("max_drawdown", "sharpe_ratio", "n_trades", "exposure")]
    numbers = []
    for label, name, run in items:
        cell = number_cell(name, run[name])
        numbers.append((label, Cell(cell.text, meaning.get(name, ""), cell.look)))
    return sheet.opening(
        sheet.paragraph(eyebrow, "eyebrow")
        + f"<h1>{sheet.esc(study.title)}</h1>"
        + sheet.paragraph(first, "lead")
        + sheet.paragraph(" ".join(rest))
        + (sheet.paragraph(_NO_EDGE) if study.simulated else "")
        + sheet.tiles(numbers)
        + sheet.paragraph(headline(study.lints)),
        study.simulated,
    )


def comparison(study: Study) -> Sheet:
    """Every metric of the strategy and of buy-and-hold, each with its definition."""
    table = tables.comparison(study.result, study.market)
    meaning = tables.definitions()
    rows = [
        [
            Cell(_label(name, study), meaning.get(name, "")),
            *(number_cell(name, table.at[name, run]) for run in table.columns),
        ]
        for name in table.index
    ]
    costs = study.result.costs
    note = (
        "Buy-and-hold buys with all its capital at the first possible fill and never sells: the same engine, commission"
        f" ({percent(costs.commission, 2)}), slippage ({percent(costs.slippage, 2)}) and fill rule"
        f" ({costs.fill.replace('_', ' ')}), without stops. Alpha and beta are measured against the price itself."
    )
    if short(study.bars):
        note += f" Figures a year are stretched from {duration(span(study.bars))}: read them with doubt."
    return sheet.sheet(
        sheet.columns(
            sheet.table(["", "Strategy", "Buy-and-hold"], rows),
            sheet.paragraph(note, "note") + sheet.folded("What the numbers mean", _meanings(meaning)),
        )
    )


def _label(name: str, study: Study) -> str:
    """Return a metric's or statistic's name, with the currency where it is money."""
    return priced(words(name), quote(study.bars.symbol)) if name in MONEY else words(name)


def _meanings(meaning: dict[str, str]) -> str:
    rows = [[words(name), sentence] for name, sentence in meaning.items()]
    return sheet.table(["Metric", "Definition"], rows, "text")


def equity(study: Study) -> Sheet:
    """Equity and drawdown of both."""
    drawing = charts.equity_drawing(study.result, study.market, study.strategy.name, _mark(study))
    points = len(study.result.equity_curve)
    thinned = f" Of {counted(points, 'value')} per line, the lowest and highest of each stretch are drawn."
    note = "Equity at each bar's close; below it, the fall from its highest point so far."
    return sheet.sheet(sheet.figure(drawing), sheet.paragraph(note + (thinned if points > 3000 else ""), "note"))


def months(study: Study) -> Sheet:
    """Monthly and yearly returns, shaded; the years of buy-and-hold beside them."""
    table, market = tables.months(study.result), tables.months(study.market)
    grid = table[list(range(1, 13))].to_numpy(float)
    years = zip(table.index, grid, table["year"], market["year"], strict=True)
    rows = [
        [str(year), *(heat_cell(value, 0.15) for value in each), heat_cell(own, 0.6), heat_cell(held, 0.6)]
        for year, each, own, held in years
    ]
    monthly = grid.ravel()
    monthly = monthly[~np.isnan(monthly)]
    won = int((monthly > 0).sum())
    note = (
        f"Per cent, by UTC month of the bars' opens, net of costs; {won} of {counted(len(monthly), 'month')} won,"
        f" best {percent(float(monthly.max()))}, worst {percent(float(monthly.min()))}. The first and the last month"
        " may be parts of one. Hold: buy-and-hold over the year."
    )
    return sheet.sheet(sheet.table(["", *_MONTHS, "Year", "Hold"], rows, "heat"), sheet.paragraph(note, "note"))


def candles(study: Study) -> Sheet:
    """The trades on the whole history, then on the stretches worth a closer look."""
    mark = _mark(study)
    drawing, note = charts.overview(study.result, mark)
    legend = (
        "Triangles are entries and point the way of the trade, circles are exits; the line between is green for a trade"
        " that won and red for one that did not. With a mouse, drag to look closer and double-click to see all; on a"
        " touch screen, tap a mark to read its trade."
    )
    parts = [sheet.figure(drawing), sheet.paragraph(f"{legend} {note}".strip(), "note")]
    if len(study.result.trades):
        parts += [sheet.heading("A closer look"), sheet.figure(charts.close_ups(study.result, mark))]
    return sheet.sheet(*parts)


def trades(study: Study) -> Sheet:
    """Distribution and statistics of the trades, reasons of exit, the last trades."""
    result = study.result
    drawing = charts.returns_drawing(result, _mark(study))
    if not len(result.trades) or drawing is None:
        told = "One trade was opened and none closed." if len(result.trades) else "There was no trade."
        return sheet.sheet(sheet.paragraph(told), _last_trades(study) if len(result.trades) else "")
    statistics = tables.trade_statistics(result.trades)
    rows = [
        [_label(name, study), *(number_cell(name, statistics.at[name, part]) for part in statistics.columns)]
        for name in statistics.index
    ]
    reasons = tables.by_reason(result.trades)
    reason_rows = [
        [words(str(reason)), *(number_cell(name, row[name]) for name in reasons.columns)]
        for reason, row in reasons.iterrows()
    ]
    return sheet.sheet(
        sheet.figure(drawing),
        sheet.columns(
            sheet.table(["", *(words(part) for part in statistics.columns)], rows),
            sheet.heading("By reason of exit")
            + sheet.table(["", *(_label(name, study) for name in reasons.columns)], reason_rows)
            + sheet.paragraph(_TRADES_NOTE, "note"),
        ),
        sheet.heading(f"Last {min(SHOWN_TRADES, len(result.trades))} of {counted(len(result.trades), 'trade')}"),
        _last_trades(study),
    )


def _last_trades(study: Study) -> str:
    """Return the latest trades as a table, newest first."""
    table = study.result.trades
    rows = [
        [
            moment(trade["entry_time"]),
            "open" if pd.isna(trade["exit_time"]) else moment(trade["exit_time"]),
            trade["direction"],
            price(trade["entry_price"]),
            "–" if pd.isna(trade["exit_time"]) else price(trade["exit_price"]),
            number_cell("profit", trade["pnl"]),
            number_cell("mean_return", trade["return"]),
            ("so far" if trade["exit_reason"] == "open" else trade["exit_reason"].replace("_", " "))
            + (", gap" if trade["spans_gap"] else "")
            + (", ambiguous" if trade["ambiguous"] else ""),
        ]
        for trade in table.tail(SHOWN_TRADES).iloc[::-1].to_dict("records")
    ]
    header = [
        "Entry, UTC",
        "Exit, UTC",
        "Side",
        "Entry price",
        "Exit price",
        _label("profit", study),
        "Return",
        "Reason",
    ]
    return sheet.table(header, rows, "trades")


def sensitivity(study: Study) -> Sheet:
    """The same signals under other fills and costs."""
    table = study.sensitivity_table
    rows = []
    for case, row in table.iterrows():
        own = " (this run)" if row["configured"] else ""
        cells = [number_cell(name, row[name]) for name in _SHORT]
        rows.append([Cell(_CASES[str(case)] + own), *cells])
    header = [
        "Fills",
        *(priced(said, quote(study.bars.symbol)) if name in MONEY else said for name, said in _SHORT.items()),
    ]
    note = (
        "The same signals, filled in other ways. A profit that disappears in the lower rows comes from how orders were"
        " assumed to fill, not from the signals. The worst price of the next bar is its high for buys and its low for"
        f" sells. Twice the costs: commission {percent(2 * study.result.costs.commission, 2)} and slippage"
        f" {percent(2 * study.result.costs.slippage, 2)}."
    )
    return sheet.sheet(sheet.table(header, rows, "wide"), sheet.paragraph(note, "note"))


def checks(study: Study) -> Sheet:
    """Every check with its sentence, doubts first."""
    found = study.lints
    return sheet.sheet(
        sheet.paragraph(headline(found)),
        sheet.checks((lint.fired, words(lint.name) + ".", lint.sentence) for lint in found),
    )


def closing() -> Sheet:
    """The disclaimer."""
    return sheet.sheet(sheet.disclaimer())


def _mark(study: Study) -> str:
    return sheet.SIMULATED if study.simulated else ""
