"""One backtest: from DataFrame and signals to equity, trades and all metrics, beside vectorbt with vectorbt-rust."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.measuring import MINUTES, Row, added_memory, best, seconds
from cryptolab.backtesting import BacktestEngine, BacktestResult
from cryptolab.bars import as_bars
from cryptolab.indicators import EMA
from cryptolab.signal_generator import Signals, long_while

# a cross every three hours loses nearly all of it to costs, and vectorbt refuses orders below 1e-8 coins
CAPITAL, FEES, SLIPPAGE = 1e9, 0.001, 0.0005


def minutes() -> pd.DataFrame:
    """Return 1,050,207 real one-minute bars."""
    return pd.read_parquet(MINUTES).set_index("timestamp")


def cross(df: pd.DataFrame) -> Signals:
    """Return the signals of EMA 30/120."""
    bars = as_bars(df)
    return long_while(EMA(bars, period=30) > EMA(bars, period=120))


def ours(df: pd.DataFrame, signals: Signals) -> BacktestResult:
    """Run the engine and build what the peer builds: metrics, equity, table of trades."""
    # vectorbt knows of no missing bars: only an entry that waits for any of them trades as it does
    config = {"initial_capital": CAPITAL, "commission": FEES, "slippage": SLIPPAGE, "max_wait": 1_000_000}
    engine = BacktestEngine(config)
    result = engine.run(df, signals)
    _ = result.equity_curve, result.trades
    return result


def theirs(df: pd.DataFrame, signals: Signals, metrics: bool = True) -> dict[str, float]:
    """Run vectorbt at the next open (signals moved by one bar, filled at that bar's open)."""
    import vectorbt as vbt

    entries, exits = np.zeros(len(df), bool), np.zeros(len(df), bool)
    entries[1:], exits[1:] = signals.entries[:-1], signals.exits[:-1]
    portfolio = vbt.Portfolio.from_signals(
        df["close"], entries, exits, price=df["open"], fees=FEES, slippage=SLIPPAGE, init_cash=CAPITAL, freq="1min"
    )
    if not metrics:
        return {}
    _ = portfolio.value(), portfolio.trades.records_readable
    return {
        "total_return": portfolio.total_return(),
        "sharpe_ratio": portfolio.sharpe_ratio(),
        "sortino_ratio": portfolio.sortino_ratio(),
        "calmar_ratio": portfolio.calmar_ratio(),
        "max_drawdown": portfolio.max_drawdown(),
        "win_rate": portfolio.trades.closed.win_rate(),
        "profit_factor": portfolio.trades.closed.profit_factor(),
    }


def measure() -> list[Row]:
    """Return the rows on time, memory and throughput."""
    df = minutes()
    signals = cross(df)
    result, peer = ours(df, signals), theirs(df, signals)
    # vectorbt's year for the Calmar ratio is counted in bars, ours by the calendar: over gaps they differ by 1e-6
    for name in ("total_return", "sharpe_ratio", "sortino_ratio", "max_drawdown", "win_rate", "profit_factor"):
        assert abs(result[name] - peer[name]) <= 1e-9 * max(1.0, abs(peer[name])), (name, result[name], peer[name])
    fast, slow, bare = best(
        3, lambda: ours(df, signals), lambda: theirs(df, signals), lambda: theirs(df, signals, metrics=False)
    )
    prepare = (
        "from benchmarks.backtest import minutes, cross, ours, theirs\n"
        "df = minutes(); signals = cross(df)\n"
        "small = df[:5000]; short = cross(small)\n"
    )
    little = added_memory(prepare + "ours(small, short)", "kept = ours(df, signals)")
    much = added_memory(prepare + "theirs(small, short)", "kept = theirs(df, signals)")
    name = "one backtest, 1,050,207 minutes (EMA 30/120): equity, trades, all metrics"
    return [
        Row(name, seconds(fast), f"vectorbt {seconds(slow)}", f"{slow / fast:.0f}×", "≥ 500×", slow / fast >= 500),
        Row(
            "the same, vectorbt's simulation alone, without any metric", seconds(fast), f"vectorbt {seconds(bare)}",
            f"{bare / fast:.0f}×", "-", None,
        ),
        Row(
            "memory added by it", f"{little:.0f} MB", f"vectorbt {much:.0f} MB", f"{little / much:.2f}",
            "≤ 0.25", little <= 0.25 * much,
        ),
        throughput(),
    ]  # fmt: skip


def throughput() -> Row:
    """Return bars a second of `engine.run` over 10,000,000 simulated bars with 25,000 round trips."""
    n = 10_000_000
    noise = np.random.default_rng(1).normal(0.0, 1e-4, n)
    close = 100.0 * np.exp(np.cumsum(noise))
    open_ = np.concatenate([[100.0], close[:-1]])
    df = pd.DataFrame(
        {
            "open": open_,
            "high": np.maximum(open_, close) * 1.0001,
            "low": np.minimum(open_, close) * 0.9999,
            "close": close,
            "volume": np.ones(n),
        },
        index=pd.date_range("2000-01-01", periods=n, freq="min", tz="UTC"),
    )
    turns = np.arange(n) % 400
    signals = Signals(turns == 0, turns == 200)
    engine = BacktestEngine({"initial_capital": CAPITAL})
    (time,) = best(5, lambda: engine.run(df, signals))
    rate = n / time
    return Row(
        "`engine.run`, 10,000,000 bars from a DataFrame", f"{rate / 1e6:.0f}e6 bars/s",
        "fastest peer publishes 47e6 on 4 cores", f"{rate / 4.7e7:.1f}×", "≥ 40e6 bars/s", rate >= 4e7,
    )  # fmt: skip
