"""Symbols and exchanges, however odd, come back as they were and never lead out of the store; what is refused."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import duckdb
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings

from cryptolab.bars import TIMEFRAMES, symbol_name
from cryptolab.database import DuckDBManager
from cryptolab.errors import DataError, InputError
from tests.database.candles import SYMBOL, candles, opens, refusal, same, store

HOURS = opens("2024-02-28", 60)
FRAME = candles(HOURS, np.arange(1.0, 61.0))


@pytest.fixture
def db(tmp_path: Path) -> DuckDBManager:
    return store(tmp_path)


NAMES = [
    "BTC/USDT:USDT", "1000SHIB/USDT", "ÄÖ/ẞ", "日本/円", "../..", "..", ".", "~/X", "C:\\X", "A%2FB/USDT",
    "%", "A%", "%2E%2E/X", "A+B/C", "A&B=C/D", "O'X/\"Y\"", "A*?[0-9]/B", "NULL", "A\x00B/C",
    "HIVE_DEFAULT_PARTITION", "year=2024/X", ".HIDDEN/X", "A;DROP/X", "$1/X", "{}/X", "😀/USDT",
    "CON/USDT", "İ/ß", "ﬃ/ǰ",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_symbol_comes_back_under_its_name_and_never_leaves_the_folder(db: DuckDBManager, name: str) -> None:
    assert_round_trip(db, name)


@settings(max_examples=settings().max_examples // 2)
@given(st.text(min_size=1, max_size=30))
@example("ŉ/ΐ")
def test_any_symbol_comes_back_or_is_refused(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    db = store(tmp_path_factory.mktemp("names"))
    try:
        db.save_ohlcv(FRAME, name, "1h")
    except InputError as problem:
        if not str(problem).startswith("symbol: received "):
            raise
        return
    assert_round_trip(db, name)


def assert_round_trip(db: DuckDBManager, name: str) -> None:
    before = set(db.path.parent.parent.rglob("*"))
    db.save_ohlcv(FRAME, name, "1h")
    db.save_ohlcv(FRAME[:1] * 2, name, "1h")
    (listed,) = db.datasets()["symbol"]
    assert listed == symbol_name(name)
    for each in (name, listed):
        same(db.load_ohlcv(each, "1h")[1:], FRAME[1:])
    assert (
        db.sql("SELECT DISTINCT symbol FROM ohlcv UNION ALL SELECT symbol FROM revisions")["symbol"].tolist()
        == [listed] * 2
    )
    with duckdb.connect(str(db.path), read_only=True) as connection:
        found = connection.execute(
            "SELECT DISTINCT symbol FROM ohlcv UNION ALL SELECT symbol FROM revisions"
        ).fetchall()
        assert found == [(listed,)] * 2
    for path in set(db.path.parent.parent.rglob("*")) - before:
        assert path.resolve().is_relative_to(db.parquet_dir.resolve())
    (folder,) = db.parquet_dir.glob("ohlcv/*/*")
    assert folder.name.isascii()
    assert db.delete(listed, "1h") == 60


def test_names_that_differ_only_in_case_or_sign_are_the_same(db: DuckDBManager) -> None:
    db.save_ohlcv(FRAME, "BTC/USDT", "1h", exchange="Binance")
    for name in ("btc/usdt", "BTC-USDT", "BTCUSDT", "Btc_Usdt", " BTC/USDT "):
        same(db.load_ohlcv(name, "1h", exchange="BINANCE"), FRAME)
    assert len(db.datasets()) == 1


def test_data_sets_are_kept_apart(db: DuckDBManager) -> None:
    keys = [
        (e, s, t) for e in ("binance", "kraken", "a_1") for s in ("A/B", "AB/C", "A/BC", "A/B:C") for t in ("1h", "1d")
    ]
    for number, (exchange, symbol, timeframe) in enumerate(keys):
        db.save_ohlcv(candles(opens("2024-01-01", 3, timeframe), 1.0 + number), symbol, timeframe, exchange=exchange)
    for number, (exchange, symbol, timeframe) in enumerate(keys):
        assert set(db.load_ohlcv(symbol, timeframe, exchange=exchange)["close"]) == {1.0 + number}
    listed = db.datasets()[["exchange", "symbol", "timeframe"]]
    assert sorted(map(tuple, listed.to_numpy().tolist())) == sorted(keys)
    found = db.sql("SELECT exchange, symbol, timeframe FROM ohlcv GROUP BY ALL")
    assert sorted(map(tuple, found.to_numpy().tolist())) == sorted(keys)


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "a b", "a-b", "ünï", "x" * 65, 7, None, "a\x00", "."])
def test_an_exchange_that_is_no_word_is_refused(db: DuckDBManager, name: Any) -> None:
    for action in (db.save_ohlcv, db.load_ohlcv):
        first = FRAME if action == db.save_ohlcv else SYMBOL
        rest = (SYMBOL, "1h") if action == db.save_ohlcv else ("1h",)
        said = refusal(lambda: action(first, *rest, exchange=name))  # noqa: B023 (called at once)
        assert said == f"exchange: received {name!r}; write its name in letters, digits and _, as in 'binance'."


NO_NAMES = ["", " ", "A B", "\ud800/X", 7, None, "/", "//", "BTC/", "/USDT", "-", "-/-", "A//B", "_"]


@pytest.mark.parametrize("name", [*NO_NAMES, "X" * 300, "😀" * 40])
def test_a_symbol_that_is_no_name_is_refused(db: DuckDBManager, name: Any) -> None:
    said = refusal(lambda: db.load_ohlcv(name, "1h"))
    assert said == f"symbol: received {name!r}; write BASE/QUOTE, as in 'BTC/USDT'."


@pytest.mark.parametrize("name", [each for each in NO_NAMES if each is not None])
def test_so_it_is_of_a_signal(db: DuckDBManager, name: Any) -> None:
    said = refusal(lambda: db.save_signal({"timestamp": HOURS[0], "symbol": name, "signal_type": "buy"}))
    assert said == f"symbol: received {name!r}; write BASE/QUOTE, as in 'BTC/USDT'."


# what is refused


def test_a_bar_without_a_symbol_or_timeframe_is_refused(db: DuckDBManager) -> None:
    assert refusal(lambda: db.save_ohlcv(FRAME)) == (
        "symbol: received none; name it, as in save_ohlcv(df, symbol='BTC/USDT', timeframe='1h')."
    )
    assert refusal(lambda: db.save_ohlcv(FRAME, "unknown")).startswith("symbol: received none")
    assert refusal(lambda: db.save_ohlcv(FRAME, SYMBOL, "1hour")).startswith(
        "timeframe: received '1hour'; did you mean"
    )
    assert refusal(lambda: db.load_ohlcv(SYMBOL, "2d")).startswith("timeframe: received '2d'; ")
    assert refusal(lambda: db.save_ohlcv(FRAME[:1], SYMBOL)).startswith("the frame: received one row")
    assert refusal(lambda: db.save_ohlcv(FRAME[:0], SYMBOL)).startswith("the frame: received no rows")
    assert refusal(lambda: db.save_ohlcv([1], SYMBOL)).startswith("bars: received a list")  # type: ignore[arg-type]
    assert refusal(lambda: db.save_ohlcv(FRAME, SYMBOL, source=7)) == "source: received 7; write a text."  # type: ignore[arg-type]
    assert refusal(lambda: db.save_ohlcv(FRAME, SYMBOL, source="\ud800")).startswith("source: received ")
    assert not (db.parquet_dir / "ohlcv").exists()


def test_a_bar_that_is_still_forming_is_refused_and_all_with_it(
    db: DuckDBManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is known at its close, to the nanosecond."""
    close = HOURS[9].value + TIMEFRAMES["1h"]
    monkeypatch.setattr(time, "time_ns", lambda: close - 1)
    assert refusal(lambda: db.save_ohlcv(FRAME[:10], SYMBOL, "1h"), DataError) == (
        "bar 2024-02-28 09:00:00+00:00: received a bar that closes at 2024-02-28 10:00:00+00:00 and is still forming; "
        "leave it out."
    )
    assert db.datasets().empty
    monkeypatch.setattr(time, "time_ns", lambda: close)
    assert db.save_ohlcv(FRAME[:10], SYMBOL, "1h") == (10, 0, 0)
    far = candles(opens("2262-04-07", 1, "1w"), 1.0)
    assert "still forming" in refusal(lambda: db.save_ohlcv(far, SYMBOL, "1w"), DataError)


