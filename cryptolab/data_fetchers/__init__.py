"""Where bars come from: the only place that opens a network connection to a market, and the simulated one."""

from __future__ import annotations

from cryptolab.data_fetchers.synthetic import simulate

__all__ = ["simulate"]
