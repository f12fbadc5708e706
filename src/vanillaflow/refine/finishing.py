"""Finishing: the maximum error, by p-norms with growing p over points that follow the peaks.

Between the stages the points are renewed: a dense sample of the box, and the crossings of the present kinks
near the points of large error, where the peaks are.
"""

from __future__ import annotations

import numpy as np

from ..certificates.sampled import certify_sampled
from ..crossings import crossings
from .least_squares import minimize
from .parameters import Parameters
from .samples import Samples, sample, worst_points
from .search import Search

# (p, steps) of each stage.
_STAGES = (
    *((4.0, 10), (6.0, 10), (8.0, 10), (12.0, 10), (16.0, 10), (24.0, 10), (32.0, 8), (48.0, 8)),
    *[(64.0, 5)] * 6,
)
# From this p on, a stage that is further than this above the tolerance ends it: there is no hope.
_HOPELESS = ((16.0, 1.6), (32.0, 1.3), (64.0, 1.15))
# A refined flow in the plane has about kinks^2 / 2 pieces: so many points for each, at least and at most.
_POINTS_PER_PIECE = 4
_LEAST_POINTS, _MOST_POINTS = 8192, 100_000
_CROSSINGS = 4000
_GENERATIONS = 2
# The last stages are over when a search finds no more than this part of the tolerance.
_AIM = 0.97
_SEARCHES = 100
# The search that chooses must not be the one that certifies.
_OWN_SEARCH = 1000


def finished(theta: Parameters, search: Search, rng: np.random.Generator) -> tuple[Parameters, float]:
    """`theta` with its maximum error lowered, and that error by a search of its own."""
    domain = search.target.domain
    count = int(np.clip(_POINTS_PER_PIECE * theta.kinks**2 / 2, _LEAST_POINTS, _MOST_POINTS))
    base = sample(search.training, count, search.seed + 1)
    peaks: list[Samples] = []
    best, least = theta, np.inf
    samples = base
    for p, steps in (*_STAGES, (0.0, 0)):
        errors = np.abs(theta(samples.x) - samples.y).max(axis=1)
        top = samples.x[np.argsort(-errors, kind="stable")[:_CROSSINGS]]
        corners = np.unique(crossings(theta.flow(domain), top, domain), axis=0)
        peaks = [*peaks, Samples(corners, search.training(corners))][-_GENERATIONS:]
        samples = base
        for generation in peaks:
            samples = samples.joined(generation)
        error = float(np.abs(theta(samples.x) - samples.y).max())
        if error < min(least, _AIM * search.tolerance):
            worst, error = worst_points(theta, search.training, samples, _SEARCHES, rng)
            samples = samples.joined(worst)
        if error < least:
            best, least = theta, error
            if error < search.error:
                search.keep(theta, error)
        hopeless = any(p > at and error > part * search.tolerance for at, part in _HOPELESS)
        if steps == 0 or error <= _AIM * search.tolerance or hopeless or search.late():
            break
        theta = minimize(theta, samples, p, steps, rng, search.late).parameters
    error = certify_sampled(best.flow(domain), search.target, seed=search.seed + _OWN_SEARCH).bound
    search.offer("finished", best, error)
    return best, error
