"""Sweeps: many variants of a strategy, each with the numbers of the full simulation."""

from cryptolab.optimization.plateau import Plateau
from cryptolab.optimization.results import SweepResult
from cryptolab.optimization.sweeping import sweep

__all__ = ["Plateau", "SweepResult", "sweep"]
