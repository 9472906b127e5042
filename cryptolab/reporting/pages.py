"""The sheets of a study: which numbers stand where. Tables make the numbers, `sheet` the HTML, `wording` the text."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cryptolab.reporting import charts, sheet, tables
from cryptolab.reporting.cells import heat_cell, number_cell
from cryptolab.reporting.lints import headline
from cryptolab.reporting.sheet import Cell, Sheet
from cryptolab.reporting.wording import (
    count,
    duration,
    lowered,
    moment,
    money,
    percent,
    price,
    span,
    verdict,
    words,
)

if TYPE_CHECKING:
    from cryptolab.reporting.study import Study

SHOWN_GAPS, SHOWN_TRADES = 5, 20
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NO_EDGE = (
    "The market is simulated: its direction cannot be foreseen by construction, so no rule has an edge in it. Read this"
    " to see what a report says, not what a market did."
)
_TRADES_NOTE = (
    "Closed trades. Returns are net of both fees and relative to the entry. Ambiguous exits: stop and target lay inside"
    " one bar, and the stop was taken. Across a gap: bars are missing between entry and exit."
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


def data(study: Study) -> Sheet:
    """The data card: source, span, gaps, fingerprint."""
    bars = study.bars
    gaps = bars.gaps
    missing = int(gaps["missing"].sum())
    share = percent(missing / (missing + len(bars)), 2)
    source = f"simulated market, seed {_market_seed(study)}" if study.simulated else study.spec.get("file", bars.source)
    pairs = [
        ("Source", source),
        ("Symbol", bars.symbol),
        ("Timeframe", bars.timeframe),
        ("First open, UTC", moment(bars.index[0])),
        ("Last close, UTC", moment(pd.Timestamp(int(bars.time[-1]) + bars.interval))),
        ("Length", duration(span(bars))),
        ("Bars", count(len(bars))),
        ("Missing bars", f"{count(missing)} in {count(len(gaps))} gaps ({share})"),
        ("Rows without prices", count(len(bars.rows) - len(bars))),
        ("Bars without volume", count(int((bars.volume == 0).sum()))),
        ("First and last price", f"{price(float(bars.open[0]))} → {price(float(bars.close[-1]))}"),
        ("Fingerprint", bars.fingerprint[:12]),
    ]
    parts = [sheet.facts(pairs)]
    if len(gaps):
        longest = gaps.nlargest(SHOWN_GAPS, "missing")
        rows = [
            [moment(gap["start"]), moment(gap["end"]), count(gap["missing"]), duration(gap["end"] - gap["start"])]
            for gap in longest.to_dict("records")
        ]
        parts += [
            sheet.heading("Longest gaps" if len(gaps) > len(rows) else "Gaps"),
            sheet.table(["First missing open", "Next open", "Missing bars", "Length"], rows),
        ]
    parts.append(sheet.hash_line("SHA-256 over symbol, timeframe and arrays:", bars.fingerprint))
    return sheet.sheet(*parts)


def _market_seed(study: Study) -> Any:
    given = study.spec.get("simulated") or {}
    return given.get("seed", study.seed)


def setup(study: Study) -> Sheet:
    """The strategy with parameters and source; costs and risk, and what is not set."""
    strategy, result = study.strategy, study.result
    pairs = [("Strategy", study.named)]
    pairs += [(name, str(value)) for name, value in study.parameters.items()]
    settings = asdict(result.costs) | asdict(result.risk)
    shown = [("Initial capital", money(result.initial_capital))]
    for name, value in settings.items():
        if value is not None and not (name in ("lot_step", "min_order_size") and value == 0):
            shown.append((words(name), _setting(name, value)))
    unset = [lowered(words(name)) for name, value in asdict(result.risk).items() if value is None]
    parts = [sheet.paragraph(strategy.doc.split("\n\n")[0].replace("\n", " "))] if strategy.doc else []
    parts += [sheet.facts(pairs), sheet.heading("Costs and risk"), sheet.facts(shown)]
    if unset:
        parts.append(sheet.paragraph(f"Not set: {', '.join(unset)}.", "note"))
    if strategy.source is not None:
        parts.append(sheet.folded("Source of the strategy", sheet.code(strategy.source)))
    name = "SHA-256 of the source:" if strategy.source is not None else f"SHA-256 ({strategy.source_note}):"
    parts.append(sheet.hash_line(name, strategy.source_hash))
    return sheet.sheet(*parts)


def _setting(name: str, value: Any) -> str:
    """Return a setting of Costs or Risk: fractions as per cent, words as words."""
    if isinstance(value, bool):
        return "allowed" if value else "not allowed"
    if isinstance(value, str):
        return value.replace("_", " ")
    if name == "max_wait":
        return f"{value} missing {'bar' if value == 1 else 'bars'}"
    if name in ("lot_step", "min_order_size"):
        return f"{value:g} coins"
    if name.endswith("multiplier"):
        return f"{value:g} × ATR(14)"
    return percent(value, 2 if name in ("commission", "slippage") else 1)


def comparison(study: Study) -> Sheet:
    """Every metric of the strategy and of buy-and-hold, each with its definition."""
    table = tables.comparison(study.result, study.market)
    meaning = tables.definitions()
    rows = [
        [Cell(words(name), meaning.get(name, "")), *(number_cell(name, table.at[name, run]) for run in table.columns)]
        for name in table.index
    ]
    costs = study.result.costs
    note = (
        "Buy-and-hold buys with all its capital at the first possible fill and never sells: the same engine, commission"
        f" ({percent(costs.commission, 2)}), slippage ({percent(costs.slippage, 2)}) and fill rule"
        f" ({costs.fill.replace('_', ' ')}), without stops. Alpha and beta are measured against the price itself."
    )
    return sheet.sheet(
        sheet.columns(
            sheet.table(["", "Strategy", "Buy-and-hold"], rows),
            sheet.paragraph(note, "note") + sheet.folded("What the numbers mean", _meanings(meaning)),
        )
    )


def _meanings(meaning: dict[str, str]) -> str:
    rows = [[words(name), sentence] for name, sentence in meaning.items()]
    return sheet.table(["Metric", "Definition"], rows, "text")


def equity(study: Study) -> Sheet:
    """Equity and drawdown of both."""
    drawing = charts.equity_drawing(study.result, study.market, study.strategy.name, _mark(study))
    points = len(study.result.equity_curve)
    thinned = f" Of {count(points)} values per line, the lowest and highest of each stretch are drawn."
    note = "Equity at each bar's close, in quote currency; below it, the fall from its highest point so far."
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
        f"Per cent, by UTC month of the bars' opens, net of costs; {count(won)} of {count(len(monthly))} months won,"
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
        " that won and red for one that lost. Drag to look closer, double-click to see all."
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
        return sheet.sheet(sheet.paragraph(told), _last_trades(result.trades) if len(result.trades) else "")
    statistics = tables.trade_statistics(result.trades)
    rows = [
        [words(name), *(number_cell(name, statistics.at[name, part]) for part in statistics.columns)]
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
            + sheet.table(["", *map(words, reasons.columns)], reason_rows)
            + sheet.paragraph(_TRADES_NOTE, "note"),
        ),
        sheet.heading(f"Last {min(SHOWN_TRADES, len(result.trades))} of {count(len(result.trades))} trades"),
        _last_trades(result.trades),
    )


def _last_trades(table: pd.DataFrame) -> str:
    """Return the latest trades as a table, newest first."""
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
    header = ["Entry, UTC", "Exit, UTC", "Side", "Entry price", "Exit price", "Profit", "Return", "Reason"]
    return sheet.table(header, rows, "trades")


def sensitivity(study: Study) -> Sheet:
    """The same signals under other fills and costs."""
    table = study.sensitivity_table
    rows = []
    for case, row in table.iterrows():
        own = " (this run)" if row["configured"] else ""
        cells = [number_cell(name, row[name]) for name in _SHORT]
        rows.append([Cell(_CASES[str(case)] + own), *cells])
    header = ["Fills", *_SHORT.values()]
    note = (
        "The same signals, filled in other ways: a result that lives only in the first rows lives on its fills."
        " The worst price of the next bar is its high for buys and its low for sells. Twice the costs: commission"
        f" {percent(2 * study.result.costs.commission, 2)} and slippage {percent(2 * study.result.costs.slippage, 2)}."
    )
    return sheet.sheet(sheet.table(header, rows), sheet.paragraph(note, "note"))


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
