"""The points of fits of smooth ridge maps: dense towards the boundary, where errors are largest."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ...box import Box

# Sines that tell points are stretched by this factor and cut, so that a quarter of each coordinate's are on
# the boundary: 1 - 2 arcsin(1 / 1.08) / pi = 0.246.
_STRETCH = 1.08


def dense_towards_the_boundary(domain: Box, count: int, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
    """Points of the box; a quarter of the values of each coordinate lie on its boundary.

    A sine of a random angle, stretched and cut: faces of every dimension are sampled, down to the corners.
    """
    sines = np.sin(np.pi * (rng.random((count, domain.dim)) - 0.5))
    return domain.low + domain.width * (np.clip(_STRETCH * sines, -1, 1) + 1) / 2
