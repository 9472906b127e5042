"""The Parquet file of a sweep: whatever kinds of values a grid has, they can be read back; whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from cryptolab.errors import InputError
from cryptolab.optimization import storage
from cryptolab.optimization.grid import make_grid
from cryptolab.optimization.labels import index

DAYS = np.arange(24.0).reshape(2, 4, 3)


def table(values: list[Any]) -> pd.DataFrame:
    grid = make_grid({"given": values, "error": 1})
    columns = {"sharpe_ratio": [0.5, np.nan], "longest_drawdown": np.array([5, -(2**63)], "m8[ns]")}
    return pd.DataFrame(columns, index(grid, ["BTC/USDT"], np.arange(2)))


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([1, 2], None),
        ([0.5, 2], None),
        ([None, 0.05], None),
        ([None, 5], None),
        (["a", "b"], None),
        (["a", None], None),
        ([True, None], None),
        ([True, False], None),
        ([pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-01-02", tz="UTC")], None),
        ([1, "x"], ["1", "x"]),
        ([True, 5], ["True", "5"]),
        ([(1, 2), (3,)], ["(1, 2)", "(3,)"]),
        ([None, (3,)], [None, "(3,)"]),
    ],
)
def test_levels_come_back_or_where_kinds_are_mixed_as_text(tmp_path: Path, values: list[Any], texts: Any) -> None:
    given = table(values)
    path = storage.write(given, DAYS, {"identity": "x"}, tmp_path / "a.parquet")
    read = pd.read_parquet(path)
    pd.testing.assert_frame_equal(read[given.columns].reset_index(drop=True), given.reset_index(drop=True))
    assert read.index.names == ["given", "error"]
    said = json.loads(pq.read_schema(path).metadata[b"cryptolab.sweep"])
    assert said == {"identity": "x", "levels_as_text": ["given"] if texts else []}
    if texts is None:
        pd.testing.assert_index_equal(read.index, given.index)
    else:
        found = [None if pd.isna(value) else value for value in read.index.get_level_values("given")]
        assert found == texts
    assert np.array_equal(np.stack(read["days_sum"].tolist()), DAYS[:, :, 1])


def test_a_single_level_comes_back_as_a_plain_index_of_its_name(tmp_path: Path) -> None:
    given = table([1, 2]).droplevel("error")
    given.index = pd.MultiIndex.from_arrays([given.index], names=["given"])
    read = pd.read_parquet(storage.write(given, DAYS, {}, tmp_path / "a.parquet"))
    pd.testing.assert_index_equal(read.index, pd.Index([1, 2], name="given"))
    read.index = pd.MultiIndex.from_arrays([read.index])
    pd.testing.assert_frame_equal(read[given.columns], given)


def test_a_file_is_replaced_whole_and_a_failed_write_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = storage.write(table([1, 2]), DAYS, {}, tmp_path / "a.parquet")
    storage.write(table([3, 4]), DAYS, {}, path)
    before = path.read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(InputError, match=r"which cannot be written \(No space left on device\)"):
        storage.write(table([5, 6]), DAYS, {}, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("", "path: received ''; give the path of a .parquet file."),
        (7, "path: received 7"),
        (".", "name a file in it, as in results.parquet"),
        ("nowhere/a.parquet", "whose folder is not there; make the folder first"),
    ],
)
def test_paths_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Any, says: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        storage.write(table([1, 2]), DAYS, {}, path)
    assert says in str(caught.value)
