from __future__ import annotations

from pathlib import Path

import pytest

from cryptolab.jobs import doctor, requirements
from cryptolab.jobs.doctor import BROKEN, MISSING, OK, examine


def _found(what: str) -> doctor.Finding:
    return next(finding for finding in examine() if finding.what == what)


def test_a_sound_installation_has_nothing_broken(home: Path) -> None:
    findings = examine()
    assert [finding for finding in findings if finding.state == BROKEN] == []
    names = [finding.what for finding in findings]
    assert len(names) == len(set(names))
    assert {"cryptolab", "python", "numba", "vectorbt", "optional part ml", "optional part lstm"} <= set(names)
    assert {"settings", "reports_dir", "logs_dir", "data_dir", "kernel cache", "real data"} <= set(names)


def test_what_is_missing_comes_with_its_command(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = requirements.version
    monkeypatch.setattr(doctor, "version", lambda name: None if name in ("numba", "tensorflow") else real(name))
    part = _found("optional part lstm")
    assert part.state == MISSING
    assert part.found == "tensorflow not installed"
    assert "pip install" in part.advice
    assert "[lstm]" in part.advice
    assert _found("numba").state == BROKEN


def test_settings_that_are_wrong_are_named(home: Path) -> None:
    with (home / "config.yaml").open("a") as file:
        file.write("\nreprots_dir: x\n")
    assert _found("settings").state == BROKEN
    assert "reports_dir" in _found("settings").found


def test_a_folder_that_cannot_be_written_is_broken(home: Path) -> None:
    (home / "blocked").write_text("")
    (home / "config.yaml").write_text("reports_dir: blocked/reports\n")
    found = _found("reports_dir")
    assert found.state == BROKEN
    assert "reports_dir" in found.advice
    assert _found("logs_dir").state == OK
    assert not (home / "logs").exists()  # looking makes nothing


def test_real_data_is_optional(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRYPTOLAB_REAL_DATA", str(tmp_path / "nowhere"))
    assert _found("real data").state == MISSING
    monkeypatch.setenv("CRYPTOLAB_REAL_DATA", str(tmp_path))
    assert _found("real data").state == OK


def test_without_a_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRYPTOLAB_HOME", str(tmp_path / "nowhere"))
    assert _found("project").state == BROKEN


def test_requirements_are_those_of_the_project() -> None:
    found = requirements.required()
    assert {"numpy", "pandas", "typer", "papermill"} <= set(found[""])
    assert "tensorflow" in found["lstm"]
    assert not {"dev", "all"} & set(found)
    assert "hypothesis" not in requirements.versions()


def test_a_checkout_that_is_not_installed_knows_its_requirements(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_: str) -> None:
        raise requirements.metadata.PackageNotFoundError

    installed = requirements.required()
    monkeypatch.setattr(requirements.metadata, "requires", absent)
    found = requirements.required()
    assert set(found) == set(installed)
    assert all(sorted(found[part]) == sorted(installed[part]) for part in found)  # an installer sorts in its own way
