"""The simulated market: a candle series with the stylised facts of hourly Bitcoin, whose past never changes."""

from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptolab.bars import COLUMNS, TIMEFRAMES, Bars
from cryptolab.data_fetchers import simulate
from cryptolab.errors import InputError, UnknownNameError
from cryptolab.kernels import market
from tests.conftest import REAL_DATA

HOURS = 78_013  # as many as the real series has
SEEDS = range(5)

# Binance BTC/USDT 1h, 2017-08-17 04:00 to 2026-07-16 23:00 UTC, 78,013 bars: the figure, and how far the median of five
# simulated series may be from it (a share of the figure). The real series' own thirds are often farther off.
FACTS = {
    "deviation": (0.00772, 0.20),  # of the hourly log return r
    "median |r| / deviation": (0.330, 0.10),  # 0.674 for a Gaussian
    "99 % |r| / deviation": (3.88, 0.10),
    "99.9 % |r| / deviation": (8.24, 0.15),
    "tail index": (3.03, 0.15),  # Hill's estimate over the largest 1 % of |r|
    "kurtosis": (39.3, 0.60),  # of a sample whose fourth moment hardly exists: the widest band
    "jumps": (0.513, 0.50),  # hours beyond 10 deviations, in a thousand
    "memory 1": (0.315, 0.25),  # autocorrelation of |r|, lag in hours
    "memory 24": (0.221, 0.25),
    "memory 168": (0.153, 0.30),
    "memory 500": (0.125, 0.40),
    "daily kurtosis": (9.69, 0.60),  # the tails thin out over a day as they do in the market
    "volume with range": (0.686, 0.12),  # correlation of the log range with the log volume v (off its monthly median)
    "volume with |r|": (0.477, 0.15),  # rank correlation
    "volume deviation": (0.687, 0.15),  # of v
    "volume tail": (6.66, 0.25),  # 99 % of exp(v): a heavy tail
    "volume memory 1": (0.734, 0.10),  # autocorrelation of v
    "volume memory 24": (0.389, 0.20),
    "swing at 14:00": (1.304, 0.08),  # mean |r| of that UTC hour over that of all
    "swing at 05:00": (0.823, 0.08),
    "swing on Saturday": (0.764, 0.08),
    "volume at 14:00": (1.520, 0.10),  # exp(mean v) of that hour over that of all
    "volume at 21:00": (0.793, 0.10),
    "range / body": (2.162, 0.05),  # means of log(high / low) and |log(close / open)|
    "median range / median body": (2.725, 0.08),
    "median of body / range": (0.414, 0.10),
}


def autocorrelation(x: np.ndarray, lag: int) -> float:
    x = x - x.mean()
    return float((x[lag:] * x[:-lag]).mean() / (x * x).mean())


def kurtosis(x: np.ndarray) -> float:
    return float(((x - x.mean()) ** 4).mean() / x.var() ** 2)


