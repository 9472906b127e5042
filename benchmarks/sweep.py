"""Sweeps beside a plain fused loop, vectorbt with vectorbt-rust, RaptorBT, and bare calls of a user's function."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import pandas as pd

from benchmarks.measuring import HOURS, MINUTES, Row, added_memory, best, seconds
from cryptolab.backtesting import Costs, Risk
from cryptolab.backtesting.scoring import Scorer
from cryptolab.bars import Bars, as_bars
from cryptolab.database.files import read
from cryptolab.indicators import EMA
from cryptolab.kernels import turns
from cryptolab.kernels.scoring import SCORE
from cryptolab.optimization import SweepResult, sweep
from cryptolab.signal_generator import STRATEGIES, Signals, long_while, strategy

CORES = 2
GRID = {"fast": range(5, 45), "slow": range(100, 200)}
ATR_RISK = Risk(stop_loss_atr_multiplier=2.0, take_profit_atr_multiplier=3.0)
COMPARED = (
    "total_return", "sharpe_ratio", "sortino_ratio", "max_drawdown", "win_rate", "profit_factor", "n_trades",
)  # fmt: skip


@strategy
def cross(bars: Bars, fast: int = 9, slow: int = 21) -> Signals:
    """A plain function: long while the fast average is above the slow one."""
    return long_while(EMA(bars, period=fast) > EMA(bars, period=slow))


@strategy
def pandas_reversion(bars: Bars, window: int = 20, width: float = 2.0) -> Signals:
    """As a researcher would write it in pandas: below the band buy, above the mean sell."""
    close = pd.Series(bars.close, bars.index)
    mean = close.rolling(window).mean()
    low = mean - width * close.rolling(window).std()
    return Signals(close < low, close > mean)


def minutes(n: int = 200_000) -> Bars:
    """Return the first n one-minute bars."""
    return as_bars(pd.read_parquet(MINUTES).set_index("timestamp")[:n], symbol="BTC/USDT")


# ---- the plain fused loop -----------------------------------------------------------------------------------------


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def fused(fast: np.ndarray, slow: np.ndarray, open_: np.ndarray, close: np.ndarray, capital: float,
          fee: float, slip: float, year: float) -> tuple[float, ...]:  # fmt: skip
    """One pass over the bars: fills at the next open, and the metrics that the table compares."""
    cash, quantity, paid, before, peak, worst = capital, 0.0, 0.0, capital, capital, 0.0
    total = squares = downside = won = lost = 0.0
    wins = count = 0
    wants = False
    for t in range(close.size):
        if wants != (quantity > 0.0):
            if wants:
                price = open_[t] * (1.0 + slip)
                quantity = cash / (1.0 + fee) / price
                paid = cash
                cash = 0.0
            else:
                cash = quantity * open_[t] * (1.0 - slip) * (1.0 - fee)
                quantity = 0.0
                pnl = cash - paid
                count += 1
                if pnl > 0.0:
                    wins += 1
                    won += pnl
                else:
                    lost -= pnl
        equity = cash + quantity * close[t]
        r = equity / before - 1.0
        total += r
        squares += r * r
        downside += min(r, 0.0) ** 2
        before = equity
        peak = max(peak, equity)
        worst = min(worst, equity / peak - 1.0)
        wants = fast[t] > slow[t]
    n = close.size
    mean = total / n
    deviation = math.sqrt((squares - n * mean * mean) / (n - 1))
    fall = math.sqrt(downside / n)
    return (
        before / capital - 1.0, mean / deviation * math.sqrt(year), mean / fall * math.sqrt(year), worst,
        wins / count, won / lost, count,
    )  # fmt: skip


def fused_sweep(bars: Bars, columns: dict[int, np.ndarray]) -> list[tuple[float, ...]]:
    """Run the loop for each set of GRID, on as many threads as the sweep has."""
    costs = Costs()
    sets = [(fast, slow) for fast in GRID["fast"] for slow in GRID["slow"]]

    def part(first: int) -> list[tuple[float, ...]]:
        return [
            fused(
                columns[fast], columns[slow], bars.open, bars.close, 10_000.0, costs.commission, costs.slippage,
                bars.periods_per_year,
            )
            for fast, slow in sets[first::CORES]
        ]  # fmt: skip

    out: list[Any] = [None] * len(sets)
    with ThreadPoolExecutor(CORES) as pool:
        for first, results in enumerate(pool.map(part, range(CORES))):
            out[first::CORES] = results
    return out


def on_minutes() -> list[Row]:
    """Return the rows on 4,000 EMA crosses over 200,000 minutes."""
    bars = minutes()
    costs = Costs(max_wait=1_000_000)  # the plain loop knows of no missing bars
    columns = {period: np.array(EMA(bars, period=period)) for name in GRID.values() for period in name}
    table = sweep(cross, bars, GRID, costs=costs, n_jobs=CORES, progress=False).table
    for ours, theirs in zip(table[list(COMPARED)].to_numpy(), fused_sweep(bars, columns), strict=True):
        assert np.allclose(ours, theirs, rtol=1e-9, atol=1e-12), (ours, theirs)
    ours_time, atr_time, loop_time = best(
        5,
        lambda: sweep(cross, bars, GRID, n_jobs=CORES, progress=False),
        lambda: sweep(cross, bars, GRID, risk=ATR_RISK, n_jobs=CORES, progress=False),
        lambda: fused_sweep(bars, columns),
    )
    work = len(table) * len(bars)
    rate, atr_rate, loop_rate = work / ours_time, work / atr_time, work / loop_time
    prepare = (
        "from benchmarks.sweep import *\nbars = minutes()\n"
        "sweep(cross, bars[:5000], {'fast': [5, 6], 'slow': [9, 10]}, progress=False)\n"
    )
    added = added_memory(prepare, "kept = sweep(cross, bars, GRID, progress=False)")
    name = "sweep of 4,000 EMA crosses over 200,000 minutes, all metrics"
    return [
        Row(name, f"{rate:.3g} bars/s", "fastest peer publishes 5.7e8 on 4 cores", f"{rate / 5.7e8:.1f}×",
            "≥ 0.9e9 bars/s", rate >= 0.9e9),
        Row("the same beside a plain fused numba loop on 2 threads", seconds(ours_time),
            f"loop {seconds(loop_time)} ({loop_rate:.2g} bars/s)", f"{loop_time / ours_time:.1f}×", "≥ 1.8×",
            loop_time >= 1.8 * ours_time),
        Row("memory added by it", f"{added:.0f} MB", "-", "-", "≤ 250 MB", added <= 250),
        Row("the same with an ATR stop of 2 and target of 3", f"{atr_rate:.3g} bars/s", "-", "-", "≥ 6e8 bars/s",
            atr_rate >= 6e8),
        trade_costs(bars),
    ]  # fmt: skip


def trade_costs(bars: Bars) -> Row:
    """Return what a trade costs above the bare scan of the flags, the dearest of the catalogue's strategies."""
    scorer = Scorer(bars, 10_000.0, 16)
    scores, days = np.zeros(1, SCORE), np.zeros((1, 16, 3))
    room = np.empty(len(bars) + 1, np.int32), np.empty(len(bars) + 1, np.int32)
    dearest, named = 0.0, ""
    for made in (STRATEGIES["ema_cross"], STRATEGIES["rsi_reversion"], STRATEGIES["ichimoku_trend"], pandas_reversion):
        signals = made(bars)
        entries, exits = signals.entries, signals.exits
        flags = Signals(entries, exits)

        def scan(entries: np.ndarray = entries, exits: np.ndarray = exits) -> None:
            bits = [np.packbits(flags, bitorder="little").view(np.uint64) for flags in (entries, exits)]
            turns.turns_of_flags(*bits, *room)

        for risk in (Risk(), ATR_RISK):
            score, bare = best(9, lambda: scorer.score(flags, Costs(), risk, scores, days, 0), scan)  # noqa: B023
            count = int(scores["n_trades"][0])
            cost = (score - bare) / count * 1e9
            if cost > dearest:
                dearest, named = cost, f"{made.name}, {count:,} trades"
    return Row(
        "a trade above the bare scan, one core, dearest of four strategies", f"{dearest:.0f} ns", named, "-",
        "≤ 250 ns", dearest <= 250,
    )  # fmt: skip


