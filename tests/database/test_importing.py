"""Files of the formats that people have become the bars they hold, and what was understood of them is said."""

from __future__ import annotations

import gzip
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptolab.bars import Bars
from cryptolab.database.files import write
from cryptolab.database.importing import Choices, Imported, bring_in, bring_in_all
from cryptolab.errors import DataError, InputError, UnknownNameError
from tests.database import importing_files as files
from tests.database.importing_files import NOW, numbers, rows, same, table, written

TRUE = files.market()
DAYS = files.market(70, "1d", symbol="BTC/USD")
ISO = "{:%Y-%m-%d %H:%M:%S}".format


def brought(file: Path, **given: Any) -> Imported:
    """Bring in with the newest bar kept: these files hold closed bars only, and say so with an option."""
    settled = {name: given.pop(name) for name in list(given) if name in Choices.__dataclass_fields__}
    return bring_in(file, choices=Choices(**{"keep_newest": True, **settled}), now=NOW, **given)


def refused(file: Path, **given: Any) -> str:
    """The sentence with which a file is refused."""
    with pytest.raises(DataError) as caught:
        brought(file, **given)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith((file.name, f"{file.parent.name}/{file.name}"))
    assert text.endswith(".")
    assert ": received " in text
    assert "; " in text
    return text


def said(imported: Imported) -> dict[str, str]:
    return dict(imported.understood)


# Binance's public archive


@pytest.mark.parametrize("unit", ["ms", "us"])
@pytest.mark.parametrize("header", ["", files.BINANCE_HEADER])
@pytest.mark.parametrize("ending", ["csv", "zip", "csv.gz"])
def test_binances_archive(tmp_path: Path, unit: str, header: str, ending: str) -> None:
    lines = files.binance_lines(TRUE, unit)
    path = written(tmp_path, "BTCUSDT-1h-2020-01.csv", lines, header)
    if ending == "zip":
        with zipfile.ZipFile(tmp_path / "BTCUSDT-1h-2020-01.zip", "w") as archive:
            archive.write(path, path.name)
        path = tmp_path / "BTCUSDT-1h-2020-01.zip"
    elif ending == "csv.gz":
        path = tmp_path / "BTCUSDT-1h-2020-01.csv.gz"
        path.write_bytes(gzip.compress((header + "\n".join(lines)).encode()))
    found = bring_in(path, now=NOW, choices=Choices(keep_newest=ending == "csv.gz"))  # an archive that is no archive's
    assert same(found.bars, TRUE)
    assert not len(found.set_aside)
    assert said(found)["format"].startswith("Binance's public archive")
    assert said(found)["time"] == f"open_time: epoch numbers in {unit}"
    assert said(found)["order"] == "oldest first"
    assert said(found)["symbol"] == "BTC/USDT, by the file's name"
    assert found.exchange == "binance"
    assert found.source == f"import:{path.name}"


def test_months_before_and_after_the_change_of_unit_go_together(tmp_path: Path) -> None:
    first = files.binance_zip(tmp_path, TRUE[:48], "BTCUSDT-1h-2020-01.zip", "ms")
    second = files.binance_zip(tmp_path, TRUE[48:72], "BTCUSDT-1h-2020-01-03.zip", "us")
    third = files.binance_zip(tmp_path, TRUE[72:], "BTCUSDT-1h-2020-01-04.zip", "us")
    (found,), none = bring_in_all([second, third, first], now=NOW)
    assert none == {}
    assert same(found.bars, TRUE)
    assert found.source == "import:BTCUSDT-1h-2020-01-03.zip and 2 more"
    assert said(found)["time"] == "open_time: epoch numbers in us | open_time: epoch numbers in ms"
    mixed = written(tmp_path, "x.csv", files.binance_lines(TRUE[:50]) + files.binance_lines(TRUE[50:], "us"))
    both = brought(mixed, symbol="BTCUSDT")
    assert same(both.bars, TRUE)
    assert said(both)["time"] == "open_time: epoch numbers in us (46 rows), ms (50 rows)"


def test_a_dump_of_binances_api_is_no_archive_and_may_end_with_a_forming_bar(tmp_path: Path) -> None:
    path = written(tmp_path, "BTCUSDT_dump.csv", files.binance_lines(TRUE[:31]))
    assert bring_in(path, now=NOW).counts == {"newest, may be forming": 1}


# CryptoDataDownload


def test_cryptodatadownload(tmp_path: Path) -> None:
    path = files.cdd(tmp_path, TRUE[40:], TRUE[:60])
    found = brought(path)
    coarse = found.bars[:40]
    assert same(found.bars[40:], TRUE[40:])
    assert np.array_equal(coarse.time, TRUE[:40].time)
    assert np.allclose(coarse.close, TRUE.close[:40], atol=0.005)
    assert found.counts == {"duplicate, rounded": 20}
    told = said(found)
    assert told["format"] == (
        "CryptoDataDownload: text separated by commas, header in line 2, 'https://www.CryptoDataDownload.com' above it"
    )
    assert told["columns"] == "volume = Volume BTC; not used: Volume USDT, tradecount"
    assert told["time"] == "unix: epoch numbers in ms (56 rows), s (60 rows)"
    assert told["beside it"] == "date agrees in every row, read as UTC"
    assert told["order"] == "newest first"
    assert told["symbol"] == "BTC/USDT, in its column"
    assert told["exchange"] == "binance, by the file's name"