def facts(frame: pd.DataFrame) -> dict[str, float]:
    """The figures of `FACTS` for hourly bars; rows without volume are passed over where its logarithm is taken."""
    frame = frame[frame["volume"] > 0]
    r = np.diff(np.log(frame["close"].to_numpy()))
    size, deviation = np.abs(r), r.std()
    largest = np.sort(size)[::-1][: len(r) // 100 + 1]
    volume = np.log(frame["volume"])
    v = (volume - volume.rolling(720).median()).to_numpy()[720:]
    reach = np.log(frame["high"] / frame["low"])
    body = np.log(frame["close"] / frame["open"]).abs()
    hour, day = frame.index.hour.to_numpy(), frame.index.day_of_week.to_numpy()
    days = r[: len(r) // 24 * 24].reshape(-1, 24).sum(axis=1)
    figures = {
        "deviation": deviation,
        "median |r| / deviation": np.median(size) / deviation,
        "99 % |r| / deviation": np.quantile(size, 0.99) / deviation,
        "99.9 % |r| / deviation": np.quantile(size, 0.999) / deviation,
        "tail index": 1.0 / np.log(largest[:-1] / largest[-1]).mean(),
        "kurtosis": kurtosis(r),
        "jumps": 1000.0 * (size > 10.0 * deviation).mean(),
        "daily kurtosis": kurtosis(days),
        "volume with range": np.corrcoef(np.log(reach[720:] + 1e-6), v)[0, 1],
        "volume with |r|": pd.Series(size[719:]).corr(pd.Series(v), method="spearman"),
        "volume deviation": v.std(),
        "volume tail": np.quantile(np.exp(v), 0.99),
        "volume memory 1": autocorrelation(v, 1),
        "volume memory 24": autocorrelation(v, 24),
        "swing at 14:00": size[hour[1:] == 14].mean() / size.mean(),
        "swing at 05:00": size[hour[1:] == 5].mean() / size.mean(),
        "swing on Saturday": size[day[1:] == 5].mean() / size.mean(),
        "volume at 14:00": np.exp(v[hour[720:] == 14].mean() - v.mean()),
        "volume at 21:00": np.exp(v[hour[720:] == 21].mean() - v.mean()),
        "range / body": reach.mean() / body.mean(),
        "median range / median body": reach.median() / body.median(),
        "median of body / range": (body / reach)[reach > 0].median(),
    }
    figures |= {f"memory {lag}": autocorrelation(size, lag) for lag in (1, 24, 168, 500)}
    return {name: float(value) for name, value in figures.items()}


def white_noise(seed: int) -> pd.DataFrame:
    """Gaussian hours of the real deviation, made of 60 Gaussian minutes each, with independent log-normal volume."""
    rng = np.random.default_rng(seed)
    path = np.cumsum(rng.standard_normal((HOURS, 60)) * 0.00772 / 60**0.5, axis=1)
    begin = np.concatenate([[0.0], np.cumsum(path[:-1, -1])])
    logs = begin[:, None] + np.column_stack([np.zeros(HOURS), path])
    prices = [logs[:, 0], logs.max(axis=1), logs.min(axis=1), logs[:, -1]]
    columns = [*(1e4 * np.exp(price) for price in prices), np.exp(rng.standard_normal(HOURS) * 0.5)]
    index = pd.date_range("2017-08-17", periods=HOURS, freq="h", tz="UTC", unit="ns")
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)), index=index)


def median_facts(frames: list[pd.DataFrame]) -> dict[str, float]:
    return dict(pd.DataFrame([facts(frame) for frame in frames]).median())


@pytest.fixture(scope="module")
def simulated() -> dict[str, float]:
    return median_facts([simulate(HOURS, seed=seed, start="2017-08-17").frame() for seed in SEEDS])


@pytest.fixture(scope="module")
def noise() -> dict[str, float]:
    return median_facts([white_noise(seed) for seed in range(2)])


def inside(name: str, value: float) -> bool:
    real, share = FACTS[name]
    return abs(value - real) <= share * real


@pytest.mark.parametrize("name", FACTS)
def test_the_figure_is_in_a_band_around_the_real_one(name: str, simulated: dict[str, float]) -> None:
    assert inside(name, simulated[name]), f"{name}: {simulated[name]:.4g}, real {FACTS[name][0]:.4g}"


@pytest.mark.parametrize("name", [name for name in FACTS if name != "deviation"])  # which it was given
def test_the_band_is_too_narrow_for_gaussian_white_noise(name: str, noise: dict[str, float]) -> None:
    assert not inside(name, noise[name]), f"{name}: {noise[name]:.4g}, real {FACTS[name][0]:.4g}"


@pytest.mark.real_data
def test_the_figures_are_those_of_the_real_file() -> None:
    frame = pd.read_parquet(REAL_DATA / "ohlcv" / "BTCUSDT" / "1h.parquet")
    measured = facts(frame.set_index("timestamp") if "timestamp" in frame else frame)
    for name, (real, _) in FACTS.items():
        assert measured[name] == pytest.approx(real, rel=0.006), name


@pytest.mark.parametrize("seed", SEEDS)
def test_returns_do_not_foretell_returns(seed: int) -> None:
    r = np.diff(np.log(simulate(HOURS, seed=seed).close))
    clipped = np.clip(r, -4 * r.std(), 4 * r.std())  # one wild hour would decide the figure alone
    for lag in (1, 2, 3, 24, 168):  # the real series has -0.042 at lag 1, -0.040 at 24
        assert abs(autocorrelation(clipped, lag)) < 0.025
    assert abs(np.corrcoef(np.sign(r[:-1]), np.sign(r[1:]))[0, 1]) < 0.015


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_volatility_grows_with_the_root_of_time(timeframe: str) -> None:
    hours = TIMEFRAMES[timeframe] / TIMEFRAMES["1h"]
    length = min(50_000, int(70_000 / hours))
    deviations = [np.diff(np.log(simulate(length, timeframe, seed).close)).std() for seed in range(12)]
    # below an hour the sample spans less than the memory of volatility
    assert 0.5 < np.sqrt(np.square(deviations).mean()) / (0.0077 * hours**0.5) < 1.6


