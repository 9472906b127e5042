"""Runs a job: one folder, the executed notebook, its HTML, its capsule; a run that fails leaves the same behind."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptolab import errors
from cryptolab.errors import InputError, RunError
from cryptolab.jobs import parameters
from cryptolab.jobs.capsule import RUNNING, note_run, plain, running_mark
from cryptolab.jobs.export import release, to_html
from cryptolab.jobs.job import Job, find_file, load_job, read_yaml
from cryptolab.jobs.kernel import kernel_class
from cryptolab.jobs.logs import get_logger, recorded
from cryptolab.jobs.progress import Progress
from cryptolab.locks import alone
from cryptolab.reporting.sources import check_source, pinned
from cryptolab.screen import watched
from cryptolab.settings import load_settings, project_root

_log = get_logger("cryptolab.jobs")

DATA = "data"
"""The parameter that names a notebook's bars, where it has it."""
KERNEL_LOG = "kernel.log"
"""What the kernel said outside the notebook; kept where a run failed."""
_INTERRUPTED = "KeyboardInterrupt caught in kernel."
"""A kernel is interrupted before it is shut down, and now and then says so: no news."""


@dataclass(frozen=True)
class RunResult:
    """What a run left behind. id: the folder's name. notebook, html: files in it; html is None where not asked for."""

    id: str
    folder: Path
    notebook: Path
    html: Path | None


def run_job(
    job: str = "study",
    params: str | Path | Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    rerun_of: str | None = None,
) -> RunResult:
    """Run a job to its end and return what it left in `reports/<run id>/`.

    job: a name in papermill_jobs/, or the path of a job's YAML file. params: a params file (from the working folder,
    else from the project's), or a mapping; by default the job's own. overrides: single parameters above those;
    `{"backtest.stop_loss": 0.05}` reaches into a mapping. rerun_of: the run that this one repeats.

    Bars of the store are those of this moment (`as_of` is written into the parameters), so that the run can be
    repeated when more has been stored.

    Raises InputError before anything runs for parameters that the notebook does not have. A notebook that fails raises
    RunError, or the InputError that was raised in it; its partial result is kept and named. Works inside a running
    event loop.
    """
    root = project_root()
    settings = load_settings()
    plan = load_job(job, root)
    file, given = _params(plan, params, root)
    known = parameters.defaults(plan.notebook)
    values = parameters.merged(known, given, overrides or {})
    if DATA in known:
        values[DATA] = pinned(values.get(DATA, known[DATA]))
        if isinstance(values[DATA], Mapping):
            check_source(values[DATA])  # now rather than in the kernel
    folder = _new_folder(settings.reports_dir, plan.name, values)
    if parameters.OUTPUT in known:
        values[parameters.OUTPUT] = str(folder)
    run = RunResult(folder.name, folder, folder / f"{plan.notebook.stem}.ipynb", None)
    with (
        recorded(settings.logs_dir, settings.log_level, console=not watched(), run=run.id),
        _marked_running(folder),
    ):
        note_run(
            folder, id=run.id, job=plan.name, notebook=plan.notebook.name, started=_now(), status=RUNNING,
            job_file=_in_project(plan.file, root), notebook_hash=parameters.code_hash(plan.notebook),
            rerun_of=rerun_of, params=given, overrides=dict(overrides or {}),
            values={name: value for name, value in values.items() if name != parameters.OUTPUT},
            params_file=None if file is None else {"name": file.name, "content": file.read_text(encoding="utf-8")},
        )  # fmt: skip
        title = str(values.get("title") or known.get("title") or plan.name)
        return _supervised(plan, run, values, title, root)


@contextmanager
def _marked_running(folder: Path) -> Iterator[None]:
    """Hold the run's mark, which ends with this process however that ends: a run that was killed is known by it."""
    mark = running_mark(folder)
    with alone(mark):
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)


def _supervised(plan: Job, run: RunResult, values: Mapping[str, Any], title: str, root: Path) -> RunResult:
    """Execute and export; write down how it ended, whatever happens."""
    begun = time.monotonic()
    _log.info("run started", job=plan.name, folder=str(run.folder))
    try:
        with tempfile.TemporaryDirectory(prefix="cryptolab-run-", ignore_cleanup_errors=True) as scratch:
            kernel = kernel_class(Path(scratch), root, run.folder / KERNEL_LOG)
            try:
                _outside_loops(lambda: _execute(plan, run, values, root, kernel), kernel.kill)
            finally:
                release(run.notebook)
        html = to_html(run.notebook, title) if "html" in plan.outputs else None
    except KeyboardInterrupt:
        note_run(run.folder, status="interrupted", finished=_now())
        _drop_if_no_news(run.folder / KERNEL_LOG)
        _log.warning("run interrupted", seconds=round(time.monotonic() - begun, 1))
        raise
    except Exception as error:
        kind, cell, reason = _reason(error)
        note_run(run.folder, status="failed", cell=cell, error=reason, finished=_now())
        _log.error("run failed", cell=cell, reason=reason, seconds=round(time.monotonic() - begun, 1))
        left = _left_behind(plan, run)
        if issubclass(kind, InputError):  # a wrong parameter, as a rule: the sentence says more than the cell's number
            raise kind(f"{reason}; see {left}.") from error
        where = "" if cell is None else f" in cell {cell}"
        raise RunError(f"{plan.name} failed{where}: {reason}; see {left}.") from error
    (run.folder / KERNEL_LOG).unlink(missing_ok=True)
    note_run(run.folder, status="done", finished=_now())
    _log.info("run done", seconds=round(time.monotonic() - begun, 1), html=str(html or run.notebook))
    return RunResult(run.id, run.folder, run.notebook, html)


