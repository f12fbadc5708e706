"""Is an unsafe set reached? Branch and bound over the starts, with affine forms of the network.

On a cell where the network's forms have A_i y > b_i + |A_i| margin for some row i, no start's image is in the
unsafe set { A y <= b }, for the network as for the flow that it is within the margin of. Other cells are
bisected. A start whose image under the network is in the widened set cannot be excluded by any cell: there
the network is not accurate enough, and it depends on whether the flow itself violates the property.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..enclosures.bisection import Enclosure
from ..enclosures.forms import Forms
from ..enclosures.tiling import first_cells, halve
from .properties import UnsafeSet

_FIRST_CELLS = 64
# Cells that are bounded together.
_BATCH = 16_384


@dataclass(frozen=True, eq=False)
class Outcome:
    """`cells` were looked at; `undecided` (k, d) are starts whose images the network has in the widened set,
    the deepest first; `open_cells` were left when it ended. Excluded is the unsafe set if both are none."""

    cells: int
    undecided: Float[np.ndarray, "k d"]
    open_cells: int

    @property
    def excluded(self) -> bool:
        return len(self.undecided) == 0 and self.open_cells == 0


def explore(
    network: Callable[[np.ndarray], np.ndarray],
    enclosure: Enclosure,
    unsafe: UnsafeSet,
    widened: UnsafeSet,
    max_cells: int,
    late: Callable[[], bool],
) -> Outcome:
    """The starts of the box, until all cells are excluded, a start is found that none can exclude, there are
    more than `max_cells`, or it is late."""
    centers, halves = first_cells(unsafe.box, _FIRST_CELLS)
    count = 0
    while len(centers):
        now = slice(0, _BATCH)
        batch, rest = (centers[now], halves[now]), (centers[_BATCH:], halves[_BATCH:])
        count += len(batch[0])
        forms = enclosure(*batch)
        excluded = _excludes(forms, widened)
        left = (batch[0][~excluded], batch[1][~excluded])
        starts = unsafe.box.clip(left[0])
        depth = slack(widened, network(starts)) if len(starts) else np.zeros(0)
        if (depth <= 0).any():
            order = np.argsort(depth)
            return Outcome(count, starts[order[depth[order] <= 0]], len(left[0]) + len(rest[0]))
        if count + 2 * len(left[0]) + len(rest[0]) > max_cells or late():
            return Outcome(count, np.zeros((0, unsafe.inputs)), len(left[0]) + len(rest[0]))
        axis = np.abs(forms.g[:, :, ~excluded]).max(axis=1).argmax(axis=0)
        parts = halve(left[0], left[1], axis)
        # Depth first: a start that cannot be excluded is found early.
        centers, halves = (np.concatenate([new, old]) for new, old in zip(parts, rest))
    return Outcome(count, np.zeros((0, unsafe.inputs)), 0)


def slack(unsafe: UnsafeSet, y: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    """max_i A_i y - b_i, each row in units of its own size: not positive where y is in the unsafe set."""
    size = np.abs(unsafe.A).max(axis=1)
    size[size == 0] = 1.0
    return ((y @ unsafe.A.T - unsafe.b) / size).max(axis=1)


def _excludes(forms: Forms, unsafe: UnsafeSet) -> np.ndarray:
    """(n,) whether some row of A y <= b holds nowhere on the cell."""
    rows = forms.map(unsafe.A)
    least = rows.c - rows.radius
    least = least - 2.0**-52 * (np.abs(rows.c) + rows.radius)
    return (least > unsafe.b[:, None]).any(axis=0)


def surely_within(forms: Forms, unsafe: UnsafeSet) -> np.ndarray:
    """(n,) whether A y <= b for all that the forms hold."""
    rows = forms.map(unsafe.A)
    most = rows.c + rows.radius
    most = most + 2.0**-52 * (np.abs(rows.c) + rows.radius)
    return (most <= unsafe.b[:, None]).all(axis=0)
