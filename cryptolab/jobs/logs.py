"""The one place that sets up logging, and only while a run lasts; importing cryptolab never does.

Lines are `key=value`, UTC, appended to `logs/cryptolab.log`, and on stderr where nobody watches a progress bar.
Several processes write the same file (cron, notebooks), so its rotation takes a lock: without one, two processes that
rotate at once throw a file away.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

FILE = "cryptolab.log"
BYTES, KEPT = 5_000_000, 5
"""Size at which the file is rotated, and how many old ones stay."""

_NAMES = ("cryptolab", "papermill")


def get_logger(name: str) -> Any:
    """Return structlog's logger over `logging.getLogger(name)`; without `recorded` only warnings show, on stderr."""
    import structlog

    return structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


@contextlib.contextmanager
def recorded(folder: Path, level: str, *, console: bool, **context: Any) -> Iterator[None]:
    """Write what is logged inside the block to `folder`/cryptolab.log, and to stderr where `console` is set.

    `context` (a run's id) stands on every line. A folder that cannot be written is said once; the run goes on.
    """
    import structlog

    formatter = _formatter()
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)] if console else []
    problem = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handlers.append(_SharedFile(folder / FILE, maxBytes=BYTES, backupCount=KEPT, encoding="utf-8"))
    except OSError as error:
        problem = str(error)
    loggers = [logging.getLogger(name) for name in _NAMES]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for handler in handlers:
        handler.setFormatter(formatter)
    for logger in loggers:
        # papermill's lines say what ours do; its warnings are of parameters, which are checked better before it runs
        logger.setLevel(level if logger.name == "cryptolab" else logging.ERROR)
        logger.propagate = False
        for handler in handlers:
            logger.addHandler(handler)
    try:
        with structlog.contextvars.bound_contextvars(**context):
            if problem:
                get_logger("cryptolab.jobs").warning("no log file", reason=problem)
            yield
    finally:
        for logger, (old_level, propagate) in zip(loggers, before, strict=True):
            logger.setLevel(old_level)
            logger.propagate = propagate
            for handler in handlers:
                logger.removeHandler(handler)
        for handler in handlers:
            handler.close()


def _formatter() -> logging.Formatter:
    import structlog

    chain: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _when,
    ]
    render: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
    ]
    return structlog.stdlib.ProcessorFormatter(processors=render, foreign_pre_chain=chain)


def _when(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """Stamp a line with the time it was made at, which is the same on every handler."""
    made = datetime.fromtimestamp(event["_record"].created, UTC)
    return {**event, "timestamp": made.isoformat(timespec="milliseconds").replace("+00:00", "Z")}


class _SharedFile(RotatingFileHandler):
    """A rotated file that several processes append to: whoever finds it moved opens the new one."""

    def emit(self, record: logging.LogRecord) -> None:
        self._follow()
        super().emit(record)

    def doRollover(self) -> None:
        """Rotate, unless another process has just done so."""
        with _alone(Path(self.baseFilename + ".lock")):
            if not self._follow():
                super().doRollover()

    def _follow(self) -> bool:
        """Open the file anew if the name now belongs to another one; return whether it did."""
        if self.stream is None:
            return False
        try:
            there, ours = Path(self.baseFilename).stat(), os.fstat(self.stream.fileno())
            if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
                return False
        except FileNotFoundError:
            pass
        self.stream.close()
        self.stream = self._open()
        return True


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock file; without fcntl (Windows) go on without."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
