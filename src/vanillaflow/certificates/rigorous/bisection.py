"""The rigorous error: cells of the box, bisected where the bound is too loose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np
from jaxtyping import Float, Int

from .checkpoint import Checkpoint
from .forms import ROUNDING, UP, Forms
from .monomials import Monomials
from .patches import Patches, halved
from .workers import Workers, batches

# The forms of a network over cells with centers and halves (n, d).
Enclosure = Callable[[np.ndarray, np.ndarray], Forms]
# Cells that are bounded together.
_BATCH = 4096
# And between two looks at the clock.
_AT_ONCE = 16 * _BATCH


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


def joined(parts: list[Cells]) -> Cells:
    return Cells(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Cells)))


def bounded(
    network: Enclosure,
    exact: Patches,
    patch: Int[np.ndarray, " n"],
    centers: Float[np.ndarray, "n d"],
    halves: Float[np.ndarray, "n d"],
    workers: Workers | None = None,
) -> Cells:
    """The cells with a bound of |network - exact flow| over each, infinite where none was found."""
    tasks = []
    for batch in batches(len(centers), _BATCH):
        # Only the patches that a batch needs go with it.
        numbers, local = np.unique(patch[batch], return_inverse=True)
        tasks.append((exact.rows(numbers), local, centers[batch], halves[batch]))
    cells = joined((workers or Workers()).map(partial(_bounded, network), tasks))
    return replace(cells, patch=patch)


_Task = tuple[Patches, np.ndarray, np.ndarray, np.ndarray]


def _bounded(network: Enclosure, task: _Task) -> Cells:
    exact, patch, centers, halves = task
    with np.errstate(invalid="ignore"):
        truth = exact.forms(patch, centers, halves)
        ours = network(centers, halves)
        c = np.abs(truth.c - ours.c)
        shared = np.abs(truth.g - ours.g).sum(axis=0)
        size = np.abs(truth.c) + np.abs(ours.c) + truth.spread + ours.spread
        bound = (c + shared + truth.r + ours.r + 4 * ROUNDING * size) * UP
    bound = np.where(np.isfinite(bound), bound, np.inf)
    stretch = np.abs(truth.g).max(axis=1).T
    known = np.isfinite(bound).all(axis=0) & np.isfinite(stretch).all(axis=1) & (stretch.max(axis=1) > 0)
    axis = np.where(known, np.where(known[:, None], stretch, 0.0).argmax(axis=1), halves.argmax(axis=1))
    return Cells(patch, centers, halves, bound.T, axis)


def tightened(
    network: Enclosure,
    exact: Patches,
    cells: Cells,
    goal: float,
    most_cells: int,
    late: Callable[[], bool],
    workers: Workers | None = None,
    checkpoint: Checkpoint | None = None,
) -> Cells:
    """Cells bisected, the loosest first, until no bound is above the goal, or they are too many, or it is
    late."""
    while True:
        if checkpoint is not None:
            checkpoint.offer("cells", partial(_together, exact, cells))
        above = cells.largest > goal
        room = min(_AT_ONCE, most_cells - len(cells))
        if not above.any() or room <= 0 or late():
            return cells
        if np.count_nonzero(above) > room:
            loosest = np.argsort(-cells.largest, kind="stable")[:room]
            above = np.zeros(len(cells), dtype=bool)
            above[loosest] = True
        loose = cells.rows(above)
        centers, halves = halved(loose.centers, loose.halves, loose.axis)
        patch = np.concatenate([loose.patch, loose.patch])
        parts = bounded(network, exact, patch, centers, halves, workers)
        cells = joined([cells.rows(~above), parts])


def _together(exact: Patches, cells: Cells) -> dict[str, np.ndarray]:
    patches = {f"patches.{name}": array for name, array in exact.arrays().items()}
    return patches | {f"cells.{name}": array for name, array in cells.arrays().items()}


def restored(arrays: dict[str, np.ndarray], monomials: Monomials) -> tuple[Patches, Cells]:
    """What `tightened` offered to a checkpoint."""
    patches = {name[8:]: array for name, array in arrays.items() if name.startswith("patches.")}
    return Patches.of(monomials, patches), Cells(*(arrays[f"cells.{f.name}"] for f in fields(Cells)))
