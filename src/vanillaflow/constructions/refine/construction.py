"""Refinement: planar maps fitted to the exact flow, so that far fewer of them do.

Some flows are affine within the tolerance. For others, least squares first, with more and more kinks, each
from the best of several coarse starts (`starts`), until the root mean square promises the tolerance. Then the
maximum error is finished (`finishing`). If that misses the tolerance, kinks are added where they help most;
if it succeeds, kinks are taken out while it still does. In the plane families of planar maps (`families`),
found by trial, need still fewer kinks: where there are dozens, these are finished instead.
"""

from __future__ import annotations

from functools import cached_property
from itertools import count

import numpy as np

from ...deadline import TimeIsUp
from ...errors import CompilationInterrupted, ToleranceNotReached
from ...planar.flow import PlanarFlow
from ...runtime.threads import own_threads
from ...sampling.samples import p_norm
from ...target import Target
from ..construction import Constructed, Construction, Limits, Report, quiet
from .equalize import equalize
from .families.finish import finish_families
from .finishing import affine_within, finish
from .growth import grow
from .high_dimension import HighDimension, is_high_dimensional
from .kink_counts import next_rung
from .least_squares.least_squares import Fit, minimize
from .parameters import Parameters, from_flow
from .pruning import prune
from .search import Search
from .settings import DEFAULTS, Settings
from .starts import Starts


class Refine(Construction):
    """Planar maps fitted to the flow. A stricter tolerance goes on from the flow for the one before it.

    Sums of ridges in many dimensions are refined in another way, see `high_dimension`.
    """

    # The last flow, and the tolerance that it was made for. What turned out above the tolerance elsewhere is
    # mostly so by little.
    _last: PlanarFlow | None = None
    _reached = 0.0

    def __init__(
        self, target: Target, limits: Limits, report: Report = quiet, *, settings: Settings = DEFAULTS
    ):
        super().__init__(target, limits, report)
        self.settings = settings

    def within(self, tolerance: float) -> Constructed:
        """A flow whose searched error is within `tolerance`; raises as Construction.within does."""
        if is_high_dimensional(self.target, self.settings):
            return self._in_high_dimension.within(tolerance)
        start = self._last if tolerance < self._reached else None
        search = Search(self.target, tolerance, self.limits, self.report, self.settings)
        flow = _refine(search, min(self.limits.max_kinks, _most_kinks(self.target.dim, self.settings)), start)
        self._last, self._reached = flow, tolerance
        tried = ", ".join(f"{kinks} kinks {error:.1e}" for _, kinks, error in search.path)
        return Constructed(flow, f"refined: {tried}", tuple(search.path))

    @cached_property
    def _in_high_dimension(self) -> HighDimension:
        return HighDimension(self.target, self.limits, self.report, self.settings)


def _refine(search: Search, max_kinks: int, start: PlanarFlow | None) -> PlanarFlow:
    """The refined flow. `start`, if there is one, was refined for a tolerance not much larger: it is only
    finished for this one."""
    target, tolerance, settings = search.target, search.tolerance, search.settings
    goal = tolerance / settings.ratio
    try:
        with own_threads():
            if affine_within(search):
                return search.best_flow()
            starts = Starts(search.training, goal, search.seed, search.late, settings)
            if start is None:
                theta = _fit_kinks(search, starts, max_kinks)
            else:
                theta = from_flow(start, target.held, settings)
            families = finish_families(search, starts.families, theta.kinks, goal)
            shrinking = settings.shrinking
            if families is not None:
                _shrunk_while_within(search, families, 0, shrinking.part_of_families)
            else:
                theta, missed, succeeded = _grown_until_within(search, theta, starts, max_kinks)
                if succeeded:
                    part = shrinking.part if theta.kinks <= settings.many else shrinking.part_of_many
                    _shrunk_while_within(search, theta, missed, part)
    except KeyboardInterrupt:
        if search.best is None:
            raise
        raise CompilationInterrupted(search.best.flow(target.domain), search.error) from None
    except TimeIsUp:
        if search.best is None:
            raise
    flow = search.best_flow()
    if search.error > tolerance:
        limit = f"{search.limits.max_seconds:g} s" if search.late() else f"{max_kinks} kinks"
        raise ToleranceNotReached(
            f"refinement reached {search.error:.3g} with {flow.kinks} kinks within {limit}",
            flow,
            search.error,
        )
    return flow


