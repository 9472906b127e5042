"""The command line: parses, calls one function below, prints. Nothing heavy is imported before a command needs it."""

from cryptolab.cli.backtests import backtest
from cryptolab.cli.listing import indicators, strategies
from cryptolab.cli.notebooks import doctor, run
from cryptolab.cli.process import app, main
from cryptolab.cli.sweeps import sweep

__all__ = ["app", "main"]

for _command in (indicators, strategies, backtest, sweep, run, doctor):  # in the order of `cryptolab --help`
    app.command()(_command)
