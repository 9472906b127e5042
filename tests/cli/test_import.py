"""`cryptolab import` as a user meets it: what it shows, what it stores, and what it says when it does not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cryptolab.cli.refusals import IMPORT, translated
from cryptolab.database import DuckDBManager
from cryptolab.errors import DataError
from tests.cli.calls import on_a_terminal, sentence
from tests.database import importing_files as files
from tests.database.importing_files import numbers, rows, table, written

Called = Callable[..., subprocess.CompletedProcess[str]]

TRUE = files.market(48)
ISO = "{:%Y-%m-%d %H:%M}".format


def stored(symbol: str = "BTC/USDT", timeframe: str = "1h", **given: Any) -> pd.DataFrame:
    return DuckDBManager.at_home().load_ohlcv(symbol, timeframe, **given)


def contradicting(folder: Path) -> Path:
    """A file of CryptoDataDownload in which one hour stands twice with different numbers."""
    path = files.cdd(folder, TRUE)
    when, row = rows(TRUE)[5]
    with path.open("a") as file:
        file.write(files.cdd_old(when, row._replace(open=row.open + 7, high=row.high + 7)) + "\n")
    return path


def test_an_archive_of_binance(called: Called, tmp_path: Path) -> None:
    path = files.binance_zip(tmp_path, TRUE)
    done = called("import", path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert [line.split(maxsplit=1) for line in done.stdout.splitlines()] == [
        ["what", "understood"],
        ["file", "BTCUSDT-1h-2020-01.zip"],
        ["format", "Binance's public archive: text separated by commas, no header"],
        [
            "columns",
            "open, high, low, close and volume by their names; not used: quote_volume, count, taker_buy_volume,"
            " taker_buy_quote_volume, ignore",
        ],
        ["time", "open_time: epoch numbers in ms"],
        ["zone", "UTC: epoch numbers count from it"],
        ["order", "oldest first"],
        ["symbol", "BTC/USDT, by the file's name"],
        ["exchange", "binance, by the file's format"],
        ["timeframe", "1h, the usual distance of its rows"],
        ["rows", "48"],
        ["bars", "48, 2020-01-01 00:00 to 2020-01-02 23:00 UTC, 0 missing between"],
        ["binance", "BTC/USDT 1h: 48 new, 0 revised, 0 as they were"],
    ]
    pd.testing.assert_frame_equal(stored(), TRUE.frame(), check_freq=False)
    assert called("import", path).stdout.splitlines()[-1] == "binance BTC/USDT 1h: 0 new, 0 revised, 48 as they were"


def test_what_is_set_aside_is_shown_with_the_reason(called: Called, tmp_path: Path) -> None:
    lines = [f"{ISO(when)},{numbers(row)}" for when, row in rows(TRUE)]
    lines[30] = lines[30].replace(":00", ":28")
    lines[47] = lines[46]
    path = written(tmp_path, "BTCUSDT.csv", lines, "date,open,high,low,close,volume\n")
    done = called("import", path)
    assert done.returncode == 0, done.stderr
    shown = done.stdout.split("set aside")[1].splitlines()
    assert [" ".join(line.split()) for line in shown] == [
        "rows first in because",
        "off the grid 1 2020-01-02 06:28 line 32 00:28:00 past it",
        "duplicate 1 2020-01-02 22:00 line 49 -",
        "newest, may be forming 1 2020-01-02 22:00 line 48 nothing shows that it was closed when the file was written",
        "binance BTC/USDT 1h: 45 new, 0 revised, 0 as they were",
    ]
    assert "zone UTC, assumed: the file names none (say --zone ... where it is another)" in " ".join(
        done.stdout.split()
    )
    assert len(stored()) == 45


def test_a_newer_file_revises_what_differs(called: Called, tmp_path: Path) -> None:
    called("import", files.binance_zip(tmp_path, TRUE))
    frame = TRUE.frame()
    frame.iloc[3, 4] += 1
    path = files.binance_zip(tmp_path, type(TRUE).from_frame(frame, "BTC/USDT", "1h"), "BTCUSDT-1h-2020-01.zip")
    done = called("import", path)
    assert done.stdout.splitlines()[-1] == "binance BTC/USDT 1h: 0 new, 1 revised, 47 as they were"


def revised(folder: Path, by: float, name: str = "BTCUSDT-1h-2020-01.zip", **given: Any) -> Path:
    """Binance's archive of the same hours with other volumes."""
    frame = TRUE.frame()
    frame["volume"] += by
    return files.binance_zip(folder, type(TRUE).from_frame(frame, "BTC/USDT", "1h"), name, **given)


