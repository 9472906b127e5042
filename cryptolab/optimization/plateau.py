"""Is the best point of a sweep on a hill or a spike: its score beside those of the sets around it.

A set that is good because the idea is good has good neighbours: a period of 21 instead of 20 changes little. A score
that falls away on all sides was found by chance among many tries. A hill is no proof: neighbouring sets make nearly the
same trades, so that luck is shared among them as well.
"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from cryptolab.checks import refuse
from cryptolab.optimization.neighbours import Places, places
from cryptolab.optimization.scales import SCALES, better, listed, percent, written

HILL, SPIKE, UNDECIDED = "hill", "spike", "undecided"
ENOUGH = 0.5
"""Share of the best set's lead over the typical set that its neighbours must keep for a hill."""


class Sets(Protocol):
    """What is needed of a grid: one value per set and name."""

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """name -> one value per set."""

    def params(self, number: int) -> dict[str, Any]:
        """Return the values of one set."""


class Steady(NamedTuple):
    """The set whose neighbours score best on average."""

    params: dict[str, Any]
    score: float
    neighbourhood: float


@dataclass(frozen=True)
class Plateau:
    """The best set beside its neighbours. Scores are values of `metric` (lengths of time: days), NaN where undefined.

    params, score: the best set. neighbourhood: mean over its neighbours with a score, of which there are n_neighbours
    (n_undefined have none); worst: the least good of them. typical: median over all sets with a score, n_sets.
    kept = (neighbourhood - typical) / (score - typical). verdict: "hill" (kept >= 0.5), "spike", or "undecided" (too
    few neighbours, or no lead to keep). nearest: neighbours are the nearest sets of a random search, not one step away.
    edges: parameters of which the best set has the least or the greatest of three or more numbers tried. steadiest: the
    set with the best mean over its neighbours; None where no set has enough of them.
    """

    metric: str
    params: dict[str, Any]
    score: float
    neighbourhood: float
    worst: float
    n_neighbours: int
    n_undefined: int
    typical: float
    n_sets: int
    kept: float
    verdict: str
    nearest: bool
    edges: tuple[str, ...]
    steadiest: Steady | None

    def __str__(self) -> str:
        """Say it in words, with the numbers."""
        return " ".join(filter(None, (self._headline(), self._around(), self._beyond(), self._steadier())))

    def __repr__(self) -> str:
        return f"<Plateau: {self}>"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(str(self))}</p>"

    def _headline(self) -> str:
        best = f"the best of {self.n_sets:,} sets ({listed(self.params)})"
        if self.verdict == UNDECIDED:
            return f"Whether {best} is on a hill or a spike cannot be told."
        return f"{best[0].upper()}{best[1:]} is on a {self.verdict}."

    def _around(self) -> str:
        own = f"{SCALES[self.metric].name}: {written(self.metric, self.score)}"
        missing = f" ({self.n_undefined} more without a value)" if self.n_undefined else ""
        if self.n_neighbours == 0:
            return f"{own}, with no neighbour to compare it with{missing}."
        kind = "nearest set" if self.nearest else "neighbour"
        who = f"its one {kind}" if self.n_neighbours == 1 else f"its {self.n_neighbours} {kind}s{missing}"
        mean, worst = written(self.metric, self.neighbourhood), written(self.metric, self.worst)
        have = f"{who} has {mean}" if self.n_neighbours == 1 else f"{who} have {mean} on average, {worst} at worst"
        typical = f"the typical set has {written(self.metric, self.typical)}"
        if not math.isfinite(self.kept):
            return f"{own}; {have}; {typical}, so there is no lead that they could keep."
        if self.verdict == UNDECIDED:
            return f"{own}; {have}, and so few tell nothing; {typical}."
        kept = f"they keep {percent(self.kept, 0)}" if self.kept > 0 else "they keep nothing"
        return f"{own}; {have}; {typical}: {kept} of its lead."

    def _beyond(self) -> str:
        if not self.edges:
            return ""
        return f"It lies at the edge of what was tried ({', '.join(self.edges)}): beyond, there may be better ones."

    def _steadier(self) -> str:
        found = self.steadiest
        if found is None:
            return ""
        if found.params == self.params:
            return "No other set has better neighbours."
        own, around = written(self.metric, found.score), written(self.metric, found.neighbourhood)
        return f"The best neighbours are those of {listed(found.params)}: {around} on average, {own} itself."


def measure(sets: Sets, metric: str, scores: np.ndarray, smallest: bool | None = None) -> Plateau:
    """Return the Plateau of `scores`: float64, one per set, NaN where there is none (lengths of time: days).

    smallest: whether the smaller score is the better one; None leaves it to the metric. Of equal scores the first is
    the best. Raises InputError when no set has a score.
    """
    sign = better(metric, smallest)
    signed = sign * scores  # larger is better from here on
    known = np.isfinite(signed)
    if not known.any():
        refuse("plateau", f"no set with a {metric}", "choose a metric that is defined, or other sets")
    where = places(sets.columns)
    best = int(np.nanargmax(signed))
    around = where.around(best)
    beside = signed[around][known[around]]
    typical = float(np.median(signed[known]))
    lead = float(signed[best]) - typical
    mean = float(beside.mean()) if len(beside) else math.nan
    kept = (mean - typical) / lead if lead > 0 else math.nan
    decided = len(beside) >= max(where.enough, 1) and math.isfinite(kept)
    return Plateau(
        metric=metric,
        params=sets.params(best),
        score=float(scores[best]),
        neighbourhood=sign * mean,
        worst=sign * float(beside.min()) if len(beside) else math.nan,
        n_neighbours=len(beside),
        n_undefined=len(around) - len(beside),
        typical=sign * typical,
        n_sets=int(known.sum()),
        kept=kept,
        verdict=UNDECIDED if not decided else HILL if kept >= ENOUGH else SPIKE,
        nearest=where.by_rank,
        edges=() if where.by_rank else _edges(sets, best),
        steadiest=_steadiest(sets, where, signed, sign),
    )


def _edges(sets: Sets, number: int) -> tuple[str, ...]:
    """Return the names of the numeric axes at whose ends the set stands; of two values each is an end."""
    found = []
    for name, values in sets.columns.items():
        if values.dtype.kind in "iuf" and values[number] in (values.min(), values.max()) and len(np.unique(values)) > 2:
            found.append(name)
    return tuple(found)


def _steadiest(sets: Sets, where: Places, signed: np.ndarray, sign: float) -> Steady | None:
    """Return the set, itself with a score, whose neighbours have the best mean.

    Sets with fewer of them than half of all sets have do not take part: the mean of few strays farthest, so that the
    edges of the grid would win by chance.
    """
    means, count = where.means(signed)
    known = np.isfinite(signed)
    fit = known & (count >= max(where.enough, 1, float(np.median(count[known]))))
    if not fit.any():
        return None
    number = int(np.argmax(np.where(fit, means, -np.inf)))
    near = signed[where.around(number)]
    return Steady(sets.params(number), sign * float(signed[number]), sign * float(np.nanmean(near)))