def on_pandas() -> list[Row]:
    """Return the row on a strategy that a user wrote in pandas."""
    bars = minutes()
    grid = {"window": range(10, 40), "width": [1.0, 2.0]}
    sets = [{"window": window, "width": width} for window in grid["window"] for width in grid["width"]]
    ours, bare = best(
        3,
        lambda: sweep(pandas_reversion, bars, grid, n_jobs=CORES, progress=False),
        lambda: [pandas_reversion.function(bars, **values) for values in sets],
    )
    return [
        Row("60 sets of a user's pandas strategy over 200,000 minutes", seconds(ours),
            f"bare calls, one by one {seconds(bare)}", f"{ours / bare:.2f}", "≤ 1.3", ours <= 1.3 * bare),
    ]  # fmt: skip


# ---- vectorbt and RaptorBT ------------------------------------------------------------------------------------------

HOURLY_SETS = [(fast, slow) for fast in range(5, 38) for slow in range(40, 72, 2)]
"""528 sets"""


def hours(n: int = 26_280) -> Bars:
    """Return three years of hours."""
    return read(HOURS)[:n]


def matrices(bars: Bars) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return entries and exits of HOURLY_SETS, one column each."""
    found = [cross(bars, fast=fast, slow=slow) for fast, slow in HOURLY_SETS]
    columns = pd.MultiIndex.from_tuples(HOURLY_SETS, names=["fast", "slow"])
    return (
        pd.DataFrame(np.column_stack([signals.entries for signals in found]), bars.index, columns),
        pd.DataFrame(np.column_stack([signals.exits for signals in found]), bars.index, columns),
    )


def vectorbt_metrics(bars: Bars, entries: pd.DataFrame, exits: pd.DataFrame) -> dict[str, np.ndarray]:
    """Simulate with vectorbt at the next open, and compute the same 18 metrics, or its nearest to them.

    Its year is counted in bars, its alpha and beta leave out the first bar; what is defined alike is compared number by
    number.
    """
    import vectorbt as vbt

    frame = bars.frame().set_axis(entries.index)
    costs = Costs()
    portfolio = vbt.Portfolio.from_signals(
        frame["close"], entries.shift(1, fill_value=False), exits.shift(1, fill_value=False), price=frame["open"],
        fees=costs.commission, slippage=costs.slippage, init_cash=10_000.0, freq="1h",
    )  # fmt: skip
    closed = portfolio.trades.closed
    found = {
        "total_return": portfolio.total_return(), "cagr": portfolio.annualized_return(),
        "sharpe_ratio": portfolio.sharpe_ratio(), "sortino_ratio": portfolio.sortino_ratio(),
        "calmar_ratio": portfolio.calmar_ratio(), "max_drawdown": portfolio.max_drawdown(),
        "longest_drawdown": portfolio.drawdowns.max_duration(), "volatility": portfolio.annualized_volatility(),
        "alpha": portfolio.alpha(), "beta": portfolio.beta(), "n_trades": closed.count(),
        "win_rate": closed.win_rate(), "profit_factor": closed.profit_factor(), "expectancy": closed.expectancy(),
        "average_holding_time": closed.duration.mean(), "exposure": portfolio.position_coverage(),
        "turnover": (portfolio.orders.size * portfolio.orders.price).sum(), "fees_paid": portfolio.orders.fees.sum(),
    }  # fmt: skip
    return {name: values.to_numpy() for name, values in found.items()}


def patient(bars: Bars, entries: pd.DataFrame, exits: pd.DataFrame, slippage: float = 0.0005) -> SweepResult:
    """Score the matrices; the peers know of no missing bars, so that an entry waits for any of them."""
    costs = Costs(max_wait=1_000_000, slippage=slippage)
    return sweep((entries, exits), bars, costs=costs, n_jobs=CORES, progress=False)


def raptor(bars: Bars, items: list[Any]) -> list[Any]:
    """Run RaptorBT's batch; without slippage its numbers are ours."""
    import raptorbt

    config = raptorbt.BacktestConfig(
        initial_capital=10_000.0, fees=0.001, slippage=0.0, fill_timing="next_bar_open", periods_per_year=8760.0
    )
    arrays = [np.array(array) for array in bars.arrays]
    run: Any = raptorbt.batch_single_backtest  # its stub is not that of what is installed
    found: list[Any] = run(*arrays, items, config)
    return found


