"""Refinement: planar maps fitted to the exact flow, so that far fewer of them do.

Least squares first, with more and more kinks, each from the best of several coarse starts (`starts`), until
the root mean square promises the tolerance. Then the maximum error is finished (`finishing`). If that misses
the tolerance, kinks are added where they help most; if it succeeds, kinks are taken out while it still does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..errors import CompilationInterrupted, ToleranceNotReached
from ..planar import PlanarFlow
from ..target import FlowMap
from .exchange import exchanged
from .finishing import finished
from .growth import grow
from .least_squares import minimize, p_norm
from .parameters import Parameters
from .pruning import prune
from .search import Search
from .starts import KINDS, Kind, best_start
from .threads import own_threads

# The maximum error that finishing reaches, in root mean squares before it (measured: 3.4 to 4.5).
_RATIO = 3.8
# A fit that promises no worse than this many times the tolerance grows from there on.
_NEAR = 1.15
# Kinks against the root mean square: rms ~ kinks^-_ORDER, until two fits tell the true order.
_ORDER, _ORDER_RANGE = 1.6, (1.0, 2.2)
_MOST_GROWTH = 3.0
# Growth after a finish that missed: kinks ~ error^-0.6, at least so much.
_EXPONENT, _LEAST_GROWTH = 0.6, 1.03
_SHRINKING = 0.95
_STEPS = 40

Path = tuple[tuple[str, int, float], ...]


def refine_construction(
    target: FlowMap,
    tolerance: float,
    max_kinks: int,
    seed: int = 0,
    max_seconds: float = np.inf,
    report: Callable[[str], None] = lambda line: None,
) -> tuple[PlanarFlow, Path]:
    """A refined flow whose searched error is within `tolerance`, and the path of (stage, kinks, error).

    Raises ToleranceNotReached, with the best flow found, when that takes more than `max_kinks` or longer than
    `max_seconds`; CompilationInterrupted, with the same, on Ctrl-C.
    """
    search = Search(target, tolerance, seed, max_seconds, report)
    try:
        with own_threads():
            theta = _fitted(search, max_kinks)
            theta, succeeded = _grown_until_within(search, theta, max_kinks)
            if succeeded:
                _shrunk_while_within(search, theta)
    except KeyboardInterrupt:
        if search.best is None:
            raise
        raise CompilationInterrupted(search.best.flow(target.domain), search.error) from None
    assert search.best is not None
    flow = search.best.flow(target.domain)
    if search.error > tolerance:
        limit = f"{max_seconds:g} s" if search.late() else f"{max_kinks} kinks"
        raise ToleranceNotReached(
            f"refinement reached {search.error:.3g} with {flow.kinks} kinks within {limit}",
            flow,
            search.error,
        )
    return flow, tuple(search.path)


def _fitted(search: Search, max_kinks: int) -> Parameters:
    """The first least-squares fit that promises the tolerance."""
    kinks, before = min(6 * search.target.dim, max_kinks), None
    kinds: Sequence[Kind] = KINDS
    while True:
        rng = search.rng(kinks)
        samples = search.samples(kinks)
        start, kinds = best_start(search.training, kinks, samples, rng, search.seed, kinds, search.late)
        fit = minimize(start.parameters, samples, 2.0, _STEPS, rng, search.late)
        search.offer("fitted", fit.parameters, fit.largest)
        excess = _RATIO * fit.norm / search.tolerance
        if excess <= _NEAR or kinks == max_kinks or search.late():
            return fit.parameters
        order = _ORDER
        if before is not None:
            order = float(np.clip(np.log(before[1] / fit.norm) / np.log(kinks / before[0]), *_ORDER_RANGE))
        before = kinks, fit.norm
        kinks = min(int(np.ceil(kinks * min(excess ** (1 / order), _MOST_GROWTH))), max_kinks)


def _grown_until_within(search: Search, theta: Parameters, max_kinks: int) -> tuple[Parameters, bool]:
    """`theta` finished; grown and finished again, until that is within the tolerance."""
    while True:
        rng = search.rng(theta.kinks)
        samples = search.samples(theta.kinks)
        theta = exchanged(theta, samples, rng, search.late)
        best, error = finished(theta, search, rng)
        if error <= search.tolerance or search.late() or theta.kinks >= max_kinks:
            return best, error <= search.tolerance
        factor = float(np.clip((error / search.tolerance) ** _EXPONENT, _LEAST_GROWTH, _MOST_GROWTH))
        more = min(int(np.ceil(theta.kinks * factor)), max_kinks) - theta.kinks
        # From the least-squares fit: a finished one is stiff.
        grown = grow(theta, samples, more, rng)
        theta = minimize(grown, search.samples(grown.kinks), 2.0, _STEPS, rng, search.late).parameters


def _shrunk_while_within(search: Search, theta: Parameters) -> None:
    """Fewer kinks while that is within the tolerance, for as long again as it took to get there."""
    until = 2 * search.elapsed()
    while theta.kinks > 1 and search.elapsed() < until and not search.late():
        rng = search.rng(theta.kinks)
        samples = search.samples(theta.kinks)
        count = theta.kinks - int(_SHRINKING * theta.kinks)
        fit = minimize(prune(theta, samples, count, rng), samples, 2.0, _STEPS, rng, search.late)
        if _RATIO * p_norm(fit.parameters(samples.x) - samples.y, 2) > 1.3 * search.tolerance:
            return
        theta, error = finished(exchanged(fit.parameters, samples, rng, search.late), search, rng)
        if error > search.tolerance:
            return
