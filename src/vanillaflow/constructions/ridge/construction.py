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
from ...sampling.search import around, large_errors, largest_error
from ...target import Target
from ..construction import Constructed, Construction, Limits, Report, quiet
from .finishing import finish
from .fit import RidgeFit, numbers_per_map
from .grids import Grids
from .homotopy import Homotopy
from .settings import DEFAULTS, Settings


class Ridge(Construction):
    """Ridge maps at one tolerance after the other: it goes on from the smooth maps that it found before."""

    # None until there are maps: the best smooth ones so far, their error, and what was last asked of them.
    _homotopy: Homotopy | None = None
    _best: RidgeFit
    _error = np.inf
    _tolerance = np.inf
    # Points at which the maps that were finished last have large errors.
    _met: Samples | None = None

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
                    self._fit_within(training, tolerance)
                    flow = self._make_piecewise_linear(training, tolerance)
                    if flow is not None:
                        return Constructed(flow, f"{len(self._best.maps.w)} ridge maps")
                    # They fold over somewhere.
                    self._error = np.inf
                    self._finish_more(training, tolerance)
        except KeyboardInterrupt:
            if self._homotopy is None:
                raise
            raise CompilationInterrupted(*self._in_haste()) from None
        except TimeIsUp as late:
            if self._homotopy is None:
                raise
            with extend(self.settings.last_seconds):
                raise self._refusal(f"{len(self._best.maps.w)} ridge maps, when {late}") from None

    def _fit_within(self, training: Target, tolerance: float) -> None:
        """More smooth maps, until their error leaves enough of the tolerance."""
        if self._homotopy is None:
            homotopy = Homotopy(training, self.limits.seed, self.settings)
            self._best, self._homotopy = homotopy.whole(), homotopy
        if self._error > self.settings.enough * tolerance:
            self._finish_more(training, tolerance)
        missed = 0
        while self._error > self.settings.enough * tolerance:
            late = self.limits.late()
            if late or missed == self.settings.misses or len(self._best.maps.w) >= self._most:
                limit = "in the time" if late else "the most that can be fitted"
                raise self._refusal(f"{len(self._best.maps.w)} ridge maps, {limit}")
            before = self._error
            self._finish_more(training, tolerance)
            missed = 0 if self._error < before else missed + 1

    def _finish_more(self, training: Target, tolerance: float) -> None:
        """Fit smooth maps until their root mean square should do, and lower their maximum."""
        settings, late = self.settings, self.limits.late
        assert self._homotopy is not None
        goal, finishing = settings.aim * tolerance, settings.finishing
        rms = self._homotopy.norm(self._best.maps)
        if self._met is None:
            fit = self._homotopy.until(goal / finishing.ratio, self._most, late, self.report)
        elif self._error > finishing.peaked * rms:
            fit = self._homotopy.more(self._best, self._met, late)
        else:
            self._homotopy.maps = self._best.maps
            part = float(np.clip(goal / self._error, finishing.least, finishing.most))
            fit = self._homotopy.until(part * rms, self._most, late, self.report)
        fit, error, self._met = finish(fit, training, goal, self.limits.seed, late)
        if error < self._error:
            self._best, self._error = fit, error
        self.report(f"{len(fit.maps.w)} smooth ridge maps: error {error:.2e}")

    @property
    def _most(self) -> int:
        """The largest number of ridge maps that can be fitted."""
        return self.settings.most_numbers // numbers_per_map(self.target.dim, self.settings.fitting)

    def _make_piecewise_linear(self, training: Target, tolerance: float) -> PlanarFlow | None:
        """The smallest tables, and in them the fewest kinks, within the tolerance; None if they fold over."""
        settings = self.settings
        domain = self.target.domain
        x = search_points(domain, settings.points, self.limits.seed + 3)
        samples, grids = Samples(x, training(x)), Grids(self._best.maps, x)
        rng = np.random.default_rng([self.limits.seed, 5])
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
                # A short climb first: most flows fail there.
                met, error = large_errors(flow, training, samples, settings.starts, rng)
                samples = samples.merge(met)
                if error > tolerance:
                    continue
                missed = self._worst(flow, training, rng)
                if _error(flow, missed) <= tolerance:
                    return flow
                samples = samples.merge(missed)
            tried.append(sizes)
        return None

    def _worst(self, flow: PlanarFlow, training: Target, rng: np.random.Generator) -> Samples:
        """The worst point that a search finds, which is not that which certifies, and points around it."""
        seed, starts = self.limits.seed + self.settings.search, self.settings.starts
        worst = largest_error(flow, training, starts=starts, seed=seed).point[None]
        x = np.concatenate([worst, around(worst, self.target.domain, rng)])
        return Samples(x, training(x))

    def _in_haste(self) -> tuple[PlanarFlow, float]:
        """The smooth maps there are, each made piecewise linear to the tolerance, and the error of that."""
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
