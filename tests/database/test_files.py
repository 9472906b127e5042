"""`read`: clean files become the bars they hold, anything else is refused in one sentence that names the file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptolab.bars import COLUMNS, TIMEFRAMES, Bars
from cryptolab.data_fetchers import simulate
from cryptolab.database import read
from cryptolab.errors import DataError, InputError
from tests.conftest import REAL_DATA

MARKET = simulate(48, seed=3, symbol="BTC/USDT")
UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
SAMPLES = {
    "iso Z": "%Y-%m-%dT%H:%M:%SZ",
    "offset": "%Y-%m-%d %H:%M:%S+00:00",
    "short offset": "%Y-%m-%dT%H:%M:%S+0000",
    "named": "%Y-%m-%d %H:%M:%S UTC",
    "minutes": "%Y-%m-%dT%H:%MZ",
    "fraction": "%Y-%m-%dT%H:%M:%S.000000Z",
}


def table(times: Any, **columns: Any) -> pd.DataFrame:
    """The market's rows with `times` as the column timestamp and the given columns in place of its own."""
    frame = MARKET.frame().reset_index(drop=True)
    for name, values in columns.items():
        frame[name] = values
    frame.insert(0, "timestamp", times)
    return frame


def csv_file(folder: Path, frame: pd.DataFrame | str, name: str = "bars.csv") -> Path:
    path = folder / name
    text = frame if isinstance(frame, str) else frame.to_csv(index=False)
    path.write_bytes(text.encode())
    return path


def parquet_file(folder: Path, frame: pd.DataFrame, name: str = "bars.parquet", index: bool = False) -> Path:
    path = folder / name
    frame.to_parquet(path, index=index)
    return path


def same(bars: Bars, symbol: str = "BTC/USDT") -> bool:
    return bars.fingerprint == simulate(48, seed=3, symbol=symbol).fingerprint


ISO = MARKET.index.strftime(SAMPLES["iso Z"])

# what is read


@pytest.mark.parametrize("name", SAMPLES)
def test_csv_with_iso_times(tmp_path: Path, name: str) -> None:
    assert same(read(csv_file(tmp_path, table(MARKET.index.strftime(SAMPLES[name]))), "BTC/USDT"))


