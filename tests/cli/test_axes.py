"""`--grid NAME=VALUES`: names, and the texts behind them."""

from __future__ import annotations

import pytest

from cryptolab.cli.axes import axes
from cryptolab.errors import InputError


def test_the_grid_keeps_the_order_it_is_given_in() -> None:
    assert list(axes(["slow=50", "fast=5:9", "stop_loss=none"])) == ["slow", "fast", "stop_loss"]


def test_a_refusal_names_the_option() -> None:
    with pytest.raises(InputError, match=r"^--grid fast: received '9:5', which has no values; write 5:9"):
        axes(["fast=9:5"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "--grid: received nothing to vary; write NAME=VALUES"),
        (["fast"], "write NAME=VALUES"),
        (["=5:44"], "write NAME=VALUES"),
        (["fast=5", "fast=6"], "'fast' twice"),
    ],
)
def test_a_grid_needs_names(given: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        axes(given)
