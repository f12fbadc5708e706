"""Equalizing: least squares whose points gather where the error is large, until it is much alike everywhere.

Lawson's idea before the finish, where the error's few peaks do not matter yet: each round multiplies the
weight of a place by the root mean square of the error around it, and points are drawn with that density.
Where a flow stretches the box, least squares leaves errors several times those elsewhere; kinks move there.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from ...deadline import check
from ...sampling.samples import Samples
from .least_squares.least_squares import minimize
from .parameters import Parameters
from .search import Search


def equalize(theta: Parameters, search: Search, rng: np.random.Generator) -> Parameters:
    """`theta` with an error that is more alike over the box, and a root mean square that is little larger."""
    settings = search.settings.equalizing
    pool, count = search.dense_samples(theta.kinks), search.points(theta.kinks)
    around = _neighbours(pool.x / search.target.domain.width, settings.neighbours)
    weight = np.ones(len(pool))
    for _ in range(settings.rounds):
        check()
        square = ((theta(pool.x) - pool.y) ** 2).sum(axis=1)
        weight *= np.sqrt(square[around].mean(axis=1))
        weight = np.maximum(weight / weight.mean(), settings.least_weight)
        rows = rng.choice(len(pool), count, replace=False, p=weight / weight.sum())
        drawn = Samples(pool.x[rows], pool.y[rows])
        theta = minimize(theta, drawn, 2.0, settings.steps, rng, search.late).parameters
    return theta


def _neighbours(x: Float[np.ndarray, "n d"], count: int) -> Int[np.ndarray, "n k"]:
    """So many rows of x that are nearest to each."""
    return cKDTree(x).query(x, count)[1]