def test_dates_that_contradict_the_epoch_in_few_rows_are_set_aside(tmp_path: Path) -> None:
    path = files.cdd(tmp_path, files.market(300))
    shifted = path.read_text().replace("2020-01-03 05:00:00", "2020-01-03 01:00:00")
    path.write_text(shifted.replace("2020-01-03 06:00:00", "2020-01-03 02:00:00"))
    found = brought(path)
    assert found.counts == {"times disagree": 2}
    assert set(found.set_aside["detail"]) == {"unix and date differ by 4 h"}
    assert list(found.set_aside["row"]) == [3 + 299 - 54, 3 + 299 - 53]
    assert said(found)["beside it"].startswith("date disagrees in 2 rows, which are set aside (say columns={'time': 'u")
    assert len(found.bars) == 298
    assert same(brought(path, columns={"time": "unix"}).bars, files.market(300))


def test_dates_that_contradict_the_epoch_in_many_rows_are_refused(tmp_path: Path) -> None:
    path = files.cdd(tmp_path, files.market(300))
    path.write_text(path.read_text().replace("2020-01-03 0", "2020-01-04 0"))
    sentence = refused(path)
    assert "columns 'unix' and 'date': received 10 of 300 rows in which they disagree, the first" in sentence
    assert "'unix' and 2020-01-04 09:00 in 'date'" in sentence
    assert sentence.endswith("columns={'time': 'unix'} or columns={'time': 'date'}.")


def test_a_local_time_beside_the_epoch_is_not_used(tmp_path: Path) -> None:
    head = "date,ts,open,high,low,close,volume\n"
    lines = [
        f"{ISO(when.tz_convert('Asia/Kolkata'))},{files.epoch(when, 's')},{numbers(row)}" for when, row in rows(TRUE)
    ]
    found = brought(written(tmp_path, "BTCUSDT.csv", lines, head))
    assert same(found.bars, TRUE)
    assert said(found)["beside it"] == "date is the time of another zone (+5.5 h) and not used"


# downloads of other places


def test_yahoos_volume_is_money_and_must_be_settled(tmp_path: Path) -> None:
    head = "Date,Open,High,Low,Close,Adj Close,Volume\n"
    lines = []
    for when, row in rows(DAYS):
        money = row.volume * (row.high + row.low + row.close) / 3
        lines.append(f"{when:%Y-%m-%d},{row.open},{row.high},{row.low},{row.close},{row.close},{money!r}")
    path = written(tmp_path, "BTC-USD.csv", lines, head)
    assert "volume: received 'Volume' of Yahoo Finance, which counts money and not coins; say volume=" in refused(path)
    found = brought(path, volume="quote")
    assert np.allclose(found.bars.volume, DAYS.volume, rtol=1e-12)
    assert np.array_equal(found.bars.close, DAYS.close)
    assert found.exchange == "yahoo"
    assert found.bars.symbol == "BTC/USD"
    assert said(found)["zone"] == "UTC: a day of Yahoo's coins begins at 00:00 in it"
    assert brought(path, volume="base", exchange="Kraken").exchange == "kraken"


def test_yfinance_with_levels_of_columns(tmp_path: Path) -> None:
    head = "Price,Close,High,Low,Open,Volume\nTicker" + ",BTC-USD" * 5 + "\nDate,,,,,\n"
    lines = [f"{when:%Y-%m-%d},{row.close},{row.high},{row.low},{row.open},{row.volume}" for when, row in rows(DAYS)]
    found = brought(written(tmp_path, "download.csv", lines, head), volume="base")
    assert same(found.bars, DAYS)
    assert said(found)["symbol"] == "BTC/USD, written by yfinance"


def test_investing_com(tmp_path: Path) -> None:
    head = '\ufeff"Date","Price","Open","High","Low","Vol.","Change %"\n'
    frame = DAYS.frame().round(1)
    frame["high"] = DAYS.frame().round(1)["high"]
    frame["volume"] = (np.arange(70) + 1) * 10.0
    lines = [
        f'"{when:%m/%d/%Y}","{row.close * 1000:,.1f}","{row.open * 1000:,.1f}","{row.high * 1000:,.1f}",'
        f'"{row.low * 1000:,.1f}","{row.volume / 1000:.2f}K","-0.25%"'
        for when, row in zip(frame.index, frame.itertuples(), strict=True)
    ]
    found = brought(written(tmp_path, "Bitcoin BTC_USD Historical Data.csv", lines[::-1], head))
    assert np.allclose(found.bars.close, np.round(frame["close"] * 1000, 1))
    assert np.allclose(found.bars.volume, frame["volume"])
    assert found.exchange == "investing"
    told = said(found)
    assert told["columns"] == "close = Price; volume = Vol.; not used: Change %"
    assert told["numbers"] == "K, M, B for thousands, millions, billions, commas between thousands"
    assert told["time"] == "Date: dates with the month first"


