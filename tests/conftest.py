"""What all tests share: what a skip says and when it fails the run, Hypothesis' profiles, a small market, a project.

Tests write nothing into the repository: whoever needs a project's folder takes `home`, a copy under pytest's own.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import hypothesis
import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parent.parent
REAL_DATA = Path(os.environ.get("CRYPTOLAB_REAL_DATA") or ROOT.parent / "shared" / "data")
STRICT = bool(os.environ.get("CRYPTOLAB_STRICT"))
NO_REAL_DATA = f"no real data at {REAL_DATA}: CRYPTOLAB_REAL_DATA=FOLDER make test"
NO_BROWSER = "no Chromium on the PATH: sudo apt-get install chromium"

# A failing example must be the same on every machine of CI; a developer's machine looks for new ones on each run.
_PROFILE = {"deadline": None, "derandomize": STRICT, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("fast", max_examples=50, **_PROFILE)
hypothesis.settings.register_profile("slow", max_examples=1000, **_PROFILE)
hypothesis.settings.load_profile("fast")  # --hypothesis-profile=slow goes before it

_unwanted: list[str] = []


def chromium() -> str | None:
    """Return the path of a browser that speaks Chromium's command line, or None."""
    found = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    return next(filter(None, found), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine has no data or browser for; the reason says what enables it."""
    for item in items:
        if item.get_closest_marker("real_data") and not REAL_DATA.is_dir():
            item.add_marker(pytest.mark.skip(reason=NO_REAL_DATA))
        if item.get_closest_marker("browser") and chromium() is None:
            item.add_marker(pytest.mark.skip(reason=NO_BROWSER))


def _note_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not reason.endswith(NO_REAL_DATA):
            _unwanted.append(f"{report.nodeid}: {reason}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _note_skip(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _note_skip(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With CRYPTOLAB_STRICT, as in CI, any skip fails the run, the absent folder of real data excepted."""
    if STRICT and _unwanted and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if STRICT and _unwanted:
        terminalreporter.section("skips that fail this run (CRYPTOLAB_STRICT)", red=True)
        for line in _unwanted:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of recorded market data; tests that take it are marked `real_data`."""
    if not REAL_DATA.is_dir():
        pytest.skip(NO_REAL_DATA)
    return REAL_DATA


@pytest.fixture(scope="session")
def browser() -> str:
    """The path of a headless Chromium; tests that take it are marked `browser`."""
    path = chromium()
    if path is None:
        pytest.skip(NO_BROWSER)
    return path


@pytest.fixture
def hourly_frame() -> pd.DataFrame:
    """500 hourly bars from 2024-01-01 UTC: a seeded walk of 1 % steps, every open the close before, volume positive."""
    random = np.random.default_rng(7)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, 500)))
    open_ = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(open_, close) * (1.0 + random.uniform(0.0, 0.005, 500))
    low = np.minimum(open_, close) * (1.0 - random.uniform(0.0, 0.005, 500))
    index = pd.date_range("2024-01-01", periods=500, freq="h", tz="UTC")
    columns = {"open": open_, "high": high, "low": low, "close": close, "volume": random.uniform(1.0, 50.0, 500)}
    return pd.DataFrame(columns, index=index)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own: the repository's settings, notebooks, jobs and params, copied; CRYPTOLAB_HOME names it.

    Settings of the developer's own environment do not reach in.
    """
    for name in [name for name in os.environ if name.startswith(("CRYPTOLAB_", "BINANCE_", "OPENAI_", "REDIS_"))]:
        if name not in ("CRYPTOLAB_KERNEL_CACHE", "CRYPTOLAB_REAL_DATA", "CRYPTOLAB_STRICT"):
            monkeypatch.delenv(name)
    root = tmp_path / "home"
    root.mkdir()
    shutil.copy(ROOT / "config.yaml", root)
    for name in ("notebooks", "papermill_jobs", "params"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    monkeypatch.setenv("CRYPTOLAB_HOME", str(root))
    return root
