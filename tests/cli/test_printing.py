"""What a pipe reads, and how a table for a person is drawn."""

from __future__ import annotations

import pytest

from cryptolab.cli.printing import _of_numbers, plain, show
from tests.cli.calls import on_a_terminal


@pytest.mark.parametrize(
    ("shown", "read"),
    [
        ("−12.5\u202f%", "-12.5%"),
        ("1,234.50\u00a0USDT", "1,234.50 USDT"),
        ("−0.3 to −.2", "-0.3 to -.2"),
        ("a − b, ß", "a − b, ß"),
    ],
)
def test_numbers_in_a_pipe_are_plain(shown: str, read: str) -> None:
    assert plain(shown) == read


def test_a_pipes_cells_are_numbers_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    show([{"name": "a,b", "value": "−1,234.50"}, {"name": "fees", "value": "1,000\u202f%"}])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["name", "value"], ["a,b", "-1234.50"], ["fees", "1000%"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["12", "−3.5", "n/a"], True),
        (["1.2\u202f%", "16.5 days", "1,000.00\u00a0USDT"], True),
        (["1e-05", "0.02", "None"], True),
        (["n/a", "-"], False),
        (["3.11.2", "4"], False),
        (["12", "ema"], False),
    ],
)
def test_columns_of_numbers_are_told_from_others(cells: list[str], numbers: bool) -> None:
    assert _of_numbers(cells) == numbers


def test_numbers_stand_at_the_right_of_a_drawn_table() -> None:
    code, shown = on_a_terminal("sweep", "ema_cross", "--simulated", "--bars", "500", "--grid", "fast=8:12")
    assert code == 0
    first = [line.split("│")[1] for line in shown.splitlines() if line.startswith("│")]
    assert sorted(cell.rstrip()[-2:] for cell in first) == [" 8", " 9", "10", "11", "12"]
    assert len({len(cell) for cell in first}) == 1