def on_hours() -> list[Row]:
    """Return the rows beside vectorbt and RaptorBT."""
    import raptorbt

    bars = hours()
    entries, exits = matrices(bars)
    table, peer = patient(bars, entries, exits).table, vectorbt_metrics(bars, entries, exits)
    for name in (*COMPARED, "volatility", "expectancy", "fees_paid"):
        assert np.allclose(table[name], peer[name], rtol=1e-9, atol=1e-9), name
    items = [
        raptorbt.BatchSingleItem(str(i), entries.iloc[:, i].to_numpy(), exits.iloc[:, i].to_numpy())
        for i in range(entries.shape[1])
    ]
    free = patient(bars, entries, exits, slippage=0.0).table
    for (_, theirs), (_, ours) in zip(raptor(bars, items), free.iterrows(), strict=True):
        assert math.isclose(theirs.metrics.total_return_pct / 100.0, ours["total_return"], rel_tol=1e-9)
        assert math.isclose(theirs.metrics.sharpe_ratio, ours["sharpe_ratio"], rel_tol=1e-9)
    named = {"fast": range(5, 38), "slow": range(40, 72, 2)}
    function, matrix, vectorbt_time, raptor_time = best(
        5,
        lambda: sweep(cross, bars, named, n_jobs=CORES, progress=False),
        lambda: patient(bars, entries, exits, slippage=0.0),
        lambda: vectorbt_metrics(bars, entries, exits),
        lambda: raptor(bars, items),
    )
    prepare = (
        "from benchmarks.sweep import *\nbars = hours(); entries, exits = matrices(bars)\n"
        "few = (bars[:3000], entries[:3000], exits[:3000])\n"
    )
    little = added_memory(prepare + "patient(*few)", "kept = patient(bars, entries, exits)")
    much = added_memory(prepare + "vectorbt_metrics(*few)", "kept = vectorbt_metrics(bars, entries, exits)")
    name = "528 sets × 26,280 hours, all 18 metrics"
    return [
        Row(name, seconds(function), f"vectorbt-rust {seconds(vectorbt_time)}", f"{vectorbt_time / function:.0f}×",
            "≥ 200×", vectorbt_time >= 200 * function),
        Row("memory added by it", f"{little:.0f} MB", f"vectorbt-rust {much:,.0f} MB", f"{little / much:.3f}", "≤ 0.1",
            little <= 0.1 * much),
        Row("528 sets × 26,280 hours, entries and exits given", seconds(matrix), f"RaptorBT {seconds(raptor_time)}",
            f"{raptor_time / matrix:.1f}×", "≥ 10×", raptor_time >= 10 * matrix),
    ]  # fmt: skip


def within_memory() -> list[Row]:
    """Return the row on 1,000 sets over all minutes within a budget."""
    prepare = (
        "from benchmarks.sweep import *\nimport time\nbars = minutes(2_000_000)\n"
        "sweep(cross, bars[:5000], {'fast': [5, 6], 'slow': [9, 10]}, progress=False)\n"
    )
    grid = "{'fast': range(5, 30), 'slow': range(100, 140)}"
    added = added_memory(prepare, f"kept = sweep(cross, bars, {grid}, memory='1 GB', progress=False)")
    return [
        Row("memory added by 1,000 sets × 1,050,207 minutes, `memory=\"1 GB\"`", f"{added:.0f} MB", "-", "-", "≤ 1 GB",
            added <= 1000),
    ]  # fmt: skip


def measure() -> list[Row]:
    """Return all rows on sweeps by threads."""
    return [*on_minutes(), *on_pandas(), *on_hours(), *within_memory()]
