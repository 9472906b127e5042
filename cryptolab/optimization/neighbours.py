"""Which sets of a grid lie beside which, and what they score on average.

Neighbours are the sets at most one step away on every numeric axis, diagonals included, and equal on the others (texts,
flags, None). In a random search hardly any two sets are one step apart: there the nearest ones by rank are taken.
"""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np

_ROOM = 16  # cells per set up to which a grid with holes is laid out as a whole
_MOST_NEAREST = 26  # the neighbours of a set inside a product of three axes


@dataclass(frozen=True)
class Places:
    """Where each of n sets stands.

    ranks: int64 (n, axes), the place of its value among the distinct ones, on the numeric axes with two or more.
    sizes: how many those are. groups: int64 (n,), equal for sets that are equal on all other axes. by_rank: whether
    neighbours are the `count` nearest by rank instead of those one step away.
    """

    ranks: np.ndarray
    sizes: tuple[int, ...]
    groups: np.ndarray
    by_rank: bool
    count: int

    @property
    def enough(self) -> int:
        """Neighbours that a judgement needs: two on one axis, else three (as a corner of a product has)."""
        return min(3, 2 * len(self.sizes))

    def around(self, number: int) -> np.ndarray:
        """Return the numbers of the neighbours of one set."""
        if not self.sizes:
            return np.empty(0, np.int64)
        if self.by_rank:
            members = np.flatnonzero(self.groups == self.groups[number])
            distance = np.abs(self._shares(members) - self._shares(np.array([number]))).max(axis=1)
            near = members[np.argsort(distance, kind="stable")]
            return near[near != number][: self.count]
        near_by = (np.abs(self.ranks - self.ranks[number]) <= 1).all(axis=1) & (self.groups == self.groups[number])
        near_by[number] = False
        return np.flatnonzero(near_by)

    def means(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return per set the mean score of its neighbours (NaN without) and how many of them have one."""
        if not self.sizes:
            return np.full(len(scores), np.nan), np.zeros(len(scores), np.int64)
        total, count = self._nearest_sums(scores) if self.by_rank else _step_sums(self, scores)
        return np.divide(total, count, out=np.full(len(scores), np.nan), where=count > 0), count

    def _shares(self, members: np.ndarray) -> np.ndarray:
        """Return ranks from 0 to 1 on each axis, so that an axis of many values weighs as much as one of few."""
        return self.ranks[members] / (np.array(self.sizes) - 1.0)

    def _nearest_sums(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        from scipy.spatial import KDTree

        known = np.isfinite(scores)
        filled = np.where(known, scores, 0.0)
        total, count = np.zeros(len(scores)), np.zeros(len(scores), np.int64)
        for group in np.unique(self.groups):
            members = np.flatnonzero(self.groups == group)
            if len(members) < 2:
                continue
            points = self._shares(members)
            _, found = KDTree(points).query(points, k=min(self.count + 1, len(members)), p=np.inf)
            near = members[found]
            others = near != members[:, None]  # no two sets stand at one place, so each finds itself as well
            total[members] = (filled[near] * others).sum(axis=1)
            count[members] = (known[near] & others).sum(axis=1)
        return total, count


def places(columns: dict[str, np.ndarray]) -> Places:
    """Return where the sets stand, from one value per set and name."""
    n = len(next(iter(columns.values())))
    ranks, sizes, kinds = [], [], []
    for values in columns.values():
        rank, kind = _ranked(values)
        if rank.max() > 0:
            ranks.append(rank)
            sizes.append(int(rank.max()) + 1)
        kinds.append(kind)
    groups = np.unique(np.column_stack(kinds), axis=0, return_inverse=True)[1].reshape(-1)
    stacked = np.column_stack(ranks) if ranks else np.empty((n, 0), np.int64)
    axes = len(sizes)
    count = min(3 ** min(axes, 3) - 1, _MOST_NEAREST, max(2 * axes, n // 10))
    made = Places(stacked, tuple(sizes), groups, False, count)
    return Places(stacked, tuple(sizes), groups, axes > 0 and _scattered(made), count)


def _ranked(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return per set the rank among the numbers of an axis (0 for what is no number) and the kind of value.

    All numbers are one kind, each other value one of its own: None beside 0.02 and 0.05 has no neighbours among them.
    """
    if values.dtype.kind in "iuf":
        return np.unique(values, return_inverse=True)[1].reshape(-1), np.zeros(len(values), np.int64)
    rank, kind = np.zeros(len(values), np.int64), np.zeros(len(values), np.int64)
    if values.dtype.kind == "b":
        return rank, values.astype(np.int64)
    plain = np.array([isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_) for value in values])
    if plain.any():
        rank[plain] = np.unique(values[plain].astype(np.float64), return_inverse=True)[1].reshape(-1)
    known: dict[Any, int] = {}
    for i in np.flatnonzero(~plain):
        kind[i] = known.setdefault(repr(values[i]), len(known) + 1)
    return rank, kind


def _scattered(places: Places) -> bool:
    """Return whether half of the sets have fewer neighbours one step away than there are axes: a random search."""
    n = len(places.groups)
    if _cells(places) > max(2**20, _ROOM * n):
        return True
    _, count = _step_sums(places, np.ones(n))
    return bool(np.median(count) < len(places.sizes))


def _cells(places: Places) -> int:
    cells = int(places.groups.max()) + 1
    for size in places.sizes:
        cells *= size
    return cells


def _step_sums(places: Places, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return per set the sum of its neighbours' scores and how many have one.

    The whole box of cells is summed over three places along one axis after the other.
    """
    shape = (int(places.groups.max()) + 1, *places.sizes)
    at = (places.groups, *places.ranks.T)
    known = np.isfinite(scores)
    own = np.where(known, scores, 0.0)
    total, count = np.zeros(shape), np.zeros(shape, np.int64)
    total[at], count[at] = own, known
    for axis in range(1, len(shape)):
        total, count = _over_three(total, axis), _over_three(count, axis)
    return total[at] - own, count[at] - known


def _over_three(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the sum of each cell and the two beside it along one axis."""
    out = values.copy()
    moved, still = np.moveaxis(out, axis, 0), np.moveaxis(values, axis, 0)
    moved[1:] += still[:-1]
    moved[:-1] += still[1:]
    return out
