"""The split construction: exact sub-flows of ridge pieces, each made piecewise linear.

Two errors add up. The splitting error falls with the order and the number of steps; the piecewise-linear
error falls as 1/m^2 with m kinks per sub-flow, or even per ridge over all steps as far as the kinks of one
can stand in for those of the others (see `shared_curves`). Both are measured on the target, and the scheme,
the steps and the dealing with the fewest kinks are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from ...box import search_points
from ...errors import ToleranceNotReached
from ...planar.flow import PlanarFlow
from ...sampling.samples import Samples
from ...target import Target
from ..construction import Constructed, Construction, Limits, Report, quiet
from .plan import SplitPlan, plan
from .schemes import SCHEMES, Scheme
from .settings import DEFAULTS, Settings
from .sub_flows import SubFlow, sub_flows


class Split(Construction):
    """The split construction with the fewest kinks, at one tolerance after the other.

    The error of a construction is measured on points of the box and at those it is told of; the plans that it
    chooses from are traced once. The target's field must be a sum of ridges.
    """

    def __init__(
        self,
        target: Target,
        limits: Limits,
        report: Report = quiet,
        schemes: tuple[str, ...] = tuple(SCHEMES),
        *,
        settings: Settings = DEFAULTS,
    ):
        super().__init__(target, limits, report)
        self.settings = settings
        self._schemes = schemes
        # With the number of points.
        self._traced: dict[tuple[str, int], tuple[int, SplitPlan]] = {}

    def learn(self, x: Float[np.ndarray, "n d"]) -> None:
        """Measure at these points, too."""
        self._samples = self._samples.merge(Samples(x, self.target(x)))

    @cached_property
    def _ridges(self) -> int:
        """How many ridges the field has, at the time when it has most."""
        return max(field.ridges for field, _ in self.target.ridge_segments())

    @cached_property
    def _samples(self) -> Samples:
        """Points of the box, and their images."""
        settings = self.settings
        cost = self.target.dim * max(self.target.dim, self._ridges)
        points = min(settings.samples, max(settings.fewest_samples, settings.affordable // cost))
        x = search_points(self.target.domain, points, self.limits.seed)
        return Samples(x, self.target(x))

    def within(self, tolerance: float) -> Constructed:
        """The construction with the fewest kinks whose error on the points is within `tolerance`.

        Raises ToleranceNotReached with the best flow if that takes more kinks than allowed, or if no scheme
        can be used; FieldError for a field that is no sum of ridges.
        """
        max_kinks = self.limits.max_kinks
        plans: list[SplitPlan] = []
        for name in self._schemes:
            if self._ridges > self.settings.many_ridges and SCHEMES[name].order > 2:
                continue
            fewest = min((p.kinks_for(tolerance) for p in plans), default=np.inf)
            plans += self._plans(SCHEMES[name], tolerance, min(fewest, max_kinks))
        if not plans:
            flow, error = self._one_step(max_kinks)
            raise ToleranceNotReached(
                f"no splitting scheme of up to {self.settings.steps[-1]} steps and {max_kinks} sub-flows "
                "comes close enough to the flow; the field's ridge pieces are too strong for a box and a "
                "duration of this size",
                flow,
                error,
            )
        plans.sort(key=lambda p: p.kinks_for(tolerance))
        fewer: list[tuple[SplitPlan, float]] = []  # Each with fewer kinks than the one before.
        most = max_kinks
        for candidate in self._deal(plans, tolerance):
            if fewer and candidate.kinks_for(tolerance) > self.settings.hopeless * most:
                continue
            density = self._least_density(candidate, tolerance, most)
            if density is not None:
                fewer.append((candidate, density))
                most = candidate.kinks(density) - 1
        for chosen, density in reversed(fewer):
            try:
                flow = chosen.build(density, self.target)
            except ToleranceNotReached:
                continue
            steps = f"{chosen.steps} step" + ("s" if chosen.steps > 1 else "")
            how = f"{chosen.scheme.name}, {steps}, splitting error {chosen.splitting_error:.1e}"
            return Constructed(flow, how)
        needed = plans[0].kinks_for(tolerance)
        flow = plans[0].build(plans[0].density(max_kinks), self.target)
        raise ToleranceNotReached(
            f"the split construction needs about {needed:.0f} kinks, above the limit of {max_kinks}",
            flow,
            float(np.max(np.abs(flow(self._samples.x) - self._samples.y))),
            needed,
        )

    def _deal(self, plans: list[SplitPlan], tolerance: float) -> Iterator[SplitPlan]:
        """The most promising of the plans, with kinks dealt out among more and fewer sub-flows."""
        count = self.settings.built if plans[0].kinks_for(tolerance) < self.settings.many else 1
        promising = [self._trace(p.scheme, p.steps, p.sub_flows, len(self._samples.x)) for p in plans[:count]]
        # A corner of the displacement must be where it is in every sub-flow.
        cornered = any(shared.curve.corners.size for plan in promising for shared in plan.curves)
        for candidate in promising:
            curves = -1
            for window in (1,) if cornered else self.settings.windows:
                dealt = replace(candidate, window=window)
                # Where no piece comes up more often than this, a larger window made the same.
                if len(dealt.curves) > curves:
                    curves = len(dealt.curves)
                    yield dealt

    def _plans(self, scheme: Scheme, tolerance: float, fewest: float) -> list[SplitPlan]:
        """Plans of one scheme with more and more steps, until more steps no longer promise fewer kinks.

        A plan with more ridge sub-flows than `fewest`, the least number of kinks promised so far, would have
        less than one kink on each: it is not worth tracing.
        """
        found: list[SplitPlan] = []
        for steps in self.settings.steps:
            flows = list(sub_flows(self.target.ridge_segments(), scheme, steps, self.settings))
            if sum(len(flow.pieces) for flow in flows) > fewest:
                break
            candidate = self._trace(scheme, steps, flows)
            if candidate.splitting_error < tolerance:
                found.append(candidate)
            promises = [p.kinks_for(tolerance) for p in found]
            if len(found) > 1 and promises[-1] > promises[-2]:
                break
        return found

    def _trace(self, scheme: Scheme, steps: int, flows: list[SubFlow], points: int = 0) -> SplitPlan:
        """The plan, traced on at least so many points."""
        known, found = self._traced.get((scheme.name, steps), (-1, None))
        if found is None or known < points:
            found = plan(scheme, steps, flows, self._samples.x, self._samples.y, self.settings)
            self._traced[scheme.name, steps] = len(self._samples.x), found
        return found

    def _least_density(self, candidate: SplitPlan, tolerance: float, max_kinks: int) -> float | None:
        """Bisect on the density of kinks, the error measured each time; None if `max_kinks` do not do."""
        settings = self.settings
        if not candidate.curved:
            return 0.0 if candidate.kinks(0.0) <= max_kinks else None

        def suffices(density: float) -> bool:
            return bool(
                np.max(np.abs(candidate.image(density, self._samples.x) - self._samples.y)) <= tolerance
            )

        # Worst-case addition of errors overestimates, so the predicted density is an upper end most times.
        # One that leaves hardly any room for the piecewise-linear error asks for too many kinks to build.
        high = candidate.density(min(candidate.kinks_for(tolerance), max_kinks))
        while not suffices(high):
            most = candidate.density(max_kinks)
            if high >= most or candidate.kinks(high) > max_kinks:
                return None
            high = min(2 * high, most)
        # In high dimension by far: the errors of many ridges rarely have one sign.
        low = high / settings.widen
        while candidate.kinks(high) > candidate.kinks(low):
            if not suffices(low):
                break
            high, low = low, low / settings.widen
        close = settings.close if candidate.kinks(high) < settings.many else settings.close_to_many
        while high > close * low and candidate.kinks(high) > candidate.kinks(low):
            middle = np.sqrt(low * high)
            low, high = (low, middle) if suffices(middle) else (middle, high)
        return high if candidate.kinks(high) <= max_kinks else None

    def _one_step(self, max_kinks: int) -> tuple[PlanarFlow | None, float]:
        """A single Lie-Trotter step with at most `max_kinks` kinks and its error, to show with a refusal."""
        lie = SCHEMES["lie"]
        flows = list(sub_flows(self.target.ridge_segments(), lie, 1, self.settings))
        only = plan(lie, 1, flows, self._samples.x, self._samples.y, self.settings)
        if not np.isfinite(only.splitting_error):
            return None, np.inf
        try:
            flow = only.build(only.density(max_kinks), self.target)
        except ToleranceNotReached:
            return None, np.inf
        return (
            (flow, float(np.max(np.abs(flow(self._samples.x) - self._samples.y))))
            if flow.kinks <= max_kinks
            else (None, np.inf)
        )
