"""Sizes in bytes, and the budget when nobody says one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptolab.errors import InputError
from cryptolab.optimization.memory import default_budget, parse_memory, written


@pytest.mark.parametrize(
    ("value", "bytes_"),
    [
        (None, None),
        (500_000_000, 500_000_000),
        ("500MB", 500_000_000),
        ("1.5 GB", 1_500_000_000),
        ("512MiB", 512 * 2**20),
        ("1gib", 2**30),
        ("5 PB", 5 * 10**15),
        ("2 k", 2_000),
        ("1,000 B", 1_000),
        ("1_000", 1_000),
    ],
)
def test_a_size_is_read(value: int | str | None, bytes_: int | None) -> None:
    assert parse_memory(value) == bytes_


@pytest.mark.parametrize("value", ["", "much", "5 XB", "-1GB", "1.2.3GB", "MB", 0, -5, 1.5, True, "0MB", [1]])
def test_what_is_no_size_is_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"^memory: received .*; write "):
        parse_memory(value)  # type: ignore[arg-type]


@given(st.integers(0, 10**20))
def test_a_written_size_reads_as_at_least_as_much(count: int) -> None:
    if count:
        read = parse_memory(written(count))
        assert read is not None
        assert count <= read <= count * 1.01 + 1 or (count < 10**8 and read - count < 10**6)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (12, "12 B"), (357_000_000, "357 MB"), (1_231_000_000, "1.24 GB"), (3_000_000_000_001, "3.01 TB"),
        (16 * 10**18, "16,000.00 PB"),
    ],
)  # fmt: skip
def test_a_size_is_written_in_the_largest_unit(count: int, said: str) -> None:
    assert written(count) == said


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("-", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")


def test_the_budget_is_half_of_what_is_available(tmp_path: Path) -> None:
    write(tmp_path, proc__meminfo="MemTotal: 100 kB\nMemAvailable:   2000 kB\n")
    assert default_budget(tmp_path) == 1000 * 1024


@pytest.mark.parametrize("folder", ["sys__fs__cgroup__jobs__mine__", "sys__fs__cgroup__jobs__", "sys__fs__cgroup__"])
def test_a_limit_of_any_cgroup_around_the_process_counts(tmp_path: Path, folder: str) -> None:
    write(tmp_path, proc__meminfo="MemAvailable: 2000 kB\n", proc__self__cgroup="0::/jobs/mine\n")
    limit = {"memory-max": "900000\n", "memory-current": "500000\n", "memory-stat": "anon 5\ninactive_file 100000\n"}
    write(tmp_path, **{folder + name: text for name, text in limit.items()})
    assert default_budget(tmp_path) == 250_000


def test_a_cgroup_of_version_1_counts_and_one_without_a_limit_does_not(tmp_path: Path) -> None:
    write(tmp_path, proc__meminfo="MemAvailable: 2000 kB\n", proc__self__cgroup="5:cpu,memory:/a\n3:cpu:/b\n")
    base = "sys__fs__cgroup__memory__"
    write(tmp_path, **{base + "memory-limit_in_bytes": str(2**63 - 4096), base + "memory-usage_in_bytes": "10"})
    assert default_budget(tmp_path) == 1000 * 1024
    write(tmp_path, **{base + "memory-limit_in_bytes": "110"})
    assert default_budget(tmp_path) == 50


def test_this_machine_has_a_budget(tmp_path: Path) -> None:
    assert default_budget() > 2**20
    assert default_budget(tmp_path) > 2**20  # no /proc: the whole memory stands for the available
