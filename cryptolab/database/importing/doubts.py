"""Bars that no rule forbids and that still are not what they say: unfinished ones, and prices far from all others.

What is looked for was measured on recorded hours, four-hours and days of seven markets (560,000 bars): none of them is
taken for unfinished but the bars in question of files that are known to hold such.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from cryptolab.bars import MINUTE

INCOMPLETE = "looks incomplete"
FAR = "a price far off"

_AROUND = 101
"""Bars whose median says what is usual around one."""
_FEWEST = 20
_SHORTEST = 15 * MINUTE
"""In shorter bars neighbours are really apart now and then."""


def incomplete(time: np.ndarray, values: np.ndarray, interval: int) -> dict[int, str]:
    """Return bars that look as if they had been saved before they closed: row -> why.

    Where a market trades round the clock, a bar opens where the last one closed. One that was saved too early has a
    close far from the next open, more than 100 times as far as 9 of 10 bars around it and more than a twentieth of
    their usual range, and a small volume: real jumps come with a large one.
    """
    if interval < _SHORTEST or len(time) < _FEWEST:
        return {}
    open_, high, low, close, volume = values.T
    next_to = np.diff(time) == interval
    jump = pd.Series(np.where(next_to, np.abs(np.log(open_[1:] / close[:-1])), np.nan))
    spread = pd.Series(np.log(high / low)[:-1])
    traded = pd.Series(volume[:-1])
    usual_jump = jump.rolling(_AROUND, center=True, min_periods=_FEWEST).quantile(0.9).clip(lower=1e-5)
    usual_spread = spread.rolling(_AROUND, center=True, min_periods=_FEWEST).median()
    usual_volume = traded.rolling(_AROUND, center=True, min_periods=_FEWEST).median()
    found = (jump > 100 * usual_jump) & (jump > 0.05 * usual_spread) & (traded < 0.6 * usual_volume)
    return {
        int(row): (
            f"the next bar opens {np.expm1(jump[row]):.1%} from its close, on"
            f" {traded[row] / usual_volume[row]:.0%} of the usual volume"
        )
        for row in np.flatnonzero(found)
    }


def far_off(time: np.ndarray, values: np.ndarray, interval: int) -> dict[int, str]:
    """Return bars whose open or close is twice or half of both what stands beside it: row -> why.

    At the ends of the data, where there is but one neighbour, it must be three times or a third.
    """
    open_, close = np.log(values[:, 0]), np.log(values[:, 3])
    body = np.abs(open_ - close)
    beside = np.diff(time) == interval
    jump = np.where(beside, np.abs(open_[1:] - close[:-1]), np.inf)
    before, after = np.concatenate(([np.inf], jump)), np.concatenate((jump, [np.inf]))
    found: dict[int, str] = {}
    for name, neighbour in (("open", before), ("close", after)):
        least = np.where(np.isinf(neighbour), np.log(3.0), np.log(2.0))
        for row in np.flatnonzero((body > least) & (neighbour > least)):
            found[int(row)] = f"open {values[row, 0]:g}, close {values[row, 3]:g}, the {name} unlike its neighbour"
    return found


def filled_opens(values: np.ndarray) -> int:
    """Return how many bars lie in stretches of 500 in which nearly each open is the close before."""
    same = values[1:, 0] == values[:-1, 3]
    whole = len(same) // 500 * 500
    share = same[:whole].reshape(-1, 500).mean(axis=1)
    return int((share > 0.95).sum()) * 500