def test_many_bars_that_are_stored_otherwise_are_refused_until_that_is_said(called: Called, tmp_path: Path) -> None:
    called("import", files.binance_zip(tmp_path, TRUE))
    path = revised(tmp_path, 1.0)
    for more in ((), ("--dry-run",)):
        said = sentence(called("import", path, *more), 1)
        assert "BTCUSDT-1h-2020-01.zip: received 48 of 48 bars that are stored with other numbers, the first" in said
        assert said.endswith("are right, then say --revise to store these.")
    pd.testing.assert_frame_equal(stored(), TRUE.frame(), check_freq=False)
    other = files.binance_zip(tmp_path, files.market(24, symbol="ETH/USDT"), "ETHUSDT-1h-2020-01.zip")
    done = called("import", path, other, "--keep-going")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "binance ETH/USDT 1h: 24 new, 0 revised, 0 as they were"
    done = called("import", path, "--revise")
    assert done.stdout.splitlines()[-1] == "binance BTC/USDT 1h: 0 new, 48 revised, 0 as they were"


def test_a_coarser_file_leaves_the_stored_bars_as_they_are(called: Called, tmp_path: Path) -> None:
    called("import", files.binance_zip(tmp_path, TRUE[:40]))
    coarse = files.cdd(tmp_path, TRUE[:1], TRUE)
    done = called("import", coarse, "--keep-newest")
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last == "binance BTC/USDT 1h: 8 new, 0 revised, 1 as they were, 39 left as they are: stored with more digits"
    pd.testing.assert_frame_equal(stored().iloc[:40], TRUE.frame().iloc[:40], check_freq=False)
    (one,) = json.loads(called("import", coarse, "--keep-newest", "--json").stdout)["imported"]
    assert one["saved"] == {"added": 0, "unchanged": 9, "revised": 0, "finer": 39}
    whole = files.cdd(tmp_path, TRUE[:1], TRUE[1:40])
    dry = called("import", whole, "--keep-newest", "--dry-run").stdout.splitlines()[-1]
    assert dry == "binance BTC/USDT 1h: 1 bar would be stored, 39 left as they are: stored with more digits"