@pytest.mark.parametrize("zone", ["+02:00", "-0530", "+14"])
def test_times_of_another_zone_are_turned_into_utc(tmp_path: Path, zone: str) -> None:
    hours = {"+02:00": 2.0, "-0530": -5.5, "+14": 14.0}[zone]
    local = (MARKET.index + pd.Timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M:%S") + zone
    assert same(read(csv_file(tmp_path, table(local)), "BTC/USDT"))


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_epoch_numbers_tell_their_unit(tmp_path: Path, unit: str, kind: str) -> None:
    frame = table(MARKET.time // UNITS[unit])
    path = csv_file(tmp_path, frame) if kind == "csv" else parquet_file(tmp_path, frame)
    assert same(read(path, "BTC/USDT"))


@given(
    st.integers(10**8 + 60, 9 * 10**9).map(lambda second: second - second % 60),
    st.sampled_from(list(UNITS)),
    st.integers(1, 5),
)
def test_any_epoch_from_1973_to_2255_is_read_as_written(
    tmp_path_factory: pytest.TempPathFactory, first: int, unit: str, rows: int
) -> None:
    opens = (first + 60 * np.arange(rows)) * 10**9 // UNITS[unit]
    text = "time,open,high,low,close,volume\n" + "".join(f"{when},1,2,0.5,1.5,3\n" for when in opens)
    bars = read(csv_file(tmp_path_factory.mktemp("epoch"), text), timeframe="1m")
    assert bars.time.tolist() == [(first + 60 * row) * 10**9 for row in range(rows)]


@pytest.mark.parametrize("name", ["timestamp", "TIME", "Date", "datetime", "open_time", "Open time", "Open Time"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_time_column_has_one_of_five_names_in_any_case(tmp_path: Path, name: str, kind: str) -> None:
    frame = table(ISO).rename(columns={"timestamp": name})
    path = csv_file(tmp_path, frame) if kind == "csv" else parquet_file(tmp_path, frame)
    assert same(read(path, "BTC/USDT"))


def test_letter_case_order_spaces_and_further_columns_do_not_matter(tmp_path: Path) -> None:
    frame = table(ISO)[["volume", "close", "low", "timestamp", "high", "open"]]
    frame.columns = ["Volume", " CLOSE", "Low ", "Timestamp", "High", "Open"]
    frame.insert(0, "trades", 5)
    frame["note"] = "n/a, or not"
    assert same(read(csv_file(tmp_path, frame), "BTC/USDT"))
    assert same(read(parquet_file(tmp_path, frame), "BTC/USDT"))


@pytest.mark.parametrize("extension", [".CSV", ".Csv"])
def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path, extension: str) -> None:
    text = table(ISO).to_csv(index=False).replace("\n", "\r\n")
    path = csv_file(tmp_path, "\ufeff" + text, f"bars{extension}")
    assert same(read(path, "BTC/USDT"))


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("zone", ["UTC", "+03:00", "Asia/Tokyo"])
def test_parquet_timestamps_of_any_unit_and_zone(tmp_path: Path, unit: str, zone: str) -> None:
    frame = table(MARKET.index.as_unit(unit).tz_convert(zone))
    assert same(read(parquet_file(tmp_path, frame), "BTC/USDT"))


@pytest.mark.parametrize("name", ["timestamp", None, "when"])
def test_a_datetime_index_that_pandas_stored(tmp_path: Path, name: str | None) -> None:
    path = parquet_file(tmp_path, MARKET.frame().rename_axis(index=name), index=True)
    assert same(read(path, "BTC/USDT"))


def test_the_stored_index_goes_before_a_column(tmp_path: Path) -> None:
    frame = MARKET.frame()
    frame["date"] = "last Tuesday"
    assert same(read(parquet_file(tmp_path, frame, index=True), "BTC/USDT"))


def test_several_row_groups_and_other_number_types(tmp_path: Path) -> None:
    frame = table(MARKET.index, volume=np.arange(48))
    fields = pa.Table.from_pandas(frame, preserve_index=False)
    fields = fields.set_column(1, "open", fields["open"].cast(pa.decimal128(20, 8)))
    path = tmp_path / "bars.parquet"
    pq.write_table(fields, path, row_group_size=7)
    bars = read(path)
    assert np.array_equal(bars.open, MARKET.open)
    assert np.array_equal(bars.volume, np.arange(48))
    assert bars.volume.dtype == np.float64


def test_times_as_dictionary_of_text(tmp_path: Path) -> None:
    assert same(read(parquet_file(tmp_path, table(pd.Categorical(ISO))), "BTC/USDT"))


@pytest.mark.parametrize("nothing", ["", "NaN", "null", "NA"])
def test_rows_without_prices_are_rows_without_bars(tmp_path: Path, nothing: str) -> None:
    lines = table(ISO).to_csv(index=False).splitlines()
    lines[5] = f"{ISO[4]},{nothing},{nothing},{nothing},{nothing},{nothing}"
    bars = read(csv_file(tmp_path, "\n".join(lines)))
    assert len(bars.rows) == 48
    assert len(bars) == 47
    assert 4 not in bars.where.tolist()


def test_identity_comes_from_the_arguments(tmp_path: Path) -> None:
    path = parquet_file(tmp_path, table(MARKET.index), "Binance BTC.parquet")
    bars = read(path)
    assert (bars.symbol, bars.timeframe, bars.source) == ("unknown", "1h", "Binance BTC.parquet")
    bars = read(str(path), symbol="btcusdt", timeframe="30m")
    assert (bars.symbol, bars.timeframe) == ("BTC/USDT", "30m")


def test_a_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    csv_file(tmp_path, table(ISO))
    assert same(read("~/bars.csv", "BTC/USDT"))


@given(
    timeframe=st.sampled_from(list(TIMEFRAMES)),
    length=st.integers(2, 60),
    seed=st.integers(0, 1000),
    price=st.floats(1e-6, 1e8),
    kind=st.sampled_from(["csv", "parquet"]),
)
def test_what_was_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, timeframe: str, length: int, seed: int, price: float, kind: str
) -> None:
    bars = simulate(length, timeframe, seed, price=price)
    frame = bars.frame().rename_axis(index="time").reset_index()
    folder = tmp_path_factory.mktemp("round")
    path = csv_file(folder, frame) if kind == "csv" else parquet_file(folder, frame)
    assert read(path, "SIM/USDT").fingerprint == bars.fingerprint


# what is refused

WANTED = "give a header with a time and open, high, low, close, volume in the first line, separated by commas."
ZONE = "write the zone, as in 2020-01-01T00:00:00Z, or the epoch time in ms."


def changed(row: int, column: str, value: object) -> str:
    frame = table(ISO).astype(object)
    frame.loc[row, column] = value
    return frame.to_csv(index=False)


MIXED = np.where(np.arange(48) < 9, MARKET.time // 10**6, MARKET.time // 10**9)

CSV = {
    "empty": ("", "bars.csv: received an empty file; give one with a header and bars."),
    "blank": ("\n\n", "bars.csv, column 'open': received the columns ; " + WANTED),
    "header alone": (
        "time,open,high,low,close,volume\n",
        "bars.csv: received columns and no rows; give at least one bar.",
    ),
    "no header": (
        "1577836800000,1,2,0.5,1.5,3\n",
        "bars.csv, column 'open': received the columns 1577836800000, 1, 2, 0.5, 1.5, 3; " + WANTED,
    ),
    "banner": (
        "https://www.example.org\ntime,open,high,low,close,volume\n",
        "bars.csv, column 'open': received the columns https://www.example.org; " + WANTED,
    ),
    "semicolons": (
        "time;open;high;low;close;volume\n",
        "bars.csv, column 'open': received the columns time;open;high;low;close;volume; " + WANTED,
    ),
    "missing column": (
        table(ISO).drop(columns="low"),
        "bars.csv, column 'low': received the columns timestamp, open, high, close, volume; " + WANTED,
    ),
    "column twice": (
        table(ISO).assign(Close=1.0),
        "bars.csv, column 'close': received it twice; keep one.",
    ),
    "no time": (
        table(ISO).rename(columns={"timestamp": "when"}),
        "bars.csv, time: received the columns when, open, high, low, close, volume; "
        "name one of them timestamp | time | date | datetime | open_time.",
    ),
    "two times": (
        table(ISO).assign(date=1),
        "bars.csv, time: received the columns timestamp, date; keep the one with the bars' opens.",
    ),
    "naive": (
        table(MARKET.index.strftime("%Y-%m-%d %H:%M:%S")),
        f"bars.csv, column 'timestamp': received times without a zone, first 2020-01-01 00:00:00; {ZONE}",
    ),
    "dates": (
        table(MARKET.index.strftime("%Y-%m-%d")),
        f"bars.csv, column 'timestamp': received times without a zone, first 2020-01-01; {ZONE}",
    ),
    "naive among others": (
        changed(7, "timestamp", "2020-01-01 07:00:00"),
        "bars.csv, column 'timestamp': received '2020-01-01 07:00:00' in row 8, no ISO time with a zone; " + ZONE,
    ),
    "American dates": (
        table(MARKET.index.strftime("%m/%d/%Y %H:%M")),
        "bars.csv, column 'timestamp': received '01/01/2020 00:00' in row 1, no ISO time with a zone; " + ZONE,
    ),
    "no such day": (
        changed(7, "timestamp", "2020-02-31T00:00:00Z"),
        "bars.csv, column 'timestamp': received '2020-02-31T00:00:00Z' in row 8, which no clock shows; correct",
    ),
    "no time in a row": (
        changed(7, "timestamp", None),
        "bars.csv, column 'timestamp': received no time in row 8; leave the row out.",
    ),
    "clock alone": (
        table(MARKET.index.strftime("%H:%M:%S")),
        "bars.csv, column 'timestamp': received time32[s], first datetime.time(0, 0); " + ZONE,
    ),
    "day numbers": (
        table(MARKET.index.strftime("%Y%m%d")),
        "bars.csv, column 'timestamp': received 20200101 in row 1, no epoch time after 1973; write epoch numbers",
    ),
    "two units": (
        table(MIXED),
        "bars.csv, column 'timestamp': received 1577869200 in row 10 after times in ms; write all times in one unit.",
    ),
    "fractions": (
        table(MARKET.time / 1e9 + 0.5),
        "bars.csv, column 'timestamp': received 1577836800.5 in row 1; write whole epoch numbers in s, ms, us or ns.",
    ),
    "far future": (
        table(MARKET.time // 10**9 + 10**10),
        "bars.csv, column 'timestamp': received 11577836800 s in row 1; give times from 1678 to 2262.",
    ),
    "word for a price": (
        changed(7, "high", "n.a."),
        "bars.csv, column 'high': received 'n.a.' at 2020-01-01T07:00:00Z; write a number, 1234.5.",
    ),
    "thousands": (
        changed(9, "volume", "1,234"),
        "bars.csv, column 'volume': received '1,234' at 2020-01-01T09:00:00Z; write a number, 1234.5.",
    ),
    "ragged": (
        table(ISO).to_csv(index=False) + "1,2,3\n",
        "bars.csv: received a file that cannot be read as comma-separated UTF-8 text (CSV parse error",
    ),
    "newest first": (
        table(ISO)[::-1],
        "bars.csv, bar 2020-01-02 22:00:00+00:00: received a bar after 2020-01-02 23:00:00+00:00; sort the rows",
    ),
    "an hour twice": (
        pd.concat([table(ISO)[:5], table(ISO)[4:]]),
        "bars.csv, bar 2020-01-01 04:00:00+00:00: received a duplicate; sort the rows",
    ),
    "high below low": (
        changed(7, "high", 1.0),
        "bars.csv, bar 2020-01-01 07:00:00+00:00: received a high below or a low above one of",
    ),
    "one row": (table(ISO)[:1], "bars.csv, the frame: received one row (2020-01-01 00:00:00+00:00); say timeframe="),
}


@pytest.mark.parametrize("name", CSV)
def test_a_csv_that_is_not_clean_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    content, message = CSV[name]
    with pytest.raises(DataError) as caught:
        read(csv_file(tmp_path, content))
    assert one_sentence(caught.value).startswith(message)


def one_sentence(error: BaseException) -> str:
    """The message, checked: one line, one full stop at its end, no traceback of what was caught on the way."""
    text = str(error)
    assert "\n" not in text
    assert text.endswith(".")
    assert ": received " in text
    assert error.__cause__ is None
    assert error.__suppress_context__
    return text


PARQUET = {
    "naive": (
        table(MARKET.index.tz_localize(None)),
        f"bars.parquet, column 'timestamp': received times without a zone, first 2020-01-01 00:00:00; {ZONE}",
    ),
    "dates": (
        table(MARKET.index.date),
        f"bars.parquet, column 'timestamp': received times without a zone, first 2020-01-01; {ZONE}",
    ),
    "booleans": (table(True), f"bars.parquet, column 'timestamp': received bool, first True; {ZONE}"),
    "no time in a row": (
        table(MARKET.index.where(np.arange(48) != 7)),
        "bars.parquet, column 'timestamp': received no time in row 8; leave the row out.",
    ),
    "no rows": (table(MARKET.index)[:0], "bars.parquet: received columns and no rows; give at least one bar."),
    "text prices": (
        table(MARKET.index, close="7"),
        "bars.parquet, column 'close': received dtype",
    ),
    "missing column": (
        table(MARKET.index).drop(columns="open"),
        "bars.parquet, column 'open': received the columns timestamp, high, low, close, volume; " + WANTED,
    ),
    "infinite": (
        table(MARKET.index, high=np.where(np.arange(48) == 7, np.inf, 1e9)),
        "bars.parquet, bar 2020-01-01 07:00:00+00:00: received an infinite price;",
    ),
}


@pytest.mark.parametrize("name", PARQUET)
def test_a_parquet_file_that_is_not_clean_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    frame, message = PARQUET[name]
    with pytest.raises(DataError) as caught:
        read(parquet_file(tmp_path, frame))
    assert one_sentence(caught.value).startswith(message)


def test_a_file_that_is_no_parquet_or_was_cut_is_refused(tmp_path: Path) -> None:
    whole = parquet_file(tmp_path, table(MARKET.index)).read_bytes()
    contents = {"cut": whole[: len(whole) // 2], "text": b"time,open\n1,2\n", "bytes": bytes(range(256))}
    for name, content in contents.items():
        path = tmp_path / f"{name}.parquet"
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            read(path)
        assert one_sentence(caught.value).startswith(
            f"{name}.parquet: received a file that cannot be read as Parquet ("
        )


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes("time,öpen\n".encode("latin-1"))
    with pytest.raises(DataError) as caught:
        read(path)
    assert one_sentence(caught.value).startswith(
        "bars.csv: received a file that cannot be read as comma-separated UTF-8"
    )


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "bars.xlsx").write_text("x")
    cases: dict[Any, str] = {
        tmp_path / "none.csv": f"file: received {tmp_path / 'none.csv'}, where there is no file; check the path.",
        tmp_path / "folder.csv": f"file: received the folder {tmp_path / 'folder.csv'}; give one file in it.",
        tmp_path / "bars.xlsx": "file: received bars.xlsx; give a file that ends in .parquet or .csv.",
        7: "file: received 7; give the path of a .parquet or .csv file.",
        "": "file: received ''; give the path of a .parquet or .csv file.",
        None: "file: received None; give the path of a .parquet or .csv file.",
    }
    for file, message in cases.items():
        with pytest.raises(DataError) as caught:
            read(file)
        assert one_sentence(caught.value) == message


def test_a_wrong_timeframe_or_symbol_is_an_argument_error(tmp_path: Path) -> None:
    path = csv_file(tmp_path, table(ISO))
    with pytest.raises(InputError, match="timeframe: received '1hour'; did you mean"):
        read(path, timeframe="1hour")
    with pytest.raises(InputError, match="symbol: received 7; write BASE/QUOTE"):
        read(path, symbol=7)  # type: ignore[arg-type]


# the recorded files

CLEAN = {
    "BTCUSDT/1h": 78_013, "BTCUSDT/4h": None, "BTCUSDT/1d": None, "ETHUSDT/1h": 78_013, "ETHUSDT/4h": None,
    "ETHUSDT/1d": None, "SOLUSDT/1h": None, "XRPUSDT/1h": None, "DOGEUSDT/1h": None, "LINKUSDT/1h": None,
}  # fmt: skip


@pytest.mark.real_data
@pytest.mark.parametrize("name", CLEAN)
def test_the_recorded_clean_files_are_read(name: str) -> None:
    path = REAL_DATA / "ohlcv" / f"{name}.parquet"
    bars = read(path, name.split("/")[0])
    frame = pd.read_parquet(path)
    assert bars.timeframe == name.split("/")[1]
    assert len(bars) == len(frame) == (CLEAN[name] or len(frame))
    for column in COLUMNS:
        assert np.array_equal(getattr(bars, column), frame[column].to_numpy())


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ohlcv/BNBUSDT/1h.parquet", "1h.parquet, bar 2018-02-"),
        ("raw/cdd_Binance_BTCUSDT_1h.csv", "cdd_Binance_BTCUSDT_1h.csv, column 'open': received the columns https://"),
        (
            "raw/soneyjohnt_BTCUSDT_1d.csv",
            "soneyjohnt_BTCUSDT_1d.csv, time: received the columns time, timestamp; keep",
        ),
        ("other/BTCUSDT_perp_funding_8h.parquet", "BTCUSDT_perp_funding_8h.parquet, column 'open': received the col"),
    ],
)
def test_the_recorded_dirty_files_are_refused(name: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read(REAL_DATA / name)
    assert one_sentence(caught.value).startswith(message)


@pytest.mark.real_data
def test_a_million_minutes_cost_little_more_than_reading_the_file() -> None:
    path = REAL_DATA / "ohlcv" / "BTCUSDT" / "1m_2021_2022.parquet"

    def seconds(action: Any) -> float:
        begin = time.perf_counter()
        action(path)
        return time.perf_counter() - begin

    read(path)
    pairs = [(seconds(read), seconds(pq.read_table)) for _ in range(7)]
    assert min(ours for ours, _ in pairs) < 2.0 * min(theirs for _, theirs in pairs) + 0.01


@pytest.mark.real_data
def test_a_column_in_one_piece_is_not_copied() -> None:
    bars = read(REAL_DATA / "ohlcv" / "BTCUSDT" / "1h.parquet")
    base = bars.close
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base.base, pa.Buffer | pa.Array | pa.ChunkedArray) or base.base is not None
    assert not bars.close.flags.owndata
