"""The sweep job's report, from the command line to a reader's browser."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.browser.chrome import Chrome
from tests.browser.conftest import run_study

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep over 3,000 simulated hours."""
    home = tmp_path_factory.mktemp("sweep") / "home"
    return run_study(home, "--set", "data.simulated.bars=3000", job="sweep")


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)])
def test_it_opens_without_a_network_and_draws_its_figures(chrome: Chrome, report: Path, size: tuple[int, int]) -> None:
    page = chrome.open(report / "sweep.html", *size)
    page.wait("document.querySelectorAll('.js-plotly-plot .cartesianlayer').length == 2")
    assert [address for address in page.requests if not address.startswith(("file:", "data:", "blob:"))] == []
    assert page.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.querySelectorAll('.heatmaplayer image').length") == 1
    assert page.evaluate("document.title") == "EMA crosses on the simulated market"


def test_the_page_holds_no_progress_and_no_code(report: Path) -> None:
    html = (report / "sweep.html").read_text()
    assert "sets/s" not in html
    assert "SweepReport(" not in html
    assert "Traceback" not in html


def test_the_folder_holds_every_set_and_the_capsule(report: Path) -> None:
    assert len(pd.read_parquet(report / "sweep.parquet")) == 139
    numbers = json.loads((report / "metrics.json").read_text())
    manifest = json.loads((report / "manifest.json").read_text())
    assert numbers["sets"] == manifest["sets"] == 139
    assert manifest["run"]["status"] == "done"
    assert manifest["strategy"]["name"] == "ema_cross"