def _execute(plan: Job, run: RunResult, values: Mapping[str, Any], root: Path, kernel: Any) -> None:
    """Let papermill run the notebook in a fresh kernel, in the project's folder; it saves after each cell."""
    import nbformat
    import papermill

    cells = nbformat.read(plan.notebook, as_version=4).cells
    # papermill adds a cell below the parameters; the sections of the others move down by it
    at = next((i for i, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", [])), None)
    if at is not None and values:
        cells.insert(at + 1, nbformat.v4.new_code_cell())
    with Progress(cells) as progress:
        papermill.execute_notebook(
            _verbatim(plan.notebook),
            _verbatim(run.notebook),
            parameters=dict(values),
            kernel_name="python3",
            language="python",
            progress_bar=False,
            start_timeout=120,
            kernel_manager_class=kernel,
            resources={"metadata": {"path": str(root)}},
            on_cell_start=progress.cell_started,
        )


def _outside_loops(work: Callable[[], None], stop: Callable[[], None]) -> None:
    """Call `work` here, or in a thread of its own where an event loop is running (Jupyter): papermill needs its own.

    `stop` makes `work` end early: called when the caller is interrupted while the thread is at work.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        work()
        return
    import structlog
    from jupyter_core.utils import ensure_event_loop

    failure: list[BaseException] = []
    context = structlog.contextvars.get_contextvars()

    def guarded() -> None:
        structlog.contextvars.bind_contextvars(**context)
        try:
            work()
        except BaseException as error:  # handed to the caller, whatever it is
            failure.append(error)
        finally:
            ensure_event_loop().close()  # the one that papermill's client was given in this thread

    thread = threading.Thread(target=guarded, name="cryptolab-run", daemon=True)
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        stop()
        thread.join()
        raise
    if failure:
        raise failure[0]


def _left_behind(plan: Job, run: RunResult) -> Path:
    """Export what there is of the notebook, with its code and the traceback; return what to look at."""
    left = run.notebook if run.notebook.is_file() else run.folder
    _drop_if_no_news(run.folder / KERNEL_LOG)
    if run.notebook.is_file() and "html" in plan.outputs:
        try:
            left = to_html(run.notebook, f"{plan.name} failed", code=True)
        except Exception as second:  # the first problem is the one to tell
            _log.warning("no failure report", reason=str(second))
    return left


def _drop_if_no_news(log: Path) -> None:
    if log.is_file():
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
        if all(not line or line.endswith(_INTERRUPTED) for line in lines):
            log.unlink()


def _reason(error: Exception) -> tuple[type[errors.CryptolabError], int | None, str]:
    """Return the error to raise, the number of the cell that raised, if one did, and one line.

    What cryptolab refused inside the notebook is refused here as well, in the same words; all else is a RunError.
    """
    from papermill.exceptions import PapermillExecutionError

    name, text, cell = type(error).__name__, str(error), None
    if isinstance(error, PapermillExecutionError):
        name, text, cell = error.ename, error.evalue, error.exec_count
    if name == "DeadKernelError":
        return RunError, None, "the kernel died (out of memory, or killed)"
    lines = [line for line in re.sub(r"\x1b\[[\d;]*m", "", text).splitlines() if line.strip()]
    said = lines[0].strip().rstrip(".") if lines else "no message"
    if name not in errors.__all__:
        return RunError, cell, f"{name}: {said}"
    kind: type[errors.CryptolabError] = getattr(errors, name)
    return kind if issubclass(kind, InputError) else RunError, cell, said


def _params(plan: Job, params: str | Path | Mapping[str, Any] | None, root: Path) -> tuple[Path | None, dict[str, Any]]:
    """Return the params file, if any, and the parameters."""
    if isinstance(params, Mapping):
        return None, dict(params)
    file = plan.params if params is None else find_file("params", params, Path.cwd(), root)
    return file, {} if file is None else read_yaml(file, f"params file {file.name}")


def _new_folder(reports: Path, job: str, values: Mapping[str, Any]) -> Path:
    """Make and return the run's folder: UTC time, job, and a few digits that set apart runs of one second."""
    for attempt in range(100):
        seed = json.dumps([plain(values), time.time_ns(), attempt], sort_keys=True)
        digits = hashlib.sha256(seed.encode()).hexdigest()[:6]
        folder = reports / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{job}-{digits}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            advice = "make it writable or set reports_dir"
            raise RunError(f"reports folder {reports}: {error.strerror}; {advice}.") from error
        return folder
    raise RunError(f"reports folder {reports}: no free name for a run; is it a folder?")


def _in_project(file: Path, root: Path) -> str:
    """Return a file's path as it is found from the project's folder."""
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)


def _verbatim(path: Path) -> str:
    """papermill fills in braces in paths: doubled ones stay as they are."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
