"""Exchange: the same number of kinks in better places, by growing and pruning back."""

from __future__ import annotations

import numpy as np

from .growth import grow
from .least_squares import Stop, minimize, p_norm
from .parameters import Parameters
from .pruning import prune
from .samples import Samples

_ROUNDS = 3
# One kink in so many.
_PART = 3
_GROWN_STEPS, _PRUNED_STEPS = 10, 20
# A round that gains less than this is the last.
_LEAST_GAIN = 0.01


def exchanged(theta: Parameters, samples: Samples, rng: np.random.Generator, stop: Stop) -> Parameters:
    """`theta` grown by a third and pruned back, where that lowers the root mean square."""
    best, norm = theta, p_norm(theta(samples.x) - samples.y, 2)
    count = max(1, theta.kinks // _PART)
    for _ in range(_ROUNDS):
        if stop():
            break
        more = minimize(grow(best, samples, count, rng), samples, 2.0, _GROWN_STEPS, rng, stop).parameters
        fewer = prune(more, samples, count, rng)
        fit = minimize(fewer, samples, 2.0, _PRUNED_STEPS, rng, stop)
        if not fit.norm < (1 - _LEAST_GAIN) * norm:
            break
        best, norm = fit.parameters, fit.norm
    return best
