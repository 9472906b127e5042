"""How far a sweep is: a bar where a person watches, log lines where none does; nothing while it is quick."""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import Any

from cryptolab.optimization.view import rate, seconds
from cryptolab.screen import watched

_QUIET = 1.0
"""Seconds before anything is shown."""
_LINE_EVERY = 30.0
"""Seconds between log lines."""

log = logging.getLogger("cryptolab.sweep")


class Progress:
    """Counts finished rows. shown: True draws a bar, None does where a person watches and else logs, False is silent.

    total: rows in all, those included that a checkpoint had. Rates are those of the whole sweep so far: rows come in
    chunks, so that what the last moment brought says little.
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
            self._draw(passed)
        elif self._logged and now - self._last > _LINE_EVERY:
            self._last = now
            left = passed / max(self._done - self._earlier, 1) * (self._total - self._done)
            speed = f"{rate(self._bars / passed)} bar-simulations a second"
            log.info("sweep: %s of %s sets, %s, %s left", f"{self._done:,}", f"{self._total:,}", speed, seconds(left))

    def _draw(self, passed: float) -> None:
        begins = self._bar is None
        if begins:
            from tqdm import tqdm

            # a delay keeps it from drawing before it knows when the sweep began and how much is done; smoothing=0 has
            # it divide all rows by all the time, miniters=1 has it draw after a slow chunk too
            self._bar = tqdm(
                total=self._total, initial=self._earlier, unit=" sets", leave=False, smoothing=0, miniters=1, delay=1e-9
            )
            self._bar.start_t = time.time() - passed
        self._bar.set_postfix_str(f"{rate(self._bars / passed)} bars/s", refresh=False)
        self._bar.update(self._done - self._bar.n)
        if begins:
            self._bar.refresh()
