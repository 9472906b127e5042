"""The command line: parses, calls one function below, prints. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cryptolab import __version__
from cryptolab.errors import CryptolabError, InputError

FAILED, WRONG_USE, INTERRUPTED, TERMINATED = 1, 2, 130, 143
BARS, SEED = 26_280, 7
"""The simulated market of `backtest`: three years of hours."""

# plain help: the rich one takes four times as long to load
app = typer.Typer(name="cryptolab", add_completion=False, no_args_is_help=True, rich_markup_mode=None)

_WrongUse: Any = typer.BadParameter.__base__  # UsageError, which typer itself does not export

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


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
        _say("terminated.", debug)
        code = TERMINATED
    except KeyboardInterrupt:
        _say("interrupted.", debug)
        code = INTERRUPTED
    except _WrongUse as error:
        command = error.ctx.command_path if error.ctx else "cryptolab"
        _say(f"{_one_line(error.format_message()).rstrip('.')}; see `{command} --help`.", debug)
        code = WRONG_USE
    except CryptolabError as error:
        _say(_one_line(error), debug)
        code = WRONG_USE if isinstance(error, InputError) else FAILED
    except Exception as error:
        _say(
            f"{type(error).__name__}: {_one_line(error).rstrip('.')}; run again with --debug for the traceback.", debug
        )
        code = FAILED
    sys.exit(code)


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


def _say(sentence: str, debug: bool) -> None:
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


@app.command()
def indicators(
    file: Annotated[Path | None, typer.Option("--file", help="A Python file whose indicators to list too.")] = None,
    as_json: Json = False,
) -> None:
    """List the indicators.

    Name, inputs, parameters with their defaults, outputs, and the rows before the first value.

    \b
    Example: cryptolab indicators --file ideas/momentum.py
    """
    from cryptolab.indicators import INDICATORS
    from cryptolab.sources import run_file

    if file is not None:
        run_file("indicator file", file)
    _show(
        [
            {
                "name": each.name,
                "inputs": list(each.inputs),
                "parameters": each.parameters,
                "outputs": list(each.outputs),
                "lookback": each.lookback(),
            }
            for each in INDICATORS.values()
        ],
        as_json,
    )


@app.command()
def strategies(as_json: Json = False) -> None:
    """List the strategies with their parameters.

    \b
    Example: cryptolab strategies
    """
    from cryptolab.signal_generator import STRATEGIES

    _show(
        [
            {"name": each.name, "parameters": each.parameters, "description": each.doc.partition("\n\n")[0]}
            for each in STRATEGIES.values()
        ],
        as_json,
    )


@app.command()
def backtest(
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="A strategy's name, or FILE.py:NAME.")],
    file: Annotated[Path | None, typer.Option(help="Candles: a Parquet or CSV file.")] = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="Use the simulated market instead of a file.")] = False,
    bars: Annotated[int | None, typer.Option(help="Length of the simulated market.", show_default=str(BARS))] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the simulated market.", show_default=str(SEED))] = None,
    symbol: Annotated[str | None, typer.Option(help="BASE/QUOTE, where the file does not say it.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="1m to 1w, where the file does not say it.")] = None,
    param: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter of the strategy. Repeatable.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of the engine: costs, risk, capital. Repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Backtest one strategy and print its numbers.

    \b
    Examples:
      cryptolab backtest ema_cross --simulated
      cryptolab backtest ema_cross --file btc.parquet --param fast=9 --set stop_loss=0.05
    """
    if (file is None) == (not simulated):
        raise InputError("the bars: received both a file and --simulated, or neither; give --file FILE or --simulated.")
    if file is not None and (bars, seed) != (None, None):
        raise InputError("--bars and --seed: received with --file; leave them out: they are of the simulated market.")
    from cryptolab.jobs.single import backtest as run
    from cryptolab.jobs.single import described

    parameters, config = _pairs("--param", param), _pairs("--set", set_)
    with contextlib.redirect_stdout(sys.stderr):  # what a strategy prints is not part of our output
        result = run(
            strategy,
            file or (BARS if bars is None else bars),
            symbol=symbol,
            timeframe=timeframe,
            seed=SEED if seed is None else seed,
            parameters=parameters,
            config=config,
        )
    if as_json:
        _json({"strategy": strategy, "parameters": parameters, **described(result)})
        return
    from cryptolab.reporting.wording import FORMATS, words

    if simulated:
        print("SIMULATED market")
    print(repr(result.bars))
    rows = [{"metric": words(name), "value": FORMATS.get(name, str)(value)} for name, value in result.metrics.items()]
    rows += [{"metric": f"Dropped: {why}", "value": f"{count:,}"} for why, count in result.dropped.items() if count]
    _show(rows, as_json=False)


