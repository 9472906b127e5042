"""Compiled equals plain Python, on every kernel of the catalogue that takes columns of bars and a few numbers.

Those with arguments of their own kind are held to it where ELSEWHERE says.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import numpy as np
import pytest

import cryptolab.kernels
from cryptolab.backtesting import BacktestEngine, Costs, Risk
from cryptolab.backtesting import scoring as backtesting_scoring
from cryptolab.bars import COLUMNS, DAY, Bars
from cryptolab.kernels import fills
from cryptolab.kernels.compiler import KERNELS
from cryptolab.kernels.scoring import SCORE
from cryptolab.signal_generator import Signals, long_while

_FOLDER = cryptolab.kernels.__path__
for _module in pkgutil.iter_modules(_FOLDER):
    importlib.import_module(f"cryptolab.kernels.{_module.name}")

ELSEWHERE = {
    "falls": "below, through a Scorer",
    "fills": "below, through the engine",
    "market": "tests/data_fetchers/test_synthetic.py",
    "moving.blank": "below, through the averages that fill it",
    "moving.mean_until": "below, through moving.ema and moving.macd",
    "moving.sma_block": "below, through moving.sma",
    "scoring.begin_trades": "below, through a Scorer",
    "scoring.count_trade": "below, through a Scorer",
    "scoring.fold_days": "below, through a Scorer",
    "scoring.count_trades": "below, through a Scorer",
    "scoring.end_trades": "below, through a Scorer",
    "scoring.summarise": "below, through a Scorer",
    "scoring.summarise_curve": "below, through a Scorer",
    "terrain.extremes": "below, through a Scorer",
    "terrain.first_touch": "below, through a Scorer",
    "terrain.two_sum": "below, through a Scorer",
    "terrain.write_bars": "below, through a Scorer",
    "terrain.write_totals": "below, through a Scorer",
    "terrain.write_windows": "below, through a Scorer",
    "trades": "below, through a Scorer",
    "turns": "below, through a Scorer",
}
HERE = [name for name in KERNELS if name not in ELSEWHERE and name.split(".")[0] not in ELSEWHERE]
PERIODS = [1, 2, 7, 20, 60]


def names_of(kernel: Any) -> tuple[str, ...]:
    """Return the names of a kernel's arguments."""
    code = kernel.py_func.__code__
    return code.co_varnames[: code.co_argcount]


