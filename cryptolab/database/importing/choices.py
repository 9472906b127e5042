"""What a user may settle where a file leaves more than one reading open."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptolab.checks import flag, known_keys, named_fields, number, one_of, refuse

REFUSE = "refuse"
FINEST = "finest"
DUPLICATES = (REFUSE, FINEST, "first", "last", "none")
DOUBTFUL = ("set-aside", "keep")
DECIMAL = ("point", "comma")
VOLUME = ("base", "quote")
DAY_FIRST, MONTH_FIRST, YEAR_FIRST = "day-first", "month-first", "year-first"
ROLES = ("time", "open", "high", "low", "close", "volume", "symbol")
"""What a column can be to us."""


@named_fields
@dataclass(frozen=True)
class Choices:
    """How to read what is ambiguous; the defaults refuse it, or set the rows aside.

    zone: what times without a zone are in, as in "UTC" or "Europe/Berlin"; None: UTC, where nothing speaks against it.
    date_format: "day-first" or "month-first" for 01/02/2021, "year-first" for 21-02-01, or a format of strptime.
    decimal: "point" or "comma": what separates the decimals of numbers such as 42,265.
    columns: role -> the column's name in the file; roles are `ROLES`.
    volume: "quote" where the volume is money (it is then divided by the bar's typical price), "base" where it is coins.
    duplicates: which of several contradicting rows of one bar is taken: "finest" (the one written with more digits),
        "first" or "last" in the file, "none" of them; "refuse" refuses the file.
    doubtful: "keep" keeps bars that look incomplete or have a price far from its neighbours.
    keep_newest: keep the newest bar though nothing shows that it was closed when the file was written.
    revise: store bars that differ from those in the store even where these are many.
    limit: the share of rows that may be set aside as faulty, and one row at least unless it is 0; with more the file is
        not what it seems. The same of bars that the store has otherwise.
    """

    zone: str | None = None
    date_format: str | None = None
    decimal: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    volume: str | None = None
    duplicates: str = REFUSE
    doubtful: str = "set-aside"
    keep_newest: bool = False
    revise: bool = False
    limit: float = 0.01

    def allowed(self, rows: int) -> float:
        """Return how many of so many rows may be faulty: one at least, unless none may."""
        return max(1.0, self.limit * rows) if self.limit else 0.0

    def __post_init__(self) -> None:
        if self.zone is not None:
            _zone(self.zone)
        if self.date_format is not None and "%" not in self.date_format:
            one_of("date_format", self.date_format, (DAY_FIRST, MONTH_FIRST, YEAR_FIRST, "%d.%m.%Y %H:%M"))
        for name, given, known in (("decimal", self.decimal, DECIMAL), ("volume", self.volume, VOLUME)):
            if given is not None:
                one_of(name, given, known)
        one_of("duplicates", self.duplicates, DUPLICATES)
        one_of("doubtful", self.doubtful, DOUBTFUL)
        known_keys("role of a column", self.columns, ROLES)
        flag("keep_newest", self.keep_newest)
        flag("revise", self.revise)
        number("limit", self.limit, low=0, high=1)


PLAIN = Choices()
"""Nothing settled."""


def _zone(name: str) -> None:
    """Refuse what is no zone of the IANA data base."""
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        refuse("zone", repr(name), "write a zone such as UTC, Europe/Berlin or America/New_York")
