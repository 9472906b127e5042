"""Compiled once per machine, never stale: shown on a copy of the package, with processes of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import cryptolab

CALLED = """
from cryptolab.kernels.compiler import kernel

@kernel
def inner(x):
    return x + {number}.0
"""
CALLER = """
from cryptolab.kernels.compiler import kernel
from cryptolab.kernels.probe_called import inner

@kernel
def outer(x):
    return inner(x) * 2.0
"""
RUN = """
from cryptolab.kernels.probe_caller import outer
print(outer(1.0), sum(outer.stats.cache_hits.values()), sum(outer.stats.cache_misses.values()))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a copy of the package and two kernels more, one of which calls the other."""
    package = tmp_path / "cryptolab"
    source = Path(cryptolab.__file__).parent
    (package / "kernels").mkdir(parents=True)
    (package / "__init__.py").touch()
    for name in ("__init__.py", "compiler.py"):
        shutil.copy(source / "kernels" / name, package / "kernels")
    (package / "kernels" / "probe_called.py").write_text(CALLED.format(number=1))
    (package / "kernels" / "probe_caller.py").write_text(CALLER)
    return tmp_path


def start(copy: Path, code: str, **environment: str) -> subprocess.Popen:
    """Start a process that sees the copy, with a kernel cache of its own."""
    kept = {k: v for k, v in os.environ.items() if k not in ("CRYPTOLAB_KERNEL_CACHE", "XDG_CACHE_HOME", "PYTHONPATH")}
    settings = {"PYTHONPATH": str(copy), "CRYPTOLAB_KERNEL_CACHE": str(copy / "cache"), **environment}
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.Popen(
        command, cwd=copy, env=kept | settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen) -> list[float]:
    """Return the numbers the process printed; it must have ended well."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return [float(word) for word in out.split()]


def test_a_second_process_loads_and_an_edit_in_a_called_kernel_is_seen(copy: Path) -> None:
    assert finish(start(copy, RUN)) == [4.0, 0.0, 1.0]
    assert finish(start(copy, RUN)) == [4.0, 1.0, 0.0]
    (copy / "cryptolab" / "kernels" / "probe_called.py").write_text(CALLED.format(number=5))
    assert finish(start(copy, RUN)) == [12.0, 0.0, 1.0]


@pytest.mark.slow
def test_processes_that_compile_different_signatures_at_once_stay_apart(copy: Path) -> None:
    """Each begins with another type; afterwards one more process finds all of them, compiled by whomever."""
    code = """
import numpy as np
from cryptolab.kernels.probe_caller import outer
kinds = [np.float64, np.float32, np.int64, np.int32, np.uint8, np.complex128]
print(*(outer(kind(3)).real for kind in kinds[TURN:] + kinds[:TURN]), sum(outer.stats.cache_hits.values()))
"""
    running = [start(copy, code.replace("TURN", str(turn))) for turn in (0, 2, 4)]
    for process in running:
        assert finish(process)[:6] == [8.0] * 6
    assert finish(start(copy, code.replace("TURN", "0"))) == [8.0] * 6 + [6.0]


@pytest.mark.slow
def test_a_process_that_saves_waits_for_another_that_does(copy: Path) -> None:
    """numba gives two processes that save different signatures at once the same file: they have to take turns."""
    fcntl = pytest.importorskip("fcntl", reason="locks between processes are POSIX's")
    finish(start(copy, RUN))
    (folder,) = (copy / "cache").iterdir()
    with (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        waiting = start(copy, RUN.replace("print", "open('begun', 'w').close()\nprint").replace("1.0", "1"))
        while not (copy / "begun").exists():
            assert waiting.poll() is None
            time.sleep(0.05)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=5)
    assert finish(waiting) == [4.0, 0.0, 1.0]


def test_the_cache_is_in_the_users_cache_folder_unless_said_otherwise(copy: Path) -> None:
    home = copy / "home"
    home.mkdir()
    assert finish(start(copy, RUN, HOME=str(home), CRYPTOLAB_KERNEL_CACHE=""))[0] == 4.0
    assert len(list((home / ".cache" / "cryptolab" / "kernels").iterdir())) == 1
    assert finish(start(copy, RUN, HOME=str(home), CRYPTOLAB_KERNEL_CACHE="")) == [4.0, 1.0, 0.0]


def test_a_home_that_cannot_be_written_does_no_harm(copy: Path) -> None:
    """A file where the folder should be stops everybody; permissions would not stop root."""
    blocked = copy / "home"
    blocked.write_text("not a folder")
    temporary = copy / "temporary"
    temporary.mkdir()
    settings = {"HOME": str(blocked), "TMPDIR": str(temporary), "CRYPTOLAB_KERNEL_CACHE": ""}
    assert finish(start(copy, RUN, **settings)) == [4.0, 0.0, 1.0]
    assert finish(start(copy, RUN, **settings)) == [4.0, 1.0, 0.0]


def test_a_users_own_kernel_is_compiled_without_a_cache() -> None:
    from cryptolab.kernels.compiler import KERNELS, kernel

    @kernel
    def doubled(x: float) -> float:
        return x * 2

    assert doubled(2.0) == 4.0
    assert not any(name.endswith("doubled") for name in KERNELS)
    assert not doubled.stats.cache_path
