"""The memory governor: bytes are predicted before a run, and its order and chunks chosen to fit the budget.

Indicator columns are remembered on the bars, the least recently used forgotten first. A sweep's order decides how many
live at once. Of the axes that own columns, the one with the most bytes runs outermost: each of its columns is needed
for one stretch only, while those of the others come round again and again and have to stay. Where they cannot all
stay, these others are cut into tiles, run one after the other, and the outermost axis is computed once per tile.
Axes without columns (thresholds) vary inside those with, and the rules of Costs and Risk inside all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from cryptolab.backtesting.metrics import Metrics
from cryptolab.backtesting.scoring import BYTES_PER_BAR, working_bytes
from cryptolab.checks import refuse
from cryptolab.kernels.scoring import SCORE
from cryptolab.optimization.grid import Grid
from cryptolab.optimization.memory import default_budget, written

CHUNK_SECONDS = 0.5
"""Work per chunk: a checkpoint, Ctrl-C and the progress bar see whole chunks."""
CHUNK_AT_LEAST = 0.01
"""Less work than that takes as long to hand over as to do."""
CHUNKS_PER_THREAD = 8
"""At least that many, where there are rows enough: the last ones are to end at about the same time."""
MEMO_AIM, MEMO_AIM_PER_BAR = 96_000_000, 60 * 8
"""What indicator columns are given when nobody says a budget: this, or 60 columns of one number per bar if that is
more. Tiles are cheap, and memory is others' as well."""

_MOST_CHUNKS = 100_000  # per symbol; each costs a hundred bytes and a message
_WHOLE = 64  # rules of one strategy set that are not shared among chunks: the signals would be computed again
_ROUNDING = 1e-6  # of a column: what fits exactly must not miss by a float's last bit
_FIRST_SET_MAY_MISS = 4 * 8  # bytes per bar: columns that only other sets than the first compute


@dataclass(frozen=True)
class Probe:
    """What running a few sets once has shown, on the first symbol.

    seconds: of one set, warm. peak: bytes that one call of the strategy needed beyond what it left in the memo.
    column: bytes that the first set left in the memo. columns: strategy axis -> bytes that were added when its value
    alone was changed (see `probing_sets`). An axis that is not in it is taken to own as many as the whole set.
    """

    seconds: float
    peak: int
    column: int
    columns: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Plan:
    """How to run a sweep. memo: bytes for each symbol's memo. chunks: int64 row numbers, in the order they are to
    run. predicted: bytes by part. budget: what they fit into."""

    threads: int
    memo: int
    chunks: tuple[np.ndarray, ...]
    predicted: dict[str, int]
    budget: int


def probing_sets(grid: Grid, inner: Sequence[str], first: int = 0) -> dict[str, int]:
    """Return, for each strategy axis of several values, a set that differs from set `first` in that value alone.

    Axes without such a set, as in most random searches, are left out.
    """
    names = [name for name, axis in grid.axes.items() if name not in inner and len(axis) > 1]
    differs: dict[str, np.ndarray] = {}
    for name in names:
        codes = grid.codes(name)
        differs[name] = codes != codes[first]
    alone = np.sum([*differs.values(), np.zeros(len(grid), np.int64)], axis=0) == 1
    found = {name: np.flatnonzero(different & alone) for name, different in differs.items()}
    return {name: int(sets[0]) for name, sets in found.items() if len(sets)}


