"""Ridge maps fitted to a flow map by least squares, from several random sets of directions.

From profiles that do nothing the first step is linear least squares in the profiles. Which minimum a run ends
in depends on its directions; short runs tell which are worth a long one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from ...box import search_points
from ...runtime.threads import side_by_side
from ...sampling.samples import Samples
from ...target import Target
from ..construction import Stop
from ..levenberg_marquardt import first_improvement, lower_norm
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
        return lower(RidgeFit(maps, np.inf, fitting.damping, x), objective, 2.0, fitting.short, goal, stop)

    directions = rng.normal(size=(fitting.runs, count, d))
    fits = side_by_side([partial(begin, w) for w in directions])
    fits.sort(key=lambda fit: fit.norm)
    best = [partial(lower, fit, objective, 2.0, fitting.long, goal, stop) for fit in fits[: fitting.places]]
    return sorted(side_by_side(best), key=lambda fit: fit.norm)


def numbers_per_map(dim: int, settings: Fitting) -> int:
    """Of a profile and a direction."""
    return (settings.degree + 2) * dim


def lower(fit: RidgeFit, objective: Objective, p: float, steps: int, goal: float, stop: Stop) -> RidgeFit:
    """The fit with the p-norm of the objective lowered, by Levenberg-Marquardt.

    For p = 2 the damper is the diagonal of the matrix. For p > 2, where few points count, it is the matrix
    for p = 2: it measures a step by how much it changes the map everywhere. It ends where the norm is below
    the goal or hardly falls.
    """
    settings = fit.maps.settings.fitting
    run = _Steps(objective, p)
    # Profiles may run away from bad steps; such maps count as infinitely bad.
    with np.errstate(over="ignore", invalid="ignore"):
        start, damping = run.at(fit.maps), fit.damping
        found, damping = lower_norm(
            start, run.step, damping, steps, stop, settings.least_gain, settings.patience, goal
        )
    return RidgeFit(found.maps, found.norm, damping, fit.x)


@dataclass(frozen=True, eq=False)
class _Residual:
    """Ridge maps, what they are off by at the samples, and the norm."""

    maps: RidgeMaps
    residual: np.ndarray
    norm: float


class _Steps:
    """The steps of one run; they share the matrix for p = 2."""

    def __init__(self, objective: Objective, p: float):
        self._objective, self._p = objective, p
        self._everywhere: np.ndarray | None = None

    def at(self, maps: RidgeMaps) -> _Residual:
        residual = self._objective.residual(maps)
        return _Residual(maps, residual, self._objective.norm(maps, residual, self._p))

    def step(self, here: _Residual, damping: float) -> tuple[_Residual | None, float]:
        """The first step that lowers the norm."""
        maps, settings = here.maps, here.maps.settings.fitting
        H, g = self._objective.normal_equations(maps, here.residual, self._p, here.norm)
        damper = np.diag(_no_less(np.diag(H), settings))
        if self._p > 2:
            if self._everywhere is None:
                fewer = self._objective.thin(settings.everywhere)
                self._everywhere, _ = fewer.normal_equations(maps, fewer.residual(maps), 2.0, here.norm)
            diagonal = np.diag(settings.part_of_diagonal * _no_less(np.diag(self._everywhere), settings))
            damper = np.trace(H) / np.trace(self._everywhere) * (self._everywhere + diagonal)

        def attempt(value: float) -> _Residual | None:
            moved = _try(maps, H, value * damper, g)
            return None if moved is None else self.at(moved)

        found, damping = first_improvement(here, attempt, damping, settings.damping_factor, settings.tries)
        if found is None:
            return None, damping
        return found, max(damping / settings.damping_factor, settings.least_damping)


def _no_less(diagonal: np.ndarray, settings: Fitting) -> np.ndarray:
    """The diagonal, raised where there is nothing of it: the direction of an idle map moves nothing."""
    return diagonal + settings.least_diagonal * diagonal.max()


def _try(maps: RidgeMaps, H: np.ndarray, damper: np.ndarray, g: np.ndarray) -> RidgeMaps | None:
    try:
        return maps.move(-cho_solve(cho_factor(H + damper), g))
    except (LinAlgError, ValueError):
        return None
