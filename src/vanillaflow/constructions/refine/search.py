"""The state of a refinement: the target, the limits, and the best flow so far."""

from __future__ import annotations

import numpy as np

from ...box import search_points
from ...planar.flow import PlanarFlow
from ...sampling.samples import Samples, sample, training_target
from ...target import Target
from ..construction import Limits, Report
from .parameters import Parameters

# A refined flow in the plane has about kinks^2 / 2 pieces: so many points for each, up to so many points, and
# for each kink. With less than one for a piece, least squares fits the points and not what is between them.
_POINTS_PER_PIECE, _MOST_FOR_PIECES = 2, 60_000
_POINTS_PER_KINK = 40
_LEAST_POINTS = 2048
# So many dense points for each piece, and for each kink; at least and at most.
_DENSE_PER_PIECE, _DENSE_PER_KINK = 4, 200
_LEAST_DENSE, _MOST_DENSE = 8192, 100_000
_PROBES = 128
# A search finds errors so many times those at the samples that were fitted.
_DOUBT = 1.2


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
    ):
        self.target, self.limits, self.seed = target, limits, limits.seed
        self.training = training_target(target, tolerance)
        probes = search_points(target.domain, _PROBES, self.seed)
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
        for_pieces = min(_POINTS_PER_PIECE * kinks**2 // 2, _MOST_FOR_PIECES)
        return max(_LEAST_POINTS, _POINTS_PER_KINK * kinks, for_pieces)

    def samples(self, kinks: int) -> Samples:
        """Points enough for least squares with so many kinks."""
        return sample(self.training, self.points(kinks), self.seed)

    def dense_samples(self, kinks: int) -> Samples:
        """Other points, some in nearly every piece of a flow with so many kinks. The last are kept."""
        wanted = max(_DENSE_PER_PIECE * kinks**2 // 2, _DENSE_PER_KINK * kinks)
        count = min(max(wanted, _LEAST_DENSE), max(_MOST_DENSE, 2 * self.points(kinks)))
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
            error = max(_DOUBT * error, float(np.nextafter(self.tolerance, np.inf)))
        if self.best is None or self._rank(theta, error) < self._rank(self.best, self.error):
            self.best, self.error = theta, error

    def found(self) -> PlanarFlow:
        """The best flow; something must have been kept."""
        assert self.best is not None
        return self.best.flow(self.target.domain)

    def _rank(self, theta: Parameters, error: float) -> tuple[float, int]:
        return (max(error, self.tolerance), theta.kinks)
