"""Folders whose names are on the disk: a file is only as durable as the names of the folders above it."""

from __future__ import annotations

import os
from pathlib import Path


def settle(folder: Path, above: int = 0) -> None:
    """Have a folder's names on the disk, and those in `above` folders over it."""
    for each in (folder, *folder.absolute().parents[:above]):
        try:
            number = os.open(each, os.O_RDONLY)
        except OSError:  # Windows knows no handles of folders; one above may be nobody's to read
            continue
        try:
            os.fsync(number)
        finally:
            os.close(number)
