"""Levenberg-Marquardt for the p-norm of the residual r(x) = N(x; theta) - Phi(x) over a set of points.

The p-norm (mean |r|^p)^(1/p) over all points and outputs is lowered for growing p: p = 2 is least squares,
and large p approaches the supremum norm (Lawson's idea, by Newton's method). For mean |r|^p / p
    gradient  g = mean |r|^(p-2) r Dr,
    Gauss-Newton matrix  H = (p - 1) mean |r|^(p-2) Dr^T Dr;
without the factor p - 1, as in classical re-weighting, steps overshoot for p > 3. The step solves
(H + lambda D) s = -g. For p = 2, D is the diagonal of H (Marquardt). For p > 2 the weights concentrate on few
points, and D is the matrix of the plain mean square: it measures a step by how much it changes the function
at all the points, so that a step that helps the worst points does not spoil the others.

The gradient is exact. The matrix may come from a part of the points: that changes the path, not the goal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float

from .gradient_kernels import transposed_product
from .normal_matrix import NormalMatrix, normal_matrix
from .parameters import Parameters
from .samples import Samples
from .threads import parts_of, side_by_side

_DAMPING_FACTOR = 3.0
_DAMPING_RANGE = (1e-9, 1e8)
# A run ends after this many steps in a row that gain less than this.
_PATIENCE = 4
_LEAST_GAIN = 1e-3
# Points of the Gauss-Newton matrix: so many rows per parameter, the heaviest first, at least and at most.
_ROWS_PER_PARAMETER = 4
_LEAST_ROWS, _MOST_ROWS = 4096, 40_000
_COVERED = 0.9999
# The matrix of the mean square is renewed after this many steps, and carries a little of its diagonal.
_RENEWED = 5
_DIAGONAL = 1e-4

Stop = Callable[[], bool]


def never() -> bool:
    return False


@dataclass(frozen=True, eq=False)
class Fit:
    """Where a run ended: parameters, the p-norm and the largest size of the residual."""

    parameters: Parameters
    norm: float
    largest: float


def p_norm(residual: np.ndarray, p: float) -> float:
    """(mean |r|^p)^(1/p); infinite if any entry is not finite."""
    size = np.abs(residual)
    top = float(np.max(size, initial=0.0))
    if not np.isfinite(top):
        return np.inf
    return top * float(np.mean((size / top) ** p)) ** (1 / p) if top else 0.0


def minimize(
    start: Parameters,
    samples: Samples,
    p: float,
    iterations: int,
    rng: np.random.Generator,
    stop: Stop = never,
) -> Fit:
    """Lower the p-norm from `start`; each step is tried at several dampings, judged by the true p-norm."""
    theta = start
    residual = theta(samples.x) - samples.y
    norm = p_norm(residual, p)
    damping = 1e-2
    metric: NormalMatrix | None = None
    idle = 0
    for iteration in range(iterations):
        if idle == _PATIENCE or not 0 < norm < np.inf or stop():
            break
        weights = np.abs(residual / norm) ** (p - 2) if p > 2 else np.ones_like(residual)
        g = _gradient(theta, samples.x, weights * residual / residual.size)
        H = _weighted_matrix(theta, samples.x, weights, residual, p, rng)
        if p > 2 and (metric is None or iteration % _RENEWED == 0):
            metric = _plain_matrix(theta, samples.x, rng)
        solve = H.damped_by_diagonal if metric is None else H.damped_by(metric, _DIAGONAL)
        best = _best_step(theta, solve, g, samples, p, norm, damping)
        if best is None:
            break
        idle = idle + 1 if best.norm > (1 - _LEAST_GAIN) * norm else 0
        theta, residual, norm, damping = best.parameters, best.residual, best.norm, best.damping
    return Fit(theta, norm, float(np.max(np.abs(residual), initial=0.0)))


def _gradient(theta: Parameters, x: np.ndarray, u: np.ndarray) -> Float[np.ndarray, " P"]:
    """The gradient of the sum of u . N(x; theta) over the points."""

    def part_of(part: slice) -> np.ndarray:
        return transposed_product(x[part], theta.a, theta.w, theta.t, theta.M, u[part])

    return np.sum(side_by_side([partial(part_of, part) for part in parts_of(len(x))]), axis=0)


def _weighted_matrix(
    theta: Parameters,
    x: np.ndarray,
    weights: np.ndarray,
    residual: np.ndarray,
    p: float,
    rng: np.random.Generator,
) -> NormalMatrix:
    """(p - 1) mean w Dr^T Dr, from the points that make up nearly all of the p-norm, or some of them."""
    most = int(np.clip(_ROWS_PER_PARAMETER * theta.count, _LEAST_ROWS, _MOST_ROWS)) // theta.dim
    if p > 2:
        share = (weights * residual**2).sum(axis=1)
        order = np.argsort(-share, kind="stable")
        total = np.cumsum(share[order])
        rows = order[: int(np.searchsorted(total, _COVERED * total[-1])) + 1][:most]
        scale = (p - 1) / residual.size
    else:
        rows = rng.choice(len(x), most, replace=False) if len(x) > most else np.arange(len(x))
        scale = 1.0 / (len(rows) * theta.dim)
    return normal_matrix(theta, x[rows], scale * weights[rows])


def _plain_matrix(theta: Parameters, x: np.ndarray, rng: np.random.Generator) -> NormalMatrix:
    """mean Dr^T Dr from some of the points, enough of them to see every direction twice."""
    count = min(len(x), max(_LEAST_ROWS, 2 * theta.count) // theta.dim)
    rows = rng.choice(len(x), count, replace=False)
    return normal_matrix(theta, x[rows], np.full((count, theta.dim), 1.0 / (count * theta.dim)))


@dataclass(frozen=True, eq=False)
class _Step:
    parameters: Parameters
    residual: np.ndarray
    norm: float
    damping: float


def _best_step(
    theta: Parameters,
    solve: Callable[[float, np.ndarray], np.ndarray | None],
    g: Float[np.ndarray, " P"],
    samples: Samples,
    p: float,
    norm: float,
    damping: float,
) -> _Step | None:
    """The best of the steps at a geometric row of dampings around the last one; None if none improves.

    The matrix costs more than several solutions and evaluations, so a step is worth the search.
    """

    def attempt(value: float) -> _Step:
        step = solve(value, -g)
        if step is None or not np.all(np.isfinite(step)):
            return _Step(theta, g, np.inf, value)
        moved = theta.moved(step)
        residual = moved(samples.x) - samples.y
        return _Step(moved, residual, p_norm(residual, p), value)

    def best_of(*powers: int) -> _Step:
        """The best with damping times factor^power; of infinite norm if all are out of range."""
        values = [damping * _DAMPING_FACTOR**power for power in powers]
        tasks = [partial(attempt, v) for v in values if _DAMPING_RANGE[0] < v < _DAMPING_RANGE[1]]
        nothing = _Step(theta, g, np.inf, damping)
        return min(side_by_side(tasks), key=lambda step: step.norm, default=nothing)

    low, high = -1, 1
    best = best_of(low, high)
    # Where nothing improves on where we are, only smaller steps can.
    while not best.norm < norm:
        if damping * _DAMPING_FACTOR**high > _DAMPING_RANGE[1]:
            return None
        low, high = high + 1, high + 2
        best = best_of(low, high)
    while best.damping < damping * _DAMPING_FACTOR ** (low + 0.5):
        low -= 2
        further = best_of(low, low + 1)
        if not further.norm < best.norm:
            break
        best = further
    return best
