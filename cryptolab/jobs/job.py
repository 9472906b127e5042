"""A job: which notebook, with which parameters, into which outputs. One YAML file each, in `papermill_jobs/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptolab.checks import known_keys, one_of, refuse, unknown_name
from cryptolab.values import parse_yaml

OUTPUTS = ("html",)
FOLDER = "papermill_jobs"


@dataclass(frozen=True)
class Job:
    """name: the file's. file, notebook, params: absolute paths (in the file they start at the project's root); params
    is what a run takes when no other file is named, or None. outputs: what is made beside the notebook, of OUTPUTS."""

    name: str
    file: Path
    notebook: Path
    params: Path | None
    outputs: tuple[str, ...]


def load_job(name: str, root: Path) -> Job:
    """Return the job of that name in `root`/papermill_jobs, or the one in the YAML file that `name` is the path of.

    Raises UnknownNameError for a job or key that does not exist, InputError for a file that describes no job.
    """
    path = _job_file(name, root)
    what = f"job file {path.name}"
    content = read_yaml(path, what)
    known_keys(f"key in {what}:", content, ["notebook", "params", "outputs"])
    if not isinstance(content.get("notebook"), str):
        refuse(what, "no notebook", "write notebook: notebooks/NAME.ipynb")
    notebook = find_file(f"the notebook of {what}", content["notebook"], root)
    params = content.get("params")
    outputs = content.get("outputs", list(OUTPUTS))
    if not isinstance(outputs, list):
        refuse(f"outputs in {what}", repr(outputs), "write a list, as in [html]")
    return Job(
        name=path.stem,
        file=path,
        notebook=notebook,
        params=None if params is None else find_file(f"the params file of {what}", params, root),
        outputs=tuple(one_of(f"outputs in {what}", output, OUTPUTS) for output in outputs),
    )


def find_file(what: str, path: Any, *folders: Path) -> Path:
    """Return the absolute path of the file: from the first of `folders` that has it, where `path` is relative."""
    if not isinstance(path, str | Path):
        refuse(what, repr(path), "give the path of a file")
    tried = list(dict.fromkeys(folder / Path(path).expanduser() for folder in folders))  # equal for an absolute path
    found = next((candidate for candidate in tried if candidate.is_file()), None)
    if found is not None:
        return found.resolve()
    there = next((candidate for candidate in tried if candidate.exists()), None)
    if there is not None:
        kind = "a folder" if there.is_dir() else "a device or a pipe"
        refuse(what, f"{str(path)!r}, and {there} is {kind}", "name a file")
    places = " or ".join(map(str, tried))
    refuse(what, f"{str(path)!r}, and there is no file {places}", "name a file that exists")


def read_yaml(path: Path, what: str) -> dict[str, Any]:
    """Return the mapping in a YAML file, {} where it is empty; refuse, with the line, what is not one."""
    import yaml

    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        refuse(what, f"no YAML{where} ({getattr(error, 'problem', None) or 'not UTF-8'})", "correct it")
    except OSError as error:
        refuse(what, f"a file that cannot be read ({error.strerror})", "make it readable")
    if content is None:
        return {}
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        refuse(what, f"a {type(content).__name__}", "write `name: value` lines")
    return dict(content)


def _job_file(name: str, root: Path) -> Path:
    if name.endswith((".yaml", ".yml")):
        return find_file("job", name, Path.cwd(), root)
    path = root / FOLDER / f"{name}.yaml"
    if "/" in name or not path.is_file():
        unknown_name("job", name, [file.stem for file in (root / FOLDER).glob("*.yaml")])
    return path
