"""Whether a person watches: what draws a bar for him writes log lines where nobody does."""

from __future__ import annotations

import sys


def watched() -> bool:
    """Whether a person sees the progress: a terminal, or a notebook's front end."""
    return in_notebook() or sys.stderr.isatty()


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel."""
    if "ipykernel" in sys.modules and "IPython" in sys.modules:
        shell = sys.modules["IPython"].get_ipython()
        return getattr(shell, "kernel", None) is not None
    return False
