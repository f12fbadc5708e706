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

_RIDGE = 1e-6
# Adapting in full may overshoot; the best of these parts of it is taken.
_PARTS = (1.0, 0.5, 0.25, 0.0)


def prune(theta: Parameters, samples: Samples, count: int, rng: np.random.Generator) -> Parameters:
    """`theta` without the `count` planar maps that cost least, the others adapted."""
    L, d = theta.kinks, theta.moving
    part = samples.thinned(max(2048, 4 * theta.count // theta.dim), rng)
    H = dense_matrix(theta, part.x, np.full(part.x.shape, 1.0 / part.x.size))
    diagonal = np.diag(H)
    inverse = np.linalg.inv(H + np.diag(_RIDGE * diagonal + 1e-10 * diagonal.max()))
    a = theta.a[:, :d]
    blocks = np.arange(L * d).reshape(L, d)
    inner = inverse[blocks[:, :, None], blocks[:, None, :]]
    cost = np.einsum("li,li->l", a, np.linalg.solve(inner, a[:, :, None])[:, :, 0])
    out = np.sort(np.argsort(cost, kind="stable")[:count])
    columns = blocks[out].ravel()
    step = -inverse[:, columns] @ np.linalg.solve(inverse[np.ix_(columns, columns)], a[out].ravel())
    tried = [theta.moved(fraction * theta.expanded(step)).without(out) for fraction in _PARTS]
    return min(tried, key=lambda pruned: p_norm(pruned(part.x) - part.y, 2))