def test_coinmarketcaps_times_are_closes(tmp_path: Path) -> None:
    head = "SNo,Name,Symbol,Date,High,Low,Open,Close,Volume,Marketcap\n"
    lines = [
        f"{count},Bitcoin,BTC,{when:%Y-%m-%d} 23:59:59,{row.high},{row.low},{row.open},{row.close},{row.volume},1e9"
        for count, (when, row) in enumerate(rows(DAYS))
    ]
    path = written(tmp_path, "coin_Bitcoin.csv", lines, head)
    found = brought(path, symbol="BTC/USD", volume="base")
    assert same(found.bars, DAYS)
    assert said(found)["opens"] == "its times are the closes; the bars open one timeframe earlier"
    assert "symbol: received a file that does not say it; name it: symbol='BTC/USDT'." in refused(path, volume="base")
    assert "received ETH/USD for rows of BTC; import it as what it holds." in refused(path, symbol="ETH/USD")


def test_krakens_archive(tmp_path: Path) -> None:
    lines = [f"{files.epoch(when, 's')},{numbers(row)},12" for when, row in rows(TRUE)]
    found = brought(written(tmp_path, "XBTUSD_60.csv", lines), symbol="BTC/USDT")
    assert same(found.bars, TRUE)
    assert found.exchange == "kraken"


def test_metatrader_needs_the_zone_of_its_broker(tmp_path: Path) -> None:
    head = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
    lines = []
    for when, row in rows(TRUE):
        local = when.tz_convert("Europe/Athens")
        lines.append(
            f"{local:%Y.%m.%d}\t{local:%H:%M:%S}\t{row.open}\t{row.high}\t{row.low}\t{row.close}\t9\t{row.volume}\t1"
        )
    path = written(tmp_path, "BTCUSDT_H1.csv", lines, head)
    assert "received the time of a broker's server, which is seldom UTC; name their zone" in refused(path)
    assert same(brought(path, zone="Europe/Athens").bars, TRUE)


# what pandas writes, and what others wrote after it


def test_pandas_own_files(tmp_path: Path) -> None:
    frame = TRUE.frame()
    plain = frame.tz_localize(None).rename_axis(None)
    for number, text in enumerate((frame.to_csv(), plain.to_csv(), plain.reset_index(names="date").to_csv())):
        path = tmp_path / f"{number}" / "BTCUSDT.csv"
        path.parent.mkdir()
        path.write_text(text)
        assert same(brought(path).bars, TRUE)
    for number, index in enumerate((frame, plain, plain.rename_axis("when"), frame.reset_index())):
        path = tmp_path / f"{number} parquet" / "BTCUSDT.parquet"
        path.parent.mkdir()
        index.to_parquet(path)
        found = brought(path)
        assert same(found.bars, TRUE)
        assert said(found)["zone"].startswith("UTC, assumed" if number in (1, 2) else "as each time says")


