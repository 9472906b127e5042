"""Reports: tables (numbers), lints (doubts), charts (what figures are given) and sheets (arrangement)."""

from cryptolab.reporting.sources import load_data
from cryptolab.reporting.study import Study
from cryptolab.reporting.sweeps import SweepReport

__all__ = ["Study", "SweepReport", "load_data"]
