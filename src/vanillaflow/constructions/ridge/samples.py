"""The points of fits of smooth ridge maps: dense towards the boundary, where errors are largest."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ...box import Box
from .settings import Fitting


def dense_towards_the_boundary(
    domain: Box, count: int, rng: np.random.Generator, settings: Fitting
) -> Float[np.ndarray, "n d"]:
    """Points of the box; a quarter of the values of each coordinate lie on its boundary.

    A sine of a random angle, stretched and cut: faces of every dimension are sampled, down to the corners.
    """
    sines = np.sin(np.pi * (rng.random((count, domain.dim)) - 0.5))
    return domain.low + domain.width * (np.clip(settings.stretch * sines, -1, 1) + 1) / 2
