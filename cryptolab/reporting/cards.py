"""What a study was made from, on two sheets: the data card, and the strategy with its costs and risk."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from cryptolab.database.spans import instant
from cryptolab.reporting import sheet
from cryptolab.reporting.sheet import Sheet
from cryptolab.reporting.wording import (
    count,
    counted,
    duration,
    lowered,
    moment,
    money,
    percent,
    price,
    quote,
    span,
    words,
)

if TYPE_CHECKING:
    from cryptolab.reporting.study import Study

SHOWN_GAPS = 5


def data(study: Study) -> Sheet:
    """The data card: source, span, gaps, fingerprint."""
    bars = study.bars
    gaps = bars.gaps
    missing = int(gaps["missing"].sum())
    share = percent(missing / (missing + len(bars)), 2)
    pairs = [
        ("Source", _source(study)),
        ("Symbol", bars.symbol),
        ("Timeframe", bars.timeframe),
        ("First open, UTC", moment(bars.index[0])),
        ("Last close, UTC", moment(pd.Timestamp(int(bars.time[-1]) + bars.interval))),
        ("Length", duration(span(bars))),
        ("Bars", count(len(bars))),
        ("Missing bars", f"{count(missing)} in {counted(len(gaps), 'gap')} ({share})" if missing else "0"),
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
            sheet.table(["First missing open", "Next open", "Missing bars", "Length"], rows, "dates"),
        ]
    parts.append(sheet.hash_line("SHA-256 over symbol, timeframe and arrays:", bars.fingerprint))
    return sheet.sheet(*parts)


def _source(study: Study) -> str:
    if study.simulated:
        given = study.spec.get("simulated") or {}
        return f"simulated market, seed {given.get('seed', study.seed)}"
    if "store" not in study.spec:
        return study.bars.source
    as_of = study.spec["store"].get("as_of")
    return f"the store, {study.bars.source}" + (f", as of {moment(instant('as_of', as_of))} UTC" if as_of else "")


def setup(study: Study) -> Sheet:
    """The strategy with parameters and source; costs and risk, and what is not set."""
    strategy, result = study.strategy, study.result
    pairs = [("Strategy", study.named)]
    pairs += [(name, str(value)) for name, value in study.parameters.items()]
    settings = asdict(result.costs) | asdict(result.risk)
    shown = [("Initial capital", money(result.initial_capital, quote(study.bars.symbol)))]
    for name, value in settings.items():
        if value is not None and not (name in ("lot_step", "min_order_size") and value == 0):
            shown.append((words(name), setting(name, value)))
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


def setting(name: str, value: Any) -> str:
    """Return a setting of Costs or Risk: fractions as per cent, words as words."""
    if isinstance(value, bool):
        return "allowed" if value else "not allowed"
    if isinstance(value, str):
        return value.replace("_", " ")
    if name == "max_wait":
        return counted(value, "missing bar")
    if name in ("lot_step", "min_order_size"):
        return f"{value:g} coins"
    if name.endswith("multiplier"):
        return f"{value:g} × ATR(14)"
    return percent(value, 2 if name in ("commission", "slippage") else 1)
