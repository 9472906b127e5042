"""Which rows become bars: the true series comes out of any disorder, and no contradiction passes silently."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cryptolab.bars import COLUMNS, Bars
from cryptolab.data_fetchers import simulate
from cryptolab.database.importing import Choices, bring_in, bring_in_all
from cryptolab.database.importing.doubts import far_off, incomplete
from cryptolab.errors import DataError
from tests.database import importing_files as files
from tests.database.importing_files import NOW, binance_lines, cdd_new, cdd_old, rows, same, table, written
from tests.database.test_importing import ISO, brought, refused, said

TRUE = files.market(48)
HEAD = "timestamp,open,high,low,close,volume\n"
HOUR = 3_600_000_000_000

# laws


def line(when: pd.Timestamp, row: Any, unit: str = "ms", digits: int | None = None) -> str:
    """A row with an epoch number and, with `digits`, rounded numbers."""
    values = [getattr(row, name) for name in COLUMNS]
    shown = [repr(float(value)) if digits is None else f"{value:.{digits}f}" for value in values]
    return ",".join([str(files.epoch(when, unit)), *shown])


units = st.sampled_from(["s", "ms", "us", "ns"])


@given(data=st.data())
def test_any_disorder_of_a_true_series_gives_exactly_the_true_series(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    lines = [line(when, row, data.draw(units)) for when, row in rows(TRUE)]
    places = st.lists(st.integers(0, 47), max_size=30)
    lines += [line(*rows(TRUE)[place], data.draw(units)) for place in data.draw(places, "doubled")]
    lines += [line(*rows(TRUE)[place], data.draw(units), digits=2) for place in data.draw(places, "rounded")]
    extra = len(lines) - 48
    lines = data.draw(st.permutations(lines))
    found = brought(written(tmp_path_factory.mktemp("disorder"), "BTCUSDT.csv", lines, HEAD))
    assert same(found.bars, TRUE)
    assert sum(found.counts.values()) == extra
    assert set(found.counts) <= {"duplicate", "duplicate, rounded"}
    assert sorted([*found.set_aside["row"], *_taken(found, lines)]) == list(range(2, len(lines) + 2))


def _taken(found: Any, lines: list[str]) -> list[int]:
    """The lines that were not set aside."""
    return sorted(set(range(2, len(lines) + 2)) - set(found.set_aside["row"]))


@given(
    place=st.integers(0, 47), column=st.sampled_from(COLUMNS), factor=st.sampled_from([0.9, 0.999, 1.001, 1.1]),
    order=st.randoms(use_true_random=False), unit=units, policy=st.sampled_from(["refuse", "first", "last", "none"]),
)  # fmt: skip
def test_a_contradicting_row_never_passes_silently(
    tmp_path_factory: pytest.TempPathFactory,
    place: int, column: str, factor: float, order: Any, unit: str, policy: str,
) -> None:  # fmt: skip
    when, row = rows(TRUE)[place]
    wrong = row._replace(**{column: round(getattr(row, column) * factor, 4)})
    assume(getattr(wrong, column) != getattr(row, column))
    lines = [line(each, values) for each, values in rows(TRUE)]
    lies = line(when, wrong, unit)
    lines.append(lies)
    order.shuffle(lines)
    path = written(tmp_path_factory.mktemp("lie"), "BTCUSDT.csv", lines, HEAD)
    prices = [getattr(wrong, name) for name in COLUMNS[:4]]
    possible = wrong.low == min(prices) and wrong.high == max(prices)
    lie, truth = 2 + lines.index(lies), 2 + lines.index(line(when, row))
    if policy == "refuse" and possible:
        sentence = refused(path)
        assert f"a bar more than once and with different numbers, {when:%Y-%m-%d %H:%M}: {column} " in sentence
        assert f"line {lie}" in sentence
        assert f"line {truth}" in sentence
        return
    found = brought(path, duplicates=policy)
    gone = dict(zip(found.set_aside["row"], found.set_aside["reason"], strict=True))
    if not possible:
        assert gone == {lie: "impossible"}
        assert same(found.bars, TRUE)
        return
    expected = {"first": [max(lie, truth)], "last": [min(lie, truth)], "none": sorted((lie, truth))}[policy]
    assert gone == dict.fromkeys(expected, "contradictory")
    kept = np.delete(np.arange(48), place) if policy == "none" else np.arange(48)
    assert np.array_equal(found.bars.time, TRUE.time[kept])
    others = found.bars.time != when.as_unit("ns").value
    for name in COLUMNS:
        assert np.array_equal(getattr(found.bars, name)[others], np.delete(getattr(TRUE, name), place))


@given(
    st.lists(
        st.tuples(st.integers(-1, 60), *[st.sampled_from(["1", "2", "3", "0", "-1", "nan", "inf", "", "x"])] * 5),
        max_size=12,
    )
)
def test_whatever_the_rows_say_bars_come_out_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: list[Any]
) -> None:
    lines = [f"{1_577_836_800 + 600 * step if step >= 0 else 'noon'},{','.join(values)}" for step, *values in content]
    path = written(tmp_path_factory.mktemp("any"), "BTCUSDT.csv", lines, HEAD)
    try:
        found = brought(path, timeframe="1h", limit=1.0)
    except DataError:
        refused(path, timeframe="1h", limit=1.0)
        return
    assert len(found.bars) + len(found.set_aside) == len(lines)
    assert (found.bars.low <= found.bars.close).all()


# reasons, one by one


def test_every_row_set_aside_is_listed_with_its_reason(tmp_path: Path) -> None:
    bars = files.market(600)
    lines = [f"{ISO(when)},{files.numbers(row)}" for when, row in rows(bars)]
    faults = {
        10: ("unreadable", lines[10].rsplit(",", 1)[0] + ",many"),
        20: ("unpriced", f"{ISO(bars.index[20])},,,,,"),
        30: ("unpriced", f"{ISO(bars.index[30])},0,0,0,0,0"),
        40: ("impossible", f"{ISO(bars.index[40])},100,99,98,100,5"),
        50: ("off the grid", lines[50].replace(":00:00", ":28:15")),
        60: ("unreadable", "the end"),
    }
    for place, (_, text) in faults.items():
        lines[place] = text
    found = brought(written(tmp_path, "BTCUSDT.csv", lines, HEAD))
    listed = found.set_aside.set_index("row")
    assert listed["reason"].to_dict() == {place + 2: reason for place, (reason, _) in faults.items()}
    assert listed.loc[52, "detail"] == "00:28:15 past it"
    assert listed.loc[42, "detail"] == "high below or low above another price"
    assert listed.loc[62, "detail"] == "another number of fields: the end"
    assert listed.loc[42, "high"] == 99.0
    assert listed.loc[52, "time"] == bars.index[50] + pd.Timedelta("28min15s")
    assert pd.isna(listed.loc[62, "time"])
    assert set(listed["file"]) == {"BTCUSDT.csv"}
    assert found.counts == {"unreadable": 2, "unpriced": 2, "impossible": 1, "off the grid": 1}
    assert len(found.bars) == 594
    assert found.rows == 600


def test_empty_lines_and_a_repeated_header_keep_the_count_of_lines(tmp_path: Path) -> None:
    bars = files.market(300)
    lines = [f"{ISO(when)},{files.numbers(row)}" for when, row in rows(bars)]
    text = [*lines[:100], "", HEAD.strip(), "", *lines[100:200], "a,b", *lines[200:], lines[250]]
    found = brought(written(tmp_path, "BTCUSDT.csv", text, HEAD))
    assert found.counts == {"unreadable": 2, "duplicate": 1}
    assert list(found.set_aside["row"]) == [205, 103, 306]
    assert same(found.bars, bars)


def test_weeks_begin_on_mondays(tmp_path: Path) -> None:
    weeks = Bars.from_frame(simulate(400, "1d", 2).frame(), "BTC/USDT", "1d").resample("1w")
    assert same(brought(table(tmp_path, weeks, ISO)).bars, weeks)
    sundays = table(tmp_path, weeks, lambda when: ISO(when - pd.Timedelta("1D")))
    assert "rows that are off the grid of the timeframe, first line 2 at 2020-01-05 00:00" in refused(sundays)


def test_times_that_are_neither_opens_nor_closes_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path, TRUE, lambda when: ISO(when - pd.Timedelta("2s")))
    assert "48 of 48 rows that are off the grid of the timeframe" in refused(path)
    closes = table(tmp_path, TRUE, lambda when: files.epoch(when) + 3_599_999)
    assert same(brought(closes).bars, TRUE)


def test_many_faults_are_a_fault_of_the_file(tmp_path: Path) -> None:
    lines = [f"{ISO(when)},{files.numbers(row)}" for when, row in rows(TRUE)]
    lines[5] = lines[6] = f"{ISO(TRUE.index[5])},1,2,3,4,5"
    path = written(tmp_path, "BTCUSDT.csv", lines, HEAD)
    assert refused(path) == (
        "BTCUSDT.csv: received 2 of 48 rows that are impossible, first line 7 at 2020-01-01 05:00"
        " (high below or low above another price); correct the file, or say limit=0.05 to leave them out."
    )
    assert brought(path, limit=0.05).counts == {"impossible": 2}


def test_rows_without_prices_are_no_fault(tmp_path: Path) -> None:
    lines = [
        f"{ISO(when)},{'NaN,NaN,NaN,NaN,NaN' if when.hour % 2 else files.numbers(row)}" for when, row in rows(TRUE)
    ]
    found = brought(written(tmp_path, "BTCUSDT.csv", lines, HEAD), timeframe="1h")
    assert found.counts == {"unpriced": 24}
    assert len(found.bars) == 24


# doubles


def test_the_row_with_more_digits_is_taken_when_asked(tmp_path: Path) -> None:
    wrong = [(when, row._replace(open=round(row.open, 2) + 0.05, high=row.high + 1.0)) for when, row in rows(TRUE)]
    lines = [cdd_old(*each) for each in wrong] + [cdd_new(*each) for each in rows(TRUE)]
    path = written(tmp_path, "Binance_BTCUSDT_1h.csv", lines, files.CDD_HEAD)
    assert "received 48 bars more than once and with different numbers, the first 2020-01-01 00:00: open" in refused(
        path
    )
    found = brought(path, duplicates="finest")
    assert same(found.bars, TRUE)
    assert found.counts == {"contradictory": 48}
    assert found.set_aside["detail"][0] == "line 51 taken (finest)"
    assert same(brought(path, duplicates="last").bars, TRUE)
    assert not same(brought(path, duplicates="first").bars, TRUE)


def test_rows_with_as_many_digits_are_not_told_apart_by_them(tmp_path: Path) -> None:
    when, row = rows(TRUE)[7]
    lines = [*binance_lines(TRUE), binance_lines(TRUE)[7].replace(f"{row.close:.8f}", f"{row.close + 0.0001:.8f}")]
    if f"{row.close:.8f}" in (f"{row.high:.8f}", f"{row.low:.8f}"):
        pytest.fail("choose another bar: its close is its high or low")
    sentence = refused(written(tmp_path, "BTCUSDT-1h.csv", lines), duplicates="finest")
    assert f"duplicates='finest': received {when:%Y-%m-%d %H:%M}: close {row.close!r} in line 8, " in sentence
    assert sentence.endswith(
        "in line 49, which have as many digits as each other; say duplicates='first', or last, or none."
    )


def test_a_row_is_a_rounded_one_only_as_far_as_its_file_rounds(tmp_path: Path) -> None:
    """7305.6 and 7306 agree where a file writes whole numbers, and contradict each other where it writes 7306.12."""
    fine = [f"{ISO(when)},7305.612,7305.612,7305.612,7305.612,1.25" for when in TRUE.index]
    coarse = f"{ISO(TRUE.index[3])},7306,7306,7306,7306,1.2"
    found = brought(written(tmp_path, "BTCUSDT.csv", [*fine, coarse], HEAD))
    assert found.counts == {"duplicate, rounded": 1}
    tenth = coarse.replace("7306,7306,7306,7306", "7307,7307,7307,7307")
    assert "a bar more than once" in refused(written(tmp_path, "BTCUSDT.csv", [*fine, tenth], HEAD))
    hundredths = f"{ISO(TRUE.index[5])},7305.61,7305.61,7305.61,7305.61,1.2"
    assert "a bar more than once" in refused(written(tmp_path, "BTCUSDT.csv", [*fine, coarse, hundredths], HEAD))


def test_two_files_that_contradict_each_other_are_refused_together(tmp_path: Path) -> None:
    one = table(tmp_path, TRUE[:30], ISO, "BTCUSDT a.csv")
    row = rows(TRUE)[20][1]
    lines = [f"{ISO(when)},{files.numbers(each)}" for when, each in rows(TRUE[20:])]
    lines[0] = f"{ISO(TRUE.index[20])},{files.numbers(row._replace(volume=row.volume + 1))}"
    other = written(tmp_path, "BTCUSDT b.csv", lines, HEAD)
    imported, refusals = bring_in_all([one, other], now=NOW)
    assert imported == []
    assert list(refusals) == ["BTCUSDT a.csv, BTCUSDT b.csv"]
    said_so = refusals["BTCUSDT a.csv, BTCUSDT b.csv"]
    assert (
        f"volume {row.volume!r} in line 22 of BTCUSDT a.csv, {row.volume + 1!r} in line 2 of BTCUSDT b.csv;" in said_so
    )
    settled = Choices(duplicates="first", keep_newest=True)
    (found,), _ = bring_in_all([one, other], now=NOW, choices=settled)
    assert same(found.bars, TRUE)
    assert found.counts == {"duplicate": 9, "contradictory": 1}


def test_rows_of_parquet_are_rows_and_not_lines(tmp_path: Path) -> None:
    frame = TRUE.frame()
    frame = pd.concat([frame, frame.iloc[[5]] + 1.0])
    frame.reset_index().to_parquet(tmp_path / "BTCUSDT.parquet")
    text = refused(tmp_path / "BTCUSDT.parquet")
    assert f"2020-01-01 05:00: open {float(TRUE.open[5])!r} in row 6, " in text
    assert " in row 49; say which to take" in text


def test_files_of_two_markets_do_not_mix(tmp_path: Path) -> None:
    paths = [table(tmp_path, TRUE, ISO, name) for name in ("BTCUSDT 1.csv", "ETHUSDT 1.csv", "BTCUSDT 2.csv")]
    broken = written(tmp_path, "SOLUSDT.csv", ["x"])
    imported, refusals = bring_in_all([*paths, broken], now=NOW, choices=Choices(keep_newest=True))
    assert [(each.bars.symbol, each.files) for each in imported] == [
        ("BTC/USDT", ("BTCUSDT 1.csv", "BTCUSDT 2.csv")), ("ETH/USDT", ("ETHUSDT 1.csv",)),
    ]  # fmt: skip
    assert list(refusals) == [str(broken)]


# bars that are not what they say


def long_market(bars: int = 2_000) -> Bars:
    """Bars whose opens are the closes before but for a tick, as in a market that never shuts."""
    frame = simulate(bars, "1d", 5).frame().round(2)
    tick = np.random.default_rng(1).choice([0.0, 0.01, -0.01], bars)
    frame["open"] = np.concatenate(([frame["open"].iloc[0]], frame["close"].to_numpy()[:-1])) + tick
    frame["high"] = frame[["open", "high", "close"]].max(axis=1)
    frame["low"] = frame[["open", "low", "close"]].min(axis=1)
    return Bars.from_frame(frame, "BTC/USDT", "1d")


def test_bars_saved_while_forming_are_found(tmp_path: Path) -> None:
    true = long_market()
    frame = true.frame()
    places = [100, 101, 500, 1500]
    for place in places:
        bar = frame.iloc[place]
        close = bar["open"] + 0.3 * (bar["close"] - bar["open"]) * 1.0
        close = close if abs(close / bar["close"] - 1) > 0.004 else bar["close"] * 1.01
        frame.iloc[place] = [bar["open"], max(bar["open"], close), min(bar["open"], close), close, 0.3 * bar["volume"]]
    path = tmp_path / "BTCUSDT_1d.csv"
    frame.to_csv(path)
    found = brought(path)
    assert found.counts == {"looks incomplete": 4}
    assert list(found.set_aside["row"]) == [place + 2 for place in places]
    assert "of the usual volume" in found.set_aside["detail"][0]
    kept = brought(path, doubtful="keep")
    assert len(kept.bars) == 2_000
    assert kept.counts == {}
    assert ("note", "4 bars kept as you say: looks incomplete") in kept.understood


def test_a_real_jump_is_no_unfinished_bar() -> None:
    true = long_market()
    values = np.column_stack(true.arrays[1:])
    values[700:, :4] *= 1.2  # a jump between two closed bars comes with trade
    values[699, 4] *= 5
    assert incomplete(true.time, values, true.interval) == {}
    values[699, 4] /= 50
    assert list(incomplete(true.time, values, true.interval)) == [699]


def test_many_doubtful_bars_are_a_fault_of_the_file(tmp_path: Path) -> None:
    frame = long_market(300).frame()
    frame.iloc[5:300:50, 0] *= 4
    frame["high"] = frame[["open", "high"]].max(axis=1)
    frame.to_csv(tmp_path / "BTCUSDT.csv")
    sentence = refused(tmp_path / "BTCUSDT.csv")
    assert " of 300 bars that look wrong, the first 2020-01-06 00:00 (open" in sentence
    assert len(brought(tmp_path / "BTCUSDT.csv", doubtful="keep").bars) == 300


def test_an_open_far_from_all_that_is_beside_it() -> None:
    time = np.arange(5) * HOUR
    values = np.tile([100.0, 101.0, 99.0, 100.0, 1.0], (5, 1))
    assert far_off(time, values, HOUR) == {}
    first, inside, last = values.copy(), values.copy(), values.copy()
    first[0, :2] = 310.0
    inside[2, :2] = 210.0
    last[4, [2, 3]] = 30.0
    assert far_off(time, first, HOUR) == {0: "open 310, close 100, the open unlike its neighbour"}
    assert list(far_off(time, inside, HOUR)) == [2]
    assert list(far_off(time, last, HOUR)) == [4]
    first[0, :2] = 290.0  # a first bar may have a past that is not in the file
    assert far_off(time, first, HOUR) == {}
    moved = values.copy()
    moved[2, 3], moved[3:, :4] = 210.0, 210.0  # a real move stays where it went
    assert far_off(time, moved, HOUR) == {}


def test_what_is_odd_but_kept_is_said(tmp_path: Path) -> None:
    frame = simulate(1_200, "1h", 4).frame().round(2)
    frame["open"] = np.concatenate(([frame["open"].iloc[0]], frame["close"].to_numpy()[:-1]))
    frame["high"], frame["low"] = frame.iloc[:, :4].max(axis=1), frame.iloc[:, :4].min(axis=1)
    frame.iloc[700, :4], frame.iloc[700, 4] = frame["close"].iloc[699], 0.0
    frame.iloc[701, 0] = frame["close"].iloc[699]
    frame["high"], frame["low"] = frame.iloc[:, :4].max(axis=1), frame.iloc[:, :4].min(axis=1)
    frame.to_csv(tmp_path / "BTCUSDT.csv")
    notes = [text for what, text in brought(tmp_path / "BTCUSDT.csv").understood if what == "note"]
    assert notes[0].startswith("1 bar has no volume and one price")
    assert notes[1].startswith("in about 1,000 bars the open repeats the close before")


def test_nothing_left_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, TRUE[:1], ISO)
    with pytest.raises(
        DataError, match=r"no bar beside those set aside \(newest, may be forming\); give one with more"
    ):
        bring_in(path, timeframe="1h", now=NOW)
    empty = written(tmp_path, "BTCUSDT.csv", [f"{ISO(when)},,,,," for when in TRUE.index], HEAD)
    assert "48 rows, all of them set aside (unpriced)" in refused(empty)


def test_a_million_rows_take_seconds(tmp_path: Path) -> None:
    import time

    bars = simulate(1_000_000, "1m", 1)
    frame = bars.frame().round(6).reset_index(drop=True)
    frame.insert(0, "timestamp", bars.time // 10**6)
    frame.to_csv(tmp_path / "BTCUSDT-1m.csv", index=False)
    begin = time.process_time()  # of this process alone: the machine may be busy with others
    found = brought(tmp_path / "BTCUSDT-1m.csv")
    assert time.process_time() - begin < 10.0  # 2 s; a loop over rows in Python takes a minute
    assert len(found.bars) == 1_000_000
    assert said(found)["timeframe"] == "1m, the usual distance of its rows"


# at the edges


def test_a_bar_is_closed_from_the_moment_of_its_close(tmp_path: Path) -> None:
    path = table(tmp_path, TRUE, ISO)
    assert brought_at(path, TRUE.index[47]).counts == {"still forming": 1}  # it opens now, and the one before it closes
    assert brought_at(path, TRUE.index[47] + pd.Timedelta("1h")).counts == {}
    assert brought_at(path, TRUE.index[47] + pd.Timedelta("1h") - pd.Timedelta(1, "ns")).counts == {"still forming": 1}
    assert brought_at(path, TRUE.index[47] - pd.Timedelta(1, "ns")).counts == {"newer than now": 1, "still forming": 1}


def brought_at(path: Path, now: pd.Timestamp) -> Any:
    return bring_in(path, now=now, choices=Choices(keep_newest=True))


def test_what_forms_in_one_file_says_nothing_of_the_end_of_another(tmp_path: Path) -> None:
    lines = [f"{ISO(when)},{files.numbers(row)}" for when, row in rows(TRUE)]
    one = written(tmp_path, "BTCUSDT 1.csv", [*lines[:21], lines[30]], HEAD)
    other = written(tmp_path, "BTCUSDT 2.csv", lines[:30], HEAD)
    (found,), _ = bring_in_all([one, other], now=TRUE.index[30] + pd.Timedelta("20min"))
    assert found.counts["newest, may be forming"] == 1
    assert len(found.bars) == 29


def test_a_week_that_ends_with_a_month_is_no_whole_period(tmp_path: Path) -> None:
    weeks = Bars.from_frame(simulate(400, "1d", 2).frame(), "BTC/USDT", "1d").resample("1w")
    end = next(place for place in range(9, len(weeks)) if (weeks.index[place] + pd.Timedelta("7D")).day == 1)
    assert bring_in(table(tmp_path, weeks[: end + 1], ISO), now=NOW).counts == {"newest, may be forming": 1}


def test_a_doubtful_bar_is_set_aside_once(tmp_path: Path) -> None:
    frame = long_market().frame()
    frame.iloc[-1, [1, 3]] = frame.iloc[-1, 0] * 4  # the newest
    frame.iloc[900, [1, 3]] = frame.iloc[900, 0] * 4  # far off, and as if it had been saved while forming
    frame.iloc[900, 4] *= 0.01
    frame.to_csv(tmp_path / "BTCUSDT.csv")
    found = bring_in(tmp_path / "BTCUSDT.csv", now=NOW)
    assert found.counts == {"a price far off": 2}
    assert list(found.set_aside["row"]) == [902, 2001]


def test_a_newest_row_is_finished_only_by_one_that_holds_all_it_saw(tmp_path: Path) -> None:
    when, whole = rows(TRUE)[39]

    def became(**changed: float) -> str:
        lines = [f"{ISO(each)},{files.numbers(values)}" for each, values in rows(TRUE[:40])]
        seen = whole._replace(close=whole.open, volume=whole.volume * 0.5)._replace(**changed)
        lines[-1] = f"{ISO(when)},{files.numbers(seen)}"
        one, other = written(tmp_path, "BTCUSDT 1.csv", lines, HEAD), table(tmp_path, TRUE, ISO, "BTCUSDT 2.csv")
        imported, refusals = bring_in_all([one, other], now=NOW, choices=Choices(keep_newest=True))
        return "".join(refusals.values()) or str(imported[0].counts)

    assert became() == "{'duplicate': 39, 'saved while forming': 1}"
    for changed in ({"volume": whole.volume}, {"high": whole.high + 1}, {"low": whole.low - 1}):
        assert "a bar more than once and with different numbers" in became(**changed)


@pytest.mark.parametrize(
    ("first", "asks"), [("2021-10-29 00:00", True), ("2021-10-28 00:00", False), ("2021-07-02 00:00", False)]
)
def test_only_in_hours_in_which_clocks_are_put_back_a_zone_is_asked_for(tmp_path: Path, first: str, asks: bool) -> None:
    start = pd.Timestamp(first)
    lines = [f"{ISO(start + (when - TRUE.index[0]))},{files.numbers(row)}" for when, row in rows(TRUE)]
    lines += [f"{ISO(start + pd.Timedelta('50h'))},{files.numbers(row)}" for _, row in rows(TRUE)[:2]]
    sentence = refused(written(tmp_path, "BTCUSDT.csv", lines, HEAD))
    assert ("say the zone of its times, as in zone='Europe/Paris'" in sentence) is asks
    assert ("say which to take: duplicates='finest'" in sentence) is not asks


def test_no_share_of_faults_is_named_that_leaves_little(tmp_path: Path) -> None:
    lines = [f"{ISO(when)},{files.numbers(row)}" for when, row in rows(TRUE)]
    lines[10:] = [f"{ISO(when)},9,1,9,9,1" for when in TRUE.index[10:]]
    assert refused(written(tmp_path, "BTCUSDT.csv", lines, HEAD)).endswith("; correct the file, or give another.")


def test_contradictions_are_settled_row_by_row(tmp_path: Path) -> None:
    """Three rows for an hour: the first, the last, the finest of them, and the others say which it was."""
    when, row = rows(TRUE)[7]
    fine = row._replace(volume=round(row.volume + 7, 6) + 1e-8)
    lines = [f"{ISO(each)},{files.numbers(values)}" for each, values in rows(TRUE)]
    lines += [f"{ISO(when)},{files.numbers(each)}" for each in (fine, row._replace(volume=row.volume + 9))]
    path = written(tmp_path, "BTCUSDT.csv", lines, HEAD)
    for policy, line, volume in (("first", 9, row.volume), ("finest", 50, fine.volume), ("last", 51, row.volume + 9)):
        found = brought(path, duplicates=policy)
        assert found.bars.volume[7] == volume
        assert set(found.set_aside["detail"]) == {f"line {line} taken ({policy})"}
        assert sorted([*found.set_aside["row"], line]) == [9, 50, 51]


def test_details_are_worked_out_for_the_rows_that_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptolab.database.importing import checking

    told: list[int] = []
    plain = checking._past
    monkeypatch.setattr(checking, "_past", lambda time, frame: told.append(time) or plain(time, frame))
    bars = files.market(3_000)
    path = table(tmp_path, bars, lambda when: ISO(when + pd.Timedelta("7s")))
    assert "3,000 of 3,000 rows that are off the grid of the timeframe, first line 2 at 2020-01-01 00:00 (00:00:07" in (
        refused(path)
    )
    assert len(told) == 1_000
