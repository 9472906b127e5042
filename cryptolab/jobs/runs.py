"""The runs in `reports/`: which there are, and in what two of them differ."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from cryptolab import locks
from cryptolab.checks import refuse
from cryptolab.errors import InputError, UnknownNameError
from cryptolab.jobs.capsule import DIED, FILE, RUNNING, read_manifest, running_mark
from cryptolab.settings import load_settings

METRICS_FILE = "metrics.json"
MISSING = "(missing)"
_HEADLINES = ("total_return", "sharpe_ratio", "max_drawdown", "n_trades")


class Difference(NamedTuple):
    """kind: data, code, parameters, versions or numbers (what metrics.json holds). what: a name below it."""

    kind: str
    what: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Run:
    """One folder of `reports/`. manifest: its capsule as it is to be read now, the status of a killed run put right."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def about(self) -> Mapping[str, Any]:
        """What the runner wrote down: job, status, params, ..."""
        return _section(self.manifest, "run")

    @property
    def status(self) -> str:
        """running, done, failed, interrupted; died where its process was killed; unknown where nothing says."""
        return str(self.about.get("status", "unknown"))

    @cached_property
    def numbers(self) -> dict[str, Any]:
        """Every value that the run wrote into metrics.json, by its place there; InputError where it is no JSON."""
        path = self.folder / METRICS_FILE
        try:
            return dict(_leaves("", json.loads(path.read_text(encoding="utf-8")))) if path.is_file() else {}
        except ValueError:
            refuse(f"{self.id}, {METRICS_FILE}", "a file that is no JSON", "run it again")

    def row(self) -> dict[str, Any]:
        """Return the run in a line."""
        data, strategy = _section(self.manifest, "data"), _section(self.manifest, "strategy")
        status = self.status
        try:
            numbers = self.numbers
        except InputError:
            numbers, status = {}, "unreadable"
        # a study's strategy, or a sweep's best set
        part = "best.metrics" if f"best.metrics.{_HEADLINES[0]}" in numbers else "strategy"
        return {
            "run": self.id,
            "status": status,
            "rerun of": str(self.about.get("rerun_of") or "-")[-6:],
            "strategy": strategy.get("name") or "-",
            "symbol": data.get("symbol") or "-",
            "timeframe": data.get("timeframe") or "-",
            "from": str(data.get("first_open") or "-")[:10],
            "to": str(data.get("last_close") or "-")[:10],
            **{name: numbers.get(f"{part}.{name}") for name in _HEADLINES},
        }


def all_runs(reports: Path | None = None) -> list[Run]:
    """Return every run of the project, the newest first."""
    folder = load_settings().reports_dir if reports is None else reports
    found = sorted(path.parent for path in folder.glob(f"*/{FILE}")) if folder.is_dir() else []
    return [Run(path, _manifest(path)) for path in reversed(found)]


def find_run(named: str, reports: Path | None = None) -> Run:
    """Return the run that `named` is the id or folder of, or a part of its id where that is one run's alone.

    Raises UnknownNameError where there is none, InputError where there are several.
    """
    runs, wanted = all_runs(reports), Path(named).name
    near = [run for run in runs if run.id == wanted] or [run for run in runs if wanted and wanted in run.id]
    if not near:
        close = difflib.get_close_matches(wanted, [run.id for run in runs], n=1, cutoff=0.5)
        raise UnknownNameError(
            f"unknown run {named!r}: " + (f"did you mean {close[0]!r}." if close else "`cryptolab runs` lists them.")
        )
    if len(near) > 1:
        refuse("run", f"{named!r}, which is a part of {len(near)} runs ({near[0].id}, ...)", "write more of its id")
    return near[0]


def differences(before: Run, after: Run) -> list[Difference]:
    """Return in what two runs differ: what they were made from, and the numbers that came of it."""
    found: list[Difference] = []
    a, b = before.manifest, after.manifest
    for name in ("symbol", "timeframe", "first_open", "last_close", "bars", "fingerprint"):
        found += _difference("data", name, _at(a, "data", name), _at(b, "data", name))
    for name in ("name", "source_hash"):
        found += _difference("code", f"strategy {name}", _at(a, "strategy", name), _at(b, "strategy", name))
    found += _difference("code", "notebook", before.about.get("notebook_hash"), after.about.get("notebook_hash"))
    for name in ("source", "kernels"):
        found += _difference("code", f"cryptolab's {name}", _at(a, "environment", name), _at(b, "environment", name))
    parameters = [
        {**_flat(_section(run.manifest, "backtest"), "backtest"), **_flat(_at(run.manifest, "strategy", "parameters")),
         **_flat(run.about.get("values"))}
        for run in (before, after)
    ]  # fmt: skip
    for values in parameters:
        values.pop("data.store.as_of", None)  # what that meant is the data's fingerprint
    found += _unlike("parameters", *parameters)
    for name in ("cryptolab", "python", "implementation", "platform"):
        found += _difference("versions", name, _at(a, "environment", name), _at(b, "environment", name))
    found += _unlike("versions", _flat(_at(a, "environment", "packages")), _flat(_at(b, "environment", "packages")))
    return found + _unlike("numbers", before.numbers, after.numbers)


def _unlike(kind: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """Return the entries that differ; one that is missing differs from one that is null."""
    names = [
        name for name in dict.fromkeys([*a, *b]) if name not in a or name not in b or _text(a[name]) != _text(b[name])
    ]
    return [Difference(kind, name, a.get(name, MISSING), b.get(name, MISSING)) for name in names]


def _difference(kind: str, what: str, before: Any, after: Any) -> list[Difference]:
    return [] if _text(before) == _text(after) else [Difference(kind, what, before, after)]


def _text(value: Any) -> str:
    """Return a value as it is compared: to the last digit, NaN like NaN, 1 unlike True."""
    return json.dumps(value, sort_keys=True, default=str)


def _flat(value: Any, place: str = "") -> dict[str, Any]:
    return dict(_leaves(place, value)) if isinstance(value, Mapping) else {}


def _section(manifest: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = manifest.get(name)
    return found if isinstance(found, Mapping) else {}


def _at(manifest: Mapping[str, Any], section: str, name: str) -> Any:
    return _section(manifest, section).get(name)


def _leaves(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield each value in nested mappings and lists with its place, as in "strategy.sharpe_ratio"."""
    if isinstance(value, Mapping):
        parts = list(value.items())
    elif isinstance(value, list):
        parts = [(str(position), part) for position, part in enumerate(value)]
    else:
        yield place, value
        return
    if not parts and place:
        yield place, value
    for name, part in parts:
        yield from _leaves(f"{place}.{name}" if place else str(name), part)


def _manifest(folder: Path) -> dict[str, Any]:
    found = _read(folder)
    if _section(found, "run").get("status") == RUNNING and locks.TELL and locks.is_free(running_mark(folder)):
        found = _read(folder)  # it may have ended in between
        if _section(found, "run").get("status") == RUNNING:
            found["run"]["status"] = DIED
    return found


def _read(folder: Path) -> dict[str, Any]:
    try:
        found: Any = read_manifest(folder)
    except ValueError:  # cut off
        found = None
    return found if isinstance(found, dict) else {"run": {"status": "unreadable"}}


def ended_well(run: Run) -> None:
    """Refuse a run that has no numbers to repeat."""
    if run.status != "done":
        refuse(
            f"run {run.id}",
            "one that died" if run.status == DIED else f"one that is {run.status}",
            "name one that is done (`cryptolab runs`)",
        )
