"""Grids: which sets of parameters a sweep tries.

A grid is the full product of its axes, the last name varying fastest, or a number of sets drawn from it. Nothing here
loops over sets in Python but a callable in `where=`: a million sets take a fraction of a second.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cryptolab.checks import refuse, whole
from cryptolab.optimization.conditions import Test, Where, conditions, holds
from cryptolab.optimization.memory import default_budget, written

_COUNTABLE = 2**62  # products above it are drawn from axis by axis: their sets have no number in int64
_TRIFLE = 2**20  # bytes that fit anywhere: what is free need not be read for them
_EXACT = 2**53  # whole numbers above it are not all floats


@dataclass(frozen=True, eq=False)
class Grid:
    """n sets of parameters.

    columns: name -> one value per set: bool, int64 or float64 where all values are such (whole numbers among floats
    become floats), else object. axes: name -> the distinct values that occur, in the order given; drawn ones sorted.
    """

    columns: dict[str, np.ndarray]
    axes: dict[str, tuple[Any, ...]]

    def __post_init__(self) -> None:
        for column in self.columns.values():
            column.flags.writeable = False

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def params(self, number: int) -> dict[str, Any]:
        """Return one set as plain Python values, never numpy scalars."""
        return self.several(np.array([number]))[0]

    def several(self, numbers: np.ndarray) -> list[dict[str, Any]]:
        """Return these sets as plain Python values, never numpy scalars."""
        values = [column[numbers].tolist() for column in self.columns.values()]
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*values, strict=True)]

    def codes(self, name: str) -> np.ndarray:
        """Return each set's position on the axis `name`: int64 (n,)."""
        column, axis = self.columns[name], self.axes[name]
        if column.dtype == object:
            positions = {value: position for position, value in enumerate(axis)}
            return np.fromiter(map(positions.__getitem__, column), np.int64, len(column))
        values = np.array(axis, column.dtype)
        order = np.argsort(values)
        return order[np.searchsorted(values[order], column)]

    def subset(self, keep: np.ndarray) -> Grid:
        """Return the sets of `keep`, one boolean per set or the sets' numbers; axes lose what no longer occurs."""
        return _of_columns(self.axes, {name: column[keep] for name, column in self.columns.items()})

    def __repr__(self) -> str:
        said = " x ".join(f"{name} {len(axis):,}" for name, axis in self.axes.items())
        return f"Grid({len(self):,} sets: {said})"


def make_grid(
    grid: Mapping[str, Any],
    *,
    where: Where = None,
    samples: int | None = None,
    seed: int = 0,
    limit_bytes: int | None = None,
) -> Grid:
    """Return the sets of parameters of `grid` that satisfy `where`.

    grid: name -> a range, list, tuple, array or Series of different values; a single value, which is fixed; or a
    distribution, anything with scipy's `rvs(size=, random_state=)`. where: a text such as "fast < slow", a callable
    such as `lambda fast, slow: fast < slow`, or a list of them, all of which have to hold; see `conditions`.
    samples: draw that many different sets at random, `seed` repeatably; fewer where there are no more, or where `where`
    lets hardly any pass. Without a distribution they are drawn from the product, which is not built, and come in its
    order; with one, lists are drawn from uniformly. limit_bytes: what the sets may take, by default half of the memory
    that is available.

    Raises InputError for what is none of this, for a product too large, and where no set is left.
    """
    axes = _read_axes(grid)
    tests = conditions(where, list(axes))
    random = np.random.default_rng(whole("seed", seed, low=0))
    drawn = [name for name, axis in axes.items() if not isinstance(axis, tuple | range)]
    if samples is None:
        if drawn:
            refuse(f"grid {drawn[0]!r}", "a distribution without samples=", "say how many sets to draw: samples=1000")
        return _full(axes, tests, limit_bytes)
    wanted = whole("samples", samples, low=1)
    _refuse_size(f"{wanted:,} samples", wanted, len(axes), limit_bytes)
    if drawn or math.prod(map(len, axes.values())) > _COUNTABLE:
        return _drawn(axes, tests, wanted, random)
    return _sampled(axes, tests, wanted, random)


def product_with(a: Grid, b: Grid) -> Grid:
    """Return each set of `a` with each of `b`, those of `b` varying fastest. Raises InputError for a shared name."""
    for name in b.columns:
        if name in a.columns:
            refuse("grid", f"{name!r} twice", "give each name once")
    columns = {name: np.repeat(column, len(b)) for name, column in a.columns.items()}
    columns |= {name: np.tile(column, len(a)) for name, column in b.columns.items()}
    return Grid(columns, {**a.axes, **b.axes})


