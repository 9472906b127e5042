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
from cryptolab.backtesting import BacktestEngine
from cryptolab.bars import COLUMNS, DAY, Bars
from cryptolab.kernels import fills
from cryptolab.kernels.compiler import KERNELS
from cryptolab.signal_generator import Signals

for _module in pkgutil.iter_modules(cryptolab.kernels.__path__):
    importlib.import_module(f"cryptolab.kernels.{_module.name}")

ELSEWHERE = {
    "fills": "below, through the engine",
    "market": "tests/data_fetchers/test_synthetic.py",
    "moving.blank": "below, through the averages that fill it",
    "moving.sma_block": "below, through moving.sma",
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
    known |= {"interval": 4 * bars.interval, "offset": 0}
    known |= {"capital": 40_000.0, "equity": known["close"], "first_open": 39_000.0, "before": 3.0, "after": 4.0}
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


def with_records(function: Any) -> Any:
    """Return `function` with the fields of structured arrays readable as attributes, as they are in compiled code."""

    def call(*given: Any) -> Any:
        return function(*(x.view(np.recarray) if getattr(x, "dtype", np.dtype(int)).names else x for x in given))

    return call


@pytest.mark.parametrize("config", ORDERS, ids=lambda config: ", ".join(config) or "market orders")
def test_fills_compiled_equal_plain_python(
    config: dict[str, Any], stress: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(3)
    flags = [random.random(len(stress)) < 0.08 for _ in range(4 if "allow_short" in config else 2)]
    compiled = BacktestEngine(config).run(stress, Signals(*flags))
    for name, kernel in KERNELS.items():
        if name.startswith("fills."):
            monkeypatch.setattr(fills, name.removeprefix("fills."), with_records(kernel.py_func))
    plain = BacktestEngine(config).run(stress, Signals(*flags))
    assert compiled.n_trades == plain.n_trades > 10
    np.testing.assert_allclose(compiled.equity_curve, plain.equity_curve, rtol=1e-12)


def test_the_catalogue_holds_every_kernel() -> None:
    assert len(HERE) >= 8
    for name in ELSEWHERE:
        assert any(kernel == name or kernel.startswith(f"{name}.") for kernel in KERNELS), f"{name} is gone"
