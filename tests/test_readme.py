"""Every code block of the README runs, in the order of the page: what it promises a reader is what he gets."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
COMMANDS = [
    line.partition("#")[0].strip()
    for language, text in BLOCKS
    if language == "bash"
    for line in text.splitlines()
    if line.partition("#")[0].strip()
]


def test_the_readme_has_blocks_and_each_is_of_a_kind_that_is_run() -> None:
    assert len(PYTHON) >= 3
    assert len(COMMANDS) >= 4
    assert {language for language, _ in BLOCKS} == {"python", "bash"}


def test_the_first_blocks_to_the_last_run_as_one_program(home: Path, tmp_path: Path) -> None:
    """A file of its own and a process of its own, as a reader would have it; warnings fail it as everywhere."""
    program = tmp_path / "readme.py"
    program.write_text("\n\n".join(textwrap.dedent(text) for text in PYTHON))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)], cwd=home, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "sharpe_ratio" in done.stdout


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("cryptolab ")])
def test_each_command_runs(home: Path, command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)], cwd=home, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("command", [command for command in COMMANDS if not command.startswith("cryptolab ")])
def test_every_other_command_is_a_make_target_with_a_recipe(command: str) -> None:
    """`make study` and `make test` install: running them from within a test would run this test again."""
    program, target = shlex.split(command)
    assert program == "make"
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{target}:.*\n\t", makefile, re.MULTILINE), f"no recipe for {target}"


def test_every_file_the_page_links_to_exists() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", README):
        assert (ROOT / target).exists(), target
