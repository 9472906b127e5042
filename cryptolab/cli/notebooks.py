"""`cryptolab run` and `cryptolab doctor`: notebooks with parameters, and what they need."""

from __future__ import annotations

from typing import Annotated

import typer

from cryptolab.cli.printing import Json, show
from cryptolab.cli.process import FAILED
from cryptolab.cli.values import pairs


def run(
    job: Annotated[
        str, typer.Argument(metavar="JOB", help="A job in papermill_jobs/, or the path of a job's YAML file.")
    ],
    params: Annotated[
        str | None, typer.Option(metavar="FILE", help="The parameters; by default the job's own.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="One parameter above the file's; a.b=c reaches into a mapping."
        ),
    ] = None,
) -> None:
    """Run a job: a notebook with parameters.

    The executed notebook, the report as HTML, metrics.json and manifest.json go into a folder of reports/ of its own.

    \b
    Examples:
      cryptolab run study
      cryptolab run study --params params/demo.yaml --set strategy_params.fast=12 --set backtest.stop_loss=0.05
    """
    from cryptolab.jobs import run_job

    done = run_job(job, params, pairs("--set", set_))
    print(done.html or done.notebook)


def doctor(as_json: Json = False) -> None:
    """Look at what cryptolab needs.

    Versions, optional parts, settings, folders, recorded data. Exits with 1 when something required is broken.

    \b
    Example: cryptolab doctor
    """
    from cryptolab.jobs.doctor import BROKEN, examine

    findings = examine()
    show([finding._asdict() for finding in findings], as_json, below="advice")
    if any(finding.state == BROKEN for finding in findings):
        raise typer.Exit(FAILED)
