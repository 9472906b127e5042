"""A catalogue that tests may add to: what they declare is gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest

from cryptolab.bars import Bars, as_bars
from cryptolab.indicators import INDICATORS


@pytest.fixture(autouse=True)
def _catalogue() -> Iterator[None]:
    kept = dict(INDICATORS)
    yield
    INDICATORS.clear()
    INDICATORS.update(kept)


@pytest.fixture
def bars(hourly_frame: pd.DataFrame) -> Bars:
    return as_bars(hourly_frame)
