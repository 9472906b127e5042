"""How far a sweep is: a bar where a person watches, log lines where none does; nothing while it is quick."""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType
from typing import Any

_QUIET = 1.0
"""Seconds before anything is shown."""
_LINE_EVERY = 30.0
"""Seconds between log lines."""

_log = logging.getLogger("cryptolab.sweep")


def watched() -> bool:
    """Whether a person sees the progress: a terminal, or a notebook's front end."""
    return in_notebook() or sys.stderr.isatty()


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel."""
    if "ipykernel" in sys.modules and "IPython" in sys.modules:
        shell = sys.modules["IPython"].get_ipython()
        return getattr(shell, "kernel", None) is not None
    return False


class Progress:
    """Counts finished rows. shown: True draws a bar, None does where a person watches and else logs, False is silent.

    total: rows in all, those included that a checkpoint had.
    """

    def __init__(self, total: int, shown: bool | None) -> None:
        self._total = total
        self._shown = watched() if shown is None else shown
        self._logged = shown is None and not self._shown
        self._done = self._earlier = 0
        self._bars = 0
        self._begin = self._last = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

    def already(self, rows: int) -> None:
        """Count rows that a checkpoint had: they are done, and say nothing of the rate."""
        self._earlier = self._done = rows

    def add(self, rows: int, bars: int) -> None:
        """Count `rows` rows more, which took `bars` bar-simulations."""
        self._done += rows
        self._bars += bars
        now = time.monotonic()
        passed = max(now - self._begin, 1e-9)
        if self._shown and passed > _QUIET:
            self._draw(rows, self._bars / passed)
        elif self._logged and now - self._last > _LINE_EVERY:
            self._last = now
            left = passed / max(self._done - self._earlier, 1) * (self._total - self._done)
            _log.info(
                "sweep: %d of %d sets, %.2g bars/s, %.0f s left", self._done, self._total, self._bars / passed, left
            )

    def _draw(self, rows: int, rate: float) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=self._total, initial=self._earlier, unit=" sets", leave=False)
            self._bar.start_t = self._begin_of_clock()
            rows = self._done - self._earlier
        self._bar.set_postfix_str(f"{rate:.2g} bars/s", refresh=False)
        self._bar.update(rows)

    def _begin_of_clock(self) -> float:
        """Return when the sweep began on the bar's clock: the bar itself comes later."""
        return time.time() - (time.monotonic() - self._begin)
