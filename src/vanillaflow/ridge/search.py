"""The ridge construction: as few smooth ridge maps as the tolerance takes, each made piecewise linear.

The number of ridge maps decides what an evaluation costs: at run time each is a table (`runtime`), whatever
is the number of its kinks. So smooth maps are fitted and finished first, one more at a time or several, until
they leave part of the tolerance to the kinks. These lie on grids (`grids`), where a table needs no search;
their error falls with the square of their distance.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

import numpy as np

from ..certificates.sampled import certify_sampled, search_points
from ..construction import Report
from ..deadline import TimeIsUp, extended
from ..errors import CompilationInterrupted, ToleranceNotReached
from ..planar import PlanarFlow
from ..samples import Samples, training_target
from ..target import FlowMap
from ..threads import own_threads
from .finishing import RATIO, finished, lacks_degree
from .fit import RidgeFit, fit_ridges, numbers_per_map
from .grids import Grids

# The part of the tolerance that smooth maps aim at, and that is good enough.
_AIM, _ENOUGH = 0.45, 0.6
# Fits that promise an error of so many times the aim are finished.
_NEAR = 4.0
# Where fits fall short: ridge maps ~ error^(1/4), at most so many times as many.
_EXPONENT, _MOST_GROWTH = 0.25, 2.0
# The square of so many float64 numbers is an eighth of a gigabyte.
_MOST_NUMBERS = 4096
# Least squares ends at this part of the aim.
_CLOSE = 0.05
_POINTS = 8192
# What each ridge map may be off alone: tried from so many tolerances down, by one factor for the tables and
# by another for the kinks; further down than this it is not for want of kinks.
_COARSEST, _COARSER, _FINER, _FINEST = 4.0, 0.7, 0.9, 1e-3
_FEW_POINTS = 512
# Seconds beyond the limit in which the maps that there are become a flow.
_LAST_SECONDS = 0.5
_SEARCHES, _STARTS = (1000, 1010), 48
# Around each point that such a search finds, so many join the samples, within this part of the width.
_NEAR_EACH, _RADIUS = 50, 0.01


class RidgeSearch:
    """The search at one tolerance after the other: it goes on from the smooth maps that it found before."""

    def __init__(self, target: FlowMap, seed: int, max_seconds: float, report: Report):
        self._target, self._seed, self._report = target, seed, report
        self._deadline = perf_counter() + max_seconds
        self._best: RidgeFit | None = None
        self._error = np.inf
        self._count = 0
        self._tolerance = np.inf

    def flow_within(self, tolerance: float, max_kinks: int) -> tuple[PlanarFlow, str]:
        """A flow whose searched error is within `tolerance`, and a line on how it was made.

        Raises ToleranceNotReached, with the best flow, where that takes more than `max_kinks`, more ridge
        maps than can be fitted, or longer than there is time; CompilationInterrupted, with the same, on
        Ctrl-C.
        """
        training = training_target(self._target, tolerance)
        self._tolerance = tolerance
        try:
            with own_threads():
                while True:
                    self._fit(training, tolerance, max_kinks)
                    flow = self._made_of_pieces(training, tolerance, max_kinks)
                    if flow is not None:
                        return flow, f"{self._count} ridge maps"
                    # They fold over somewhere.
                    self._error = np.inf
        except KeyboardInterrupt:
            if self._best is None:
                raise
            raise CompilationInterrupted(*self._in_haste(max_kinks)) from None
        except TimeIsUp as late:
            if self._best is None:
                raise
            with extended(_LAST_SECONDS):
                raise self._not_reached(f"{self._count} ridge maps, when {late}", max_kinks) from None

    def _fit(self, training: FlowMap, tolerance: float, max_kinks: int) -> None:
        """More smooth maps, until their error leaves enough of the tolerance."""
        while self._best is None or self._error > _ENOUGH * tolerance:
            count = 0 if self._best is None else self._next_count(tolerance)
            if count * numbers_per_map(self._target.dim) > _MOST_NUMBERS:
                limit = f"{self._count} ridge maps, the most that can be fitted"
                raise self._not_reached(limit, max_kinks)
            if self._best and self._late():
                raise self._not_reached(f"{self._count} ridge maps in the time", max_kinks)
            goal = _AIM * tolerance
            fit = fit_ridges(training, count, _CLOSE * tolerance, self._seed, self._late)[0]
            error = RATIO * fit.norm
            if error <= _NEAR * goal or lacks_degree(fit, goal):
                fit, error = finished(fit, training, goal, self._seed, self._late)
            self._report(f"{count} smooth ridge maps: error {error:.2e}")
            self._best, self._error, self._count = fit, error, count

    def _next_count(self, tolerance: float) -> int:
        least = max(1, self._target.dim // 2)
        if not np.isfinite(self._error):
            return max(self._count + 1, least)
        growth = min((self._error / (_AIM * tolerance)) ** _EXPONENT, _MOST_GROWTH)
        return max(least, self._count + 1, int(self._count * growth))

    def _made_of_pieces(self, training: FlowMap, tolerance: float, max_kinks: int) -> PlanarFlow | None:
        """The smallest tables, and in them the fewest kinks, within the tolerance; None if they fold over."""
        assert self._best is not None
        domain = self._target.domain
        x = search_points(domain, _POINTS, self._seed + 3)
        samples, grids = Samples(x, training(x)), Grids(self._best.maps, x)
        tried: list[list[int]] = []
        for off in _falling(_COARSEST * tolerance, _COARSER, _FINEST * tolerance):
            sizes = grids.sizes(off)
            if sizes in tried or _error(grids.flow(0, sizes, domain), samples) > tolerance:
                tried.append(sizes)
                continue
            for off_alone in _falling(_COARSEST * tolerance, _FINER, _FINEST * off):
                flow = grids.flow(off_alone, sizes, domain)
                if flow.kinks > max_kinks:
                    raise self._not_reached(f"{max_kinks} kinks", max_kinks)
                if _error(flow, samples) > tolerance:
                    continue
                missed = self._worst(flow, training)
                if _error(flow, missed) <= tolerance:
                    return flow
                samples = samples.joined(missed)
            tried.append(sizes)
        return None

    def _worst(self, flow: PlanarFlow, training: FlowMap) -> Samples:
        """The worst points that searches find, none of them that which certifies, and points around them."""
        domain = self._target.domain
        rng = np.random.default_rng([self._seed, flow.kinks])
        seeds = [self._seed + seed for seed in _SEARCHES]
        worst = [certify_sampled(flow, training, starts=_STARTS, seed=seed).worst_point for seed in seeds]
        near = rng.normal(size=(len(worst), _NEAR_EACH, domain.dim)) * _RADIUS * domain.width
        x = np.concatenate([worst, domain.clip((np.array(worst)[:, None] + near).reshape(-1, domain.dim))])
        return Samples(x, training(x))

    def _in_haste(self, max_kinks: int) -> tuple[PlanarFlow, float]:
        """The smooth maps there are, each made piecewise linear to the tolerance, and the error of that."""
        assert self._best is not None
        x = search_points(self._target.domain, _FEW_POINTS, self._seed + 3)
        grids, off = Grids(self._best.maps, x), self._tolerance
        while (flow := grids.flow(off, grids.sizes(off), self._target.domain)).kinks > max_kinks:
            off *= 2
        return flow, certify_sampled(flow, self._target, _FEW_POINTS, rounds=3, seed=self._seed).bound

    def _not_reached(self, limit: str, max_kinks: int) -> ToleranceNotReached:
        flow, error = self._in_haste(max_kinks)
        return ToleranceNotReached(
            f"the ridge construction reached {error:.3g} with {flow.kinks} kinks within {limit}", flow, error
        )

    def _late(self) -> bool:
        return perf_counter() > self._deadline


def _falling(first: float, factor: float, last: float) -> Iterator[float]:
    while first > last:
        yield first
        first *= factor


def _error(flow: PlanarFlow, samples: Samples) -> float:
    return float(np.abs(flow(samples.x) - samples.y).max())