@pytest.mark.parametrize("kind", ["date32", "text", "epoch", "decimal", "strings"])
def test_columns_of_parquet_may_be_of_any_kind(tmp_path: Path, kind: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame = DAYS.frame().reset_index()
    content = pa.Table.from_pandas(frame, preserve_index=False)
    times = {
        "date32": lambda: pa.array(frame["timestamp"].dt.date),
        "text": lambda: pa.array(frame["timestamp"].dt.strftime("%d.%m.%Y")),
        "epoch": lambda: pa.array(frame["timestamp"].astype("int64") // 1000),
    }
    if kind in times:
        content = content.set_column(0, "timestamp", times[kind]())
    else:
        wanted = pa.decimal128(20, 8) if kind == "decimal" else pa.string()
        for place in range(1, 6):
            column = pa.array([f"{value:.8f}" for value in frame.iloc[:, place]])
            content = content.set_column(place, content.column_names[place], column.cast(wanted))
    pq.write_table(content, tmp_path / "BTC-USD.parquet")
    assert same(brought(tmp_path / "BTC-USD.parquet").bars, DAYS)


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars"), (",", "commas")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_separators_encodings_and_line_ends(tmp_path: Path, mark: str, name: str, encoding: str, ends: str) -> None:
    lines = [f"{ISO(when)}{mark}{numbers(row, mark)}{mark}é" for when, row in rows(TRUE)]
    text = ends.join([mark.join(("Date", "Open", "High", "Low", "Close", "Volume", "Ré")), *lines, ""])
    path = tmp_path / "BTCUSDT.csv"
    path.write_bytes(text.encode(encoding))
    found = brought(path)
    assert same(found.bars, TRUE)
    assert said(found)["format"] == f"text separated by {name}, header in line 1"


def test_names_of_columns_as_people_write_them(tmp_path: Path) -> None:
    heads = (
        "Open time;1. open;2. high;3. low;4. close;Volume (BTC)", "<DATE>;O;H;L;C;V",
        "Timestamp_UTC;open_price;highPrice;Low Price;price_close;volumefrom",
    )  # fmt: skip
    for head in heads:
        lines = [f"{ISO(when)};{numbers(row, ';')}" for when, row in rows(TRUE)]
        assert same(brought(written(tmp_path, "BTCUSDT.csv", lines, head + "\n")).bars, TRUE)
    assert said(brought(tmp_path / "BTCUSDT.csv"))["zone"] == "UTC: the column is called Timestamp_UTC"


def test_columns_that_names_do_not_show_are_named_by_the_user(tmp_path: Path) -> None:
    head = "when,px1,high,low,close,volume,Volume\n"
    lines = [f"{ISO(when)},{numbers(row)},1" for when, row in rows(TRUE)]
    path = written(tmp_path, "BTCUSDT.csv", lines, head)
    assert "columns: received no line that names open, high, low and close" in refused(path)
    named = {"open": "px1"}
    assert "column of the volume: received 'volume' and 'Volume'; say which: columns={'volume'" in refused(
        path, columns=named
    )
    named["volume"] = "volume"
    sentence = refused(path, columns=named)
    assert "column of the time: received the columns when, px1, high, low, close, volume, Volume; say which" in sentence
    assert same(brought(path, columns={**named, "time": "when"}).bars, TRUE)
    assert "column of the time: received 'wen', which no column is called; name one of when, px1" in refused(
        path, columns={**named, "time": "wen"}
    )
    with pytest.raises(UnknownNameError, match="unknown role of a column 'opne': did you mean 'open'"):
        Choices(columns={"opne": "px1"})


# numbers


@pytest.mark.parametrize(
    ("style", "told"),
    [
        ("{:,.4f}", "commas between thousands"),
        ("$ {:,.4f}", "commas between thousands"),
        ("german", "a decimal comma"),
        ("swiss", ""),
        ("{:.4f} ", ""),
    ],
)
def test_ways_to_write_numbers(tmp_path: Path, style: str, told: str) -> None:
    frame = (TRUE.frame() * 100).round(4)

    def text(value: float) -> str:
        if style == "german":
            return f"{value:,.4f}".replace(",", "#").replace(".", ",").replace("#", ".")
        return f"{value:,.4f}".replace(",", "’") if style == "swiss" else style.format(value)

    lines = [
        ";".join([ISO(when), *(text(value) for value in row)])
        for when, row in zip(frame.index, frame.to_numpy(), strict=True)
    ]
    found = brought(written(tmp_path, "BTCUSDT.csv", lines, "Date;Open;High;Low;Close;Volume\n"))
    assert np.array_equal(found.bars.frame().to_numpy(), frame.to_numpy())
    assert said(found).get("numbers", "") == told


def test_a_comma_that_may_be_either_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "BTCUSDT.csv", [f"{ISO(when)};42,265;42,999;42,001;42,300;7" for when in TRUE.index],
                   "Date;Open;High;Low;Close;Volume\n")  # fmt: skip
    assert (
        "numbers: received '42,265', which may be either; say what the comma is: decimal='point' or decimal='comma'."
        in refused(path)
    )
    assert brought(path, decimal="comma").bars.open[0] == 42.265
    assert brought(path, decimal="point").bars.open[0] == 42265.0
    path.write_text(path.read_text().replace(";7", ";1,234,567"))
    assert brought(path).bars.open[0] == 42265.0
    path.write_text(path.read_text().replace(";1,234,567", ";1,5"))
    assert brought(path).bars.open[0] == 42.265
    path.write_text(path.read_text() + f"{ISO(TRUE.index[0])};1.234,5;1,234.5;1;2;3\n")
    assert "numbers: received '1.234,5' beside '1,234.5'; write them all in one way, or say decimal='point'" in refused(
        path
    )


# symbol, exchange, timeframe


@pytest.mark.parametrize(
    ("name", "symbol", "exchange"),
    [
        ("Binance_ETHBTC_1h.csv", "ETH/BTC", "binance"),
        ("eth-usd.csv", "ETH/USD", "binance"),
        ("Bitstamp_BTCUSD_minute.csv", "BTC/USD", "bitstamp"),
        ("BTC_USDT-1h.feather.csv", "BTC/USDT", "binance"),
        ("SOLUSDT/1h.csv", "SOL/USDT", "binance"),
        ("my_btcusdt.csv", "BTC/USDT", "binance"),
        ("MY_BTC_USDT.csv", "BTC/USDT", "binance"),
    ],
)
def test_a_files_name_says_market_and_exchange(tmp_path: Path, name: str, symbol: str, exchange: str) -> None:
    found = brought(table(tmp_path, TRUE, ISO, name))
    assert (found.bars.symbol, found.exchange) == (symbol, exchange)
    other = "X/USD"
    assert f"symbol: received {other} given and {symbol} by the file's name; import it as {symbol}" in refused(
        tmp_path / name, symbol=other
    )


@pytest.mark.parametrize("name", ["my_btc.csv", "country.csv", "data_eur.csv", "BTCUSDT_ETHUSDT.csv", "bitcoin.csv"])
def test_what_may_be_a_word_is_no_symbol(tmp_path: Path, name: str) -> None:
    path = table(tmp_path, TRUE, ISO, name)
    assert "symbol: received a file that does not say it; name it: symbol='BTC/USDT'." in refused(path)
    assert same(brought(path, symbol="BTC/USDT").bars, TRUE)


def test_a_volume_in_money_alone(tmp_path: Path) -> None:
    frame = TRUE.frame()
    frame["Volume USDT"] = frame.pop("volume") * frame[["high", "low", "close"]].mean(axis=1)
    frame.to_csv(tmp_path / "BTCUSDT.csv")
    assert "volume: received 'Volume USDT', which counts money and not coins" in refused(tmp_path / "BTCUSDT.csv")
    found = brought(tmp_path / "BTCUSDT.csv", volume="quote")
    assert np.allclose(found.bars.volume, TRUE.volume, rtol=1e-12)
    assert said(found)["volume"] == "Volume USDT in money, divided by (high + low + close) / 3"


def test_an_exchange_that_contradicts_the_files_name_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, TRUE, ISO, "Bitstamp_BTCUSD_1h.csv")
    assert "exchange: received 'binance' for a file of bitstamp; leave the exchange out" in refused(
        path, exchange="binance"
    )
    assert brought(path, exchange="Bitstamp").exchange == "bitstamp"


