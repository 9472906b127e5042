"""`cryptolab indicators` and `cryptolab strategies`: what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cryptolab.cli.printing import Json, show


def indicators(
    file: Annotated[Path | None, typer.Option("--file", help="A Python file whose indicators to list too.")] = None,
    as_json: Json = False,
) -> None:
    """List the indicators.

    Name, inputs, parameters with their defaults, outputs, and the rows before the first value.

    \b
    Example: cryptolab indicators --file ideas/momentum.py
    """
    from cryptolab.indicators import INDICATORS
    from cryptolab.sources import run_file

    if file is not None:
        run_file("indicator file", file)
    show(
        [
            {
                "name": each.name,
                "inputs": list(each.inputs),
                "parameters": each.parameters,
                "outputs": list(each.outputs),
                "lookback": each.lookback(),
            }
            for each in INDICATORS.values()
        ],
        as_json,
    )


def strategies(as_json: Json = False) -> None:
    """List the strategies with their parameters.

    \b
    Example: cryptolab strategies
    """
    from cryptolab.signal_generator import STRATEGIES

    show(
        [
            {"name": each.name, "parameters": each.parameters, "description": each.doc.partition("\n\n")[0]}
            for each in STRATEGIES.values()
        ],
        as_json,
    )
