"""Every law on every strategy in the catalogue, under several settings. A new strategy is covered as it is."""

from __future__ import annotations

from typing import Any

import pytest

from cryptolab.bars import Bars
from cryptolab.signal_generator import STRATEGIES, Strategy
from tests.laws import strategy_laws

CASES = [
    pytest.param(strategy, params, id=f"{name}({', '.join(f'{k}={v}' for k, v in params.items())})")
    for name, strategy in STRATEGIES.items()
    for params in strategy_laws.settings(strategy)
]


@pytest.mark.parametrize("law", strategy_laws.LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize(("strategy", "params"), CASES)
def test_law_on_the_stress_market(law: Any, strategy: Strategy, params: dict[str, Any], stress: Bars) -> None:
    law(strategy, stress, params)
