"""A report on paper: figures get its width while it is printed, and the screen's back afterwards; nothing is cut."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cryptolab.reporting import Study
from tests.conftest import chromium

PAPER = 717
"""CSS pixels between the default margins of an A4 sheet; Letter has 739."""
_MEASURE = """<pre id="found"></pre><script>addEventListener("load", () => {
  const measure = (name) => {
    const widths = [...document.querySelectorAll(".cl-plot .main-svg:first-child")].map((part) => part.clientWidth);
    document.getElementById("found").textContent += `${name} ${Math.min(...widths)} ${Math.max(...widths)}\\n`;
  };
  measure("screen");
  dispatchEvent(new Event("beforeprint"));
  measure("paper");
  dispatchEvent(new Event("afterprint"));
  setTimeout(() => measure("again"), 500);
});</script>"""


def browse(page: Path, *flags: str) -> str:
    """Run a headless browser on a page and return what it prints."""
    browser = chromium()
    assert browser is not None
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", *quiet,
        f"--user-data-dir={page.parent / 'profile'}", "--window-size=1300,900", "--virtual-time-budget=5000", *flags,
        page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.fixture
def page(study: Study, tmp_path: Path) -> Path:
    """The widest sheets of a study as a page."""
    parts = (study.opening(), study.equity(), study.trades(), study.sensitivity())
    body = "".join(part.html for part in parts)
    path = tmp_path / "page.html"
    path.write_text(f'<!doctype html><meta charset="utf-8"><body class="jp-Notebook">{body}{_MEASURE}')
    return path


@pytest.mark.browser
def test_figures_fit_the_paper_and_then_the_screen_again(page: Path) -> None:
    shown = browse(page, "--dump-dom")
    found = {}
    for line in shown.rpartition('<pre id="found">')[2].partition("</pre>")[0].split("\n"):
        if line:
            name, *widths = line.split()
            found[name] = [int(width) for width in widths]
    assert found["screen"][0] > PAPER
    assert 600 < found["paper"][0] == found["paper"][1] < PAPER
    assert found["again"] == found["screen"]