def test_a_file_of_several_symbols_needs_the_one(tmp_path: Path) -> None:
    head = "symbol,time,open,high,low,close,volume\n"
    lines = [f"{name},{ISO(when)},{numbers(row)}" for when, row in rows(TRUE) for name in ("BTCUSDT", "ETHUSDT")]
    path = written(tmp_path, "all.csv", lines, head)
    assert "symbol: received 2 of them (BTC/USDT, ETH/USDT); say which one to take" in refused(path)
    found = brought(path, symbol="BTC-USDT")
    assert same(found.bars, TRUE)
    assert found.counts == {"another symbol": 96}


def test_a_timeframe_that_contradicts_the_rows_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, TRUE, ISO)
    assert "timeframe: received '4h' for rows that are 1h apart; say timeframe='1h'." in refused(path, timeframe="4h")
    assert "timeframe: received '15m' for rows that are 1h apart; say timeframe='1h'." in refused(path, timeframe="15m")
    one = table(tmp_path, TRUE[:1], ISO)
    assert "timeframe: received a single time; name it" in refused(one)
    assert brought(one, timeframe="1h").bars.timeframe == "1h"
    with pytest.raises(InputError, match="did you mean '1h'"):
        brought(path, timeframe="1hour")


# the newest bar


@pytest.mark.parametrize(
    ("bars", "frame", "kept"), [(24, "1h", True), (23, "1h", False), (31, "1d", True), (30, "1d", False)]
)
def test_the_newest_bar_is_set_aside_unless_the_file_ends_with_a_whole_period(
    tmp_path: Path, bars: int, frame: str, kept: bool
) -> None:
    path = table(tmp_path, files.market(bars, frame), ISO)
    found = bring_in(path, now=NOW)
    assert len(found.bars) == bars - (not kept)
    assert found.counts == ({} if kept else {"newest, may be forming": 1})
    end = (found.bars if kept else files.market(bars, frame)).time[-1] + found.bars.interval
    before = int(end) - 10**9
    os.utime(path, ns=(before, before))  # written a second before the bar closed: then it was forming
    assert bring_in(path, now=NOW).counts == {"newest, may be forming": 1}


def test_a_bar_that_forms_now_shows_that_the_one_before_it_was_closed(tmp_path: Path) -> None:
    path = table(tmp_path, TRUE[:31], ISO)
    found = bring_in(path, now=TRUE.index[30] + pd.Timedelta("20min"))
    assert found.counts == {"still forming": 1}
    assert same(found.bars, TRUE[:30])


def test_files_that_end_while_forming_are_finished_by_the_next(tmp_path: Path) -> None:
    def saved(name: str, part: Bars, share: float) -> Path:
        lines = [f"{ISO(when)},{numbers(row)}" for when, row in rows(part)]
        when, row = rows(part)[-1]
        lines[-1] = f"{ISO(when)},{row.open},{row.open},{row.open},{row.open},{row.volume * share}"
        return written(tmp_path, name, lines, "timestamp,open,high,low,close,volume\n")

    def contradicts(part: Bars) -> Path:
        when, row = rows(part)[-1]
        lines = [f"{ISO(when)},{numbers(row)}" for when, row in rows(part)]
        lines[-1] = f"{ISO(when)},{numbers(row._replace(volume=row.volume * 2))}"  # more than the whole bar had
        return written(tmp_path, "BTCUSDT sun.csv", lines, "timestamp,open,high,low,close,volume\n")

    monday, tuesday = saved("BTCUSDT mon.csv", TRUE[:40], 0.2), saved("BTCUSDT tue.csv", TRUE[30:60], 0.5)
    (found,), none = bring_in_all([monday, tuesday], now=NOW)
    assert not none
    assert same(found.bars, TRUE[:59])
    assert found.counts == {"duplicate": 9, "saved while forming": 1, "newest, may be forming": 1}
    row = found.set_aside[found.set_aside["reason"] == "saved while forming"].iloc[0]
    assert (row["file"], row["row"], row["detail"]) == (monday.name, 41, f"finished in line 11 of {tuesday.name}")
    _, refusals = bring_in_all([contradicts(TRUE[:40]), tuesday], now=NOW)
    assert "a bar more than once and with different numbers, 2020-01-02 15:00: volume" in "".join(refusals.values())


