"""What a params file may say about data, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryptolab.data_fetchers import simulate
from cryptolab.errors import InputError, UnknownNameError
from cryptolab.reporting import load_data
from cryptolab.reporting.sources import locate


@pytest.fixture
def candles(home: Path) -> Path:
    path = home / "data" / "candles.csv"
    path.parent.mkdir()
    frame = simulate(50, seed=9).frame()
    frame.to_csv(path, index_label="time")
    return path


def test_a_file_from_the_projects_root(candles: Path) -> None:
    bars = load_data({"file": "data/candles.csv", "symbol": "BTCUSDT", "timeframe": "1h"})
    assert (bars.symbol, bars.timeframe, len(bars), bars.source) == ("BTC/USDT", "1h", 50, "candles.csv")


def test_a_file_by_variable_and_by_absolute_path(candles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOLAB_REAL_DATA", str(candles.parent))
    assert len(load_data({"file": "${CRYPTOLAB_REAL_DATA}/candles.csv"})) == 50
    assert len(load_data({"file": str(candles)})) == 50


def test_the_folder_of_real_data_has_a_default(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRYPTOLAB_REAL_DATA", raising=False)
    assert locate("${CRYPTOLAB_REAL_DATA}/x.csv") == home.resolve().parent / "shared" / "data" / "x.csv"


def test_the_simulated_market_and_its_seed() -> None:
    spec = {"simulated": {"bars": 100, "timeframe": "4h", "seed": 3}}
    assert load_data(spec, seed=8).fingerprint == simulate(100, "4h", 3).fingerprint
    assert load_data({"simulated": {"bars": 100}}, seed=8).fingerprint == simulate(100, seed=8).fingerprint
    assert len(load_data({"simulated": None})) == 26_280


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({}, r"write \{file"),
        ("btc.csv", r"write \{file"),
        ({"store": "x"}, "the store comes with a later version"),
        ({"simulated": {}, "file": "x.csv"}, "either file or simulated"),
        ({"symbol": "BTC/USDT"}, "either file or simulated"),
        ({"simulated": 5}, "write a mapping"),
        ({"file": ""}, "write the path"),
        ({"file": 5}, "write the path"),
        ({"file": "${NO_SUCH_VARIABLE_HERE}/x.csv"}, "set NO_SUCH_VARIABLE_HERE in the environment"),
        ({"file": "$/x.csv"}, r"write a variable as \$\{NAME\}"),
    ],
)
def test_refused(spec: object, sentence: str, home: Path) -> None:
    with pytest.raises(InputError, match=sentence):
        load_data(spec)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"fil": "x.csv"}, "did you mean 'file'"),
        ({"file": "x.csv", "timeframes": "1h"}, "did you mean 'timeframe'"),
        ({"simulated": {"bar": 100}}, "did you mean 'bars'"),
        ({"simulated": {}, "timeframe": "1h"}, "unknown key of data from 'simulated'"),
    ],
)
def test_unknown_keys_get_a_suggestion(spec: dict, sentence: str) -> None:
    with pytest.raises(UnknownNameError, match=sentence):
        load_data(spec)
