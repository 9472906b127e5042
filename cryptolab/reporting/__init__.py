"""Reports: tables (numbers), lints (doubts), charts (what figures are given) and sheets (arrangement)."""

from cryptolab.reporting.comparing import Comparison, compare
from cryptolab.reporting.regimes import by_regime, regimes_of
from cryptolab.reporting.sources import load_data
from cryptolab.reporting.study import Study
from cryptolab.reporting.sweeps import SweepReport
from cryptolab.reporting.tearsheet import write_tearsheet

__all__ = ["Comparison", "Study", "SweepReport", "by_regime", "compare", "load_data", "regimes_of", "write_tearsheet"]
