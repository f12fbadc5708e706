"""Ridge maps fitted to a flow map by least squares, from several random sets of directions.

From profiles that do nothing the first step is linear least squares in the profiles. Which minimum a run ends
in depends on its directions; short runs tell which are worth a long one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float
from scipy.linalg import LinAlgError, solve

from ..certificates.sampled import search_points
from ..construction import Stop
from ..samples import Samples, p_norm
from ..target import FlowMap
from ..threads import side_by_side
from .maps import RidgeMaps, idle_maps

_DEGREE = 8
_LEAST_POINTS, _ROWS_PER_NUMBER = 1000, 5
_RUNS, _SHORT = 8, 10
_PLACES, _LONG = 2, 40
_DAMPING, _DAMPING_FACTOR, _LEAST_DAMPING, _TRIES = 0.1, 4.0, 1e-9, 8
_LEAST_DIAGONAL = 1e-6
# A run ends with a step that gains less.
_LEAST_GAIN = 3e-3
# For p > 2 the matrix is made from the points that make up this part of the p-norm.
_COVERED = 0.99
# Points whose derivatives are held at once.
_CHUNK = 2000
# Points that tell how much a step changes the map.
_EVERYWHERE = 8000


@dataclass(frozen=True, eq=False)
class RidgeFit:
    """Ridge maps, the norm of their error at the points x, and the damping of the last step."""

    maps: RidgeMaps
    norm: float
    damping: float
    x: np.ndarray


def fit_ridges(target: FlowMap, count: int, goal: float, seed: int, stop: Stop) -> list[RidgeFit]:
    """The best few fits of `count` ridge maps, best first; the root mean square need not be below `goal`."""
    rng = np.random.default_rng([seed, count])
    d = target.dim
    numbers = count * numbers_per_map(d)
    x = search_points(target.domain, max(_LEAST_POINTS, _ROWS_PER_NUMBER * numbers // d), seed)
    samples = Samples(x, target(x))

    def begin(w: np.ndarray) -> RidgeFit:
        maps = idle_maps(x, w, _DEGREE, target.held)
        return lowered(RidgeFit(maps, np.inf, _DAMPING, x), samples, 2.0, _SHORT, goal, stop)

    directions = rng.normal(size=(_RUNS, count, d))
    fits = side_by_side([partial(begin, w) for w in directions])
    fits.sort(key=lambda fit: fit.norm)
    best = [partial(lowered, fit, samples, 2.0, _LONG, goal, stop) for fit in fits[:_PLACES]]
    return sorted(side_by_side(best), key=lambda fit: fit.norm)


def numbers_per_map(dim: int) -> int:
    """Of a profile and a direction."""
    return (_DEGREE + 2) * dim


def lowered(fit: RidgeFit, samples: Samples, p: float, steps: int, goal: float, stop: Stop) -> RidgeFit:
    """The fit with the p-norm of its error at the samples lowered, by Levenberg-Marquardt.

    For p = 2 the damper is the diagonal of the matrix. For p > 2, where few points count, it is the matrix
    for p = 2: it measures a step by how much it changes the map everywhere. It ends where the norm is below
    the goal or hardly falls.
    """
    # Profiles may run away from bad steps; such maps count as infinitely bad.
    with np.errstate(over="ignore", invalid="ignore"):
        return _descended(fit, samples, p, steps, goal, stop)


def _descended(fit: RidgeFit, samples: Samples, p: float, steps: int, goal: float, stop: Stop) -> RidgeFit:
    maps, damping = fit.maps, fit.damping
    residual = maps(samples.x) - samples.y
    norm = p_norm(residual, p)
    everywhere = None
    for _ in range(steps):
        if norm <= goal or stop():
            break
        H, g = _normal_equations(maps, samples.x, residual, p, norm)
        damper = np.diag(np.diag(H) + _LEAST_DIAGONAL * np.diag(H).max())
        if p > 2:
            if everywhere is None:
                thin = slice(None, None, -(-len(samples) // _EVERYWHERE))
                everywhere, _ = _normal_equations(maps, samples.x[thin], residual[thin], 2.0, norm)
            damper = np.trace(H) / np.trace(everywhere) * (everywhere + 0.01 * np.diag(np.diag(everywhere)))
        before = norm
        for _ in range(_TRIES):
            tried = _tried(maps, H, damping * damper, g, samples.x)
            error = np.inf if tried is None else p_norm(tried(samples.x) - samples.y, p)
            if tried is not None and error < norm:
                maps, norm = tried, error
                damping = max(damping / _DAMPING_FACTOR, _LEAST_DAMPING)
                break
            damping *= _DAMPING_FACTOR
        if norm > (1 - _LEAST_GAIN) * before:
            break
        residual = maps(samples.x) - samples.y
    return RidgeFit(maps, norm, damping, samples.x)


def _normal_equations(
    maps: RidgeMaps, x: Float[np.ndarray, "n d"], residual: Float[np.ndarray, "n d"], p: float, norm: float
) -> tuple[np.ndarray, np.ndarray]:
    """(p - 1) sum |r|^(p-2) Dr^T Dr and sum |r|^(p-2) r Dr, with r in units of its norm.

    For p > 2 from the points that make up nearly all of the norm.
    """
    weights = (np.abs(residual) / norm) ** (p - 2)
    if p > 2:
        share = (weights * residual**2).sum(axis=1)
        order = np.argsort(-share, kind="stable")
        rows = order[: int(np.searchsorted(np.cumsum(share[order]), _COVERED * share.sum())) + 1]
        x, residual, weights = x[rows], residual[rows], weights[rows]

    def part_of(first: int) -> tuple[np.ndarray, np.ndarray]:
        part = slice(first, first + _CHUNK)
        J = maps.jacobian(maps.states(x[part])).reshape(residual[part].size, -1)
        scale = np.sqrt((p - 1) * weights[part]).reshape(-1, 1)
        g = J.T @ (weights[part] * residual[part]).ravel()
        J *= scale
        # Where there are many points, float32: a damped step needs no more.
        J = J if len(x) <= _CHUNK else J.astype(np.float32)
        return J.T @ J, g

    parts = side_by_side([partial(part_of, first) for first in range(0, len(x), _CHUNK)])
    return np.sum([H for H, _ in parts], axis=0), np.sum([g for _, g in parts], axis=0)


def _tried(
    maps: RidgeMaps, H: np.ndarray, damper: np.ndarray, g: np.ndarray, x: np.ndarray
) -> RidgeMaps | None:
    try:
        return maps.moved(-solve(H + damper, g, assume_a="pos"), x)
    except (LinAlgError, ValueError):
        return None
