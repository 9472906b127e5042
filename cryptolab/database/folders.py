"""Folders whose names are on the disk: a file is only as durable as the names of the folders above it."""

from __future__ import annotations

import os
from pathlib import Path

ALL = 1_000
"""As `above`: which of the folders over one are new is not known once their maker was killed; of old ones it costs
nothing."""


def settle(folder: Path, above: int = 0) -> None:
    """Have a folder's names on the disk, and those in `above` folders over it, as far as these are on the same disk."""
    for each in (folder, *folder.absolute().parents[:above]):
        try:
            number = os.open(each, os.O_RDONLY)
        except OSError:  # Windows knows no handles of folders; one above may be nobody's to read
            continue
        try:
            os.fsync(number)
        finally:
            os.close(number)
        if each.is_mount():
            return
