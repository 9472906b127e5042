"""The runs in `reports/`: which there are, and in what two of them differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from cryptolab.checks import refuse, unknown_name
from cryptolab.jobs.capsule import FILE, RUNNING, read_manifest
from cryptolab.settings import load_settings

METRICS_FILE = "metrics.json"
_HEADLINES = ("total_return", "sharpe_ratio", "max_drawdown", "n_trades")


class Difference(NamedTuple):
    """kind: data, code, parameters, versions or numbers. what: a name below it; a value that is missing is None."""

    kind: str
    what: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Run:
    """One folder of `reports/`. manifest: its capsule."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def about(self) -> Mapping[str, Any]:
        """What the runner wrote down: job, status, params, ..."""
        section: Mapping[str, Any] = self.manifest.get("run") or {}
        return section

    @cached_property
    def numbers(self) -> dict[str, Any]:
        """Every number that the run wrote into metrics.json, by its place there."""
        path = self.folder / METRICS_FILE
        try:
            return dict(_leaves("", json.loads(path.read_text(encoding="utf-8")))) if path.is_file() else {}
        except ValueError:
            refuse(f"{self.id}, {METRICS_FILE}", "a file that is no JSON", "run it again")

    def row(self) -> dict[str, Any]:
        """Return the run in a line."""
        data, strategy = self.manifest.get("data") or {}, self.manifest.get("strategy") or {}
        found = {name: self.numbers.get(f"{part}.{name}") for name in _HEADLINES for part in self._parts(name)}
        return {
            "run": self.id,
            "status": self.about.get("status", "unknown"),
            "strategy": strategy.get("name") or "-",
            "symbol": data.get("symbol") or "-",
            "timeframe": data.get("timeframe") or "-",
            **found,
        }

    def _parts(self, name: str) -> list[str]:
        """Return where the run itself stands in its numbers: a study's strategy, a sweep's best set."""
        return [part for part in ("strategy", "best.metrics") if f"{part}.{name}" in self.numbers][:1] or ["strategy"]


def all_runs(reports: Path | None = None) -> list[Run]:
    """Return every run of the project, the newest first."""
    folder = load_settings().reports_dir if reports is None else reports
    found = sorted(path.parent for path in folder.glob(f"*/{FILE}")) if folder.is_dir() else []
    return [Run(path, _manifest(path)) for path in reversed(found)]


def find_run(named: str, reports: Path | None = None) -> Run:
    """Return the run that `named` is the id of, or the beginning or end of it where that is one run's alone.

    Raises UnknownNameError where there is none, InputError where there are several.
    """
    runs = all_runs(reports)
    exact = [run for run in runs if run.id == named]
    near = exact or [run for run in runs if named and (run.id.startswith(named) or run.id.endswith(named))]
    if not near:
        unknown_name("run", named, [run.id for run in runs])
    if len(near) > 1:
        refuse("run", f"{named!r}, which is a part of {len(near)} runs ({near[0].id}, ...)", "write more of its id")
    return near[0]


def differences(before: Run, after: Run) -> list[Difference]:
    """Return in what two runs differ: what they were made from, and the numbers that came of it."""
    found: list[Difference] = []
    a, b = before.manifest, after.manifest
    for name in ("symbol", "timeframe", "first_open", "last_close", "bars", "fingerprint"):
        found += _difference("data", name, (a.get("data") or {}).get(name), (b.get("data") or {}).get(name))
    for name in ("name", "source_hash"):
        found += _difference("code", f"strategy {name}", _at(a, "strategy", name), _at(b, "strategy", name))
    found += _difference("code", "notebook", before.about.get("notebook_hash"), after.about.get("notebook_hash"))
    found += _difference("code", "kernels", _at(a, "environment", "kernels"), _at(b, "environment", "kernels"))
    for section in ("backtest", "grid"):
        found += _unlike("parameters", f"{section}.", a.get(section), b.get(section))
    found += _unlike("parameters", "", _at(a, "strategy", "parameters"), _at(b, "strategy", "parameters"))
    found += _difference("parameters", "seed", a.get("seed"), b.get("seed"))
    for name in ("cryptolab", "python"):
        found += _difference("versions", name, _at(a, "environment", name), _at(b, "environment", name))
    found += _unlike("versions", "", _at(a, "environment", "packages"), _at(b, "environment", "packages"))
    return found + _unlike("numbers", "", before.numbers, after.numbers)


def _unlike(kind: str, prefix: str, before: Any, after: Any) -> list[Difference]:
    a, b = (value if isinstance(value, Mapping) else {} for value in (before, after))
    return [
        difference
        for name in dict.fromkeys([*a, *b])
        for difference in _difference(kind, f"{prefix}{name}", a.get(name), b.get(name))
    ]


def _difference(kind: str, what: str, before: Any, after: Any) -> list[Difference]:
    return [] if before == after else [Difference(kind, what, before, after)]


def _at(manifest: Mapping[str, Any], section: str, name: str) -> Any:
    return (manifest.get(section) or {}).get(name)


def _leaves(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield each value in nested mappings and lists with its place, as in "strategy.sharpe_ratio"."""
    if isinstance(value, Mapping):
        parts = list(value.items())
    elif isinstance(value, list):
        parts = [(str(position), part) for position, part in enumerate(value)]
    else:
        yield place, value
        return
    for name, part in parts:
        yield from _leaves(f"{place}.{name}" if place else str(name), part)


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        return read_manifest(folder)
    except ValueError:  # cut off, or somebody else's
        return {"run": {"status": "unreadable"}}


def ended_well(run: Run) -> None:
    """Refuse a run that has no numbers to repeat."""
    status = run.about.get("status", RUNNING)
    if status != "done":
        refuse(f"run {run.id}", f"one that is {status}", "name one that is done (`cryptolab runs`)")
