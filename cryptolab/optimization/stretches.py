"""Which worker gets which chunk: each a stretch of neighbours, since neighbours need the same indicator columns."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np


class Stretches:
    """Chunks that wait. A worker without a stretch of its own takes the later half of the longest one."""

    def __init__(self, chunks: Iterable[np.ndarray]) -> None:
        self._all = [deque(chunks)]
        self._own: dict[str, deque[np.ndarray]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._all))

    def next_for(self, worker: str) -> np.ndarray:
        """Return a chunk for `worker`, which is not one of these any more; there has to be one."""
        own = self._own.get(worker)
        if not own:
            longest = max(self._all, key=len)
            taken = any(stretch is longest for stretch in self._own.values())
            own = deque(longest.pop() for _ in range((len(longest) + 1) // 2 if taken else len(longest)))
            own.reverse()
            self._own[worker] = own
            self._all = [stretch for stretch in self._all if stretch] + [own]
        return own.popleft()

    def put_back(self, chunk: np.ndarray) -> None:
        """Let a chunk that was lost wait again, for whoever is free first."""
        self._all.append(deque([chunk]))
