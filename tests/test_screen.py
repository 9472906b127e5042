"""Who watches, told without loading anything heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cryptolab import screen


@pytest.mark.parametrize(("notebook", "terminal", "watched"), [(0, 0, 0), (0, 1, 1), (1, 0, 1)])
def test_a_terminal_or_a_notebook_is_watched(
    monkeypatch: pytest.MonkeyPatch, notebook: int, terminal: int, watched: int
) -> None:
    monkeypatch.setattr(screen, "in_notebook", lambda: bool(notebook))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: bool(terminal), raising=False)
    assert screen.watched() == bool(watched)


def test_a_script_is_no_notebook() -> None:
    assert not screen.in_notebook()


def test_the_question_brings_nothing_heavy_along() -> None:
    code = "import sys, cryptolab.screen; print([name for name in ('pandas', 'numpy', 'numba') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