# files that are none


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("a.csv", "", "received an empty file"),
        ("a.csv", " \n\n", "a file without text"),
        ("a.csv", "time,open,high,low,close,volume\n", "a header and no rows"),
        ("a.csv", "hello\nworld\n", "no line that names open, high, low and close, first 'hello'"),
        ("a.csv", "1577836800,1,2,0.5,1.5,3\n", "first '1577836800,1,2,0.5,1.5,3'; give a first line that names them"),
        ("a.csv", "time,open,high,low,close\n1,2,3,4,5\n", "column of the volume: received the columns time, open"),
        ("a.csv", "time,open,high,low,close,volume\nmonday,1,2,1,1,1\n", "'monday' in the first row, no time"),
        ("a.csv", "time,open,high,low,close,volume\n5,1,2,1,1,1\n", "5, among epoch numbers that lie before 1973"),
        ("a.zip", "no archive", "a file that cannot be read as a zip archive"),
        ("a.csv.gz", "no archive", "a file that cannot be read as a gz archive"),
        ("a.parquet", "no parquet", "a file that cannot be read as Parquet"),
    ],
)
def test_files_without_bars_are_refused(tmp_path: Path, name: str, content: str, part: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    assert part in refused(path, symbol="BTC/USDT")


def test_an_archive_of_several_files_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("one.csv", "x")
        archive.writestr("two.csv", "x")
    assert "an archive with one.csv, two.csv; unpack it and give the files one by one." in refused(tmp_path / "a.zip")


@pytest.mark.parametrize("file", ["", "nowhere.csv", "folder", "a.xlsx", 7])
def test_a_path_that_leads_nowhere_is_wrong_use(tmp_path: Path, file: Any) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.xlsx").touch()
    with pytest.raises(InputError) as caught:
        bring_in(tmp_path / file if file and isinstance(file, str) else file)
    assert not isinstance(caught.value, DataError)


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"zone": "Berlin"}, "zone: received 'Berlin'"),
        ({"zone": "../etc/passwd"}, "zone: received"),
        ({"date_format": "dayfirst"}, "did you mean 'day-first'"),
        ({"duplicates": "newest"}, "duplicates: received 'newest'"),
        ({"doubtful": "drop"}, "doubtful: received 'drop'"),
        ({"decimal": ","}, "decimal: received ','"),
        ({"volume": "usd"}, "volume: received 'usd'"),
        ({"limit": 2}, "limit: received 2; write a number >= 0 and <= 1"),
        ({"keep_newest": "no"}, "keep_newest: received 'no'"),
        ({"zones": "UTC"}, "unknown field of Choices 'zones': did you mean 'zone'"),
    ],
)
def test_choices_are_checked(given: dict[str, Any], part: str) -> None:
    with pytest.raises(InputError) as caught:
        Choices(**given)
    assert part in str(caught.value)


def test_a_naive_now_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a time without a zone"):
        bring_in(table(tmp_path, TRUE, ISO), now=pd.Timestamp("2030-01-01"))


# what a reader loses


def test_a_quotation_mark_that_is_never_closed_takes_no_row_with_it(tmp_path: Path) -> None:
    lines = [f"{ISO(when)},{numbers(row)}" for when, row in rows(TRUE)]
    head = "timestamp,open,high,low,close,volume\n"
    lines[50] = f'"{lines[50]}'
    sentence = refused(written(tmp_path, "BTCUSDT.csv", lines, head))
    assert "line 52: received a quotation mark that nothing closes; correct that line." in sentence
    lines[50] = lines[50][1:].replace(",", ',"', 1)
    assert "line 52: received" in refused(written(tmp_path, "BTCUSDT.csv", ["", *lines[:50], *lines[50:]][1:], head))
    lines[50] = lines[50].replace('"', "").replace(" ", "\r", 1)
    assert "line 52: received a line's end within it" in refused(written(tmp_path, "BTCUSDT.csv", lines, head))


@given(st.lists(st.sampled_from(['"', ",", "\n", "1", "\r", ";", " ", "x"]), max_size=12), st.integers(0, 95))
def test_every_line_becomes_a_row_or_the_file_is_refused(
    tmp_path_factory: pytest.TempPathFactory, odd: list[str], place: int
) -> None:
    lines = [f"{ISO(when)},{numbers(row)}" for when, row in rows(TRUE)]
    lines[place] += "".join(odd)
    path = written(tmp_path_factory.mktemp("odd"), "BTCUSDT.csv", lines, "timestamp,open,high,low,close,volume\n")
    try:
        found = brought(path)
    except DataError:
        return
    content = re.sub(rb"\r+\n", b"\n", path.read_bytes())
    assert found.rows == sum(map(bool, content.split(b"\n"))) - 1
    assert len(found.bars) + len(found.set_aside) == found.rows
    assert len(found.bars) >= 95


@pytest.mark.parametrize("mark", ["\x85", "\u2028", "\x0c", "\x1e", "\r", "\v"])
def test_marks_in_a_banner_end_no_line(tmp_path: Path, mark: str) -> None:
    lines = [f"{ISO(when)},{numbers(row)}" for when, row in rows(TRUE)]
    found = brought(
        written(tmp_path, "BTCUSDT.csv", lines, f"from{mark}somewhere\ntimestamp,open,high,low,close,volume\n")
    )
    assert same(found.bars, TRUE)
    assert said(found)["format"].startswith("text separated by commas, header in line 2")