def test_longer_bars_simulated_directly_resemble_hours_taken_together() -> None:
    direct = facts_of_size(simulate(19_000, "4h", 3))
    together = facts_of_size(simulate(76_000, "1h", 3).resample("4h"))
    for name, value in direct.items():
        assert value == pytest.approx(together[name], rel=0.35), name


def facts_of_size(bars: Bars) -> dict[str, float]:
    size = np.abs(np.diff(np.log(bars.close)))
    return {
        "deviation": float(size.std()),
        "99 %": float(np.quantile(size, 0.99) / np.median(size)),
        "range": float(np.log(bars.high / bars.low).mean() / size.mean()),
        "volume": float(np.median(bars.volume)),
    }


# laws

ARRAYS = ("time", *COLUMNS)


@pytest.mark.parametrize("length", [1, 2, 500, 65_535, 65_536, 65_537, 131_073])
def test_more_bars_leave_the_earlier_ones_unchanged(length: int) -> None:
    longer = simulate(140_000, seed=11)
    shorter = simulate(length, seed=11)
    for name in ARRAYS:
        assert np.array_equal(getattr(shorter, name), getattr(longer, name)[:length]), name


@given(
    length=st.integers(1, 400),
    more=st.integers(1, 400),
    timeframe=st.sampled_from(list(TIMEFRAMES)),
    seed=st.integers(0, 2**64),
    price=st.floats(1e-9, 1e12),
)
@settings(max_examples=60)
def test_bars_are_sound_and_stable_at_any_price_and_length(
    length: int, more: int, timeframe: str, seed: int, price: float
) -> None:
    bars = simulate(length, timeframe, seed, price=price)
    assert len(bars) == length
    assert bars.timeframe == timeframe
    assert bars.where is None
    assert len(bars.gaps) == 0
    assert (bars.low > 0).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.volume > 0).all()
    assert np.isfinite(bars.volume).all()
    longer = simulate(length + more, timeframe, seed, price=price)
    assert all(np.array_equal(getattr(bars, name), getattr(longer, name)[:length]) for name in ARRAYS)


def test_the_same_arguments_give_the_same_bars_and_another_seed_others() -> None:
    assert simulate(300, seed=5).fingerprint == simulate(300, seed=5).fingerprint
    assert simulate(300, seed=5).fingerprint != simulate(300, seed=6).fingerprint
    # a seed beyond 2**53 is not rounded to its neighbour
    assert simulate(30, seed=2**60).fingerprint != simulate(30, seed=2**60 + 1).fingerprint


def test_the_default_market_is_the_same_on_every_machine() -> None:
    bars = simulate(3)
    rows = np.column_stack([bars.open, bars.high, bars.low, bars.close, bars.volume])
    assert rows.tolist() == [
        [10000.0, 10075.47, 9903.94, 9993.86, 13472.84],
        [9993.86, 9998.606, 9907.636, 9935.234, 6278.273],
        [9935.234, 9950.592, 9916.085, 9921.169, 3448.197],
    ]


def test_the_start_price_only_scales_the_market() -> None:
    base, other = simulate(2_000), simulate(2_000, price=1_000_000.0)
    assert np.allclose(other.close, base.close * 100, rtol=1e-3)
    # turnover in quote currency stays: a hundredth of the coins
    assert np.allclose(other.volume, base.volume / 100, rtol=1e-3)


@pytest.mark.parametrize("price", [1e-9, 0.0123, 1.0, 9_990.0, 123_456.0, 1e12])
def test_prices_are_on_the_tick_grid_of_their_bar(price: float) -> None:
    bars = simulate(2_000, price=price)
    for first, *others in zip(bars.open, bars.high, bars.low, bars.close, strict=True):
        digits = 6 - math.floor(math.log10(first))  # seven significant ones
        assert all(
            float(x) == (round(x, digits) if digits >= 0 else round(x / 10**-digits) * 10**-digits) for x in others
        )


