"""The rigorous error: cells of the box, bisected where the bound is too loose."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np
from jaxtyping import Float, Int

from ..box import Box
from .checkpoint import Checkpoint, Stored
from .forms import ROUNDING, TINY, UP, Forms
from .monomials import Monomials
from .patches import Patches, restore_bisections
from .tiling import Bisections, first_cells, halve
from .workers import Workers, batches

# The forms of a network over cells with centers and halves (n, d).
Enclosure = Callable[[np.ndarray, np.ndarray], Forms]
# Cells that are bounded together.
_BATCH = 4096
# Of these the first so many before a look at the clock, and then twice as many while they take no longer than
# so many seconds.
_FIRST_SLICE, _SLICE_SECONDS = 64, 0.1
# And between two rounds.
_AT_ONCE = 16 * _BATCH
# Cells of a checkpoint that are bounded again, if time permits, come out the same but for the last digits of
# another machine.
_AGAIN, _SAME = 16 * _BATCH, 2.0**-36


@dataclass(frozen=True, eq=False)
class Cells:
    """Boxes within patches and their bounds: centers and halves (n, d), bounds (n, d) for each output."""

    patch: Int[np.ndarray, " n"]
    centers: Float[np.ndarray, "n d"]
    halves: Float[np.ndarray, "n d"]
    bounds: Float[np.ndarray, "n d"]
    # The coordinate across which to cut.
    axis: Int[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.centers)

    @property
    def largest(self) -> Float[np.ndarray, " n"]:
        return self.bounds.max(axis=1)

    def rows(self, index: np.ndarray) -> Cells:
        return Cells(*(array[index] for array in self.arrays().values()))

    def arrays(self) -> dict[str, np.ndarray]:
        return {f.name: getattr(self, f.name) for f in fields(self)}


def join(parts: list[Cells]) -> Cells:
    return Cells(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Cells)))


def bound_cells(
    network: Enclosure,
    exact: Patches,
    patch: Int[np.ndarray, " n"],
    centers: Float[np.ndarray, "n d"],
    halves: Float[np.ndarray, "n d"],
    workers: Workers | None = None,
    deadline: float = np.inf,
) -> Cells:
    """The cells with a bound of |network - exact flow| over each, infinite where none was found.

    Not a number for those that are not begun before the deadline, in seconds as of `time.time()`.
    """
    tasks = []
    for batch in batches(len(centers), _BATCH):
        # Only the patches that a batch needs go with it.
        numbers, local = np.unique(patch[batch], return_inverse=True)
        tasks.append((exact.rows(numbers), local, centers[batch], halves[batch]))
    cells = join((workers or Workers()).map(partial(_bound_task, network, deadline), tasks))
    return replace(cells, patch=patch)


_Task = tuple[Patches, np.ndarray, np.ndarray, np.ndarray]


def _bound_task(network: Enclosure, deadline: float, task: _Task) -> Cells:
    exact, patch, centers, halves = task
    n, d = centers.shape
    none = Cells(patch, centers, halves, np.full((n, d), np.nan), halves.argmax(axis=1))
    done: list[Cells] = []
    begin, size = 0, _FIRST_SLICE
    while begin < n and (now := time.time()) <= deadline:
        part = slice(begin, begin + size)
        done.append(_bound_slice(network, exact, patch[part], centers[part], halves[part]))
        begin += size
        size = 2 * size if time.time() - now < _SLICE_SECONDS else size
    return join([*done, none.rows(np.arange(begin, n))]) if begin < n else join(done)


def _bound_slice(
    network: Enclosure, exact: Patches, patch: np.ndarray, centers: np.ndarray, halves: np.ndarray
) -> Cells:
    with np.errstate(invalid="ignore", over="ignore"):
        truth = exact.forms(patch, centers, halves)
        ours = network(centers, halves)
        c = np.abs(truth.c - ours.c)
        shared = np.abs(truth.g - ours.g).sum(axis=0)
        size = np.abs(truth.c) + np.abs(ours.c) + truth.spread + ours.spread
        bound = (c + shared + truth.r + ours.r + 4 * ROUNDING * size + TINY) * UP
    bound = np.where(np.isfinite(bound), bound, np.inf)
    stretch = np.abs(truth.g).max(axis=1).T
    known = np.isfinite(bound).all(axis=0) & np.isfinite(stretch).all(axis=1) & (stretch.max(axis=1) > 0)
    axis = np.where(known, np.where(known[:, None], stretch, 0.0).argmax(axis=1), halves.argmax(axis=1))
    return Cells(patch, centers, halves, bound.T, axis)


def tighten(
    network: Enclosure,
    exact: Patches,
    cells: Cells,
    goal: float,
    most_cells: int,
    late: Callable[[], bool],
    workers: Workers | None = None,
    checkpoint: Checkpoint | None = None,
    records: tuple[Bisections, Bisections] | None = None,
    deadline: float = np.inf,
) -> Cells:
    """Cells bisected, the loosest first, until no bound is above the goal, or they are too many, or it is
    late. `records` are of the bisections by which the patches, and the cells of these, came to be."""
    records = records or (Bisections(), Bisections())
    while True:
        if checkpoint is not None:
            checkpoint.offer("cells", partial(_together, exact, cells, records))
        above = cells.largest > goal
        room = min(_AT_ONCE, most_cells - len(cells))
        if not above.any() or room <= 0 or late():
            return cells
        if np.count_nonzero(above) > room:
            loosest = np.argsort(-cells.largest, kind="stable")[:room]
            above = np.zeros(len(cells), dtype=bool)
            above[loosest] = True
        loose = cells.rows(above)
        centers, halves = halve(loose.centers, loose.halves, loose.axis)
        patch = np.concatenate([loose.patch, loose.patch])
        parts = bound_cells(network, exact, patch, centers, halves, workers, deadline)
        missing = np.isnan(parts.bounds).any(axis=1).reshape(2, -1).any(axis=0)
        if missing.any():
            # The time is up. Where a part has no bound, that of the whole stays.
            there = parts.rows(np.tile(~missing, 2))
            return join([cells.rows(~above), loose.rows(missing), there])
        records[1].add(np.flatnonzero(above), loose.axis)
        cells = join([cells.rows(~above), parts])


def _together(exact: Patches, cells: Cells, records: tuple[Bisections, Bisections]) -> dict[str, np.ndarray]:
    parts = {
        "patches": exact.arrays(),
        "cells": cells.arrays(),
        "patches.bisections": records[0].arrays(),
        "cells.bisections": records[1].arrays(),
    }
    return {f"{part}.{name}": array for part, arrays in parts.items() for name, array in arrays.items()}


def restore(
    network: Enclosure, stored: Stored, monomials: Monomials, domain: Box, count: int, deadline: float
) -> tuple[Patches, Cells, tuple[Bisections, Bisections]]:
    """What `tighten` offered to a checkpoint, of patches that began as `count`.

    Raises FileFormatError if the numbers cannot be such, the cells do not tile the patches, or those of them
    that are bounded again, which nobody could know before, come out otherwise.
    """
    d = domain.dim
    exact = Patches.restore(monomials, stored, "patches.")
    first = first_cells(domain, count)
    of_patches, _ = restore_bisections(stored, "patches.bisections", first, (exact.centers, exact.halves))
    n = len(stored.array("cells.patch", np.int64, None))
    centers, halves, bounds = (
        stored.array(f"cells.{name}", np.float64, n, d) for name in ("centers", "halves", "bounds")
    )
    patch, axis = (stored.array(f"cells.{name}", np.int64, n) for name in ("patch", "axis"))
    cells = Cells(patch, centers, halves, bounds, axis)
    boxes = (exact.centers, exact.halves), (cells.centers, cells.halves)
    of_cells, root = restore_bisections(stored, "cells.bisections", *boxes)
    if not np.array_equal(root, cells.patch):
        raise stored.refusal("its cells are not in the patches that they are said to be in")
    if not np.all(cells.bounds >= 0) or not np.all((cells.axis >= 0) & (cells.axis < d)):
        raise stored.refusal("its cells have bounds that are no numbers from 0, or axes that are none")
    chosen = np.random.default_rng().permutation(n)[:_AGAIN]
    some = cells.rows(chosen)
    again = bound_cells(network, exact, some.patch, some.centers, some.halves, deadline=deadline)
    known = ~np.isnan(again.bounds)
    if not np.isclose(again.bounds, some.bounds, rtol=_SAME, atol=0.0)[known].all():
        raise stored.refusal("its cells have other bounds when they are bounded again")
    return exact, cells, (of_patches, of_cells)
