"""The simulation: costs, risk, the engine, its result and its metrics."""

from cryptolab.backtesting.backtest_engine import BacktestEngine
from cryptolab.backtesting.metrics import DailyMetrics, Metrics, daily_metrics
from cryptolab.backtesting.records import Costs, Risk
from cryptolab.backtesting.result import BacktestResult

__all__ = ["BacktestEngine", "BacktestResult", "Costs", "DailyMetrics", "Metrics", "Risk", "daily_metrics"]
