"""The one-slope class, the paper's own: another construction, then one slope for all layers.

Two errors share the tolerance. With K kinks the construction's error falls about as K^-1.8, and the
staircases that then replace them have about K^2 / e kinks for an error e, so their number is least when each
has about half. A construction of shears is of one slope exactly, and may take all of the tolerance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...deadline import TimeIsUp
from ...errors import CompilationInterrupted, ToleranceNotReached
from ...planar.flow import PlanarFlow
from ...sampling.search import largest_error
from ...target import Target
from ..construction import Constructed, Construction, Limits
from .rewrite import with_one_slope
from .settings import DEFAULTS, Settings


class OneSlope(Construction):
    """Another construction, with every kappa of its flow made `slope` or 1 / `slope`.

    The flows that its ToleranceNotReached and CompilationInterrupted carry are of one slope, too.
    """

    def __init__(self, construction: Construction, slope: float, *, settings: Settings = DEFAULTS):
        super().__init__(construction.target, construction.limits, construction.report)
        self._construction, self._slope, self.settings = construction, slope, settings

    def learn(self, x: Float[np.ndarray, "n d"]) -> None:
        """Hand the points on."""
        self._construction.learn(x)

    def within(self, tolerance: float) -> Constructed:
        """The flow of one slope within `tolerance`; raises as Construction.within does."""
        one_slope = _OneSlope(self._slope, self.target, tolerance, self.limits, self.settings)
        found: Constructed | None = None
        try:
            found = self._construction.within(self.settings.share * tolerance)
            if np.all(np.abs(found.flow.kappa - 1) <= self.settings.shear):
                found = self._construction.within((1 - self.settings.rounding) * tolerance)
            error = one_slope.error_of(found.flow)
            self.report(
                f"constructed {found.flow.kinks} kinks ({found.how}), error {error:.2e}; "
                f"now for the slope {self._slope:g}"
            )
        except ToleranceNotReached as refusal:
            if refusal.flow is None:
                raise
            if refusal.error >= tolerance:
                closest, error = one_slope.coarse(refusal.flow, refusal.error)
                if closest.kinks > self.limits.max_kinks:
                    raise ToleranceNotReached(str(refusal), needed=refusal.needed) from None
                raise ToleranceNotReached(str(refusal), closest, error, refusal.needed) from None
            # Above its share, but not above the whole.
            found = Constructed(refusal.flow, "the closest within the limits")
            error = one_slope.error_of(found.flow)
        except CompilationInterrupted as interruption:
            raise CompilationInterrupted(*one_slope.coarse(interruption.flow, interruption.error)) from None
        except KeyboardInterrupt:
            if found is None:
                raise
            raise CompilationInterrupted(*one_slope.coarse(found.flow, tolerance)) from None
        made = one_slope.fewest_kinks(found.flow, error)
        before = (*found.before, (found.how, found.flow.kinks, error))
        return Constructed(made, f"one slope, {self._slope:g}", before)


@dataclass(frozen=True, eq=False)
class _OneSlope:
    """Makes flows of one slope and measures them against the target."""

    slope: float
    target: Target
    tolerance: float
    limits: Limits
    settings: Settings

    def error_of(self, flow: PlanarFlow) -> float:
        return largest_error(flow, self.target, seed=self.limits.seed + self.settings.own_search).largest

    def make(self, flow: PlanarFlow, distance: float) -> tuple[PlanarFlow, float]:
        """Within `distance` of the flow, and its error."""
        made = with_one_slope(flow, self.slope, distance, self.limits.seed, self.settings)
        return made, self.error_of(made)

    def coarse(self, flow: PlanarFlow, distance: float) -> tuple[PlanarFlow, float]:
        """Within about `distance`, which for a flow out of tolerance is its error (inf where not known)."""
        return self.make(flow, distance if np.isfinite(distance) else self.tolerance)

    def fewest_kinks(self, flow: PlanarFlow, error: float) -> PlanarFlow:
        """The fewest kinks with which the error is within the tolerance, or the closest if none has been.

        `error` is that of the flow. Raises ToleranceNotReached, without a flow, for more than `max_kinks`.
        """
        distance = max(self.tolerance - error, self.settings.rounding * self.tolerance)
        tried: list[tuple[PlanarFlow, float]] = []
        succeeded, failed = 0.0, np.inf
        try:
            while len(tried) < self.settings.tries:
                tried.append(self.make(flow, distance))
                if len(tried) > 1 and tried[-1][0].kinks == tried[-2][0].kinks:
                    break  # Only shears, say: there is no staircase to make coarser.
                if tried[-1][1] <= self.tolerance:
                    succeeded = distance
                    distance = min(self.settings.enlargement * distance, np.sqrt(distance * failed))
                else:
                    failed = distance
                    distance = (
                        np.sqrt(succeeded * distance) if succeeded else distance / self.settings.enlargement
                    )
        except KeyboardInterrupt:
            best = self._best(tried) if tried else self.coarse(flow, distance)
            raise CompilationInterrupted(*best) from None
        except TimeIsUp:
            if not tried:
                raise
        made, _ = self._best(tried)
        if made.kinks > self.limits.max_kinks:
            raise ToleranceNotReached(
                f"with the slope {self.slope:g} alone it takes {made.kinks} kinks, above the limit of "
                f"{self.limits.max_kinks}",
                needed=made.kinks,
            )
        return made

    def _best(self, tried: list[tuple[PlanarFlow, float]]) -> tuple[PlanarFlow, float]:
        return min(tried, key=lambda found: (max(found[1], self.tolerance), found[0].kinks))
