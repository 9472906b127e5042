"""Is the best point of a sweep on a hill or a spike: its score beside those of the sets around it.

A set that is good because the idea is good has good neighbours: a period of 21 instead of 20 changes little. A score
that falls away on all sides was found by chance among many tries. How far a neighbour may be away is a share of the
axis' range (see `neighbours`), so that a finer grid does not make a spike a hill. A hill is no proof: neighbouring sets
make nearly the same trades, so that luck is shared among them as well.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from cryptolab.checks import refuse
from cryptolab.optimization.neighbours import REACH, Places, places
from cryptolab.optimization.scales import SCALES, better, listed, percent, shown, written

HILL, SPIKE, UNDECIDED = "hill", "spike", "undecided"
ENOUGH = 0.5
"""Share of the best set's lead over the typical set that its neighbours must keep for a hill."""
WITHIN = f"at most {percent(REACH, 0)} of the range away"
STEP = "one step away"
NEAREST = "nearest by rank"


class Sets(Protocol):
    """What is needed of a grid: one value per set and name."""

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """name -> one value per set."""

    def params(self, number: int) -> dict[str, Any]:
        """Return the values of one set."""


@dataclass(frozen=True)
class Steady:
    """A set that is good together with those around it. neighbourhood: mean over itself and its neighbours."""

    params: dict[str, Any]
    score: float
    neighbourhood: float


@dataclass(frozen=True)
class Plateau:
    """The best set beside its neighbours. Scores are values of `metric` (lengths of time: days), NaN where undefined.

    params, score: the best set. neighbourhood: mean over its neighbours with a score, of which there are n_neighbours
    (n_undefined have none); worst: the least good of them. typical: median over all sets with a score, n_sets.
    kept = (neighbourhood - typical) / (score - typical). verdict: "hill" (kept >= 0.5), "spike", or "undecided" (too
    few neighbours, or no lead to keep). reach: what makes a neighbour, in words; span: least and greatest value of the
    best set and its neighbours on each numeric axis. nearest: whether they are the nearest sets of a search at random.
    edges: parameters of which the best set has the least or the greatest of three or more numbers tried. loses: whether
    even the best score is not above the metric's neutral point (no return, a profit factor of 1). steadiest: of the
    sets no worse than the typical one, that with the best mean over itself and its neighbours; None where the verdict
    is undecided or even the best set loses. symbols: whose scores these are, medians over them; empty where a sweep has
    only one.
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
    reach: str
    span: dict[str, tuple[float, float]]
    nearest: bool
    edges: tuple[str, ...]
    loses: bool
    steadiest: Steady | None
    symbols: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say it in words, with the numbers."""
        return " ".join(
            filter(None, (self.headline, self._around(), self._beyond(), self._steadier(), self._caution()))
        )

    def __repr__(self) -> str:
        return f"<Plateau: {self}>"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(str(self))}</p>"

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain data, `steadiest` as a mapping or None, with the words under `sentence`."""
        return {**asdict(self), "sentence": str(self)}

    @property
    def headline(self) -> str:
        """The verdict in one sentence."""
        sets = f"best of {self.n_sets:,} sets" if self.n_sets != 1 else "only set with a value"
        best = f"the {sets} ({listed(self.params)})"
        if self.loses:
            gains = "gains nothing" if self.score == SCALES[self.metric].centre else "loses"
            return f"Even {best} {gains}, going by its {SCALES[self.metric].name}."
        if self.verdict == UNDECIDED:
            return f"Whether {best} is on a hill or a spike cannot be told."
        return f"{best[0].upper()}{best[1:]} is on a {self.verdict}."

    @property
    def place(self) -> str:
        """Where the neighbours are: how far away they may be, and the values that they span."""
        spans = [
            f"{name} {shown(low)}" + (f" to {shown(high)}" if high > low else "")
            for name, (low, high) in self.span.items()
        ]
        return f"{self.reach}: {', '.join(spans)}" if spans else self.reach

    def _around(self) -> str:
        own = f"{SCALES[self.metric].name}{self._whose()}: {written(self.metric, self.score)}"
        missing = f" and {self.n_undefined} without a value" if self.n_undefined else ""
        if self.n_neighbours == 0:
            return f"{own}, with no neighbour to compare it with{missing}."
        one = self.n_neighbours == 1
        who = f"its one neighbour{missing}" if one else f"its {self.n_neighbours:,} neighbours{missing}"
        mean, worst = written(self.metric, self.neighbourhood), written(self.metric, self.worst)
        have = f"has {mean}" if one else f"have {mean} on average, {worst} at worst"
        told = f"{own}; {who} ({self.place}) {have}; the typical set has {written(self.metric, self.typical)}"
        if not math.isfinite(self.kept):
            return f"{told}, so there is no lead that they could keep."
        if self.verdict == UNDECIDED:
            return f"{told}; so few neighbours tell nothing."
        kept = f"they keep {percent(self.kept, 0)}" if self.kept > 0 else "they keep nothing"
        return f"{told}: {kept} of its lead."

    def _whose(self) -> str:
        """Whose score it is, where a sweep has several symbols."""
        if not self.symbols:
            return ""
        return (
            f" on {self.symbols[0]}"
            if len(self.symbols) == 1
            else f", each set's median of {len(self.symbols)} symbols"
        )

    def _beyond(self) -> str:
        if not self.edges:
            return ""
        return f"It lies at the edge of what was tried ({', '.join(self.edges)}): beyond, there may be better ones."

    def _steadier(self) -> str:
        found = self.steadiest
        if found is None:
            return ""
        if found.params == self.params:
            return "No other set is better together with its neighbours."
        own, around = written(self.metric, found.score), written(self.metric, found.neighbourhood)
        return f"Together with its neighbours {listed(found.params)} is the best: {around} on average, {own} itself."

    def _caution(self) -> str:
        """What a hill does not say."""
        if self.verdict != HILL or self.loses:
            return ""
        return "Neighbours make nearly the same trades: a hill is no proof of an edge."


def measure(
    sets: Sets, metric: str, scores: np.ndarray, smallest: bool | None = None, symbols: Sequence[str] = ()
) -> Plateau:
    """Return the Plateau of `scores`: float64, one per set, NaN where there is none (lengths of time: days).

    smallest: whether the smaller score is the better one; None leaves it to the metric. symbols: whose scores they are,
    in a sweep of several. Of equal scores the first is the best. Raises InputError when no set has a score.
    """
    sign = better(metric, smallest)
    signed = sign * scores  # larger is better from here on
    known = np.isfinite(signed)
    if not known.any():
        refuse("plateau", f"no set where {metric} is defined", "choose another metric, or other sets")
    where = places(sets.columns)
    best = int(np.nanargmax(np.where(known, signed, np.nan)))
    around = where.around(best)
    beside = signed[around][known[around]]
    typical = float(np.median(signed[known]))
    lead = float(signed[best]) - typical
    mean = float(beside.mean()) if len(beside) else math.nan
    kept = (mean - typical) / lead if lead > 0 else math.nan
    decided = len(beside) >= max(where.enough, 1) and math.isfinite(kept)
    loses = _loses(metric, sign, float(scores[best]))
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
        reach=_reach(where),
        span=where.span(np.append(around, best)),
        nearest=where.by_rank,
        edges=() if where.by_rank else _edges(sets, best),
        loses=loses,
        steadiest=_steadiest(sets, where, signed, sign, typical) if decided and not loses else None,
        symbols=tuple(symbols),
    )


def _loses(metric: str, sign: float, score: float) -> bool:
    """Return whether the score of the best set is at the metric's neutral point or on the bad side of it."""
    centre = SCALES[metric].centre
    return centre is not None and sign > 0 and score <= centre


