"""The command line as a process: its streams, its signals, its exit codes, and the one sentence of an error."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cryptolab import __version__
from cryptolab.errors import CryptolabError, InputError

FAILED, WRONG_USE, INTERRUPTED, TERMINATED = 1, 2, 130, 143

# plain help: the rich one takes four times as long to load
app = typer.Typer(name="cryptolab", add_completion=False, no_args_is_help=True, rich_markup_mode=None)

_WrongUse: Any = typer.BadParameter.__base__  # UsageError, which typer itself does not export


class _Terminated(KeyboardInterrupt):
    """SIGTERM (cron, systemd, a container that stops): what runs is ended and cleaned up as by Ctrl-C."""


def _terminate(*_: object) -> None:
    raise _Terminated


def main() -> NoReturn:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong use, 130 interrupted, 143 terminated.

    An error is one sentence on stderr.
    """
    signal.signal(signal.SIGTERM, _terminate)
    arguments = sys.argv[1:]
    end = arguments.index("--") if "--" in arguments else len(arguments)
    debug = "--debug" in arguments[:end]  # works behind a command too: it is usually added to a line that failed
    arguments = [word for position, word in enumerate(arguments) if word != "--debug" or position > end]
    _prepare_streams()
    try:
        code = _call(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    except _Terminated:
        say("terminated.", debug)
        code = TERMINATED
    except KeyboardInterrupt:
        say("interrupted.", debug)
        code = INTERRUPTED
    except _WrongUse as error:
        command = error.ctx.command_path if error.ctx else "cryptolab"
        say(f"{_one_line(error.format_message()).rstrip('.')}; see `{command} --help`.", debug)
        code = WRONG_USE
    except CryptolabError as error:
        said = _one_line(error)
        say(said if said.endswith((".", "!", "?")) else f"{said}.", debug)  # it may end with a strategy's own words
        code = WRONG_USE if isinstance(error, InputError) else FAILED
    except Exception as error:
        say(f"{type(error).__name__}: {_one_line(error).rstrip('.')}; run again with --debug for the traceback.", debug)
        code = FAILED
    sys.exit(code)


@contextlib.contextmanager
def ending_at_once() -> Iterator[None]:
    """Let SIGTERM, and a Ctrl-C that the work inside does not take, end the process without waiting for its threads.

    For work that may hang on to the set it is at for minutes, and whose finished parts are safe on disk already.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    ends = {signal.SIGTERM: _ending("terminated", TERMINATED), signal.SIGINT: _ending("interrupted", INTERRUPTED)}
    for number, end in ends.items():
        if callable(before[number]):  # one that is ignored, as by a shell's background job, stays so
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ending(how: str, code: int) -> Callable[..., NoReturn]:
    def end(*_: object) -> NoReturn:
        clear = "\r\033[K" if sys.stderr.isatty() else ""  # the progress bar's line
        with contextlib.suppress(OSError):  # written past the stream: it may be in the middle of a line of its own
            os.write(sys.stderr.fileno(), f"{clear}cryptolab: {how}.\n".encode())
        os._exit(code)

    return end


def _prepare_streams() -> None:
    """Make both streams ready for any text: a terminal may have no minus sign, and a caller may have closed one."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 (open as long as the process lives)
        getattr(sys, name).reconfigure(errors="backslashreplace")


def _call(arguments: Sequence[str]) -> int:
    """Parse and run one command; return its exit code. typer's own frame would print errors in its own way."""
    command: Any = typer.main.get_command(app)
    try:
        with command.make_context("cryptolab", list(arguments) or ["--help"]) as context:
            command.invoke(context)
    except typer.Exit as done:
        return int(done.exit_code)
    return 0


def say(sentence: str, debug: bool = False) -> None:
    """Print one sentence to stderr, after the traceback of what is being handled where it is wanted."""
    if debug:
        import traceback

        traceback.print_exc()
    print(f"cryptolab: {sentence}", file=sys.stderr)


def _one_line(error: object) -> str:
    return " ".join(str(error).split())


def _version(wanted: bool) -> None:
    if wanted:
        print(f"cryptolab {__version__}")
        raise typer.Exit


@app.callback()
def cryptolab(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """State a trading idea as a plain function and learn whether it holds.

    \b
    Example: cryptolab run study
    Each command has its own help: cryptolab backtest --help
    """
