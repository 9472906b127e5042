"""How far a notebook is: a bar where a person watches, log lines where none does."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from cryptolab.jobs.logs import get_logger
from cryptolab.screen import watched

_log = get_logger("cryptolab.jobs")


class Progress:
    """Follows a notebook's cells; `cell_started` is papermill's hook. Sections are its markdown headings."""

    def __init__(self, cells: list[Any]) -> None:
        self._sections = _sections(cells)
        self._code = [index for index, cell in enumerate(cells) if cell.cell_type == "code"]
        self._bar: Any = None
        self._section = ""

    def __enter__(self) -> Progress:
        if watched():
            from tqdm.auto import tqdm

            self._bar = tqdm(total=len(self._code), leave=False, bar_format="{desc:<30.30} {bar} {n}/{total} {elapsed}")
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

    def cell_started(self, cell: Any, cell_index: int) -> None:
        """Show the section this cell stands in; the bar counts the cells before it."""
        section = self._sections[min(cell_index, len(self._sections) - 1)]
        if self._bar is not None:
            self._bar.n = sum(index < cell_index for index in self._code)
            self._bar.set_description_str(section)
        elif section and section != self._section:
            _log.info("section", title=section)
        self._section = section


def _sections(cells: list[Any]) -> list[str]:
    """Return for each cell the last heading at or above it."""
    found, heading = [], ""
    for cell in cells:
        if cell.cell_type == "markdown":
            lines = [line.lstrip("#").strip() for line in cell.source.splitlines() if line.startswith("#")]
            heading = lines[-1] if lines else heading
        found.append(heading)
    return found