def _reach(where: Places) -> str:
    """Return in words what makes a neighbour."""
    if where.by_rank:
        return NEAREST
    steps = [line.steps for line in where.lines]
    return STEP if all(steps) else f"{WITHIN}, or {STEP}" if any(steps) else WITHIN


def _edges(sets: Sets, number: int) -> tuple[str, ...]:
    """Return the names of the numeric axes at whose ends the set stands; of two values each is an end."""
    found = []
    for name, values in sets.columns.items():
        if values.dtype.kind in "iuf" and values[number] in (values.min(), values.max()) and len(np.unique(values)) > 2:
            found.append(name)
    return tuple(found)


def _steadiest(sets: Sets, where: Places, signed: np.ndarray, sign: float, typical: float) -> Steady | None:
    """Return the set, itself no worse than the typical one, with the best mean over itself and its neighbours.

    Sets with fewer neighbours than half of all sets have do not take part: the mean of few strays farthest, so that the
    edges of the grid would win by chance.
    """
    means, count = where.means(signed)
    known = np.isfinite(means)
    fit = known & (signed >= typical) & (count >= max(where.enough, 1, float(np.median(count[known]))))
    if not fit.any():
        return None
    number = int(np.argmax(np.where(fit, means, -np.inf)))
    near = np.append(signed[where.around(number)], signed[number])
    return Steady(sets.params(number), sign * float(signed[number]), sign * float(np.mean(near[np.isfinite(near)])))
