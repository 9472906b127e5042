"""Brings files in: Parquet and the CSV files that people really have become bars, or are refused in one sentence.

    file ─> reading ─> Head ─> layout     which column is what, whose format it is     ┐
                         └──> names      what the file's name says                     │
            reading ─> Sheet ─> times    one instant a row; dates reads those in words ├ understanding ─> Rows
                         └────> numbers  prices and volumes                            │
                       Sieve ─> checking which rows could be bars, the timeframe       ┘

    Rows of one file or several ─> doubles (rows of one bar) ─> doubts (bars that are not what they say) ─> bringing
    ─> Imported ─> stored: what the store has of these bars already

`choices` is what the user settled, `sheet` holds the records that pass between the stages.
"""

from __future__ import annotations

from cryptolab.database.importing.bringing import bring_in, bring_in_all, put_together
from cryptolab.database.importing.choices import Choices
from cryptolab.database.importing.sheet import Imported, Rows, where
from cryptolab.database.importing.stored import news
from cryptolab.database.importing.understanding import understand

__all__ = ["Choices", "Imported", "Rows", "bring_in", "bring_in_all", "news", "put_together", "understand", "where"]