def test_where_the_disk_fails_what_was_stored_before_is_said(
    called: Called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = DuckDBManager.save_ohlcv

    def full(self: DuckDBManager, df: Any, **given: Any) -> Any:
        if df.symbol == "ETH/USDT":
            raise DataError("ETH/USDT 1h on binance: received 'No space left on device'; make room.")
        return save(self, df, **given)

    monkeypatch.setattr(DuckDBManager, "save_ohlcv", full)
    paths = [
        files.binance_zip(tmp_path, files.market(24, symbol=f"{coin}/USDT"), f"{coin}USDT-1h-2020-01.zip")
        for coin in ("BTC", "ETH", "SOL")
    ]
    done = called("import", *paths)
    assert done.returncode == 1
    assert done.stderr.endswith("'No space left on device'; make room; stored before that: binance BTC/USDT 1h.\n")
    assert "binance BTC/USDT 1h: 24 new" in done.stdout
    done = called("import", *paths, "--json")
    assert done.returncode == 1
    assert [one["symbol"] for one in json.loads(done.stdout)["imported"]] == ["BTC/USDT"]


def test_tables_of_several_markets_stand_apart(called: Called, tmp_path: Path) -> None:
    paths = [
        files.binance_zip(tmp_path, files.market(24, symbol=f"{coin}/USDT"), f"{coin}USDT-1h-2020-01.zip")
        for coin in ("BTC", "ETH")
    ]
    lines = called("import", *paths).stdout.splitlines()
    place = lines.index("binance BTC/USDT 1h: 24 new, 0 revised, 0 as they were")
    assert lines[place + 1] == ""
    assert lines[place + 2].split() == ["what", "understood"]


def test_where_all_are_refused_there_are_no_others(called: Called, tmp_path: Path) -> None:
    bad = [written(tmp_path, f"{coin}USDT.csv", ["x"]) for coin in ("BTC", "ETH")]
    done = called("import", *bad)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "cryptolab: nothing is stored: 2 refused of 2 files."


def test_an_exported_file_comes_back_with_its_newest_bar(called: Called, tmp_path: Path) -> None:
    DuckDBManager.at_home().save_ohlcv(TRUE[:31], exchange="kraken")
    name, text = tmp_path / "out.parquet", tmp_path / "BTCUSDT.csv"
    done = called("data", "export", "BTC/USDT", "1h", name, "--exchange", "Kraken")
    assert "--keep-newest" not in done.stdout
    done = called("data", "export", "BTC/USDT", "1h", text, "--exchange", "kraken")
    assert done.stdout.endswith("; its newest bar is closed: import it with --keep-newest\n")
    done = called("import", name)
    assert done.stdout.splitlines()[-1] == "kraken BTC/USDT 1h: 0 new, 0 revised, 31 as they were"
    done = called("import", text, "--exchange", "kraken", "--keep-newest")
    assert done.stdout.splitlines()[-1] == "kraken BTC/USDT 1h: 0 new, 0 revised, 31 as they were"


def test_a_refusal_is_one_sentence_and_one_and_stores_nothing(called: Called, tmp_path: Path) -> None:
    path = contradicting(tmp_path)
    said = sentence(called("import", path), 1)
    row = rows(TRUE)[5][1]
    assert said == (
        "cryptolab: Binance_BTCUSDT_1h.csv: received a bar more than once and with different numbers, 2020-01-01 05:00:"
        f" open {row.open!r} in line 45, {round(row.open + 7, 2)!r} in line 51; say which to take: --duplicates finest"
        " (the one written with more digits), first, last, or none."
    )
    assert DuckDBManager.at_home().datasets().empty
    done = called("import", path, "--duplicates", "finest", "--keep-newest")
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(stored(), TRUE.frame(), check_freq=False)


def test_one_refused_file_stops_the_others_unless_asked(called: Called, tmp_path: Path) -> None:
    good = files.binance_zip(tmp_path, files.market(24, symbol="ETH/USDT"), "ETHUSDT-1h-2020-01.zip")
    bad = contradicting(tmp_path)
    done = called("import", good, bad)
    assert done.returncode == 1
    assert done.stdout == ""
    first, last = done.stderr.splitlines()
    assert first.startswith("cryptolab: Binance_BTCUSDT_1h.csv: received a bar more than once")
    assert last == "cryptolab: nothing is stored: 1 refused of 2 files; --keep-going stores the others."
    assert DuckDBManager.at_home().datasets().empty
    done = called("import", good, bad, "--keep-going")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "binance ETH/USDT 1h: 24 new, 0 revised, 0 as they were"
    (line,) = done.stderr.splitlines()
    assert line == first
    assert list(DuckDBManager.at_home().datasets()["symbol"]) == ["ETH/USDT"]


def test_a_dry_run_stores_nothing(called: Called, tmp_path: Path) -> None:
    done = called("import", files.binance_zip(tmp_path, TRUE), "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "binance BTC/USDT 1h: 48 bars would be stored"
    assert DuckDBManager.at_home().datasets().empty


def test_json(called: Called, tmp_path: Path) -> None:
    path = table(tmp_path, TRUE[:40], ISO)
    bad = written(tmp_path, "SOLUSDT.csv", ["x"])
    done = called("import", path, bad, "--keep-going", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    (one,) = found["imported"]
    assert (one["files"], one["symbol"], one["timeframe"], one["exchange"]) == (
        ["BTCUSDT.csv"], "BTC/USDT", "1h", "binance",
    )  # fmt: skip
    assert (one["bars"], one["start"], one["end"]) == (39, "2020-01-01T00:00:00+00:00", "2020-01-02T14:00:00+00:00")
    assert one["saved"] == {"added": 39, "unchanged": 0, "revised": 0, "finer": 0}
    assert {"what": "time", "found": "timestamp: dates"} in one["understood"]
    (aside,) = one["set_aside"]
    assert (aside["reason"], aside["rows"]) == ("newest, may be forming", 1)
    row = rows(TRUE)[39][1]
    assert aside["first"] == [
        {
            "file": "BTCUSDT.csv", "row": 41, "time": "2020-01-02T15:00:00+00:00",
            "detail": "nothing shows that it was closed when the file was written", **row._asdict(),
        }
    ]  # fmt: skip
    assert list(found["refused"]) == [str(bad)]
    unread = written(tmp_path, "BTCUSDT.csv", ["x", *(f"{ISO(when)},{numbers(row)}" for when, row in rows(TRUE))],
                     "date,open,high,low,close,volume\n")  # fmt: skip
    (one,) = json.loads(called("import", unread, "--json", "--dry-run").stdout)["imported"]
    assert one["saved"] is None
    assert one["set_aside"][0]["first"][0]["time"] is None
    assert one["set_aside"][0]["first"][0]["open"] is None


def test_options_settle_what_a_file_leaves_open(called: Called, tmp_path: Path) -> None:
    head = "when;local time;px1;high;low;close;volume\n"
    lines = []
    for when, row in rows(TRUE):
        local = when.tz_convert("Asia/Tokyo")
        lines.append(f"{local:%m/%d/%Y};{local:%d/%m/%Y %H:%M};{numbers(row, ';')}".replace(".", ","))
    path = written(tmp_path, "prices.csv", lines, head)
    done = called(
        "import", path, "--symbol", "btc-usdt", "--timeframe", "1h", "--exchange", "Kraken", "--zone", "Asia/Tokyo",
        "--date-format", "day-first", "--decimal", "comma", "--column", "open=px1", "--column", "time=local time",
        "--volume", "base", "--doubtful", "keep", "--keep-newest", "--limit", "0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(stored(exchange="kraken"), TRUE.frame(), check_freq=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "FILE"),
        (("nowhere.csv",), "FILE: received"),
        (("{good}", "--timeframe", "1hour"), "--timeframe: received '1hour'; did you mean '1h'"),
        (("{good}", "--zone", "Berlin"), "--zone: received 'Berlin'"),
        (("{good}", "--duplicates", "newest"), "--duplicates: received 'newest'"),
        (("{good}", "--column", "open"), "--column: received 'open'; write ROLE=COLUMN"),
        (("{good}", "--column", "opne=px"), "did you mean 'open'"),
        (("{good}", "--limit", "5"), "--limit: received 5"),
        (("{good}", "--symbol", " "), "--symbol: received ' '"),
        (("{good}", "--symbol", "BTC"), "--symbol: received 'BTC'; write BASE/QUOTE"),
        (("{good}", "--exchange", "a b", "--dry-run"), "--exchange: received 'a b'; write its name in letters"),
    ],
)
def test_wrong_use_is_two_and_stores_nothing(
    called: Called, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    good = files.binance_zip(tmp_path, TRUE)
    done = called("import", *(word.format(good=good) for word in arguments))
    assert said in sentence(done, 2)
    assert DuckDBManager.at_home().datasets().empty


def test_on_a_terminal_tables_are_drawn(home: Path, tmp_path: Path) -> None:
    code, shown = on_a_terminal("import", str(table(tmp_path, TRUE[:40], ISO)), "--dry-run")
    assert code == 0
    assert "┃" in shown
    assert max(map(len, shown.splitlines())) < 400  # escapes included: nothing is wider than the screen and cut
    assert "39 bars would be stored" in shown


@pytest.mark.parametrize(
    ("python", "shell"),
    [
        ("say duplicates='finest' (x), first", "say --duplicates finest (x), first"),
        (
            "columns={'time': 'unix'} or columns={'time': 'Open time'}",
            '--column time=unix or --column "time=Open time"',
        ),
        ("say date_format='day-first' or limit=0.05 to", "say --date-format day-first or --limit 0.05 to"),
        ("or say keep_newest=True if", "or say --keep-newest if"),
        ("name it: timeframe= 1m | 3m", "name it: --timeframe 1m | 3m"),
        ("or say revise=True to store these", "or say --revise to store these"),
        ("say which: columns={'volume': 'NAME'}", "say which: --column volume=NAME"),
        ("say which: columns={'symbol': \"day's\"} or zone='UTC'", "say which: --column symbol=day's or --zone UTC"),
        ("its format: date_format='%Y/%m/%d %H:%M'.", 'its format: --date-format "%Y/%m/%d %H:%M".'),
        ("limit: received 5; write less", "--limit: received 5; write less"),
        ("file: received x; check it", "FILE: received x; check it"),
        ("volume = Vol.; time = date", "volume = Vol.; time = date"),
    ],
)
def test_sentences_speak_of_options(python: str, shell: str) -> None:
    assert translated(python, IMPORT) == shell
