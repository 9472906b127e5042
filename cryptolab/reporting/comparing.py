"""Runs beside one another: their metrics, each one's difference to the first, and what else is not the same.

    compare([study_a, study_b])  # or results of engine.run(...)
    compare([a, b], names=["9/21", "24/168"]).differences

Numbers of different markets, times, costs or capitals are put beside one another too, with a word on what that means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.backtesting import BacktestResult, Costs, Risk
from cryptolab.checks import refuse
from cryptolab.optimization.scales import NONE, SCALES, listed, plain
from cryptolab.reporting import sheet
from cryptolab.reporting.cards import setting
from cryptolab.reporting.cells import MONEY, number_cell
from cryptolab.reporting.study import Study
from cryptolab.reporting.wording import counted, duration, lowered, moment, money, points, priced, quote, words

DATA = ("symbol", "timeframe", "first_open", "last_close", "bars", "fingerprint", "market")
COSTS, RISK = (tuple(field.name for field in fields(record)) for record in (Costs, Risk))
PARAMETER = "parameter "
"""What stands before the name of a strategy's parameter among the settings."""
ABSENT = "–"
"""What a run has not that others have: a parameter of another strategy, a strategy that is not known."""


class Comparison(pd.DataFrame):
    """Metrics (rows, the final equity first) of runs (columns) as plain values: Timedelta for lengths of time, NaN or
    NaT for what is undefined.

    differences: for each run but the first, its values less those of the first. settings: what is not the same (rows)
    of data, capital, costs, risk, strategy and parameters, for all runs. notes: all of it in sentences, the same parts
    too. What is made of it, as by `.loc[...]`, is a plain DataFrame.
    """

    _metadata = ["differences", "settings", "notes", "unit"]  # noqa: RUF012 (how pandas keeps a subclass' attributes)
    differences: pd.DataFrame
    settings: pd.DataFrame
    notes: list[str]
    unit: str
    """the currency of the money, empty where it is not one"""

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def __repr__(self) -> str:
        header, rows = _written(self)
        parts = [pd.DataFrame(rows, columns=header).set_index("").rename_axis(None).to_string()]
        if len(self.settings):
            shown = pd.DataFrame(_settings(self), columns=["", *self.columns]).set_index("").rename_axis(None)
            parts += ["", "What differs:", shown.to_string()]
        return "\n".join([*parts, "", *self.notes])

    def _repr_html_(self) -> str:
        parts = [sheet.table(*_written(self), "wide")]
        if len(self.settings):
            header = ["", *map(str, self.columns)]
            parts += [sheet.heading("What differs"), sheet.table(header, _settings(self), "wide")]
        return sheet.styled(*parts, *(sheet.paragraph(note, "note") for note in self.notes)).html


def compare(results: Iterable[BacktestResult | Study], names: Sequence[str] | None = None) -> Comparison:
    """Return runs beside one another; the others are measured against the first.

    results: of `engine.run`, or studies, which know their strategy and its parameters too. They may be of different
    symbols, timeframes and spans: the notes say so. names: one per run; left out, the strategy's with the parameters
    that differ, or that of the bars. Of equal names the later ones get a number. Raises InputError for no runs, for
    what is none, and for more or fewer names than runs.
    """
    runs = _runs(results)
    if names is not None and (isinstance(names, str) or len(names) != len(runs)):
        given = "one text" if isinstance(names, str) else counted(len(names), "name")
        refuse("names", f"{given} for {counted(len(runs), 'run')}", "give a list of one name per run")
    facts = [_facts(run) for run in runs]
    known = dict.fromkeys(name for each in facts for name in each)
    settings = {name: [each.get(name, ABSENT) for each in facts] for name in known}
    unlike = {name: values for name, values in settings.items() if len(set(map(_same, values))) > 1}
    labels = _unique(_names(runs, unlike) if names is None else [str(name) for name in names])
    found = [run.result if isinstance(run, Study) else run for run in runs]
    columns = [{"final_equity": float(result.equity_curve.iloc[-1]), **result.metrics} for result in found]
    changes = [{name: value - columns[0][name] for name, value in own.items()} for own in columns[1:]]
    made = Comparison(dict(zip(labels, columns, strict=True)), dtype=object)
    others = dict(zip(labels[1:], changes, strict=True))
    made.differences = pd.DataFrame(others, index=made.index, columns=labels[1:], dtype=object)
    made.settings = pd.DataFrame.from_dict(unlike, orient="index", columns=labels, dtype=object)
    units = {quote(result.bars.symbol) for result in found}
    made.unit = units.pop() if len(units) == 1 else ""
    made.notes = _notes(labels, found, settings, list(unlike))
    return made


