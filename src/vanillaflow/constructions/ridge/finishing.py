"""Finishing smooth ridge maps: their maximum error lowered, by p-norms with growing p.

The error of smooth maps has few and wide peaks, but in a box of many dimensions a sample misses them, most of
all at its corners. A search climbs to them, what it visits joins the sample, and large p lowers them again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ...box import Box
from ...sampling.samples import Samples
from ...sampling.search import large_errors, largest_error
from ...target import Target
from ..construction import Stop
from .fit import RidgeFit, lowered
from .objective import Objective, pieces_for

# Points for each number of the fit, at least and at most.
_POINTS_PER_NUMBER, _LEAST_POINTS, _MOST_POINTS = 20, 4096, 20_000
_POWERS, _STEPS = (4.0, 8.0, 16.0, 32.0), 10
# Rounds of search and p-norms after that, each with these (p, steps).
_ROUNDS, _LAST_POWERS = 10, ((12.0, 3), (32.0, 6))
_SEARCHES = 100
_STRETCH = 1.08
# Profiles get a higher degree, up to this, while their last coefficients are above this part of the goal.
_DEGREES, _MOST_DEGREE, _SMALL = 4, 24, 0.1
# The rounds end when so many in a row have not lowered the error by this factor.
_MISSES, _GAIN = 2, 0.97
# The maximum error that is reached, in root mean squares of the fit before it (measured: 1.6 to 3.1), and
# where that promise is too far above the goal.
RATIO, _HOPELESS = 2.5, 2.0
# The damping begins anew with each p.
_DAMPING = 1e-2


def finished(fit: RidgeFit, target: Target, goal: float, seed: int, stop: Stop) -> tuple[RidgeFit, float]:
    """The fit with a lower maximum error, at best below the goal, and that error by a search.

    Where the root mean square promises far more than the goal, no more than that is lowered.
    """
    rng = np.random.default_rng([seed, len(fit.maps.w)])
    count = int(np.clip(_POINTS_PER_NUMBER * fit.maps.count, _LEAST_POINTS, _MOST_POINTS))
    x = _points(target.domain, count, rng)
    objective = Objective(Samples(x, target(x)), pieces_for(fit.maps, goal))
    fit = lowered(replace(fit, damping=_DAMPING), objective, 2.0, _STEPS, 0.0, stop)
    while lacks_degree(fit, goal):
        raised = replace(fit, maps=fit.maps.raised(_DEGREES), damping=_DAMPING)
        fit = lowered(raised, objective, 2.0, _STEPS, 0.0, stop)
    if RATIO * fit.norm > _HOPELESS * goal:
        return fit, RATIO * fit.norm
    for p in _POWERS:
        fit = lowered(replace(fit, damping=_DAMPING), objective, p, _STEPS, 0.0, stop)
    best, least, missed = fit, np.inf, 0
    for _ in range(_ROUNDS):
        worst, error = large_errors(fit.maps, target, objective.samples, _SEARCHES, rng)
        if error <= goal:
            error = max(error, largest_error(fit.maps, target, seed=seed + 2).largest)
        missed = 0 if error < _GAIN * least else missed + 1
        if error < least:
            best, least = fit, error
        if error <= goal or missed == _MISSES or stop():
            break
        objective = replace(objective, samples=objective.samples.joined(worst))
        for p, steps in _LAST_POWERS:
            fit = lowered(replace(fit, damping=_DAMPING), objective, p, steps, 0.0, stop)
    return best, least


def lacks_degree(fit: RidgeFit, goal: float) -> bool:
    """Whether profiles of a higher degree would lower a root mean square of error that is above the goal."""
    last = np.abs(fit.maps.F[:, -2:]).max(initial=0)
    return fit.maps.degree < _MOST_DEGREE and bool(last > _SMALL * max(goal, fit.norm))


def _points(domain: Box, count: int, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
    """Points of the box, dense towards its boundary, as errors of smooth fits are largest there.

    A sine of a random angle, stretched and cut: so each coordinate lies on the boundary in a quarter of the
    points, and faces of every dimension are sampled, down to the corners.
    """
    sines = np.sin(np.pi * (rng.random((count, domain.dim)) - 0.5))
    return domain.low + domain.width * (np.clip(_STRETCH * sines, -1, 1) + 1) / 2
