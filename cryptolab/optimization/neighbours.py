"""Which sets of a grid lie around which, and what they score on average.

Around a set are those that differ from it by at most a tenth of an axis' range on every numeric axis, and are equal on
the others (texts, flags, None). A finer grid has more sets there, not nearer ones, so that its step does not decide how
alike they are. Where the step is wider than that, those one step away are taken. Positive values that span more than
two decades are measured by their logarithms. In a search at random with hardly any set that near, the nearest ones by
rank are taken.
"""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np

from cryptolab.optimization.scales import wide

REACH = 0.1
"""How far a neighbour may be away, as a share of the axis' range."""
_EXACT = 1e-9  # of a range: a step of just a tenth is within reach
_ROOM = 16  # cells per set up to which a grid with holes is laid out as a whole
_LEAST_NEAREST = 26  # the neighbours of a set inside a product of three axes
_MOST_NEAREST = 1000
_WORK = 10_000_000  # distances that are looked at in a search at random


@dataclass(frozen=True)
class Line:
    """One numeric axis with two or more values: name, its distinct values ascending, and how far a neighbour may be.

    low, high: int64, one per value: the first and the last place within reach of it.
    """

    name: str
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def steps(self) -> bool:
        """Whether its steps are too wide for the reach, so that neighbours are one step away."""
        position = _positions(self.values)
        return bool(np.diff(position).max() > REACH * (position[-1] - position[0]) * (1 + _EXACT))