def make_plan(
    grid: Grid,
    bars_per_symbol: Sequence[int],
    inner: Sequence[str],
    todo: np.ndarray,
    probe: Probe,
    *,
    threads: int,
    budget: int | None,
    blocks: int,
) -> Plan:
    """Return threads, memo and chunks for the rows `todo` (row number = symbol number * len(grid) + set number).

    inner: the names of Costs and Risk; they vary fastest, since signals are the same for all of them. budget: bytes,
    by default half of what is available. Fewer threads are used where the working arrays of all do not fit.

    Raises InputError, with the bytes of each part, when one thread with the smallest memo does not fit.
    """
    axes = _axes(grid, inner, todo, probe)
    most = max(bars_per_symbol)
    limit = default_budget() if budget is None else budget
    options = [_needs(grid, bars_per_symbol, probe, blocks, count) for count in range(1, threads + 1)]
    needs = _most_threads(options, limit, budget is None)
    threads = needs.threads
    free = limit - sum(needs.parts(0).values())
    by_bar = needs.known * most / bars_per_symbol[0]
    cells = math.prod(len(grid.axes[name]) for name in inner) * math.prod(axis.count for axis in axes)
    returning, passing = _live(axes, probe.column, threads, min(1.0, len(np.unique(todo % len(grid))) / cells))
    wanted = max(math.ceil(by_bar * (returning + passing)), needs.known * most * _FIRST_SET_MAY_MISS)
    aim = needs.known * max(MEMO_AIM, MEMO_AIM_PER_BAR * most)
    memo = max(needs.smallest, min(wanted, free if budget is not None else min(free, aim)))
    tiles = _tiles(axes[1:], memo / by_bar, passing, threads)
    order = _ordered(len(grid), axes, tiles, todo)
    seconds = [max(probe.seconds, 1e-9) * bars / bars_per_symbol[0] for bars in bars_per_symbol]
    chunks = _chunks(order, len(grid), axes, seconds, threads)
    return Plan(threads, memo // needs.known, chunks, needs.parts(memo), limit)


@dataclass(frozen=True)
class _Needs:
    """Bytes of a sweep with so many threads: results, market tables, working arrays of each thread, the first set's
    columns; and of how many symbols tables and columns are held at once."""

    threads: int
    known: int
    results: int
    tables: int
    each: int
    column: int

    @property
    def smallest(self) -> int:
        """The least that memos can work with: what each thread uses, and one set's columns to share."""
        return (self.threads + 1) * self.column

    def parts(self, memo: int) -> dict[str, int]:
        return {
            "results": self.results, "market tables": self.tables, "working arrays": self.threads * self.each,
            "indicator columns": memo,
        }  # fmt: skip


def _needs(grid: Grid, bars_per_symbol: Sequence[int], probe: Probe, blocks: int, threads: int) -> _Needs:
    most = max(bars_per_symbol)
    scale = most / bars_per_symbol[0]
    # each thread may be at another symbol, where these have a chunk or two each; a symbol is left with its last chunk
    held = sorted(bars_per_symbol, reverse=True)[:threads]
    known = len(held)
    row = SCORE.itemsize + blocks * 3 * 8 + 8 * len(Metrics._fields)
    row += sum(column.itemsize for column in grid.columns.values())
    return _Needs(
        threads=threads,
        known=known,
        results=len(grid) * len(bars_per_symbol) * row,
        tables=sum(held) * BYTES_PER_BAR,
        each=math.ceil(probe.peak * scale) + working_bytes(most),
        column=known * math.ceil(probe.column * scale),
    )


def _most_threads(options: list[_Needs], limit: int, by_default: bool) -> _Needs:
    """Return the last of the options, one thread more each, that fits into the limit; refuse when not even one does."""
    fitting = [needs for needs in options if sum(needs.parts(needs.smallest).values()) <= limit]
    if fitting:
        return fitting[-1]
    parts = options[0].parts(options[0].smallest)
    total = sum(parts.values())
    said = ", ".join(f"{part} {written(size)}" for part, size in parts.items())
    half = " (half of what is available)" if by_default else ""
    refuse(
        "memory", f"{written(limit)}{half} for a sweep that needs {written(total)} ({said})",
        f"write memory={written(total)!r} or more, or sweep fewer sets or bars",
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Axis:
    """A strategy axis: its columns' bytes per value, how many values rows to run have, and each set's rank on it."""

    bytes: float
    count: int
    codes: np.ndarray


def _axes(grid: Grid, inner: Sequence[str], todo: np.ndarray, probe: Probe) -> list[_Axis]:
    """Return the strategy's axes: those that own columns by their bytes, the most first, then the others."""
    sets = np.unique(todo % len(grid))
    axes = []
    for name in grid.columns:
        if name not in inner and len(sets):
            codes = grid.codes(name)
            used = np.unique(codes[sets])
            if len(used) > 1:
                share = float(probe.columns.get(name, probe.column))
                axes.append(_Axis(share, len(used), np.searchsorted(used, codes)))
    return sorted(axes, key=lambda axis: (-axis.bytes * axis.count, -axis.count))


@dataclass(frozen=True, eq=False)
class _Tile:
    """Each set's tile on one axis, of which there are several; the bytes of one tile's columns."""

    codes: np.ndarray
    bytes: float


def _live(axes: list[_Axis], column: int, threads: int, density: float) -> tuple[float, float]:
    """Return the bytes of columns that come round again, and of those that pass by meanwhile, at any one time.

    Each thread has one of the first axis and the one before it. In a sparse grid more of them pass before a column
    comes round; and where axes seem to own columns together, as a period and a width do, one value has several.
    """
    if not axes:
        return 0.0, 0.0
    first, others = axes[0], [axis for axis in axes[1:] if axis.bytes]
    shared = column - sum(axis.bytes for axis in axes)
    each = max([1, *(axis.count for axis in others)]) if shared < 0 else 1
    passing = each * min(2 * threads / density, first.count)
    return sum(axis.bytes * axis.count for axis in others), first.bytes * passing + max(0, shared)


def _tiles(axes: list[_Axis], memo: float, passing: float, threads: int) -> list[_Tile]:
    """Return the tiles of the axes that have to be cut, so that one tile's columns stay beside those passing by."""
    room = max(memo - passing, memo / 2)
    tiles = _cubes(axes, room)
    if threads > 1 and 2 * sum(tile.bytes for tile in tiles) > memo:
        # one thread finishes a tile while another has begun the next: the columns of both have to stay
        tiles = _cubes(axes, room / 2)
    return tiles


def _cubes(axes: list[_Axis], room: float) -> list[_Tile]:
    """Cut axes so that one tile's columns take `room` bytes; tiles as near to cubes as can be are the fewest."""
    tiles = []
    owners = sorted((axis for axis in axes if axis.bytes), key=lambda axis: axis.bytes * axis.count)
    for position, axis in enumerate(owners):
        share = room / (len(owners) - position)
        parts = math.ceil(axis.count / min(axis.count, max(1, int(share / axis.bytes + _ROUNDING))))
        taken = axis.bytes * math.ceil(axis.count / parts)
        room -= taken
        if parts > 1:
            tiles.append(_Tile(axis.codes * parts // axis.count, taken))
    return tiles


def _ordered(sets: int, axes: list[_Axis], tiles: list[_Tile], todo: np.ndarray) -> np.ndarray:
    """Return `todo` in the order it is to run: symbols, tiles, the first axis, the others, rules.

    The second axis turns round at each value of the first: the columns used last are those the processor still has.
    """
    chosen = todo % sets
    keys = [codes[chosen] for codes in (*(tile.codes for tile in tiles), *(axis.codes for axis in axes))]
    if len(axes) > 1:
        first, second = len(tiles), len(tiles) + 1
        keys[second] = np.where(keys[first] % 2 == 0, keys[second], -keys[second])
    return todo[np.lexsort((todo, *reversed(keys), todo // sets))]


def _chunks(
    order: np.ndarray, sets: int, axes: list[_Axis], seconds: Sequence[float], threads: int
) -> tuple[np.ndarray, ...]:
    """Cut the order into chunks of one symbol each; seconds: work per row of each symbol."""
    symbols = order // sets
    total = float(np.array(seconds)[symbols].sum())
    even = max(total / (threads * CHUNKS_PER_THREAD), min(CHUNK_AT_LEAST, total / (2 * threads)))
    work = min(CHUNK_SECONDS, even)
    chunks: list[np.ndarray] = []
    for symbol in np.unique(symbols):
        first, end = np.searchsorted(symbols, [symbol, symbol + 1])
        rows = order[first:end]
        size = max(1.0, work / seconds[symbol], len(rows) / _MOST_CHUNKS)
        bounds = _bounds(rows % sets, axes, size)
        chunks += [rows[begin:until] for begin, until in pairwise(bounds.tolist())]
    return tuple(chunks)


def _bounds(chosen: np.ndarray, axes: list[_Axis], size: float) -> np.ndarray:
    """Return where chunks of about `size` rows begin and end: where the first axis turns if that is near, else between
    two sets of the strategy's values, so that signals are computed once for all rules."""
    even = np.round(np.linspace(0, len(chosen), math.ceil(len(chosen) / size) + 1))
    turns = [np.diff(axis.codes[chosen]) != 0 for axis in axes] or [np.zeros(len(chosen) - 1, bool)]
    bounds = _nearest(_cut(_starts(np.any(turns, axis=0)), max(size, _WHOLE)), even)
    near = _nearest(_starts(turns[0]), even)
    return np.unique(np.where(np.abs(near - even) <= size / 4, near, bounds))


def _starts(changes: np.ndarray) -> np.ndarray:
    """Return where stretches begin, and the end of the last; changes: one per pair of neighbours."""
    return np.concatenate([[0], np.flatnonzero(changes) + 1, [len(changes) + 1]])


def _cut(starts: np.ndarray, longest: float) -> np.ndarray:
    """Cut stretches longer than that into equal parts."""
    lengths = np.diff(starts)
    parts = np.ceil(lengths / longest).astype(np.int64)
    part = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    begins = np.repeat(starts[:-1], parts) + part * np.repeat(lengths, parts) // np.repeat(parts, parts)
    return np.append(begins, starts[-1])


def _nearest(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return for each wanted number the nearest of the ascending values, which begin and end as those do."""
    after = np.searchsorted(values, wanted)
    below, above = values[np.maximum(after - 1, 0)], values[after]
    return np.where(wanted - below < above - wanted, below, above)