@app.command()
def run(
    job: Annotated[
        str, typer.Argument(metavar="JOB", help="A job in papermill_jobs/, or the path of a job's YAML file.")
    ],
    params: Annotated[
        str | None, typer.Option(metavar="FILE", help="The parameters; by default the job's own.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="One parameter above the file's; a.b=c reaches into a mapping."
        ),
    ] = None,
) -> None:
    """Run a job: a notebook with parameters.

    The executed notebook, the report as HTML, metrics.json and manifest.json go into a folder of reports/ of its own.

    \b
    Examples:
      cryptolab run study
      cryptolab run study --params params/demo.yaml --set strategy_params.fast=12 --set backtest.stop_loss=0.05
    """
    from cryptolab.jobs import run_job

    done = run_job(job, params, _pairs("--set", set_))
    print(done.html or done.notebook)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Look at what cryptolab needs.

    Versions, optional parts, settings, folders, recorded data. Exits with 1 when something required is broken.

    \b
    Example: cryptolab doctor
    """
    from cryptolab.jobs.doctor import BROKEN, examine

    findings = examine()
    _show([finding._asdict() for finding in findings], as_json, below="advice")
    if any(finding.state == BROKEN for finding in findings):
        raise typer.Exit(FAILED)


def _pairs(option: str, given: Iterable[str] | None) -> dict[str, Any]:
    """Return NAME=VALUE texts as a mapping; a value is read as in a params file: 9, 0.05, true, null, text."""
    found: dict[str, Any] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise InputError(f"{option}: received {text!r}; write NAME=VALUE.")
        if name in found:
            raise InputError(f"{option}: received {name!r} twice; give it once.")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:
    import yaml

    from cryptolab.jobs.job import parse_yaml

    try:
        return parse_yaml(text)
    except (ValueError, yaml.YAMLError):  # a text that is no YAML, as in [draft
        return text


def _show(rows: list[dict[str, Any]], as_json: bool, below: str = "") -> None:
    if as_json:
        _json(rows)
    elif sys.stdout.isatty():
        _drawn(rows, below)
    else:
        _lines(rows)


def _json(content: Any) -> None:
    import json

    print(json.dumps(content, indent=2, default=str))


def _drawn(rows: list[dict[str, Any]], below: str) -> None:
    """Print a table for a person: nothing is cut off; the column `below` stands under it, whole lines to be copied."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold")
    titles = [title for title in (rows[0] if rows else ()) if title != below]
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row[title])) for title in titles))
    Console().print(table)
    for row in rows:
        if row.get(below):
            print(f"{row[titles[0]]}: {row[below]}")


def _lines(rows: list[dict[str, Any]]) -> None:
    """Print plain columns, one row a line, which grep and awk can read."""
    titles = list(rows[0]) if rows else []
    cells = [[_cell(row[title]) for title in titles] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    for line in [titles, *cells]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name}={entry}" for name, entry in value.items()) or "-"
    if isinstance(value, list):
        return " ".join(map(str, value)) or "-"
    return str(value).replace("\n", " ")
