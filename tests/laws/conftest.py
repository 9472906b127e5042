"""The markets of `markets`, as bars."""

from __future__ import annotations

import pytest

from cryptolab.bars import Bars, as_bars
from tests.laws.markets import clean_frame, stress_frame, tiny_frame


@pytest.fixture(scope="session")
def stress() -> Bars:
    return as_bars(stress_frame())


@pytest.fixture(scope="session")
def tiny() -> Bars:
    return as_bars(tiny_frame())


@pytest.fixture(scope="session")
def clean() -> Bars:
    return as_bars(clean_frame())