def arguments(kernel: Any, bars: Bars, period: int) -> list[Any]:
    """Return what to call a kernel with, by the names of its arguments."""
    known: dict[str, Any] = {name: np.array(getattr(bars, name)) for name in ("time", *COLUMNS)}
    known |= {"price": known["close"], "anchor": known["time"] // DAY, "period": period, "std": 2.0}
    known |= {"values": known["close"], "fast": 3, "slow": 2 * period}  # the faster is the longer one for a period of 1
    known |= {"interval": 4 * bars.interval, "offset": 0}
    known |= {"capital": 40_000.0, "equity": known["close"], "first_open": 39_000.0, "before": 3.0, "after": 4.0}
    known |= {"day": known["time"] // DAY, "size": 64}
    unknown = [name for name in names_of(kernel) if name not in known]
    if unknown:
        pytest.fail(f"kernel {kernel.py_func.__name__}: add {unknown} to this table, or its file to ELSEWHERE")
    return [known[name] for name in names_of(kernel)]


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("name", HERE)
def test_compiled_equals_plain_python(name: str, period: int, stress: Bars) -> None:
    if period != PERIODS[0] and "period" not in names_of(KERNELS[name]):
        period = PERIODS[0]  # no window: the first case said it all
    given = arguments(KERNELS[name], stress, period)
    kept = [np.copy(value) for value in given]
    compiled, plain = KERNELS[name](*given), KERNELS[name].py_func(*given)
    for a, b in zip(results(name, compiled), results(name, plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12, equal_nan=True)
    for value, before in zip(given, kept, strict=True):
        np.testing.assert_array_equal(value, before)


def results(name: str, result: Any) -> list[np.ndarray]:
    """Return a kernel's results as a list of arrays, without the rows it says it did not fill."""
    several = [np.asarray(each) for each in (result if isinstance(result, tuple) else (result,))]
    return [each[: several[0]] if each.ndim else each for each in several] if name == "door.resample" else several


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
@pytest.mark.parametrize("name", [name for name in HERE if "period" in names_of(KERNELS[name])])
def test_a_window_longer_than_the_data_is_nan(name: str, rows: int, stress: Bars) -> None:
    given = arguments(KERNELS[name], stress, period=rows + 1)
    given = [value[:rows] if isinstance(value, np.ndarray) else value for value in given]
    for array in np.atleast_2d(KERNELS[name](*given)):
        assert array.shape == (rows,)
        assert np.isnan(array).all()


ORDERS: list[dict[str, Any]] = [
    {},
    {"fill": "worst", "lot_step": 0.01, "min_order_size": 0.02},
    {"fill": "same_close", "stop_loss": 0.02, "take_profit": 0.03, "max_position_size": 0.5},
    {"allow_short": True, "trailing_stop": 0.03},
    {"allow_short": True, "stop_loss_atr_multiplier": 2.0, "take_profit_atr_multiplier": 3.0, "max_daily_loss": 0.02},
]


class Record:
    """One record of a structured array whose fields are attributes, as in compiled code: numpy's own records have
    attributes of their own, such as `size`, that hide fields of that name."""

    def __init__(self, fields: np.void) -> None:
        object.__setattr__(self, "fields", fields)

    def __getattr__(self, name: str) -> Any:
        return self.fields[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self.fields[name] = value


class Records:
    """A structured array that gives Records."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.size = array, array.size

    def __getitem__(self, place: Any) -> Any:
        found = self.array[place]
        return Records(found) if isinstance(found, np.ndarray) else Record(found)


def readable(value: Any) -> Any:
    """Return structured arrays with their fields as attributes; those in tuples too."""
    if isinstance(value, np.ndarray) and value.dtype.names:
        return Records(value)
    if isinstance(value, tuple):
        parts = [readable(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def with_records(function: Any) -> Any:
    """Return `function` with the records it is given readable."""

    def call(*given: Any) -> Any:
        return function(*map(readable, given))

    return call


def make_plain(monkeypatch: pytest.MonkeyPatch, *modules: Any) -> int:
    """Put plain Python in the place of every kernel that these modules call; return how many there were."""
    compiled = {id(kernel): with_records(kernel.py_func) for kernel in KERNELS.values()}
    names = [(module, name) for module in modules for name in vars(module) if id(getattr(module, name)) in compiled]
    for module, name in names:
        monkeypatch.setattr(module, name, compiled[id(getattr(module, name))])
    return len(names)


@pytest.mark.parametrize("config", ORDERS, ids=lambda config: ", ".join(config) or "market orders")
def test_fills_compiled_equal_plain_python(
    config: dict[str, Any], stress: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(3)
    flags = [random.random(len(stress)) < 0.08 for _ in range(4 if "allow_short" in config else 2)]
    compiled = BacktestEngine(config).run(stress, Signals(*flags))
    assert make_plain(monkeypatch, fills) > 10
    plain = BacktestEngine(config).run(stress, Signals(*flags))
    assert compiled.n_trades == plain.n_trades > 10
    np.testing.assert_allclose(compiled.equity_curve, plain.equity_curve, rtol=1e-12)


RUNS: list[tuple[Costs, Risk]] = [
    (Costs(), Risk()),
    (Costs(fill="worst", slippage=0.0), Risk(stop_loss=0.02, take_profit=0.03)),
    (Costs(commission=0.0), Risk(stop_loss_atr_multiplier=1.5, take_profit_atr_multiplier=2.0)),
    (Costs(), Risk(max_position_size=0.5)),
]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: str(run[1].max_position_size) + run[0].fill)
@pytest.mark.parametrize("flags", [False, True], ids=["condition", "flags"])
def test_scores_compiled_equal_plain_python(
    run: tuple[Costs, Risk], flags: bool, stress: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(4)
    condition = np.cumsum(random.random(len(stress)) < 0.05) % 2 == 1
    # long stretches, so that blocks are passed over
    condition[200:500] = True
    signals = Signals(condition, random.random(len(stress)) < 0.01) if flags else long_while(condition)

    def scored() -> tuple[np.ndarray, np.ndarray]:
        scores, days = np.zeros(1, SCORE), np.zeros((1, 5, 3))
        backtesting_scoring.Scorer(stress, 10_000.0, 5).score(signals, *run, scores, days, 0)
        return scores, days

    compiled = scored()
    modules = [importlib.import_module(f"cryptolab.kernels.{part.name}") for part in pkgutil.iter_modules(_FOLDER)]
    assert make_plain(monkeypatch, backtesting_scoring, *modules) > 30
    plain = scored()
    assert compiled[0]["n_trades"][0] > 4
    for name in SCORE.names or ():
        np.testing.assert_allclose(compiled[0][name], plain[0][name], rtol=1e-11, atol=1e-13, err_msg=name)
    np.testing.assert_allclose(compiled[1], plain[1], rtol=1e-11, atol=1e-13)


def test_the_catalogue_holds_every_kernel() -> None:
    assert len(HERE) >= 8
    for name in ELSEWHERE:
        assert any(kernel == name or kernel.startswith(f"{name}.") for kernel in KERNELS), f"{name} is gone"
