"""Where the bars of a command come from: the store, files, or the simulated market."""

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

Start = Annotated[str | None, typer.Option(metavar="DATE", help="The first day or moment, UTC; open if left out.")]
End = Annotated[str | None, typer.Option(metavar="DATE", help="The last one, UTC; a bare date is the whole day.")]
Exchange = Annotated[str, typer.Option(metavar="NAME", help="The exchange that stored bars are from.")]
HOME_EXCHANGE = "binance"


def stored(
    file: object, simulated: bool, symbol: object, timeframe: str | None, span: tuple[str | None, str | None, str]
) -> bool:
    """Return whether the bars come from the store: a symbol and a timeframe, and neither a file nor --simulated."""
    if file or simulated:
        if span != (None, None, HOME_EXCHANGE):
            raise InputError(
                "--start, --end and --exchange: received without stored bars; leave them out, or leave out the file."
            )
        return False
    if symbol and timeframe:
        return True
    raise InputError(
        "the bars: received neither a file, nor --simulated, nor --symbol with --timeframe for stored ones; give one."
    )


def market(file: Path | list[Path] | None, simulated: bool, bars: int | None, seed: int | None) -> tuple[int, int]:
    """Return length and seed of the simulated market, after refusing what contradicts itself."""
    if file and simulated:
        raise InputError("the bars: received both a file and --simulated; give --file FILE or --simulated.")
    if not simulated and (bars, seed) != (None, None):
        received = "with --file" if file else "without --simulated"
        raise InputError(f"--bars and --seed: received {received}; leave them out: they are of the simulated market.")
    return BARS if bars is None else bars, SEED if seed is None else seed