def test_a_header_below_many_lines(tmp_path: Path) -> None:
    lines = [f"{ISO(when)},{numbers(row)}" for when, row in rows(TRUE)]
    banner = "".join(f"line {number} of a banner\n" for number in range(30))
    found = brought(written(tmp_path, "BTCUSDT.csv", lines, f"{banner}timestamp,open,high,low,close,volume\n"))
    assert same(found.bars, TRUE)


def test_a_comma_behind_each_row_is_no_field(tmp_path: Path) -> None:
    head = "timestamp,open,high,low,close,volume\n"
    lines = [f"{ISO(when)},{numbers(row)}" for when, row in rows(TRUE)]
    found = brought(written(tmp_path, "BTCUSDT.csv", [f"{line}," for line in lines], head))
    assert same(found.bars, TRUE)
    mixed = ["", *(f"{line}, " if place % 3 else line for place, line in enumerate(lines)), "a,b", lines[3]]
    found = brought(written(tmp_path, "BTCUSDT.csv", mixed, head))
    assert same(found.bars, TRUE)
    assert found.counts == {"unreadable": 1, "duplicate": 1}
    assert list(found.set_aside["row"]) == [99, 100]


def test_rows_that_all_have_other_fields_than_the_header(tmp_path: Path) -> None:
    head = "timestamp,open,high,low,close,volume\n"
    lines = [f"{ISO(when)},{numbers(row)}" for when, row in rows(TRUE)]
    more = written(tmp_path, "BTCUSDT.csv", [f"{line},1" for line in lines], head)
    assert "received rows of 7 fields below 6 names, first line 2; give each row a field" in refused(more)
    less = written(tmp_path, "BTCUSDT.csv", [line.rsplit(",", 1)[0] for line in lines], head)
    assert "received rows of 5 fields below 6 names, first line 2" in refused(less)


@pytest.mark.parametrize("date", [(1980, 0, 0), (2020, 13, 1), (2020, 2, 31)])
def test_an_entry_without_a_date(tmp_path: Path, date: tuple[int, int, int]) -> None:
    path = files.binance_zip(tmp_path, TRUE)
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02") + 14
    content[place : place + 2] = ((date[0] - 1980) << 9 | date[1] << 5 | date[2]).to_bytes(2, "little")
    path.write_bytes(content)
    assert same(bring_in(path, now=NOW).bars, TRUE)


@pytest.mark.parametrize(("entry", "file", "kept"), [(2, 2, True), (0, 2, False), (2, 0, False)])
def test_an_entry_is_as_old_as_it_and_its_archive_say(tmp_path: Path, entry: int, file: int, kept: bool) -> None:
    """Whole days; the newest bar is closed where both were written after it."""
    end = TRUE.index[-1] + pd.Timedelta("1h")
    path = tmp_path / "BTCUSDT.zip"
    info = zipfile.ZipInfo("BTCUSDT.csv", (end + pd.Timedelta(hours=entry - 1)).timetuple()[:6])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, table(tmp_path, TRUE, ISO).read_text())
    written_at = (end + pd.Timedelta(hours=file - 1)).value
    os.utime(path, ns=(written_at, written_at))
    assert (bring_in(path, now=NOW).counts == {}) is kept


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"a" * 200_000, "columns: received no line that names open, high, low and close, first 'aaaa"),
        ("time,open,high,low,close\n".encode("utf-16-le"), "received what looks binary and not like text; unpack it"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "received what looks binary"),
        (b"time,open,high,low,close,close,volume\n", "received 'close' and 'close'; rename one of them."),
    ],
)
def test_texts_that_are_no_tables(tmp_path: Path, content: bytes, part: str) -> None:
    (tmp_path / "BTCUSDT.csv").write_bytes(content)
    assert part in refused(tmp_path / "BTCUSDT.csv")


def test_a_file_in_utf_32(tmp_path: Path) -> None:
    path = table(tmp_path, TRUE, ISO)
    path.write_bytes(path.read_text().encode("utf-32"))
    assert same(brought(path).bars, TRUE)


