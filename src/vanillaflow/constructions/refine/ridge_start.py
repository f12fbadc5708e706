"""A start for the refinement: smooth ridge maps, each made piecewise linear with parallel kinks.

Interpolation of a profile f with kinks h apart is off by |f''| h^2 / 8, so that for a fixed number of ridge
maps the error of the start falls with the square of the kinks. With S the sensitivity of the output to the
state there and rho the density of states along w, the mean square of S f'' h^2 is least where the density of
kinks 1 / h is proportional to (rho |S f''|^2)^(1/5): the minimum of the integral of rho |S f''|^2 h^4 for a
given integral of 1 / h.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from ..ridge.fit import RidgeFit
from ..ridge.maps import RidgeMaps
from ..ridge.pieces import planar_maps
from .families.families import Families
from .parameters import project
from .settings import DEFAULTS, Settings


def ridge_start(fit: RidgeFit, kinks: int, settings: Settings = DEFAULTS) -> Families:
    """The ridge maps with `kinks` kinks in all, where they count most: a pair of families for each."""
    maps = fit.maps
    density = _densities(maps, fit.x, settings.starts.bins)
    counts = _shares(density.mean(axis=1) * (maps.high - maps.low), kinks)
    knots = [
        _knots(density[r], float(maps.low[r]), float(maps.high[r]), int(count))
        for r, count in enumerate(counts)
    ]
    values = [maps.profile(r, s) for r, s in enumerate(knots)]
    # Refinement keeps every kappa within bounds; so do these pieces.
    planar = planar_maps(maps, knots, values, settings.kappa_range[0])
    theta = project(*planar, maps.held, settings)
    return Families(theta, tuple(int(count) for count in counts))


def _densities(maps: RidgeMaps, x: Float[np.ndarray, "n d"], bins: int) -> Float[np.ndarray, "R bins"]:
    """(rho |S f''|^2)^(1/5) in equal bins of each profile's range."""
    states = maps.states(x)
    density = np.empty((len(maps.w), bins))
    for r, S in enumerate(maps.sensitivities(states)):
        s = states[r] @ maps.w[r]
        bent = (S @ maps.profile(r, s, 2)[:, :, None])[:, :, 0]
        own = np.clip(((maps.unit(r, s) + 1) / 2 * bins).astype(int), 0, bins - 1)
        width = (maps.high[r] - maps.low[r]) / bins
        density[r] = (np.bincount(own, (bent**2).sum(axis=1), bins) / (len(x) * width)) ** 0.2
    return density


def _shares(weights: Float[np.ndarray, " R"], kinks: int) -> Int[np.ndarray, " R"]:
    """`kinks` in parts as near to the weights as whole numbers can be."""
    ends = np.cumsum(weights) / max(float(np.sum(weights)), 1e-300) * kinks
    ends[-1] = kinks
    return np.diff(np.round(ends).astype(int), prepend=0)


def _knots(
    density: Float[np.ndarray, " bins"], low: float, high: float, kinks: int
) -> Float[np.ndarray, " k"]:
    """The ends of the range, and so many kinks between them."""
    edges = np.linspace(low, high, density.size + 1)
    floor = 1e-6 * density.max() + 1e-300
    cumulated = np.concatenate([[0.0], np.cumsum(density + floor)])
    return np.interp(np.linspace(0, cumulated[-1], kinks + 2), cumulated, edges)
