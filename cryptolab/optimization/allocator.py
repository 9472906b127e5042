"""Memory that is freed and taken again thousands of times a second should not go back to the system in between.

A strategy's comparison of two columns is a new array for each set. glibc's malloc hands freed memory back where more
than a threshold is free, 128 KiB at first, and each page that is taken again is zeroed by the kernel: measured, that
was a tenth of a sweep, and a third of one on dask's workers, which are started with a threshold of 64 KiB.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
_MMAP, _TRIM = 32 * 2**20, 64 * 2**20
"""What glibc itself comes to in a process that has once freed an array of 32 MiB."""
_DASKS = "65536"


@cache
def keep_freed_memory() -> bool:
    """Let this process keep up to 64 MiB of freed memory per heap; returns whether it could be said.

    Without glibc nothing is done, nor where the user has set thresholds of his own.
    """
    if os.environ.get("MALLOC_TRIM_THRESHOLD_", _DASKS) != _DASKS or "MALLOC_MMAP_THRESHOLD_" in os.environ:
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    return mallopt is not None and bool(mallopt(_MMAP_THRESHOLD, _MMAP) and mallopt(_TRIM_THRESHOLD, _TRIM))
