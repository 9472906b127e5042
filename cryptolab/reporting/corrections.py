"""quantstats as the tearsheet uses it: its known errors corrected, and nothing of it left behind.

quantstats is not meant to be configured, so that inside `corrected()` some of its functions are others, by name; it is
held to one version for that. What is wrong with each, as seen in 0.0.86 with pandas 3.1, stands at its correction, and
the tests beside this file hold that each is still needed. What is not corrected is said on the sheet itself.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

YEAR = 365
"""Days in a year, and daily returns in one."""

_LOCK = threading.RLock()
_FONT = "DejaVu Sans"  # matplotlib's own: the same picture everywhere
_THEME = {
    "figure.facecolor": "white", "axes.facecolor": "white", "grid.color": "#dddddd", "grid.linewidth": 0.5,
    "lines.linewidth": 1.5, "text.color": "#333333", "xtick.color": "#666666", "ytick.color": "#666666",
    "font.family": _FONT, "svg.hashsalt": "cryptolab",
}  # fmt: skip
"""quantstats' own look. It sets it once, when it is imported, for all figures of the process."""


@contextmanager
def corrected() -> Iterator[Any]:
    """Give quantstats, corrected, to one thread at a time; matplotlib's settings are the caller's again afterwards.

    Whatever it is given in here counts as daily returns. Its warnings, and those of seaborn and pandas about how it
    calls them, are kept silent.
    """
    import matplotlib

    with _LOCK, warnings.catch_warnings(), _no_word_of_fonts(), matplotlib.rc_context(), ExitStack() as undo:
        warnings.simplefilter("ignore")
        quantstats = import_module("quantstats")
        import_module("seaborn").set_theme(font_scale=1.1, rc=_THEME)
        for place, name, made in _corrections():
            undo.enter_context(patch.object(import_module(f"quantstats.{place}"), name, made))
        yield quantstats


def _corrections() -> list[tuple[str, str, Callable[..., Any]]]:
    """Return (module, name, what stands there instead)."""
    core, reports, stats = (import_module(f"quantstats.{name}") for name in ("_plotting.core", "reports", "stats"))
    bars, table, betas, ruin = core.plot_returns_bars, reports._html_table, stats.rolling_greeks, stats.risk_of_ruin
    return [
        ("utils", "_prepare_returns", _as_given),
        ("utils", "_looks_like_returns", _always),
        ("stats", "cagr", growth_a_year),
        ("stats", "exposure", _share_of_moving_days),
        ("stats", "autocorr_penalty", _penalty_per_column(stats.autocorr_penalty)),
        # a fraction under the heading of a per cent
        ("stats", "risk_of_ruin", lambda *given, **options: 100 * ruin(*given, **options)),
        ("stats", "recovery_factor", _recovery),
        ("stats", "drawdown_details", drawdowns),
        # days before the first full window, drawn as a beta of 0 and counted in its mean
        ("stats", "rolling_greeks", lambda *given, **options: _known(betas(*given, **options))),
        ("_plotting.core", "plot_returns_bars", _named_by_year(bars)),
        ("reports", "_html_table", _told_apart(table)),
    ]


def _as_given(data: Any, *_: Any, **__: Any) -> Any:
    """Return returns as they are. quantstats takes a series without a loss and with a gain above 100 % for prices."""
    return data.copy()


def _always(data: Any) -> Any:
    """Say of each column that it holds returns, for the same reason."""
    return pd.Series(True, data.columns) if isinstance(data, pd.DataFrame) else True


def growth_a_year(returns: Any, rf: float = 0.0, compounded: bool = True, periods: int = YEAR) -> Any:
    """Return compound growth a year, by calendar time from the first day to the end of the last.

    quantstats divides the number of returns by the periods a year, which counts no day without bars, and
    "Risk-Adjusted Return" leaves the periods at 252.
    """
    years = ((returns.index[-1] - returns.index[0]) / pd.Timedelta(days=1) + 1) / YEAR
    wealth = (1.0 + returns).prod(axis=0)
    growth = np.where(np.asarray(wealth) >= 0, np.abs(wealth), np.nan) ** (1.0 / years) - 1.0
    return pd.Series(growth, returns.columns) if isinstance(returns, pd.DataFrame) else float(growth)


