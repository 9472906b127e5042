"""Is everything here that cryptolab needs? What is missing is named with the command that brings it."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import cryptolab
from cryptolab.errors import CryptolabError
from cryptolab.jobs.requirements import required, version

OK, MISSING, BROKEN = "ok", "missing", "broken"


class Finding(NamedTuple):
    """state: ok, missing (an optional thing that is not there) or broken (a required one). advice: what to do."""

    what: str
    state: str
    found: str
    advice: str = ""


def examine() -> list[Finding]:
    """Return what was found: versions, optional parts, settings, folders, the kernel cache, recorded market data."""
    return [*_versions(), *_parts(), *_folders(), _kernel_cache(), _real_data()]


def _versions() -> list[Finding]:
    fits = (3, 11) <= sys.version_info[:2] <= (3, 13)
    python = f"{platform.python_version()} ({sys.executable})"
    findings = [
        Finding("cryptolab", OK, cryptolab.__version__),
        Finding("python", OK if fits else BROKEN, python, "" if fits else "install Python 3.11, 3.12 or 3.13"),
    ]
    if version("cryptolab") is None:
        found = f"run from {Path(cryptolab.__file__).parent.parent}, not installed"
        findings.append(Finding("installation", OK, found, _install("")))
    for name in required().get("", []):
        given = version(name)
        findings.append(Finding(name, OK if given else BROKEN, given or "not installed", "" if given else _install("")))
    return findings


def _parts() -> list[Finding]:
    findings = []
    for part, packages in required().items():
        if not part:
            continue
        found = {name: version(name) for name in packages}
        state = OK if all(found.values()) else MISSING
        shown = ", ".join(f"{name} {given or 'not installed'}" for name, given in found.items())
        findings.append(Finding(f"optional part {part}", state, shown, "" if state == OK else _install(part)))
    return findings


def _install(part: str) -> str:
    """Return the command that installs a part: from the checkout with its pins, where cryptolab is run from one."""
    name = f"[{part}]" if part else ""
    checkout = Path(cryptolab.__file__).parent.parent
    if (checkout / "constraints.txt").is_file():
        return f'cd "{checkout}" && "{sys.executable}" -m pip install -c constraints.txt -e ".{name}"'
    return f'"{sys.executable}" -m pip install "cryptolab{name}"'


def _folders() -> list[Finding]:
    from cryptolab.settings import load_settings, project_root

    try:
        root = project_root()
    except CryptolabError as error:
        return [Finding("project", BROKEN, str(error), "cd into the project, or set CRYPTOLAB_HOME")]
    findings = [Finding("project", OK, str(root))]
    try:
        settings = load_settings()
    except CryptolabError as error:
        return [*findings, Finding("settings", BROKEN, str(error), "correct config.yaml, .env or the environment")]
    findings.append(Finding("settings", OK, "config.yaml, .env and the environment are understood"))
    folders = ("data_dir", "reports_dir", "logs_dir")
    return [*findings, *(_writable(name, getattr(settings, name)) for name in folders)]


def _writable(name: str, folder: Path) -> Finding:
    """Try the folder, or where it would be made the nearest one above it, with a real file."""
    place = next(candidate for candidate in (folder, *folder.parents) if candidate.exists())
    try:
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        return Finding(name, BROKEN, f"{folder} ({error.strerror})", f"make it writable, or set {name} in config.yaml")
    return Finding(name, OK, str(folder) if place == folder else f"{folder} (made when first used)")


def _kernel_cache() -> Finding:
    try:
        from cryptolab.kernels.compiler import cache_folder

        folder = cache_folder()
    except Exception as error:  # numba that does not load is what a doctor is for
        return Finding("kernel cache", BROKEN, f"{type(error).__name__}: {error}", _install(""))
    count = len(list(folder.glob("*.nbc")))
    kept = Path(tempfile.gettempdir()) not in folder.parents
    advice = "" if kept else "set CRYPTOLAB_KERNEL_CACHE to a folder that stays, else kernels are compiled again"
    return Finding("kernel cache", OK, f"{folder} ({count} compiled)", advice)


def _real_data() -> Finding:
    from cryptolab.reporting.sources import REAL_DATA, locate

    named = os.environ.get(REAL_DATA)
    try:
        folder = Path(named) if named else locate(f"${{{REAL_DATA}}}")
    except CryptolabError:
        return Finding("real data", MISSING, "no project to look beside", f"set {REAL_DATA} to a folder of candles")
    if folder.is_dir():
        return Finding("real data", OK, str(folder.resolve()))
    return Finding("real data", MISSING, f"no folder {folder}", f"set {REAL_DATA} to a folder of recorded candles")