def test_opens_are_near_the_last_close_and_half_of_them_on_it() -> None:
    bars = simulate(50_000)
    jump = np.abs(np.log(bars.open[1:] / bars.close[:-1]))
    assert 0.4 < (jump > 0).mean() < 0.6
    assert jump.mean() < 0.04 * np.abs(np.diff(np.log(bars.close))).mean()


def test_an_hour_that_ruins_the_scale_does_not_happen_in_a_century() -> None:
    close = simulate(876_000, seed=1).close
    assert np.abs(np.diff(np.log(close))).max() < 0.6


def test_it_says_what_it_is() -> None:
    bars = simulate(24, symbol="foousdt")
    assert bars.source == "simulated"
    assert bars.symbol == "FOO/USDT"
    assert bars.rows[0] == pd.Timestamp("2020-01-01", tz="UTC")


@pytest.mark.parametrize(
    ("start", "timeframe", "first"),
    [
        ("2020-01-01", "1w", "2020-01-06"),  # the next Monday
        ("2020-01-06", "1w", "2020-01-06"),
        ("2020-01-01 00:30", "1h", "2020-01-01 01:00"),
        ("2020-01-01 00:30+02:00", "1d", "2020-01-01"),
        (pd.Timestamp("1969-12-31 23:59"), "1m", "1969-12-31 23:59"),
        (pd.Timestamp("1960-01-01"), "1w", "1960-01-04"),
    ],
)
def test_it_starts_at_the_first_grid_point_from_start_on(start: object, timeframe: str, first: str) -> None:
    assert simulate(2, timeframe, start=start).rows[0] == pd.Timestamp(first, tz="UTC")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bars": 0}, "bars: received 0; write a number >= 1."),
        ({"bars": 1.5}, "bars: received 1.5; write a whole number."),
        ({"bars": True}, "bars: received True; write a number >= 1."),
        ({"seed": -1}, "seed: received -1; write a number >= 0."),
        ({"seed": None}, "seed: received None; write a number >= 0."),
        ({"price": 0}, "price: received 0; write a number >= 1e-09 and <= 1e+12."),
        ({"price": float("nan")}, "price: received nan;"),
        ({"timeframe": "7m"}, "timeframe: received '7m'; did you mean"),
        ({"timeframe": ["1h"]}, "timeframe: received ['1h'];"),
        ({"start": "yesterday-ish"}, "start: received 'yesterday-ish'; write a date, as in '2020-01-01'."),
        ({"start": None}, "start: received None; write a date"),
        ({"start": "9999-01-01"}, "start: received '9999-01-01'; write a date"),
        ({"bars": 20_000, "timeframe": "1w"}, "bars: received 20,000 bars of 1w from 2020-01-01; end before the year"),
        ({"bars": 10**15}, "bars: received 1,000,000,000,000,000 bars of 1h"),
        ({"symbol": ""}, "symbol: received ''; write BASE/QUOTE"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_one_sentence(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        simulate(**arguments)  # type: ignore[arg-type]
    assert str(caught.value).startswith(message)
    assert not isinstance(caught.value, UnknownNameError)


def test_the_kernel_equals_its_plain_python_self() -> None:
    rng = np.random.default_rng(3)
    n = 300
    arguments = (
        rng.standard_normal((n, market.NORMALS)),
        rng.standard_exponential((n, market.EXPONENTIALS)),
        rng.gamma(2.0, 0.5, n),
        np.where(rng.random(n) < 0.1, 0.04, 0.0),
        rng.random(n) < 0.5,
        np.full(n, 0.01),
        np.full(n, 3.0),
        np.array([0.7, 0.9, 0.99, 0.9, 0.99]),
        np.array([0.1, 0.1, 0.1, 0.1, 0.1]),
        np.array([0.0, 0.0, 0.0, 0.0, 0.0, 100.0]),
    )
    compiled, after = market.candles(*arguments)
    plain, plain_after = market.candles.py_func(*arguments)
    assert np.allclose(compiled, plain, rtol=1e-12, atol=0.0)
    assert np.allclose(after, plain_after, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
def test_a_million_bars_take_at_most_two_seconds() -> None:
    simulate(1_000)
    begin = time.perf_counter()
    simulate(1_000_000)
    assert time.perf_counter() - begin < 2.0
