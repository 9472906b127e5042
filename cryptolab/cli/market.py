"""Where the bars of a command come from: files, or the simulated market."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cryptolab.errors import InputError

BARS, SEED = 26_280, 7
"""The simulated market: three years of hours."""

Simulated = Annotated[bool, typer.Option("--simulated", help="Use the simulated market instead of a file.")]
Length = Annotated[
    int | None, typer.Option("--bars", metavar="N", help=f"Length of the simulated market; {BARS} if left out.")
]
Seed = Annotated[
    int | None, typer.Option("--seed", metavar="N", help=f"Seed of the simulated market; {SEED} if left out.")
]
Timeframe = Annotated[
    str | None, typer.Option("--timeframe", metavar="TIME", help="1m to 1w, where the file does not say it.")
]


def market(file: Path | list[Path] | None, simulated: bool, bars: int | None, seed: int | None) -> tuple[int, int]:
    """Return length and seed of the simulated market, after refusing what contradicts itself."""
    if (not file) == (not simulated):
        raise InputError("the bars: received both a file and --simulated, or neither; give --file FILE or --simulated.")
    if file and (bars, seed) != (None, None):
        raise InputError("--bars and --seed: received with --file; leave them out: they are of the simulated market.")
    return BARS if bars is None else bars, SEED if seed is None else seed
