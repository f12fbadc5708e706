"""Planar maps fitted by Levenberg-Marquardt: the p-norm of r(x) = N(x; theta) - Phi(x) over points.

The p-norm (mean |r|^p)^(1/p) over all points and outputs is lowered for growing p: p = 2 is least squares,
and large p approaches the supremum norm (Lawson's idea, by Newton's method). For mean |r|^p / p
    gradient  g = mean |r|^(p-2) r Dr,
    Gauss-Newton matrix  H = (p - 1) mean |r|^(p-2) Dr^T Dr;
without the factor p - 1, as in classical re-weighting, steps overshoot for p > 3. The step solves
(H + lambda D) s = -g. For p = 2, D is the diagonal of H (Marquardt). For p > 2 the weights concentrate on few
points, and D is the matrix of the plain mean square: it measures a step by how much it changes the function
at all the points, so that a step that helps the worst points does not spoil the others.

The gradient is exact. The matrix may come from a part of the points: that changes the path, not the goal.
Where steps gain little, the same matrix serves for more of them (`quasi_newton`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Float

from ....deadline import check
from ....runtime.threads import parts_of, side_by_side
from ....sampling.samples import Samples, p_norm
from ...construction import Stop, never
from ...levenberg_marquardt import lower_norm
from ..parameters import Parameters
from .gradient_kernels import transposed_product
from .normal_matrix import Damped, Inverse, NormalMatrix, normal_matrix
from .quasi_newton import Point, descend


@dataclass(frozen=True, eq=False)
class Fit:
    """Where a run has got to: parameters, their residual and its p-norm."""

    parameters: Parameters
    residual: Float[np.ndarray, "n d"]
    norm: float

    @property
    def largest(self) -> float:
        """The largest size of the residual."""
        return float(np.max(np.abs(self.residual), initial=0.0))


def minimize(
    start: Parameters,
    samples: Samples,
    p: float,
    iterations: int,
    rng: np.random.Generator,
    stop: Stop = never,
    descent: int | None = None,
) -> Fit:
    """Lower the p-norm from `start`; each step is tried at several dampings, judged by the true p-norm.

    For p = 2, slow steps are followed by up to `descent` more with the same matrix (by default as set).
    """
    settings = start.settings.least_squares
    descent = settings.descent if descent is None else descent
    residual = start(samples.x) - samples.y
    steps = _Steps(samples, p, rng, stop, descent)
    norm = p_norm(residual, p)
    # Of a start that runs away nothing can be made, not even the square of its norm.
    fit = Fit(start, residual, norm if norm < settings.largest ** (1 / p) else np.inf)
    return lower_norm(
        fit, steps.step, settings.damping, iterations, stop, settings.least_gain, settings.patience
    )[0]


class _Steps:
    """The steps of one run; they share the matrix of the mean square for a while."""

    def __init__(self, samples: Samples, p: float, rng: np.random.Generator, stop: Stop, descent: int):
        self._samples, self._p, self._rng, self._stop, self._descent = samples, p, rng, stop, descent
        self._metric: NormalMatrix | None = None
        self._made = 0

    def step(self, fit: Fit, damping: float) -> tuple[Fit | None, float]:
        """The best of several steps."""
        theta, settings = fit.parameters, fit.parameters.settings.least_squares
        objective = Objective(self._samples, self._p, fit.norm)
        here, weights = objective.at(theta), objective.weights(fit.residual)
        H = _weighted_matrix(theta, self._samples.x, weights, fit.residual, self._p, self._rng)
        if self._p > 2 and self._made % settings.renewed == 0:
            self._metric = _plain_matrix(theta, self._samples.x, self._rng)
        self._made += 1
        metric = self._metric
        damped = H.damp_by_diagonal() if metric is None else H.damp_by(metric, settings.diagonal)
        best = _best_step(here, damped, objective, damping)
        if best is None:
            return None, damping
        point = best.point
        # A step that gained much has left the matrix behind, and for p > 2 so have the weights.
        slow = self._p == 2 and H.factored and point.value > settings.slow * here.value
        if slow and self._descent:
            point = descend(
                here, point, objective.at, objective.gradient, best.inverse, self._descent, self._stop
            )
        return Fit(point.parameters, point.residual, p_norm(point.residual, self._p)), best.damping


@dataclass(frozen=True, eq=False)
class Objective:
    """mean |r / scale|^p / p, times scale^2: with the minimum of the p-norm and the size of r^2."""

    samples: Samples
    p: float
    scale: float

    def at(self, theta: Parameters) -> Point:
        residual = theta(self.samples.x) - self.samples.y
        size = p_norm(residual, self.p) / self.scale
        largest = theta.settings.least_squares.largest ** (1 / self.p)
        value = size**self.p if size < largest else np.inf
        return Point(theta, self.scale**2 * value / self.p, residual)

    def weights(self, residual: np.ndarray) -> np.ndarray:
        return np.abs(residual / self.scale) ** (self.p - 2) if self.p > 2 else np.ones_like(residual)

    def gradient(self, point: Point) -> Float[np.ndarray, " P"]:
        residual = point.residual
        return _gradient(point.parameters, self.samples.x, self.weights(residual) * residual / residual.size)


def _gradient(theta: Parameters, x: np.ndarray, u: np.ndarray) -> Float[np.ndarray, " P"]:
    """The gradient of the sum of u . N(x; theta) over the points."""

    def part_of(part: slice) -> np.ndarray:
        return transposed_product(x[part], theta.a, theta.w, theta.t, theta.M, u[part])

    parts = parts_of(len(x))
    work = theta.settings.least_squares.sweeps * theta.kinks * x.size / len(parts)
    return np.sum(side_by_side([partial(part_of, part) for part in parts], work), axis=0)


def _weighted_matrix(
    theta: Parameters,
    x: np.ndarray,
    weights: np.ndarray,
    residual: np.ndarray,
    p: float,
    rng: np.random.Generator,
) -> NormalMatrix:
    """(p - 1) mean w Dr^T Dr, from the points that make up nearly all of the p-norm, or some of them."""
    settings = theta.settings.least_squares
    wanted = settings.rows_per_parameter * theta.count
    most = int(np.clip(wanted, settings.least_rows, settings.most_rows)) // theta.dim
    if p > 2:
        share = (weights * residual**2).sum(axis=1)
        heaviest = np.argpartition(-share, most)[:most] if len(x) > most else np.arange(len(x))
        order = heaviest[np.argsort(-share[heaviest], kind="stable")]
        covered = np.searchsorted(np.cumsum(share[order]), settings.covered * share.sum())
        rows = order[: int(covered) + 1]
        scale = (p - 1) / residual.size
    else:
        rows = rng.choice(len(x), most, replace=False) if len(x) > most else np.arange(len(x))
        scale = 1.0 / (len(rows) * theta.dim)
    return normal_matrix(theta, x[rows], scale * weights[rows])


def _plain_matrix(theta: Parameters, x: np.ndarray, rng: np.random.Generator) -> NormalMatrix:
    """mean Dr^T Dr from some of the points, enough of them to see every direction twice."""
    count = min(len(x), max(theta.settings.least_squares.least_rows, 2 * theta.count) // theta.dim)
    rows = rng.choice(len(x), count, replace=False)
    return normal_matrix(theta, x[rows], np.full((count, theta.dim), 1.0 / (count * theta.dim)))


@dataclass(frozen=True, eq=False)
class _Step:
    point: Point
    damping: float
    inverse: Inverse


def _best_step(here: Point, damped: Damped, objective: Objective, damping: float) -> _Step | None:
    """The best of the steps at a geometric row of dampings around the last one; None if none improves.

    The matrix costs more than several solutions and evaluations, so a step is worth the search.
    """
    settings = here.parameters.settings.least_squares
    g = objective.gradient(here)
    nothing = _Step(Point(here.parameters, np.inf, here.residual), damping, lambda b: b)

    def invert(value: float) -> tuple[Inverse, np.ndarray] | None:
        inverse = damped(value)
        if inverse is None:
            return None
        step = -inverse(g)
        return (inverse, step) if np.all(np.isfinite(step)) else None

    def best_of(*powers: int) -> _Step:
        """The best with damping times factor^power; of infinite value if all are out of range."""
        values = [damping * settings.damping_factor**power for power in powers]
        values = [value for value in values if settings.damping_range[0] < value < settings.damping_range[1]]
        best = replace(nothing, damping=values[0] if values else damping)
        solutions = side_by_side([partial(invert, value) for value in values], here.parameters.count**3 / 6)
        for value, solved in zip(values, solutions):
            if solved is not None:
                check()
                inverse, step = solved
                tried = _Step(objective.at(here.parameters.move(step)), value, inverse)
                best = min(best, tried, key=lambda step: step.point.value)
        return best

    low, high = -1, 1
    best = best_of(low, high)
    # Where nothing improves on where we are, only smaller steps can.
    while not best.point.value < here.value:
        if damping * settings.damping_factor**high > settings.damping_range[1]:
            return None
        low, high = high + 1, high + 2
        best = best_of(low, high)
    while best.damping < damping * settings.damping_factor ** (low + 0.5):
        low -= 2
        further = best_of(low, low + 1)
        if not further.point.value < best.point.value:
            break
        best = further
    return best
