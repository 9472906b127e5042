"""Hill or spike: known landscapes give the known answer, and the sentence says the numbers."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest

from cryptolab.errors import InputError
from cryptolab.optimization.grid import Grid, make_grid
from cryptolab.optimization.plateau import HILL, SPIKE, UNDECIDED, WITHIN, Plateau, Steady, measure

SQUARE = make_grid({"fast": range(10), "slow": range(10, 20)})


def landscape(grid: Grid, height: Any) -> np.ndarray:
    return np.array([height(**grid.params(i)) for i in range(len(grid))], float)


def hill(fast: int, slow: int) -> float:
    return 3.0 * math.exp(-((fast - 4) ** 2 + (slow - 15) ** 2) / 8)


def spike(fast: int, slow: int) -> float:
    return 3.0 if (fast, slow) == (4, 15) else 0.1 * math.sin(7 * fast + 13 * slow)


def test_a_hill_is_a_hill() -> None:
    found = measure(SQUARE, "sharpe_ratio", landscape(SQUARE, hill))
    around = [hill(4 + i, 15 + j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    typical = float(np.median(landscape(SQUARE, hill)))
    assert found.params == {"fast": 4, "slow": 15}
    assert found.verdict == HILL
    assert found.score == 3.0
    assert found.neighbourhood == pytest.approx(np.mean(around))
    assert found.worst == pytest.approx(min(around))
    assert (found.n_neighbours, found.n_undefined, found.n_sets) == (8, 0, 100)
    assert found.typical == pytest.approx(typical)
    assert found.kept == pytest.approx((np.mean(around) - typical) / (3.0 - typical))
    assert found.steadiest is not None
    assert found.steadiest.params == found.params


def test_a_spike_is_a_spike_and_a_hill_beside_it_is_the_steadiest() -> None:
    def both(fast: int, slow: int) -> float:
        return 9.0 if (fast, slow) == (8, 18) else 2 * math.exp(-((fast - 3) ** 2 + (slow - 13) ** 2) / 8)

    found = measure(SQUARE, "sharpe_ratio", landscape(SQUARE, both))
    assert found.verdict == SPIKE
    assert found.params == {"fast": 8, "slow": 18}
    assert found.steadiest is not None
    assert found.steadiest.params == {"fast": 3, "slow": 13}
    assert found.steadiest.score == 2.0
    assert "Together with its neighbours fast=3, slow=13 is the best: " in str(found)


@pytest.mark.parametrize(("height", "verdict"), [(hill, HILL), (spike, SPIKE)])
def test_where_smaller_is_better_it_is_the_same_landscape_upside_down(height: Any, verdict: str) -> None:
    scores = landscape(SQUARE, height)
    up, down = measure(SQUARE, "sharpe_ratio", scores), measure(SQUARE, "volatility", -scores)
    assert down.verdict == up.verdict == verdict
    assert down.params == up.params
    assert down.kept == pytest.approx(up.kept)
    for name in ("score", "neighbourhood", "worst", "typical"):
        assert getattr(down, name) == pytest.approx(-getattr(up, name))
    turned = measure(SQUARE, "sharpe_ratio", -scores, smallest=True)
    assert dataclasses.replace(turned, metric="volatility") == down


def test_neighbours_without_a_score_are_counted_apart() -> None:
    scores = landscape(SQUARE, hill).reshape(10, 10)
    scores[3, 4:6] = np.nan
    found = measure(SQUARE, "sharpe_ratio", scores.ravel())
    left = [hill(4 + i, 15 + j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) not in ((0, 0), (-1, 0), (-1, -1))]
    assert (found.n_neighbours, found.n_undefined, found.n_sets) == (6, 2, 98)
    assert found.neighbourhood == pytest.approx(np.mean(left))
    assert "its 6 neighbours and 2 without a value (" in str(found)


def test_nan_never_wins_and_of_equals_the_first_does() -> None:
    grid = make_grid({"a": range(5)})
    assert measure(grid, "sharpe_ratio", np.array([np.nan, 1, 2, 2, np.nan])).params == {"a": 2}


@pytest.mark.parametrize(
    ("grid", "scores", "says"),
    [
        ({"a": [1, 2]}, [0.0, 1.0], "so few neighbours tell nothing"),
        ({"kind": ["x", "y", "z"]}, [0.0, 1.0, 2.0], "no neighbour to compare it with"),
        ({"a": range(5)}, [1.0] * 5, "there is no lead that they could keep"),
        ({"a": 1}, [1.0], "no neighbour to compare it with"),
    ],
)
def test_what_cannot_be_told_is_undecided(grid: dict[str, Any], scores: list[float], says: str) -> None:
    found = measure(make_grid(grid), "sharpe_ratio", np.array(scores))
    assert found.verdict == UNDECIDED
    assert says in str(found)
    assert "cannot be told" in str(found)


def test_without_any_score_there_is_no_plateau() -> None:
    with pytest.raises(InputError, match="no set where sortino_ratio is defined; choose another metric, or other"):
        measure(SQUARE, "sortino_ratio", np.full(100, np.nan))


def test_one_set_alone_is_called_so() -> None:
    said = str(measure(make_grid({"a": [1, 2]}), "sharpe_ratio", np.array([math.nan, 1.0])))
    assert "Whether the only set with a value (a=2) is on a hill or a spike cannot be told." in said


WRITTEN = Plateau(
    metric="total_return", params={"fast": 5, "kind": "<b>"}, score=0.5, neighbourhood=0.4, worst=0.3, n_neighbours=8,
    n_undefined=0, typical=0.0, n_sets=1234, kept=0.8, verdict=HILL, reach=WITHIN, span={"fast": (3, 7)}, nearest=False,
    edges=(), loses=False, steadiest=None,
)  # fmt: skip


def test_the_sentence() -> None:
    said = (
        "The best of 1,234 sets (fast=5, kind=<b>) is on a hill. Total return: 50.0\u202f%; its 8 neighbours (at most"
        " 10\u202f% of the range away: fast 3 to 7) have 40.0\u202f% on average, 30.0\u202f% at worst; the typical set"
        " has 0.0\u202f%: they keep 80\u202f% of its lead. Neighbours make nearly the same trades: a hill is no proof"
        " of an edge."
    )
    assert str(WRITTEN) == said
    assert repr(WRITTEN) == f"<Plateau: {said}>"
    assert "kind=&lt;b&gt;" in WRITTEN._repr_html_()
    spiky = dataclasses.replace(WRITTEN, verdict=SPIKE, kept=-0.1)
    assert "they keep nothing of its lead" in str(spiky)
    assert "no proof" not in str(spiky)


def test_whose_scores_they_are_is_said() -> None:
    medians = dataclasses.replace(WRITTEN, symbols=("BTC/USDT", "ETH/USDT", "SOL/USDT"))
    assert "Total return, each set's median of 3 symbols: 50.0" in str(medians)
    assert "Total return on ETH/USDT: 50.0" in str(dataclasses.replace(WRITTEN, symbols=("ETH/USDT",)))
    assert measure(SQUARE, "sharpe_ratio", np.arange(100.0), symbols=["A/B", "C/D"]).symbols == ("A/B", "C/D")


def test_it_is_plain_data() -> None:
    found = dataclasses.replace(WRITTEN, steadiest=Steady({"fast": 4}, 0.4, 0.35))
    data = found.as_dict()
    assert json.loads(json.dumps(data))["steadiest"] == {"params": {"fast": 4}, "score": 0.4, "neighbourhood": 0.35}
    assert data["sentence"] == str(found)
    assert set(data) == {field.name for field in dataclasses.fields(Plateau)} | {"sentence"}


def bump(width: float) -> Any:
    return lambda fast, slow: math.exp(-(((fast - 24) / width) ** 2) - ((slow - 148) / (2.5 * width)) ** 2)


@pytest.mark.parametrize(("width", "verdict"), [(12.0, HILL), (8.0, HILL), (4.0, SPIKE), (1.0, SPIKE)])
def test_the_verdict_does_not_depend_on_the_step(width: float, verdict: str) -> None:
    kept = []
    for step in (1, 2, 4):
        grid = make_grid({"fast": range(4, 45, step), "slow": range(100, 221, 3 * step)})
        found = measure(grid, "sharpe_ratio", landscape(grid, bump(width)))
        assert found.params == {"fast": 24, "slow": 148}
        assert (found.verdict, found.span["fast"]) == (verdict, (20, 28))
        assert found.reach == WITHIN
        kept.append(found.kept)
    assert max(kept) - min(kept) < 0.25


def test_where_even_the_best_set_loses_it_is_said_and_nothing_is_recommended() -> None:
    found = measure(SQUARE, "sharpe_ratio", landscape(SQUARE, hill) - 3.5)
    assert found.loses
    assert found.steadiest is None
    assert str(found).startswith("Even the best of 100 sets (fast=4, slow=15) loses, going by its Sharpe ratio. ")
    for word in ("hill", "Together"):
        assert word not in str(found)
    nothing = measure(SQUARE, "profit_factor", landscape(SQUARE, hill) - 2.0)
    assert "gains nothing, going by its Profit factor." in nothing.headline
    assert not measure(SQUARE, "volatility", landscape(SQUARE, hill) - 3.5).loses
    assert not measure(SQUARE, "sharpe_ratio", landscape(SQUARE, hill) - 3.5, smallest=True).loses


def test_the_steadiest_is_never_a_bad_set_among_good_ones() -> None:
    scores = landscape(SQUARE, lambda fast, slow: 2 * math.exp(-((fast - 3) ** 2 + (slow - 13) ** 2) / 8))
    scores[SQUARE.columns["fast"] * 10 + SQUARE.columns["slow"] - 10 == 33] = -0.5  # a hole on top of the hill
    found = measure(SQUARE, "sharpe_ratio", scores)
    assert found.steadiest is not None
    assert found.steadiest.score >= found.typical
    near = [i for i in range(100) if abs(i // 10 - found.steadiest.params["fast"]) <= 1
            and abs(i % 10 + 10 - found.steadiest.params["slow"]) <= 1]  # fmt: skip
    assert found.steadiest.neighbourhood == pytest.approx(scores[near].mean())


def test_too_few_neighbours_recommend_nothing() -> None:
    assert measure(make_grid({"a": [1, 2]}), "sharpe_ratio", np.array([0.5, 1.0])).steadiest is None


def test_a_random_search_is_judged_by_its_nearest_sets() -> None:
    random = np.random.default_rng(2)
    a, b = random.uniform(0, 1, 400), random.uniform(0, 100, 400)
    grid = Grid({"a": a, "b": b}, {"a": tuple(np.sort(a).tolist()), "b": tuple(np.sort(b).tolist())})
    smooth = np.exp(-((a - 0.5) ** 2) * 10 - ((b - 50) / 100) ** 2 * 10)
    found = measure(grid, "sharpe_ratio", smooth)
    assert (found.nearest, found.verdict) == (False, HILL)
    lone = np.where(np.arange(400) == 17, 5.0, random.normal(0, 0.1, 400))
    assert measure(grid, "sharpe_ratio", lone).verdict == SPIKE
    thin = {name: random.uniform(0, 1, 400) for name in "abcd"}
    spread = Grid(thin, {name: tuple(np.sort(values).tolist()) for name, values in thin.items()})
    found = measure(spread, "sharpe_ratio", np.exp(-sum((values - 0.5) ** 2 for values in thin.values())))
    assert (found.nearest, found.verdict) == (True, HILL)
    assert "its 26 neighbours (nearest by rank: a 0." in str(found)


def test_the_edge_of_a_grid_is_never_the_steadiest_by_the_luck_of_few() -> None:
    scores = landscape(SQUARE, lambda fast, slow: 0.1 * fast).reshape(10, 10)
    scores[8:, 0:2] = 50.0  # a corner whose three neighbours are high
    found = measure(SQUARE, "sharpe_ratio", scores.ravel())
    assert found.params == {"fast": 8, "slow": 10}
    assert found.steadiest is not None
    assert 0 < found.steadiest.params["fast"] < 9


def test_a_best_set_at_the_edge_is_called_so() -> None:
    found = measure(SQUARE, "sharpe_ratio", landscape(SQUARE, lambda fast, slow: fast - (slow - 14) ** 2))
    assert found.params == {"fast": 9, "slow": 14}
    assert found.edges == ("fast",)
    assert "It lies at the edge of what was tried (fast): beyond, there may be better ones." in str(found)
    inside = measure(SQUARE, "sharpe_ratio", landscape(SQUARE, hill))
    assert inside.edges == ()
    assert "lies at the edge" not in str(inside)
    two = make_grid({"a": [1, 2], "b": range(5), "c": 7})
    assert measure(two, "sharpe_ratio", np.arange(10.0)).edges == ("b",)
