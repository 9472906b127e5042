"""A sweep as a notebook shows it: what was run, what failed, the best rows. Every text from outside is escaped here."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from cryptolab.optimization.scales import SCALES, shown, written

SHOWN = (
    "sharpe_ratio", "total_return", "cagr", "max_drawdown", "n_trades", "win_rate", "profit_factor", "fees_paid",
)  # fmt: skip
"""The metrics of the short table; all of them are in `SweepResult.table`."""
_FAILURES = 5
_CELL = 'style="text-align: right; white-space: nowrap; padding: 3px 12px 3px 0"'


class Run(NamedTuple):
    """What was run: names and numbers for the head."""

    strategy: str
    symbols: tuple[str, ...]
    timeframes: tuple[str, ...]
    bars: int
    """of all symbols"""
    sets: int
    """in the grid"""
    rows: int
    """finished: one per symbol and set"""
    wanted: int
    resumed: int
    """of the finished rows, those that came from a checkpoint"""
    simulations: int
    """bar-simulations of the finished rows"""
    seconds: float
    complete: bool
    failed: int = 0
    """of the finished rows"""
    ended: str = ""
    """why it stopped, where nobody interrupted it"""

    @property
    def rate(self) -> float:
        """Bar-simulations a second of the rows that were computed; NaN where there are none."""
        computed = self.rows - self.resumed
        if self.seconds <= 0 or not computed:
            return float("nan")
        return self.simulations * computed / self.rows / self.seconds


def line(run: Run) -> str:
    """Return one line: strategy, symbols, sets, time, rate, how many failed; why it ended early, where it is known."""
    return _run(run) + (f". {first_sentence(run.ended).removesuffix('.')}" if run.ended else "")


def _run(run: Run) -> str:
    symbols = ", ".join(run.symbols[:4]) + (f" and {len(run.symbols) - 4} more" if len(run.symbols) > 4 else "")
    sets = f"{run.sets:,} set{'s' if run.sets != 1 else ''}"
    state = "" if run.complete else f"unfinished, {run.rows:,} of {run.wanted:,} rows, "
    bars = f"{run.bars:,} bars of {'/'.join(dict.fromkeys(run.timeframes))}"
    speed = f", {rate(run.rate)} bar-simulations a second" if run.rate == run.rate else ""
    kept = f", {run.resumed:,} rows from the checkpoint" if run.resumed else ""
    what = f"{run.strategy} on {symbols}: {state}{sets} over {bars} in {seconds(run.seconds)}{speed}{kept}"
    return f"{what}, {_failed(run)} failed" if run.failed else what


def _failed(run: Run) -> str:
    """Return how many failed: of sets, where a row is a set, else of rows."""
    return f"{run.failed:,} of {run.rows:,} {'sets' if run.wanted == run.sets else 'rows'}"


def rate(value: float) -> str:
    """Return bar-simulations a second: 850 million, 1.21 billion."""
    for size, name, digits in ((1e9, "billion", 2), (1e6, "million", 0), (1e3, "thousand", 0)):
        if value >= size:
            return f"{value / size:,.{digits}f} {name}"
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    """Return a time of computing: 0.31 s, 12 s, 4.2 min, 3.1 h."""
    if value < 120:
        return f"{value:.2g} s" if value < 10 else f"{value:.0f} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"


def page(run: Run, failed: pd.Series, best: pd.DataFrame) -> str:
    """Return the HTML of a whole sweep.

    failed: the sentence of each failed set, which names it. best: the best rows, with their levels.
    """
    parts = [f"<p><strong>Sweep.</strong> {html.escape(_run(run))}.</p>"]
    if not run.complete:
        missing = run.wanted - run.rows
        parts.append(
            f"<p><strong>Unfinished:</strong> {missing:,} of {run.wanted:,} rows have not run; what follows is about"
            f" the other {run.rows:,}.</p>"
        )
    if run.ended:
        parts.append(f"<p><strong>Ended early:</strong> {html.escape(first_sentence(run.ended))}</p>")
    if len(failed):
        parts.append(_failures(failed, _failed(run)))
    if len(best):
        parts.append(f"<p>The best {len(best)} by Sharpe ratio:</p>{rows(best)}")
    return "".join(parts)


def first_sentence(error: str) -> str:
    """Return the first line of an error, not longer than a line of a page."""
    text = next(iter(error.strip().splitlines()), "no message").strip()
    return text if len(text) <= 240 else f"{text[:237]}..."


def _failures(failed: pd.Series, said: str) -> str:
    listed = "".join(f"<li>{html.escape(first_sentence(sentence))}</li>" for sentence in failed.iloc[:_FAILURES])
    more = f"<li>and {len(failed) - _FAILURES:,} more: see .errors</li>" if len(failed) > _FAILURES else ""
    return f"<p><strong>Failed:</strong> {said}.</p><ul>{listed}{more}</ul>"


def rows(table: pd.DataFrame) -> str:
    """Return rows of a sweep's table as HTML: their levels, then the metrics as a reader wants them."""
    names = [str(name) for name in table.index.names]
    head = [*names, *(SCALES[name].name for name in table.columns)]
    columns = [[_value(value) for value in table.index.get_level_values(place)] for place in range(len(names))]
    columns += [[written(name, value) for value in table[name]] for name in table.columns]
    return _table(head, zip(*columns, strict=True))


def pairs(params: Mapping[str, Any], metrics: Mapping[str, Any], error: str) -> str:
    """Return one row of a sweep as HTML: its parameters, then its metrics, each on a line."""
    lines = [(name, shown(value)) for name, value in params.items()]
    lines += [("error", first_sentence(error))] if error else []
    lines += [(SCALES[name].name, written(name, value)) for name, value in metrics.items()]
    return _table(("", ""), lines)


def _value(value: Any) -> str:
    """Return a level's value; pandas has NaN for None, and floats for whole numbers beside it."""
    return "None" if value is None or value is pd.NaT or value != value else shown(value)


def _table(head: Iterable[str], body: Iterable[Iterable[str]]) -> str:
    top = "".join(f"<th {_CELL}>{html.escape(name)}</th>" for name in head)
    lines = "".join(f"<tr>{''.join(f'<td {_CELL}>{html.escape(text)}</td>' for text in row)}</tr>" for row in body)
    return (
        '<div style="overflow-x: auto"><table style="margin: 0; font-variant-numeric: tabular-nums">'
        f"<thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>"
    )
