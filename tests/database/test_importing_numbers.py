"""Numbers as people write them: one convention holds for the whole file, and what breaks it is no other number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptolab.database.importing.numbers import as_numbers, decimals
from cryptolab.errors import DataError
from tests.database import importing_files as files
from tests.database.importing_files import numbers, rows, written
from tests.database.test_importing import ISO, brought, refused

TRUE = files.market(200)
HEAD = "timestamp;open;high;low;close;volume\n"


def lines() -> list[str]:
    return [f"{ISO(when)};{numbers(row, ';')}" for when, row in rows(TRUE)]


def flat(folder: Path, prices: str, volume: str) -> Path:
    """A file of the same bar each hour, its numbers as they are given."""
    prices = ";".join([prices] * 4)
    return written(folder, "BTCUSDT.csv", [f"{ISO(when)};{prices};{volume}" for when in TRUE.index], HEAD)


def test_one_typo_does_not_change_what_the_others_mean(tmp_path: Path) -> None:
    content = lines()
    content[50] = ",".join(content[50].rsplit(".", 1))
    typo = content[50].rsplit(";", 1)[1]
    path = written(tmp_path, "BTCUSDT.csv", content, HEAD)
    sentence = refused(path)
    assert f"numbers: received '{typo}' beside '{float(TRUE.open[0])!r}'; write them all in one way, or say" in sentence
    found = brought(path, decimal="point")
    assert found.counts == {"unreadable": 1}
    assert np.array_equal(found.bars.volume, np.delete(TRUE.volume, 50))


def test_a_typo_that_looks_grouped_contradicts_numbers_that_are_not(tmp_path: Path) -> None:
    content = lines()
    content[50] = content[50].rsplit(";", 1)[0] + ";736,271"
    content[60] = content[60].rsplit(";", 1)[0] + ";1,234,567"
    assert "received '736,271' beside '" in refused(written(tmp_path, "BTCUSDT.csv", content, HEAD))


@pytest.mark.parametrize("text", ["1,2345.5", "12,34,567.5", "1,234,56", "0,123,456.5", "1,,234.5", "1.234.5,6,7"])
def test_what_is_not_grouped_by_three_is_no_number(text: str) -> None:
    columns = [pa.chunked_array([[text, "1,234.5"]])]
    values, wrong, _, _ = as_numbers("f", columns, "point")
    assert wrong.tolist() == [True, False]
    assert np.isnan(values[0, 0])


@pytest.mark.parametrize(("prices", "volume"), [("42265,10", "1.234"), ("9.000", "1.234,5"), ("42.265,10", "1.234")])
def test_a_point_beside_decimal_commas_is_not_taken_for_either(tmp_path: Path, prices: str, volume: str) -> None:
    path = flat(tmp_path, prices, volume)
    assert "where the point may be either; say what separates the decimals: decimal='point' or decimal" in refused(path)
    bars = brought(path, decimal="comma").bars
    assert bars.open[0] == float(prices.replace(".", "").replace(",", "."))
    assert bars.volume[0] == float(volume.replace(".", "").replace(",", "."))


def test_points_between_thousands_are_said_by_the_user(tmp_path: Path) -> None:
    path = flat(tmp_path, "42.300", "7")
    assert brought(path).bars.open[0] == 42.3
    assert brought(path, decimal="comma").bars.open[0] == 42_300.0  # not by way of a number: 42.3 has lost a zero


@given(
    st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=20), st.booleans(), st.booleans(), st.integers(0, 6)
)
def test_a_number_written_in_the_said_way_is_read_back(
    counts: list[int], comma: bool, group: bool, digits: int
) -> None:
    texts = [f"{count / 10**digits:{',' if group else ''}.{digits}f}" for count in counts]
    expected = [float(text.replace(",", "")) for text in texts]
    if comma:
        texts = [text.replace(",", "#").replace(".", ",").replace("#", ".") for text in texts]
    columns = [pa.chunked_array([texts])]
    values, wrong, _, is_comma = as_numbers("f", columns, "comma" if comma else "point")
    assert values[:, 0].tolist() == expected
    assert not wrong.any()
    assert (decimals(columns, comma) == digits).all()
    try:
        guessed, _, _, is_comma = as_numbers("f", columns, None)
    except DataError:
        return
    if is_comma == comma or not any("," in text for text in texts):  # only points: they are decimal ones
        return
    pytest.fail(f"{texts} read as {guessed}")


@pytest.mark.parametrize(
    ("text", "value", "digits"),
    [
        ("1.5K", 1500.0, -2), ("2M", 2e6, -6), ("1.25B", 1.25e9, -7), ("3T", 3e12, -12), ("1e-05", 1e-5, 5),
        ("4.10e-01", 0.41, 3), ("1e3", 1000.0, -3), ("8,000", 8000.0, 0), ("1,234.50", 1234.5, 2), ("-.5", -0.5, 1),
        ("$ 7.", 7.0, 0), ("", np.nan, 0), ("n/a", np.nan, 0),
    ],
)  # fmt: skip
def test_values_and_decimals_of_a_text(text: str, value: float, digits: int) -> None:
    column = pa.chunked_array([[text, "1,234,567"]])
    values, wrong, _, _ = as_numbers("f", [column], None)
    assert values[0, 0] == value or np.isnan(value)
    assert not wrong.any()
    assert decimals([column], False)[0, 0] == digits


def test_decimals_of_what_is_a_number_already() -> None:
    columns = [pa.chunked_array([pa.array([7189.43, 8000.0, 1e-5], kind)]) for kind in (pa.float32(), pa.float64())]
    assert decimals(columns, True).tolist() == [[2, 2], [0, 0], [5, 5]]


@pytest.mark.parametrize(
    ("one", "other", "taken"),
    [
        ("0.41234567", "1e-05", None),  # 5 decimals: its tolerance is no half
        ("4.1234567e-01", "0.412", "duplicate, rounded"),
        ("1.23K", "1230.004", "duplicate, rounded"),
    ],
)
def test_the_digits_of_a_text_are_those_it_means(tmp_path: Path, one: str, other: str, taken: str | None) -> None:
    when = ISO(TRUE.index[3])
    content = [f"{ISO(each)};8000.5;8001.5;7999.5;8000.25;5" for each in TRUE.index if ISO(each) != when]
    content += [f"{when};8000.5;8001.5;7999.5;8000.25;{text}" for text in (one, other)]
    path = written(tmp_path, "BTCUSDT.csv", content, HEAD)
    if taken is None:
        assert f"volume {float(one)!r} in line 201, {float(other)!r} in line 202" in refused(path)
    else:
        assert brought(path).counts == {taken: 1}


def test_the_finest_of_rows_with_thousands(tmp_path: Path) -> None:
    content = [f"{ISO(each)};8,100.25;8,200.25;8,000.25;8,100.25;5" for each in TRUE.index]
    content[7] = f"{ISO(TRUE.index[7])};8,000;8,001;7,999;8,000;5"  # no decimals, not three
    content.append(f"{ISO(TRUE.index[7])};8,100.5;8,101.5;8,099.5;8,100.5;5")
    found = brought(written(tmp_path, "BTCUSDT.csv", content, HEAD), duplicates="finest")
    assert found.counts == {"contradictory": 1}
    assert list(found.set_aside["row"]) == [9]
    assert found.bars.open[7] == 8100.5
