"""Finishing smooth ridge maps: their maximum error lowered, by p-norms with growing p.

The error of smooth maps has few and wide peaks, but in a box of many dimensions a sample misses them, most of
all at its corners. A search climbs to them, what it visits joins the sample, and large p lowers them again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...sampling.samples import Samples
from ...sampling.search import large_errors, largest_error
from ...target import Target
from ..construction import Stop
from .fit import RidgeFit, lower
from .objective import Objective, pieces_for
from .samples import dense_towards_the_boundary


def finish(
    fit: RidgeFit, target: Target, goal: float, seed: int, stop: Stop
) -> tuple[RidgeFit, float, Samples]:
    """The fit with a lower maximum error, at best below the goal; that error, and points at which searches
    met large ones."""
    settings = fit.maps.settings.finishing
    rng = np.random.default_rng([seed, len(fit.maps.w)])
    count = int(
        np.clip(settings.points_per_number * fit.maps.count, settings.least_points, settings.most_points)
    )
    x = dense_towards_the_boundary(target.domain, count, rng, fit.maps.settings.fitting)
    objective = Objective(Samples(x, target(x)), pieces_for(fit.maps, goal))
    for p in (2.0, settings.power):
        fit = lower(replace(fit, damping=settings.damping), objective, p, settings.steps, 0.0, stop)
    best, least, missed = fit, np.inf, 0
    met = Samples(x[:0], x[:0])
    for _ in range(settings.rounds):
        worst, error = large_errors(fit.maps, target, objective.samples, settings.searches, rng)
        if error <= goal:
            error = max(error, largest_error(fit.maps, target, seed=seed + 2).largest)
        missed = 0 if error < settings.gain * least else missed + 1
        if error < least:
            best, least = fit, error
        if error <= goal or missed == settings.misses or stop():
            break
        met = met.merge(worst)
        objective = replace(objective, samples=objective.samples.merge(worst))
        again = replace(fit, damping=settings.damping)
        fit = lower(again, objective, settings.last_power, settings.steps, 0.0, stop)
    return best, least, met
