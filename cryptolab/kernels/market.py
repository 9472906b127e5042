"""The simulated market: random draws in, candles out.

Volatility and volume are log-normal: sums of factors that forget at different speeds (Ornstein-Uhlenbeck). The
numbers here shape one candle; those that set its level and memory come from the caller.
"""

from __future__ import annotations

import math

import numpy as np

from cryptolab.kernels.compiler import kernel

NORMALS, EXPONENTIALS = 9, 2
"""Draws that `candles` takes for each bar."""

DIGITS = 7
"""Significant digits of a price: 12,345.67 has a tick of 0.01, 1.234567 one of 0.000001."""

# the most a bar's volatility is of the average: the log-normal's bare tail brings an hour of +90 % in a century
WILDEST = 9.0
ROUGHNESS = 1.25  # the path inside a bar wanders more than its end shows: variance of the path over that of the end
OFF_CLOSE = 0.05  # an open that is not the last close: its distance, in standard deviations of the bar
VOLUME_ON_LEVEL = 0.8  # log volume per unit of log volatility
VOLUME_ON_RANGE = 0.68  # log volume per unit of the bar's own log range, in units of its volatility
VOLUME_NOISE = 0.1


@kernel
def ticks(price: float) -> tuple[float, float]:
    """Return (multiply, divide), one of them 1: round(x × multiply / divide) / multiply × divide is on the tick grid.

    Both are powers of ten without a fraction, so that the result is the double nearest to the decimal number.
    """
    power = DIGITS - 1 - math.floor(math.log10(price))
    return (10.0**power, 1.0) if power >= 0 else (1.0, 10.0**-power)


@kernel
def candles(normals, exponentials, mixing, jumps, apart, swing, activity, decay, shock, state):
    """Return (candles, state): rows open, high, low, close, volume for n bars, and the state after the last of them.

    normals (n, NORMALS), exponentials (n, EXPONENTIALS): standard draws. mixing (n): random factors of the variance,
    mean 1. jumps (n): standard deviation of the sum of the bar's jumps, 0 without any. apart (n): whether the bar
    opens off the last close. swing (n): the bar's standard deviation at average volatility. activity (n): its log
    volume there. decay, shock (5): the factors' autoregression; the first three move volatility, the others volume
    alone. state (6): the factors, then the last close.
    """
    n = mixing.size
    out = np.empty((5, n))
    fast, medium, slow, crowd, fashion, price = state
    # a log-normal level's square has mean exp(2 × variance): taken off, so that swing keeps its meaning
    centre = 0.0
    for i in range(3):
        centre += shock[i] ** 2 / (1.0 - decay[i] ** 2)
    for t in range(n):
        z = normals[t]
        fast = decay[0] * fast + shock[0] * z[0]
        medium = decay[1] * medium + shock[1] * z[1]
        slow = decay[2] * slow + shock[2] * z[2]
        crowd = decay[3] * crowd + shock[3] * z[3]
        fashion = decay[4] * fashion + shock[4] * z[4]
        heat = fast + medium + slow
        level = math.exp(heat - centre)
        sigma = swing[t] * min(level * math.sqrt(mixing[t]), WILDEST)
        body = sigma * z[5] + jumps[t] * z[6]
        # the highest (lowest) point of a Brownian bridge from 0 to body has exactly this law
        wander = 2.0 * ROUGHNESS * sigma * sigma
        up = 0.5 * (body + math.sqrt(body * body + wander * exponentials[t, 0]))
        down = 0.5 * (body - math.sqrt(body * body + wander * exponentials[t, 1]))
        start = price * math.exp(OFF_CLOSE * sigma * z[7]) if apart[t] else price
        # prices live on the tick grid, the next bar starts from the rounded close: a last digit in which two
        # machines' exp differ does not add up over the bars
        multiply, divide = ticks(start)
        first = max(round(start * multiply / divide), 1.0)
        last = max(round(start * math.exp(body) * multiply / divide), 1.0)
        top = max(round(start * math.exp(up) * multiply / divide), first, last)
        bottom = max(min(round(start * math.exp(down) * multiply / divide), first, last), 1.0)
        price = last / multiply * divide
        out[0, t] = first / multiply * divide
        out[1, t] = top / multiply * divide
        out[2, t] = bottom / multiply * divide
        out[3, t] = price
        reach = math.log(max((up - down) / (swing[t] * level), 0.01))
        amount = math.exp(
            activity[t] + VOLUME_ON_LEVEL * heat + VOLUME_ON_RANGE * reach + crowd + fashion + VOLUME_NOISE * z[8]
        )
        multiply, divide = ticks(amount)
        out[4, t] = round(amount * multiply / divide) / multiply * divide
    return out, np.array([fast, medium, slow, crowd, fashion, price])
