"""The Makefile's promises: one line of help per target, an interpreter that really runs, no work done twice."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKE = shutil.which("make")
TARGETS = {"help", "env", "study", "test", "test-slow", "check", "format", "bench", "lock", "clean"}

pytestmark = pytest.mark.skipif(MAKE is None, reason="no make on the PATH: sudo apt-get install make")


@pytest.fixture
def checkout(tmp_path):
    """A folder with what `make env` reads, and an own PATH of nothing but `sh`."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "touch", "mkdir"):
        (tools / name).symlink_to(shutil.which(name))
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in `folder` with its own PATH, as a fresh machine would."""
    environment = {"PATH": str(folder / "tools"), "HOME": str(folder)}
    command = [str(MAKE), "--no-print-directory", "SHELL=" + str(shutil.which("sh")), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def script(folder: Path, name: str, *lines: str) -> None:
    """Put an executable shell script on the PATH of `make`."""
    path = folder / "tools" / name
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


def fake_python(folder: Path, name: str) -> None:
    """A Python that answers the questions of the Makefile and makes an environment of one silent interpreter."""
    script(
        folder, name,
        'echo "$0 $*" >> made.log',
        'if [ "$2" = venv ]; then',
        "    mkdir -p .venv/bin && touch .venv/bin/pip",
        "    printf '#!/bin/sh\\necho \"$*\" >> made.log\\n' > .venv/bin/python",
        f"    {shutil.which('chmod')} +x .venv/bin/python",
        "fi",
    )  # fmt: skip


def test_help_lists_every_target_in_one_line():
    done = subprocess.run([str(MAKE)], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("make ")]
    assert {line.split()[1] for line in lines} == TARGETS
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == TARGETS


def test_an_interpreter_that_fails_when_run_is_passed_over(checkout):
    script(checkout, "python3.13", "echo 'shim: python3.13: command not found' >&2", "exit 127")
    script(checkout, "python3.12", "exit 1")
    fake_python(checkout, "python3.11")
    done = make(checkout, ".venv/bin/pip")
    assert done.returncode == 0, done.stderr
    assert "shim" not in done.stderr
    assert "python3.11 -m venv .venv" in (checkout / "made.log").read_text()


def test_without_an_interpreter_one_sentence_says_what_to_install(checkout):
    script(checkout, "python3", "exit 1")
    done = make(checkout, "env")
    assert done.returncode != 0
    first = done.stderr.splitlines()[0]
    assert first.startswith("There is no Python 3.11, 3.12 or 3.13 with its venv module: install one")
    assert "make PYTHON=" in first


def test_a_named_interpreter_is_the_only_one_tried(checkout):
    fake_python(checkout, "python3.11")
    done = make(checkout, "env", "PYTHON=/absent/python")
    assert done.returncode != 0
    assert done.stderr.startswith("PYTHON=/absent/python is not Python 3.11, 3.12 or 3.13")


def test_the_pins_are_installed_once_and_again_when_they_change(checkout):
    fake_python(checkout, "python3.11")
    installs = [make(checkout, "env") and (checkout / "made.log").read_text().count(" install ") for _ in range(2)]
    assert installs == [1, 1]
    later = (checkout / ".venv" / ".core").stat().st_mtime + 10
    os.utime(checkout / "constraints.txt", (later, later))
    make(checkout, "env")
    log = (checkout / "made.log").read_text()
    assert log.count("-c constraints.txt -e .") == 2
    assert log.count("venv .venv") == 1


def test_the_notebooks_kernel_is_this_interpreter():
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import KernelManager

    spec = KernelSpecManager().get_kernel_spec("python3")
    assert Path(spec.resource_dir).is_relative_to(sys.prefix) or spec.argv[0] == sys.executable
    manager = KernelManager(kernel_name="python3")
    assert Path(manager.format_kernel_cmd()[0]).resolve() == Path(sys.executable).resolve()
