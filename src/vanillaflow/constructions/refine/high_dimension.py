"""Refinement in many dimensions: a coarser split construction, fitted.

There a Gauss-Newton matrix would not fit in memory, nor would a flow with dense planar maps be of use. A
split construction for a larger tolerance has fewer kinks, each of which touches few coordinates. Its numbers,
those that are not zero, are fitted to the exact flow by L-BFGS for growing p-norms (`sparse_gradient`). Where
that brings it within the tolerance on other points, kinks have been saved: up to a quarter, no more, as
the worst points of a box in many dimensions are many and the numbers few.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from ...deadline import check
from ...errors import ToleranceNotReached
from ...planar.flow import PlanarFlow
from ...runtime.threads import own_threads
from ...sampling.samples import Samples, sample, training_target
from ...sampling.search import largest_error
from ...target import Target
from ..construction import Constructed, Construction, Limits, Report
from ..split.construction import Split
from .sparse_gradient import SparseNumbers

# From this dimension on.
_MANY = 10
# Tolerances of the coarser constructions, in tolerances.
_COARSER = (1.7, 1.5, 1.35, 1.2)
# p, and how many iterations of L-BFGS. From p = 2 on: without it, or with the worst points that a search
# finds among the samples, the errors elsewhere come out larger.
_NORMS = ((2.0, 40), (8.0, 60), (24.0, 60))
_MEMORY = 30
# More than so many points never, and so many residuals for each number at least, or nothing is fitted.
_MOST_POINTS, _RESIDUALS_PER_NUMBER = 4096, 8
# Points times the cost of the exact flow at one, as in sampling.search; and times multiply-adds of a
# gradient, which are to take a minute at most.
_AFFORDABLE, _MULTIPLY_ADDS = 2**27, 4 * 10**8
# The points that judge are others than those of the split construction and of the fit.
_JUDGE = 3000


def is_high_dimensional(target: Target) -> bool:
    """Whether this is how to refine it."""
    return target.dim >= _MANY and target.is_ridge_sum


class HighDimension(Construction):
    """A coarser split construction, fitted.

    Without time left, or where too few points can be afforded for a fit, it is the split construction.
    """

    def __init__(self, target: Target, limits: Limits, report: Report):
        super().__init__(target, limits, report)
        self._split = Split(target, limits)

    def within(self, tolerance: float) -> Constructed:
        """A flow whose searched error is within `tolerance`; raises as `Split.within` does."""
        path: list[tuple[str, int, float]] = []
        refusal: ToleranceNotReached | None = None
        best: PlanarFlow | None = None
        try:
            best = self._split.within(tolerance).flow
            self._enter(path, "split", best)
        except ToleranceNotReached as caught:
            refusal = caught
        for factor in _COARSER:
            if self.limits.late():
                break
            try:
                coarse = self._split.within(factor * tolerance).flow
            except ToleranceNotReached:
                continue
            points = _points(self.target, coarse)
            if points == 0 or (best is not None and coarse.kinks >= best.kinks):
                continue
            flow = _fitted(coarse, training_target(self.target, tolerance), points, tolerance, self.limits)
            if self._enter(path, "fitted", flow) <= tolerance:
                best = flow
                break
        if best is None:
            assert refusal is not None
            raise refusal
        tried = ", ".join(f"{kinks} kinks {error:.1e}" for _, kinks, error in path)
        return Constructed(best, f"refined: {tried}", tuple(path))

    def _enter(self, path: list[tuple[str, int, float]], stage: str, flow: PlanarFlow) -> float:
        """Enter a stage into the path; the error of its flow."""
        error = largest_error(flow, self.target, seed=self.limits.seed + _JUDGE).largest
        path.append((stage, flow.kinks, error))
        self.report(f"{stage}: {flow.kinks} kinks, error {error:.2e}")
        return error


def _points(target: Target, flow: PlanarFlow) -> int:
    """How many points to fit to: 0 if so many as that takes cannot be afforded."""
    ridges = max(field.ridges for field, _ in target.ridge_segments())
    exact = _AFFORDABLE // (target.dim * max(target.dim, ridges))
    entries = int(np.count_nonzero(flow.a) + np.count_nonzero(flow.w))
    gradient = _MULTIPLY_ADDS // (entries + flow.stops.size * target.dim**2)
    points = min(exact, gradient, _MOST_POINTS)
    return points if points * target.dim >= _RESIDUALS_PER_NUMBER * (entries + flow.kinks) else 0


def _fitted(flow: PlanarFlow, target: Target, points: int, tolerance: float, limits: Limits) -> PlanarFlow:
    """The flow with its nonzero numbers fitted to the target."""
    numbers, samples = SparseNumbers.of(flow), sample(target, points, limits.seed + 1)
    best, sizes = numbers.start, numbers.sizes
    for p, iterations in _NORMS:
        if limits.late():
            break
        best = _descended(numbers, best, sizes, tolerance, samples, p, iterations)
        try:
            flow = numbers.at(best)
        except ValueError:
            # A planar map that cannot be undone.
            break
    return flow


def _descended(
    numbers: SparseNumbers,
    start: Float[np.ndarray, " P"],
    sizes: Float[np.ndarray, " P"],
    tolerance: float,
    samples: Samples,
    p: float,
    iterations: int,
) -> Float[np.ndarray, " P"]:
    """Where L-BFGS comes to from `start`, with steps in these sizes, and the norm in tolerances."""

    def objective(step: np.ndarray) -> tuple[float, np.ndarray]:
        check()
        norm, gradient = numbers.p_norm(start + sizes * step, samples.x, samples.y, p)
        return norm / tolerance, gradient * sizes / tolerance

    options = {"maxiter": iterations, "maxcor": _MEMORY, "maxfun": 2 * iterations}
    with own_threads():
        found = minimize(objective, np.zeros(start.size), jac=True, method="L-BFGS-B", options=options)
    return start + sizes * found.x