def _share_of_moving_days(returns: Any, prepare_returns: bool = True) -> Any:
    """Return the share of days whose return is not zero; quantstats rounds it up to a whole per cent."""
    return (returns != 0).mean(axis=0)


def _penalty_per_column(penalty: Callable[..., Any]) -> Callable[..., Any]:
    """quantstats charges the benchmark's smart ratios with the autocorrelation of the strategy."""

    def each(returns: Any, prepare_returns: bool = False) -> Any:
        if isinstance(returns, pd.DataFrame):
            return pd.Series({name: penalty(returns[name]) for name in returns})
        return penalty(returns)

    return each


def _recovery(returns: Any, rf: float = 0.0, prepare_returns: bool = True) -> Any:
    """Return the total return over the maximum drawdown. quantstats adds the returns up, which may be positive where
    money was lost, and drops the sign."""
    depth = np.asarray(import_module("quantstats.stats").max_drawdown(returns))
    return ((1.0 + returns).prod(axis=0) - 1.0) / np.where(depth < 0, np.abs(depth), np.nan)


_FALL = ("start", "valley", "end", "days", "max drawdown", "99% max drawdown")


def drawdowns(falls: Any) -> pd.DataFrame:
    """Return each stretch of days below the peak. falls: the value of each day over the highest so far, minus 1.

    quantstats does not see a drawdown that begins on the first day and never ends.
    """
    if isinstance(falls, pd.DataFrame):
        return pd.concat({name: drawdowns(falls[name]) for name in falls}, axis=1)
    below = np.concatenate([[False], falls.to_numpy() < 0, [False]]).astype(int)
    begin, end = np.flatnonzero(np.diff(below) == 1), np.flatnonzero(np.diff(below) == -1)
    rows = []
    for first, last in zip(begin, end - 1, strict=True):
        part = falls.iloc[first : last + 1]
        days = [f"{day:%Y-%m-%d}" for day in (part.index[0], part.idxmin(), part.index[-1])]
        deepest = 100 * part.min()
        rows.append((*days, (part.index[-1] - part.index[0]).days + 1, deepest, deepest))
    found = pd.DataFrame(rows, columns=list(_FALL))
    found.attrs["last"] = f"{falls.index[-1]:%Y-%m-%d}"
    return found


def _known(rolling: pd.DataFrame) -> pd.DataFrame:
    return rolling.dropna() if rolling["beta"].notna().any() else rolling


def _named_by_year(plot: Callable[..., Any]) -> Callable[..., Any]:
    """Since pandas 3.1, bars over dates stand at places of time, and the years written below them are one late."""

    def by_year(data: Any) -> Any:
        return data if data is None else data.set_axis(data.index.year)

    def plotted(returns: Any, benchmark: Any = None, **options: Any) -> Any:
        return plot(by_year(returns), by_year(benchmark), **{**options, "resample": None})

    return plotted


_NAMES = {
    "CAGR﹪": "CAGR",
    "3Y (ann.)": "35 months (ann.)",
    "5Y (ann.)": "59 months (ann.)",
    "10Y (ann.)": "119 months (ann.)",
}


def _told_apart(table: Callable[..., str]) -> Callable[..., str]:
    """A drawdown that goes on has recovered on the last day, where quantstats shows it."""

    def html(frame: pd.DataFrame, showindex: Any = "default") -> str:
        frame = frame.rename(index=_NAMES)
        if "Recovered" in frame:
            frame["Recovered"] = frame["Recovered"].where(frame["Recovered"] != frame.attrs.get("last"), "not yet")
        return table(frame, showindex)

    return html


@contextmanager
def _no_word_of_fonts() -> Iterator[None]:
    """quantstats asks for Arial by name, and matplotlib logs each time that it has taken its own instead."""
    logger = logging.getLogger("matplotlib.font_manager")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
