"""What a declared function is made of: its text, and what the names in it stand for at the moment."""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import Any

from cryptolab.sources import digest_of, outer_names


class Source:
    """The source of a function. hash: SHA-256 of its text, or of its bytecode where the text cannot be read."""

    def __init__(self, function: Callable) -> None:
        self._function = function
        self._names = outer_names(function.__code__)
        # the things are kept, so that no other thing takes the place of one in memory; one tuple, since another
        # thread must never see new things beside the meaning of the old ones
        self._known: tuple[list[Any], object] = ([], object())
        self.hash = digest_of(function)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_known": ([], object())}  # in another process the names are looked up anew

    def meaning(self) -> object:
        """Return an object that stays the same as long as each outer name stands for the same thing.

        With a helper defined anew it is another, and values are computed anew. A list or an array that was changed in
        place is still the same thing; so is a helper when what it uses itself has changed.
        """
        outer = self._function.__globals__
        things = [outer[name] for name in self._names if name in outer]
        things += [cell.cell_contents for cell in self._function.__closure__ or ()]
        known, meaning = self._known
        if len(things) != len(known) or not all(map(is_, things, known)):
            meaning = object()
            self._known = things, meaning
        return meaning
