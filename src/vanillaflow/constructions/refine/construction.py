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
from ..construction import Constructed, Construction
from .equalize import equalized
from .families.finish import finished_families
from .finishing import affine_within, finished
from .growth import grow
from .high_dimension import HighDimension, is_high_dimensional
from .kink_counts import next_rung
from .least_squares.least_squares import Fit, minimize
from .parameters import Parameters, from_flow
from .pruning import prune
from .search import Search
from .starts import Starts

# The maximum error that finishing reaches, in root mean squares of the fit before it (measured: 3 to 4).
_RATIO = 3.7
# The square of so many float64 numbers is two gigabytes.
_MOST_PARAMETERS = 16_384
# Kinks per dimension of the first fit.
_FIRST_RUNG = 12
_MOST_GROWTH = 3.5
# Growth after a finish that missed: kinks ~ error^-0.8, at least so much. Too many can be taken out again.
_EXPONENT, _LEAST_GROWTH = 0.8, 1.05
# Kinks taken out at once, as a part of all, of few and of many; halved where that was too many. How often
# that is tried with up to so many kinks: each time takes a minute where they are many. Not for how long: the
# result must not depend on the clock.
_SHRINKING, _SHRINKING_OF_MANY, _LEAST_SHRINKING = 0.06, 0.1, 0.012
_SHRINKINGS = ((250, 4), (500, 2), (np.inf, 1))
# Nor down to hardly more kinks than have been too few.
_NEAR = 1.07
# A fit that is this far above the promise of the tolerance after the first steps is left there. Others get
# more steps, few where there are many kinks: each costs seconds, and equalizing follows.
_FIRST_STEPS, _FAR = 12, 2.0
_STEPS, _MANY, _STEPS_OF_MANY = 20, 200, 6

# What families leave is shrunk by so little at once.
_SHRINKING_OF_FAMILIES = 0.025


class Refine(Construction):
    """Planar maps fitted to the flow. A stricter tolerance goes on from the flow for the one before it.

    Sums of ridges in many dimensions are refined in another way, see `high_dimension`.
    """

    # The last flow, and the tolerance that it was made for. What turned out above the tolerance elsewhere is
    # mostly so by little.
    _last: PlanarFlow | None = None
    _reached = 0.0

    def within(self, tolerance: float) -> Constructed:
        """A flow whose searched error is within `tolerance`; raises as Construction.within does."""
        if is_high_dimensional(self.target):
            return self._in_high_dimension.within(tolerance)
        start = self._last if tolerance < self._reached else None
        search = Search(self.target, tolerance, self.limits, self.report)
        flow = _refined(search, min(self.limits.max_kinks, _most_kinks(self.target.dim)), start)
        self._last, self._reached = flow, tolerance
        tried = ", ".join(f"{kinks} kinks {error:.1e}" for _, kinks, error in search.path)
        return Constructed(flow, f"refined: {tried}", tuple(search.path))

    @cached_property
    def _in_high_dimension(self) -> HighDimension:
        return HighDimension(self.target, self.limits, self.report)


def _refined(search: Search, max_kinks: int, start: PlanarFlow | None) -> PlanarFlow:
    """The refined flow. `start`, if there is one, was refined for a tolerance not much larger: it is only
    finished for this one."""
    target, tolerance = search.target, search.tolerance
    try:
        with own_threads():
            if affine_within(search):
                return search.found()
            starts = Starts(search.training, tolerance / _RATIO, search.seed, search.late)
            theta = _fitted(search, starts, max_kinks) if start is None else from_flow(start, target.held)
            families = finished_families(search, starts.families, theta.kinks, tolerance / _RATIO)
            if families is not None:
                _shrunk_while_within(search, families, 0, _SHRINKING_OF_FAMILIES)
            else:
                theta, missed, succeeded = _grown_until_within(search, theta, starts, max_kinks)
                if succeeded:
                    part = _SHRINKING if theta.kinks <= _MANY else _SHRINKING_OF_MANY
                    _shrunk_while_within(search, theta, missed, part)
    except KeyboardInterrupt:
        if search.best is None:
            raise
        raise CompilationInterrupted(search.best.flow(target.domain), search.error) from None
    except TimeIsUp:
        if search.best is None:
            raise
    flow = search.found()
    if search.error > tolerance:
        limit = f"{search.limits.max_seconds:g} s" if search.late() else f"{max_kinks} kinks"
        raise ToleranceNotReached(
            f"refinement reached {search.error:.3g} with {flow.kinks} kinks within {limit}",
            flow,
            search.error,
        )
    return flow


