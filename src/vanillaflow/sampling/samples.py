"""The points at which a fit is compared with the exact flow, and norms of its error there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..box import search_points
from ..target import Target

# The training images need to be right to a small part of the tolerance only.
_PART_OF_TOLERANCE = 1e-3
_LOOSEST = 1e-5


@dataclass(frozen=True, eq=False)
class Samples:
    """Points x (n, d) of the box and their images y (n, d) under the exact flow."""

    x: Float[np.ndarray, "n d"]
    y: Float[np.ndarray, "n d"]

    def __len__(self) -> int:
        return len(self.x)

    def thin(self, count: int, rng: np.random.Generator) -> Samples:
        """`count` of the points at random, or all if there are not more."""
        if len(self) <= count:
            return self
        rows = rng.choice(len(self), count, replace=False)
        return Samples(self.x[rows], self.y[rows])

    def merge(self, other: Samples) -> Samples:
        return Samples(np.concatenate([self.x, other.x]), np.concatenate([self.y, other.y]))


def p_norm(residual: np.ndarray, p: float) -> float:
    """(mean |r|^p)^(1/p); infinite if any entry is not finite."""
    size = np.abs(residual)
    top = float(np.max(size, initial=0.0))
    if not np.isfinite(top):
        return np.inf
    return top * float(np.mean((size / top) ** p)) ** (1 / p) if top else 0.0


def training_target(target: Target, tolerance: float) -> Target:
    """The same flow, computed only as accurately as training needs."""
    size = float(np.max(np.abs([target.domain.low, target.domain.high]))) + 1.0
    rtol = min(_LOOSEST, _PART_OF_TOLERANCE * tolerance / size)
    return target.coarser(rtol)


def sample(target: Target, count: int, seed: int) -> Samples:
    """Interior points, half as many on the faces, and corners."""
    x = search_points(target.domain, count, seed)
    return Samples(x, target(x))