def _most_kinks(dim: int, settings: Settings) -> int:
    """As many as a Gauss-Newton matrix can have parameters for."""
    return max(dim, (settings.most_parameters - dim * (dim + 1)) // (2 * dim + 1))


def _fit_kinks(search: Search, starts: Starts, max_kinks: int) -> Parameters:
    """A fit that promises the tolerance, with hardly more kinks than that takes, and equalized."""
    settings = search.settings
    kinks: int | None = min(settings.first_rung * search.target.dim, max_kinks)
    fits: dict[int, Fit] = {}
    while kinks is not None:
        fits[kinks] = fit = _fit(search, starts, kinks)
        search.offer("fitted", fit.parameters, fit.largest, searched=False)
        excess = {k: settings.ratio * each.norm / search.tolerance for k, each in fits.items()}
        kinks = None if search.late() else next_rung(excess, max_kinks, settings)
    enough = [k for k in fits if excess[k] <= 1]
    best = min(enough) if enough else min(fits, key=lambda k: excess[k])
    return _equalize(fits[best], search)


def _fit(search: Search, starts: Starts, kinks: int) -> Fit:
    """Least squares from the best start."""
    settings = search.settings
    rng, samples = search.rng(kinks), search.samples(kinks)
    start = starts.best(kinks, samples, rng)
    fit = minimize(start.parameters, samples, 2.0, settings.first_steps, rng, search.late)
    if settings.ratio * fit.norm <= settings.far * search.tolerance:
        steps = settings.steps if kinks <= settings.many else settings.steps_of_many
        fit = minimize(fit.parameters, samples, 2.0, steps, rng, search.late)
    return fit


def _equalize(fit: Fit, search: Search) -> Parameters:
    return equalize(fit.parameters, search, search.rng(fit.parameters.kinks))


def _grown_until_within(
    search: Search, theta: Parameters, starts: Starts, max_kinks: int
) -> tuple[Parameters, int, bool]:
    """`theta` finished; with more kinks and finished again, until that is within the tolerance.

    Also the number of kinks that the last finish before it had, 0 if none, and whether it succeeded.
    """
    growing, missed = search.settings.growing, 0
    while True:
        rng, samples = search.rng(theta.kinks), search.samples(theta.kinks)
        best, error = finish(theta, search, rng)
        if error <= search.tolerance or search.late() or theta.kinks >= max_kinks:
            return best, missed, error <= search.tolerance
        missed, norm = theta.kinks, p_norm(theta(samples.x) - samples.y, 2)
        factor = float(np.clip((error / search.tolerance) ** growing.exponent, growing.least, growing.most))
        kinks = min(int(np.ceil(missed * factor)), max_kinks)
        fit = _fit(search, starts, kinks)
        if kinks * fit.norm > missed * norm:
            # A bad start. Growth may be stuck where the fit was stuck, but it may be better.
            grown = grow(theta, samples, kinks - missed, rng)
            fit = min(
                fit,
                minimize(grown, search.samples(kinks), 2.0, search.settings.steps, rng, search.late),
                key=lambda each: each.norm,
            )
        theta = _equalize(fit, search)


def _shrunk_while_within(search: Search, theta: Parameters, missed: int, part: float) -> None:
    """Fewer kinks while that is within the tolerance, that part of them at first; `missed` were too few."""
    settings = search.settings.shrinking
    for tried in count():
        if tried >= next(times for most, times in settings.times if theta.kinks <= most):
            break
        fewer = max(1, int(part * theta.kinks))
        if theta.kinks - fewer <= settings.near * missed or part < settings.least_part or search.late():
            break
        rng, samples = search.rng(theta.kinks), search.samples(theta.kinks)
        pruned = prune(theta, samples, fewer, rng)
        shrunk, error = finish(equalize(pruned, search, rng), search, rng)
        if error <= search.tolerance:
            theta = shrunk
        elif fewer == 1:
            break
        else:
            part /= 2
