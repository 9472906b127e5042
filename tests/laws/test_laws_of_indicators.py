"""Every law on every indicator in the catalogue, under several settings. A new indicator is covered as it is."""

from __future__ import annotations

from typing import Any

import pytest

from cryptolab.bars import Bars
from cryptolab.errors import InputError
from cryptolab.indicators import INDICATORS, Indicator
from tests.laws import laws

CASES = [
    pytest.param(indicator, params, id=f"{name}({', '.join(f'{k}={v}' for k, v in params.items())})")
    for name, indicator in INDICATORS.items()
    for params in laws.settings(indicator)
]
ON_STRESS = (
    laws.the_past_never_changes,
    laws.the_memory_is_enough,
    laws.a_missing_bar_is_no_bar,
    laws.inputs_are_not_written,
)


@pytest.mark.parametrize("law", ON_STRESS, ids=lambda law: law.__name__)
@pytest.mark.parametrize(("indicator", "params"), CASES)
def test_law_on_the_stress_market(law: Any, indicator: Indicator, params: dict[str, Any], stress: Bars) -> None:
    law(indicator, stress, params)


@pytest.mark.parametrize("law", ON_STRESS, ids=lambda law: law.__name__)
@pytest.mark.parametrize(("indicator", "params"), CASES)
def test_law_at_prices_of_a_millionth(law: Any, indicator: Indicator, params: dict[str, Any], tiny: Bars) -> None:
    law(indicator, tiny, params)


@pytest.mark.parametrize(("indicator", "params"), CASES)
def test_outputs_match_the_declaration(indicator: Indicator, params: dict[str, Any], clean: Bars) -> None:
    laws.outputs_match_the_declaration(indicator, clean, params)


@pytest.mark.parametrize(("indicator", "params"), [case for case in CASES if case.values[0]._signals is not None])
def test_signals_never_change(indicator: Indicator, params: dict[str, Any], stress: Bars) -> None:
    laws.signals_never_change(indicator, stress, params)


@pytest.mark.parametrize("name", [name for name, indicator in INDICATORS.items() if indicator.parameters])
def test_columns_do_not_mix(name: str, stress: Bars) -> None:
    indicator = INDICATORS[name]
    names = [key for key, default in indicator.parameters.items() if type(default) is int]
    if not names:
        pytest.fail(f"{name} has no whole-number parameter: give this test a grid for it")
    shortest = laws.LEAST.get(name, 1)
    grid = [{key: first + 2 * i for i, key in enumerate(names)} for first in (4, shortest, 11, 30)]
    if name == "VWAP":
        grid = [{"anchor": "rolling", **params} for params in grid] + [{"anchor": "week", "period": 1}]
    laws.columns_do_not_mix(indicator, stress, grid)


@pytest.mark.parametrize("name", INDICATORS)
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_too_few_bars_give_nan_and_no_error(name: str, rows: int, clean: Bars) -> None:
    indicator = INDICATORS[name]
    result = indicator.calculate(clean[:rows])
    assert len(result) == rows
    later = [output for output, first in zip(indicator.outputs, indicator.lookbacks(), strict=True) if first >= rows]
    for output in later:
        assert (result[output] if len(indicator.outputs) > 1 else result).isna().all()


@pytest.mark.parametrize("name", INDICATORS)
def test_whole_numbers_are_one_or_more(name: str, clean: Bars) -> None:
    indicator = INDICATORS[name]
    for key, default in indicator.parameters.items():
        if type(default) is int:
            for wrong in (0, -3, 2.5, "9", None, True, float("nan")):
                with pytest.raises(InputError, match=key):
                    indicator(clean, **{key: wrong})
            assert indicator(clean, **{key: float(default)}) is indicator(clean)
