"""What a text says: the same in a params file and on the command line."""

from __future__ import annotations

from typing import Any

import pytest

from cryptolab.values import value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("9", 9),
        ("1e-3", 0.001),
        ("-2E+2", -200.0),
        ("true", True),
        ("None", None),
        ("null", None),
        ('"none"', "none"),
        ("2020-01-01", "2020-01-01"),
        ("ema", "ema"),
        ("[draft", "[draft"),
        ("{a: [1, 2.5]}", {"a": [1, 2.5]}),
    ],
)
def test_a_text_is_read_as_it_is_meant(text: str, said: Any) -> None:
    assert value(text) == said
    assert type(value(text)) is type(said)
