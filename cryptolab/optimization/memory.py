"""Sizes in bytes: reading them, writing them, and how many a run may take when nobody says."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

from cryptolab.checks import refuse, whole

UNITS = {"": 1, "B": 1} | {
    f"{letter}{ending}": base**power
    for power, letter in enumerate("KMGTP", start=1)
    for ending, base in (("", 1000), ("B", 1000), ("IB", 1024))
}
"""Bytes by unit, in capital letters: MB is a million, MiB is 1,048,576."""

_SIZE = re.compile(r"([0-9][0-9_,]*(?:\.[0-9]+)?|\.[0-9]+)\s*([A-Za-z]*)")
_UNLIMITED = 2**60  # a cgroup of version 1 without a limit says a number near 2^63


def parse_memory(value: int | str | None) -> int | None:
    """Return bytes for `500_000_000`, "500MB", "1.5 GB" or "512MiB" (rounded down); None stays None.

    Raises InputError for anything else, and for less than one byte.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        return whole("memory", value, low=1)
    match = _SIZE.fullmatch(value.strip())
    unit = UNITS.get(match[2].upper()) if match else None
    if match is None or unit is None:
        refuse("memory", repr(value), "write bytes or a size, as in '500MB', '1.5 GB' or '512MiB'")
    return whole("memory", math.floor(float(match[1].replace("_", "").replace(",", "")) * unit), low=1)


def written(count: int) -> str:
    """Return bytes as a size that `parse_memory` reads, rounded up: "1.24 GB", "357 MB", "12 KB"."""
    for unit, digits in (("PB", 2), ("TB", 2), ("GB", 2), ("MB", 0), ("KB", 0)):
        if count >= UNITS[unit]:
            step = 10**digits
            return f"{math.ceil(count * step / UNITS[unit]) / step:,.{digits}f} {unit}"
    return f"{count} B"


def default_budget(root: Path = Path("/")) -> int:
    """Return half of the memory that is available: the machine's, or what is left in this process's cgroup if less.

    root: where /proc and /sys are. Without them (macOS) the machine's whole memory is taken for available.
    """
    return max(1, min([_machine(root), *_cgroups(root)]) // 2)


def _machine(root: Path) -> int:
    """Return MemAvailable of /proc/meminfo: free memory plus what the kernel would give up for us."""
    text = _read(root / "proc/meminfo")
    found = re.search(r"^MemAvailable:\s*([0-9]+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _cgroups(root: Path) -> list[int]:
    """Return what is left in each cgroup around this process that has a limit, of either version."""
    left = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            mount = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        own = Path(path.lstrip("/"))
        # inside a container the path may be the host's and not be there, while the mount itself is the container's
        left += [_left(mount / folder, *names) for folder in (own, *own.parents)]
    return [bytes_ for bytes_ in left if bytes_ is not None]


def _left(folder: Path, limit: str, used: str, cached: str) -> int | None:
    """Return limit - used of one cgroup, pages of files that are not in use counted as free; None without a limit."""
    most, now = _read(folder / limit).strip(), _read(folder / used).strip()
    if not most.isdigit() or not now.isdigit() or int(most) >= _UNLIMITED:
        return None
    found: Any = re.search(rf"^{cached} ([0-9]+)$", _read(folder / "memory.stat"), re.MULTILINE)
    return max(0, int(most) - int(now) + (int(found[1]) if found else 0))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
