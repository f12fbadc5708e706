"""Which consecutive planar maps have parallel w: together they move x by a function of one number w.x."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

# The part of w that may be across the one before it: the rounding of maps that were made parallel.
_PARALLEL = 1e-12


def parallel_runs(w: Float[np.ndarray, "L d"], stops: Int[np.ndarray, " J"]) -> list[tuple[int, int]]:
    """begin and end of the runs of planar maps with parallel w != 0 and no affine map among them."""
    norms = np.linalg.norm(w, axis=1)
    unit = w / np.where(norms > 0, norms, 1)[:, None]
    along = np.einsum("ld,ld->l", unit[1:], unit[:-1])
    apart = np.linalg.norm(unit[1:] - along[:, None] * unit[:-1], axis=1)
    joined = (apart <= _PARALLEL) & (norms[1:] > 0) & (norms[:-1] > 0)
    joined[stops[(stops > 0) & (stops < len(w))] - 1] = False
    borders = np.concatenate([[0], np.flatnonzero(~joined) + 1, [len(w)]])
    return [(int(i), int(j)) for i, j in pairwise(borders) if i < j and norms[i] > 0]