def test_parquet_of_kinds_that_are_no_times(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = pa.Table.from_pandas(TRUE.frame().reset_index(), preserve_index=False)
    path = tmp_path / "BTCUSDT.parquet"
    for values in ([b"\xff\xfe"] * 96, [{"a": 1}] * 96, [[1]] * 96, [True] * 96):
        pq.write_table(content.set_column(0, "timestamp", pa.array(values)), path)
        assert "in the first row, no time; name the column" in refused(path)
    pq.write_table(content.append_column("timestamp", content["timestamp"]), path)
    assert "column 'timestamp': received it twice; keep one." in refused(path)
    pq.write_table(content.append_column("symbol", pa.array([["BTCUSDT"]] * 96)), path)
    assert "received BTC/USDT by the file's name and ['BTCUSDT'] in its column" in refused(path)
    pq.write_table(content.select(["timestamp"]).append_column("funding_rate", pa.array([0.1] * 96)), path)
    assert "columns: received timestamp, funding_rate; give a file with open, high, low and close." in refused(path)


def test_money_of_coinmarketcap_must_be_settled_too(tmp_path: Path) -> None:
    lines = [f"{when:%Y-%m-%d} 23:59:59,{numbers(row)},5" for when, row in rows(DAYS)]
    path = written(tmp_path, "BTC-USD.csv", lines, "Date,Open,High,Low,Close,Volume,Marketcap\n")
    assert "volume: received 'Volume' of CoinMarketCap, which counts money and not coins" in refused(path)


def test_the_volume_of_another_coin_is_not_the_bases(tmp_path: Path) -> None:
    lines = [f"{ISO(when)},{numbers(row)}" for when, row in rows(TRUE)]
    head = "timestamp,open,high,low,close,Volume USD\n"
    assert "volume: received 'Volume USD', which counts money" in refused(
        written(tmp_path, "plain.csv", lines, head), symbol="BTC/USDT"
    )
    for coin, symbol in (("BTC", "BTC/USDT"), ("DOT", "DOT/USDT")):
        path = written(tmp_path, "plain.csv", lines, head.replace("USD", coin))
        assert np.array_equal(brought(path, symbol=symbol).bars.volume, TRUE.volume)
    # of whose market is not known yet: BTC may be the quote, DOT is none
    lines = [f"{line},{symbol}" for line in lines for symbol in ("ETH/BTC",)]
    path = written(tmp_path, "plain.csv", lines, "timestamp,open,high,low,close,Volume BTC,ticker\n")
    assert "'Volume BTC', which counts money" in refused(path)
    path = written(tmp_path, "plain.csv", lines, "timestamp,open,high,low,close,Volume ETH,pair\n")
    assert "'Volume ETH', which counts money" in refused(path)
    path = written(tmp_path, "plain.csv", lines, "timestamp,open,high,low,close,Volume DOT,pair\n")
    assert np.array_equal(brought(path).bars.volume, TRUE.volume)


# files that cryptolab wrote


def exported(folder: Path, bars: Bars, name: str = "out.parquet", exchange: str | None = "kraken") -> Path:
    write(bars, folder / name, exchange=exchange)
    return folder / name


def test_what_was_exported_says_what_it_is(tmp_path: Path) -> None:
    bars = TRUE[:31]
    found = bring_in(exported(tmp_path, bars), now=NOW)
    assert same(found.bars, bars)
    assert found.counts == {}
    assert (found.bars.timeframe, found.exchange) == ("1h", "kraken")
    assert said(found)["symbol"] == "BTC/USDT, written by cryptolab"
    assert said(found)["exchange"] == "kraken, written by cryptolab"
    assert bring_in(exported(tmp_path, bars, "plain.parquet", None), now=NOW).exchange == "binance"
    one = bring_in(exported(tmp_path, TRUE[:1], "one.parquet"), now=NOW)
    assert same(one.bars, TRUE[:1])
    assert said(one)["timeframe"] == "1h, written by cryptolab"


def test_what_contradicts_an_exported_file_is_refused(tmp_path: Path) -> None:
    path = exported(tmp_path, TRUE)
    assert "symbol: received ETH/USDT given and BTC/USDT written by cryptolab" in refused(path, symbol="ETH/USDT")
    assert "exchange: received 'okx' for a file of kraken" in refused(path, exchange="okx")
    assert "timeframe: received '4h' for rows that are 1h apart" in refused(path, timeframe="4h")
    assert "1h (given) and 4h written by cryptolab" in refused(_with_stamp(path, timeframe="4h"), timeframe="1h")
    assert "received BTC/USDT written by cryptolab and ETH/USDT by the file's name" in refused(
        exported(tmp_path, TRUE, "ETHUSDT.parquet")
    )


def _with_stamp(path: Path, **changed: Any) -> Path:
    import pyarrow.parquet as pq

    content = pq.read_table(path)
    said_so = json.loads(content.schema.metadata[b"cryptolab"]) | changed
    pq.write_table(content.replace_schema_metadata({"cryptolab": json.dumps(said_so)}), path)
    return path


def test_only_bars_that_were_closed_when_exported_are_kept(tmp_path: Path) -> None:
    path = exported(tmp_path, TRUE[:31])
    until = TRUE.time[30] + TRUE.interval
    assert bring_in(_with_stamp(path, closed_until=int(until)), now=NOW).counts == {}
    counts = {"newest, may be forming": 1}
    assert bring_in(_with_stamp(path, closed_until=int(until) - 1), now=NOW).counts == counts
    assert bring_in(_with_stamp(path, foreign=1), timeframe="1h", symbol="BTC/USDT", now=NOW).counts == counts


def test_a_bar_that_forms_is_not_said_to_be_closed(tmp_path: Path) -> None:
    now = pd.Timestamp.now("UTC")
    frame = TRUE.frame()
    frame.index = frame.index + (now.floor("h") - frame.index[-1])
    path = exported(tmp_path, Bars.from_frame(frame, "BTC/USDT", "1h"))
    assert bring_in(path, now=now).counts == {"still forming": 1}
    assert bring_in(path, now=NOW).counts == {"newest, may be forming": 1}
