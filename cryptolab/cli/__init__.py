"""The command line: parses, calls one function below, prints. Nothing heavy is imported before a command needs it."""

from cryptolab.cli.backtests import backtest
from cryptolab.cli.data import data
from cryptolab.cli.importing import import_files
from cryptolab.cli.listing import indicators, strategies
from cryptolab.cli.notebooks import doctor, run
from cryptolab.cli.process import app, main
from cryptolab.cli.runs import rerun, runs
from cryptolab.cli.sweeps import sweep

__all__ = ["app", "main"]

# in the order of `cryptolab --help`
for _command in (indicators, strategies, backtest, sweep, run, runs, rerun, doctor):
    app.command()(_command)
app.command("import")(import_files)
app.add_typer(data)
