"""The rigorous error: cells of the box, bisected where the bound is too loose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Int

from .forms import ROUNDING, UP, Forms
from .patches import Patches, halved

# The forms of a network over cells with centers and halves (n, d).
Enclosure = Callable[[np.ndarray, np.ndarray], Forms]
# Cells that are bounded together.
_BATCH = 4096


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
        return Cells(*(getattr(self, f.name)[index] for f in fields(self)))


def joined(parts: list[Cells]) -> Cells:
    return Cells(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Cells)))


def bounded(
    network: Enclosure,
    exact: Patches,
    patch: Int[np.ndarray, " n"],
    centers: Float[np.ndarray, "n d"],
    halves: Float[np.ndarray, "n d"],
) -> Cells:
    """The cells with a bound of |network - exact flow| over each, infinite where none was found."""
    parts = []
    for i in range(0, len(centers), _BATCH):
        batch = slice(i, i + _BATCH)
        parts.append(_bounded(network, exact, patch[batch], centers[batch], halves[batch]))
    return joined(parts)


def _bounded(
    network: Enclosure, exact: Patches, patch: np.ndarray, centers: np.ndarray, halves: np.ndarray
) -> Cells:
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
) -> Cells:
    """Cells bisected until no bound is above the goal, or they are too many, or it is late."""
    while True:
        above = cells.largest > goal
        if not above.any() or len(cells) + above.sum() > most_cells or late():
            return cells
        loose = cells.rows(above)
        centers, halves = halved(loose.centers, loose.halves, loose.axis)
        parts = bounded(network, exact, np.concatenate([loose.patch, loose.patch]), centers, halves)
        cells = joined([cells.rows(~above), parts])
