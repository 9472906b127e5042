"""Volume beside price: prices weighted by what was traded at them, and volume added up by the way the price went."""

from __future__ import annotations

import numpy as np

from cryptolab.kernels.compiler import kernel


@kernel
def vwap_since(anchor: np.ndarray, price: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """Return the volume-weighted mean price since the anchor: float64 (n,).

    anchor: int64 (n,), the number of the stretch a row belongs to; the sums begin anew where it changes, and a
    negative number means before the anchor. NaN there, and until volume has traded since. The price is summed
    relative to the stretch's first one, so that one price throughout gives exactly that price.
    """
    n = price.size
    out = np.full(n, np.nan)
    current = np.int64(-1)
    base, money, coins = 0.0, 0.0, 0.0
    for t in range(n):
        if anchor[t] != current:
            current = anchor[t]
            base, money, coins = price[t], 0.0, 0.0
        if current >= 0:
            money += (price[t] - base) * volume[t]
            coins += volume[t]
            if coins > 0.0:
                out[t] = base + money / coins
    return out


@kernel
def vwap_rolling(price: np.ndarray, volume: np.ndarray, period: int) -> np.ndarray:
    """Return the volume-weighted mean price of the last `period` rows: float64 (n,), NaN in the first period - 1.

    NaN also where the whole window traded nothing: the block sums of `moving` never subtract, so that nothing is
    exactly 0 and a huge volume leaves no rounding behind when it has passed.
    """
    n = price.size
    out = np.full(n, np.nan)
    tail_money = np.empty(period)
    tail_coins = np.empty(period)
    for cut in range(period - 1, n, period):
        base = price[cut]
        money, coins = 0.0, 0.0
        for j in range(period):
            money += (price[cut - j] - base) * volume[cut - j]
            coins += volume[cut - j]
            tail_money[period - 1 - j] = money
            tail_coins[period - 1 - j] = coins
        money, coins = 0.0, 0.0
        for j in range(min(period, n - cut)):
            if j > 0:  # the row at the cut is in the tail already
                money += (price[cut + j] - base) * volume[cut + j]
                coins += volume[cut + j]
            traded = coins + tail_coins[j]
            if traded > 0.0:
                out[cut + j] = base + (money + tail_money[j]) / traded
    return out


@kernel
def obv(close: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """Return the running total of volume, added where the close rose, taken off where it fell: float64 (n,).

    It begins with the first row's volume, as TA-Lib's: only its changes mean anything.
    """
    n = close.size
    out = np.empty(n)
    total = 0.0
    previous = 0.0  # below any price: the first row counts as risen
    for t in range(n):
        price = close[t]
        # no branch: which way the price goes cannot be guessed, and a wrong guess costs more than everything else here
        way = int(price > previous) - int(price < previous)
        previous = price
        total += way * volume[t]
        out[t] = total
    return out
