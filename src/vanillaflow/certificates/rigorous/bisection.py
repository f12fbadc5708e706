"""The rigorous error: cells of the box, bisected where the bound is too loose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...box import Box
from .forms import ROUNDING, UP, Forms
from .integrator import Integrator

# The forms of a network over cells with centers and halves (n, d).
Enclosure = Callable[[np.ndarray, np.ndarray], Forms]
# Cells that are integrated together: some symbols of a few hundred of them fit into the cache.
_BATCH = 512


@dataclass(frozen=True, eq=False)
class Cells:
    """Boxes and their bounds: centers and halves (n, d), bounds (n, d) for each output."""

    centers: Float[np.ndarray, "n d"]
    halves: Float[np.ndarray, "n d"]
    bounds: Float[np.ndarray, "n d"]
    # How far each coordinate's half-width moves the image.
    stretch: Float[np.ndarray, "n d"]

    def __len__(self) -> int:
        return len(self.centers)

    @property
    def largest(self) -> Float[np.ndarray, " n"]:
        return self.bounds.max(axis=1)

    def rows(self, index: np.ndarray) -> Cells:
        return Cells(self.centers[index], self.halves[index], self.bounds[index], self.stretch[index])


def joined(parts: list[Cells]) -> Cells:
    return Cells(
        *(
            np.concatenate([getattr(p, name) for p in parts])
            for name in ("centers", "halves", "bounds", "stretch")
        )
    )


def bounded(
    network: Enclosure, exact: Integrator, centers: Float[np.ndarray, "n d"], halves: Float[np.ndarray, "n d"]
) -> Cells:
    """The cells with a bound of |network - exact flow| over each, infinite where none was found."""
    parts = []
    for i in range(0, len(centers), _BATCH):
        parts.append(_bounded(network, exact, centers[i : i + _BATCH], halves[i : i + _BATCH]))
    return joined(parts)


def _bounded(network: Enclosure, exact: Integrator, centers: np.ndarray, halves: np.ndarray) -> Cells:
    n, d = centers.shape
    g = np.zeros((d, d, n))
    g[np.arange(d), np.arange(d)] = halves.T
    truth, found = exact(Forms(centers.T.copy(), g, np.zeros((d, n))))
    ours = network(centers, halves)
    c = np.abs(truth.c - ours.c)
    shared = np.abs(truth.g[:d] - ours.g).sum(axis=0)
    rest = np.abs(truth.g[d:]).sum(axis=0) + truth.r + ours.r
    size = np.abs(truth.c) + np.abs(ours.c) + truth.spread + ours.spread
    bound = (c + shared + rest + 4 * ROUNDING * size) * UP
    bound = np.where(found & np.isfinite(bound), bound, np.inf)
    return Cells(centers, halves, bound.T, np.abs(truth.g[:d]).max(axis=1).T)


def halved(cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    """Centers and halves of the two parts of each cell, cut across the coordinate that stretches most.

    The parts overlap by a rounding, so that they cover the cell.
    """
    stretch = np.where(np.isfinite(cells.stretch), cells.stretch, 0.0)
    known = np.isfinite(cells.bounds).all(axis=1) & (stretch.max(axis=1) > 0)
    axis = np.where(known, stretch.argmax(axis=1), cells.halves.argmax(axis=1))
    rows = np.arange(len(cells))
    halves = cells.halves.copy()
    step = np.zeros_like(halves)
    step[rows, axis] = 0.5 * halves[rows, axis]
    centers = np.concatenate([cells.centers - step, cells.centers + step])
    halves[rows, axis] = step[rows, axis] * UP
    return centers, np.concatenate([halves, halves]) + ROUNDING * np.abs(centers)


def first_cells(domain: Box, count: int) -> tuple[np.ndarray, np.ndarray]:
    """About `count` equal cells that cover the box."""
    per_axis = max(1, round(count ** (1 / domain.dim)))
    half = domain.width / per_axis / 2
    steps = np.stack(np.meshgrid(*[np.arange(per_axis)] * domain.dim, indexing="ij"), axis=-1)
    centers = domain.low + half * (2 * steps.reshape(-1, domain.dim) + 1)
    halves = np.broadcast_to(half * UP, centers.shape) + ROUNDING * np.abs(centers)
    return centers, halves


def tightened(
    network: Enclosure,
    exact: Integrator,
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
        centers, halves = halved(cells.rows(above))
        cells = joined([cells.rows(~above), bounded(network, exact, centers, halves)])
