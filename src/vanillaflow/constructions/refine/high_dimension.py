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
from .settings import DEFAULTS, Settings
from .settings import HighDimension as Stage
from .sparse_gradient import SparseNumbers


def is_high_dimensional(target: Target, settings: Settings = DEFAULTS) -> bool:
    """Whether this is how to refine it."""
    return target.dim >= settings.high_dimension.least_dim and target.is_ridge_sum


class HighDimension(Construction):
    """A coarser split construction, fitted.

    Without time left, or where too few points can be afforded for a fit, it is the split construction.
    """

    def __init__(self, target: Target, limits: Limits, report: Report, settings: Settings = DEFAULTS):
        super().__init__(target, limits, report)
        self.settings = settings.high_dimension
        self._split = Split(target, limits, settings=settings.split)

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
        for factor in self.settings.coarser:
            if self.limits.late():
                break
            try:
                coarse = self._split.within(factor * tolerance).flow
            except ToleranceNotReached:
                continue
            points = _points(self.target, coarse, self.settings)
            if points == 0 or (best is not None and coarse.kinks >= best.kinks):
                continue
            training = training_target(self.target, tolerance)
            flow = _fit(coarse, training, points, tolerance, self.limits, self.settings)
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
        error = largest_error(flow, self.target, seed=self.limits.seed + self.settings.judge).largest
        path.append((stage, flow.kinks, error))
        self.report(f"{stage}: {flow.kinks} kinks, error {error:.2e}")
        return error


def _points(target: Target, flow: PlanarFlow, settings: Stage) -> int:
    """How many points to fit to: 0 if so many as that takes cannot be afforded."""
    ridges = max(field.ridges for field, _ in target.ridge_segments())
    exact = settings.affordable // (target.dim * max(target.dim, ridges))
    entries = int(np.count_nonzero(flow.a) + np.count_nonzero(flow.w))
    gradient = settings.multiply_adds // (entries + flow.stops.size * target.dim**2)
    points = min(exact, gradient, settings.most_points)
    return points if points * target.dim >= settings.residuals_per_number * (entries + flow.kinks) else 0


def _fit(
    flow: PlanarFlow, target: Target, points: int, tolerance: float, limits: Limits, settings: Stage
) -> PlanarFlow:
    """The flow with its nonzero numbers fitted to the target."""
    numbers, samples = SparseNumbers.of(flow, settings.thread_points), sample(target, points, limits.seed + 1)
    best, sizes = numbers.start, numbers.sizes
    for p, iterations in settings.norms:
        if limits.late():
            break
        best = _descend(numbers, best, sizes, tolerance, samples, p, iterations, settings.memory)
        try:
            flow = numbers.at(best)
        except ValueError:
            # A planar map that cannot be undone.
            break
    return flow


def _descend(
    numbers: SparseNumbers,
    start: Float[np.ndarray, " P"],
    sizes: Float[np.ndarray, " P"],
    tolerance: float,
    samples: Samples,
    p: float,
    iterations: int,
    memory: int,
) -> Float[np.ndarray, " P"]:
    """Where L-BFGS comes to from `start`, with steps in these sizes, and the norm in tolerances."""

    def objective(step: np.ndarray) -> tuple[float, np.ndarray]:
        check()
        norm, gradient = numbers.p_norm(start + sizes * step, samples.x, samples.y, p)
        return norm / tolerance, gradient * sizes / tolerance

    options = {"maxiter": iterations, "maxcor": memory, "maxfun": 2 * iterations}
    with own_threads():
        found = minimize(objective, np.zeros(start.size), jac=True, method="L-BFGS-B", options=options)
    return start + sizes * found.x
