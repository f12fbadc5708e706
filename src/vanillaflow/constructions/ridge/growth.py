"""More ridge maps where they help most: matching pursuit, then least squares in all numbers.

To first order a map that is inserted where the state is s changes the output by S f(w.s), S being the
sensitivity of the output to s. With residual r the best profile for a direction w is, therefore, close to the
least squares fit of f(w.s) to -S^-1 r: linear, and small. Of several random places and directions the pair is
taken that leaves the least.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float
from numpy.polynomial import chebyshev

from ..construction import Stop
from .fit import RidgeFit, lower
from .maps import RidgeMaps
from .objective import Objective
from .settings import Growing


def grow(
    fit: RidgeFit, objective: Objective, p: float, goal: float, rng: np.random.Generator, stop: Stop
) -> RidgeFit:
    """The fit with one map more, and the p-norm of its error lowered again."""
    settings = fit.maps.settings
    tight = fit.maps.fit_ranges(objective.samples.x)
    # Where a range has grown, the profile on it is another.
    before, after = (objective.norm(maps, objective.residual(maps), p) for maps in (fit.maps, tight))
    same = after < (1 + settings.growing.loss) * before
    maps = _insert(tight if same else fit.maps, objective, p, rng, settings.growing)
    damping = settings.fitting.damping if p == 2 else settings.finishing.damping
    start = RidgeFit(maps, np.inf, damping, objective.samples.x)
    return lower(start, objective, p, settings.growing.steps, goal, stop)


def _insert(
    maps: RidgeMaps, objective: Objective, p: float, rng: np.random.Generator, settings: Growing
) -> RidgeMaps:
    """The maps with one more, where a linear fit leaves the least of the residual; idle if it only harms.

    For the p-norm the squares of the fit have weights |r|^(p-2).
    """
    states, r = maps.states(objective.samples.x), objective.residual(maps)
    S = maps.all_sensitivities(states)
    R, q, d = maps.F.shape
    moving = d - maps.held
    size = np.abs(r).max(axis=1, keepdims=True)
    weight = (size / size.max()) ** (p / 2 - 1)
    found, least = None, np.inf
    for place in np.unique([0, R, *rng.integers(R + 1, size=settings.places)]):
        wanted = -_pulled_back(S[place], r, settings.regularization)[:, :moving]
        for w in np.concatenate([np.eye(d), rng.normal(size=(settings.directions, d))]):
            w /= np.linalg.norm(w)
            s = states[place] @ w
            margin = settings.margin * np.ptp(s)
            low, high = s.min() - margin, s.max() + margin
            T = chebyshev.chebvander((2 * s - low - high) / (high - low), q - 1)
            F = np.zeros((q, d))
            F[:, :moving] = np.linalg.lstsq(weight * T, weight * wanted, rcond=settings.conditioning)[0]
            left = float(np.mean((weight * (r + (S[place] @ (T @ F)[:, :, None])[:, :, 0])) ** 2))
            if left < least:
                found, least = (place, w, F, low, high), left
    if found is None:
        return maps
    place, w, F, low, high = found
    norm = objective.norm(maps, r, p)
    for part in settings.parts:
        new = replace(
            maps,
            w=np.insert(maps.w, place, w, axis=0),
            F=np.insert(maps.F, place, part * F, axis=0),
            low=np.insert(maps.low, place, low),
            high=np.insert(maps.high, place, high),
        )
        # What it does to the maps behind it is known to first order only.
        if objective.norm(new, objective.residual(new), p) < norm:
            break
    return new


def _pulled_back(
    S: Float[np.ndarray, "n d d"], r: Float[np.ndarray, "n d"], part: float
) -> Float[np.ndarray, "n d"]:
    """S^-1 r; where S is nearly singular, (S^T S + e)^-1 S^T r with e a part of its mean square."""
    square = np.swapaxes(S, 1, 2) @ S
    e = part * float(np.trace(square, axis1=1, axis2=2).mean()) / r.shape[1]
    return np.linalg.solve(square + e * np.eye(r.shape[1]), (np.swapaxes(S, 1, 2) @ r[:, :, None]))[:, :, 0]
