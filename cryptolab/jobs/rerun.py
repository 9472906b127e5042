"""Repeating a run: the same notebook, parameters and bars, and whether the same numbers come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptolab.checks import refuse
from cryptolab.database import load
from cryptolab.errors import CryptolabError, InputError
from cryptolab.jobs.runner import run_job
from cryptolab.jobs.runs import Difference, Run, differences, ended_well, find_run
from cryptolab.reporting.sources import load_data


@dataclass(frozen=True)
class Rerun:
    """What repeating a run came to. numbers: how many values of metrics.json were compared. differences: all that is
    not as it was."""

    before: Run
    after: Run
    numbers: int
    differences: list[Difference]
    since: str = ""
    """what the store holds of these bars today that it did not then, "" where that is nothing"""

    @property
    def reproduced(self) -> bool:
        """Whether every number is the same to its last digit."""
        return self.numbers > 0 and not any(each.kind == "numbers" for each in self.differences)

    @property
    def causes(self) -> list[str]:
        """What was not the same to begin with, in words."""
        kinds = {each.kind for each in self.differences}
        said = {
            "data": "the data are others (revised, removed, or a changed file)",
            "code": "the code is another (strategy, notebook or cryptolab)",
            "parameters": "the parameters are others",
            "versions": "other versions are installed",
        }
        return [sentence for kind, sentence in said.items() if kind in kinds]

    def __str__(self) -> str:
        causes = "; ".join(self.causes)
        if self.reproduced:
            said = f"reproduced: all {self.numbers:,} values of metrics.json are the same"
            return said + (f", although {causes}" if causes else "")
        other = sum(each.kind == "numbers" for each in self.differences)
        why = causes or (
            "data, strategy file, notebook, cryptolab, parameters and versions are the same: look at what the strategy "
            "imports or reads elsewhere, or draws at random"
        )
        return f"not reproduced: {other:,} values of metrics.json differ; {why}"


def rerun(named: str, reports: Path | None = None) -> Rerun:
    """Run again what the run `named` (its id, or a part of it that is its own) was made from.

    The bars of the store are taken as they were then. What has changed since is not put back: it is named. Raises
    InputError for a run that did not end well, and where its bars or its strategy are gone.
    """
    before = find_run(named, reports)
    ended_well(before)
    about = before.about
    if not isinstance(about.get("values"), Mapping) or not isinstance(about.get("job_file"), str):
        refuse(f"run {before.id}", "one of an earlier version, without its values", "run its job again")
    if not before.numbers:
        refuse(f"run {before.id}", "one that left no metrics.json to compare with", "name another")
    _bars_there(before)
    done = run_job(about["job_file"], about["values"], rerun_of=before.id)
    after = find_run(done.id, done.folder.parent)
    return Rerun(before, after, len(before.numbers), differences(before, after), _since(about["values"]))


def _bars_there(run: Run) -> None:
    """Refuse a run whose bars are gone, before a run is made that can only fail."""
    source = run.about["values"].get("data")
    if source is None:  # a notebook of the user's own, that takes its data from elsewhere
        return
    try:
        load_data(source)
    except InputError as problem:
        said = f"run {run.id} cannot be repeated, its bars cannot be read (deleted, pruned or moved since?): {problem}"
        raise type(problem)(said) from None


def _since(values: Mapping[str, Any]) -> str:
    """Return how the bars of a run have changed in the store since it was made, as far as that can be told."""
    stored = (values.get("data") or {}).get("store") if isinstance(values.get("data"), Mapping) else None
    if not stored:
        return ""
    try:
        then, now = load(**stored).frame(), load(**{**stored, "as_of": None}).frame()
    except CryptolabError as problem:  # the verdict is not lost for it
        return f"since then: {problem}"
    both = then.index.intersection(now.index)
    revised = int((then.loc[both].to_numpy() != now.loc[both].to_numpy()).any(axis=1).sum())
    counts = {"added": len(now) - len(both), "revised": revised}
    said = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    return f"since then, of its bars in the store: {said}" if said else ""
