"""Growth: new planar maps where they help most.

A planar map with direction a = 0 changes nothing, wherever it is inserted; so growth preserves the function,
and to first order a new map before map k with normal w and threshold t changes the output by
B_k(x) a relu(w.x_k - t), where x_k is the state there and B_k = d output / d x_k. For a given (k, w, t) the
best a and its gain follow from a d x d system. Many random candidates are scored, hyperplanes preferably
through points of large error; the best is taken, its effect subtracted from the residual, and so on
(orthogonal matching pursuit). What an affine map could do is projected out before scoring, because the
fitted flow has no use for that.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ...sampling.samples import Samples
from .parameters import Parameters, project


def grow(
    theta: Parameters,
    samples: Samples,
    kinks: int,
    rng: np.random.Generator,
    candidates: int | None = None,
) -> Parameters:
    """`theta` with `kinks` planar maps more, chosen from `candidates` random ones (by default as set)."""
    settings = theta.settings.growing
    candidates = candidates or settings.candidates
    d = theta.dim
    most = max(settings.least_points, settings.most_numbers // ((theta.kinks + 1) * d * (d + 1)))
    part = samples.thin(min(settings.most_points, most), rng)
    x, y = part.x, part.y
    n = len(x)
    state, adjoint = states_and_adjoints(x, theta.a, theta.w, theta.t, theta.M)
    # An a has no part in what is held.
    e = theta.moving
    adjoint = adjoint[..., :e]
    residual = y - (state[-1] @ theta.M.T + theta.m)
    size = np.linalg.norm(residual, axis=1) + 1e-300

    place = rng.integers(0, theta.kinks + 1, candidates)
    w = rng.normal(size=(candidates, d))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    through = rng.choice(n, candidates, p=0.5 * size**2 / np.sum(size**2) + 0.5 / n)
    t = np.einsum("cd,cd->c", w, state[place, through])

    ones = np.concatenate([np.ones((n, 1)), x], axis=1)
    affine, _ = np.linalg.qr(ones)
    bump = np.empty((candidates, n))
    gram = np.empty((candidates, e, e))
    for c in range(candidates):
        phi = np.maximum(state[place[c]] @ w[c] - t[c], 0.0)
        bump[c] = phi - affine @ (affine.T @ phi)
        pushed = adjoint[place[c]] * bump[c][:, None, None]
        gram[c] = np.einsum("nij,nik->jk", pushed, pushed, optimize=True)
    trace = np.trace(gram, axis1=1, axis2=2)
    gram += (1e-8 * trace + 1e-12 * trace.max())[:, None, None] * np.eye(e)

    chosen: list[int] = []
    directions: list[np.ndarray] = []
    open_ = np.ones(candidates, dtype=bool)
    used_places = np.unique(place)
    for _ in range(min(kinks, candidates)):
        slope = np.empty((candidates, e))
        for k in used_places:
            rows = place == k
            slope[rows] = bump[rows] @ np.einsum("nij,ni->nj", adjoint[k], residual)
        a = np.linalg.solve(gram, slope[:, :, None])[:, :, 0]
        gain = np.where(open_, np.einsum("cd,cd->c", a, slope), -np.inf)
        c = int(np.argmax(gain))
        open_[c] = False
        chosen.append(c)
        directions.append(settings.caution * a[c])
        residual = residual - np.einsum("nij,j,n->ni", adjoint[place[c]], a[c], bump[c])
    order = sorted(range(len(chosen)), key=lambda i: place[chosen[i]])
    picked = [chosen[i] for i in order]
    a = np.zeros((len(order), d))
    a[:, :e] = [directions[i] for i in order]
    grown = theta.insert(place[picked], a, w[picked], t[picked])
    return _refit_affine(grown, x, y)


def _refit_affine(theta: Parameters, x: np.ndarray, y: np.ndarray) -> Parameters:
    """`theta` with its final affine map fitted anew: the scores left out the affine part of the new maps."""
    ends = np.linalg.solve(theta.M, (theta(x) - theta.m).T).T
    solution, *_ = np.linalg.lstsq(np.concatenate([ends, np.ones((len(x), 1))], axis=1), y, rcond=None)
    M, m = solution[:-1].T.copy(), solution[-1].copy()
    refitted = project(theta.a, theta.w, theta.t, M, m, theta.held, theta.settings)
    better = np.mean((refitted(x) - y) ** 2) < np.mean((theta(x) - y) ** 2)
    return refitted if better else theta


def states_and_adjoints(
    x: Float[np.ndarray, "n d"], a: np.ndarray, w: np.ndarray, t: np.ndarray, M: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The state before each map and at the end, (L+1, n, d), and d output / d that state, (L+1, n, d, d)."""
    state = np.empty((t.size + 1, *x.shape))
    active = np.empty((t.size, len(x)), dtype=bool)
    state[0] = x
    for k in range(t.size):
        z = state[k] @ w[k] - t[k]
        active[k] = z > 0
        state[k + 1] = state[k] + np.maximum(z, 0.0)[:, None] * a[k]
    adjoint = np.empty((t.size + 1, len(x), *M.shape))
    adjoint[-1] = M
    for k in reversed(range(t.size)):
        rate = np.where(active[k][:, None], adjoint[k + 1] @ a[k], 0.0)
        adjoint[k] = adjoint[k + 1] + rate[:, :, None] * w[k]
    return state, adjoint
