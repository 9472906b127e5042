"""What a file's name says is believed where it can be nothing else, and compared with what the file holds."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd
import pytest

from cryptolab.database.importing import bring_in
from cryptolab.errors import InputError
from tests.database import importing_files as files
from tests.database.importing_files import NOW, binance_lines, numbers, rows, same, table, written
from tests.database.test_importing import ISO, brought, refused, said

TRUE = files.market(96)


@pytest.mark.parametrize(
    "name",
    [
        "PRICES_USD.csv", "HISTORY_USDT.csv", "DATA_BTC.csv", "MY_DATA_BTC.csv", "NOTES_ETH.csv", "TEST_USD.csv",
        "2024_USD.csv", "backtestusdt.csv", "OHLCVUSDT.csv", "INDUSTRY.csv", "ETHBTC_LTCUSDT.csv",
    ],
)  # fmt: skip
def test_words_are_no_market(tmp_path: Path, name: str) -> None:
    path = table(tmp_path, TRUE, ISO, name)
    assert "symbol: received a file that does not say it; name it: symbol='BTC/USDT'." in refused(path)
    assert brought(path, symbol="BTC/USDT").bars.symbol == "BTC/USDT"


@pytest.mark.parametrize(
    ("name", "symbol"),
    [("1INCHUSDT.csv", "1INCH/USDT"), ("1000SHIBUSDT.csv", "1000SHIB/USDT"), ("AAVE_USD.csv", "AAVE/USD"),
     ("BTCUSDT_202401.csv", "BTC/USDT")],
)  # fmt: skip
def test_markets_that_look_like_words(tmp_path: Path, name: str, symbol: str) -> None:
    assert brought(table(tmp_path, TRUE, ISO, name)).bars.symbol == symbol


@pytest.mark.parametrize(
    "name",
    [
        "BTCUSDT_PERP.csv",
        "BTCUSDT_240628.csv",
        "okx_BTC-USDT-SWAP.csv",
        "BTCUSDT_1h_BINANCE_FUTURES_UM.csv",
        "BTCUSDT_PERP/1h.csv",
    ],
)
def test_a_contract_is_not_the_coins_market(tmp_path: Path, name: str) -> None:
    path = table(tmp_path, TRUE, ISO, name)
    assert "a name of a contract (" in refused(path)
    assert "which is another market than BTC/USDT; name it: symbol='BTC/USDT:USDT'." in refused(path)
    assert brought(path, symbol="BTC/USDT:USDT").bars.symbol == "BTC/USDT:USDT"
    assert "received ETH/USDT:USDT given and BTC/USDT by the file's name" in refused(path, symbol="ETH/USDT:USDT")


def with_symbols(folder: Path, name: str, symbol: str) -> Path:
    head = "symbol,timestamp,open,high,low,close,volume\n"
    return written(folder, name, [f"{symbol},{ISO(when)},{numbers(row)}" for when, row in rows(TRUE)], head)


def test_a_contract_in_the_column_is_none_of_spot(tmp_path: Path) -> None:
    for text in ("BTC-USDT-SWAP", "BTC-PERP"):
        path = with_symbols(tmp_path, "all.csv", text)
        assert "in its column; name it, as in symbol='BTC/USDT:USDT' for a contract." in refused(path)
        assert "received BTC/USDT for rows of " in refused(path, symbol="BTC/USDT")
        assert brought(path, symbol="BTC/USDT:USDT").bars.symbol == "BTC/USDT:USDT"


def test_a_column_that_contradicts_the_name_is_refused(tmp_path: Path) -> None:
    path = with_symbols(tmp_path, "ETHUSDT.csv", "BTC")
    assert "symbol: received ETH/USDT by the file's name and BTC in its column; correct the column or" in refused(path)
    assert brought(with_symbols(tmp_path, "ETHUSDT.csv", "ETH")).bars.symbol == "ETH/USDT"
    assert brought(with_symbols(tmp_path, "plain.csv", "BNBUSD"), symbol="BNB/USD").bars.symbol == "BNB/USD"
    assert "symbol: received a file that does not say it" in refused(with_symbols(tmp_path, "plain.csv", "BTC"))


def test_a_cell_without_a_symbol_belongs_to_the_file(tmp_path: Path) -> None:
    frame = TRUE.frame().reset_index()
    frame["symbol"] = ["BTCUSDT" if row % 7 else None for row in range(96)]
    other = frame.iloc[:3].assign(symbol="ETHUSDT")
    pd.concat([frame, other]).to_parquet(tmp_path / "all.parquet")
    found = brought(tmp_path / "all.parquet", symbol="BTC/USDT")
    assert same(found.bars, TRUE)
    assert found.counts == {"another symbol": 3}


@pytest.mark.parametrize("symbol", ["BTC", "../../x", "BTC/", "BTC/USDT/X", "B.TC/USDT"])
def test_a_symbol_has_two_halves(tmp_path: Path, symbol: str) -> None:
    with pytest.raises(InputError, match=r"^symbol: received .*; write BASE/QUOTE, as in 'BTC/USDT'"):
        bring_in(table(tmp_path, TRUE, ISO, "plain.csv"), symbol=symbol)


@pytest.mark.parametrize("exchange", ["", "../x", "Bin ance"])
def test_an_exchange_that_the_store_refuses_is_refused_at_once(tmp_path: Path, exchange: str) -> None:
    with pytest.raises(InputError, match=r"^exchange: received .*; write its name in letters"):
        bring_in(tmp_path / "no file.csv", exchange=exchange)


def test_two_exchanges_in_a_name(tmp_path: Path) -> None:
    path = table(tmp_path, TRUE, ISO, "Kraken_Binance_BTCUSDT.csv")
    assert "exchange: received kraken and binance by the file's name; say which: exchange='kraken'." in refused(path)
    assert brought(path, exchange="Binance").exchange == "binance"
    assert "received 'okx' for a file of kraken and binance" in refused(path, exchange="okx")


def zipped(folder: Path, name: str, entry: str, lines: list[str]) -> Path:
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr(entry, "\n".join(lines))
        archive.writestr(f"__MACOSX/._{Path(entry).name}", "what a Mac adds")
    return folder / name


def test_the_name_in_an_archive_speaks_too(tmp_path: Path) -> None:
    found = bring_in(zipped(tmp_path, "download.zip", "data/BTCUSDT-1h-2020-01.csv", binance_lines(TRUE)), now=NOW)
    assert same(found.bars, TRUE)  # the newest too: it is Binance's archive, whatever it lies in
    path = zipped(tmp_path, "BTCUSDT-1h-2020-01.zip", "ETHUSDT-1h-2020-01.csv", binance_lines(TRUE))
    assert "symbol: received ETH/USDT in an archive called BTC/USDT; correct the name" in refused(path)


def test_a_name_that_says_another_timeframe_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, TRUE, ISO, "BTCUSDT_4h.csv")
    assert "received 1h (the usual distance of its rows) and 4h by the file's name; say timeframe='1h' if" in refused(
        path
    )
    assert same(brought(path, timeframe="1h").bars, TRUE)
    assert same(brought(table(tmp_path, TRUE, ISO, "BTCUSDT_1H.csv")).bars, TRUE)


@pytest.mark.parametrize("name", ["BTCUSDT-1h-2021-05.csv", "BTCUSDT-1h-2020-01-02.csv", "BTCUSDT-1h-2019-12.csv"])
def test_an_archive_of_another_month_or_day_is_refused(tmp_path: Path, name: str) -> None:
    sentence = refused(written(tmp_path, name, binance_lines(TRUE)))
    assert f"received bars of 2020-01-01 to 2020-01-04 in a file of {name[11:-4]}; correct the file's name" in sentence


def test_a_month_holds_the_bars_that_begin_in_it_and_a_week_that_reaches_into_it(tmp_path: Path) -> None:
    days = files.market(60, "1d")
    weeks = days.resample("1w")[3:8]  # Mondays, from 2020-01-27 on
    lines = binance_lines(weeks)
    found = bring_in(written(tmp_path, "BTCUSDT-1w-2020-02.csv", lines), now=NOW)
    assert found.bars.time.tolist() == weeks.time.tolist()
    sentence = refused(written(tmp_path, "BTCUSDT-1d-2020-01.csv", binance_lines(days[:32])))
    assert "received bars of 2020-01-01 to 2020-02-01 in a file of 2020-01" in sentence


def test_closing_times_that_contradict_the_opens_are_refused(tmp_path: Path) -> None:
    cells = [line.split(",") for line in binance_lines(TRUE)]
    lines = [",".join([*row[:6], str(int(row[0]) + 4 * 3_600_000 - 1), *row[7:]]) for row in cells]
    sentence = refused(written(tmp_path, "BTCUSDT-1h-2020-01.csv", lines))
    assert "timeframe: received 1h (the usual distance of its rows) and 4h by its close times; say" in sentence


@pytest.mark.parametrize("unit", ["ms", "us"])
def test_an_archive_of_one_bar_says_its_timeframe(tmp_path: Path, unit: str) -> None:
    day = files.market(1, "1d")
    found = bring_in(written(tmp_path, "BTCUSDT-1d-2020-01-01.csv", binance_lines(day, unit)), now=NOW)
    assert same(found.bars, day)
    assert said(found)["timeframe"] == "1d, by its close times"
    assert brought(table(tmp_path, day, ISO, "BTCUSDT_1d.csv")).bars.timeframe == "1d"


def test_seven_columns_are_not_always_krakens(tmp_path: Path) -> None:
    tails = {"ms": ("ms", "12"), "turnover": ("s", "12.5")}
    for unit, last in tails.values():
        lines = [f"{files.epoch(when, unit)},{numbers(row)},{last}" for when, row in rows(TRUE)]
        assert "no line that names open, high, low and close" in refused(written(tmp_path, "BTCUSDT.csv", lines))


def test_columns_without_names_are_named_by_their_numbers(tmp_path: Path) -> None:
    lines = [f"{files.epoch(when)},{numbers(row)}" for when, row in rows(TRUE)]
    path = written(tmp_path, "BTCUSDT ccxt.csv", lines)
    assert "or their numbers from 1, each as in columns={'open': '2'}." in refused(path)
    roles = ("time", "open", "high", "low", "close", "volume")
    found = brought(path, columns={role: str(number) for number, role in enumerate(roles, 1)})
    assert same(found.bars, TRUE)
    assert said(found)["format"] == "text separated by commas, no header"


@pytest.mark.parametrize("timeframe", ["1d", "1w", "1h"])
def test_bars_of_a_month_are_none_of_a_day(tmp_path: Path, timeframe: str) -> None:
    frame = files.market(800, "1d").frame().resample("MS")
    months = frame.agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
    path = tmp_path / "BTCUSDT.csv"
    months.to_csv(path)
    assert f"received '{timeframe}' for rows that are 31 days 00:00:00 apart; give bars of 1m | " in refused(
        path, timeframe=timeframe
    )
    assert "rows 31 days 00:00:00 apart; give bars of 1m | 3m" in refused(path)


def test_a_few_bars_of_another_timeframe_are_seen(tmp_path: Path) -> None:
    fours = files.market(8, "4h")
    assert "received '1h' for rows that are 4h apart; say timeframe='4h'." in refused(
        table(tmp_path, fours, ISO), timeframe="1h"
    )
    sparse = [TRUE[:3], TRUE[9:11], TRUE[30:31], TRUE[40:41], TRUE[50:51], TRUE[60:61]]
    lines = [f"{ISO(when)},{numbers(row)}" for part in sparse for when, row in rows(part)]
    head = "timestamp,open,high,low,close,volume\n"
    assert len(brought(written(tmp_path, "BTCUSDT.csv", lines, head), timeframe="1h").bars) == 9
