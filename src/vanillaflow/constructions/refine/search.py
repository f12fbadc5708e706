"""The state of a refinement: the target, the limits, and the best flow so far."""

from __future__ import annotations

import numpy as np

from ...box import search_points
from ...planar.flow import PlanarFlow
from ...sampling.samples import Samples, sample, training_target
from ...target import Target
from ..construction import Limits, Report
from .parameters import Parameters
from .settings import DEFAULTS, Settings


class Search:
    """What is sought, until when, and what has been found.

    The best parameters are those with the fewest kinks within the tolerance, or else of the least error.
    """

    def __init__(
        self,
        target: Target,
        tolerance: float,
        limits: Limits,
        report: Report,
        settings: Settings = DEFAULTS,
    ):
        self.settings, points = settings, settings.points
        self.target, self.limits, self.seed = target, limits, limits.seed
        self.training = training_target(target, tolerance)
        probes = search_points(target.domain, points.probes, self.seed)
        # How far the images used in training may be off.
        self.training_error = float(np.abs(self.training(probes) - target(probes)).max())
        self.tolerance = tolerance
        self.best: Parameters | None = None
        self.error = np.inf
        self.path: list[tuple[str, int, float]] = []
        self._dense: tuple[int, Samples] | None = None
        self._report = report

    def late(self) -> bool:
        """Whether time is up."""
        return self.limits.late()

    def rng(self, kinks: int) -> np.random.Generator:
        """Random numbers for the work on so many kinks."""
        return np.random.default_rng([self.seed, kinks])

    def points(self, kinks: int) -> int:
        """How many points least squares with so many kinks needs."""
        points = self.settings.points
        for_pieces = min(points.per_piece * kinks**2 // 2, points.most_for_pieces)
        return max(points.least, points.per_kink * kinks, for_pieces)

    def samples(self, kinks: int) -> Samples:
        """Points enough for least squares with so many kinks."""
        return sample(self.training, self.points(kinks), self.seed)

    def dense_samples(self, kinks: int) -> Samples:
        """Other points, some in nearly every piece of a flow with so many kinks. The last are kept."""
        points = self.settings.points
        wanted = max(points.dense_per_piece * kinks**2 // 2, points.dense_per_kink * kinks)
        count = min(max(wanted, points.least_dense), max(points.most_dense, 2 * self.points(kinks)))
        if self._dense is None or self._dense[0] != count:
            self._dense = count, sample(self.training, count, self.seed + 1)
        return self._dense[1]

    def offer(self, stage: str, theta: Parameters, error: float, searched: bool = True) -> None:
        """Enter a stage into the path, and keep it if it is the best."""
        # First kept, then reported: whoever interrupts at the report finds it.
        self.keep(theta, error, searched)
        self.path.append((stage, theta.kinks, error))
        self._report(f"{stage}: {theta.kinks} kinks, error {error:.2e}")

    def keep(self, theta: Parameters, error: float, searched: bool) -> None:
        """Keep the parameters if they are the best; an error not searched for is taken for larger."""
        if not searched:
            error = max(self.settings.points.doubt * error, float(np.nextafter(self.tolerance, np.inf)))
        if self.best is None or self._rank(theta, error) < self._rank(self.best, self.error):
            self.best, self.error = theta, error

    def best_flow(self) -> PlanarFlow:
        """The best flow; something must have been kept."""
        assert self.best is not None
        return self.best.flow(self.target.domain)

    def _rank(self, theta: Parameters, error: float) -> tuple[float, int]:
        return (max(error, self.tolerance), theta.kinks)
