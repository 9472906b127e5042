"""Everything cryptolab raises on purpose.

    CryptolabError                      catch this to catch them all
    ├── InputError (also ValueError)    an argument, a setting or data that cannot be used as given
    │   ├── DataError                   rows that cannot be bars
    │   └── UnknownNameError (KeyError) a name nobody knows, with the nearest one that somebody does
    └── RunError                        a run that began and failed; what it left behind is named
        └── SetError                    one set of a sweep that failed, where that was to end it

Each message is one sentence in one shape: what, what was received, what to write instead (see `checks.refuse`).
"""

from __future__ import annotations

__all__ = ["CryptolabError", "DataError", "InputError", "RunError", "SetError", "UnknownNameError"]


class CryptolabError(Exception):
    """The root: a problem that has one sentence and needs no traceback."""


class InputError(CryptolabError, ValueError):
    """An argument, a setting or a file that cannot be used as given. The command line exits with 2."""


class DataError(InputError):
    """Rows that cannot be bars; the message names the first offending timestamp."""


class UnknownNameError(InputError, KeyError):
    """A parameter, indicator, strategy or key that nothing here has."""

    __str__ = Exception.__str__  # KeyError's own would put the sentence into quotes


class RunError(CryptolabError):
    """A run that began and failed. The command line exits with 1."""


class SetError(RunError):
    """A set of parameters whose strategy raised, or gave what cannot be its signals, under on_error="raise"."""