def axis_array(values: Iterable[Any]) -> np.ndarray:
    """Return plain values as bool, int64 or float64 where all are such, else as objects, tuples left whole."""
    listed = list(values)
    kinds = {type(value) for value in listed}
    if kinds == {bool}:
        return np.array(listed, bool)
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in listed):
        return np.array(listed, np.int64)
    if kinds in ({float}, {int, float}) and all(type(v) is float or abs(v) <= _EXACT for v in listed):
        return np.array(listed, np.float64)
    return np.fromiter(listed, object, len(listed))


def plain(value: Any) -> Any:
    """Return a numpy scalar as the Python value it stands for, anything else as it is."""
    if isinstance(value, np.datetime64 | np.timedelta64):
        return pd.Series([value]).iloc[0]
    return value.item() if isinstance(value, np.generic) else value


def _read_axes(grid: Any) -> dict[str, Any]:
    """Return name -> distinct plain values (a tuple or a range), or the distribution as it is."""
    if not isinstance(grid, Mapping):
        refuse("grid", f"a {type(grid).__name__}", "give names with their values, as in {'fast': range(5, 45)}")
    if not grid:
        refuse("grid", "no names", "give names with their values, as in {'fast': range(5, 45)}")
    axes: dict[str, Any] = {}
    for name, values in grid.items():
        if not isinstance(name, str):
            refuse("grid", f"the name {name!r}", "write names of parameters as text")
        axes[name] = values if callable(getattr(values, "rvs", None)) else _axis(name, values)
    return axes


def _axis(name: str, values: Any) -> tuple[Any, ...] | range:
    """Return one name's values, checked. A range stays one: it may be too long to be written out."""
    what = f"grid {name!r}"
    if isinstance(values, set | frozenset | dict) or hasattr(values, "__next__"):
        refuse(what, f"a {type(values).__name__}", "give a list: its order and length have to be known")
    if isinstance(values, np.ndarray | pd.Series | pd.Index):
        if values.ndim > 1:
            refuse(what, f"an array of {values.ndim} dimensions", "give one value per row")
        values = list(values) if values.ndim else values[()]
    if isinstance(values, range) and max(map(abs, (values.start, values.stop, values.step))) < _COUNTABLE:
        listed: tuple[Any, ...] | range = values
    else:
        given = values if isinstance(values, list | tuple | range) else [values]
        _refuse_values(what, given := [plain(value) for value in given])
        listed = tuple(axis_array(given).tolist())
    if not len(listed):
        refuse(what, "no values", "give at least one")
    return listed


def _refuse_values(what: str, values: list[Any]) -> None:
    """Refuse NaN, what cannot be compared, and a value given twice (1, 1.0 and True are one value)."""
    seen = set()
    for value in values:
        if value is not None and pd.api.types.is_scalar(value) and pd.isna(value):
            refuse(what, f"{value}", "leave it out, or write None in a list where a rule is to be switched off")
        try:
            twice = value in seen
        except TypeError:
            refuse(what, f"a {type(value).__name__} as one of the values", "write a tuple, or a text")
        if twice:
            refuse(what, f"{value!r} twice", "give each value once")
        seen.add(value)


