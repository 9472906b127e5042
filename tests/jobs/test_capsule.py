from __future__ import annotations

import json
import platform
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cryptolab.errors import InputError
from cryptolab.jobs import refuse_ended, save_manifest
from cryptolab.jobs.capsule import environment, note_run, plain, read_manifest, revision
from cryptolab.kernels import compiler


def test_an_empty_folder_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_manifest("", {"seed": 1})
    assert not list(tmp_path.iterdir())


def test_facts_and_the_run_meet_in_one_file(tmp_path: Path) -> None:
    note_run(tmp_path, id="x", status="running")
    save_manifest(tmp_path, {"seed": 7, "data": {"fingerprint": "abc"}})
    note_run(tmp_path, status="done")
    found = read_manifest(tmp_path)
    assert found["run"] == {"id": "x", "status": "done"}
    assert found["seed"] == 7
    assert found["environment"]["kernels"] == compiler.fingerprint()
    assert {"numpy", "numba", "pandas", "vectorbt", "llvmlite"} <= set(found["environment"]["packages"])
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_equal_facts_give_equal_bytes(tmp_path: Path) -> None:
    for name, facts in (("a", {"x": 1, "y": {"b": 1, "a": 2}}), ("b", {"y": {"a": 2, "b": 1}, "x": 1})):
        (tmp_path / name).mkdir()
        save_manifest(tmp_path / name, facts)
    assert (tmp_path / "a" / "manifest.json").read_bytes() == (tmp_path / "b" / "manifest.json").read_bytes()


def test_our_own_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'run'"):
        save_manifest(tmp_path, {"run": {}})


@pytest.mark.parametrize("status", ["done", "failed", "interrupted"])
def test_the_capsule_of_an_ended_run_stays_as_it_is(tmp_path: Path, status: str) -> None:
    note_run(tmp_path, id="x", status="running")
    refuse_ended(tmp_path)
    note_run(tmp_path, status=status)
    before = (tmp_path / "manifest.json").read_bytes()
    for write in (refuse_ended, lambda folder: save_manifest(folder, {"seed": 1})):
        with pytest.raises(InputError, match=f"^output: received .*whose run is {status}; leave it empty, or name"):
            write(tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_no_variable_of_the_environment_gets_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_SECRET", "never-write-this")
    save_manifest(tmp_path, {"seed": 1})
    assert "never-write-this" not in (tmp_path / "manifest.json").read_text()


def test_what_json_cannot_hold_becomes_plain() -> None:
    odd = {
        "nan": float("nan"), "inf": np.inf, "int": np.int64(3), "flag": np.bool_(True), 5: (1, 2), "set": {"b", "a"},
        "nat": pd.NaT, "time": pd.Timestamp("2024-01-01", tz="UTC"), "path": Path("x"), "array": np.float32(0.5),
    }  # fmt: skip
    assert json.loads(json.dumps(plain(odd), allow_nan=False)) == {
        "nan": None, "inf": None, "int": 3, "flag": True, "5": [1, 2], "set": ["a", "b"],
        "nat": None, "time": "2024-01-01 00:00:00+00:00", "path": "x", "array": 0.5,
    }  # fmt: skip


def _git(folder: Path, *command: str) -> None:
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", "-C", str(folder), *identity, *command], check=True, capture_output=True)


def test_the_code_revision_names_the_commit_and_changes(tmp_path: Path) -> None:
    file = tmp_path / "package" / "code.py"
    file.parent.mkdir()
    file.write_text("x = 1\n")
    assert revision(file) is None
    _git(tmp_path, "init")
    revision.cache_clear()
    assert revision(file) is None  # not tracked: somebody else's checkout
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "commit", "-m", "one")
    revision.cache_clear()
    clean = revision(file)
    assert clean is not None
    assert len(clean["commit"]) == 40
    assert not clean["dirty"]
    file.write_text("x = 2\n")
    revision.cache_clear()
    assert revision(file) == {"commit": clean["commit"], "dirty": True}


def test_the_environment_says_what_computes() -> None:
    found = environment()
    assert set(found) == {"python", "implementation", "platform", "cryptolab", "source", "packages", "kernels", "code"}
    assert platform.system() in found["platform"]
    assert platform.release() not in found["platform"]  # the build of a kernel changes no number
