"""The files that say what to install agree, and work on any machine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
PIN_FILES = ("constraints.txt", "environment.yml", "requirements.lock", "requirements.txt")


def normal(name: str) -> str:
    """Return a package's name as the index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required(lines: list[str]) -> set[str]:
    """Return the names in requirement lines, our own extras left out."""
    names = {normal(re.split(r"[\[<>=~!; ]", line, maxsplit=1)[0]) for line in lines}
    return names - {PROJECT["name"]}


def pins(name: str) -> dict[str, str]:
    """Return package -> version of a file of `package==version` lines, with or without hashes."""
    found = re.findall(r"^([\w.-]+)==([^\s;\\]+)", (ROOT / name).read_text(), re.MULTILINE)
    versions = {normal(package): version for package, version in found}
    assert len(versions) == len(found), f"{name} pins a package twice: one version must serve every Python"
    return versions


def test_constraints_pin_every_package_pyproject_names():
    named = required([*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines)])
    assert named <= pins("constraints.txt").keys()


def test_lock_pins_the_core_at_the_versions_of_constraints():
    lock, constraints = pins("requirements.lock"), pins("constraints.txt")
    assert required(PROJECT["dependencies"]) <= lock.keys()
    assert lock == {name: constraints[name] for name in lock}


def test_lock_has_a_hash_for_every_package():
    blocks = re.split(r"^(?=[\w.-]+==)", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE)
    assert all("--hash=sha256:" in block for block in blocks if block.strip())


def test_requirements_install_the_project_with_the_pins():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["-c constraints.txt", "-e ."]


def test_conda_brings_python_and_pip_and_the_same_pins():
    *conda, rest = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert conda == [f"python{PROJECT['requires-python']}", "pip"]
    assert rest == {"pip": ["-r requirements.txt"]}


def test_extras_are_the_promised_ones_and_all_holds_every_part():
    assert set(EXTRAS) == {"ml", "lstm", "llm", "dask", "dev", "all"}
    assert EXTRAS["all"] == ["cryptolab[ml,lstm,llm,dask]"]


@pytest.mark.parametrize("name", PIN_FILES)
def test_pin_files_name_no_host_and_no_path_of_a_machine(name):
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert not re.search(r"(^|\s)(/|~/|[A-Z]:\\)\w|--find-links|--index-url|index", text, re.MULTILINE)
