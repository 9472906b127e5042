"""Pages that malloc keeps are not taken from the system again for each array."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from cryptolab.optimization.allocator import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):  # more at once than there is room between what is held
        several = [np.ones(2**20, np.uint8) for _ in range(20)]
        del several
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults(), keep_freed_memory(), faults() and 0, faults())
"""


def run(**thresholds: str) -> tuple[int, bool, int]:
    """Return (page faults of a hundred arrays of 1 MiB before, whether memory is kept, faults after)."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")} | thresholds
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], env=environment, capture_output=True, text=True, check=True
    )  # fmt: skip
    before, kept, _, after = done.stdout.split()
    return int(before), kept == "True", int(after)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc is Linux's")
def test_freed_memory_is_kept_even_where_dask_says_otherwise() -> None:
    before, kept, after = run(MALLOC_TRIM_THRESHOLD_="65536")
    assert kept
    assert before > 20_000
    assert after < 1_000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc is Linux's")
def test_thresholds_of_the_users_own_stay() -> None:
    before, kept, after = run(MALLOC_TRIM_THRESHOLD_="131072")
    assert not kept
    assert abs(after - before) < 1_000
