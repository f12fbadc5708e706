"""A start for the refinement: the duration cut into slices, each fitted on its own, then composed.

Over a short time the flow is close to the identity, and a few planar maps fitted to it stay weak. A
composition of many weak maps is often a far better start than a few strong ones: their hyperplanes, carried
back to the box by the flow, spread over it. The slices are fitted to the exact flow between two times, on the
states that the box's trajectories have then; the field's own form does not matter.
"""

from __future__ import annotations

import numpy as np

from ...box import search_points
from ...planar.affine import affine_fit
from ...sampling.samples import Samples
from ...target import Target
from .growth import grow
from .least_squares.least_squares import minimize
from .parameters import Parameters, projected

_SAMPLES = 1024
_CANDIDATES = 200
_STEPS = 15


def affine_start(x: np.ndarray, y: np.ndarray, held: int = 0) -> Parameters:
    """The affine map that is closest to y at the points x in the mean square, and no planar maps."""
    none = np.zeros((0, x.shape[1]))
    return projected(none, none, np.zeros(0), *affine_fit(x, y, held), held)


def sliced_start(target: Target, kinks: int, slices: int, rng: np.random.Generator, seed: int) -> Parameters:
    """`kinks` planar maps, evenly on `slices` equal parts of the duration, that follow the flow."""
    counts = np.full(slices, kinks // slices)
    counts[: kinks - counts.sum()] += 1
    x = search_points(target.domain, _SAMPLES, seed)
    states = target.trajectory(x, np.linspace(0, target.duration, counts.size + 1))
    held = target.held
    return composed([_fit(states[i], states[i + 1], int(n), rng, held) for i, n in enumerate(counts)])


def _fit(x: np.ndarray, y: np.ndarray, kinks: int, rng: np.random.Generator, held: int) -> Parameters:
    samples = Samples(x, y)
    theta = grow(affine_start(x, y, held), samples, kinks, rng, candidates=_CANDIDATES)
    return minimize(theta, samples, 2.0, _STEPS, rng).parameters


def composed(parts: list[Parameters]) -> Parameters:
    """The composition, first to last, with all affine maps moved to the end."""
    d = parts[0].dim
    M, m = np.eye(d), np.zeros(d)
    a, w, t = [], [], []
    for part in parts:
        a.append(np.linalg.solve(M, part.a.T).T)
        w.append(part.w @ M)
        t.append(part.t - part.w @ m)
        M, m = part.M @ M, part.M @ m + part.m
    return projected(np.concatenate(a), np.concatenate(w), np.concatenate(t), M, m, parts[0].held)
