"""Ridge maps fitted to a flow map by least squares, from several random sets of directions.

From profiles that do nothing the first step is linear least squares in the profiles. Which minimum a run ends
in depends on its directions; short runs tell which are worth a long one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.linalg import LinAlgError, solve

from ..certificates.sampled import search_points
from ..target import FlowMap
from ..threads import side_by_side
from .least_squares import Stop, p_norm
from .ridge_maps import RidgeMaps, idle_maps
from .samples import Samples

_DEGREE = 8
_LEAST_POINTS, _ROWS_PER_NUMBER = 1000, 5
_RUNS, _SHORT = 8, 10
_PLACES, _LONG = 2, 40
_DAMPING, _DAMPING_FACTOR, _LEAST_DAMPING, _TRIES = 0.1, 4.0, 1e-9, 8
_LEAST_DIAGONAL = 1e-6
# A run ends with a step that gains less.
_LEAST_GAIN = 3e-3


@dataclass(frozen=True, eq=False)
class RidgeFit:
    """Ridge maps, the root mean square of their error, and the points x that tell it."""

    maps: RidgeMaps
    norm: float
    damping: float
    x: np.ndarray


def fit_ridges(target: FlowMap, count: int, goal: float, seed: int, stop: Stop) -> list[RidgeFit]:
    """The best few fits of `count` ridge maps, best first; the root mean square need not be below `goal`."""
    rng = np.random.default_rng([seed, count])
    d = target.dim
    numbers = count * (_DEGREE + 2) * d
    x = search_points(target.domain, max(_LEAST_POINTS, _ROWS_PER_NUMBER * numbers // d), seed)
    samples = Samples(x, target(x))

    def begin(w: np.ndarray) -> RidgeFit:
        maps = idle_maps(x, w, _DEGREE, target.held)
        return _run(RidgeFit(maps, np.inf, _DAMPING, x), samples, _SHORT, goal, stop)

    directions = rng.normal(size=(_RUNS, count, d))
    fits = side_by_side([partial(begin, w) for w in directions])
    fits.sort(key=lambda fit: fit.norm)
    best = [partial(_run, fit, samples, _LONG, goal, stop) for fit in fits[:_PLACES]]
    return sorted(side_by_side(best), key=lambda fit: fit.norm)


def _run(fit: RidgeFit, samples: Samples, steps: int, goal: float, stop: Stop) -> RidgeFit:
    """Levenberg-Marquardt with the diagonal as damper."""
    # Profiles may run away from bad steps; such maps count as infinitely bad.
    with np.errstate(over="ignore", invalid="ignore"):
        return _descended(fit, samples, steps, goal, stop)


def _descended(fit: RidgeFit, samples: Samples, steps: int, goal: float, stop: Stop) -> RidgeFit:
    maps, damping = fit.maps, fit.damping
    states = maps.states(samples.x)
    residual = maps(samples.x) - samples.y
    norm = p_norm(residual, 2)
    for _ in range(steps):
        if norm <= goal or stop():
            break
        J = maps.jacobian(states).reshape(residual.size, -1)
        H, g = J.T @ J, J.T @ residual.ravel()
        damper = np.diag(H) + _LEAST_DIAGONAL * np.diag(H).max()
        before = norm
        for _ in range(_TRIES):
            tried = _tried(maps, H, damping * damper, g, samples.x)
            error = np.inf if tried is None else p_norm(tried(samples.x) - samples.y, 2)
            if tried is not None and error < norm:
                maps, norm = tried, error
                damping = max(damping / _DAMPING_FACTOR, _LEAST_DAMPING)
                break
            damping *= _DAMPING_FACTOR
        if norm > (1 - _LEAST_GAIN) * before:
            break
        states = maps.states(samples.x)
        residual = maps(samples.x) - samples.y
    return RidgeFit(maps, norm, damping, samples.x)


def _tried(
    maps: RidgeMaps, H: np.ndarray, damper: np.ndarray, g: np.ndarray, x: np.ndarray
) -> RidgeMaps | None:
    try:
        return maps.moved(-solve(H + np.diag(damper), g, assume_a="pos"), x)
    except (LinAlgError, ValueError):
        return None
