"""Refusals in the words of the command line: what Python calls samples=1000 is --samples 1000 here."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from cryptolab.errors import InputError

_OPTIONS = {
    "grid": "--grid", "where": "--where", "samples": "--samples", "n_jobs": "--jobs", "memory": "--memory",
    "executor": "--executor", "checkpoint": "--checkpoint", "on_error": "--on-error", "path": "--output",
    "file": "--file", "symbol": "--symbol", "timeframe": "--timeframe", "bars": "--bars", "seed": "--seed",
    "count": "--top",
}  # fmt: skip
"""Arguments of the functions below, as a refusal begins with them."""

_BEGINNING = re.compile(rf"^({'|'.join(_OPTIONS)})(?=:| '|, \w+=| [^ :]+: received)")
_AXIS = re.compile(r"^--grid(?: '([^']+)'|, )")
_PHRASES = [
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"\bsamples=([0-9_]+)", lambda found: f"--samples {found[1].replace('_', '')}"),
        (r"\bsamples=(?= |;|$)", "--samples"),
        (r"\bmemory='([^']+)'", lambda found: f"--memory {re.sub('[ ,]', '', found[1])}"),
        (r"\bwhere=", "--where"),
        (r"\btimeframe= in read\(\.\.\.\) or Bars\.from_frame\(\.\.\.\)", "--timeframe"),
        (r"\bgive each symbol once, as in \{[^}]*\}", "name each file's with --symbol, in their order"),
        (r"(;|, or) give a callable( where values are not all numbers)?", ""),
        (r"\bgive 'dask://host:port', 'tls://host:port' or .*Client\b", "give dask://host:port or tls://host:port"),
        (r"\bsend your file with client\.upload_file\(\.\.\.\), or ", ""),
        (r"\bwrite None in a list\b", "write none"),
        (r"\ba Python [A-Z]\w+(?=;)", "more than a comparison"),
        (r"\b(Costs or Risk|Costs|Risk)(?= '| have;)", lambda found: found[1].lower()),
    )
]


@contextlib.contextmanager
def in_options() -> Iterator[None]:
    """Let refusals that come from inside speak of options; what kind of error they are stays."""
    try:
        yield
    except InputError as problem:
        raise type(problem)(translated(str(problem))) from problem


def translated(sentence: str) -> str:
    """Return a refusal with options for the names of Python's arguments; one without such names stays as it is."""
    sentence = _BEGINNING.sub(lambda found: _OPTIONS[found[1]], sentence)
    sentence = _AXIS.sub(lambda found: f"--grid {found[1] or ''}", sentence)
    for pattern, instead in _PHRASES:
        sentence = pattern.sub(instead, sentence)
    return sentence
