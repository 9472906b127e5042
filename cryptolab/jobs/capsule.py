"""The run capsule, `manifest.json`: everything a run was made from, so that its numbers can be made again.

The notebook writes what it computed from (`save_manifest`), the runner what it ran and how that ended (`note_run`).
Nothing of the environment is written but what is named here: variables may hold secrets.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import cryptolab
from cryptolab.checks import refuse
from cryptolab.jobs.requirements import versions
from cryptolab.kernels import compiler

FILE = "manifest.json"
OURS = ("run", "environment")
RUNNING, DIED = "running", "died"
"""A run's status while it runs; how it is read where its process was killed, and could write no more."""


def save_manifest(folder: str | Path, facts: Mapping[str, Any]) -> None:
    """Write `facts` (data, parameters, strategy, seed) and the environment into `folder`/manifest.json.

    What is there already under other names stays. An empty `folder` writes nothing, so that a notebook run by hand
    leaves no trace. Raises InputError when a fact has a name of ours (run, environment), and for the folder of a run
    that has ended.
    """
    if not str(folder):
        return
    refuse_ended(folder)
    for name in facts:
        if name in OURS:
            refuse("facts", f"the name {name!r}", "choose another: the runner writes it")
    _update(Path(folder), {**facts, "environment": environment()})


def refuse_ended(folder: str | Path) -> None:
    """Refuse a folder whose run has ended, before anything of it is written over; one without a run is anybody's."""
    status = read_manifest(Path(folder)).get("run", {}).get("status", RUNNING)
    if status != RUNNING:
        refuse("output", f"{str(folder)!r}, whose run is {status}", "leave it empty, or name a folder of your own")


def note_run(folder: Path, **run: Any) -> None:
    """Add to the run's section of `folder`/manifest.json: id, job, params, times, status."""
    before = read_manifest(folder)
    section = {**before.get("run", {}), **run}
    _update(folder, {"run": section, "environment": before.get("environment") or environment()})


def running_mark(folder: Path) -> Path:
    """Return the file that a run holds locked as long as its process lives."""
    return folder / ".running"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest in `folder`, {} where there is none."""
    path = folder / FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def environment() -> dict[str, Any]:
    """Return the interpreter, the system's kind, package versions, the kernels' fingerprint and the code revisions."""
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "platform": " ".join(filter(None, (platform.system(), platform.machine(), *platform.libc_ver()))),
        "cryptolab": cryptolab.__version__,
        "packages": versions(),
        "source": own_source(),
        "kernels": compiler.fingerprint(),
        "code": revision(Path(cryptolab.__file__)),
    }


@cache
def own_source() -> str:
    """Return SHA-256 of all of cryptolab's Python files: a version's number stays the same while it is worked on."""
    root = Path(cryptolab.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@cache
def revision(file: Path) -> dict[str, Any] | None:
    """Return {"commit", "dirty"} of the git checkout that `file` is tracked in; None where there is none, or no git.

    An installed package inside somebody else's checkout is not tracked there, and so is not taken for it.
    """
    if _git(file.parent, "ls-files", "--error-unmatch", file.name) is None:
        return None
    commit = _git(file.parent, "rev-parse", "--verify", "HEAD")
    changes = _git(file.parent, "status", "--porcelain")
    return None if commit is None else {"commit": commit.strip(), "dirty": bool(changes)}


def _git(folder: Path, *command: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *command], capture_output=True, text=True, timeout=20, check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _update(folder: Path, content: Mapping[str, Any]) -> None:
    """Write the manifest with `content` over what it holds, whole or not at all."""
    text = json.dumps(plain({**read_manifest(folder), **content}), indent=2, sort_keys=True, allow_nan=False)
    draft = folder / f"{FILE}.part"
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(folder / FILE)


def plain(value: Any) -> Any:
    """Return `value` as JSON can hold it: NaN and infinities as null, numpy's numbers as Python's, the rest as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(entry) for entry in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return plain(value.item())
    return None if type(value).__name__ == "NaTType" else str(value)
