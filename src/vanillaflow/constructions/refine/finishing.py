"""Finishing: the maximum error, by p-norms with growing p over points that follow the peaks.

Between the stages the points are renewed: a dense sample of the box, and the vertices of the present kinks
near the points of large error, where the peaks are.
"""

from __future__ import annotations

import numpy as np

from ...sampling.samples import Samples
from ...sampling.search import around, large_errors, largest_error
from ...sampling.vertices import cell_centers, vertices
from .least_squares.least_squares import minimize
from .parameters import Parameters
from .search import Search
from .settings import Hopeless
from .slices import affine_start


def finish(
    theta: Parameters, search: Search, rng: np.random.Generator, hopeless: Hopeless | None = None
) -> tuple[Parameters, float]:
    """`theta` with its maximum error lowered, and that error by searches of its own."""
    settings = search.settings.finishing
    hopeless = settings.hopeless if hopeless is None else hopeless
    base = search.dense_samples(theta.kinks)
    peaks: list[Samples] = []
    samples = base
    best, least = theta, np.inf
    stages = settings.stages_of_few if theta.kinks <= settings.few else settings.stages_of_many
    for p, steps in (*stages, (0.0, 0)):
        peaks = [*peaks, _peaks(theta, samples, search)][-settings.generations :]
        samples = base
        for generation in peaks:
            samples = samples.merge(generation)
        error = float(np.abs(theta(samples.x) - samples.y).max())
        if error < min(least, search.tolerance):
            worst, error = large_errors(theta, search.training, samples, settings.searches, rng)
            samples, peaks[-1] = samples.merge(worst), peaks[-1].merge(worst)
        if error <= search.tolerance:
            missed, error = _search_apart(theta, search, rng)
            samples, peaks[-1] = samples.merge(missed), peaks[-1].merge(missed)
        if error < least:
            best, least = theta, error
            search.keep(theta, error, searched=error <= search.tolerance)
        given_up = any(p > at and error > part * search.tolerance for at, part in hopeless)
        if steps == 0 or error <= search.tolerance or given_up or search.late():
            break
        theta = minimize(theta, samples, p, steps, rng, search.late).parameters
    if least > search.tolerance:
        _, error = _search_apart(best, search, rng)
        least = max(least, error)
    search.offer("finished", best, least)
    return best, least


def affine_within(search: Search) -> bool:
    """Whether the closest affine map is within the tolerance; it is kept then."""
    samples = search.samples(0)
    theta = affine_start(samples.x, samples.y, search.target.held, search.settings)
    if np.abs(theta(samples.x) - samples.y).max() > search.tolerance:
        return False
    _, error = _search_apart(theta, search, search.rng(0))
    if error <= search.tolerance:
        search.offer("affine", theta, error)
    return error <= search.tolerance


def _peaks(theta: Parameters, samples: Samples, search: Search) -> Samples:
    """Vertices of the kinks, and centers of the cells between them, near the samples of largest error."""
    settings = search.settings.finishing
    errors = np.abs(theta(samples.x) - samples.y).max(axis=1)
    count = theta.kinks**2 // 2 // settings.pieces_per_vertex
    count = int(np.clip(count, settings.least_vertices, settings.most_vertices))
    top = samples.x[np.argsort(-errors, kind="stable")[:count]]
    flow, domain = theta.flow(search.target.domain), search.target.domain
    peaks = np.concatenate([vertices(flow, top, domain), cell_centers(flow, top, domain)])
    _, first = np.unique(np.round(peaks / domain.width, settings.digits), axis=0, return_index=True)
    peaks = peaks[np.sort(first)]
    return Samples(peaks, search.training(peaks))


def _search_apart(theta: Parameters, search: Search, rng: np.random.Generator) -> tuple[Samples, float]:
    """The largest error that searches of their own find, and points around where they find it."""
    settings = search.settings.finishing
    flow, domain = theta.flow(search.target.domain), search.target.domain
    seeds = [search.seed + seed for seed in settings.own_searches]
    found = [largest_error(flow, search.training, starts=settings.starts, seed=seed) for seed in seeds]
    x = around(np.array([each.point for each in found]), domain, rng)
    error = max(each.largest for each in found) + search.training_error
    return Samples(x, search.training(x)), error
