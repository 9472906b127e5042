"""The recorded files, clean and dirty: what is imported of them, what is not, and with which sentence.

What is right was told by the clean record of the same hours; the import has the dirty file alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cryptolab.bars import COLUMNS
from cryptolab.database.importing import Choices, bring_in
from cryptolab.errors import DataError

pytestmark = pytest.mark.real_data

SETTLED = Choices(duplicates="finest", columns={"time": "unix"})


def clean(real_data: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(real_data / "ohlcv" / name).set_index("timestamp")


def test_the_download_with_doubled_hours_is_refused_in_one_sentence(real_data: Path) -> None:
    with pytest.raises(DataError) as caught:
        bring_in(real_data / "raw" / "cdd_Binance_BTCUSDT_1h.csv", symbol="BTC/USDT", timeframe="1h")
    assert str(caught.value) == (
        "cdd_Binance_BTCUSDT_1h.csv: received 1,443 bars more than once and with different numbers, the first"
        " 2020-08-01 23:00: open 11783.31 in line 10128, 11783.3 in line 10129; say which to take:"
        " duplicates='finest' (the one written with more digits), first, last, or none."
    )


def test_the_download_is_imported_once_that_is_settled(real_data: Path) -> None:
    found = bring_in(real_data / "raw" / "cdd_Binance_BTCUSDT_1h.csv", choices=Choices(duplicates="finest"))
    assert found.rows == 36_062
    assert found.counts == {
        "times disagree": 91,  # `date` is four hours before `unix`, 2017-09-22 to 09-26
        "duplicate, rounded": 1_206,
        "contradictory": 1_443,
        "a price far off": 1,  # the first bar opens at 16199.91 and closes at 4308.83
        "looks incomplete": 17,
        "newest, may be forming": 1,
    }
    told = dict(found.understood)
    assert told["format"].startswith("CryptoDataDownload: text separated by commas, header in line 2")
    assert told["time"] == "unix: epoch numbers in ms (7,478 rows), s (28,584 rows)"
    assert told["order"] == "newest first"
    assert (found.bars.symbol, found.bars.timeframe, found.exchange) == ("BTC/USDT", "1h", "binance")
    assert len(found.bars) + sum(found.counts.values()) == found.rows


def test_what_was_taken_from_the_download_is_what_was_traded(real_data: Path) -> None:
    found = bring_in(real_data / "raw" / "cdd_Binance_BTCUSDT_1h.csv", choices=SETTLED)
    true = clean(real_data, "BTCUSDT/1h.parquet")
    frame = found.bars.frame()
    both = frame.index.intersection(true.index)
    off = (frame.loc[both] - true.loc[both]).abs()
    recent = off[off.index >= "2020-08-01 23:00"]
    assert len(recent) == 7_477
    assert (recent["open"] == 0).all()
    assert (recent["close"] == 0).all()
    assert (recent > 1e-9).any(axis=1).sum() <= 10  # hours that Binance published anew since
    # the 91 hours lie where `unix` says
    assert (off.loc["2017-09-23":"2017-09-26 18:00", "close"] < 0.0051).all()
    # each bar that was called incomplete is one, and no other row of these hours was better
    aside = found.set_aside[found.set_aside["reason"].isin(("looks incomplete", "a price far off"))]
    there = true.loc[aside["time"], list(COLUMNS)]
    wrong = np.abs(there.to_numpy() - aside[list(COLUMNS)].to_numpy()) > 0.02
    assert wrong.any(axis=1).all()
    newest = found.set_aside[found.set_aside["reason"] == "newest, may be forming"].iloc[0]
    assert newest["volume"] < 0.2 * true.loc[newest["time"], "volume"]


def test_a_bots_file_without_the_bars_it_saved_while_forming(real_data: Path) -> None:
    found = bring_in(real_data / "raw" / "soneyjohnt_BTCUSDT_1d.csv")
    assert found.counts == {"looks incomplete": 8, "newest, may be forming": 1}
    days = pd.DatetimeIndex(found.set_aside["time"])
    assert list(days.strftime("%Y-%m-%d")) == [
        "2022-03-22", "2022-03-26", "2022-03-27", "2022-03-28", "2022-04-09", "2022-04-15", "2022-05-30", "2022-06-04",
        "2022-06-05",
    ]  # fmt: skip
    # these are all whose close is not the one that Binance published, since its records are what they are now
    true, frame = clean(real_data, "BTCUSDT/1d.parquet"), found.bars.frame()
    assert (frame["close"] == true.loc[frame.index, "close"])["2018-03":].all()
    shown = pd.read_csv(real_data / "raw" / "soneyjohnt_BTCUSDT_1d.csv")
    stamps = pd.to_datetime(shown["timestamp"], unit="ms", utc=True)
    other = stamps[shown["close"].to_numpy() != true.loc[stamps, "close"].to_numpy()]
    assert set(days) == set(other[other >= "2018-03-01"])
    assert dict(found.understood)["beside it"] == "time agrees in every row, read as UTC"


def test_bars_off_the_hour_are_set_aside(real_data: Path) -> None:
    found = bring_in(real_data / "ohlcv" / "BNBUSDT" / "1h.parquet", timeframe="1h")
    assert found.counts == {"off the grid": 43, "newest, may be forming": 1}
    off = found.set_aside[found.set_aside["reason"] == "off the grid"]
    assert str(off["time"].min()) == "2018-02-09 09:28:15.787000+00:00"
    assert str(off["time"].max()) == "2018-02-11 03:28:15.787000+00:00"
    assert found.bars.symbol == "BNB/USDT"


CLEAN = [
    *(f"{coin}USDT/{frame}" for coin in ("BTC", "ETH") for frame in ("1h", "4h", "1d")),
    *(f"{coin}USDT/1h" for coin in ("SOL", "XRP", "DOGE", "LINK")),
    "BTCUSDT/1m_2021_2022",
]


@pytest.mark.parametrize("name", CLEAN)
def test_nothing_of_a_clean_file_is_set_aside(real_data: Path, name: str) -> None:
    found = bring_in(real_data / "ohlcv" / f"{name}.parquet", choices=Choices(keep_newest=True))
    true = clean(real_data, f"{name}.parquet")
    assert found.counts == {}
    assert len(found.bars) == len(true)
    for column in COLUMNS:
        assert np.array_equal(getattr(found.bars, column), true[column].to_numpy())