def _full(axes: dict[str, Any], tests: list[Test], limit_bytes: int | None) -> Grid:
    """Return the whole product, or what `where` leaves of it."""
    lengths = [len(axis) for axis in axes.values()]
    count = math.prod(lengths)
    shape = " x ".join(f"{length:,}" for length in lengths)
    _refuse_size(f"a product of {count:,} sets ({shape})", count, len(axes), limit_bytes)
    columns, inner = {}, count
    for name, axis in axes.items():
        inner //= len(axis)
        columns[name] = np.tile(np.repeat(_at(axis, np.arange(len(axis))), inner), count // (len(axis) * inner))
    product = Grid(columns, {name: tuple(axis) for name, axis in axes.items()})
    if not tests:
        return product
    keep = holds(tests, columns)
    _refuse_nothing(int(keep.sum()), f"none of {count:,} sets")
    return product.subset(keep)


def _sampled(axes: dict[str, Any], tests: list[Test], wanted: int, random: np.random.Generator) -> Grid:
    """Draw different sets of the product by their numbers; more of them while `where` leaves too few."""
    lengths = [len(axis) for axis in axes.values()]
    count = math.prod(lengths)
    most = min(count, 16 * wanted + 1_000_000)
    tried = min(count, 2 * wanted if tests else wanted)
    while True:
        numbers = random.choice(count, tried, replace=False)
        places = np.unravel_index(numbers, lengths)
        columns = {name: _at(axis, place) for (name, axis), place in zip(axes.items(), places, strict=True)}
        kept = np.flatnonzero(holds(tests, columns))
        if len(kept) >= wanted or tried == most:
            break
        tried = min(most, max(2 * tried, int(1.2 * tried * wanted / max(1, len(kept)))))
    _refuse_nothing(len(kept), f"none of {tried:,} sets drawn from {count:,}")
    kept = kept[:wanted]
    return _of_columns(axes, {name: column[kept[np.argsort(numbers[kept])]] for name, column in columns.items()})


def _drawn(axes: dict[str, Any], tests: list[Test], wanted: int, random: np.random.Generator) -> Grid:
    """Draw each name's values at random, until there are enough different sets that `where` lets pass."""
    batch = max(2 * wanted, 1024)
    found = pd.DataFrame()
    idle = tried = 0
    while len(found) < wanted and idle < 10 and tried < 100 * batch:
        columns = {name: _draw(f"grid {name!r}", axis, batch, random) for name, axis in axes.items()}
        # the dtype said: of an object array of texts and None, pandas would make texts and NaN
        series = {name: pd.Series(column, dtype=column.dtype) for name, column in columns.items()}
        fresh = pd.DataFrame(series)[holds(tests, columns)]
        before = len(found)
        found = (pd.concat([found, fresh]) if before else fresh).drop_duplicates(ignore_index=True)
        tried, idle = tried + batch, idle + 1 if len(found) == before else 0
    _refuse_nothing(len(found), f"none of {tried:,} sets drawn")
    return _of_columns(axes, {name: axis_array(map(plain, found[name][:wanted])) for name in axes})


def _draw(what: str, axis: Any, count: int, random: np.random.Generator) -> np.ndarray:
    """Return `count` values of a list, each as likely as the others, or of a distribution."""
    if isinstance(axis, tuple | range):
        return _at(axis, random.integers(len(axis), size=count))
    try:
        values = np.asarray(axis.rvs(size=count, random_state=random))
    except TypeError as problem:
        refuse(what, f"rvs that fails ({problem})", "give it scipy's arguments: rvs(size=, random_state=)")
    if values.shape != (count,):
        refuse(what, f"draws of shape {values.shape} for size={count}", "give a distribution of single values")
    if pd.isna(values).any():
        refuse(what, "a draw of NaN", "give a distribution of numbers")
    return values


def _at(axis: tuple[Any, ...] | range, places: np.ndarray) -> np.ndarray:
    """Return the values of an axis at these places; a range is not written out for it."""
    return axis.start + axis.step * places if isinstance(axis, range) else axis_array(axis)[places]


def _of_columns(axes: dict[str, Any], columns: dict[str, np.ndarray]) -> Grid:
    return Grid(columns, {name: _occurring(axis, columns[name]) for name, axis in axes.items()})


def _occurring(axis: Any, column: np.ndarray) -> tuple[Any, ...]:
    """Return the values of an axis that occur in `column`, in its order; those of a distribution sorted."""
    values = set(column.tolist() if column.dtype == object else np.unique(column).tolist())
    if isinstance(axis, tuple):
        return axis if len(values) == len(axis) else tuple(value for value in axis if value in values)
    try:
        return tuple(sorted(values, reverse=isinstance(axis, range) and axis.step < 0))
    except TypeError:  # drawn values without an order stay in that of their first draw
        return tuple(dict.fromkeys(column.tolist()))


def _refuse_size(said: str, count: int, names: int, limit_bytes: int | None) -> None:
    needed = 8 * count * names
    if limit_bytes is None and needed <= _TRIFLE:
        return
    limit = default_budget() if limit_bytes is None else limit_bytes
    if needed > limit:
        refuse(
            "grid", f"{said}, whose parameters alone take {written(needed)} of {written(limit)}",
            "give fewer values, or draw some of the sets: samples=10_000",
        )  # fmt: skip


def _refuse_nothing(left: int, of: str) -> None:
    if not left:
        refuse("where", f"conditions that hold for {of}", "loosen them, or widen the grid")
