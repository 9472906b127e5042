"""What a params file may say about data, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryptolab.data_fetchers import simulate
from cryptolab.database import DuckDBManager
from cryptolab.errors import InputError, UnknownNameError
from cryptolab.reporting import load_data
from cryptolab.reporting.sources import locate, pinned


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


def test_stored_bars_are_pinned_to_a_moment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    frame = simulate(100, "1h", 3, "AAA/USDT").frame()
    DuckDBManager.at_home().save_ohlcv(frame[:60], "AAA/USDT", "1h")
    spec = pinned({"store": {"symbol": "AAA/USDT", "timeframe": "1h", "start": str(frame.index[10])}})
    DuckDBManager.at_home().save_ohlcv(frame, "AAA/USDT", "1h")
    assert len(load_data(spec)) == 50
    assert pinned(spec) == spec
    assert len(load_data({"store": {**spec["store"], "as_of": None}})) == 90
    assert pinned({"file": "x.csv"}) == {"file": "x.csv"}
    assert pinned(None) is None


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({}, r"write \{store: \{symbol"),
        ("btc.csv", r"write \{store: \{symbol"),
        ({"store": "x"}, r"write a mapping, as in \{symbol: BTC/USDT"),
        ({"store": {"symbol": "BTC/USDT"}}, "data: store: received no timeframe"),
        ({"store": {"symbol": "BTC/USDT", "timeframe": "1h"}}, "received no stored bars"),
        ({"simulated": {}, "file": "x.csv"}, "one of store, file and simulated"),
        ({"symbol": "BTC/USDT"}, "one of store, file and simulated"),
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
        (
            {"store": {"symbol": "BTC/USDT", "timeframe": "1h", "begin": "2024-01-01"}},
            "key of data from the store: 'begin'",
        ),
        ({"simulated": {}, "timeframe": "1h"}, "unknown key of data from 'simulated'"),
    ],
)
def test_unknown_keys_get_a_suggestion(spec: dict, sentence: str) -> None:
    with pytest.raises(UnknownNameError, match=sentence):
        load_data(spec)
