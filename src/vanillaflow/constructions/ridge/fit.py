"""Ridge maps fitted to a flow map by least squares, from several random sets of directions.

From profiles that do nothing the first step is linear least squares in the profiles. Which minimum a run ends
in depends on its directions; short runs tell which are worth a long one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.linalg import LinAlgError, solve

from ...box import search_points
from ...deadline import check
from ...runtime.threads import side_by_side
from ...sampling.samples import Samples
from ...target import Target
from ..construction import Stop
from .maps import RidgeMaps, idle_maps
from .objective import Objective
from .settings import DEFAULTS, Fitting, Settings


@dataclass(frozen=True, eq=False)
class RidgeFit:
    """Ridge maps, their norm (`objective`) at the points x, and the damping of the last step."""

    maps: RidgeMaps
    norm: float
    damping: float
    x: np.ndarray


def fit_ridges(
    target: Target, count: int, goal: float, seed: int, stop: Stop, settings: Settings = DEFAULTS
) -> list[RidgeFit]:
    """The best few fits of `count` ridge maps, best first; the root mean square need not be below `goal`."""
    fitting = settings.fitting
    rng = np.random.default_rng([seed, count])
    d = target.dim
    numbers = count * numbers_per_map(d, fitting)
    x = search_points(target.domain, max(fitting.least_points, fitting.rows_per_number * numbers // d), seed)
    objective = Objective(Samples(x, target(x)))

    def begin(w: np.ndarray) -> RidgeFit:
        maps = idle_maps(x, w, fitting.degree, target.held, settings)
        return lower_norm(
            RidgeFit(maps, np.inf, fitting.damping, x), objective, 2.0, fitting.short, goal, stop
        )

    directions = rng.normal(size=(fitting.runs, count, d))
    fits = side_by_side([partial(begin, w) for w in directions])
    fits.sort(key=lambda fit: fit.norm)
    best = [
        partial(lower_norm, fit, objective, 2.0, fitting.long, goal, stop) for fit in fits[: fitting.places]
    ]
    return sorted(side_by_side(best), key=lambda fit: fit.norm)


def numbers_per_map(dim: int, settings: Fitting) -> int:
    """Of a profile and a direction."""
    return (settings.degree + 2) * dim


def lower_norm(
    fit: RidgeFit, objective: Objective, p: float, steps: int, goal: float, stop: Stop
) -> RidgeFit:
    """The fit with the p-norm of the objective lowered, by Levenberg-Marquardt.

    For p = 2 the damper is the diagonal of the matrix. For p > 2, where few points count, it is the matrix
    for p = 2: it measures a step by how much it changes the map everywhere. It ends where the norm is below
    the goal or hardly falls.
    """
    # Profiles may run away from bad steps; such maps count as infinitely bad.
    with np.errstate(over="ignore", invalid="ignore"):
        return _descend(fit, objective, p, steps, goal, stop)


def _descend(fit: RidgeFit, objective: Objective, p: float, steps: int, goal: float, stop: Stop) -> RidgeFit:
    maps, damping, x = fit.maps, fit.damping, objective.samples.x
    settings = maps.settings.fitting
    residual = objective.residual(maps)
    norm = objective.norm(maps, residual, p)
    everywhere = None
    for _ in range(steps):
        if norm <= goal or stop():
            break
        H, g = objective.normal_equations(maps, residual, p, norm)
        damper = np.diag(np.diag(H) + settings.least_diagonal * np.diag(H).max())
        if p > 2:
            if everywhere is None:
                fewer = objective.thin(settings.everywhere)
                everywhere, _ = fewer.normal_equations(maps, fewer.residual(maps), 2.0, norm)
            diagonal = settings.part_of_diagonal * np.diag(np.diag(everywhere))
            damper = np.trace(H) / np.trace(everywhere) * (everywhere + diagonal)
        before = norm
        for _ in range(settings.tries):
            check()
            tried = _try(maps, H, damping * damper, g, x)
            if tried is not None:
                new_residual = objective.residual(tried)
                new_norm = objective.norm(tried, new_residual, p)
                if new_norm < norm:
                    maps, residual, norm = tried, new_residual, new_norm
                    damping = max(damping / settings.damping_factor, settings.least_damping)
                    break
            damping *= settings.damping_factor
        if norm > (1 - settings.least_gain) * before:
            break
    return RidgeFit(maps, norm, damping, x)


def _try(
    maps: RidgeMaps, H: np.ndarray, damper: np.ndarray, g: np.ndarray, x: np.ndarray
) -> RidgeMaps | None:
    try:
        return maps.move(-solve(H + damper, g, assume_a="pos"), x)
    except (LinAlgError, ValueError):
        return None
