"""Refinement: planar maps fitted to the exact flow, so that far fewer of them do.

The best of several coarse starts (`starts`) is fitted by least squares, improved by exchanging kinks (grow by
a third, prune back), and then fitted in the p-norm with p up to 64, while a search keeps adding the points
where the fit is worst. If a held-out search finds the tolerance missed, a start with more kinks is made, as
many as the law kinks ~ error^-0.6 suggests.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np

from ..certificates.sampled import certify_sampled
from ..errors import ToleranceNotReached
from ..planar import PlanarFlow
from ..target import FlowMap
from .growth import grow
from .least_squares import Stop, minimize, p_norm
from .parameters import Parameters
from .pruning import prune
from .samples import Samples, sample, training_target, worst_points
from .starts import best_start

_EXPONENT = 0.6
_LEAST_GROWTH, _MOST_GROWTH = 1.1, 2.0
_POINTS_PER_KINK = 80
_LEAST_POINTS = 2048
_EXCHANGES = 3
_EXCHANGED = 3  # One kink in so many.
_FINISHING = (4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 64.0)
_STEPS_PER_NORM = 10
# Finishing brings the largest error to about this many times the root mean square: less cannot be hoped for.
_LEAST_RATIO = 2.5
# The search that chooses must not be the one that certifies.
_OWN_SEARCH = 1000

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
    `max_seconds`.
    """
    deadline = perf_counter() + max_seconds

    def late() -> bool:
        return perf_counter() > deadline

    training = training_target(target, tolerance)
    kinks = min(6 * target.dim, max_kinks)
    best: tuple[PlanarFlow, float] | None = None
    path: list[tuple[str, int, float]] = []
    while True:
        theta, error = _fitted(target, training, tolerance, kinks, seed, late)
        path.append(("refined", theta.kinks, error))
        report(f"{theta.kinks} kinks: {error:.2e}")
        if best is None or error < best[1]:
            best = theta.flow(target.domain), error
        if error <= tolerance:
            return best[0], tuple(path)
        if kinks == max_kinks or late():
            limit = f"{max_kinks} kinks" if kinks == max_kinks else f"{max_seconds:g} s"
            raise ToleranceNotReached(
                f"refinement reached {best[1]:.3g} with {best[0].kinks} kinks, not {tolerance:g} "
                f"within {limit}",
                *best,
            )
        factor = np.clip((error / tolerance) ** _EXPONENT, _LEAST_GROWTH, _MOST_GROWTH)
        kinks = min(int(np.ceil(kinks * factor)), max_kinks)


def _fitted(
    target: FlowMap, training: FlowMap, tolerance: float, kinks: int, seed: int, stop: Stop
) -> tuple[Parameters, float]:
    """At most `kinks` planar maps fitted to the target, and their error on a search of its own."""
    rng = np.random.default_rng([seed, kinks])
    samples = sample(training, max(_LEAST_POINTS, _POINTS_PER_KINK * kinks), seed)
    start = best_start(training, kinks, samples, rng, seed, stop)
    theta = minimize(start.parameters, samples, 2.0, 40, rng, stop).parameters
    # Where even the best finishing could not do, its time is better spent on more kinks.
    if _LEAST_RATIO * p_norm(theta(samples.x) - samples.y, 2) < 1.5 * tolerance:
        theta = _exchanged(theta, samples, rng, stop)
        theta = _finished(theta, training, samples, rng, tolerance, stop)
    return theta, certify_sampled(theta, target, seed=seed + _OWN_SEARCH).bound


def _exchanged(theta: Parameters, samples: Samples, rng: np.random.Generator, stop: Stop) -> Parameters:
    """The same number of kinks in better places: grown by a third, pruned back, kept where that helped."""
    best = theta, p_norm(theta(samples.x) - samples.y, 2)
    count = max(1, theta.kinks // _EXCHANGED)
    for _ in range(_EXCHANGES):
        if stop():
            break
        more = minimize(grow(best[0], samples, count, rng), samples, 2.0, 10, rng, stop).parameters
        fit = minimize(prune(more, samples, more.kinks - theta.kinks, rng), samples, 2.0, 20, rng, stop)
        if fit.norm < best[1]:
            best = fit.parameters, fit.norm
    return best[0]


def _finished(
    theta: Parameters,
    training: FlowMap,
    samples: Samples,
    rng: np.random.Generator,
    tolerance: float,
    stop: Stop,
) -> Parameters:
    """Fitted in norms closer and closer to the supremum, with the worst points added after each."""
    best: tuple[Parameters, float] = theta, np.inf
    for p in _FINISHING:
        if stop():
            break
        theta = minimize(theta, samples, p, _STEPS_PER_NORM, rng, stop).parameters
        worst, error = worst_points(theta, training, samples, 200, rng)
        samples = samples.joined(worst)
        if error < best[1]:
            best = theta, error
        if error < 0.93 * tolerance:
            break
    return best[0]
