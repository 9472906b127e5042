"""Sweeps: many variants of a strategy, each with the numbers of the full simulation.

What is asked for    sweeping (the door), grid, axes, conditions, matrices
What is computed     task (one record, and the loop over its rows), allocator, baton
How it fits          planning (order, chunks, memory), memory
Where                local (threads), cluster (dask), stretches, parcel, checkpoint, progress
What comes back      results, labels, storage, view, maps, scales; neighbours and plateau: a hill or a spike
"""

from cryptolab.optimization.plateau import Plateau
from cryptolab.optimization.results import SweepResult
from cryptolab.optimization.sweeping import sweep

__all__ = ["Plateau", "SweepResult", "sweep"]