def _most_kinks(dim: int) -> int:
    """As many as a Gauss-Newton matrix can have parameters for."""
    return max(dim, (_MOST_PARAMETERS - dim * (dim + 1)) // (2 * dim + 1))


def _fitted(search: Search, starts: Starts, max_kinks: int) -> Parameters:
    """A fit that promises the tolerance, with hardly more kinks than that takes, and equalized."""
    kinks: int | None = min(_FIRST_RUNG * search.target.dim, max_kinks)
    fits: dict[int, Fit] = {}
    while kinks is not None:
        fits[kinks] = fit = _fit(search, starts, kinks)
        search.offer("fitted", fit.parameters, fit.largest, searched=False)
        excess = {k: _RATIO * each.norm / search.tolerance for k, each in fits.items()}
        kinks = None if search.late() else next_rung(excess, max_kinks)
    enough = [k for k in fits if excess[k] <= 1]
    best = min(enough) if enough else min(fits, key=lambda k: excess[k])
    return _equalized(fits[best], search)


def _fit(search: Search, starts: Starts, kinks: int) -> Fit:
    """Least squares from the best start."""
    rng, samples = search.rng(kinks), search.samples(kinks)
    start = starts.best(kinks, samples, rng)
    fit = minimize(start.parameters, samples, 2.0, _FIRST_STEPS, rng, search.late)
    if _RATIO * fit.norm <= _FAR * search.tolerance:
        steps = _STEPS if kinks <= _MANY else _STEPS_OF_MANY
        fit = minimize(fit.parameters, samples, 2.0, steps, rng, search.late)
    return fit


def _equalized(fit: Fit, search: Search) -> Parameters:
    return equalized(fit.parameters, search, search.rng(fit.parameters.kinks))


def _grown_until_within(
    search: Search, theta: Parameters, starts: Starts, max_kinks: int
) -> tuple[Parameters, int, bool]:
    """`theta` finished; with more kinks and finished again, until that is within the tolerance.

    Also the number of kinks that the last finish before it had, 0 if none, and whether it succeeded.
    """
    missed = 0
    while True:
        rng, samples = search.rng(theta.kinks), search.samples(theta.kinks)
        best, error = finished(theta, search, rng)
        if error <= search.tolerance or search.late() or theta.kinks >= max_kinks:
            return best, missed, error <= search.tolerance
        missed, norm = theta.kinks, p_norm(theta(samples.x) - samples.y, 2)
        factor = float(np.clip((error / search.tolerance) ** _EXPONENT, _LEAST_GROWTH, _MOST_GROWTH))
        kinks = min(int(np.ceil(missed * factor)), max_kinks)
        fit = _fit(search, starts, kinks)
        if kinks * fit.norm > missed * norm:
            # A bad start. Growth may be stuck where the fit was stuck, but it may be better.
            grown = grow(theta, samples, kinks - missed, rng)
            fit = min(
                fit,
                minimize(grown, search.samples(kinks), 2.0, _STEPS, rng, search.late),
                key=lambda each: each.norm,
            )
        theta = _equalized(fit, search)


def _shrunk_while_within(search: Search, theta: Parameters, missed: int, part: float) -> None:
    """Fewer kinks while that is within the tolerance, that part of them at first; `missed` were too few."""
    for tried in count():
        if tried >= next(times for most, times in _SHRINKINGS if theta.kinks <= most):
            break
        fewer = max(1, int(part * theta.kinks))
        if theta.kinks - fewer <= _NEAR * missed or part < _LEAST_SHRINKING or search.late():
            break
        rng, samples = search.rng(theta.kinks), search.samples(theta.kinks)
        pruned = prune(theta, samples, fewer, rng)
        shrunk, error = finished(equalized(pruned, search, rng), search, rng)
        if error <= search.tolerance:
            theta = shrunk
        elif fewer == 1:
            break
        else:
            part /= 2
