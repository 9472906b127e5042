"""A study: one strategy on one symbol's bars, simulated, held against buy-and-hold, and shown sheet by sheet."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.backtesting import BacktestEngine, BacktestResult
from cryptolab.bars import Bars
from cryptolab.checks import flag, known_keys, refuse, whole
from cryptolab.reporting import cards, pages, regime_page, tables
from cryptolab.reporting.lints import Lint, check
from cryptolab.reporting.sheet import Sheet
from cryptolab.reporting.sources import check_source, load_data
from cryptolab.reporting.tearsheet import linked
from cryptolab.settings import project_root
from cryptolab.signal_generator import Strategy, get_strategy

METRICS_FILE = "metrics.json"


class Study:
    """What `Study.load` made: `result` and `market` (the runs of the strategy and of buy-and-hold), and their sheets.

    Each method without arguments returns the Sheet of one section, for a notebook cell to show; `opening()` comes
    first, since it brings the style and the drawing library of the others.
    """

    def __init__(
        self, bars: Bars, strategy: Strategy, parameters: Mapping[str, Any], engine: BacktestEngine,
        *, title: str = "", seed: int = 7, spec: Mapping[str, Any] | None = None, named: str = "",
    ) -> None:  # fmt: skip
        self.bars, self.strategy, self.seed = bars, strategy, seed
        self.parameters = {**strategy.parameters, **parameters}
        self.title = title or f"{strategy.name} on {bars.symbol}, {bars.timeframe}"
        self.spec, self.named = dict(spec or {}), named or strategy.name
        with _seeded(seed):
            signals = strategy(bars, **self.parameters)
        self.result: BacktestResult = engine.run(bars, signals)
        self.market = tables.buy_and_hold(bars, engine.costs, engine.initial_capital)

    @classmethod
    def load(
        cls,
        data: Mapping[str, Any],
        strategy: str | Strategy,
        strategy_params: Mapping[str, Any] | None = None,
        backtest: Mapping[str, Any] | None = None,
        *,
        seed: int = 7,
        title: str = "",
    ) -> Study:
        """Check every name, then load the bars and run.

        data: see `load_data`. strategy: a name in the catalogue, "ideas/foo.py:foo" from the project's root, or a
        Strategy. backtest: what BacktestEngine takes. seed: that of a simulated market which names none, and of the
        random numbers a strategy may draw. Raises InputError before anything is read or run.
        """
        check_source(data)
        seed = whole("seed", seed, low=0, high=2**32 - 1)
        found = strategy if isinstance(strategy, Strategy) else get_strategy(str(strategy), project_root())
        for name, value in (("strategy_params", strategy_params), ("backtest", backtest)):
            if value is not None and not isinstance(value, Mapping):
                refuse(name, f"a {type(value).__name__}", "write name: value lines")
        parameters = dict(strategy_params or {})
        known_keys(f"parameter of strategy {found.name!r}", parameters, found.parameters)
        engine = BacktestEngine(backtest or {})
        named = strategy if isinstance(strategy, str) else found.name
        bars = load_data(data, seed)
        return cls(bars, found, parameters, engine, title=str(title or ""), seed=seed, spec=data, named=named)

    @property
    def simulated(self) -> bool:
        """Whether the bars come from the simulated market."""
        return self.bars.simulated

    @cached_property
    def sensitivity_table(self) -> pd.DataFrame:
        """The same signals under other fills and costs (see `tables.sensitivity`)."""
        return tables.sensitivity(self.result)

    @cached_property
    def lints(self) -> list[Lint]:
        """Every check of this run, those that raise a doubt first."""
        return check(self.result, self.market, self.sensitivity_table)

    def opening(self) -> Sheet:
        """The title, the verdict in words, the first numbers."""
        return pages.opening(self)

    def data(self) -> Sheet:
        """Where the bars come from, their span, gaps and fingerprint."""
        return cards.data(self)

    def setup(self) -> Sheet:
        """The strategy with its parameters and source; costs and risk."""
        return cards.setup(self)

    def comparison(self) -> Sheet:
        """Every metric beside that of buy-and-hold."""
        return pages.comparison(self)

    def equity(self) -> Sheet:
        """Equity and drawdown over time."""
        return pages.equity(self)

    def months(self) -> Sheet:
        """The return of each month and year."""
        return pages.months(self)

    def candles(self) -> Sheet:
        """The trades on candles: the whole history, then stretches of it."""
        return pages.candles(self)

    def trades(self) -> Sheet:
        """Statistics of the closed trades, and the last of them."""
        return pages.trades(self)

    def regimes(self) -> Sheet:
        """What was made in which regime of the market, as it was known at the time."""
        return regime_page.regimes(self)

    def sensitivity(self) -> Sheet:
        """The same signals under other fills and costs."""
        return pages.sensitivity(self)

    def checks(self) -> Sheet:
        """What a careful reader would object to."""
        return pages.checks(self)

    def tearsheet(self, output: str | Path, wanted: bool = True) -> Sheet:
        """Write quantstats' tearsheet into the folder `output` and link it; an empty sheet where it is not wanted."""
        if not flag("tearsheet", wanted):
            return Sheet("")
        return linked(output, self.result, self.title, self.market)

    def closing(self) -> Sheet:
        """The disclaimer."""
        return pages.closing()

    def facts(self) -> dict[str, Any]:
        """Return what this study was made from, for the manifest: data, strategy, backtest, seed."""
        bars, strategy = self.bars, self.strategy
        return {
            "title": self.title,
            "data": {
                "spec": self.spec,
                "source": bars.source,
                "simulated": self.simulated,
                "symbol": bars.symbol,
                "timeframe": bars.timeframe,
                "first_open": bars.index[0].isoformat(),
                "last_close": pd.Timestamp(int(bars.time[-1]) + bars.interval, tz="UTC").isoformat(),
                "bars": len(bars),
                "rows": len(bars.rows),
                "gaps": len(bars.gaps),
                "missing_bars": int(bars.gaps["missing"].sum()),
                "fingerprint": bars.fingerprint,
            },
            "strategy": {
                "name": strategy.name,
                "named": self.named,
                "parameters": self.parameters,
                "source_hash": strategy.source_hash,
                "source_note": strategy.source_note,
                "source": strategy.source,
            },
            "backtest": {
                "initial_capital": self.result.initial_capital,
                **asdict(self.result.costs),
                **asdict(self.result.risk),
            },
            "seed": self.seed,
        }

    def metrics(self) -> dict[str, Any]:
        """Return the numbers that metrics.json holds: both runs, the fill table and the checks.

        The tables of gaps, months, regimes and trades are not among them. What is undefined is None; a length of time
        is in seconds under its name with `_seconds`.
        """
        rows = self.sensitivity_table.to_dict("index")
        return as_json(
            {
                "simulated": self.simulated,
                "digest": digest(self.result.equity_curve.to_numpy().tobytes(), self.result.trades.to_csv().encode()),
                "strategy": {
                    **self.result.metrics,
                    "final_equity": float(self.result.equity_curve.iloc[-1]),
                    "ambiguous_exits": self.result.ambiguous_exits,
                    "dropped": self.result.dropped,
                },
                "buy_and_hold": {
                    **self.market.metrics,
                    "final_equity": float(self.market.equity_curve.iloc[-1]),
                },
                "sensitivity": [{"case": name, **row} for name, row in rows.items()],
                "lints": [asdict(lint) for lint in self.lints],
            }
        )

    def save(self, output: str | Path) -> None:
        """Write metrics.json into the folder `output`; nothing when it is empty, as in a notebook run by hand."""
        if not str(output):
            return
        write_metrics(Path(output), self.metrics())

    def __repr__(self) -> str:
        return f"Study({self.title!r}: {self.strategy!r} on {self.bars!r})"


def digest(*parts: bytes) -> str:
    """Return SHA-256 of what is too long for metrics.json, so that a rerun notices when any of it is another."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def write_metrics(folder: Path, content: Mapping[str, Any]) -> None:
    """Write metrics.json, whole or not at all."""
    draft = folder / f"{METRICS_FILE}.part"
    draft.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    draft.replace(folder / METRICS_FILE)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Let a strategy draw the same random numbers in each run, and give the caller's generators back as they were."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def as_json(value: Any) -> Any:
    """Return `value` as strict JSON has it."""
    if isinstance(value, Mapping):
        items = {}
        for key, entry in value.items():
            length = isinstance(entry, pd.Timedelta) or entry is pd.NaT
            items[f"{key}_seconds" if length else str(key)] = as_json(entry)
        return items
    if isinstance(value, list):
        return [as_json(entry) for entry in value]
    if isinstance(value, pd.Timedelta):
        return value.total_seconds()
    if value is pd.NaT:
        return None
    if isinstance(value, np.generic):
        return as_json(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
