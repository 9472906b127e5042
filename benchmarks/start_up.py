"""What a user waits for at each command: `cryptolab --help` beside an interpreter that only imports pandas."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.measuring import ROOT, Row, best, seconds

TARGET = 0.5


def _process(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)


def measure() -> list[Row]:
    """Return the row of the command line's start, best of several fresh processes."""
    help_, pandas = best(7, lambda: _process("-m", "cryptolab", "--help"), lambda: _process("-c", "import pandas"))
    ratio = help_ / pandas
    return [
        Row(
            name="`cryptolab --help`",
            ours=seconds(help_),
            peer=f"`import pandas` {seconds(pandas)}",
            ratio=f"{ratio:.2f}",
            target=f"≤ {TARGET}",
            met=ratio <= TARGET,
        )
    ]
