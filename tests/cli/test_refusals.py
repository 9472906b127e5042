"""Refusals from inside, in the words of the command line."""

from __future__ import annotations

import pytest

from cryptolab.cli.refusals import in_options, translated
from cryptolab.errors import DataError


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (
            "grid: received a product of 9 sets; give fewer values, or draw some of the sets: samples=10_000.",
            "--grid: received a product of 9 sets; give fewer values, or draw some of the sets: --samples 10000.",
        ),
        (
            "memory: received 9 KB; write memory='517 KB' or more.",
            "--memory: received 9 KB; write --memory 517KB or more.",
        ),
        ("path: received the folder .; name a file.", "--output: received the folder .; name a file."),
        ("grid 'fast': received 5 twice; give it once.", "--grid fast: received 5 twice; give it once."),
        (
            "data: received BTC/USDT twice; give each symbol once, as in {'BTC/USDT': df}.",
            "data: received BTC/USDT twice; name each file's with --symbol, in their order.",
        ),
        (
            "the frame: received one row (x); say timeframe= in read(...) or Bars.from_frame(...).",
            "the frame: received one row (x); say --timeframe.",
        ),
        (
            "unknown parameter of f, Costs or Risk 'a': did you mean 'b'.",
            "unknown parameter of f, costs or risk 'a': did you mean 'b'.",
        ),
        ("strategy 'f', memory=3: too little.", "strategy 'f', memory=3: too little."),
        ("seeds: a word that begins like an option.", "seeds: a word that begins like an option."),
    ],
)
def test_refusals_speak_of_options(said: str, meant: str) -> None:
    assert translated(said) == meant
    with pytest.raises(DataError) as refused, in_options():
        raise DataError(said)
    assert str(refused.value) == meant
