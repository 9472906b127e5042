"""Brings files in: Parquet and the CSV files that people really have become bars, or are refused in one sentence."""

from __future__ import annotations

from cryptolab.database.importing.bringing import bring_in, bring_in_all, put_together
from cryptolab.database.importing.choices import Choices
from cryptolab.database.importing.sheet import Imported, Rows, where
from cryptolab.database.importing.understanding import understand

__all__ = ["Choices", "Imported", "Rows", "bring_in", "bring_in_all", "put_together", "understand", "where"]
