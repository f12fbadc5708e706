"""Pruning: take out the planar maps whose work the others can take over.

With the Gauss-Newton matrix H of the mean square, removing map k (a_k = 0) and letting all other parameters
adapt costs, to second order, a_k^T [(H^-1)_kk]^-1 a_k / 2, and they adapt by -(H^-1)_:k [(H^-1)_kk]^-1 a_k
(Hassibi and Stork, optimal brain surgeon, here for blocks of d parameters).
"""

from __future__ import annotations

import numpy as np

from ...sampling.samples import Samples, p_norm
from .least_squares.normal_matrix import dense_matrix
from .parameters import Parameters


def prune(theta: Parameters, samples: Samples, count: int, rng: np.random.Generator) -> Parameters:
    """`theta` without the `count` planar maps that cost least, the others adapted."""
    settings = theta.settings.shrinking
    L, d = theta.kinks, theta.moving
    part = samples.thin(
        max(settings.least_points, settings.rows_per_parameter * theta.count // theta.dim), rng
    )
    H = dense_matrix(theta, part.x, np.full(part.x.shape, 1.0 / part.x.size))
    diagonal = np.diag(H)
    ridge = settings.ridge * diagonal + settings.part_of_largest * diagonal.max()
    inverse = np.linalg.inv(H + np.diag(ridge))
    a = theta.a[:, :d]
    blocks = np.arange(L * d).reshape(L, d)
    inner = inverse[blocks[:, :, None], blocks[:, None, :]]
    cost = np.einsum("li,li->l", a, np.linalg.solve(inner, a[:, :, None])[:, :, 0])
    out = np.sort(np.argsort(cost, kind="stable")[:count])
    columns = blocks[out].ravel()
    step = -inverse[:, columns] @ np.linalg.solve(inverse[np.ix_(columns, columns)], a[out].ravel())
    tried = [theta.move(fraction * theta.expand(step)).without(out) for fraction in settings.parts]
    return min(tried, key=lambda pruned: p_norm(pruned(part.x) - part.y, 2))
