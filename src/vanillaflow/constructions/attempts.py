"""Attempts at a tolerance: construct for a little less than it, certify, and construct for still less.

A construction is measured on one set of points and certified on others, where it may come out worse. Whatever
ends the attempts, refusal or Ctrl-C, the best flow of all is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from ..deadline import TimeIsUp, extend
from ..errors import CompilationInterrupted, ToleranceNotReached
from ..planar.affine import affine_fit
from ..planar.flow import PlanarFlow
from ..provenance import Provenance
from ..sampling.search import largest_error
from ..target import Target
from .construction import Constructed, Construction, Path
from .settings import ATTEMPTS


@dataclass(frozen=True, eq=False)
class Attempt:
    """What was constructed, and its sampled error: inf until it is measured."""

    made: Constructed
    error: float = np.inf

    @property
    def flow(self) -> PlanarFlow:
        return self.made.flow

    @property
    def path(self) -> Path:
        """All stages."""
        return (*self.made.before, (self.made.how, self.flow.kinks, self.error))


@dataclass(frozen=True, eq=False)
class Outcome:
    """The best attempt, and what ended the attempts if that was neither success nor their number.

    `refusal`: a construction gave up. `interrupted`: Ctrl-C; the caller is to pass that on. `certified`:
    nothing cut the search for the worst point short.
    """

    best: Attempt
    refusal: ToleranceNotReached | None = None
    interrupted: bool = False
    certified: bool = True

    def flow_within(self, tol: float, provenance: Provenance) -> PlanarFlow:
        """The best flow, with its provenance, if it is within `tol`.

        Raises CompilationInterrupted or ToleranceNotReached, each with that flow, otherwise.
        """
        flow, error = self.best.flow.with_provenance(provenance), self.best.error
        if self.interrupted:
            raise CompilationInterrupted(flow, error)
        if error <= tol and self.certified:
            return flow
        message = f"the best flow found has error {error:.4g}, above the tolerance {tol:g}"
        if error <= tol or not np.isfinite(error):
            message = "the best flow found was not compared with the exact flow at enough points"
        if self.refusal is None:
            raise ToleranceNotReached(message, flow, error)
        raise ToleranceNotReached(f"{message}: {self.refusal}", flow, error, self.refusal.needed)


def best_attempt(construction: Construction, tol: float) -> Outcome:
    """The first flow of the construction that is certified within `tol`, or a smaller one; or the best.

    Without any flow to show, ToleranceNotReached and KeyboardInterrupt go through, and TimeIsUp becomes the
    former. Raises FlowNotResolved if the exact flow itself is not known to a part of the tolerance.
    """
    target, seed, limits = construction.target, construction.limits.seed, construction.limits
    tried: list[Attempt] = []
    refusal: ToleranceNotReached | None = None
    try:
        target.require_resolved(
            target.domain.sample(ATTEMPTS.resolved_points, seed), ATTEMPTS.resolved_part * tol
        )
        refusal = _attempt(construction.within, construction, tol, tried)
        if (first := _best(tried, tol)).error <= tol:
            seconds = perf_counter() - limits.begun
            construction.report(f"within {tol:g} after {seconds:.1f} s, with {first.flow.kinks} kinks")
            _attempt(lambda aim: construction.smaller(aim, first.flow), construction, tol, tried)
        else:
            # Whatever was tried, it shall be no worse than this.
            tried.append(Attempt(_affine(target, seed)))
            tried[-1] = replace(tried[-1], error=largest_error(tried[-1].flow, target, seed=seed + 1).largest)
    except KeyboardInterrupt as interruption:
        if isinstance(interruption, CompilationInterrupted):
            last = Constructed(interruption.flow, "until interrupted")
            tried.append(Attempt(last, interruption.error))
        if not tried:
            raise
        if not np.isfinite(_best(tried, tol).error):
            # The search for its worst point was not finished; a small one takes no time.
            tried[-1] = _measure_at_few(tried[-1], target, seed)
        return Outcome(_best(tried, tol), interrupted=True)
    except TimeIsUp as late:
        if not tried:
            with suppress(TimeIsUp), extend(ATTEMPTS.last_seconds):
                tried.append(Attempt(_affine(target, seed)))
        if not tried:
            raise ToleranceNotReached(
                f"the tolerance {tol:g} is out of reach: {late}, without a flow"
            ) from None
        certified = bool(np.isfinite(_best(tried, tol).error))
        if not certified:
            with suppress(TimeIsUp), extend(ATTEMPTS.last_seconds):
                tried[-1] = _measure_at_few(tried[-1], target, seed)
        return Outcome(_best(tried, tol), refusal or ToleranceNotReached(str(late)), certified=certified)
    return Outcome(_best(tried, tol), refusal)


def _attempt(
    make: Callable[[float], Constructed | None], construction: Construction, tol: float, tried: list[Attempt]
) -> ToleranceNotReached | None:
    """Add what is made for a little less than the tolerance, and for still less, until that is within it.

    The refusal that ended it, if one did.
    """
    target, seed, report = construction.target, construction.limits.seed, construction.report
    aim = next(aim for dim, aim in ATTEMPTS.aims if target.dim >= dim)
    for missed in range(ATTEMPTS.tries):
        refusal: ToleranceNotReached | None = None
        try:
            if (made := make(aim * tol)) is None:
                return None
            tried.append(Attempt(made))
        except ToleranceNotReached as caught:
            refusal = caught
            if caught.flow is not None:
                tried.append(Attempt(Constructed(caught.flow, "the closest within the limits"), caught.error))
            elif not tried:
                message = f"the tolerance {tol:g} is out of reach: {caught}"
                raise ToleranceNotReached(message, needed=caught.needed) from None
            else:
                return refusal
        report(f"constructed {tried[-1].flow.kinks} kinks ({tried[-1].made.how})")
        # A sampled error is a lower bound: what is known to be above the tolerance needs no more search.
        if refusal is None or tried[-1].error <= tol:
            found = largest_error(tried[-1].flow, target, seed=seed + 1)
            target.require_resolved(found.point[None], ATTEMPTS.resolved_part * max(found.largest, tol))
            report(f"searched for the worst point: {found}")
            tried[-1] = replace(tried[-1], error=found.largest)
        # After a refusal a stricter aim is hopeless.
        if refusal is not None or tried[-1].error <= tol:
            return refusal
        construction.learn(found.point[None])
        # To know the worst point may be enough; otherwise, by so much it came out worse, and a bit.
        worse = ATTEMPTS.bit * tol / tried[-1].error if missed else np.inf
        aim *= min(ATTEMPTS.stricter, worse)
    return None


def _affine(target: Target, seed: int) -> Constructed:
    """What is to be had in no time."""
    x = target.domain.sample(ATTEMPTS.few_points, seed)
    M, m = affine_fit(x, target(x), target.held)
    none = np.zeros((0, target.dim))
    flow = PlanarFlow(none, none, np.zeros(0), [0], M[None], m[None], target.domain)
    return Constructed(flow, "the affine map of least squares")


def _measure_at_few(attempt: Attempt, target: Target, seed: int) -> Attempt:
    found = largest_error(attempt.flow, target, ATTEMPTS.few_points, rounds=0, seed=seed + 1)
    return replace(attempt, error=found.largest)


def _best(tried: list[Attempt], tol: float) -> Attempt:
    """Of those within the tolerance that with the fewest kinks; else that with the least error."""
    within = [attempt for attempt in tried if attempt.error <= tol]
    if within:
        return min(within, key=lambda attempt: attempt.flow.kinks)
    return min(tried, key=lambda attempt: attempt.error)
