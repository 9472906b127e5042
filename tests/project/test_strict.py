"""Skips: each says what enables it, and under CRYPTOLAB_STRICT any but the absent real data fails the run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = {
    "passes": "def test_it(): pass",
    "real": "import pytest\n@pytest.mark.real_data\ndef test_it(real_data): pass",
    "fixture": "def test_it(real_data): pass",
    "browser": "import pytest\n@pytest.mark.browser\ndef test_it(browser): pass",
    "skips": "import pytest\ndef test_it(): pytest.skip('no teapot: brew teapot')",
    "module": "import pytest\npytest.skip('no kettle', allow_module_level=True)",
    "expected": "import pytest\n@pytest.mark.xfail\ndef test_it(): assert False",
    "fails": "def test_it(): assert False",
}


@pytest.fixture
def run(tmp_path):
    """Run pytest in a folder of its own with our conftest.py on the named tests; no browser, no real data."""
    tests = tmp_path / "checkout" / "tests"
    tests.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "conftest.py", tests)
    shutil.copy(ROOT / "pyproject.toml", tests.parent)

    def run(*names: str, strict: bool = True) -> subprocess.CompletedProcess[str]:
        for name in names:
            (tests / f"test_{name}.py").write_text(TESTS[name])
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CRYPTOLAB_", "PYTEST_"))}
        environment = kept | {"PATH": "/absent"} | ({"CRYPTOLAB_STRICT": "1"} if strict else {})
        command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider"]
        return subprocess.run(command, cwd=tests.parent, env=environment, capture_output=True, text=True, check=False)

    return run


def test_the_absent_folder_of_real_data_may_be_skipped(run):
    done = run("passes", "real", "fixture", "expected")
    assert done.returncode == 0, done.stdout
    assert "no real data at " in done.stdout
    assert "CRYPTOLAB_REAL_DATA=FOLDER make test" in done.stdout


@pytest.mark.parametrize("name", ["browser", "skips", "module"])
def test_any_other_skip_fails_a_strict_run_and_is_named(run, name):
    done = run("passes", name)
    assert done.returncode == 1
    assert "skips that fail this run" in done.stdout
    assert f"tests/test_{name}.py" in done.stdout
    assert "1 passed, 1 skipped" in done.stdout.splitlines()[-1]


def test_a_skip_passes_where_a_person_runs_the_tests(run):
    done = run("passes", "browser", "skips", strict=False)
    assert done.returncode == 0, done.stdout
    assert "sudo apt-get install chromium" in done.stdout


def test_a_failure_stays_a_failure(run):
    assert run("fails", "skips").returncode == 1
