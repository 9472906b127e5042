"""Refusals in the words of the command line: what Python calls samples=1000 is --samples 1000 here."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from cryptolab.errors import InputError

_Phrases = list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]]


@dataclass(frozen=True)
class Words:
    """What a command calls the arguments of the functions below it.

    options: argument -> option, where a refusal begins with it. said: those that are meant wherever a sentence has
    NAME=. phrases: what else is said in another way.
    """

    options: Mapping[str, str]
    said: tuple[str, ...] = ()
    phrases: _Phrases = field(default_factory=list)

    def begin(self, sentence: str) -> str:
        """Return a sentence that begins with an argument with its option in the place of it."""
        names = "|".join(self.options)
        return re.sub(rf"^({names})(?=:| '|, \w+=| [^ :]+: received)", lambda found: self.options[found[1]], sentence)

    def say(self, sentence: str) -> str:
        """Return a sentence with options for NAME='value' and for {'role': 'column'}, in one pass: a column may have
        any name."""
        if not self.said:
            return sentence
        names = "|".join(self.said)
        pattern = rf"\bcolumns=\{{'(\w+)': ('[^']*'|\"[^\"]*\")\}}|\b({names})=(?:'([^']*)'|True\b|([\d.]+\d))?"
        return re.sub(pattern, self._option, sentence)

    def _option(self, found: re.Match[str]) -> str:
        option, value = self.options.get(found[3], "--column"), found[4] or found[5] or ""
        if found[1]:
            value = f"{found[1]}={found[2][1:-1]}"
        return f'{option} "{value}"' if " " in value else f"{option} {value}".rstrip()


def _dashed(names: str) -> dict[str, str]:
    return {name: f"--{name.replace('_', '-')}" for name in names.split()}


GENERAL = Words(
    {
        **_dashed("grid where samples memory executor checkpoint on_error file symbol timeframe bars seed"),
        "n_jobs": "--jobs", "path": "--output", "count": "--top",
    },
    phrases=[
        (re.compile(pattern), instead)
        for pattern, instead in (
            (r"^--grid(?: '([^']+)'|, )", lambda found: f"--grid {found[1] or ''}"),
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
    ],
)  # fmt: skip
"""Of backtest and sweep."""

_OF_IMPORT = _dashed(
    "zone date_format decimal volume duplicates doubtful symbol timeframe exchange limit keep_newest revise"
)
IMPORT = Words({**_OF_IMPORT, "file": "FILE"}, said=tuple(_OF_IMPORT))
"""Of `cryptolab import`."""

DATA = Words(
    {
        **_dashed("start end exchange as_of"),
        "file": "FILE", "older_than": "WHEN", "symbol": "SYMBOL", "timeframe": "TIMEFRAME", "over": "--force",
    },
    said=("over",),
)  # fmt: skip
"""Of `cryptolab data`."""


@contextlib.contextmanager
def in_options(words: Words = GENERAL) -> Iterator[None]:
    """Let refusals that come from inside speak of options; what kind of error they are stays."""
    try:
        yield
    except InputError as problem:
        raise type(problem)(translated(str(problem), words)) from problem


def translated(sentence: str, words: Words = GENERAL) -> str:
    """Return a refusal with options for the names of Python's arguments; one without such names stays as it is."""
    sentence = words.say(words.begin(sentence))
    for pattern, instead in words.phrases:
        sentence = pattern.sub(instead, sentence)
    return sentence
