"""Worked examples as they were published, one test each, named after where."""

from __future__ import annotations

import numpy as np

from cryptolab.kernels.oscillators import rsi
from cryptolab.kernels.volatility import atr, bollinger


def test_stockcharts_chartschool_relative_strength_index() -> None:
    """ChartSchool, worksheet cs-rsi: 14-day RSI of 33 closes of QQQQ."""
    close = [
        44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931, 46.0328,
        45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439, 46.2122, 46.2521, 45.7137, 46.4515,
        45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672, 43.4205, 42.6628, 43.1314,
    ]  # fmt: skip
    published = [
        70.5328, 66.3186, 66.5498, 69.4063, 66.3552, 57.9749, 62.9296, 63.2571, 56.0593, 62.3771, 54.7076, 50.4228,
        39.9898, 41.4605, 41.8689, 45.4632, 37.3040, 33.0795, 37.7730,
    ]  # fmt: skip
    np.testing.assert_allclose(rsi(np.array(close), 14)[14:], published, atol=1e-3)


def test_stockcharts_chartschool_average_true_range() -> None:
    """ChartSchool, worksheet cs-atr: 14-day ATR of 30 days of QQQQ.

    Its first range is the first day's high - low; ours (TA-Lib's) begins with the second day, which has a close before
    it. A day that closes inside the first day's range is put in front: the ranges averaged are then the same.
    """
    high = [
        48.70, 48.72, 48.90, 48.87, 48.82, 49.05, 49.20, 49.35, 49.92, 50.19, 50.12, 49.66, 49.88, 50.19, 50.36, 50.57,
        50.65, 50.43, 49.63, 50.33, 50.29, 50.17, 49.32, 48.50, 48.3201, 46.80, 47.80, 48.39, 48.66, 48.79,
    ]  # fmt: skip
    low = [
        47.79, 48.14, 48.39, 48.37, 48.24, 48.635, 48.94, 48.86, 49.50, 49.87, 49.20, 48.90, 49.43, 49.725, 49.26,
        50.09, 50.30, 49.21, 48.98, 49.61, 49.20, 49.43, 48.08, 47.64, 41.55, 44.2833, 47.31, 47.20, 47.90, 47.7301,
    ]  # fmt: skip
    close = [
        48.16, 48.61, 48.75, 48.63, 48.74, 49.03, 49.07, 49.32, 49.91, 50.13, 49.53, 49.50, 49.75, 50.03, 50.31, 50.52,
        50.41, 49.34, 49.37, 50.23, 49.2375, 49.93, 48.43, 48.18, 46.57, 45.41, 47.77, 47.72, 48.62, 47.85,
    ]  # fmt: skip
    published = [
        0.555, 0.593929, 0.585791, 0.568949, 0.615452, 0.617920, 0.642354, 0.674329, 0.692770, 0.775429, 0.781470,
        1.209229, 1.302620, 1.380290, 1.366698, 1.336219, 1.316482,
    ]  # fmt: skip
    before = [48.0]
    found = atr(np.array(before + high), np.array(before + low), np.array(before + close), 14)[14:]
    np.testing.assert_allclose(found, published, atol=1e-6)


def test_stockcharts_chartschool_bollinger_bands() -> None:
    """ChartSchool, worksheet cs-bbands: 20-day bands of 42 closes of SPY, two population deviations wide."""
    close = [
        86.1557, 89.0867, 88.7829, 90.3228, 89.0671, 91.1453, 89.4397, 89.1750, 86.9302, 87.6752, 86.9596, 89.4299,
        89.3221, 88.7241, 87.4497, 87.2634, 89.4985, 87.9006, 89.1260, 90.7043, 92.9001, 92.9784, 91.8021, 92.6647,
        92.6843, 92.3021, 92.7725, 92.5373, 92.9490, 93.2039, 91.0669, 89.8318, 89.7435, 90.3994, 90.7387, 88.0177,
        88.0867, 88.8439, 90.7781, 90.5416, 91.3894, 90.6500,
    ]  # fmt: skip
    middle = [
        88.70794, 89.04516, 89.239745, 89.390705, 89.5078, 89.68866, 89.7465, 89.91314, 90.081255, 90.382195, 90.65863,
        90.863995, 90.88409, 90.90516, 90.988925, 91.153375, 91.19109, 91.1205, 91.167665, 91.25027, 91.242135,
        91.1666, 91.05018,
    ]  # fmt: skip
    deviation = [
        1.291961, 1.452054, 1.686425, 1.771747, 1.902075, 2.019895, 2.076546, 2.176557, 2.241921, 2.202359, 2.192185,
        2.021805, 2.009411, 1.995080, 1.936044, 1.760127, 1.682751, 1.779126, 1.704060, 1.642001, 1.645086, 1.601325,
        1.549162,
    ]  # fmt: skip
    upper, mean, lower = (band[19:] for band in bollinger(np.array(close), 20, 2.0))
    np.testing.assert_allclose(mean, middle, atol=1e-6)
    np.testing.assert_allclose((upper - mean) / 2, deviation, atol=1e-6)
    np.testing.assert_allclose((mean - lower) / 2, deviation, atol=1e-6)
