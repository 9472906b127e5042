"""`cryptolab runs` and `cryptolab rerun`: what was run, in what runs differ, and whether one can be repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cryptolab.cli.printing import Json, print_json, say_line, show
from cryptolab.cli.process import FAILED
from cryptolab.errors import InputError

if TYPE_CHECKING:
    from cryptolab.jobs.runs import Difference

_MOST, _WIDE = 30, 40
"""Differences that are printed, and characters of each."""


def runs(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN RUN]", help="Two runs to compare: ids, or a part of each.")
    ] = None,
    last: Annotated[int, typer.Option(metavar="N", min=1, help="How many to list, the newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """List the runs of the project, or compare two of them.

    \b
    Examples:
      cryptolab runs
      cryptolab runs 20260101T000000Z-study-0a1b2c 20260102T000000Z-study-3d4e5f
    """
    from cryptolab.jobs.runs import all_runs, differences, find_run

    if not ids:
        found = [run.row() for run in all_runs()[:last]]
        if as_json or found:
            show([_shown(row) for row in found] if not as_json else found, as_json)
        else:
            say_line("no runs yet: cryptolab run study")
        return
    if len(ids) != 2:
        raise InputError(f"runs: received {len(ids)} of them; give two to compare, or none to list all.")
    different = differences(find_run(ids[0]), find_run(ids[1]))
    if as_json:
        show([each._asdict() for each in different], as_json)
    elif different:
        _show_differences(different)
    else:
        say_line("the same in all: data, code, parameters, versions and numbers")


def rerun(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or a part of it that is its own.")],
    as_json: Json = False,
) -> None:
    """Repeat a run on the bars of then, and compare every number.

    The store's bars are taken as they were when the run was made. Exits with 1 where a number differs, and says what
    else does: data, code, parameters, versions.

    \b
    Example: cryptolab rerun 0a1b2c
    """
    from cryptolab.jobs.rerun import rerun as again

    done = again(run)
    if as_json:
        print_json(
            {
                "run": done.before.id,
                "again": done.after.id,
                "reproduced": done.reproduced,
                "numbers": done.numbers,
                "since": done.since,
                "differences": [each._asdict() for each in done.differences],
            }
        )
    else:
        say_line(f"{done.before.id} again as {done.after.id}")
        say_line(str(done))
        if done.since:
            say_line(done.since)
        _show_differences(done.differences)
    if not done.reproduced:
        raise typer.Exit(FAILED)


def _show_differences(found: list[Difference]) -> None:
    """Print the first of them, long texts cut."""
    if found:
        show([{name: _short(value) for name, value in each._asdict().items()} for each in found[:_MOST]])
    if len(found) > _MOST:
        say_line(f"and {len(found) - _MOST} more: --json prints all")


def _short(value: object) -> str:
    said = str(value)
    return said if len(said) <= _WIDE else said[: _WIDE - 1] + "…"


def _shown(row: dict[str, object]) -> dict[str, object]:
    from cryptolab.reporting.wording import FORMATS

    return {
        name: "-" if value is None else FORMATS.get(name, str)(value) if isinstance(value, int | float) else value
        for name, value in row.items()
    }