def test_a_span_without_bars_says_what_there_is(db: DuckDBManager) -> None:
    db.save_ohlcv(FRAME[30:], SYMBOL, "1h")
    db.save_ohlcv(FRAME[:10], SYMBOL, "1h")
    assert refusal(lambda: db.load_ohlcv(SYMBOL, "1h", "2023-01-01", "2023-12-31"), DataError) == (
        "BTC/USDT 1h on binance: received a span without stored bars; ask for a part of 2024-02-28 00:00 to "
        "2024-03-01 11:00."
    )
    assert "did you mean 'BTC/USDT 1h on binance'" in refusal(lambda: db.load_ohlcv("BTC/USDC", "1h"), DataError)
    assert refusal(lambda: db.load_ohlcv(SYMBOL, "1h", "2024-02-29", "2024-02-28")).startswith("start: received")
    assert refusal(lambda: db.load_ohlcv(SYMBOL, "1h", as_of="yesterday")).startswith(
        "as_of: received 'yesterday'; write"
    )
    assert refusal(lambda: store(db.path.parent / "new").load_ohlcv(SYMBOL, "1h"), DataError) == (
        "BTC/USDT 1h on binance: received no stored bars; none are known here."
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT nothing FROM ohlcv", 'received Binder Error: Referenced column "nothing" not found'),
        ("SELEC 1", "received Parser Error: syntax error"),
        ("SELECT 1; SELECT 2", "received 2 statements; write one query"),
        ("", "received 0 statements; write one query"),
        ("CREATE TABLE x AS SELECT 1", "received a statement of the kind CREATE; write a query"),
        ("COPY (SELECT 1) TO 'x.csv'", "received a statement of the kind COPY; write a query"),
        ("DROP VIEW ohlcv", "received a statement of the kind DROP; write a query"),
        (7, "received 7; write a query"),
    ],
)
def test_sql_only_asks(db: DuckDBManager, text: Any, said: str) -> None:
    db.save_ohlcv(FRAME, SYMBOL, "1h")
    assert refusal(lambda: db.sql(text)).startswith(f"sql: {said}")


def test_sql_takes_parameters_and_knows_its_times(db: DuckDBManager) -> None:
    assert db.sql("SELECT * FROM ohlcv").shape == (0, 11)
    db.save_ohlcv(FRAME, SYMBOL, "1h")
    found = db.sql(
        "SELECT date_trunc('day', timestamp) AS day, sum(volume) AS v FROM ohlcv WHERE close > $1 GROUP BY 1", [3]
    )
    assert str(found["day"].dtype) == "datetime64[us, UTC]"
    assert found.set_index("day")["v"].to_dict() == FRAME[3:]["volume"].resample("1D").sum().to_dict()
    assert len(db.sql("SUMMARIZE ohlcv")) == 11
    assert len(db.sql("FROM ohlcv a JOIN ohlcv b USING (timestamp) CROSS JOIN signals")) == 0