def _runs(results: Any) -> list[BacktestResult | Study]:
    instead = "give a list of results of engine.run(...), or of studies"
    if isinstance(results, BacktestResult | Study | Mapping | str) or not isinstance(results, Iterable):
        refuse("compare", f"a {type(results).__name__}", instead)
    runs = list(results)
    if not runs:
        refuse("compare", "an empty list", instead)
    for place, run in enumerate(runs, start=1):
        if not isinstance(run, BacktestResult | Study):
            refuse("compare", f"a {type(run).__name__} as number {place} of {len(runs)}", instead)
    return runs


def _names(runs: list[BacktestResult | Study], unlike: Iterable[str]) -> list[str]:
    """Return a name for each run; of several runs of one strategy with the parameters that differ."""
    known = [run.strategy.name for run in runs if isinstance(run, Study)]
    names = []
    for run in runs:
        if not isinstance(run, Study):
            names.append(f"{run.bars.symbol} {run.bars.timeframe}")
            continue
        several = known.count(run.strategy.name) > 1
        own = {name: value for name, value in run.parameters.items() if several and PARAMETER + name in unlike}
        names.append(f"{run.strategy.name} {listed(own)}".strip())
    return names


def _same(value: Any) -> str:
    """Return a text that equal values share: 30 and 30.0, but not True and 1."""
    return repr(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else repr(value)


def _unique(names: list[str]) -> list[str]:
    """Return the names, each once: of equal ones the second is "name (2)", unless another one is called that."""
    found: list[str] = []
    for name in names:
        free = (name if number == 1 else f"{name} ({number})" for number in range(1, 2 * len(names) + 1))
        taken = {*found, *(set(names) - {name})}
        found.append(next(each for each in free if each not in taken))
    return found


def _facts(run: BacktestResult | Study) -> dict[str, Any]:
    """Return what a run was made from."""
    result = run.result if isinstance(run, Study) else run
    bars = result.bars
    of_strategy: dict[str, Any] = {}
    if isinstance(run, Study):
        of_strategy = {"strategy": run.named, **{PARAMETER + name: value for name, value in run.parameters.items()}}
    return {
        "symbol": bars.symbol,
        "timeframe": bars.timeframe,
        "first_open": bars.index[0],
        "last_close": pd.Timestamp(int(bars.time[-1]) + bars.interval, tz="UTC"),
        "bars": len(bars),
        "fingerprint": bars.fingerprint[:12],
        "market": "simulated" if bars.simulated else "recorded",
        "initial_capital": result.initial_capital,
        **asdict(result.costs),
        **asdict(result.risk),
        **of_strategy,
    }


def _notes(
    labels: list[str], runs: list[BacktestResult], settings: dict[str, list[Any]], unlike: list[str]
) -> list[str]:
    """Return what is the same and what is not, and which numbers do not compare for it."""
    if len(runs) == 1:
        simulated = " Its market is simulated: these prices never traded." if runs[0].bars.simulated else ""
        return [f"One run: there is nothing to compare it with.{simulated}"]
    notes = _on_data(runs, unlike)
    made_up = [label for label, run in zip(labels, runs, strict=True) if run.bars.simulated]
    if made_up:
        which = "All markets are simulated" if len(made_up) == len(runs) else f"Simulated: {', '.join(made_up)}"
        notes.append(f"{which}: these prices never traded.")
    if len({quote(symbol) for symbol in settings["symbol"]}) > 1:
        notes.append("The currencies differ: amounts of money do not compare.")
    if "initial_capital" in unlike:
        notes.append("The initial capitals differ: amounts of money do not compare.")
    for kind, names in (("costs", COSTS), ("risk rules", RISK)):
        notes.append(_told(f"The {kind}", [name for name in names if name in unlike]))
    return [*notes, _on_strategy(labels, runs, settings, unlike)]


def _told(what: str, names: list[str]) -> str:
    shown = ", ".join(lowered(_called(name)) for name in names)
    return f"{what} differ: {shown}." if names else f"{what} are the same."


def _on_data(runs: list[BacktestResult], unlike: list[str]) -> list[str]:
    differing = [name for name in DATA if name in unlike]
    if not differing:
        bars = runs[0].bars
        said = f"{bars.symbol} {bars.timeframe}, {counted(len(bars), 'bar')}"
        return [f"All runs are on the same bars: {said}, {bars.index[0]:%Y-%m-%d} to {bars.index[-1]:%Y-%m-%d} UTC."]
    if differing == ["fingerprint"]:
        return ["Symbol, timeframe and span are the same, but the bars are not: their fingerprints differ."]
    notes = [_told("The data", [name for name in differing if name != "fingerprint"])]
    if "first_open" in unlike or "last_close" in unlike:
        notes.append(
            "The spans differ: returns, drawdowns, trades and commissions of different times do not compare, and what"
            " is stated a year only as far as the times do."
        )
    return notes


def _on_strategy(
    labels: list[str], runs: list[BacktestResult], settings: dict[str, list[Any]], unlike: list[str]
) -> str:
    if ABSENT not in settings.get("strategy", [ABSENT]):
        return _told("Strategy and parameters", [n for n in unlike if n == "strategy" or n.startswith(PARAMETER)])
    if "fingerprint" in unlike:
        return "Which strategies made the signals is not known: compare studies to see it."
    flags = [_flags(run) for run in runs]
    counts = [int((other != flags[0]).any(axis=0).sum()) for other in flags[1:]]
    told = ", ".join(f"{label}: {counted(number, 'bar')}" for label, number in zip(labels[1:], counts, strict=True))
    return (
        f"The signals are not those of {labels[0]} everywhere: {told}." if any(counts) else "The signals are the same."
    )


def _flags(run: BacktestResult) -> np.ndarray:
    signals = run.signals
    return np.array([signals.entries, signals.exits, signals.short_entries, signals.short_exits])


def _called(name: str) -> str:
    """Return a setting's name in words; a parameter is called as its strategy calls it."""
    return name.removeprefix(PARAMETER) if name.startswith(PARAMETER) else words(name)


def _settings(table: Comparison) -> list[list[str]]:
    """Return what differs as rows: its name, then the value of each run."""
    return [
        [_called(name), *(_said(name, value) for value in values)]
        for name, values in zip(map(str, table.settings.index), table.settings.to_numpy(object), strict=True)
    ]


def _said(name: str, value: Any) -> str:
    """Return a setting as a reader wants it."""
    if value is None:
        return "none"
    if isinstance(value, pd.Timestamp):
        return moment(value)
    if name == "bars":
        return f"{value:,}"
    if name == "initial_capital":
        return money(value)
    return setting(name, value) if name in (*COSTS, *RISK) and value != ABSENT else str(value)


def _written(table: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return (header, rows) of the metrics as they are written, each run's difference to the first beside it."""
    header = ["", str(table.columns[0])]
    for label in table.columns[1:]:
        header += [str(label), "difference"]
    rows = []
    for name in map(str, table.index):
        row = [priced(words(name), table.unit) if name in MONEY else words(name)]
        for place, label in enumerate(table.columns):
            row.append(number_cell(name, table.at[name, label]).text)
            if place:
                row.append(_change(name, table.differences.at[name, label]))
        rows.append(row)
    return header, rows


def _change(name: str, value: Any) -> str:
    """Return a difference with its sign, shares in percentage points."""
    if pd.isna(value):
        return NONE
    if isinstance(value, pd.Timedelta):
        shown = duration(abs(value))
        return shown if value == pd.Timedelta(0) else f"{'−' if value < pd.Timedelta(0) else '+'}{shown}"
    unit = SCALES[name].unit if name in SCALES else "money"
    if unit == "%":
        return points(value)
    shown = {"n": lambda number: plain(number, 0), "money": money}.get(unit, plain)(value)
    return f"+{shown}" if value > 0 and any(digit in "123456789" for digit in shown) else shown