@dataclass(frozen=True)
class Places:
    """Where each of n sets stands.

    lines: the numeric axes with two or more values. ranks: int64 (n, lines), the place of the set's value on each.
    groups: int64 (n,), equal for sets that are equal on all other axes. by_rank: whether neighbours are the `count`
    nearest by rank instead of those within reach.
    """

    lines: tuple[Line, ...]
    ranks: np.ndarray
    groups: np.ndarray
    by_rank: bool
    count: int

    @property
    def enough(self) -> int:
        """Neighbours that a judgement needs: two on one axis, else three (as a corner of a product has)."""
        return min(3, 2 * len(self.lines))

    def around(self, number: int) -> np.ndarray:
        """Return the numbers of the neighbours of one set, without itself."""
        if not self.lines:
            return np.empty(0, np.int64)
        if self.by_rank:
            members = np.flatnonzero(self.groups == self.groups[number])
            distance = np.abs(self._shares(members) - self._shares(np.array([number]))).max(axis=1)
            near = members[np.argsort(distance, kind="stable")]
            return near[near != number][: self.count]
        near_by = self.groups == self.groups[number]
        for line, ranks in zip(self.lines, self.ranks.T, strict=True):
            near_by &= (ranks >= line.low[ranks[number]]) & (ranks <= line.high[ranks[number]])
        near_by[number] = False
        return np.flatnonzero(near_by)

    def span(self, members: np.ndarray) -> dict[str, tuple[float, float]]:
        """Return the least and the greatest value of some sets on each numeric axis."""
        return {
            line.name: (line.values[ranks[members].min()].item(), line.values[ranks[members].max()].item())
            for line, ranks in zip(self.lines, self.ranks.T, strict=True)
        }

    def means(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return per set the mean score of itself and its neighbours, and how many neighbours have a score.

        NaN and 0 for sets without a score; in a large search at random also for those whose own score is not among the
        best: larger is better here.
        """
        mean, count = np.full(len(scores), np.nan), np.zeros(len(scores), np.int64)
        known = np.flatnonzero(np.isfinite(scores))
        if not self.lines or not len(known):
            return mean, count
        if self.by_rank:
            known = known[np.argsort(-scores[known], kind="stable")][: max(1, _WORK // (self.count + 1))]
            total, around = self._nearest_sums(scores, known)
        else:
            total, around = (sums[known] for sums in _box_sums(self, scores))
        mean[known], count[known] = total / around, around - 1
        return mean, count

    def _shares(self, members: np.ndarray) -> np.ndarray:
        """Return ranks from 0 to 1 on each axis, so that an axis of many values weighs as much as one of few."""
        return self.ranks[members] / np.array([len(line.values) - 1.0 for line in self.lines])

    def _nearest_sums(self, scores: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return for the sets `wanted` the sum over itself and its nearest, and how many have a score."""
        from scipy.spatial import KDTree

        known = np.isfinite(scores)
        filled = np.where(known, scores, 0.0)
        total, count = np.zeros(len(wanted)), np.zeros(len(wanted), np.int64)
        for group in np.unique(self.groups[wanted]):
            members = np.flatnonzero(self.groups == group)
            asking = np.flatnonzero(self.groups[wanted] == group)
            take = min(self.count + 1, len(members))  # no two sets stand at one place, so each finds itself as well
            _, found = KDTree(self._shares(members)).query(self._shares(wanted[asking]), k=take, p=np.inf)
            near = members[found.reshape(len(asking), take)]
            total[asking], count[asking] = filled[near].sum(axis=1), known[near].sum(axis=1)
        return total, count


def places(columns: dict[str, np.ndarray]) -> Places:
    """Return where the sets stand, from one value per set and name."""
    n = len(next(iter(columns.values())))
    lines, ranks, kinds = [], [], []
    for name, column in columns.items():
        values, rank, kind = _ranked(column)
        if len(values) > 1:
            lines.append(_line(name, values))
            ranks.append(rank)
        kinds.append(kind)
    groups = np.unique(np.column_stack(kinds), axis=0, return_inverse=True)[1].reshape(-1)
    stacked = np.column_stack(ranks) if ranks else np.empty((n, 0), np.int64)
    axes, members = len(lines), n // (int(groups.max()) + 1)
    least = min(3 ** min(axes, 3) - 1, _LEAST_NEAREST, max(2 * axes, members // 10))
    count = max(least, min(round((2 * REACH) ** axes * members), _MOST_NEAREST))
    made = Places(tuple(lines), stacked, groups, False, count)
    return Places(tuple(lines), stacked, groups, axes > 0 and _scattered(made), count)


def _positions(values: np.ndarray) -> np.ndarray:
    return np.log(values) if wide(values) else values.astype(np.float64)


def _line(name: str, values: np.ndarray) -> Line:
    position, place = _positions(values), np.arange(len(values))
    reach = REACH * (position[-1] - position[0]) * (1 + _EXACT)
    low = np.minimum(np.searchsorted(position, position - reach, "left"), place - 1)
    high = np.maximum(np.searchsorted(position, position + reach, "right") - 1, place + 1)
    return Line(name, values, np.maximum(low, 0), np.minimum(high, len(values) - 1))


def _ranked(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return an axis' numbers, per set the rank among them (0 for what is no number), and the kind of its value.

    All numbers are one kind, each other value one of its own: None beside 0.02 and 0.05 has no neighbours among them.
    """
    if values.dtype.kind in "iuf":
        known, rank = np.unique(values, return_inverse=True)
        return known, rank.reshape(-1), np.zeros(len(values), np.int64)
    rank, kind = np.zeros(len(values), np.int64), np.zeros(len(values), np.int64)
    if values.dtype.kind == "b":
        return np.empty(0), rank, values.astype(np.int64)
    plain = np.array([isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_) for value in values])
    distinct, place = np.unique(values[plain].astype(np.float64), return_inverse=True)
    rank[plain] = place.reshape(-1)
    kinds: dict[Any, int] = {}
    for i in np.flatnonzero(~plain):
        kind[i] = kinds.setdefault(repr(values[i]), len(kinds) + 1)
    return distinct, rank, kind


def _scattered(places: Places) -> bool:
    """Return whether half of the sets have fewer neighbours within reach than there are axes: a search at random."""
    n = len(places.groups)
    cells = int(places.groups.max()) + 1
    for line in places.lines:
        cells *= len(line.values)
    if cells > max(2**20, _ROOM * n):
        return True
    _, count = _box_sums(places, np.ones(n))
    return bool(np.median(count - 1) < len(places.lines))


def _box_sums(places: Places, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return per set the sum of the scores within reach, its own with them, and how many there are.

    The whole box of cells is summed over the reach of each cell along one axis after the other.
    """
    shape = (int(places.groups.max()) + 1, *(len(line.values) for line in places.lines))
    at = (places.groups, *places.ranks.T)
    known = np.isfinite(scores)
    total, count = np.zeros(shape), np.zeros(shape, np.int64)
    total[at], count[at] = np.where(known, scores, 0.0), known
    for axis, line in enumerate(places.lines, start=1):
        total, count = _over_reach(total, axis, line), _over_reach(count, axis, line)
    return total[at], count[at]


def _over_reach(values: np.ndarray, axis: int, line: Line) -> np.ndarray:
    """Return the sum of each cell and those within reach along one axis: a difference of running sums."""
    first = np.zeros_like(np.take(values, [0], axis))
    running = np.concatenate([first, np.cumsum(values, axis)], axis)
    return np.take(running, line.high + 1, axis) - np.take(running, line.low, axis)
