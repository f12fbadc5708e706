"""The ridge construction: as few smooth ridge maps as the tolerance takes, each made piecewise linear.

The number of ridge maps decides what an evaluation costs: at run time each is a table (`runtime`), whatever
is the number of its kinks. So smooth maps are fitted and finished first, one more at a time or several, until
they leave part of the tolerance to the kinks. These lie on grids (`grids`), where a table needs no search;
their error falls with the square of their distance.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...box import search_points
from ...deadline import TimeIsUp, extend
from ...errors import CompilationInterrupted, ToleranceNotReached
from ...planar.flow import PlanarFlow
from ...runtime.threads import own_threads
from ...sampling.samples import Samples, training_target
from ...sampling.search import around, largest_error
from ...target import Target
from ..construction import Constructed, Construction, Limits, Report, quiet
from .finishing import finish, lacks_degree
from .fit import RidgeFit, fit_ridges, numbers_per_map
from .grids import Grids
from .settings import DEFAULTS, Settings


class Ridge(Construction):
    """Ridge maps at one tolerance after the other: it goes on from the smooth maps that it found before."""

    # The smooth maps so far, how many, what they promise, and what was last asked of them.
    _best: RidgeFit | None = None
    _count = 0
    _error = np.inf
    _tolerance = np.inf

    def __init__(
        self, target: Target, limits: Limits, report: Report = quiet, *, settings: Settings = DEFAULTS
    ):
        super().__init__(target, limits, report)
        self.settings = settings

    def within(self, tolerance: float) -> Constructed:
        """A flow whose searched error is within `tolerance`.

        Raises ToleranceNotReached, with the best flow, where that takes more kinks than allowed, more ridge
        maps than can be fitted, or longer than there is time; CompilationInterrupted, with the same, on
        Ctrl-C.
        """
        training = training_target(self.target, tolerance)
        self._tolerance = tolerance
        try:
            with own_threads():
                while True:
                    self._fit(training, tolerance)
                    flow = self._make_piecewise_linear(training, tolerance)
                    if flow is not None:
                        return Constructed(flow, f"{self._count} ridge maps")
                    # They fold over somewhere.
                    self._error = np.inf
        except KeyboardInterrupt:
            if self._best is None:
                raise
            raise CompilationInterrupted(*self._in_haste()) from None
        except TimeIsUp as late:
            if self._best is None:
                raise
            with extend(self.settings.last_seconds):
                raise self._refusal(f"{self._count} ridge maps, when {late}") from None

    def _fit(self, training: Target, tolerance: float) -> None:
        """More smooth maps, until their error leaves enough of the tolerance."""
        settings = self.settings
        while self._best is None or self._error > settings.enough * tolerance:
            count = 0 if self._best is None else self._next_count(tolerance)
            if count * numbers_per_map(self.target.dim, settings.fitting) > settings.most_numbers:
                limit = f"{self._count} ridge maps, the most that can be fitted"
                raise self._refusal(limit)
            if self._best and self.limits.late():
                raise self._refusal(f"{self._count} ridge maps in the time")
            goal = settings.aim * tolerance
            close, seed, late = settings.close * tolerance, self.limits.seed, self.limits.late
            fit = fit_ridges(training, count, close, seed, late, settings)[0]
            error = settings.finishing.ratio * fit.norm
            if error <= settings.near * goal or lacks_degree(fit, goal):
                fit, error = finish(fit, training, goal, seed, late)
            self.report(f"{count} smooth ridge maps: error {error:.2e}")
            self._best, self._error, self._count = fit, error, count

    def _next_count(self, tolerance: float) -> int:
        settings = self.settings
        least = max(1, self.target.dim // 2)
        if not np.isfinite(self._error):
            return max(self._count + 1, least)
        growth = min((self._error / (settings.aim * tolerance)) ** settings.exponent, settings.most_growth)
        return max(least, self._count + 1, int(self._count * growth))

    def _make_piecewise_linear(self, training: Target, tolerance: float) -> PlanarFlow | None:
        """The smallest tables, and in them the fewest kinks, within the tolerance; None if they fold over."""
        settings = self.settings
        assert self._best is not None
        domain = self.target.domain
        x = search_points(domain, settings.points, self.limits.seed + 3)
        samples, grids = Samples(x, training(x)), Grids(self._best.maps, x)
        tried: list[list[int]] = []
        for off in _falling(settings.coarsest * tolerance, settings.coarser, settings.finest * tolerance):
            sizes = grids.sizes(off)
            if sizes in tried or _error(grids.flow(0, sizes, domain), samples) > tolerance:
                tried.append(sizes)
                continue
            for off_alone in _falling(settings.coarsest * tolerance, settings.finer, settings.finest * off):
                flow = grids.flow(off_alone, sizes, domain)
                if flow.kinks > self.limits.max_kinks:
                    raise self._refusal(f"{self.limits.max_kinks} kinks")
                if _error(flow, samples) > tolerance:
                    continue
                missed = self._worst(flow, training)
                if _error(flow, missed) <= tolerance:
                    return flow
                samples = samples.merge(missed)
            tried.append(sizes)
        return None

    def _worst(self, flow: PlanarFlow, training: Target) -> Samples:
        """The worst points that searches find, none of them that which certifies, and points around them."""
        rng = np.random.default_rng([self.limits.seed, flow.kinks])
        seeds = [self.limits.seed + seed for seed in self.settings.searches]
        starts = self.settings.starts
        worst = [largest_error(flow, training, starts=starts, seed=seed).point for seed in seeds]
        x = np.concatenate([worst, around(np.array(worst), self.target.domain, rng)])
        return Samples(x, training(x))

    def _in_haste(self) -> tuple[PlanarFlow, float]:
        """The smooth maps there are, each made piecewise linear to the tolerance, and the error of that."""
        assert self._best is not None
        few = self.settings.few_points
        x = search_points(self.target.domain, few, self.limits.seed + 3)
        # Pieces that are closer to the maps than these to the flow cost time, and gain nothing.
        off = max(self._tolerance, self._error / 2) if np.isfinite(self._error) else self._tolerance
        grids = Grids(self._best.maps, x)
        while (flow := grids.flow(off, grids.sizes(off), self.target.domain)).kinks > self.limits.max_kinks:
            off *= 2
        return flow, largest_error(
            flow, self.target, few, rounds=self.settings.few_rounds, seed=self.limits.seed
        ).largest

    def _refusal(self, limit: str) -> ToleranceNotReached:
        flow, error = self._in_haste()
        return ToleranceNotReached(
            f"the ridge construction reached {error:.3g} with {flow.kinks} kinks within {limit}", flow, error
        )


def _falling(first: float, factor: float, last: float) -> Iterator[float]:
    while first > last:
        yield first
        first *= factor


def _error(flow: PlanarFlow, samples: Samples) -> float:
    return float(np.abs(flow(samples.x) - samples.y).max())
