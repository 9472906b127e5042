from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cryptolab.errors import InputError, UnknownNameError
from cryptolab.jobs.parameters import defaults, merged
from tests.jobs.notebooks import write_job

KNOWN = {"title": "t", "backtest": {"commission": 0.001, "stop_loss": None}, "seed": 7, "output": ""}


def test_the_parameters_cell_is_read_as_python(home: Path) -> None:
    write_job(home, "later = 1")
    found = defaults(home / "notebooks" / "small.ipynb")
    assert found == {
        "title": "Small # study",
        "backtest": {"stop_loss": None, "commission": 0.001},
        "seed": 7,
        "output": "",
    }


def test_a_default_that_is_no_literal_is_known_by_name_alone(home: Path) -> None:
    write_job(home, parameters="folder = str(1)\nseed: int\n")
    assert defaults(home / "notebooks" / "small.ipynb") == {"folder": None, "seed": None}


def test_what_is_no_notebook_is_refused(home: Path) -> None:
    path = home / "notebooks" / "broken.ipynb"
    path.write_text("{")
    with pytest.raises(InputError, match=r"broken\.ipynb"):
        defaults(path)


def test_overrides_go_before_the_file_and_reach_into_mappings() -> None:
    values = merged(KNOWN, {"seed": 3, "title": "file"}, {"title": "set", "backtest.stop_loss": 0.05})
    assert values == {"seed": 3, "title": "set", "backtest": {"commission": 0.001, "stop_loss": 0.05}}
    assert KNOWN["backtest"] == {"commission": 0.001, "stop_loss": None}


def test_an_override_keeps_what_the_file_says_beside_it() -> None:
    given = {"data": {"simulated": {"bars": 10, "seed": 1}}}
    values = merged({"data": {}}, given, {"data.simulated.bars": 99})
    assert values == {"data": {"simulated": {"bars": 99, "seed": 1}}}
    assert given == {"data": {"simulated": {"bars": 10, "seed": 1}}}


@pytest.mark.parametrize(
    ("given", "overrides", "said"),
    [
        ({"sed": 1}, {}, r"unknown parameter 'sed': did you mean 'seed'"),
        ({}, {"bactest.stop_loss": 0.1}, r"unknown parameter 'bactest': did you mean 'backtest'"),
        ({"a.b": 1}, {}, r"unknown parameter 'a\.b'"),
        ({"output": "/tmp"}, {}, r"'output'.*gets a folder of its own"),
        ({}, {"output": "x"}, r"'output'"),
        ({}, {"title.x": 1}, r"'title\.x'"),
        ({}, {"backtest.": 1}, r"empty name"),
    ],
)
def test_what_the_notebook_does_not_have_is_refused(given: dict, overrides: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        merged(KNOWN, given, overrides)


def test_unknown_names_are_their_own_error() -> None:
    with pytest.raises(UnknownNameError):
        merged(KNOWN, {"foo": 1}, {})


def test_what_a_notebook_cannot_store_becomes_plain_or_is_refused() -> None:
    market = {"bars": np.int64(10), "start": date(2021, 1, 2), "at": pd.Timestamp("2021-01-02", tz="UTC"), "n": (1, 2)}
    known = {"data": {}, "title": ""}
    values = merged(known, {"data": {"simulated": market}}, {"title": Path("x.csv")})
    plain = {"bars": 10, "start": "2021-01-02", "at": "2021-01-02T00:00:00+00:00", "n": [1, 2]}
    assert json.loads(json.dumps(values)) == {"data": {"simulated": plain}, "title": "x.csv"}
    with pytest.raises(InputError, match=r"^parameter 'data\.of': received a set; write a number, a text"):
        merged(known, {"data": {"of": {1}}}, {})
