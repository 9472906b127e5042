"""The main job's report, from the command line to a reader's browser."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

from cryptolab.backtesting import BacktestEngine
from cryptolab.data_fetchers import simulate
from cryptolab.signal_generator import ema_cross
from tests.browser.chrome import Chrome, Page
from tests.browser.conftest import ROOT

PHONE, DESK = (390, 844), (1280, 900)
SECTIONS = (
    "Data", "Strategy", "buy-and-hold", "Equity", "Monthly", "Trades on candles", "market regime", "fills", "Checks",
)  # fmt: skip
# every drawn figure, with how many marks (paths with a shape) its plot areas hold
FIGURES = """[...document.querySelectorAll('.js-plotly-plot')].map(figure => ({
    svg: figure.querySelectorAll('svg.main-svg').length,
    width: figure.getBoundingClientRect().width,
    marks: [...figure.querySelectorAll('.cartesianlayer path')].filter(path => path.getAttribute('d')).length,
}))"""


def open_report(chrome: Chrome, folder: Path, size: tuple[int, int]) -> Page:
    """Open the report as a reader does and scroll through it, so that figures drawn on sight are drawn."""
    page = chrome.open(folder / "study.html", *size)
    page.evaluate("""(async () => {
        for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight / 2) {
            scrollTo(0, y);
            await new Promise(done => setTimeout(done, 60));
        }
        scrollTo(0, 0);
    })()""")
    page.wait("document.querySelectorAll('.js-plotly-plot svg.main-svg').length >= 2")
    return page


def test_the_run_leaves_what_it_promises(study: Path) -> None:
    files = {"study.ipynb", "study.html", "metrics.json", "manifest.json", "tearsheet.html"}
    assert {path.name for path in study.iterdir()} == files
    book = nbformat.read(study / "study.ipynb", as_version=4)
    printed = [out for cell in book.cells for out in cell.get("outputs", []) if out.output_type == "stream"]
    assert printed == []  # no warning, no debugging left over
    assert (study / "study.html").stat().st_size < 8e6


def test_the_numbers_are_the_engines(study: Path, manifest: dict[str, Any]) -> None:
    params = yaml.safe_load((ROOT / "params" / "demo.yaml").read_text())
    bars = simulate(**{"seed": params["seed"], **params["data"]["simulated"], "bars": 5000})
    parameters = {**params["strategy_params"], "fast": 12}
    result = BacktestEngine(params["backtest"]).run(bars, ema_cross(bars, **parameters))
    metrics = json.loads((study / "metrics.json").read_text())["strategy"]
    for name in ("total_return", "sharpe_ratio", "max_drawdown", "n_trades", "profit_factor", "fees_paid"):
        assert math.isclose(metrics[name], result[name], rel_tol=1e-9), name
    assert manifest["data"]["fingerprint"] == bars.fingerprint
    assert manifest["strategy"]["parameters"] == parameters
    assert manifest["strategy"]["source_hash"] == ema_cross.source_hash
    assert manifest["seed"] == params["seed"]
    assert manifest["run"]["status"] == "done"


@pytest.mark.browser
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_report_opens_offline_and_draws(chrome: Chrome, study: Path, size: tuple[int, int]) -> None:
    page = open_report(chrome, study, size)
    figures = page.evaluate(FIGURES)
    assert len(figures) >= 2
    for figure in figures:
        assert figure["svg"] >= 1
        assert figure["marks"] > 2
        assert 0 < figure["width"] <= size[0]
    text = page.evaluate("document.body.innerText")
    assert "SIMULATED" in text
    assert "educational" in text
    assert [section for section in SECTIONS if section.lower() not in text.lower()] == []
    assert "In [" not in text
    # wide tables scroll in their own box; the page itself never moves sideways
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.complaints == []
    assert leaving(page, study / "study.html") == []
    assert len(page.screenshot(study.parent / f"{size[0]}.png").read_bytes()) > 50_000


@pytest.mark.browser
def test_markup_in_a_title_stays_text(chrome: Chrome, study: Path) -> None:
    page = open_report(chrome, study, DESK)
    assert page.evaluate("document.title") == '<b id=injected>R&D</b> "study"'
    assert page.evaluate("document.getElementById('injected')") is None
    assert '<b id=injected>R&D</b> "study"' in page.evaluate("document.body.innerText")


@pytest.mark.real_data
def test_the_study_of_real_hours(real_study: Path) -> None:
    manifest = json.loads((real_study / "manifest.json").read_text())
    assert manifest["data"]["spec"]["file"] == "${CRYPTOLAB_REAL_DATA}/ohlcv/BTCUSDT/1h.parquet"
    assert manifest["data"]["symbol"] == "BTC/USDT"
    assert not manifest["data"]["simulated"]
    assert manifest["data"]["bars"] > 70_000
    assert json.loads((real_study / "metrics.json").read_text())["strategy"]["n_trades"] > 100


@pytest.mark.browser
@pytest.mark.real_data
def test_the_report_of_real_hours_draws(chrome: Chrome, real_study: Path) -> None:
    page = open_report(chrome, real_study, DESK)
    text = page.evaluate("document.body.innerText")
    assert "BTC/USDT" in text
    assert "SIMULATED" not in text
    assert page.complaints == []
    assert all(figure["marks"] > 2 for figure in page.evaluate(FIGURES))
    assert not (real_study / "tearsheet.html").exists()  # its params file does not ask for one


@pytest.mark.browser
def test_the_report_links_the_tearsheet(chrome: Chrome, study: Path) -> None:
    page = open_report(chrome, study, DESK)
    links = page.evaluate("[...document.querySelectorAll('a[href$=html]')].map(link => link.href)")
    assert links == [(study / "tearsheet.html").resolve().as_uri()]


@pytest.mark.browser
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_tearsheet_opens_offline(chrome: Chrome, study: Path, size: tuple[int, int]) -> None:
    page = chrome.open(study / "tearsheet.html", *size)
    page.wait("document.querySelectorAll('figure svg').length == 14")
    widths = page.evaluate("[...document.querySelectorAll('figure svg')].map(one => one.getBoundingClientRect().width)")
    assert all(250 < width <= size[0] for width in widths)
    text = page.evaluate("document.body.innerText")
    assert '<b id=injected>R&D</b> "study"' in text
    assert page.evaluate("document.getElementById('injected')") is None
    assert page.evaluate("getComputedStyle(document.querySelector('.ribbon')).position") == "fixed"
    assert [words for words in ("SIMULATED", "Read with care", "Key figures", "educational") if words not in text] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.complaints == []
    assert leaving(page, study / "tearsheet.html") == []
    assert len(page.screenshot(study.parent / f"tearsheet-{size[0]}.png").read_bytes()) > 50_000


def leaving(page: Page, file: Path) -> list[str]:
    """Return the addresses that a page asked for, but for its own."""
    return [url for url in page.requests if not url.startswith(("data:", "blob:")) and url != file.resolve().as_uri()]
