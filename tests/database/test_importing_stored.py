"""Before bars are stored they are held against the stored ones: better ones stay, many other ones are no accident."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cryptolab.bars import COLUMNS, Bars
from cryptolab.database.importing import Choices, Imported, news
from cryptolab.errors import DataError
from tests.database import importing_files as files

TRUE = files.market(200)


def imported(bars: Bars) -> Imported:
    return Imported(bars, "binance", ("a.csv",), len(bars), (), pd.DataFrame())


def changed(change: dict[tuple[int, str], float]) -> Bars:
    frame = TRUE.frame()
    for (row, name), by in change.items():
        frame.iloc[row, COLUMNS.index(name)] += by
    return Bars.from_frame(frame, "BTC/USDT", "1h")


def rounded(digits: int = 2, bars: Bars = TRUE) -> Bars:
    return Bars.from_frame(bars.frame().round(digits), "BTC/USDT", "1h")


def test_what_the_store_does_not_have_is_stored() -> None:
    assert news(imported(TRUE), None) == (TRUE, 0)
    later = TRUE[100:]
    assert news(imported(later), TRUE[:100]) == (later, 0)


def test_a_rounded_bar_leaves_the_finer_one_in_place() -> None:
    assert news(imported(rounded()), TRUE) == (None, 200)
    bars, left = news(imported(rounded()), TRUE[:120])
    assert bars is not None
    assert (len(bars), left) == (80, 120)
    assert np.array_equal(bars.time, TRUE.time[120:])
    assert np.array_equal(bars.close, rounded().close[120:])


def test_a_finer_bar_takes_the_place_of_the_rounded_one() -> None:
    bars, left = news(imported(TRUE), rounded())
    assert bars is TRUE
    assert left == 0


def test_a_bar_or_two_may_be_revised() -> None:
    few = changed({(3, "volume"): 5.0, (90, "volume"): 1.0})
    assert news(imported(few), TRUE) == (few, 0)
    assert news(imported(few), TRUE[:10]) == (few, 0)  # one of ten: as many as one always may


def test_many_other_bars_are_refused_until_that_is_said() -> None:
    many = changed({(row, "volume"): 5.0 for row in (3, 90, 91)})
    with pytest.raises(DataError) as caught:
        news(imported(many), TRUE)
    assert str(caught.value) == (
        f"a.csv: received 3 of 200 bars that are stored with other numbers, the first 2020-01-01 03:00: volume"
        f" {float(many.volume[3])!r}, stored {float(TRUE.volume[3])!r}; look whether symbol, timeframe and zone are"
        " right, then say revise=True to store these."
    )
    assert news(imported(many), TRUE, Choices(revise=True)) == (many, 0)
    assert news(imported(many), TRUE, Choices(limit=0.05)) == (many, 0)
    with pytest.raises(DataError, match="1 of 200 bars that are stored with other numbers"):
        news(imported(changed({(3, "volume"): 5.0})), TRUE, Choices(limit=0))


def test_a_coarse_bar_that_is_no_rounding_is_another_one() -> None:
    frame = rounded().frame()
    frame["volume"] += 0.02
    other = Bars.from_frame(frame, "BTC/USDT", "1h")
    with pytest.raises(DataError, match="200 of 200 bars that are stored with other numbers"):
        news(imported(other), TRUE)
    bars, left = news(imported(other), TRUE, Choices(revise=True))
    assert (bars, left) == (other, 0)


@pytest.mark.parametrize("part", [slice(0, 1), slice(50, 60), slice(0, 200)])
def test_only_the_bars_of_both_are_compared(part: slice) -> None:
    assert news(imported(TRUE), TRUE[part]) == (TRUE, 0)
